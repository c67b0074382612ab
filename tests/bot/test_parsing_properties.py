"""Amounts and days said in many ways come back as the same value; odd input never breaks the parser."""

from __future__ import annotations

import itertools
import time
from datetime import date, timedelta
from decimal import Decimal

import cn2an
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.parsing import parse

pytestmark = pytest.mark.unit

TODAY = date(2026, 11, 23)
WEEKDAYS = "一二三四五六日"


def spoken(number: int) -> str:
    return str(cn2an.an2cn(number, "low"))


def amounts(text: str) -> list[object]:
    return [entity.value for entity in parse(text, TODAY) if entity.kind == "amount"]


def days(text: str) -> list[object]:
    return [entity.value for entity in parse(text, TODAY) if entity.kind == "date"]


@given(st.integers(1, 999_999_999))
def test_whole_yuan_in_spoken_and_written_ways(yuan: int) -> None:
    expected = [f"{yuan}.00"]
    formal = cn2an.an2cn(yuan, "up")
    for text in (
        f"{spoken(yuan)}块",
        f"{spoken(yuan)}元",
        f"一共{spoken(yuan).replace('二千', '两千').replace('二百', '两百')}块钱",
        f"{formal}元整",
        f"{yuan}元",
        f"{yuan:,}元",
        f"¥{yuan}",
        f"欠 {yuan} 块",
        " ".join(f"{spoken(yuan)}元"),
    ):
        assert amounts(text) == expected, text


@given(st.integers(1, 9), st.sampled_from([("廿", 20), ("卅", 30)]), st.integers(0, 9))
def test_tens_of_old_spelling_and_units_of_the_regions(
    hundreds: int, tens: tuple[str, int], ones: int
) -> None:
    sign, value = tens
    last = "一二三四五六七八九"[ones - 1] if ones else ""
    expected = [f"{hundreds * 100 + value + ones}.00"]
    for unit in ("块", "元", "蚊", "箍", "洋钿", "块钱"):
        assert amounts(f"{spoken(hundreds)}百{sign}{last}{unit}") == expected


@given(st.integers(1, 9), st.integers(1, 9))
def test_the_rejected_sum_is_marked_and_the_other_counts(wrong: int, right: int) -> None:
    for words in ("不是{}万是{}万", "不是{}万，{}万", "没有{}万那么多，{}万"):
        text = words.format(spoken(wrong), spoken(right))
        found = [(e.value, e.negated) for e in parse(text, TODAY) if e.kind == "amount"]
        assert found == [(f"{wrong}0000.00", True), (f"{right}0000.00", False)], text


@given(st.integers(1, 24))
def test_counts_of_months(months: int) -> None:
    for text in (
        f"{months}个月",
        f"{spoken(months)}个月",
        f"缓{spoken(months)}个月",
        f"延 {months} 个月",
        f"{months}個月",
    ):
        found = [e.value for e in parse(text, TODAY) if e.kind == "duration"]
        assert found == [{"months": months}], text


@given(st.integers(1, 9))
def test_rates(part: int) -> None:
    for text, value in (
        (f"万分之{spoken(part)}", f"0.000{part}"),
        (f"万分之{part}", f"0.000{part}"),
        (f"千分之{spoken(part)}", f"0.00{part}"),
        (f"百分之{spoken(part)}", f"0.0{part}"),
        (f"{part}%", f"0.0{part}"),
        (f"{part}‰", f"0.00{part}"),
    ):
        assert [e.value for e in parse(text, TODAY) if e.kind == "rate"] == [value], text


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True))
def test_telephones_read_out_digit_by_digit(number: str) -> None:
    for signs in (
        "零一二三四五六七八九",
        "洞幺二三四五六拐八勾",
        "零幺二三四五六七八九",
        "〇一二三四五六七八九",
    ):
        said = "".join(signs[int(digit)] for digit in number)
        assert [e.value for e in parse(said, TODAY) if e.kind == "phone"] == [number], said


@given(st.from_regex(r"[0-9]{3}[0-9X]", fullmatch=True))
def test_the_last_signs_of_a_number_read_out(tail: str) -> None:
    said = tail.translate(str.maketrans("0179X", "洞幺拐勾叉"))
    assert [e.value for e in parse(f"尾号{said}", TODAY) if e.kind == "id_tail"] == [tail]


@pytest.mark.parametrize(
    ("said", "distance"),
    [
        ("听日", 1), ("明朝", 1), ("明个", 1), ("明儿个", 1), ("明仔载", 1), ("赶明儿", 1), ("后儿个", 2), ("后日", 2), ("大后日", 3),
        ("今朝", 0), ("今仔日", 0), ("今儿个", 0), ("寻日", -1), ("夜儿个", -1), ("昨昏", -1), ("前儿个", -2),
    ],
)  # fmt: skip
def test_days_as_the_regions_say_them(said: str, distance: int) -> None:
    day = (TODAY + timedelta(days=distance)).isoformat()
    for text in (said, f"我{said}去交", f"{said}，行不行"):
        assert days(text) == [day], text


