"""Virtual time: what happens when, in the order of time; at one instant in the order in which it was put down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from heapq import heappop, heappush
from typing import Any

from outreach.clock import SHANGHAI

SECOND = 1_000_000
"""Instants are whole microseconds since midnight (Asia/Shanghai) of the first day."""
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

Handler = Callable[[int, Any], None]
"""Takes the instant and what was put down with it."""


class Agenda:
    """Everything that is still to happen."""

    def __init__(self, start: date) -> None:
        self.start = start
        self._midnight = datetime.combine(start, time(), SHANGHAI)
        self._events: list[tuple[int, int, Handler, Any]] = []
        self._order = 0

    def put(self, at: int, handler: Handler, about: Any) -> None:
        """Let ``handler`` have its turn at ``at``."""
        self._order += 1
        heappush(self._events, (at, self._order, handler, about))

    def play(self, end: int, settle: Callable[[int], None]) -> None:
        """All that happens before ``end``; ``settle`` comes after everything of one instant, and may add to it."""
        events = self._events
        while events and events[0][0] < end:
            now, _, handler, about = heappop(events)
            handler(now, about)
            if not events or events[0][0] > now:
                settle(now)

    def moment(self, at: int) -> datetime:
        """The instant in Asia/Shanghai."""
        return self._midnight + timedelta(microseconds=at)

    def instant(self, at: datetime) -> int:
        """The moment as an instant."""
        since = at - self._midnight
        return since.days * DAY + since.seconds * SECOND + since.microseconds

    def day(self, at: int) -> date:
        """The day it falls on."""
        return self.start + timedelta(days=at // DAY)
