"""Calendar sums shared by the parsers of days, spans and periods."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

FIRST_YEAR, LAST_YEAR = 1950, 2100


def make_day(year: int, month: int, day: int) -> date | None:
    """That day, or None when the calendar has none."""
    if (
        not FIRST_YEAR <= year <= LAST_YEAR
        or not 1 <= month <= 12
        or not 1 <= day <= monthrange(year, month)[1]
    ):
        return None
    return date(year, month, day)


def add_months(day: date, months: int) -> date | None:
    """The same day of the month ``months`` later, or that month's last day; None outside 1950–2100."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return None
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def add_days(day: date, days: int) -> date | None:
    """``days`` later; None outside 1950–2100."""
    if abs(days) > 60_000:
        return None
    moved = day + timedelta(days=days)
    return moved if FIRST_YEAR <= moved.year <= LAST_YEAR else None


def shift_month(day: date, months: int) -> tuple[int, int]:
    """Year and month, ``months`` after the month of ``day``."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return year, month + 1


def last_day(year: int, month: int) -> date:
    """Last day of that month."""
    return date(year, month, monthrange(year, month)[1])


def nearest(candidates: list[date], today: date, *, past: bool | None = None) -> date | None:
    """The candidate nearest to ``today``; with ``past`` only those up to (True) or from (False) it, if any."""
    if past is not None:
        wanted = [day for day in candidates if (day <= today if past else day >= today)]
        candidates = wanted or candidates
    return min(candidates, key=lambda day: (abs((day - today).days), day < today), default=None)