@given(st.integers(0, 99_999), st.integers(0, 9), st.integers(0, 9))
def test_jiao_and_fen(yuan: int, jiao: int, fen: int) -> None:
    value = [f"{yuan}.{jiao}{fen}"]
    assert amounts(f"{yuan}.{jiao}{fen}元") == value
    if yuan and jiao:
        assert amounts(f"{spoken(yuan)}块{spoken(jiao)}毛{spoken(fen) + '分' if fen else ''}") == value
        if fen:
            assert amounts(f"{spoken(yuan)}块{spoken(jiao)}毛{spoken(fen)}") == value
            assert amounts(f"{spoken(yuan)}元{spoken(jiao)}角{spoken(fen)}分") == value
    if yuan and not jiao and fen:
        assert amounts(f"{spoken(yuan)}块零{spoken(fen)}分") == value


@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from([("百", 100), ("千", 1000), ("万", 10_000), ("亿", 10**8)]),
)
def test_dropped_last_unit(high: int, low: int, unit: tuple[str, int]) -> None:
    sign, factor = unit
    expected = [f"{high * factor + low * factor // 10}.00"]
    assert amounts(f"{spoken(high)}{sign}{spoken(low)}") == expected
    assert amounts(f"{spoken(high)}{sign}{spoken(low)}块") == expected


@given(st.decimals("1.1", "9999.9", places=1))
def test_decimal_wan(value: Decimal) -> None:
    expected = [f"{value * 10_000:.2f}"]
    whole, _, tenth = str(value).partition(".")
    assert amounts(f"{value}万") == expected
    assert amounts(f"{spoken(int(whole))}点{'零一二三四五六七八九'[int(tenth)]}万") == expected


@given(st.dates(date(2024, 1, 1), date(2030, 12, 31)))
def test_full_dates(day: date) -> None:
    digits = "".join("零一二三四五六七八九"[int(sign)] for sign in str(day.year))
    for text in (
        day.isoformat(),
        f"{day.year}/{day.month}/{day.day}",
        f"{day.year}年{day.month}月{day.day}日",
        f"{day.year}年{day.month:02d}月{day.day:02d}号",
        f"{digits}年{spoken(day.month)}月{spoken(day.day)}号",
        f"{day:%Y%m%d}",
        f"我 {day.year} 年 {day.month} 月 {day.day} 日 交",
    ):
        assert days(text) == [day.isoformat()], text


@given(st.integers(0, 170))
def test_days_ahead(distance: int) -> None:
    day = TODAY + timedelta(days=distance)
    expected = [day.isoformat()]
    assert days(f"{day.month}月{day.day}号") == expected
    assert days(f"{spoken(day.month)}月{spoken(day.day)}号之前") == expected
    if distance:
        assert days(f"{distance}天后") == expected
        assert days(f"{spoken(distance)}天之后") == expected
        assert days(f"过{distance}天") == expected
    if distance < 60:
        months = (day.year - TODAY.year) * 12 + day.month - TODAY.month
        side = ("这个月", "下个月", "下下个月")[months]
        assert days(f"{side}{day.day}号") == expected
        assert days(f"{side}的{spoken(day.day)}号") == expected


@given(st.integers(-2, 2), st.integers(0, 6))
def test_weekdays(weeks: int, place: int) -> None:
    side = {-2: "上上", -1: "上", 0: "这", 1: "下", 2: "下下"}[weeks]
    day = TODAY + timedelta(days=7 * weeks + place)
    for word in ("周", "星期", "礼拜", "个星期", "个礼拜"):
        assert days(f"{side}{word}{WEEKDAYS[place]}去交") == [day.isoformat()]


@given(st.integers(1, 13), st.integers(1, 40))
def test_impossible_days_are_marked(month: int, day: int) -> None:
    (found,) = (entity for entity in parse(f"2026年{month}月{day}号", TODAY) if entity.kind == "date")
    try:
        assert found.value == date(2026, month, day).isoformat()
        assert not found.invalid
    except ValueError:
        assert found.value is None
        assert found.invalid


ODD = st.one_of(
    st.text(max_size=300),
    st.text(
        alphabet="零一二三四五六七八九十百千万亿两几多来点块毛分元0123456789.,-/: 年月日号天周上下半个第季",
        max_size=80,
    ),
    st.text(alphabet="不是没有验证码〔证件手机#1〕微信增值税💰\u200b\ud800<>'\"\\\x00;", max_size=80),
    st.binary(max_size=200).map(lambda raw: raw.decode("utf-8", "replace")),
)


@given(ODD)
def test_odd_input(text: str) -> None:
    for entity in parse(text, TODAY):
        assert text[entity.start : entity.end] == entity.text
        assert entity.start < entity.end


@given(ODD)
def test_one_reading_for_each_place(text: str) -> None:
    spans = [(e.start, e.end) for e in parse(text, TODAY) if e.kind != "sms_code"]
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))


@pytest.mark.parametrize(
    "piece",
    [
        "一",
        "1",
        " ",
        "1,",
        "1-",
        "1 ",
        "十",
        "十一",
        "一万",
        "😀",
        "20号就",
        "验证码",
        "〔证件#",
        "不是",
        "过",
        "<b>1</b>",
        "我公司欠十月份的增值税四万六，下月二十号前先交两万，剩下的分三个月。",
    ],
)
def test_the_time_of_a_text_grows_with_its_length_alone(piece: str) -> None:
    """Four times the text may take four times the time; twice that is left for the machine, sixteen is quadratic."""
    short, long = ((piece * size)[:size] for size in (4_000, 16_000))
    assert _fastest(long) < 8 * max(_fastest(short), 0.0005)


def _fastest(text: str) -> float:
    return min(_timed(text) for _ in range(5))


def _timed(text: str) -> float:
    begin = time.process_time()
    parse(text, TODAY)
    return time.process_time() - begin
