"""The store's clock, the same for all workers; its day can be shifted for demonstrations and tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class StoreClock:
    """``shift`` is added to the store's time."""

    shift: timedelta = timedelta()

    async def now(self, session: AsyncSession) -> datetime:
        """The instant, in Asia/Shanghai."""
        real: datetime = (await session.execute(select(func.clock_timestamp()))).scalar_one()
        return real.astimezone(SHANGHAI) + self.shift


@dataclass(slots=True)
class SetClock:
    """A clock that stands where it is set."""

    at: datetime

    async def now(self, session: AsyncSession) -> datetime:
        """Where it stands."""
        return self.at
