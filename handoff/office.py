"""When seats are staffed: official workdays, make-up days included, in the hours the bureau has set."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from store.handoff_models import OfficeHours
from tax.calendar import is_covered, is_workday

_LONGEST_WAIT_DAYS = 31


@dataclass(frozen=True, slots=True)
class Hours:
    """Stretches of a workday (Asia/Shanghai), in order, none touching another."""

    stretches: tuple[tuple[time, time], ...]

    def staffed(self, at: datetime) -> bool:
        """Whether seats are staffed at this local instant."""
        return seat_day(at.date()) and any(start <= at.time() < end for start, end in self.stretches)

    def after(self, at: datetime, minutes: float) -> datetime:
        """The instant by which seats have been staffed for ``minutes`` from ``at`` on.

        With no stretch at all, or no staffed day within a month, the minutes are counted as they pass.
        """
        left = timedelta(minutes=minutes)
        for offset in range(_LONGEST_WAIT_DAYS if self.stretches else 0):
            day = at.date() + timedelta(days=offset)
            if not seat_day(day):
                continue
            for start, end in self.stretches:
                begins = max(datetime.combine(day, start, at.tzinfo), at)
                ends = datetime.combine(day, end, at.tzinfo)
                if ends <= begins:
                    continue
                if begins + left <= ends:
                    return begins + left
                left -= ends - begins
        return at + timedelta(minutes=minutes)

    def in_words(self) -> str:
        """``工作日9点到12点、14点到18点``."""
        said = "、".join(f"{_clock(start)}到{_clock(end)}" for start, end in self.stretches)
        return f"工作日{said}" if said else "暂不开放"


STANDARD = Hours(((time(9), time(12)), (time(14), time(18))))
"""Where a bureau has set none."""


def seat_day(day: date) -> bool:
    """Whether seats are staffed on this day.

    In a year whose official calendar is not out yet, Monday to Friday: this decides an offer, not a deadline.
    """
    return is_workday(day) if is_covered(day) else day.weekday() < 5


async def hours(session: AsyncSession) -> Hours:
    """The hours in the store."""
    rows = (await session.scalars(select(OfficeHours).order_by(OfficeHours.starts))).all()
    return Hours(tuple((row.starts, row.ends) for row in rows))


def _clock(at: time) -> str:
    return f"{at.hour}点{f'{at.minute}分' if at.minute else ''}"
