"""What a verified taxpayer owes, with the late fee worked out as of a day."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from store.identity import VerifiedTaxpayer
from store.models import Bill, BillStatus, DeferralApplication
from tax.deferral import Deferral, Status, deferral_for_late_fee
from tax.late_fee import LateFeeQuery, LateFeeResult, Payment, compute

SOCIAL_INSURANCE = "社会保险费"
"""Follows the Social Insurance Law (Art. 86), not the Tax Collection Law: its fee is never computed here."""


@dataclass(frozen=True, slots=True)
class PaymentView:
    """A payment as the taxpayer may see it; ``amount`` in yuan."""

    payment_no: str
    paid_on: date
    amount: Decimal
    kind: str
    channel: str


@dataclass(frozen=True, slots=True)
class DeferralView:
    """An application's number and state; ``approved_until`` only when approved."""

    number: str
    status: str
    tax_amount: Decimal
    requested_until: date
    approved_until: date | None


@dataclass(frozen=True, slots=True)
class Debt:
    """One bill with its payments; ``unpaid`` is tax only, in yuan."""

    bill_id: uuid.UUID
    taxpayer_id: uuid.UUID
    bill_no: str
    tax_type: str
    period: str
    principal: Decimal
    due: date
    status: BillStatus
    authority_fault: bool
    payments: tuple[PaymentView, ...]
    deferrals: tuple[DeferralView, ...]

    @property
    def unpaid(self) -> Decimal:
        """Tax still unpaid; 0 once the bill is settled or withdrawn."""
        if self.status in (BillStatus.SETTLED, BillStatus.WITHDRAWN):
            return Decimal("0.00")
        paid = sum((p.amount for p in self.payments if p.kind == "tax"), Decimal("0.00"))
        return max(self.principal - paid, Decimal("0.00"))

    @property
    def late_fee_paid(self) -> Decimal:
        """Late fee already paid, in yuan."""
        return sum((p.amount for p in self.payments if p.kind == "late_fee"), Decimal("0.00"))

    @property
    def approved(self) -> DeferralView | None:
        """The approved deferral, running or run out, if any."""
        granted = (Status.APPROVED, Status.EXPIRED)
        return next((d for d in self.deferrals if d.status in granted and d.approved_until), None)

    @property
    def granted_period(self) -> Deferral | None:
        """The approved period as the late fee sees it."""
        found = self.approved
        return deferral_for_late_fee(Status(found.status), self.due, found.approved_until) if found else None

    @property
    def pending(self) -> DeferralView | None:
        """An application still waiting for a decision, if any."""
        return next((d for d in self.deferrals if d.status in ("submitted", "accepted")), None)

    @property
    def payable_until(self) -> date:
        """The last day to pay without late fee: the approved deferral's end, else the stored deadline."""
        if self.approved and self.approved.approved_until:
            return self.approved.approved_until
        return self.due

    @property
    def is_tax(self) -> bool:
        """False for social insurance, whose late fee other law governs."""
        return self.tax_type != SOCIAL_INSURANCE

    def is_open(self) -> bool:
        """Still claimed and not fully paid."""
        return self.status in (BillStatus.OPEN, BillStatus.DISPUTED) and self.unpaid > 0

    def is_overdue(self, today: date) -> bool:
        """Open and past its (possibly deferred) deadline."""
        return self.is_open() and today > self.payable_until

    def query(self, on: date) -> LateFeeQuery:
        """The late-fee question for this bill as of ``on``; raises for social insurance."""
        if not self.is_tax:
            raise ValueError("social insurance is not computed by the tax rule")
        return LateFeeQuery(
            principal=self.principal,
            due=self.due,
            nominal=None,
            on=on,
            payments=tuple(Payment(p.paid_on, p.amount) for p in self.payments if p.kind == "tax"),
            deferral=self.granted_period,
            authority_fault=self.authority_fault,
        )

    def late_fee(self, on: date) -> LateFeeResult:
        """The late fee accrued as of ``on`` under Art. 32 and Rules 75, payments of tax credited as they came."""
        return compute(self.query(on))


def _view(bill: Bill) -> Debt:
    return Debt(
        bill_id=bill.id,
        taxpayer_id=bill.taxpayer_id,
        bill_no=bill.bill_no,
        tax_type=bill.tax_type,
        period=bill.period,
        principal=bill.principal,
        due=bill.due_date,
        status=BillStatus(bill.status),
        authority_fault=bill.authority_fault,
        payments=tuple(
            PaymentView(p.payment_no, p.paid_on, p.amount, p.kind, p.channel) for p in bill.payments
        ),
        deferrals=tuple(
            DeferralView(d.number, d.status, d.tax_amount, d.requested_until, d.approved_until)
            for d in sorted(bill.deferrals, key=_created)
        ),
    )


def _created(application: DeferralApplication) -> str:
    return application.number


async def debts_of(session: AsyncSession, who: VerifiedTaxpayer) -> tuple[Debt, ...]:
    """Every bill of the taxpayer, earliest deadline first, withdrawn ones left out."""
    bills = (
        await session.scalars(
            select(Bill)
            .where(Bill.taxpayer_id == who.taxpayer_id, Bill.status != BillStatus.WITHDRAWN)
            .options(selectinload(Bill.payments), selectinload(Bill.deferrals))
            .order_by(Bill.due_date, Bill.bill_no)
        )
    ).all()
    return tuple(_view(bill) for bill in bills)


async def debts_for_officers(session: AsyncSession, taxpayer_id: uuid.UUID) -> tuple[Debt, ...]:
    """Every bill of a taxpayer whose case an officer has on the desk, withdrawn ones too; never for saying to anybody."""
    bills = await session.scalars(
        select(Bill)
        .where(Bill.taxpayer_id == taxpayer_id)
        .options(selectinload(Bill.payments), selectinload(Bill.deferrals))
        .order_by(Bill.due_date, Bill.bill_no)
    )
    return tuple(_view(bill) for bill in bills.all())


async def debt_by_id(session: AsyncSession, bill_id: uuid.UUID) -> Debt | None:
    """One bill by id, for the outgoing guard's recomputation; never for saying anything new."""
    bill = await session.scalar(
        select(Bill)
        .where(Bill.id == bill_id)
        .options(selectinload(Bill.payments), selectinload(Bill.deferrals))
    )
    return _view(bill) if bill else None
