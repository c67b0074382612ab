"""How messages read in WeChat, and what a number means there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.wechat_words import LIMIT, Choice, fitting, number_in, offer_of, pieces, readings, together
from store.models import Message

pytestmark = pytest.mark.unit


def said(sender: str, text: str = "话", *buttons: tuple[str, str], **payload: Any) -> Message:
    listed = [{"title": title, "payload": says} for title, says in buttons]
    return Message(sender=sender, text=text, payload={"buttons": listed, **payload})


PAY, DEFER, HUMAN = ("怎么缴", "怎么缴税"), ("资金紧张", "我想申请延期缴纳"), ("转人工", "转人工")


def test_buttons_become_numbers_that_run_on_until_the_taxpayer_speaks() -> None:
    thread = [
        said("bot", "旧的", HUMAN),
        said("taxpayer", "我欠多少税"),
        said("bot", "欠这些。", PAY, DEFER),
        said("system", "已为您排队", HUMAN),
    ]
    assert readings(thread)[2:] == [
        "欠这些。\n回复数字选择：\n1 怎么缴\n2 资金紧张",
        "已为您排队\n回复数字选择：\n3 转人工",
    ]
    assert offer_of(thread).choices == (Choice(*PAY), Choice(*DEFER), Choice(*HUMAN))


@pytest.mark.parametrize("sender", ["taxpayer", "agent"])
def test_an_offer_ends_when_somebody_else_speaks(sender: str) -> None:
    assert offer_of([said("bot", "选一个", PAY), said(sender)]).choices == ()


def test_a_rating_is_asked_for_by_number() -> None:
    survey = said("system", "请打分", custom={"kind": "survey", "ticket": "t-1"})
    assert "1 到 5" in readings([survey])[0]
    assert offer_of([survey]).ticket == "t-1"
    assert offer_of([survey, said("taxpayer", "好的")]).ticket is None


def test_what_the_window_shows_beside_the_words_is_said() -> None:
    table = {
        "kind": "late_fee_table",
        "title": "增值税",
        "columns": ["起止", "天数", "滞纳金"],
        "rows": [["10.27—11.23", "28天", "175.00元"]],
        "total": "合计175.00元",
    }
    cites = {"kind": "citations", "items": ["《税收征收管理法》第三十二条"]}
    read = readings([said("bot", "算好了。", custom={"kind": "group", "items": [table, cites]})])[0]
    assert "起止10.27—11.23，天数28天，滞纳金175.00元" in read
    assert "合计：175.00元" in read and "依据：《税收征收管理法》第三十二条" in read


def test_an_agent_is_named_and_links_are_not_sent() -> None:
    links = {"kind": "links", "links": [{"title": "打印", "href": "/chat/documents/secret"}]}
    assert readings([said("agent", "您好", by="小陈")]) == ["【小陈】您好"]
    read = readings([said("bot", "办好了", custom=links)])[0]
    assert "secret" not in read and "网页" in read


@pytest.mark.parametrize(
    ("text", "number"), [("2", 2), ("２", 2), (" 2. ", 2), ("第2", 2), ("12", 12), ("0", 0)]
)
def test_numbers_are_read(text: str, number: int) -> None:
    assert number_in(text) == number


@pytest.mark.parametrize("text", ["", "2元", "我选2", "123456", "两", "1 2", "2.5"])
def test_other_words_are_no_choice(text: str) -> None:
    assert number_in(text) is None


@given(st.text(st.sampled_from("税abc，。\n 😀"), max_size=3000))
def test_pieces_hold_everything_and_each_is_small_enough(text: str) -> None:
    cut = pieces(text)
    assert all(len(piece.encode()) <= LIMIT for piece in cut)
    assert "".join("".join(cut).split()) == "".join(text.split())


@given(st.lists(st.text("税a", max_size=400), max_size=12))
def test_what_fits_fits_and_one_more_would_not(texts: list[str]) -> None:
    count = fitting(texts)
    assert len(together(texts[:count]).encode()) <= LIMIT or count == 0
    assert count == len(texts) or len(together(texts[: count + 1]).encode()) > LIMIT
