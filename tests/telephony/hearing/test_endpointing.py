from __future__ import annotations

import pytest

from telephony.events import Expectation, Expected
from telephony.hearing.endpointing import LAST_DIGIT_MS, PAUSES, digits_heard, pause_needed

pytestmark = pytest.mark.unit

COMPLETE = [
    (Expected.YES_NO, "是"), (Expected.YES_NO, "对的"), (Expected.YES_NO, "嗯"), (Expected.YES_NO, "嗯嗯"),
    (Expected.YES_NO, "不是"), (Expected.YES_NO, "哦好的"), (Expected.YES_NO, "可以啊"), (Expected.YES_NO, "有"),
    (Expected.OPEN, "好的"), (Expected.OPEN, "是的"), (Expected.OPEN, "嗯是"), (Expected.OPEN, "我知道了"),
    (Expected.OPEN, "这个金额不对"), (Expected.OPEN, "滞纳金怎么算"), (Expected.OPEN, "你是哪位呀"),
    (Expected.OPEN, "那我应该交多少钱"), (Expected.OPEN, "晓得了"), (Expected.OPEN, "已经交了"), (Expected.OPEN, "谢谢啊"),
    (Expected.AMOUNT, "一万二千五百块"), (Expected.AMOUNT, "三千元左右"), (Expected.AMOUNT, "不知道"),
    (Expected.DATE, "十一月二十三号"), (Expected.DATE, "月底之前"), (Expected.DATE, "下个月"), (Expected.DATE, "下周五"),
    (Expected.DIGITS, "我不知道"), (Expected.OPEN, "在手机银行上交的"), (Expected.OPEN, "没了就这样"), (Expected.OPEN, "没有别的"),
    (Expected.OPEN, "那我在哪里交"), (Expected.YES_NO, "是的是我"), (Expected.YES_NO, "是的事我"),
]  # fmt: skip
UNFINISHED = [
    (Expected.OPEN, "我想问一下"), (Expected.OPEN, "然后"), (Expected.OPEN, "我没交是因为"), (Expected.OPEN, "就是"),
    (Expected.OPEN, "那个"), (Expected.OPEN, "我们公司的"), (Expected.OPEN, "他是"), (Expected.OPEN, "嗯"), (Expected.OPEN, "呃啊"),
    (Expected.OPEN, "我欠了三万"), (Expected.OPEN, "我想问能不能"), (Expected.YES_NO, "等一下"), (Expected.YES_NO, "我是"),
    (Expected.YES_NO, "哦"), (Expected.YES_NO, "呃"),
    (Expected.AMOUNT, "一万"), (Expected.AMOUNT, "三千二百"), (Expected.AMOUNT, "十二点"), (Expected.AMOUNT, "大概"),
    (Expected.DATE, "十一月"), (Expected.DATE, "十一月二十"), (Expected.DATE, "明年"),
    (Expected.DIGITS, "你等一下"),
]  # fmt: skip
USUAL = [
    (Expected.OPEN, ""), (Expected.OPEN, "公司最近没有钱"), (Expected.OPEN, "让会计看一下"), (Expected.OPEN, "是去年的"), (Expected.YES_NO, "第"),
    (Expected.AMOUNT, "一万二"), (Expected.AMOUNT, "两千五"),
    (Expected.YES_NO, "我先问老板"), (Expected.DIGITS, ""), (Expected.DIGITS, "幺三八"), (Expected.DATE, "要问会计"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "partial"), COMPLETE)
def test_something_complete_is_answered_soon(kind: Expected, partial: str) -> None:
    assert pause_needed(Expectation(kind), partial) == PAUSES[kind].complete


@pytest.mark.parametrize(("kind", "partial"), UNFINISHED)
def test_who_will_go_on_is_waited_for(kind: Expected, partial: str) -> None:
    assert pause_needed(Expectation(kind), partial) == PAUSES[kind].unfinished


@pytest.mark.parametrize(("kind", "partial"), USUAL)
def test_between_them_the_question_decides(kind: Expected, partial: str) -> None:
    assert pause_needed(Expectation(kind), partial) == PAUSES[kind].usual


def test_a_number_is_over_when_it_has_its_digits() -> None:
    wanted = Expectation(Expected.DIGITS, digits=6)
    pauses = [pause_needed(wanted, "一二三四五六七"[:n]) for n in range(1, 8)]
    assert (
        pauses
        == [PAUSES[Expected.DIGITS].usual] * 4 + [LAST_DIGIT_MS] + [PAUSES[Expected.DIGITS].complete] * 2
    )
    assert pause_needed(Expectation(Expected.DIGITS), "幺三八零零") == PAUSES[Expected.DIGITS].usual


@pytest.mark.parametrize(
    ("partial", "count"),
    [
        ("", 0),
        ("幺三八零〇", 5),
        ("验证码是4 2 一", 3),
        ("一二三艾克斯", 4),
        ("你好", 0),
        ("等一下一三", 2),
        ("两三X", 3),
    ],
)
def test_digits_are_counted_however_written(partial: str, count: int) -> None:
    assert digits_heard(partial) == count


def test_the_windows_are_those_of_the_question() -> None:
    assert 250 <= PAUSES[Expected.YES_NO].usual <= 300
    assert 700 <= PAUSES[Expected.DIGITS].usual <= 900
    assert 400 <= PAUSES[Expected.OPEN].usual <= 500
    assert PAUSES[Expected.DIGITS].complete < LAST_DIGIT_MS < PAUSES[Expected.DIGITS].usual
    assert all(p.complete < p.usual < p.unfinished for p in PAUSES.values())
