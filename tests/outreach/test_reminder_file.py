"""Drilling down to one reminder: its reasons, bills, steps with all tries, events, pauses; reading a call is on record."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal

import pytest
import pytest_asyncio
from sqlalchemy import select

from handoff import staff as accounts
from outreach.pauses import lift, pause_contact
from outreach.reading import Stage, Standing
from outreach.reminder_file import AttemptLine, File, Said, reminder, transcript
from store import calls
from store.call_lines import grams
from store.engine import SessionFactory
from store.models import AuditEvent, Call, CallLine, Contact
from store.outreach_models import Attempt, AttemptState, OutreachEvent, Reminder, Step, StepState
from tests.chat.database import CIPHER, fresh_database, opened
from tests.outreach.makers import OPEN, Case, make_campaign, make_case, pay

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def url() -> str:
    return fresh_database()


@pytest_asyncio.fixture
async def sessions(url: str) -> AsyncIterator[SessionFactory]:
    async with opened(url) as factory:
        yield factory


async def read(sessions: SessionFactory, case: Case) -> File:
    async with sessions() as session:
        return await reminder(session, case.reminder_id, OPEN)


async def a_call(sessions: SessionFactory, case: Case, number: int, outcome: str, *said: str) -> Call:
    """A call of the case's step that has ended, and its attempt."""
    async with sessions() as session, session.begin():
        contact = (
            await session.scalars(select(Contact).where(Contact.taxpayer_id == case.taxpayer_id))
        ).one()
        call = await calls.plan(
            session,
            CIPHER,
            phone=CIPHER.decrypt(contact.phone_enc, "contact.phone"),
            purpose="reminder",
            carrier="standin",
            taxpayer_id=case.taxpayer_id,
        )
        call.state, call.outcome, call.intent_at, call.ended_at = "ended", outcome, OPEN, OPEN
        call.recording_path = "2026-11/x.slr" if said else None
        session.add_all(
            CallLine(
                call_id=call.id,
                speaker="bot",
                text=text,
                grams=grams(text),
                began_ms=1000 * i,
                ended_ms=1000 * i,
            )
            for i, text in enumerate(said)
        )
        await session.flush()
        session.add(
            Attempt(
                id=uuid.uuid4(), step_id=case.step_id, number=number, channel="call", contact_id=contact.id,
                state=AttemptState.ENDED, token=number, leased_by="test", leased_until=OPEN, intent_at=OPEN,
                call_id=call.id, outcome=outcome, ended_at=OPEN,
            )
        )  # fmt: skip
        return call


async def test_everything_about_one_reminder(sessions: SessionFactory) -> None:
    campaign = await make_campaign(sessions)
    case, other = await make_case(sessions, campaign), await make_case(sessions, campaign)
    await a_call(sessions, case, 1, "no_answer")
    heard = await a_call(sessions, case, 2, "completed", "您好。", "我是税务智能助手。")
    await a_call(sessions, other, 1, "busy")
    async with sessions() as session, session.begin():
        kept = await session.get_one(Reminder, case.reminder_id)
        kept.notified_at, kept.reached_at = OPEN, OPEN + timedelta(minutes=1)
        kept.reasons = [
            {"indicator": "first_time", "value": "是", "points": -5, "words": "此前从未逾期"},
        ]
        step = await session.get_one(Step, case.step_id)
        step.state, step.ended_at, step.tries = StepState.DONE, OPEN, 2
        step.reasons = {"verdict": "go", "reasons": ["可以打"]}
        session.add(OutreachEvent(reminder_id=case.reminder_id, step_id=case.step_id, kind="dialled"))
    found = await read(sessions, case)
    assert (found.line.standing, found.line.stage) == (Standing.ACTIVE, Stage.REACHED)
    assert dict(found.stations) == {Stage.NOTIFIED: OPEN, Stage.REACHED: OPEN + timedelta(minutes=1)}
    assert [(each.words, each.points) for each in found.reasons] == [("此前从未逾期", -5)]
    assert [each.unpaid for each in found.bills] == [Decimal("1000.00")]
    assert [(e.kind, e.step) for e in found.events] == [("dialled", "电话")]
    (shown,) = found.steps
    assert (shown.title, shown.state, shown.verdict, shown.reasons) == (
        "电话",
        StepState.DONE,
        "go",
        ("可以打",),
    )
    first, second = shown.attempts
    assert (first.outcome, first.recording) == ("no_answer", False)
    assert (second.outcome, second.recording, second.call_id) == ("completed", True, heard.id)
    assert isinstance(second, AttemptLine) and "****" in (second.phone_mask or "")


async def test_what_is_paid_is_over(sessions: SessionFactory) -> None:
    case = await make_case(sessions, await make_campaign(sessions))
    await pay(sessions, case.bill_id)
    found = await read(sessions, case)
    assert (found.line.standing, found.line.stage) == (Standing.PAID, Stage.PAID)
    assert found.closed_at is not None and found.steps[0].state is StepState.CANCELLED
    assert [(e.kind, e.detail["reason"]) for e in found.events] == [("closed", "paid")]
    assert found.bills[0].unpaid == 0


async def test_pauses_of_the_taxpayer_and_of_their_number_until_they_end(sessions: SessionFactory) -> None:
    campaign = await make_campaign(sessions)
    case, other = await make_case(sessions, campaign), await make_case(sessions, campaign)
    async with sessions() as session, session.begin():
        phone = (await session.scalars(select(Contact).where(Contact.taxpayer_id == case.taxpayer_id))).one()
        whole = await pause_contact(
            session, "staff:zhang", taxpayer_id=case.taxpayer_id, until=None, reason="本人要求"
        )
        await pause_contact(
            session, "cli", phone_hash=phone.phone_hash, until=None, reason="换了号码", calls_only=True
        )
    found = await read(sessions, case)
    assert [(p.reason, p.calls_only) for p in found.pauses] == [("本人要求", False), ("换了号码", True)]
    assert (await read(sessions, other)).pauses == ()
    async with sessions() as session, session.begin():
        await lift(session, "staff:zhang", whole.id)
    assert [p.reason for p in (await read(sessions, case)).pauses] == ["换了号码"]


async def test_reading_what_was_said_is_on_record(sessions: SessionFactory) -> None:
    case = await make_case(sessions, await make_campaign(sessions))
    call = await a_call(sessions, case, 1, "completed", "您好。", "再见。")
    async with sessions() as session, session.begin():
        by = await accounts.create(
            session,
            login="reader",
            name="某人",
            password="long-enough-for-a-test",
            roles=["officer"],
            actor="system",
        )
        assert await transcript(session, by, call.id) == (
            Said("bot", "您好。", 0),
            Said("bot", "再见。", 1000),
        )
    async with sessions() as session:
        event = (
            await session.scalars(
                select(AuditEvent).where(
                    AuditEvent.action == "call.opened", AuditEvent.subject == f"call:{call.id}"
                )
            )
        ).one()
    assert event.actor == "staff:reader"


async def test_no_such_reminder(sessions: SessionFactory) -> None:
    async with sessions() as session:
        with pytest.raises(LookupError, match="没有这条提醒"):
            await reminder(session, uuid.uuid4(), OPEN)
