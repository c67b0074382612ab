"""The chat inbox: shown where somebody proved who they are, kept otherwise, and never shown when it is overtaken."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select, update

from actions.core import Context, Services, Turn
from actions.verification import AfterVerification
from kb.embed import HashingEmbedder
from kb.search import KnowledgeBase
from outreach.channels.inbox import show_waiting
from outreach.deliver import deliver
from outreach.plan import Channel
from outreach.terms import Notice, Receipt
from store.engine import SessionFactory
from store.models import Conversation, Message
from store.outreach_models import Reminder
from tests.chat.database import CIPHER
from tests.handoff.desk import conversation, prove
from tests.outreach.makers import DUE, OPEN, Case, make_campaign, make_case, pay, plan_of
from tests.outreach.test_outbox import attempt_of

pytestmark = pytest.mark.unit
TODAY = OPEN.date()


async def remind(
    sessions: SessionFactory,
    case: Case,
    words: str,
    attempt: uuid.UUID | None = None,
    now: datetime = OPEN,
) -> Receipt:
    async with sessions() as session, session.begin():
        reminder = await session.get_one(Reminder, case.reminder_id)
        return await deliver(session, CIPHER, Channel.INBOX, reminder, Notice(words, "短信", attempt), now)


async def a_case(sessions: SessionFactory) -> Case:
    return await make_case(sessions, await make_campaign(sessions, plan_of()), "message")


async def said(sessions: SessionFactory, conversation_id: uuid.UUID) -> list[str]:
    async with sessions() as session:
        found = await session.scalars(
            select(Message.text).where(Message.conversation_id == conversation_id).order_by(Message.id)
        )
        return list(found)


async def show(sessions: SessionFactory, case: Case, window: uuid.UUID, today: date = TODAY) -> int:
    async with sessions() as session, session.begin():
        return await show_waiting(session, case.taxpayer_id, window, today)


async def silent_for(sessions: SessionFactory, window: uuid.UUID, days: int, **more: object) -> None:
    async with sessions() as session, session.begin():
        await session.execute(
            update(Conversation)
            .where(Conversation.id == window)
            .values(last_message_at=OPEN - timedelta(days=days), **more)
        )


async def test_it_is_shown_in_the_latest_conversation_they_proved_themselves_in(
    sessions: SessionFactory,
) -> None:
    case = await a_case(sessions)
    older, newer = [await conversation(sessions, case.taxpayer_id) for _ in range(2)]
    await silent_for(sessions, older, 3)
    await silent_for(sessions, newer, 1)
    attempt = await attempt_of(sessions, case)
    assert await remind(sessions, case, "快到期了。", attempt) is Receipt.DELIVERED
    assert await remind(sessions, case, "快到期了。", attempt) is Receipt.DELIVERED
    assert (await said(sessions, newer), await said(sessions, older)) == (["快到期了。"], [])
    assert await show(sessions, case, newer) == 0, "it has been shown"


@pytest.mark.parametrize(
    ("channel", "days", "more"),
    [("web", 91, {}), ("phone", 1, {}), ("web", 1, {"owner": "closed"}), ("web", 1, {"taxpayer_id": None})],
    ids=["long silent", "a call", "closed", "proof taken back"],
)
async def test_where_nobody_looks_it_waits(
    sessions: SessionFactory, channel: str, days: int, more: dict[str, object]
) -> None:
    case = await a_case(sessions)
    window = await conversation(sessions, case.taxpayer_id, channel=channel)
    await silent_for(sessions, window, days, **more)
    assert await remind(sessions, case, "快到期了。", await attempt_of(sessions, case)) is Receipt.UNREACHABLE
    assert await said(sessions, window) == []


async def test_what_waits_is_shown_once_when_they_next_prove_who_they_are(sessions: SessionFactory) -> None:
    case, other = await a_case(sessions), await a_case(sessions)
    assert await remind(sessions, case, "快到期了。", await attempt_of(sessions, case)) is Receipt.UNREACHABLE
    stranger = await conversation(sessions, other.taxpayer_id)
    assert await show(sessions, other, stranger) == 0
    window = await conversation(sessions, case.taxpayer_id)
    services = Services(
        sessions=sessions,
        cipher=CIPHER,
        kb=KnowledgeBase.load(embedder=HashingEmbedder()),
        now=lambda: OPEN,
        today=lambda: TODAY,
        code_life=timedelta(minutes=5),
        proof_life=timedelta(minutes=30),
        document_link=str,
    )
    turn = Turn(window, "123456", "inform", 1.0, ("inform",), (), {}, None)
    for _ in range(2):
        async with sessions() as session, session.begin():
            reply = await AfterVerification(services).handle(Context(turn, session, services, OPEN, TODAY))
        if not reply.bubbles:
            assert await said(sessions, window) == [], "nothing is shown before the proof"
        await prove(sessions, window, case.taxpayer_id, OPEN)
    async with sessions() as session, session.begin():
        await AfterVerification(services).handle(Context(turn, session, services, OPEN, TODAY))
    assert await said(sessions, window) == ["快到期了。"]


async def test_only_the_last_notice_of_a_reminder_is_shown(sessions: SessionFactory) -> None:
    case = await a_case(sessions)
    for number, words in enumerate(("先前的。", "后来的。"), start=1):
        await remind(sessions, case, words, await attempt_of(sessions, case, number))
    window = await conversation(sessions, case.taxpayer_id)
    assert await show(sessions, case, window) == 1
    assert await said(sessions, window) == ["后来的。"]


async def test_a_paid_reminder_is_overtaken_and_the_thanks_are_not(sessions: SessionFactory) -> None:
    case = await a_case(sessions)
    await remind(sessions, case, "快到期了。", await attempt_of(sessions, case))
    await pay(sessions, case.bill_id)
    await remind(sessions, case, "谢谢您。")
    window = await conversation(sessions, case.taxpayer_id)
    assert await show(sessions, case, window) == 1
    assert await said(sessions, window) == ["谢谢您。"]


async def test_words_for_before_the_deadline_are_not_shown_after_it(sessions: SessionFactory) -> None:
    case = await a_case(sessions)
    await remind(sessions, case, "可以申请延期。", await attempt_of(sessions, case))
    window = await conversation(sessions, case.taxpayer_id)
    assert await show(sessions, case, window, DUE + timedelta(days=1)) == 0

    late = await a_case(sessions)
    await remind(sessions, late, "过了期限。", await attempt_of(sessions, late), OPEN + timedelta(days=23))
    window = await conversation(sessions, late.taxpayer_id)
    assert await show(sessions, late, window, DUE + timedelta(days=2)) == 1
