from __future__ import annotations

import asyncio
import itertools
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from sqlalchemy import select

from store import identity
from store.engine import SessionFactory
from store.identity import CodeOutcome, StartOutcome, VerifiedTaxpayer
from store.models import Conversation, OutboxSms
from store.personas import by_key
from tests.chat.database import CIPHER, fresh_database, opened, seed

SHANGHAI = ZoneInfo("Asia/Shanghai")
CODE_LIFE = timedelta(minutes=5)
PROOF_LIFE = timedelta(minutes=30)


@pytest.fixture(scope="module")
def days() -> Iterator[int]:
    """Each test of a module has a later day than those before it, as they share a database."""
    return itertools.count()


@pytest.fixture(scope="module")
def seeded_url() -> str:
    """URL of a database with the fictional taxpayers."""
    url = fresh_database()
    asyncio.run(seed(url))
    return url


@pytest_asyncio.fixture
async def sessions(seeded_url: str) -> AsyncIterator[SessionFactory]:
    async with opened(seeded_url) as factory:
        yield factory


@dataclass
class Door:
    """Verification as the actions do it, on a clock of the test's own: each test begins on a day of its own, so that
    limits by the hour do not carry over."""

    sessions: SessionFactory
    now: datetime

    @property
    def today(self) -> date:
        return self.now.date()

    def later(self, **by: int) -> None:
        self.now += timedelta(**by)

    async def conversation(self) -> uuid.UUID:
        opened = Conversation(id=uuid.uuid4(), channel="web")
        async with self.sessions() as session, session.begin():
            session.add(opened)
        return opened.id

    async def start(self, conversation: uuid.UUID, value: str, kind: str = "uscc") -> StartOutcome:
        async with self.sessions() as session, session.begin():
            return await identity.start(
                session, CIPHER, conversation_id=conversation, kind=kind, value=value, now=self.now, code_life=CODE_LIFE
            )  # fmt: skip

    async def resend(self, conversation: uuid.UUID) -> StartOutcome:
        async with self.sessions() as session, session.begin():
            return await identity.resend(
                session, CIPHER, conversation_id=conversation, now=self.now, code_life=CODE_LIFE
            )

    async def enter(self, conversation: uuid.UUID, code: str) -> CodeOutcome:
        async with self.sessions() as session, session.begin():
            return await identity.enter_code(
                session, CIPHER, conversation_id=conversation, code=code, now=self.now, valid_for=PROOF_LIFE
            )

    async def proof(self, conversation: uuid.UUID) -> VerifiedTaxpayer | None:
        async with self.sessions() as session:
            return await identity.proof(session, conversation, self.now)

    async def revoke(self, conversation: uuid.UUID) -> None:
        async with self.sessions() as session, session.begin():
            await identity.revoke(session, conversation)

    async def messages(self) -> list[str]:
        """Text messages sent so far, newest first."""
        async with self.sessions() as session:
            sent = await session.scalars(select(OutboxSms).order_by(OutboxSms.id.desc()))
            return [CIPHER.decrypt(m.body_enc, "outbox_sms.body") for m in sent]

    async def code(self) -> str:
        """The code sent last."""
        found = re.search(r"\d{6}", (await self.messages())[0])
        assert found is not None
        return found[0]

    async def verified(self, persona: str) -> uuid.UUID:
        """A conversation that has shown to be ``persona``."""
        conversation = await self.conversation()
        person = by_key(persona)
        assert await self.start(conversation, person.phone, "mobile") is StartOutcome.SENT
        assert await self.enter(conversation, await self.code()) is CodeOutcome.VERIFIED
        return conversation


@pytest.fixture
def door(sessions: SessionFactory, days: Iterator[int]) -> Door:
    start = datetime(2026, 11, 23, 10, 0, tzinfo=SHANGHAI)
    return Door(sessions, start + timedelta(days=next(days)))


def wrong(code: str) -> str:
    """A code that is not this one."""
    return f"{(int(code) + 1) % 1_000_000:06d}"
