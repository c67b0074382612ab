"""Which day a payment period really ends on.

The filing deadlines the State Taxation Administration publishes each year win. Where none is held, the
rule is 实施细则第一百零九条 over the State Council's working-day calendar. A year that calendar does not
cover gives a date marked provisional, never a silent guess.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from chinese_calendar import is_workday as _official_workday

from tax.citations import (
    FILING_2020_02,
    FILING_2023,
    FILING_2024,
    FILING_2026,
    RULES_109,
    Citation,
)
from tax.errors import TaxError

ONE_DAY = timedelta(days=1)
EARLIEST = date(1990, 1, 1)
LATEST = date(2100, 12, 31)
"""Dates outside are taken for slips of the keyboard."""


class CalendarError(TaxError):
    """A date the official working-day calendar does not cover, or no plausible date at all."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The last day to pay without late fee.

    ``provisional`` means no official calendar covers it: show it as a guess and let the bureau confirm.
    ``basis`` is Simplified Chinese and says where the date comes from.
    """

    date: dt.date
    nominal: dt.date
    provisional: bool
    basis: str
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class FilingYear:
    """Deadlines of taxes filed within 15 days after a month or quarter: day of the month, January first."""

    days: tuple[int, ...]
    source: Citation


PUBLISHED: dict[int, FilingYear] = {
    2023: FilingYear((16, 15, 15, 17, 18, 15, 17, 15, 15, 23, 15, 15), FILING_2023),
    2024: FilingYear((15, 23, 15, 18, 22, 19, 15, 15, 18, 24, 15, 16), FILING_2024),
    2026: FilingYear((20, 24, 16, 20, 22, 15, 15, 17, 15, 26, 16, 15), FILING_2026),
}

_SPECIALLY_EXTENDED: dict[tuple[int, int], tuple[Citation, ...]] = {
    (2020, 2): (FILING_2020_02,),
    (2020, 3): (),
    (2020, 4): (),
}
"""Months whose deadline was moved nationwide by decisions no calendar can tell."""


def is_covered(d: date) -> bool:
    """Whether the official working-day calendar knows ``d``."""
    try:
        _official_workday(d)
    except NotImplementedError:
        return False
    return True


def is_workday(d: date) -> bool:
    """Whether ``d`` is worked, make-up days included. CalendarError for a year not covered."""
    try:
        return bool(_official_workday(d))
    except NotImplementedError:
        raise CalendarError(
            f"{d.year}年的放假安排尚未收录，无法判断这一天是否为工作日，请以官方公布为准。"
        ) from None


def add_months(d: date, months: int) -> date:
    """The same day ``months`` (≥ 0) calendar months later, or that month's last day when it is shorter."""
    year, month0 = divmod(d.year * 12 + d.month - 1 + months, 12)
    following = date(year + (month0 == 11), (month0 + 1) % 12 + 1, 1)
    return min(date(year, month0 + 1, 1) + timedelta(days=d.day - 1), following - ONE_DAY)


@lru_cache(maxsize=4096)
def effective_deadline(nominal: date, *, period_start: date | None = None) -> Deadline:
    """The deadline ``nominal`` becomes once days off are taken into account.

    ``nominal`` on a 15th is the end of the monthly or quarterly 15-day period: the published table decides,
    else the extension for three or more consecutive days off (from the 1st on) and the roll to a working
    day. Any other day rolls only, unless ``period_start`` gives the first day of the period, which then
    decides what lies inside it. 实施细则第一百零九条. CalendarError on a date outside 1990 to 2100 or a start
    after the end.
    """
    if not EARLIEST <= nominal <= LATEST:
        raise CalendarError(f"日期 {nominal.isoformat()} 不在可以计算的范围内，请核对年份。")
    if period_start is not None and period_start > nominal:
        raise CalendarError("期限的起始日不能晚于截止日，请核对后重新填写。")
    monthly = nominal.day == 15 and (period_start is None or period_start == nominal.replace(day=1))
    if monthly and nominal.year in PUBLISHED:
        year = PUBLISHED[nominal.year]
        found = nominal.replace(day=year.days[nominal.month - 1])
        basis = f"税务总局公布的{nominal.year}年度申报纳税期限"
        return Deadline(found, nominal, False, basis, (year.source, RULES_109))
    start = nominal.replace(day=1) if monthly else period_start
    try:
        found, extended = _by_rule(nominal, start)
    except CalendarError:
        return _provisional(nominal)
    if monthly and (nominal.year, nominal.month) in _SPECIALLY_EXTENDED:
        month = f"{nominal.year}年{nominal.month}月"
        basis = f"{month}的申报纳税期限曾有全国性延长，这里只按节假日推算，请以主管税务机关确认为准"
        more = _SPECIALLY_EXTENDED[nominal.year, nominal.month]
        return Deadline(found, nominal, True, basis, (*more, RULES_109))
    if extended:
        basis = f"期限内遇连续{extended}日休假，按国务院放假安排顺延"
    elif found != nominal:
        basis = "期限最后一日是休假日，顺延至休假日后的工作日"
    else:
        basis = "期限最后一日是工作日，不需要顺延"
    return Deadline(found, nominal, False, basis, (RULES_109,))


def add_workdays(d: date, n: int) -> Deadline:
    """The ``n``-th working day after ``d``; provisional (Monday to Friday) beyond the covered years."""
    try:
        return Deadline(_step(d, n), d, False, f"{n}个工作日", ())
    except CalendarError:
        found, left = d, n
        while left:
            found += ONE_DAY
            left -= _likely_workday(found)
        return Deadline(found, d, True, _provisional_basis(found.year), ())


def after_days(d: date, n: int) -> Deadline:
    """The end of ``n`` ≥ 1 calendar days that start the day after ``d`` (实施细则第一百零九条)."""
    deadline = effective_deadline(d + timedelta(days=n), period_start=d + ONE_DAY)
    return Deadline(deadline.date, d, deadline.provisional, deadline.basis, deadline.citations)


def _by_rule(nominal: date, start: date | None) -> tuple[date, int]:
    """Rule 109 as practised: days off inside are made up for in working days, then roll to a working day."""
    extension = _consecutive_days_off(start, nominal) if start is not None else 0
    found = _step(nominal, extension)
    while not is_workday(found):
        found += ONE_DAY
    return found, extension


def _step(d: date, workdays: int) -> date:
    while workdays:
        d += ONE_DAY
        workdays -= is_workday(d)
    return d


def _consecutive_days_off(start: date, end: date) -> int:
    """Days off inside [start, end] that belong to a stretch with ≥ 3 of its days inside.

    An ordinary weekend has two, so a stretch of three or more always holds a statutory holiday; the
    calendar's own holiday names are no help, being absent on weekend days joined to a holiday.
    """
    total = stretch = 0
    day = start
    while day <= end:
        if is_workday(day):
            total += stretch if stretch >= 3 else 0
            stretch = 0
        else:
            stretch += 1
        day += ONE_DAY
    return total + (stretch if stretch >= 3 else 0)


def _likely_workday(d: date) -> bool:
    return is_workday(d) if is_covered(d) else d.weekday() < 5


def _provisional_basis(year: int) -> str:
    return f"{year}年的放假安排和申报纳税期限尚未收录，这个日期只按周一至周五推算，请以税务机关公布的期限为准"


def _provisional(nominal: date) -> Deadline:
    found = nominal
    while not _likely_workday(found):
        found += ONE_DAY
    return Deadline(found, nominal, True, _provisional_basis(nominal.year), (RULES_109,))
