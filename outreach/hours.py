"""When a taxpayer may be contacted: official workdays within the hours of the lane and the region, Asia/Shanghai."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from outreach.clock import SHANGHAI
from outreach.plan import Lane, Limits, Span
from tax.calendar import is_covered, is_workday

_HOUR = timedelta(hours=1)
_ONE_DAY = timedelta(days=1)
_FIXED_HOLIDAYS = frozenset({(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)})
"""Month and day of the statutory holidays that fall on the same days every year (全国年节及纪念日放假办法, 2024)."""


@lru_cache(maxsize=4096)
def is_contact_day(day: date) -> bool:
    """Whether people are at work: by the official calendar, make-up days included.

    A year it does not cover: Monday to Friday without the holidays of fixed date.
    """
    if is_covered(day):
        return is_workday(day)
    return day.weekday() < 5 and (day.month, day.day) not in _FIXED_HOLIDAYS


@dataclass(frozen=True, slots=True)
class ContactHours:
    """The hours of one lane; ``regions`` are (beginning of a region's name, its own hours), the longest first.

    Without ``workdays_only`` every day is a contact day.
    """

    spans: tuple[Span, ...]
    regions: tuple[tuple[str, tuple[Span, ...]], ...] = ()
    workdays_only: bool = True

    @classmethod
    def of(cls, limits: Limits, lane: Lane) -> ContactHours:
        """Those that a campaign's limits give a lane."""
        if lane is Lane.MESSAGE:
            return cls(_ordered(limits.message_hours), (), limits.workdays_only)
        regions = sorted(limits.region_hours.items(), key=lambda entry: -len(entry[0]))
        return cls(
            _ordered(limits.hours),
            tuple((name, _ordered(spans)) for name, spans in regions),
            limits.workdays_only,
        )

    def open_at(self, at: datetime, region: str) -> bool:
        """Whether contact is allowed at this instant."""
        local = at.astimezone(SHANGHAI)
        return self._is_contact_day(local.date()) and any(
            span.starts <= local.time() < span.ends for span in self._of_region(region)
        )

    def next_open(self, at: datetime, region: str) -> datetime:
        """The first instant from ``at`` on at which contact is allowed: ``at`` itself when it is."""
        local = at.astimezone(SHANGHAI)
        day = local.date()
        while True:
            if self._is_contact_day(day):
                for span in self._of_region(region):
                    if datetime.combine(day, span.ends, SHANGHAI) > local:
                        return max(local, datetime.combine(day, span.starts, SHANGHAI))
            day += _ONE_DAY

    def back_to_open(self, at: datetime, region: str) -> datetime:
        """The same time of the latest contact day up to ``at``'s.

        Where contact is not allowed at that time: within the last hour before it, else at the day's beginning.
        """
        local = at.astimezone(SHANGHAI)
        day = local.date()
        while not self._is_contact_day(day):
            day -= _ONE_DAY
        wished = datetime.combine(day, local.time(), SHANGHAI)
        spans = self._of_region(region)
        for span in reversed(spans):
            starts, ends = (datetime.combine(day, each, SHANGHAI) for each in (span.starts, span.ends))
            if wished >= starts:
                return wished if wished < ends else max(starts, ends - _HOUR)
        return datetime.combine(day, spans[0].starts, SHANGHAI)

    def _is_contact_day(self, day: date) -> bool:
        return not self.workdays_only or is_contact_day(day)

    def _of_region(self, region: str) -> tuple[Span, ...]:
        return next((spans for beginning, spans in self.regions if region.startswith(beginning)), self.spans)


def _ordered(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    return tuple(sorted(spans, key=lambda span: span.starts))
