"""Who says that money is tight is heeded: the signal, and the reminder that then speaks of the way out first."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select, update

from actions.core import Capability, Context, Reply, Turn
from actions.deferral import CashDifficulty, DeferralEligibility, StartDeferral
from actions.reminder import Reminder
from outreach.signals import note_short_of_cash, said_short_of_cash
from store.engine import SessionFactory
from store.models import Taxpayer
from store.outreach_models import Signal
from store.personas import by_key
from tests.chat.database import CIPHER, fresh_database, opened, seed
from tests.handoff.desk import prove
from tests.outreach import loop
from tests.outreach.makers import OPEN
from tests.support.stack import TODAY

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def seeded_url() -> str:
    url = fresh_database()
    asyncio.run(seed(url))
    return url


@pytest_asyncio.fixture
async def sessions(seeded_url: str) -> AsyncIterator[SessionFactory]:
    async with opened(seeded_url) as factory:
        yield factory


async def who(sessions: SessionFactory, persona: str) -> uuid.UUID:
    number = CIPHER.lookup_hash("identifier", by_key(persona).identifier)
    async with sessions() as session:
        found = await session.scalars(select(Taxpayer.id).where(Taxpayer.identifier_hash == number))
        return found.one()


async def say(
    sessions: SessionFactory,
    action: type[Capability],
    text: str,
    intent: str,
    *,
    persona: str,
    proven: bool = True,
    conversation_id: uuid.UUID | None = None,
) -> tuple[Reply, uuid.UUID]:
    """One turn; returns the reply and the conversation it was said in."""
    taxpayer_id = await who(sessions, persona)
    if conversation_id is None:
        conversation_id = await loop.talk(sessions)
        if proven:
            await prove(sessions, conversation_id, taxpayer_id, OPEN)
    turn = Turn(conversation_id, text, intent, 0.99, (intent,), (), {}, None, phone=True)
    nothing: Any = None
    async with sessions() as session, session.begin():
        ctx = Context(turn, session, nothing, OPEN, TODAY)
        reply = await action(nothing).handle(ctx)
    return reply, conversation_id


async def signals(sessions: SessionFactory, conversation_id: uuid.UUID) -> list[uuid.UUID]:
    async with sessions() as session:
        found = await session.scalars(
            select(Signal.taxpayer_id).where(Signal.conversation_id == conversation_id)
        )
        return list(found)


@pytest.mark.parametrize(
    ("action", "text", "intent"),
    [
        (CashDifficulty, "最近手头紧", "cash_difficulty"),
        (StartDeferral, "我要申请延期缴纳", "apply_deferral"),
    ],
)
async def test_who_is_short_of_cash_is_noted_once_a_conversation(
    sessions: SessionFactory, action: type[Capability], text: str, intent: str
) -> None:
    persona = "not_due_sole_trader"
    _, talk = await say(sessions, action, text, intent, persona=persona)
    await say(sessions, action, text, intent, persona=persona, conversation_id=talk)
    assert await signals(sessions, talk) == [await who(sessions, persona)]


async def test_somebody_unproven_is_nobody(sessions: SessionFactory) -> None:
    _, talk = await say(
        sessions, CashDifficulty, "最近手头紧", "cash_difficulty", persona="not_due_sole_trader", proven=False
    )
    assert await signals(sessions, talk) == []


async def test_a_question_about_the_rule_is_no_sign_of_need(
    sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_article(*_: object) -> tuple[None, None]:
        return None, None

    monkeypatch.setattr("actions.deferral.article_for", no_article)
    _, talk = await say(
        sessions,
        DeferralEligibility,
        "什么情况可以延期",
        "ask_deferral_eligibility",
        persona="not_due_company",
    )
    assert await signals(sessions, talk) == []


async def test_the_sign_fades(sessions: SessionFactory) -> None:
    taxpayer_id = await who(sessions, "settled")
    talk = await loop.talk(sessions)
    async with sessions() as session, session.begin():
        await note_short_of_cash(session, taxpayer_id, talk)
        assert await said_short_of_cash(session, taxpayer_id, OPEN)
        await session.execute(update(Signal).values(created_at=OPEN - timedelta(days=91)))
        assert not await said_short_of_cash(session, taxpayer_id, OPEN)


async def test_whoever_said_so_hears_of_the_deferral_before_the_amount(sessions: SessionFactory) -> None:
    before, talk = await say(sessions, Reminder, "/call_opening", "call_opening", persona="not_due_company")
    words = before.bubbles[0].text
    assert words.index("元") < words.index("延期")
    async with sessions() as session, session.begin():
        await note_short_of_cash(session, await who(sessions, "not_due_company"), talk)
    after, _ = await say(sessions, Reminder, "/call_opening", "call_opening", persona="not_due_company")
    words = after.bubbles[0].text
    assert words.index("申请延期") < words.index("元") and "由税务机关审核" in words
    assert after.bubbles[0].buttons[0].title == "想延期"
    assert after.bubbles[0].facts == before.bubbles[0].facts


@pytest.mark.parametrize("persona", ["overdue_company", "mixed"])
async def test_nobody_overdue_is_offered_what_is_too_late(sessions: SessionFactory, persona: str) -> None:
    talk = await loop.talk(sessions)
    async with sessions() as session, session.begin():
        await note_short_of_cash(session, await who(sessions, persona), talk)
    reply, _ = await say(sessions, Reminder, "/call_opening", "call_opening", persona=persona)
    assert "延期" not in reply.bubbles[0].text
