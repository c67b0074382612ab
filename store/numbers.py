"""Case numbers people can read out, such as ``YQ2026-000123``."""

from __future__ import annotations

import re
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from store.locks import Lock, take

DEFERRAL = "YQ"
CASE = "SX"
HANDOFF = "RG"

_PREFIX = re.compile(r"[A-Z]{1,8}")


async def next_number(session: AsyncSession, prefix: str, today: date) -> str:
    """The next number of ``prefix`` in the year of ``today``; never given twice, gaps are possible.

    Counts in a database sequence of its own for each prefix and year, created when first needed.

    Raises:
        ValueError: ``prefix`` is not 1 to 8 capital letters.
    """
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(f"a number's prefix is 1 to 8 capital letters, not {prefix!r}")
    sequence = f"number_{prefix.lower()}_{today.year:04d}"
    if await session.scalar(text("select to_regclass(:name)"), {"name": sequence}) is None:
        await session.execute(take(Lock.NUMBER))
        await session.execute(text(f"create sequence if not exists {sequence}"))
    value = await session.scalar(text("select nextval(cast(:name as regclass))"), {"name": sequence})
    return f"{prefix}{today.year:04d}-{value:06d}"
