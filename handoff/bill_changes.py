"""What a settled case changes about a bill: a payment found, a bill withdrawn, a fault of the authority.

The late fee follows from these alone (``store.debts``).
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.thread import BadWords
from store.models import Bill, BillStatus, Case, CaseKind, Payment
from tax.money import check_amount

_NUMBER = re.compile(r"[0-9A-Za-z_-]{1,64}")
_EARLIEST = timedelta(days=3 * 365)
_CHANNEL_LONGEST = 40


class Finding(StrEnum):
    """What looking into a dispute has found."""

    STANDS = "stands"
    """The bill is right and claimed as before."""
    WITHDRAWN = "withdrawn"
    """The bill is withdrawn."""
    AUTHORITY_FAULT = "authority_fault"
    """The tax is owed, but the authority is at fault: no late fee (征管法 52(1))."""


FINDING_ZH = {
    Finding.STANDS: "税单无误",
    Finding.WITHDRAWN: "撤销税单",
    Finding.AUTHORITY_FAULT: "属于税务机关责任，不加收滞纳金",
}


@dataclass(frozen=True, slots=True)
class FoundPayment:
    """A payment as its voucher has it: ``number`` of the voucher, ``amount`` in yuan, ``kind`` ``tax`` or ``late_fee``."""

    number: str
    paid_on: date
    amount: Decimal
    channel: str
    kind: str = "tax"


class CannotChange(Exception):
    """Why the bill stays as it is, in words for the officer."""


async def lock_bill(session: AsyncSession, bill_id: uuid.UUID, taxpayer_id: uuid.UUID | None) -> Bill:
    """The bill, locked, if it is this taxpayer's. Raises :class:`CannotChange`."""
    bill: Bill | None = await session.scalar(
        select(Bill)
        .where(Bill.id == bill_id, Bill.taxpayer_id == taxpayer_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if bill is None:
        raise CannotChange("这张税单不属于这位纳税人，请核对。")
    return bill


async def apply_finding(session: AsyncSession, bill: Bill, finding: Finding, case_id: uuid.UUID) -> None:
    """Write what was found. A disputed bill is claimed again unless it is withdrawn or another dispute of it is open."""
    if bill.status == BillStatus.WITHDRAWN:
        if finding is Finding.WITHDRAWN:
            return
        raise CannotChange("这张税单已经撤销了。")
    if finding is Finding.WITHDRAWN:
        bill.status = BillStatus.WITHDRAWN
    elif bill.status == BillStatus.DISPUTED and not await _disputed_otherwise(session, bill.id, case_id):
        bill.status = BillStatus.OPEN
    if finding is Finding.AUTHORITY_FAULT:
        bill.authority_fault = True
    await session.flush()
    await settle_if_paid(session, bill)


async def add_payment(session: AsyncSession, bill: Bill, found: FoundPayment, today: date) -> uuid.UUID:
    """Credit a payment to the bill; one that is known already with the same particulars changes nothing. Returns its id.

    Raises:
        BadWords, MoneyError: number, channel, day or amount cannot be right.
        CannotChange: the voucher's number is known with other particulars.
    """
    number, channel = found.number.strip(), found.channel.strip()
    if not _NUMBER.fullmatch(number):
        raise BadWords("请填写缴款凭证号（字母、数字和横线）。")
    if not 0 < len(channel) <= _CHANNEL_LONGEST:
        raise BadWords("请填写缴款渠道，例如“电子税务局”。")
    if found.kind not in ("tax", "late_fee"):
        raise BadWords("请选择缴的是税款还是滞纳金。")
    if not bill.due_date - _EARLIEST <= found.paid_on <= today:
        raise BadWords("缴款日期不对：不能在今天之后，也不能比缴款期限早三年以上。")
    amount = check_amount(found.amount, name="缴款金额", allow_zero=False)
    await session.execute(
        insert(Payment)
        .values(
            id=uuid.uuid4(),
            payment_no=number,
            bill_id=bill.id,
            paid_on=found.paid_on,
            amount=amount,
            kind=found.kind,
            channel=channel,
        )
        .on_conflict_do_nothing(index_elements=["payment_no"])
    )
    known = (await session.scalars(select(Payment).where(Payment.payment_no == number))).one()
    same = (known.bill_id, known.paid_on, known.amount, known.kind)
    if same != (bill.id, found.paid_on, amount, found.kind):
        raise CannotChange("这个缴款凭证号已经登记过，内容和这次填的不一样，请核对。")
    await settle_if_paid(session, bill)
    return known.id


async def settle_if_paid(session: AsyncSession, bill: Bill) -> None:
    """An open bill whose tax is paid is settled. A disputed one stays so: the dispute is still to be answered."""
    paid = await session.scalar(
        select(func.coalesce(func.sum(Payment.amount), 0)).where(
            Payment.bill_id == bill.id, Payment.kind == "tax"
        )
    )
    if bill.status == BillStatus.OPEN and Decimal(paid or 0) >= bill.principal:
        bill.status = BillStatus.SETTLED
        await session.flush()


async def _disputed_otherwise(session: AsyncSession, bill_id: uuid.UUID, case_id: uuid.UUID) -> bool:
    other = await session.scalar(
        select(Case.id)
        .where(
            Case.kind == CaseKind.DISPUTE, Case.bill_id == bill_id, Case.id != case_id, Case.status == "open"
        )
        .limit(1)
    )
    return other is not None
