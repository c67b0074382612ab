"""The taxpayer's card beside a conversation: who this is, what they owe today, what was agreed, what was said before.

What happened in the conversation itself is there in any case. What is the taxpayer's own (taxes, promises, talks
elsewhere) needs a proof of identity that is valid now: the person in the thread may be another by then.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from handoff.moves import DISPOSITION_ZH, Disposition
from handoff.permissions import Action, may, require
from handoff.reasons import reason_zh
from handoff.wording import fit_to_keep
from store import audit
from store.crypto import FieldCipher
from store.debts import Debt, debts_of
from store.handoff_models import HandoffTicket, Staff, TicketStatus
from store.identity import proof
from store.models import (
    Call,
    Case,
    CaseKind,
    Conversation,
    DeferralApplication,
    Promise,
    Taxpayer,
    TaxpayerKind,
)
from tax.deferral import Status
from tax.errors import TaxError
from tax.late_fee import LateFeeResult

SHOWN = 20
"""Earlier talks on a card, newest first."""
CALL_OUTCOME_ZH: Mapping[str, str] = {
    "completed": "核实并告知",
    "not_verified": "未核实身份",
    "wrong_person": "不是本人",
    "callback": "约定回电",
    "opted_out": "要求不再联系",
    "human": "转了人工",
    "voicemail": "语音信箱",
    "silent": "接通无人说话",
    "hung_up": "对方挂断",
    "busy": "占线",
    "no_answer": "无人接听",
    "rejected": "拒接",
    "invalid_number": "号码无效",
    "fax": "传真机",
    "carrier_failure": "线路故障",
    "our_failure": "系统故障",
}


class Standing(StrEnum):
    """How sure we are who is in the conversation."""

    PROVEN = "proven"
    """A proof of identity is valid now."""
    KNOWN = "known"
    """They proved it earlier in this conversation; that has run out. Taken back, it leaves nobody, whatever a ticket says."""
    UNKNOWN = "unknown"


STANDING_ZH: Mapping[Standing, str] = {
    Standing.PROVEN: "已核实",
    Standing.KNOWN: "核实已过期，谈税款前请对方重新核实",
    Standing.UNKNOWN: "未核实",
}


@dataclass(frozen=True, slots=True)
class Person:
    """Who the conversation's taxpayer is; ``pack``: the dialect they spoke the last time."""

    taxpayer_id: uuid.UUID
    name: str
    kind: TaxpayerKind
    region: str
    identifier_mask: str
    pack: str | None


@dataclass(frozen=True, slots=True)
class BillToday:
    """A bill as of the card's day; ``fee`` is ``None``, with the reason in ``problem``, where no late fee can be said."""

    debt: Debt
    fee: LateFeeResult | None
    overdue: bool
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Applied:
    """A deferral application."""

    id: uuid.UUID
    number: str
    status: Status
    requested_until: date
    approved_until: date | None
    more_wanted: str | None


@dataclass(frozen=True, slots=True)
class Promised:
    """A day the taxpayer named for paying; ``status``: ``open``, ``kept``, ``broken`` or ``replaced``."""

    on: date
    status: str


@dataclass(frozen=True, slots=True)
class Matter:
    """A case opened in this conversation or, with a proof, by this taxpayer."""

    id: uuid.UUID
    number: str
    kind: CaseKind
    status: str
    due_at: datetime | None
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Talk:
    """An earlier talk: with a human (``number`` is the ticket's) or by telephone. ``about`` and ``outcome`` in Chinese."""

    at: datetime
    channel: str
    number: str | None
    about: str
    outcome: str
    agent: str | None


@dataclass(frozen=True, slots=True)
class Card:
    """What an agent sees beside a conversation; ``valid_until``: of the proof, where there is one."""

    conversation_id: uuid.UUID
    channel: str
    standing: Standing
    valid_until: datetime | None
    person: Person | None
    collection_stopped: bool
    bills: tuple[BillToday, ...]
    deferrals: tuple[Applied, ...]
    promises: tuple[Promised, ...]
    cases: tuple[Matter, ...]
    talks: tuple[Talk, ...]


class NoCard(LookupError):
    """There is no such conversation."""


class CannotReveal(Exception):
    """Why the number stays hidden, in words for who asked."""


async def card_of(session: AsyncSession, conversation_id: uuid.UUID, now: datetime, today: date) -> Card:
    """The card; who shows it asks for ``Action.SEE_CONVERSATION`` first. ``today``: the day late fees are as of.

    Raises:
        NoCard: there is no such conversation.
    """
    talk = await session.get(Conversation, conversation_id, populate_existing=True)
    if talk is None:
        raise NoCard
    who = await proof(session, conversation_id, now)
    taxpayer_id = who.taxpayer_id if who else talk.taxpayer_id
    taxpayer = await session.get(Taxpayer, taxpayer_id) if taxpayer_id else None
    own = who.taxpayer_id if who else None
    if who:
        standing = Standing.PROVEN
    else:
        standing = Standing.KNOWN if taxpayer else Standing.UNKNOWN
    return Card(
        conversation_id=conversation_id,
        channel=talk.channel,
        standing=standing,
        valid_until=who.valid_until if who else None,
        person=_person(taxpayer) if taxpayer else None,
        collection_stopped=talk.collection_stopped,
        bills=tuple(bill_today(debt, today) for debt in await debts_of(session, who)) if who else (),
        deferrals=await _deferrals(session, own) if own else (),
        promises=await _promises(session, own) if own else (),
        cases=await _cases(session, conversation_id, own),
        talks=await _talks(session, conversation_id, own),
    )


