"""The present, in Asia/Shanghai; the day can be fixed for tests and demonstrations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Clock:
    """``fixed`` replaces the day, not the time of day."""

    fixed: date | None = None

    def now(self) -> datetime:
        """The present instant, with Shanghai's offset."""
        real = datetime.now(SHANGHAI)
        if self.fixed is None:
            return real
        return real.replace(year=self.fixed.year, month=self.fixed.month, day=self.fixed.day)

    def today(self) -> date:
        """The present day in Shanghai."""
        return self.now().date()

    def unix(self) -> float:
        """Seconds since 1970, never shifted: what others sign with their own clocks is compared with it."""
        return datetime.now(SHANGHAI).timestamp()
