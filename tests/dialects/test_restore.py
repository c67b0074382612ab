from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.parsing import parse
from dialects.numerals import protected, read_plain
from dialects.restore import restore

pytestmark = pytest.mark.unit
TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("五万三千块", "53000块"),
        ("五万三", "53000"),
        ("三千五", "3500"),
        ("十五万", "15万"),
        ("九千八百零五块六毛二", "9805.62块"),
        ("一万二千五百元三角", "12500.3元"),
        ("三块五", "3.5块"),
        ("十一月二十三号", "11月23号"),
        ("二零二六年十一月二十三日", "2026年11月23日"),
        ("下个月十五号之前", "下个月15号之前"),
        ("十月份的", "10月份的"),
        ("尾号是幺二三四", "尾号是1234"),
        ("一三八零零幺三八零零零", "13800138000"),
    ],
)
def test_what_has_one_reading_is_written_in_figures(heard: str, written: str) -> None:
    assert restore(heard) == written


@pytest.mark.parametrize(
    "text",
    [
        "等一下", "一般纳税人", "万一交不上", "第一季度", "三个月", "三号线", "两三千块", "几万块", "三万来块",
        "六万多", "一千多块", "十几天", "万分之五", "百分之二十", "十二点半", "三四五天", "十五六号", "二三月份",
        "正月十五", "一点钱", "五毛钱", "三十二万五千", "零六幺九",
    ],
)  # fmt: skip
def test_everything_else_stays(text: str) -> None:
    assert restore(text) == text


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("幺二三四", "1234"),
        ("是零六幺九", "是0619"),
        ("三个八叉", "888X"),
        ("两个零一二", "0012"),
        ("幺洞拐勾两五", "107925"),
        ("七", "7"),
        ("我不记得了", "我不记得了"),
        ("等一下", "等一下"),
        ("我有三个公司", "我有三个公司"),
    ],
)
def test_digits_are_read_one_by_one_when_they_were_asked_for(heard: str, written: str) -> None:
    assert restore(heard, "digits") == written


_NUMBERS = st.integers(1, 99_999_999)


def _spoken(number: int) -> str:
    signs, units = "零一二三四五六七八九", ["", "十", "百", "千"]

    def section(value: int) -> str:
        out = ""
        for power in (3, 2, 1, 0):
            digit = value // 10**power % 10
            if digit:
                out += signs[digit] + units[power]
            elif out and not out.endswith("零") and value % 10**power:
                out += "零"
        return out

    high, low = divmod(number, 10_000)
    if not high:
        return section(low)
    joint = "零" if 0 < low < 1000 else ""
    return section(high) + "万" + joint + section(low)


@given(_NUMBERS)
def test_whole_numbers_are_read(number: int) -> None:
    assert read_plain(_spoken(number)) == number


_FRAMES = [
    "{}", "我先交{}块", "一共欠{}元吗", "不是{}块", "{}块{}毛", "下个月{}号", "{}月{}号交", "欠了{}", "尾号{}",
    "今年{}月的税", "差不多{}块钱", "分{}期交", "过{}天再说", "{}月底之前", "能不能少交{}", "{}万块左右",
]  # fmt: skip


@given(st.sampled_from(_FRAMES), st.integers(1, 9_999_999), st.integers(1, 9))
def test_the_dialogue_reads_the_same_values_as_before(frame: str, number: int, small: int) -> None:
    small_frame = any(sign in frame for sign in ("月", "期", "天", "万"))
    text = frame.format(_spoken(number % 31 + 1 if small_frame else number), _spoken(small))
    before, after = ([(e.kind, e.value, e.negated) for e in parse(t, TODAY)] for t in (text, restore(text)))
    assert after == before, restore(text)


@given(
    st.text(
        alphabet="零一二两三四五六七八九十百千万亿几半多来块元月号日年天毛角分个点第之交欠尾叉幺0123",
        max_size=14,
    )
)
def test_restoring_twice_changes_nothing_more(text: str) -> None:
    assert restore(restore(text)) == restore(text)


@given(st.text(max_size=40), st.sampled_from(["open", "digits", "amount", "date", "yes_no"]))
def test_any_text_is_survived(text: str, kind: str) -> None:
    assert isinstance(restore(text, kind), str)


def test_numbers_are_marked_for_others_to_leave_alone() -> None:
    marks = protected("交五万三千块尾号幺二三叉行")
    assert (
        "".join(sign for sign, mark in zip("交五万三千块尾号幺二三叉行", marks, strict=True) if not mark)
        == "交尾号行"
    )
