"""Case numbers: per prefix and year, never twice."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from store.engine import SessionFactory
from store.numbers import next_number

pytestmark = pytest.mark.unit


async def test_numbers_count_within_prefix_and_year(session: AsyncSession) -> None:
    day = date(2026, 11, 23)
    assert [await next_number(session, "YQ", day) for _ in range(2)] == ["YQ2026-000001", "YQ2026-000002"]
    assert await next_number(session, "RG", day) == "RG2026-000001"
    assert await next_number(session, "YQ", date(2027, 1, 1)) == "YQ2027-000001"
    await session.commit()
    assert await next_number(session, "YQ", day) == "YQ2026-000003"


async def test_concurrent_first_numbers_differ_and_rollbacks_repeat_none(sessions: SessionFactory) -> None:
    async def one(n: int) -> str | None:
        async with sessions() as session:
            number = await next_number(session, "TS", date(2026, 1, 1))
            if n % 3 == 0:
                await session.rollback()
                return None
            await session.commit()
            return number

    given = [number for number in await asyncio.gather(*(one(n) for n in range(18))) if number]
    assert len(given) == len(set(given)) == 12


@pytest.mark.parametrize("prefix", ["", "yq", "A1", "A; drop table bill", "ABCDEFGHI"])
async def test_odd_prefixes_are_refused(session: AsyncSession, prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        await next_number(session, prefix, date(2026, 1, 1))
