from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.incoming import BadMessage, clean, defuse

pytestmark = pytest.mark.unit

LIMIT = 2000


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("  我欠多少税  ", "我欠多少税"),
        ("第一行\n\t第二行", "第一行\n\t第二行"),
        ("我\x00欠\x07多\x1b[31m少\x7f", "我欠多[31m少"),
        ("我\u202e欠\u200b税\ufeff", "我欠税"),
        ("坏\ud800字", "坏字"),
        ("😀", "😀"),
        ("👨‍👩‍👧", "👨‍👩‍👧"),
        ("❤️", "❤️"),
        ("\U0001fae8", "\U0001fae8"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("'; drop table bill; --", "'; drop table bill; --"),
    ],
)
def test_controls_and_hidden_characters_go_everything_else_stays(raw: str, kept: str) -> None:
    assert clean(raw, LIMIT) == kept


@pytest.mark.parametrize(
    "raw", ["", "   \n\t ", "\x00\x01\x02", "\u200b\u200b", "\ufeff", "\u202e", "\u200d", "\u3000"]
)
def test_nothing_to_read_is_refused(raw: str) -> None:
    with pytest.raises(BadMessage) as refused:
        clean(raw, LIMIT)
    assert refused.value.code == "empty"


def test_ten_thousand_characters_are_refused_and_the_limit_is_said() -> None:
    assert clean("税" * LIMIT, LIMIT) == "税" * LIMIT
    for text in ("税" * (LIMIT + 1), "a" * 10_000):
        with pytest.raises(BadMessage) as refused:
            clean(text, LIMIT)
        assert refused.value.code == "too_long"
        assert str(LIMIT) in str(refused.value)


@pytest.mark.parametrize(
    "command", ["/restart", " /intent{}", "/ask_balance{\"a\": 1}", "//restart", "/ /restart", "\n/restart", "\u3000/restart"]
)  # fmt: skip
def test_rasas_commands_lose_their_slash(command: str) -> None:
    flat = defuse(command)
    assert flat.startswith("／") and not flat.lstrip().startswith("/")
    assert flat[1:].lstrip("/ ").startswith(("restart", "intent", "ask_balance"))


def test_a_slash_inside_is_no_command() -> None:
    assert defuse("工资/社保怎么填\n一起填吗") == "工资/社保怎么填 一起填吗"


@given(st.text(max_size=300))
def test_whatever_is_sent_rasa_never_sees_a_command(text: str) -> None:
    try:
        kept = clean(text, LIMIT)
    except BadMessage:
        return
    kept.encode()
    assert "\x00" not in kept
    assert not defuse(kept).lstrip().startswith("/")
