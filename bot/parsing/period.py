"""Tax periods (十月份的, 三季度, 去年, 上个月的税) and spans too wide to be a day (下周, 下个月)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

from bot.parsing.calendar import FIRST_YEAR, LAST_YEAR, last_day, shift_month
from bot.parsing.entity import Match
from bot.parsing.numeral import DIGITS, count
from bot.parsing.source import Source

_YEAR = r"(?P<year>(?<!\d)(?:20)?\d{2}年|[零一二三四五六七八九]{4}年|[零一二三四五六七八九]{2}年|今年|本年|去年|上年|前年|明年)(?:度)?的?"
_MONTH = r"(?P<month>\d{1,2}|十[一二]?|[一二三四五六七八九]|元)"
_OF_TAX = r"(?=的?(?:税|那笔|这笔|那个|账|单|个税|增值|社保|滞纳|欠|申报|应纳|所属)|的(?!时候))"
_YEAR_MONTH = re.compile(rf"{_YEAR}{_MONTH}月(?:份)?(?!的?[\d一二三四五六七八九十])")
_WRITTEN = re.compile(
    r"(?<![\d\-/.])(20\d{2})(?:[-/.](0?[1-9]|1[0-2])|(0[1-9]|1[0-2]))(?![\d\-/.年])(?!元|块|万)"
)
_MONTH_ONLY = re.compile(
    rf"(?<![\d零一二三四五六七八九十第年./\-]){_MONTH}月(?P<suffix>份)?(?!的?[\d一二三四五六七八九十]|底|末|初|中|上旬|下旬|后|以后|之后)"
)
_QUARTER = re.compile(rf"(?:{_YEAR})?第?(?<![\d一二三四五六七八九十])(?P<quarter>[一二三四1-4])季度?(?!节)")
_LATIN_QUARTER = re.compile(r"(?<![A-Za-z\d])(?:(?P<year>20\d{2})年?)?[Qq](?P<quarter>[1-4])(?![A-Za-z\d])")
_SIDE_QUARTER = re.compile(r"(?P<side>上|这|本|下)一?个?季度?(?!节)(?<=季|度)")
_SIDE_MONTH = re.compile(
    r"(?P<side>上上|上|这|本|当|下下|下)一?个?月份?(?!的?[\d一二三四五六七八九十底末初中]|[上下]旬)"
)
_HALF = re.compile(r"(?:(?P<year>20\d{2}年|今年|去年|前年|明年)的?)?(?P<half>[上下])半年")
_YEAR_ONLY = re.compile(
    r"(?<!\d)(?P<year>20\d{2}年|[零一二三四五六七八九]{4}年|去年|上年|前年|今年|本年)(?:度|全年)?(?!的?[\d一二三四五六七八九十第上下底末初春国元年尾]|前|后|之[前后]|以[前后])"
)
_SIDE_WEEK = re.compile(r"(?P<side>下下|下|这|本|上)一?个?(?:周|星期|礼拜)(?![一二三四五六日天末\d])")
_SOME_DAYS = re.compile(
    r"(?:再?过|等)(?:个)?(?:几天|两天|二天|一阵|一阵子|阵子|段时间|一段时间|些天|些日子)|这几天|这两天|这二天|最近几天|近几天"
)
_TENDAYS = re.compile(r"(?P<side>上|这|本|下)?个?月?(?P<part>上旬|中旬|下旬)")
_YEAR_STEPS = {"今年": 0, "本年": 0, "去年": -1, "上年": -1, "前年": -2, "明年": 1}
_SIDE_STEPS = {"上上": -2, "上": -1, "这": 0, "本": 0, "当": 0, "": 0, "下": 1, "下下": 2}


def find(source: Source, today: date) -> Iterator[Match]:
    """Periods seen from ``today``; a month without a year is the last one that has begun.

    A coming month named without a tax is a span of days, for somebody who says when they will pay.
    """
    text = source.text
    yield from _years_and_months(text, today)
    yield from _quarters_and_halves(text, today)
    yield from _spans(text, today)


def _year(spoken: str | None, today: date) -> int | None:
    if not spoken:
        return None
    if spoken in _YEAR_STEPS:
        return today.year + _YEAR_STEPS[spoken]
    digits = spoken.rstrip("年")
    year = int(digits) if digits.isascii() else int("".join(str(DIGITS[sign]) for sign in digits))
    year = year + 2000 if year < 100 else year
    return year if FIRST_YEAR <= year <= LAST_YEAR else None


def _years_and_months(text: str, today: date) -> Iterator[Match]:
    for found in _YEAR_MONTH.finditer(text):
        year, month = _year(found["year"], today), _month(found["month"])
        if year is not None and 1 <= month <= 12:
            yield Match("period", found.start(), found.end(), f"{year}-{month:02d}")
    for found in _WRITTEN.finditer(text):
        yield Match("period", found.start(), found.end(), f"{found[1]}-{int(found[2] or found[3]):02d}")
    for found in _MONTH_ONLY.finditer(text):
        yield from _month_only(text, found, today)
    for found in _SIDE_MONTH.finditer(text):
        year, month = shift_month(today, _SIDE_STEPS[found["side"]])
        if _SIDE_STEPS[found["side"]] < 0 or _about_tax(text, found.end()):
            yield Match("period", found.start(), found.end(), f"{year}-{month:02d}")
        else:
            yield _span(found, date(year, month, 1), last_day(year, month), today)
    for found in _YEAR_ONLY.finditer(text):
        year = _year(found["year"], today)
        if year is not None:
            yield Match("period", found.start(), found.end(), str(year))


def _month_only(text: str, found: re.Match[str], today: date) -> Iterator[Match]:
    month = _month(found["month"])
    if not 1 <= month <= 12:
        return
    coming = month > today.month
    if coming and not _about_tax(text, found.end()):
        yield _span(found, date(today.year, month, 1), last_day(today.year, month), today)
        return
    yield Match(
        "period", found.start(), found.end(), f"{today.year - 1 if coming else today.year}-{month:02d}"
    )


def _quarters_and_halves(text: str, today: date) -> Iterator[Match]:
    this_quarter = (today.month - 1) // 3 + 1
    for pattern in (_QUARTER, _LATIN_QUARTER):
        for found in pattern.finditer(text):
            quarter = int(found["quarter"]) if found["quarter"].isascii() else count(found["quarter"])
            spoken = found["year"]
            year = _year(spoken, today) if spoken else today.year - (1 if quarter > this_quarter else 0)
            if year is not None:
                yield Match("period", found.start(), found.end(), f"{year}Q{quarter}")
    for found in _SIDE_QUARTER.finditer(text):
        index = today.year * 4 + this_quarter - 1 + _SIDE_STEPS[found["side"]]
        yield Match("period", found.start(), found.end(), f"{index // 4}Q{index % 4 + 1}")
    for found in _HALF.finditer(text):
        half = 1 if found["half"] == "上" else 2
        year = _year(found["year"], today)
        if year is None:
            year = today.year
        yield Match("period", found.start(), found.end(), f"{year}H{half}")


def _spans(text: str, today: date) -> Iterator[Match]:
    monday = today - timedelta(days=today.weekday())
    for found in _SIDE_WEEK.finditer(text):
        first = monday + timedelta(days=7 * _SIDE_STEPS[found["side"]])
        yield _span(found, first, first + timedelta(days=6), today)
    for found in _SOME_DAYS.finditer(text):
        yield _span(found, today + timedelta(days=1), today + timedelta(days=7), today)
    for found in _TENDAYS.finditer(text):
        step = _SIDE_STEPS[found["side"] or ""]
        year, month = shift_month(today, step)
        begins, ends = {"上旬": (1, 10), "中旬": (11, 20), "下旬": (21, 31)}[found["part"]]
        if not found["side"] and today.day > ends:
            year, month = shift_month(today, 1)
        close = min(
            date(year, month, min(ends, 28)) + timedelta(days=max(0, ends - 28)), last_day(year, month)
        )
        yield _span(found, date(year, month, begins), close, today)


def _span(found: re.Match[str], first: date, last: date, today: date) -> Match:
    begins = max(first, today) if last >= today else first
    value = {"from": begins.isoformat(), "to": last.isoformat()}
    return Match("date_range", found.start(), found.end(), value)


def _month(spoken: str) -> int:
    return 1 if spoken == "元" else count(spoken)


def _about_tax(text: str, end: int) -> bool:
    return _TAX_AFTER.match(text, end) is not None


_TAX_AFTER = re.compile(_OF_TAX)
