from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.clock import SHANGHAI
from outreach.limits import (
    WEEK,
    call_limits_met,
    earliest_call,
    earliest_message,
    message_limits_met,
)
from outreach.plan import Limits
from outreach.terms import History

pytestmark = pytest.mark.unit

START = datetime(2026, 11, 23, 9, 30, tzinfo=SHANGHAI)
LIMITS = st.builds(
    Limits,
    tries_a_day=st.integers(1, 3),
    tries_a_week=st.integers(1, 6),
    connected_a_day=st.integers(1, 2),
    messages_a_day=st.integers(1, 3),
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def per_day(instants: list[datetime]) -> Counter[date]:
    return Counter(each.astimezone(SHANGHAI).date() for each in instants)


def test_at_once_while_nothing_happened() -> None:
    assert earliest_call(History(), Limits(), START) == START
    assert earliest_message(History(), Limits(), START) == START
    assert call_limits_met(History(), Limits(), START) == ()


def test_two_tries_a_day_then_the_next_day() -> None:
    tried = History(tries=(at("2026-11-23T09:05"), at("2026-11-23T09:10")))
    assert earliest_call(tried, Limits(), START) == at("2026-11-24T00:00")
    assert call_limits_met(tried, Limits(), START) == ("今天已拨打2次，上限2次",)


def test_the_day_is_shanghais_and_not_utcs() -> None:
    """23:30 UTC of the 22nd is 7:30 of the 23rd in Shanghai."""
    tried = History(
        tries=(datetime(2026, 11, 22, 23, 30, tzinfo=UTC), datetime(2026, 11, 22, 17, tzinfo=UTC))
    )
    assert earliest_call(tried, Limits(), START) == at("2026-11-24T00:00")


def test_once_connected_no_more_calls_that_day() -> None:
    connected = History(tries=(at("2026-11-23T09:05"),), connected=(at("2026-11-23T09:05"),))
    assert earliest_call(connected, Limits(), START) == at("2026-11-24T00:00")
    assert call_limits_met(connected, Limits(), START) == ("今天已接通1次，上限1次",)
    assert earliest_call(connected, Limits(connected_a_day=2), START) == START


def test_a_week_is_seven_times_24_hours() -> None:
    tries = (at("2026-11-17T10:15"), at("2026-11-18T10:00"), at("2026-11-19T10:00"))
    assert earliest_call(History(tries=tries), Limits(), START) == at("2026-11-24T10:15")
    assert call_limits_met(History(tries=tries), Limits(), START) == ("7天内已拨打3次，上限3次",)
    later = at("2026-11-24T10:15")
    assert earliest_call(History(tries=tries), Limits(), later) == later


def test_messages_have_a_limit_of_their_own() -> None:
    sent = History(messages=(at("2026-11-23T09:05"), at("2026-11-23T09:10")))
    assert earliest_message(sent, Limits(), START) == at("2026-11-24T00:00")
    assert message_limits_met(sent, Limits(), START) == ("今天已发送消息2次，上限2次",)
    assert earliest_call(sent, Limits(), START) == START


GAPS = st.lists(st.tuples(st.integers(0, 60 * 24 * 3), st.booleans()), min_size=1, max_size=40)


@settings(deadline=None)
@given(LIMITS, GAPS)
def test_a_greedy_caller_never_exceeds_the_limits(limits: Limits, wishes: list[tuple[int, bool]]) -> None:
    """Somebody calls at once whenever it is allowed, and is answered now and then."""
    now, tries, connected = START, list[datetime](), list[datetime]()
    for minutes, answered in wishes:
        now += timedelta(minutes=minutes)
        # Only the last seven days are in the history, in no particular order.
        history = History(
            tries=tuple(reversed([each for each in tries if each > now - WEEK])),
            connected=tuple(each for each in connected if each > now - WEEK),
        )
        allowed = earliest_call(history, limits, now)
        assert allowed >= now
        assert (allowed == now) == (not call_limits_met(history, limits, now))
        now = allowed
        tries.append(now)
        connected += [now] if answered else []
    assert max(per_day(tries).values()) <= limits.tries_a_day
    assert max(per_day(connected).values(), default=0) <= limits.connected_a_day
    for each in tries:
        assert sum(each - WEEK < other <= each for other in tries) <= limits.tries_a_week


@settings(deadline=None)
@given(
    LIMITS, st.lists(st.integers(0, 60 * 24 * 9), max_size=12), st.lists(st.integers(0, 60 * 24), max_size=3)
)
def test_the_earliest_instant_is_allowed_and_not_a_minute_later_than_needed(
    limits: Limits, ago: list[int], connected_ago: list[int]
) -> None:
    history = History(
        tries=tuple(START - timedelta(minutes=each) for each in ago),
        connected=tuple(START - timedelta(minutes=each) for each in connected_ago),
    )
    earliest = earliest_call(history, limits, START)
    assert not call_limits_met(history, limits, earliest)
    if earliest > START:
        assert call_limits_met(history, limits, earliest - timedelta(microseconds=1))


@settings(deadline=None)
@given(LIMITS, st.lists(st.integers(0, 60 * 24 * 2), min_size=1, max_size=30))
def test_a_greedy_writer_never_exceeds_the_limits(limits: Limits, gaps: list[int]) -> None:
    now, history = START, History()
    for minutes in gaps:
        now = earliest_message(history, limits, now + timedelta(minutes=minutes))
        history = replace(history, messages=(now, *history.messages))
    assert max(per_day(list(history.messages)).values()) <= limits.messages_a_day