async def reveal(
    session: AsyncSession, staff: Staff, conversation_id: uuid.UUID, cipher: FieldCipher, why: str
) -> str:
    """The identity number in clear. The audit trail has who, why and the mask. Show it after the commit.

    An agent sees those of the conversations they have; officers, who decide applications and cases, all.

    Raises:
        NotAllowed: the role may not.
        CannotReveal: nobody proved their identity here, or the conversation is a colleague's.
        BadWords: no reason was given, or one with a personal number in it.
    """
    require(staff.roles, Action.REVEAL_IDENTITY)
    reason = fit_to_keep(why, "查看原因")
    talk = await session.get(Conversation, conversation_id, populate_existing=True)
    if talk is None:
        raise CannotReveal("没有这个会话。")
    if talk.agent_id != staff.id and not may(staff.roles, Action.SETTLE_CASE):
        raise CannotReveal("这个会话不在您手上，不能查看证件号码。")
    taxpayer = await session.get(Taxpayer, talk.taxpayer_id) if talk.taxpayer_id else None
    if taxpayer is None:
        raise CannotReveal("对方还没有核实过身份。")
    number = cipher.decrypt(taxpayer.identifier_enc, "taxpayer.identifier")
    await audit.record(
        session,
        actor=f"staff:{staff.login}",
        action="identity.revealed",
        subject=f"conversation:{conversation_id}",
        detail={"mask": taxpayer.identifier_mask, "why": reason},
    )
    return number


def _person(taxpayer: Taxpayer) -> Person:
    return Person(
        taxpayer.id,
        taxpayer.name,
        TaxpayerKind(taxpayer.kind),
        taxpayer.region,
        taxpayer.identifier_mask,
        taxpayer.pack,
    )


def bill_today(debt: Debt, today: date) -> BillToday:
    """The bill with its late fee as of ``today``; one whose data allow no fee says why instead of failing."""
    overdue = debt.is_overdue(today)
    if not debt.is_tax:
        return BillToday(debt, None, overdue, "社会保险费的滞纳金按社会保险法计算，这里不算。")
    try:
        return BillToday(debt, debt.late_fee(today), overdue)
    except TaxError as error:
        return BillToday(debt, None, overdue, str(error))


async def _deferrals(session: AsyncSession, taxpayer_id: uuid.UUID) -> tuple[Applied, ...]:
    found = await session.scalars(
        select(DeferralApplication)
        .where(DeferralApplication.taxpayer_id == taxpayer_id)
        .order_by(DeferralApplication.created_at.desc())
    )
    return tuple(
        Applied(a.id, a.number, Status(a.status), a.requested_until, a.approved_until, a.more_wanted)
        for a in found.all()
    )


async def _promises(session: AsyncSession, taxpayer_id: uuid.UUID) -> tuple[Promised, ...]:
    found = await session.scalars(
        select(Promise).where(Promise.taxpayer_id == taxpayer_id).order_by(Promise.created_at.desc())
    )
    return tuple(Promised(p.promised_on, p.status) for p in found.all())


async def _cases(
    session: AsyncSession, conversation_id: uuid.UUID, taxpayer_id: uuid.UUID | None
) -> tuple[Matter, ...]:
    found = await session.scalars(
        select(Case)
        .where(_here_or_theirs(Case.conversation_id, Case.taxpayer_id, conversation_id, taxpayer_id))
        .order_by(Case.created_at.desc())
    )
    return tuple(
        Matter(c.id, c.number, CaseKind(c.kind), c.status, c.due_at, c.created_at) for c in found.all()
    )


async def _talks(
    session: AsyncSession, conversation_id: uuid.UUID, taxpayer_id: uuid.UUID | None
) -> tuple[Talk, ...]:
    tickets = await session.execute(
        select(HandoffTicket, Staff.name)
        .outerjoin(Staff, Staff.id == HandoffTicket.agent_id)
        .where(
            HandoffTicket.status == TicketStatus.CLOSED,
            _here_or_theirs(
                HandoffTicket.conversation_id, HandoffTicket.taxpayer_id, conversation_id, taxpayer_id
            ),
        )
        .order_by(HandoffTicket.created_at.desc())
        .limit(SHOWN)
    )
    calls = await session.scalars(
        select(Call)
        .where(
            Call.outcome.is_not(None),
            _here_or_theirs(Call.conversation_id, Call.taxpayer_id, conversation_id, taxpayer_id),
        )
        .order_by(Call.created_at.desc())
        .limit(SHOWN)
    )
    talks = [_human_talk(ticket, agent) for ticket, agent in tickets.all()]
    talks += [_call(call) for call in calls.all()]
    return tuple(sorted(talks, key=lambda talk: talk.at, reverse=True)[:SHOWN])


def _human_talk(ticket: HandoffTicket, agent: str | None) -> Talk:
    ended = ticket.disposition or ""
    outcome = DISPOSITION_ZH[Disposition(ended)] if ended in set(Disposition) else "已结束"
    return Talk(ticket.created_at, ticket.channel, ticket.number, reason_zh(ticket.reason), outcome, agent)


def _call(call: Call) -> Talk:
    outcome = CALL_OUTCOME_ZH.get(call.outcome or "", call.outcome or "")
    return Talk(
        call.answered_at or call.intent_at or call.created_at, "phone", None, "电话提醒", outcome, None
    )


def _here_or_theirs(
    conversation: InstrumentedAttribute[uuid.UUID],
    taxpayer: InstrumentedAttribute[uuid.UUID | None],
    conversation_id: uuid.UUID,
    taxpayer_id: uuid.UUID | None,
) -> ColumnElement[bool]:
    here = conversation == conversation_id
    return or_(here, taxpayer == taxpayer_id) if taxpayer_id is not None else here
