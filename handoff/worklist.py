"""Cases as officers read them: the list of what is to be done, one in full, and the number a callback goes to."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.card import BillToday, bill_today
from handoff.casework import OPEN, CannotSettle
from handoff.permissions import Action, require
from handoff.wording import fit_to_keep
from store import audit
from store.crypto import FieldCipher
from store.debts import debts_for_officers
from store.handoff_models import Staff
from store.models import Bill, Call, Case, CaseKind, Contact, Conversation, Secret, Taxpayer

SHOWN = 100


@dataclass(frozen=True, slots=True)
class Work:
    """A case as a line of the list; ``name`` and ``bill_no`` are ``None`` where it came from nobody proven."""

    id: uuid.UUID
    number: str
    kind: CaseKind
    status: str
    statement: str
    name: str | None
    bill_no: str | None
    channel: str
    conversation_id: uuid.UUID
    due_at: datetime | None
    assigned_to: uuid.UUID | None
    officer: str | None
    created_at: datetime

    def is_late(self, now: datetime) -> bool:
        """Whether it is still to be done though its time has passed."""
        return self.status == OPEN and self.due_at is not None and self.due_at < now


@dataclass(frozen=True, slots=True)
class WorkList:
    """The first rows and how many there are in all."""

    rows: tuple[Work, ...]
    total: int


@dataclass(frozen=True, slots=True)
class CaseFile:
    """One case in full. ``phone_mask``: the number a callback is to go to. ``former``: results before it was reopened."""

    head: Work
    details: Mapping[str, Any]
    result: str | None
    closed_at: datetime | None
    closed_by: str | None
    identifier_mask: str | None
    phone_mask: str | None
    bills: tuple[BillToday, ...]
    former: tuple[Mapping[str, Any], ...]


async def work_list(
    session: AsyncSession,
    by: Staff,
    *,
    kinds: Collection[CaseKind] = (),
    mine: bool = False,
    status: str = OPEN,
    limit: int = SHOWN,
) -> WorkList:
    """Cases of these kinds (none named: all), what is due first in front, then the oldest.

    Raises:
        NotAllowed: neither officer nor supervisor.
    """
    require(by.roles, Action.SEE_CASES)
    wanted = [Case.status == status]
    if kinds:
        wanted.append(Case.kind.in_([kind.value for kind in kinds]))
    if mine:
        wanted.append(Case.assigned_to == by.id)
    total = await session.scalar(select(func.count()).select_from(Case).where(*wanted))
    found = await session.execute(
        _rows()
        .where(*wanted)
        .order_by(Case.due_at.asc().nulls_last(), Case.created_at, Case.number)
        .limit(limit)
    )
    return WorkList(tuple(_work(*row) for row in found.all()), int(total or 0))


async def case_file(session: AsyncSession, by: Staff, case_id: uuid.UUID, today: date) -> CaseFile:
    """One case with all an officer needs for it.

    Raises:
        NotAllowed: neither officer nor supervisor.
        CannotSettle: there is none.
    """
    require(by.roles, Action.SEE_CASES)
    found = (await session.execute(_rows().where(Case.id == case_id))).first()
    if found is None:
        raise CannotSettle("没有这件事。")
    head = _work(*found)
    case = found[0]
    debts = await debts_for_officers(session, case.taxpayer_id) if case.taxpayer_id else ()
    number = await _number(session, case)
    return CaseFile(
        head=head,
        details=case.details,
        result=case.result,
        closed_at=case.closed_at,
        closed_by=await session.scalar(select(Staff.name).where(Staff.id == case.closed_by)),
        identifier_mask=await session.scalar(
            select(Taxpayer.identifier_mask).where(Taxpayer.id == case.taxpayer_id)
        ),
        phone_mask=number.mask if number else None,
        bills=tuple(bill_today(debt, today) for debt in debts),
        former=tuple(case.details.get("former", ())),
    )


async def callback_number(
    session: AsyncSession, by: Staff, case_id: uuid.UUID, cipher: FieldCipher, why: str
) -> str:
    """The number to call back in clear; who saw it and why is in the audit trail. Show it after the commit.

    Raises:
        NotAllowed: not an officer.
        CannotSettle: there is no such callback, or no number is known.
        BadWords: no reason was given.
    """
    require(by.roles, Action.SETTLE_CASE)
    require(by.roles, Action.REVEAL_IDENTITY)
    reason = fit_to_keep(why, "查看原因")
    case = await session.scalar(select(Case).where(Case.id == case_id, Case.kind == CaseKind.CALLBACK))
    number = await _number(session, case) if case is not None else None
    if case is None or number is None:
        raise CannotSettle("没有找到可以回拨的号码。")
    clear = cipher.decrypt(number.sealed, number.context)
    await audit.record(
        session,
        actor=f"staff:{by.login}",
        action="callback.number_revealed",
        subject=f"case:{case.number}",
        detail={"mask": number.mask, "why": reason},
    )
    return clear


@dataclass(frozen=True, slots=True)
class _Number:
    sealed: bytes
    mask: str
    context: str


async def _number(session: AsyncSession, case: Case) -> _Number | None:
    """Where a callback goes: the number called, the registered one, or one typed into the conversation."""
    if case.kind != CaseKind.CALLBACK:
        return None
    said = str(case.details.get("phone", ""))
    if said == "called":
        call = await session.scalar(
            select(Call)
            .where(Call.conversation_id == case.conversation_id)
            .order_by(Call.created_at.desc())
            .limit(1)
        )
        return _Number(call.phone_enc, call.phone_mask, "call.phone") if call else None
    if said == "registered":
        contact = await session.scalar(
            select(Contact).where(Contact.taxpayer_id == case.taxpayer_id, Contact.is_primary)
        )
        return _Number(contact.phone_enc, contact.phone_mask, "contact.phone") if contact else None
    secret = await session.scalar(
        select(Secret).where(Secret.conversation_id == case.conversation_id, Secret.placeholder == said)
    )
    return _Number(secret.value_enc, secret.value_mask, "secret.value") if secret else None


def _rows() -> Select[Case, str | None, str | None, str, str | None]:
    return (
        select(Case, Taxpayer.name, Bill.bill_no, Conversation.channel, Staff.name)
        .join(Conversation, Conversation.id == Case.conversation_id)
        .outerjoin(Taxpayer, Taxpayer.id == Case.taxpayer_id)
        .outerjoin(Bill, Bill.id == Case.bill_id)
        .outerjoin(Staff, Staff.id == Case.assigned_to)
    )


def _work(case: Case, name: str | None, bill_no: str | None, channel: str, officer: str | None) -> Work:
    return Work(
        id=case.id,
        number=case.number,
        kind=CaseKind(case.kind),
        status=case.status,
        statement=case.statement,
        name=name,
        bill_no=bill_no,
        channel=channel,
        conversation_id=case.conversation_id,
        due_at=case.due_at,
        assigned_to=case.assigned_to,
        officer=officer,
        created_at=case.created_at,
    )
