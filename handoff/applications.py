"""Deferral applications as an officer reads them: the list of what is open, and one in full."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload

from handoff.card import bill_today
from handoff.decision_words import day
from handoff.decisions import OPEN, CannotDecide, received_on
from handoff.permissions import Action, require
from store.debts import Debt, debts_for_officers
from store.handoff_models import Staff
from store.models import DeferralApplication, DeferralMaterial, Promise, TaxpayerKind
from tax.calendar import Deadline
from tax.citations import LAW_31, NOTICE_2022_20, RULES_41, RULES_42, Citation
from tax.deferral import (
    ACCEPTANCE_WORKDAYS,
    DECISION_DAYS,
    GROUND_CITATIONS,
    GROUNDS,
    Event,
    Ground,
    MoneyTest,
    Status,
    acceptance_due,
    allowed_events,
    check_window,
    decision_due,
    late_fee_effect,
    latest_end,
    money_test,
)
from tax.late_fee import LateFeeResult


@dataclass(frozen=True, slots=True)
class Listed:
    """An application as a line of the list. ``tax_amount`` in yuan; ``more_wanted``: what the applicant still owes us.

    ``accept_by``: the time limit for accepting, ``None`` once that is done; ``decide_by``: that for deciding.
    """

    id: uuid.UUID
    number: str
    status: Status
    name: str
    region: str
    tax_type: str
    period: str
    tax_amount: Decimal
    due: date
    requested_until: date
    received_on: date
    accept_by: Deadline | None
    decide_by: Deadline
    more_wanted: str | None
    officer: str | None
    materials: int

    def next_limit(self) -> Deadline:
        """The time limit that runs now."""
        return self.accept_by or self.decide_by

    def is_late(self, today: date) -> bool:
        """Whether the limit that runs now has passed."""
        return self.status in OPEN and today > self.next_limit().date


@dataclass(frozen=True, slots=True)
class File:
    """A material; its bytes lie in the upload folder under ``sha256``."""

    id: uuid.UUID
    filename: str
    content_type: str
    size: int
    sha256: str
    came_at: datetime


@dataclass(frozen=True, slots=True)
class Earlier:
    """Another application of the same taxpayer."""

    number: str
    status: Status
    bill_no: str
    requested_until: date
    approved_until: date | None
    decided_at: datetime | None
    decision_note: str | None


@dataclass(frozen=True, slots=True)
class Promised:
    """A day the taxpayer named for paying; ``status``: ``open``, ``kept``, ``broken`` or ``replaced``."""

    on: date
    status: str
    said_at: datetime


@dataclass(frozen=True, slots=True)
class LawPoint:
    """What the law says to this application, and where."""

    text: str
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Dossier:
    """One application in full. Money in yuan; everything is as of the day it was asked for.

    ``money``: the second ground worked out again from the figures given. ``fee``: the late fee as the bill stands now,
    ``None`` where none can be said. ``loose``: files of the same conversation that belong to no
    application. ``may``: the steps its status allows.
    """

    head: Listed
    conversation_id: uuid.UUID | None
    identifier_mask: str
    kind: TaxpayerKind
    ground: Ground
    reason_text: str
    months: int
    cash: Decimal
    wages_payable: Decimal
    social_insurance: Decimal
    money: MoneyTest
    bill: Debt
    fee: LateFeeResult | None
    latest_end: date
    approved_until: date | None
    decided_at: datetime | None
    decision_note: str | None
    more_wanted_at: datetime | None
    materials: tuple[File, ...]
    loose: tuple[File, ...]
    earlier: tuple[Earlier, ...]
    other_bills: tuple[Debt, ...]
    promises: tuple[Promised, ...]
    law: tuple[LawPoint, ...]
    may: tuple[Event, ...]


async def open_applications(session: AsyncSession, by: Staff, now: datetime) -> tuple[Listed, ...]:
    """All that wait for a decision, the one whose decision is due first in front. ``now``: local business time.

    Raises:
        NotAllowed: neither officer nor supervisor.
    """
    require(by.roles, Action.SEE_CASES)
    rows = await session.execute(_with_officer().where(DeferralApplication.status.in_(OPEN)))
    found = [_listed(row, officer, files, now) for row, officer, files in rows.all()]
    return tuple(sorted(found, key=lambda row: (row.decide_by.date, row.received_on, row.number)))


async def application(session: AsyncSession, by: Staff, application_id: uuid.UUID, now: datetime) -> Dossier:
    """One application with all an officer weighs, decided or not. ``now``: local business time.

    Raises:
        NotAllowed: neither officer nor supervisor.
        CannotDecide: there is no such application.
    """
    require(by.roles, Action.SEE_CASES)
    found = (
        await session.execute(
            _with_officer()
            .where(DeferralApplication.id == application_id)
            .options(selectinload(DeferralApplication.materials))
        )
    ).first()
    if found is None:
        raise CannotDecide("没有这份申请。")
    row, officer, files = found
    head = _listed(row, officer, files, now)
    debts = await debts_for_officers(session, row.taxpayer_id)
    bill = next(debt for debt in debts if debt.bill_id == row.bill_id)
    return Dossier(
        head=head,
        conversation_id=row.conversation_id,
        identifier_mask=row.taxpayer.identifier_mask,
        kind=TaxpayerKind(row.taxpayer.kind),
        ground=Ground(row.reason),
        reason_text=row.reason_text,
        months=row.months,
        cash=row.cash,
        wages_payable=row.wages_payable,
        social_insurance=row.social_insurance,
        money=money_test(row.cash, row.wages_payable, row.social_insurance, row.tax_amount),
        bill=bill,
        fee=bill_today(bill, now.date()).fee,
        latest_end=latest_end(bill.due),
        approved_until=row.approved_until,
        decided_at=row.decided_at,
        decision_note=row.decision_note,
        more_wanted_at=row.more_wanted_at,
        materials=tuple(_file(m) for m in sorted(row.materials, key=lambda m: m.created_at)),
        loose=await _loose(session, row),
        earlier=await _earlier(session, row),
        other_bills=tuple(debt for debt in debts if debt.bill_id != row.bill_id),
        promises=await _promises(session, row.taxpayer_id),
        law=_law(head, Ground(row.reason)),
        may=allowed_events(head.status),
    )


def _with_officer() -> Select[DeferralApplication, str | None, int]:
    files = (
        select(func.count())
        .select_from(DeferralMaterial)
        .where(DeferralMaterial.application_id == DeferralApplication.id)
        .correlate(DeferralApplication)
        .scalar_subquery()
    )
    return (
        select(DeferralApplication, Staff.name, files)
        .outerjoin(Staff, Staff.id == DeferralApplication.officer_id)
        .options(joinedload(DeferralApplication.taxpayer), joinedload(DeferralApplication.bill))
    )


def _listed(row: DeferralApplication, officer: str | None, files: int, now: datetime) -> Listed:
    received = received_on(row, now)
    status = Status(row.status)
    return Listed(
        id=row.id,
        number=row.number,
        status=status,
        name=row.taxpayer.name,
        region=row.taxpayer.region,
        tax_type=row.bill.tax_type,
        period=row.bill.period,
        tax_amount=row.tax_amount,
        due=row.bill.due_date,
        requested_until=row.requested_until,
        received_on=received,
        accept_by=acceptance_due(received) if status is Status.SUBMITTED else None,
        decide_by=decision_due(received),
        more_wanted=row.more_wanted,
        officer=officer,
        materials=files,
    )


def _file(material: DeferralMaterial) -> File:
    return File(
        material.id,
        material.filename,
        material.content_type,
        material.size,
        material.sha256,
        material.created_at,
    )


async def _loose(session: AsyncSession, row: DeferralApplication) -> tuple[File, ...]:
    if row.conversation_id is None:
        return ()
    found = await session.scalars(
        select(DeferralMaterial)
        .where(
            DeferralMaterial.conversation_id == row.conversation_id, DeferralMaterial.application_id.is_(None)
        )
        .order_by(DeferralMaterial.created_at)
    )
    return tuple(_file(material) for material in found.all())


async def _earlier(session: AsyncSession, row: DeferralApplication) -> tuple[Earlier, ...]:
    found = await session.scalars(
        select(DeferralApplication)
        .where(DeferralApplication.taxpayer_id == row.taxpayer_id, DeferralApplication.id != row.id)
        .options(joinedload(DeferralApplication.bill))
        .order_by(DeferralApplication.created_at.desc())
    )
    return tuple(
        Earlier(
            other.number,
            Status(other.status),
            other.bill.bill_no,
            other.requested_until,
            other.approved_until,
            other.decided_at,
            other.decision_note,
        )
        for other in found.all()
    )


async def _promises(session: AsyncSession, taxpayer_id: uuid.UUID) -> tuple[Promised, ...]:
    found = await session.scalars(
        select(Promise).where(Promise.taxpayer_id == taxpayer_id).order_by(Promise.created_at.desc())
    )
    return tuple(Promised(p.promised_on, p.status, p.created_at) for p in found.all())


def _law(head: Listed, ground: Ground) -> tuple[LawPoint, ...]:
    in_time = check_window(head.received_on, head.due).open
    window = (
        f"申请{day(head.received_on)}收到，缴款期限{day(head.due)}，"
        f"{'在期限届满前提出' if in_time else '期限已经届满，不能批准'}。"
    )
    accepted_by = acceptance_due(head.received_on)
    return (
        LawPoint(window, (RULES_42,)),
        LawPoint(f"申请的情形：{GROUNDS[ground]}。", GROUND_CITATIONS),
        LawPoint(
            f"由省级税务机关批准（计划单列市参照），最长不超过三个月，最晚到{day(latest_end(head.due))}。",
            (LAW_31, RULES_41),
        ),
        LawPoint(
            f"受理审查{ACCEPTANCE_WORKDAYS}个工作日内完成，{day(accepted_by.date)}之前。", (NOTICE_2022_20,)
        ),
        LawPoint(
            f"自收到之日起{DECISION_DAYS}日内作出决定，{day(head.decide_by.date)}之前"
            f"{'（推算，以官方放假安排为准）' if head.decide_by.provisional else ''}。",
            head.decide_by.citations,
        ),
        *(
            LawPoint(f"{name}：{late_fee_effect(status).text}", late_fee_effect(status).citations)
            for name, status in (("批准", Status.APPROVED), ("不批准", Status.REFUSED))
        ),
    )
