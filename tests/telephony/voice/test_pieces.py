from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.voice.pieces import LONGEST_SENTENCE, split

pytestmark = pytest.mark.unit

TEXTS = st.text(
    st.sampled_from("您好税款一二三四五六七八九十，。！？；、：\n “”《》（）12,.:：a…"), max_size=160
)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("您好，请问是王先生吗？", ["您好，请问是王先生吗？"]),
        (
            "您好，这里是成都市税务局的智能助手税铃，本次通话会录音。请问您是王先生吗？",
            ["您好，", "这里是成都市税务局的智能助手税铃，", "本次通话会录音。", "请问您是王先生吗？"],
        ),
        ("您的申请已经提交，编号是YQ2026-000123。", ["您的申请已经提交，", "编号是YQ2026-000123。"]),
        ("应缴12,500.30元，逾期28天。", ["应缴12,500.30元，", "逾期28天。"]),
        ("请带《关于申报，缴纳的通知》来办。好吗？", ["请带《关于申报，缴纳的通知》来办。", "好吗？"]),
        ("他说：“好的。我去办。”然后走了。", ["他说：“好的。我去办。”", "然后走了。"]),
        ("您的凭证编号：12345678901，其他的都不需要您再提供。", ["您的凭证编号：12345678901，", "其他的都不需要您再提供。"]),
        ("嗯。……", ["嗯。……"]),
        ("……", ["……"]),
        ("", []),
    ],
)  # fmt: skip
def test_an_answer_is_cut_where_one_breathes(text: str, pieces: list[str]) -> None:
    assert split(text) == pieces


def test_a_long_sentence_is_cut_at_commas_and_never_left_whole() -> None:
    text = "税款所属期是十月份的增值税，" * 8 + "请您核对。"
    assert max(len(re.findall(r"\w", piece)) for piece in split(text)) <= LONGEST_SENTENCE


@settings(deadline=None)
@given(TEXTS)
def test_the_pieces_joined_are_the_text(text: str) -> None:
    pieces = split(text)
    assert "".join(pieces) == text
    assert all(pieces)


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**9).map(lambda n: f"共{n:,}.30元，"), min_size=1, max_size=12))
def test_no_number_is_cut(sums: list[str]) -> None:
    for piece in split("".join(sums)):
        assert piece.startswith("共") and piece.endswith("元，")
