from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.clock import SHANGHAI
from outreach.hours import ContactHours, is_contact_day
from outreach.plan import Lane, Limits, Span

pytestmark = pytest.mark.unit

INSTANTS = st.datetimes(
    datetime(2025, 12, 1), datetime(2027, 12, 31), timezones=st.sampled_from([SHANGHAI, UTC])
)
WEST = {"新疆": (Span(starts=time(10), ends=time(13)), Span(starts=time(15, 30), ends=time(19)))}
LIMITS = Limits(region_hours={**WEST, "新疆喀什": (Span(starts=time(11), ends=time(13)),)})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        (date(2026, 2, 14), True),  # a Saturday worked for the Spring Festival
        (date(2026, 2, 15), False),
        (date(2026, 2, 23), False),
        (date(2026, 2, 24), True),
        (date(2026, 9, 20), True),  # a Sunday worked for the National Day
        (date(2026, 10, 1), False),
        (date(2026, 10, 7), False),
        (date(2026, 10, 8), True),
        (date(2026, 10, 10), True),
        (date(2026, 11, 21), False),
        (date(2027, 3, 5), True),  # 2027 is not covered: Monday to Friday
        (date(2027, 3, 6), False),
        (date(2027, 1, 1), False),  # a Friday, and a holiday by law in every year
        (date(2027, 10, 1), False),
    ],
)
def test_days_of_contact(day: date, worked: bool) -> None:
    assert is_contact_day(day) is worked


@pytest.mark.parametrize(
    ("lane", "asked", "opening"),
    [
        (Lane.CALL, "2026-11-23T09:00", "2026-11-23T09:00"),
        (Lane.CALL, "2026-11-23T08:59", "2026-11-23T09:00"),
        (Lane.CALL, "2026-11-23T12:00", "2026-11-23T14:00"),
        (Lane.CALL, "2026-11-23T17:59:59", "2026-11-23T17:59:59"),
        (Lane.CALL, "2026-11-23T18:00", "2026-11-24T09:00"),
        (Lane.CALL, "2026-11-20T18:00", "2026-11-23T09:00"),
        (Lane.CALL, "2026-02-14T18:00", "2026-02-24T09:00"),
        (Lane.CALL, "2026-12-31T18:00", "2027-01-04T09:00"),
        (Lane.MESSAGE, "2026-11-23T12:30", "2026-11-23T12:30"),
        (Lane.MESSAGE, "2026-11-23T20:00", "2026-11-24T09:00"),
        (Lane.OFFICER, "2026-11-23T12:30", "2026-11-23T14:00"),
    ],
)
def test_the_next_hour_of_contact(lane: Lane, asked: str, opening: str) -> None:
    assert ContactHours.of(LIMITS, lane).next_open(at(asked), "成都市") == at(opening)


def test_a_region_has_hours_of_its_own_and_the_longest_name_decides() -> None:
    hours = ContactHours.of(LIMITS, Lane.CALL)
    assert not hours.open_at(at("2026-11-23T09:30"), "新疆乌鲁木齐市")
    assert hours.open_at(at("2026-11-23T18:30"), "新疆乌鲁木齐市")
    assert hours.next_open(at("2026-11-23T10:30"), "新疆喀什地区") == at("2026-11-23T11:00")
    assert hours.open_at(at("2026-11-23T09:30"), "成都市")


def test_instants_of_other_zones_are_read_as_shanghai_time() -> None:
    hours = ContactHours.of(LIMITS, Lane.CALL)
    assert hours.open_at(datetime(2026, 11, 23, 1, 30, tzinfo=UTC), "成都市")
    assert not hours.open_at(datetime(2026, 11, 23, 10, 0, tzinfo=UTC), "成都市")


def test_the_demonstration_may_use_every_day() -> None:
    for lane in Lane:
        hours = ContactHours.of(Limits(workdays_only=False), lane)
        assert hours.next_open(at("2026-10-01T08:00"), "成都市") == at("2026-10-01T09:00")
        assert hours.back_to_open(at("2026-11-22T09:30"), "成都市") == at("2026-11-22T09:30")


def test_spans_may_be_written_in_any_order() -> None:
    limits = Limits(hours=(Span(starts=time(14), ends=time(16)), Span(starts=time(9), ends=time(10))))
    hours = ContactHours.of(limits, Lane.CALL)
    assert hours.next_open(at("2026-11-23T08:00"), "") == at("2026-11-23T09:00")
    assert hours.back_to_open(at("2026-11-22T12:00"), "") == at("2026-11-20T09:00")


@pytest.mark.parametrize(
    ("asked", "brought_to"),
    [
        ("2026-11-22T09:30", "2026-11-20T09:30"),
        ("2026-11-22T12:30", "2026-11-20T11:00"),
        ("2026-11-22T21:00", "2026-11-20T17:00"),
        ("2026-11-22T07:00", "2026-11-20T09:00"),
        ("2026-02-20T15:00", "2026-02-14T15:00"),
    ],
)
def test_back_to_the_last_day_of_contact(asked: str, brought_to: str) -> None:
    assert ContactHours.of(LIMITS, Lane.CALL).back_to_open(at(asked), "成都市") == at(brought_to)


@settings(deadline=None)
@given(INSTANTS, st.sampled_from(Lane), st.sampled_from(["成都市", "新疆伊犁州", "新疆喀什地区", ""]))
def test_the_next_opening_is_open_and_nothing_before_it_is(when: datetime, lane: Lane, region: str) -> None:
    hours = ContactHours.of(LIMITS, lane)
    opening = hours.next_open(when, region)
    assert opening >= when
    assert hours.open_at(opening, region)
    assert (opening == when) == hours.open_at(when, region)
    assert not hours.open_at(opening - timedelta(microseconds=1), region) or opening == when
    assert hours.open_at(hours.back_to_open(when, region), region)
