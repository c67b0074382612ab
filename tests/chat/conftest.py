from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from store.engine import SessionFactory
from store.models import Conversation
from tests.chat.database import fresh_database, opened

NewConversation = Callable[[], Awaitable[uuid.UUID]]


@pytest.fixture(scope="module")
def url() -> str:
    return fresh_database()


@pytest_asyncio.fixture
async def sessions(url: str) -> AsyncIterator[SessionFactory]:
    async with opened(url) as factory:
        yield factory


@pytest.fixture
def new_conversation(sessions: SessionFactory) -> NewConversation:
    async def make() -> uuid.UUID:
        conversation = Conversation(id=uuid.uuid4(), channel="web")
        async with sessions() as session, session.begin():
            session.add(conversation)
        return conversation.id

    return make
