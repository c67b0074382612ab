from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tax.calendar import (
    PUBLISHED,
    CalendarError,
    _by_rule,
    add_months,
    add_workdays,
    after_days,
    effective_deadline,
    is_workday,
)
from tax.citations import FILING_2026, RULES_109

pytestmark = pytest.mark.unit

MONTHS = [(year, month) for year in PUBLISHED for month in range(1, 13)]
COVERED = st.dates(date(2004, 1, 1), date(2026, 12, 15))


@pytest.mark.parametrize(("year", "month"), MONTHS)
def test_the_rule_reproduces_every_published_month(year: int, month: int) -> None:
    nominal = date(year, month, 15)
    by_rule, _ = _by_rule(nominal, nominal.replace(day=1))
    assert by_rule == effective_deadline(nominal).date == date(year, month, PUBLISHED[year].days[month - 1])


def test_2026_as_published() -> None:
    found = [effective_deadline(date(2026, m, 15)) for m in range(1, 13)]
    assert [f.date.day for f in found] == [20, 24, 16, 20, 22, 15, 15, 17, 15, 26, 16, 15]
    assert not any(f.provisional for f in found)
    assert all(FILING_2026 in f.citations for f in found)


def test_2025_by_rule() -> None:
    found = [effective_deadline(date(2025, m, 15)) for m in range(1, 13)]
    assert [f.date.day for f in found] == [15, 20, 17, 18, 22, 16, 15, 15, 15, 27, 17, 15]
    assert all(f.citations == (RULES_109,) for f in found)


@pytest.mark.parametrize(
    ("nominal", "expected"),
    [
        (date(2026, 5, 31), date(2026, 6, 1)),
        (date(2026, 6, 30), date(2026, 6, 30)),
        (date(2026, 10, 1), date(2026, 10, 8)),
        (date(2026, 9, 20), date(2026, 9, 20)),
        (date(2021, 1, 15), date(2021, 1, 20)),
        (date(2020, 1, 15), date(2020, 1, 15)),
    ],
)
def test_other_days_roll_only(nominal: date, expected: date) -> None:
    """20 September 2026 is a Sunday that is worked; 31 May and 30 June ignore May Day inside the period."""
    assert effective_deadline(nominal).date == expected


def test_a_given_period_start_counts_the_days_off_inside() -> None:
    assert effective_deadline(date(2026, 10, 20), period_start=date(2026, 10, 1)).date == date(2026, 10, 29)
    assert effective_deadline(date(2026, 10, 20), period_start=date(2026, 10, 6)).date == date(2026, 10, 20)
    with pytest.raises(CalendarError):
        effective_deadline(date(2026, 10, 20), period_start=date(2026, 10, 21))


def test_a_year_without_calendar_is_provisional_and_says_so() -> None:
    found = effective_deadline(date(2027, 8, 15))
    assert (found.date, found.provisional) == (date(2027, 8, 16), True)
    assert "2027" in found.basis and "推算" in found.basis
    with pytest.raises(CalendarError, match="2027"):
        is_workday(date(2027, 1, 4))
    assert effective_deadline(date(2003, 3, 15)).provisional


def test_a_roll_out_of_the_covered_years_is_provisional() -> None:
    assert effective_deadline(date(2026, 12, 31)).provisional is False
    assert add_workdays(date(2026, 12, 31), 2).provisional


def test_months_moved_by_special_decision_are_provisional() -> None:
    assert [effective_deadline(date(2020, m, 15)).provisional for m in range(1, 6)] == [
        False, True, True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize("absurd", [date(1, 1, 15), date(1989, 12, 15), date(9999, 12, 15)])
def test_absurd_years_are_refused(absurd: date) -> None:
    with pytest.raises(CalendarError, match="核对年份"):
        effective_deadline(absurd)


def test_working_days_and_calendar_days_ahead() -> None:
    assert add_workdays(date(2026, 9, 30), 2).date == date(2026, 10, 9)
    assert after_days(date(2026, 11, 23), 20).date == date(2026, 12, 14)
    assert after_days(date(2026, 9, 25), 20).date == date(2026, 10, 26)


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        (date(2026, 7, 15), 3, date(2026, 10, 15)),
        (date(2026, 11, 30), 3, date(2027, 2, 28)),
        (date(2023, 11, 30), 3, date(2024, 2, 29)),
        (date(2026, 12, 31), 0, date(2026, 12, 31)),
        (date(2026, 9, 30), 3, date(2026, 12, 30)),
    ],
)
def test_calendar_months(start: date, months: int, end: date) -> None:
    assert add_months(start, months) == end


@given(COVERED)
def test_a_deadline_is_a_working_day_not_before_the_nominal_one(nominal: date) -> None:
    found = effective_deadline(nominal)
    assert found.date >= nominal
    assert is_workday(found.date)
    assert not found.provisional or nominal.year == 2020


@given(st.dates(date(2027, 1, 1), date(2100, 12, 1)))
def test_no_uncovered_year_passes_for_certain(nominal: date) -> None:
    found = effective_deadline(nominal)
    assert found.provisional and nominal <= found.date <= nominal + timedelta(days=2)
