"""Festivals and days of the lunar calendar, as days of the common one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import lru_cache

from lunar_python import Lunar

_FIRST_YEAR, _LAST_YEAR = 1901, 2098


@lru_cache(maxsize=4096)
def lunar_day(year: int, month: int, day: int) -> date | None:
    """The common day of a lunar day; None outside 1901–2098 or when that month has no such day."""
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    try:
        found = Lunar.fromYmd(year, month, day).getSolar()
    except Exception:  # the library raises nothing more precise for a day that does not exist
        return None
    return date(found.getYear(), found.getMonth(), found.getDay())


def _lunar(month: int, day: int) -> Callable[[int], date | None]:
    return lambda year: lunar_day(year, month, day)


def _fixed(month: int, day: int) -> Callable[[int], date | None]:
    return lambda year: date(year, month, day)


def _eve(year: int) -> date | None:
    first = lunar_day(year + 1, 1, 1)
    return None if first is None else first - timedelta(days=1)


def _qingming(year: int) -> date | None:
    """Solar term at 15° of the sun: the usual century formula, right from 1901 to 2099."""
    short = year % 100
    constant = 4.81 if year >= 2000 else 5.59
    return date(year, 4, int(short * 0.2422 + constant) - short // 4)


FESTIVALS: dict[str, Callable[[int], date | None]] = {
    "元旦": _fixed(1, 1),
    "情人节": _fixed(2, 14),
    "妇女节": _fixed(3, 8),
    "清明": _qingming,
    "五一": _fixed(5, 1),
    "劳动节": _fixed(5, 1),
    "儿童节": _fixed(6, 1),
    "国庆": _fixed(10, 1),
    "双十一": _fixed(11, 11),
    "平安夜": _fixed(12, 24),
    "圣诞": _fixed(12, 25),
    "春节": _lunar(1, 1),
    "过年": _lunar(1, 1),
    "大年初一": _lunar(1, 1),
    "年初一": _lunar(1, 1),
    "元宵": _lunar(1, 15),
    "端午": _lunar(5, 5),
    "七夕": _lunar(7, 7),
    "中秋": _lunar(8, 15),
    "重阳": _lunar(9, 9),
    "腊八": _lunar(12, 8),
    "除夕": _eve,
    "年三十": _eve,
    "大年三十": _eve,
}
"""Name to the day it falls on in a given year (for lunar ones: the lunar year that begins in it)."""


def occurrences(rule: Callable[[int], date | None], around: int) -> Iterator[date]:
    """The days a rule gives from two years before ``around`` to two years after, in order."""
    for year in range(around - 2, around + 3):
        day = rule(year)
        if day is not None:
            yield day
