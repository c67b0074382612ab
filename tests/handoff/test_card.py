"""The card beside a conversation: what stands on it depends on the proof, and what is hidden stays so."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import astuple
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select, update

from handoff import card as cards
from handoff.card import CannotReveal, Card, Standing
from handoff.permissions import NotAllowed, Role
from handoff.thread import BadWords
from store.engine import SessionFactory
from store.fictional import phone
from store.handoff_models import HandoffTicket, TicketStatus
from store.identity import revoke
from store.models import AuditEvent, Call, CallState, CaseKind, Conversation, Owner, Promise, Taxpayer
from tax.identifiers import mask_phone
from telephony.events import Outcome
from tests.chat.database import CIPHER, fresh_database, opened
from tests.handoff import desk
from tests.handoff.desk import at

pytestmark = pytest.mark.unit

TODAY = date(2026, 11, 23)
NOW = at(TODAY)


@pytest.fixture(scope="module")
def url() -> str:
    return fresh_database()


@pytest_asyncio.fixture
async def sessions(url: str) -> AsyncIterator[SessionFactory]:
    async with opened(url) as factory:
        yield factory


async def card(sessions: SessionFactory, conversation: uuid.UUID, now: Any = NOW) -> Card:
    async with sessions() as session:
        return await cards.card_of(session, conversation, now, TODAY)


async def ticket(
    sessions: SessionFactory,
    conversation: uuid.UUID,
    owner: uuid.UUID | None,
    agent: uuid.UUID,
    *,
    closed: bool,
) -> str:
    number = f"RG-{uuid.uuid4().hex[:10]}"
    async with sessions() as session, session.begin():
        session.add(
            HandoffTicket(
                number=number,
                conversation_id=conversation,
                taxpayer_id=owner,
                reason="dispute",
                skill="dispute",
                priority=3,
                summary="",
                trigger_text="",
                status=TicketStatus.CLOSED if closed else TicketStatus.ASSIGNED,
                agent_id=agent,
                disposition="solved" if closed else None,
                closed_at=NOW if closed else None,
            )
        )
    return number


async def call(sessions: SessionFactory, owner: uuid.UUID, outcome: str) -> None:
    talk = await desk.conversation(sessions, channel="phone")
    async with sessions() as session, session.begin():
        session.add(
            Call(
                conversation_id=talk,
                taxpayer_id=owner,
                carrier="standin",
                phone_enc=CIPHER.encrypt(phone(1), "call.phone"),
                phone_hash=CIPHER.lookup_hash("phone", phone(1)),
                phone_mask=mask_phone(phone(1)),
                purpose="reminder",
                state=CallState.ENDED,
                outcome=outcome,
                intent_at=NOW - timedelta(days=3),
            )
        )


async def affairs(sessions: SessionFactory) -> tuple[Taxpayer, uuid.UUID]:
    """A taxpayer with an overdue bill paid in part, an application, a promise, cases, a call and a talk elsewhere."""
    who = await desk.taxpayer(sessions)
    debt = await desk.bill(sessions, who.id, Decimal("100000.00"), date(2026, 5, 22))
    await desk.pay(sessions, debt, Decimal("30000.00"), date(2026, 6, 1))
    await desk.apply(sessions, debt, date(2026, 5, 10), None, status="refused")
    elsewhere = await desk.conversation(sessions, who.id)
    await desk.case(sessions, CaseKind.COMPLAINT, elsewhere, who.id)
    agent = await desk.staff(sessions, Role.AGENT, name="李坐席")
    await ticket(sessions, elsewhere, who.id, agent.id, closed=True)
    await call(sessions, who.id, "no_answer")
    async with sessions() as session, session.begin():
        session.add(
            Promise(taxpayer_id=who.id, conversation_id=elsewhere, promised_on=TODAY + timedelta(days=7))
        )
    return who, await desk.conversation(sessions)


def gives_away(shown: Card, who: Taxpayer) -> bool:
    return any(text in repr(astuple(shown)) for text in (who.name, who.identifier_mask, str(who.id)))


async def test_of_an_unproven_conversation_only_itself_is_shown(sessions: SessionFactory) -> None:
    who, talk = await affairs(sessions)
    await desk.case(sessions, CaseKind.CALLBACK, talk)
    shown = await card(sessions, talk)
    assert (shown.standing, shown.person, shown.valid_until) == (Standing.UNKNOWN, None, None)
    assert shown.bills == shown.deferrals == shown.promises == shown.talks == ()
    assert [matter.kind for matter in shown.cases] == [CaseKind.CALLBACK]
    assert not gives_away(shown, who)


async def test_a_proof_opens_the_whole_card(sessions: SessionFactory) -> None:
    who, talk = await affairs(sessions)
    await desk.case(sessions, CaseKind.CALLBACK, talk)
    await desk.prove(sessions, talk, who.id, NOW)
    shown = await card(sessions, talk)
    assert shown.standing is Standing.PROVEN and shown.valid_until == NOW + timedelta(minutes=30)
    assert shown.person is not None
    assert (shown.person.identifier_mask, shown.person.region) == (who.identifier_mask, "成都市")
    (owed,) = shown.bills
    assert owed.debt.unpaid == Decimal("70000.00") and owed.overdue
    assert owed.fee is not None and [(s.end, s.base, s.days, s.fee) for s in owed.fee.segments] == [
        (date(2026, 6, 1), Decimal("30000.00"), 10, Decimal("150.00")),
        (TODAY, Decimal("70000.00"), 185, Decimal("6475.00")),
    ]
    assert [a.status for a in shown.deferrals] == ["refused"]
    assert [p.on for p in shown.promises] == [TODAY + timedelta(days=7)]
    assert {matter.kind for matter in shown.cases} == {CaseKind.COMPLAINT, CaseKind.CALLBACK}
    assert {(t.about, t.outcome, t.agent) for t in shown.talks} == {
        ("对金额或税款有异议", "已解决", "李坐席"),
        ("电话提醒", "无人接听", None),
    }


async def test_a_proof_that_ran_out_leaves_who_it_was_and_no_taxes(sessions: SessionFactory) -> None:
    who, talk = await affairs(sessions)
    await desk.prove(sessions, talk, who.id, NOW)
    shown = await card(sessions, talk, NOW + timedelta(minutes=31))
    assert shown.standing is Standing.KNOWN
    assert shown.person is not None and shown.person.identifier_mask == who.identifier_mask
    assert shown.bills == shown.deferrals == shown.promises == shown.cases == shown.talks == ()


async def test_a_proof_taken_back_leaves_nobody_though_a_ticket_names_them(sessions: SessionFactory) -> None:
    who, talk = await affairs(sessions)
    agent = await desk.staff(sessions, Role.AGENT)
    await desk.prove(sessions, talk, who.id, NOW)
    await ticket(sessions, talk, who.id, agent.id, closed=False)
    async with sessions() as session, session.begin():
        await revoke(session, talk)
    shown = await card(sessions, talk)
    assert shown.standing is Standing.UNKNOWN
    assert not gives_away(shown, who)


async def test_nobody_elses_affairs_stand_on_a_card(sessions: SessionFactory) -> None:
    other, _ = await affairs(sessions)
    who = await desk.taxpayer(sessions)
    talk = await desk.conversation(sessions)
    await desk.prove(sessions, talk, who.id, NOW)
    shown = await card(sessions, talk)
    assert shown.bills == shown.deferrals == shown.promises == shown.cases == shown.talks == ()
    assert not gives_away(shown, other)


async def test_social_insurance_has_no_late_fee_on_the_card(sessions: SessionFactory) -> None:
    who = await desk.taxpayer(sessions)
    await desk.bill(sessions, who.id, Decimal("2460.00"), date(2026, 10, 26), tax_type="社会保险费")
    talk = await desk.conversation(sessions)
    await desk.prove(sessions, talk, who.id, NOW)
    (owed,) = (await card(sessions, talk)).bills
    assert owed.fee is None and "社会保险法" in owed.problem


async def test_a_bill_that_cannot_be_worked_out_does_not_take_the_card_away(sessions: SessionFactory) -> None:
    who = await desk.taxpayer(sessions)
    broken = await desk.bill(sessions, who.id, Decimal("100.00"), date(2026, 10, 26))
    await desk.bill(sessions, who.id, Decimal("12500.30"), date(2026, 10, 26))
    await desk.pay(sessions, broken, Decimal("1.00"), date(2019, 1, 1))
    talk = await desk.conversation(sessions)
    await desk.prove(sessions, talk, who.id, NOW)
    bills = (await card(sessions, talk)).bills
    fees = {b.debt.principal: (b.fee.late_fee if b.fee else None, bool(b.problem)) for b in bills}
    assert fees == {Decimal("100.00"): (None, True), Decimal("12500.30"): (Decimal("175.00"), False)}


async def test_an_unknown_conversation_has_no_card(sessions: SessionFactory) -> None:
    with pytest.raises(cards.NoCard):
        await card(sessions, uuid.uuid4())


def test_every_outcome_of_a_call_has_its_word() -> None:
    assert set(cards.CALL_OUTCOME_ZH) == set(Outcome)


async def give(sessions: SessionFactory, talk: uuid.UUID, agent: uuid.UUID) -> None:
    async with sessions() as session, session.begin():
        await session.execute(
            update(Conversation).where(Conversation.id == talk).values(owner=Owner.AGENT, agent_id=agent)
        )


async def test_the_number_is_shown_to_who_has_the_conversation_and_the_trail_has_the_mask(
    sessions: SessionFactory,
) -> None:
    who, talk = await affairs(sessions)
    await desk.prove(sessions, talk, who.id, NOW)
    agent = await desk.staff(sessions, Role.AGENT)
    clear = CIPHER.decrypt(who.identifier_enc, "taxpayer.identifier")
    async with sessions() as session, session.begin():
        with pytest.raises(CannotReveal, match="不在您手上"):
            await cards.reveal(session, agent, talk, CIPHER, "核对开票信息")
    await give(sessions, talk, agent.id)
    for why in ("", "  ", f"对方说是{clear}"):
        async with sessions() as session, session.begin():
            with pytest.raises(BadWords):
                await cards.reveal(session, agent, talk, CIPHER, why)
    async with sessions() as session, session.begin():
        assert await cards.reveal(session, agent, talk, CIPHER, "核对开票信息") == clear
    async with sessions() as session:
        (event,) = (
            await session.scalars(select(AuditEvent).where(AuditEvent.action == "identity.revealed"))
        ).all()
    assert (event.actor, event.subject) == (f"staff:{agent.login}", f"conversation:{talk}")
    assert event.detail == {"mask": who.identifier_mask, "why": "核对开票信息"}


async def test_an_officer_need_not_have_the_conversation(sessions: SessionFactory) -> None:
    who, talk = await affairs(sessions)
    await desk.prove(sessions, talk, who.id, NOW)
    async with sessions() as session, session.begin():
        shown = await cards.reveal(session, await desk.officer(sessions), talk, CIPHER, "核对申请材料")
    assert shown == CIPHER.decrypt(who.identifier_enc, "taxpayer.identifier")


async def test_there_is_no_number_of_somebody_unproven(sessions: SessionFactory) -> None:
    _, talk = await affairs(sessions)
    officer = await desk.officer(sessions)
    async with sessions() as session, session.begin():
        for conversation in (talk, uuid.uuid4()):
            with pytest.raises(CannotReveal):
                await cards.reveal(session, officer, conversation, CIPHER, "核对")


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.ADMIN, Role.AUDITOR])
async def test_roles_without_need_see_no_number(sessions: SessionFactory, role: Role) -> None:
    who, talk = await affairs(sessions)
    await desk.prove(sessions, talk, who.id, NOW)
    other = await desk.staff(sessions, role)
    await give(sessions, talk, other.id)
    async with sessions() as session, session.begin():
        with pytest.raises(NotAllowed):
            await cards.reveal(session, other, talk, CIPHER, "核对")
