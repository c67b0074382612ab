from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from store.engine import SessionFactory
from tests.chat.database import fresh_database, opened


@pytest.fixture
def url() -> str:
    return fresh_database()


@pytest_asyncio.fixture
async def sessions(url: str) -> AsyncIterator[SessionFactory]:
    async with opened(url) as factory:
        yield factory
