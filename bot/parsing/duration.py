"""Spans of time without a place on the calendar: 三个月, 半年, 九十天, 两周, 一年半, 分三期, 半小时."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from bot.parsing.entity import Match, Value
from bot.parsing.numeral import COUNT, count
from bot.parsing.source import Source

_N = rf"(?<![\d零一二三四五六七八九十百第.])(?P<n>[一二三四五六七八九]{{2}}|{COUNT})"
# Days alone are counted in thousands: a debt may be six years old.
_DAYS = rf"(?<![\d零一二三四五六七八九十百第.])(?P<n>\d{{4}}|[一二三四五六七八九]{{2}}|{COUNT})"
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(rf"分?{_N}个(?P<more>多|来)?(?P<half>半)?月"), "months"),
    (re.compile(r"分?(?P<pair>俩|仨)(?P<more>多)?(?P<half>半)?月"), "months"),
    (re.compile(r"半个?月"), "half month"),
    (re.compile(rf"{_N}个季度"), "quarters"),
    (
        re.compile(
            rf"{_N}年(?P<more>多)?(?P<half>半)?(?!前?[\d一二三四五六七八九十]{{1,3}}[月季]|第|度|初|底|末|级|中)"
        ),
        "years",
    ),
    (re.compile(r"半年"), "half year"),
    (re.compile(rf"{_N}个?(?P<more>多)?(?:周|星期|礼拜)(?![一二三四五六日天末\d])"), "weeks"),
    (re.compile(rf"{_DAYS}(?P<more>多|来)?天"), "days"),
    (re.compile(rf"{_N}(?P<more>多)?日(?=之?内|以内|的?时间)"), "days"),
    (re.compile(rf"{_N}个?(?P<more>多)?(?:小时|钟头)(?P<half>半)?"), "hours"),
    (re.compile(rf"{_N}个半(?:小时|钟头)"), "hours and a half"),
    (re.compile(r"半个?(?:小时|钟头)"), "half hour"),
    (re.compile(rf"{_N}分钟"), "minutes"),
    (re.compile(r"(?:一|1)刻钟"), "quarter hour"),
    (re.compile(rf"分(?:成|作|为)?{_N}(?:期|次|批|笔|回)"), "instalments"),
    (re.compile(rf"{_N}期(?!限|间)"), "instalments"),
)
_FIXED: dict[str, dict[str, int]] = {
    "half month": {"days": 15},
    "half year": {"months": 6},
    "half hour": {"minutes": 30},
    "quarter hour": {"minutes": 15},
}
_FACTORS: dict[str, tuple[str, int]] = {
    "months": ("months", 1),
    "quarters": ("months", 3),
    "years": ("months", 12),
    "weeks": ("days", 7),
    "days": ("days", 1),
    "hours": ("minutes", 60),
    "minutes": ("minutes", 1),
    "instalments": ("instalments", 1),
}
_LONGEST_YEARS = 20


def find(source: Source, today: date) -> Iterator[Match]:
    """Durations; ``today`` does not matter. 三月 is a month of the year and not found here."""
    for pattern, rule in _RULES:
        for found in pattern.finditer(source.text):
            value, approx = _value(rule, found)
            if value is not None:
                yield Match("duration", found.start(), found.end(), value, approx)


def _value(rule: str, found: re.Match[str]) -> tuple[Value, bool]:
    if rule in _FIXED:
        return _FIXED[rule], False
    groups = found.groupdict()
    number, approx = _number(groups)
    approx = approx or bool(groups.get("more"))
    if number == 0 or (rule == "years" and number > _LONGEST_YEARS):
        return None, False
    if rule == "hours and a half":
        return {"minutes": 60 * number + 30}, approx
    unit, factor = _FACTORS[rule]
    value = {unit: number * factor}
    if groups.get("half"):
        if rule == "months":
            value["days"] = 15
        else:
            value[unit] += factor // 2
    return value, approx


def _number(groups: dict[str, str | None]) -> tuple[int, bool]:
    if pair := groups.get("pair"):
        return (2 if pair == "俩" else 3), False
    spoken = groups["n"] or ""
    if len(spoken) == 2 and spoken[0] in "一二三四五六七八九" and spoken[1] in "一二三四五六七八九":
        return count(spoken[1]), True
    return count(spoken), False
