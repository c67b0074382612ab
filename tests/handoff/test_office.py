"""Staffed hours over the official calendar of 2026, make-up workdays and holidays included."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import delete

from handoff.office import STANDARD, Hours, hours, seat_day
from store.engine import SessionFactory
from store.handoff_models import OfficeHours
from tests.handoff.makers import SHANGHAI

pytestmark = pytest.mark.unit


def _at(month: int, day: int, hour: int = 10, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("day", "staffed"),
    [
        (date(2026, 11, 23), True),  # Monday
        (date(2026, 11, 21), False),  # Saturday
        (date(2026, 1, 1), False),  # New Year, a Thursday
        (date(2026, 1, 4), True),  # Sunday, made up for New Year
        (date(2026, 2, 14), True),  # Saturday, made up for the Spring Festival
        (date(2026, 2, 17), False),  # Spring Festival, a Tuesday
        (date(2026, 2, 28), True),  # Saturday, made up for the Spring Festival
        (date(2026, 10, 1), False),  # National Day, a Thursday
        (date(2026, 10, 10), True),  # Saturday, made up for National Day
    ],
)
def test_days(day: date, staffed: bool) -> None:
    assert seat_day(day) is staffed
    assert STANDARD.staffed(datetime.combine(day, time(10), SHANGHAI)) is staffed


def test_a_year_without_a_calendar_goes_by_the_week() -> None:
    assert seat_day(date(2031, 11, 24)) and not seat_day(date(2031, 11, 22))


@pytest.mark.parametrize(
    ("at", "staffed"),
    [
        ((8, 59), False), ((9, 0), True), ((11, 59), True), ((12, 0), False), ((13, 59), False), ((14, 0), True),
        ((17, 59), True), ((18, 0), False),
    ],
)  # fmt: skip
def test_edges_of_a_day(at: tuple[int, int], staffed: bool) -> None:
    assert STANDARD.staffed(_at(11, 23, *at)) is staffed


@pytest.mark.parametrize(
    ("at", "minutes", "then"),
    [
        (_at(11, 23, 10), 10, _at(11, 23, 10, 10)),
        (_at(11, 23, 11, 55), 10, _at(11, 23, 14, 5)),
        (_at(11, 23, 11, 50), 10, _at(11, 23, 12)),
        (_at(11, 23, 17, 55), 10, _at(11, 24, 9, 5)),
        (_at(11, 20, 17, 55), 10, _at(11, 23, 9, 5)),  # over a weekend
        (_at(9, 30, 17, 55), 10, _at(10, 8, 9, 5)),  # over National Day
        (_at(10, 9, 17, 55), 10, _at(10, 10, 9, 5)),  # into a make-up Saturday
        (_at(2, 15, 3), 30, _at(2, 24, 9, 30)),  # in the Spring Festival
        (_at(11, 22, 0), 0, _at(11, 23, 9)),
    ],
)
def test_after(at: datetime, minutes: float, then: datetime) -> None:
    assert STANDARD.after(at, minutes) == then


def _staffed_minutes(opening: Hours, start: datetime, end: datetime) -> float:
    """By looking at every stretch of every day, as slowly as can be."""
    total = timedelta()
    day = start.date()
    while day <= end.date():
        if seat_day(day):
            for begins, ends in opening.stretches:
                low = max(datetime.combine(day, begins, SHANGHAI), start)
                high = min(datetime.combine(day, ends, SHANGHAI), end)
                total += max(high - low, timedelta())
        day += timedelta(days=1)
    return total.total_seconds() / 60


_times = st.lists(st.integers(0, 1439), min_size=2, max_size=8, unique=True).map(
    lambda minutes: sorted(minutes)[: len(minutes) // 2 * 2]
)
_hours = _times.map(
    lambda edges: Hours(
        tuple(
            (time(*divmod(start, 60)), time(*divmod(end, 60)))
            for start, end in zip(edges[::2], edges[1::2], strict=True)
        )
    )
)
_moments = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1)).map(
    lambda at: at.replace(tzinfo=SHANGHAI)
)


@given(opening=_hours, at=_moments, minutes=st.integers(1, 30))
@example(opening=STANDARD, at=_at(2, 13, 17, 59), minutes=30)
@example(opening=Hours(((time(0), time(0, 1)),)), at=_at(5, 1, 0, 1), minutes=20)
def test_after_lies_where_exactly_so_many_minutes_were_staffed(
    opening: Hours, at: datetime, minutes: int
) -> None:
    then = opening.after(at, minutes)
    passed = _staffed_minutes(opening, at, then)
    if passed == pytest.approx(minutes, abs=1e-6):
        assert _staffed_minutes(opening, at, then - timedelta(seconds=1)) < minutes
    else:
        # Stretches so short that a month does not hold the minutes: they are counted as they pass.
        assert then == at + timedelta(minutes=minutes)
        month_ends = datetime.combine(at.date() + timedelta(days=31), time(), SHANGHAI)
        assert _staffed_minutes(opening, at, month_ends) < minutes


@given(opening=_hours, at=_moments, first=st.integers(1, 20), second=st.integers(1, 20))
def test_more_minutes_never_end_sooner(opening: Hours, at: datetime, first: int, second: int) -> None:
    month = _staffed_minutes(opening, at, at + timedelta(days=30))
    low, high = sorted((first, second))
    if month >= high:
        assert opening.after(at, low) <= opening.after(at, high)


def test_without_hours_minutes_count_as_they_pass() -> None:
    closed = Hours(())
    assert closed.after(_at(11, 22), 10) == _at(11, 22, 10, 10)
    assert not closed.staffed(_at(11, 23))
    assert closed.in_words() == "暂不开放"


def test_an_instant_of_another_zone_is_not_mixed_up() -> None:
    at = _at(11, 23).astimezone(UTC).astimezone(SHANGHAI)
    assert STANDARD.after(at, 10) == _at(11, 23, 10, 10)


async def test_the_hours_are_those_of_the_store(sessions: SessionFactory) -> None:
    async with sessions() as session, session.begin():
        assert await hours(session) == STANDARD
        assert (await hours(session)).in_words() == "工作日9点到12点、14点到18点"
        await session.execute(delete(OfficeHours))
        assert await hours(session) == Hours(())
        session.add(OfficeHours(starts=time(8, 30), ends=time(12)))
        await session.flush()
        assert (await hours(session)).in_words() == "工作日8点30分到12点"
