from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from store.engine import SessionFactory
from tests.chat.database import fresh_database, opened, seed


@pytest.fixture
def seeded_url() -> str:
    """URL of a database with the fictional taxpayers, for one test."""
    return fresh_seeded()


def fresh_seeded() -> str:
    url = fresh_database()
    asyncio.run(seed(url))
    return url


@pytest_asyncio.fixture
async def sessions(seeded_url: str) -> AsyncIterator[SessionFactory]:
    async with opened(seeded_url) as factory:
        yield factory
