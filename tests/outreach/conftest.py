from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from outreach.clock import SetClock
from store.engine import SessionFactory
from tests.chat.database import fresh_database, opened
from tests.outreach.fake_carrier import FakeCarrier
from tests.outreach.makers import OPEN


@pytest.fixture
def url() -> str:
    return fresh_database()


@pytest_asyncio.fixture
async def sessions(url: str) -> AsyncIterator[SessionFactory]:
    async with opened(url) as factory:
        yield factory


@pytest.fixture
def clock() -> SetClock:
    return SetClock(OPEN)


@pytest_asyncio.fixture
async def carrier(url: str, clock: SetClock) -> AsyncIterator[FakeCarrier]:
    made = FakeCarrier(url, lambda: clock.at)
    yield made
    await made.aclose()
