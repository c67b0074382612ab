"""How often a taxpayer may be contacted: days are Asia/Shanghai's, a week is any seven times 24 hours."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta

from outreach.clock import SHANGHAI
from outreach.plan import Limits
from outreach.terms import History

WEEK = timedelta(days=7)
_ONE_DAY = timedelta(days=1)


def earliest_call(history: History, limits: Limits, now: datetime) -> datetime:
    """From when on one more call is within the limits; ``now`` when it is already. Hours are not looked at."""
    at = now
    while True:
        if (
            _on_day(history.tries, at) >= limits.tries_a_day
            or _on_day(history.connected, at) >= limits.connected_a_day
        ):
            at = _next_day(at)
            continue
        recent = _within_week(history.tries, at)
        if len(recent) < limits.tries_a_week:
            return at
        at = recent[-limits.tries_a_week] + WEEK


def earliest_message(history: History, limits: Limits, now: datetime) -> datetime:
    """From when on one more message is within the limits; ``now`` when it is already. Hours are not looked at."""
    at = now
    while _on_day(history.messages, at) >= limits.messages_a_day:
        at = _next_day(at)
    return at


def call_limits_met(history: History, limits: Limits, now: datetime) -> tuple[str, ...]:
    """Which limits forbid a call now, in words for officers (Chinese); empty when none does."""
    return _met(
        ("今天已拨打", _on_day(history.tries, now), limits.tries_a_day),
        ("7天内已拨打", len(_within_week(history.tries, now)), limits.tries_a_week),
        ("今天已接通", _on_day(history.connected, now), limits.connected_a_day),
    )


def message_limits_met(history: History, limits: Limits, now: datetime) -> tuple[str, ...]:
    """Which limits forbid a message now, in words for officers (Chinese); empty when none does."""
    return _met(("今天已发送消息", _on_day(history.messages, now), limits.messages_a_day))


def _met(*counts: tuple[str, int, int]) -> tuple[str, ...]:
    return tuple(f"{what}{count}次，上限{limit}次" for what, count, limit in counts if count >= limit)


def _on_day(instants: Iterable[datetime], at: datetime) -> int:
    day = at.astimezone(SHANGHAI).date()
    return sum(each.astimezone(SHANGHAI).date() == day for each in instants)


def _within_week(instants: Iterable[datetime], at: datetime) -> list[datetime]:
    """Those of the seven days before ``at``, and any noted as later by a clock ahead of ours; oldest first."""
    return sorted(each for each in instants if each > at - WEEK)


def _next_day(at: datetime) -> datetime:
    return datetime.combine(at.astimezone(SHANGHAI).date() + _ONE_DAY, time(), SHANGHAI)
