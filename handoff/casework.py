"""Disputes, payment checks, complaints, callbacks, reviews and collection tasks as work: take, settle, drop, reopen.

Each step is one transaction of the caller. The row is locked first, so of two officers the faster one has it, and the
same click twice is one step.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.bill_changes import Finding, FoundPayment, add_payment, apply_finding, lock_bill
from handoff.permissions import Action, require
from handoff.telling import Notice, Reached, reach
from handoff.wording import fit_to_keep, fit_to_send
from store import audit
from store.crypto import FieldCipher
from store.handoff_models import Staff
from store.models import Case, CaseKind
from tax.citations import LAW_52_1, LAW_88, Citation

OPEN, DONE, DROPPED = "open", "done", "dropped"
CASE_ZH: Mapping[CaseKind, str] = {
    CaseKind.DISPUTE: "异议",
    CaseKind.PAYMENT_CHECK: "缴款核查",
    CaseKind.COMPLAINT: "投诉",
    CaseKind.CALLBACK: "回电",
    CaseKind.REVIEW: "低分回访",
    CaseKind.COLLECTION: "跟进任务",
}
TOLD = frozenset({CaseKind.DISPUTE, CaseKind.PAYMENT_CHECK, CaseKind.COMPLAINT})
"""Kinds whose result the taxpayer waits for in writing. After a callback they have heard it; a review
and a collection task are our own work."""

_EFFECTS: Mapping[Finding, tuple[str, tuple[Citation, ...]]] = {
    Finding.STANDS: (
        "对纳税仍有争议的，可以先依法缴纳税款和滞纳金或者提供担保，再向上一级税务机关申请行政复议。",
        (LAW_88,),
    ),
    Finding.WITHDRAWN: ("这张税单已经撤销。", ()),
    Finding.AUTHORITY_FAULT: ("经核实属于税务机关的责任，不加收滞纳金。", (LAW_52_1,)),
}


class CannotSettle(Exception):
    """Why the case stays as it is, in words for the officer."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What came of a case. ``result``: for the taxpayer to read where the kind is in :data:`TOLD`, else for colleagues.

    ``finding``: of a dispute, and there it must be given; ``payment``: found by a payment check, and only then.
    ``bill_id``: which bill they concern, where the case itself names none.
    """

    result: str
    finding: Finding | None = None
    payment: FoundPayment | None = None
    bill_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """Where the case stands; ``reached`` is ``None`` when nobody was to be told, or it had been done already."""

    number: str
    status: str
    reached: Reached | None


async def take(
    session: AsyncSession, by: Staff, case_id: uuid.UUID, *, instead_of: uuid.UUID | None = None
) -> str:
    """Make the case one's own; returns its number. ``instead_of``: the colleague it is taken from on purpose.

    Raises:
        NotAllowed: not an officer.
        CannotSettle: there is none, it is closed, or somebody else has it.
    """
    case = await _locked(session, by, case_id)
    if case.assigned_to == by.id:
        return case.number
    _must_be_open(case)
    if case.assigned_to not in (None, instead_of):
        raise CannotSettle(f"{await _name(session, case.assigned_to)}已经在办这件事了。")
    before, case.assigned_to = case.assigned_to, by.id
    await session.flush()
    await _record(session, by, case, "taken", instead_of=str(before) if before else None)
    return case.number


async def settle(
    session: AsyncSession,
    by: Staff,
    case_id: uuid.UUID,
    settlement: Settlement,
    *,
    cipher: FieldCipher,
    now: datetime,
) -> Settled:
    """Close the case with its result, change the bill where that was found, and tell the taxpayer.

    A case nobody has taken becomes one's own. ``now``: local business time.

    Raises:
        NotAllowed: not an officer.
        CannotSettle: there is none, it is closed or a colleague's, or what was found does not fit its kind.
        CannotChange: the bill cannot be changed like that.
        BadWords, MoneyError: the result cannot go out, or the payment's particulars cannot be right.
    """
    case = await _locked(session, by, case_id)
    kind = CaseKind(case.kind)
    result = (fit_to_send if kind in TOLD else fit_to_keep)(settlement.result, "处理结果")
    if case.status == DONE and case.closed_by == by.id and case.result == result:
        return Settled(case.number, case.status, None)
    _must_be_open(case)
    if case.assigned_to not in (None, by.id):
        raise CannotSettle(f"{await _name(session, case.assigned_to)}正在办这件事，请先接过来再办结。")
    payment_id = await _change_bill(session, case, kind, settlement, now)
    case.status, case.result, case.closed_at = DONE, result, now
    case.closed_by = case.assigned_to = by.id
    await session.flush()
    reached = None
    if kind in TOLD:
        reached = await reach(
            session,
            cipher,
            _result_words(case, kind, settlement),
            conversation_id=case.conversation_id,
            taxpayer_id=case.taxpayer_id,
        )
    await _record(
        session,
        by,
        case,
        "settled",
        finding=settlement.finding.value if settlement.finding else None,
        payment=str(payment_id) if payment_id else None,
    )
    return Settled(case.number, case.status, reached)


async def drop(session: AsyncSession, by: Staff, case_id: uuid.UUID, why: str, *, now: datetime) -> Settled:
    """Close a case without a result: a double, a slip, withdrawn by the taxpayer. Nobody is told.

    No bill changes: a dispute that leaves its bill as it was is settled as standing.

    Raises what :func:`take` does, and :class:`~handoff.thread.BadWords` without a reason.
    """
    case = await _locked(session, by, case_id)
    reason = fit_to_keep(why, "不办的原因")
    if case.status == DROPPED and case.closed_by == by.id and case.result == reason:
        return Settled(case.number, case.status, None)
    _must_be_open(case)
    if case.assigned_to not in (None, by.id):
        raise CannotSettle(f"{await _name(session, case.assigned_to)}正在办这件事，请先接过来。")
    case.status, case.result, case.closed_at = DROPPED, reason, now
    case.closed_by = case.assigned_to = by.id
    await session.flush()
    await _record(session, by, case, "dropped")
    return Settled(case.number, case.status, None)


async def reopen(session: AsyncSession, by: Staff, case_id: uuid.UUID, why: str) -> Settled:
    """Take a closed case up again; its former result is kept in ``details``. What it changed of a bill stays changed.

    Raises:
        NotAllowed: not an officer.
        CannotSettle: there is none, or it is open and somebody else's.
        BadWords: no reason was given.
    """
    case = await _locked(session, by, case_id)
    reason = fit_to_keep(why, "重新办理的原因")
    if case.status == OPEN:
        if case.assigned_to == by.id:
            return Settled(case.number, case.status, None)
        raise CannotSettle("这件事已经重新打开了。")
    former = {"status": case.status, "result": case.result, "reopened_for": reason}
    case.details = {**case.details, "former": [*case.details.get("former", []), former]}
    case.status, case.result, case.closed_at, case.closed_by = OPEN, None, None, None
    case.assigned_to = by.id
    await session.flush()
    await _record(session, by, case, "reopened")
    return Settled(case.number, case.status, None)


async def _locked(session: AsyncSession, by: Staff, case_id: uuid.UUID) -> Case:
    require(by.roles, Action.SETTLE_CASE)
    case: Case | None = await session.scalar(
        select(Case).where(Case.id == case_id).with_for_update().execution_options(populate_existing=True)
    )
    if case is None:
        raise CannotSettle("没有这件事。")
    return case


def _must_be_open(case: Case) -> None:
    if case.status != OPEN:
        raise CannotSettle(f"{case.number}已经{'办结' if case.status == DONE else '撤销'}了，请刷新后再看。")


async def _change_bill(
    session: AsyncSession, case: Case, kind: CaseKind, settlement: Settlement, now: datetime
) -> uuid.UUID | None:
    """Do what was found to the bill; the id of the payment, if one was found."""
    finding, payment = settlement.finding, settlement.payment
    if (kind is CaseKind.DISPUTE) != (finding is not None):
        raise CannotSettle("请选择异议的核实结论。" if finding is None else "只有异议才有核实结论。")
    if payment is not None and kind is not CaseKind.PAYMENT_CHECK:
        raise CannotSettle("只有缴款核查才能登记查到的缴款。")
    bill_id = case.bill_id or settlement.bill_id
    if bill_id is None:
        if payment is not None or finding in (Finding.WITHDRAWN, Finding.AUTHORITY_FAULT):
            raise CannotSettle("请先选择是哪一张税单。")
        return None
    if finding is None and payment is None:
        return None
    bill = await lock_bill(session, bill_id, case.taxpayer_id)
    case.bill_id = bill.id
    if finding is not None:
        await apply_finding(session, bill, finding, case.id)
    return await add_payment(session, bill, payment, now.date()) if payment is not None else None


def _result_words(case: Case, kind: CaseKind, settlement: Settlement) -> Notice:
    effect, laws = _EFFECTS[settlement.finding] if settlement.finding else ("", ())
    if settlement.payment is not None:
        effect = "查到的缴款已经登记，未缴的税款和滞纳金随之更新，核实身份后可以随时问我。"
    return Notice(
        f"您的{CASE_ZH[kind]}{case.number}有结果了：{(case.result or '').rstrip('。')}。{effect}"
        "有不清楚或者不同意的，可以转人工。",
        f"您登记的事项{case.number}已经有了结果",
        ({"title": "转人工", "payload": "转人工"},),
        {"kind": "citations", "items": [str(law) for law in laws]} if laws else None,
    )


async def _name(session: AsyncSession, staff_id: uuid.UUID | None) -> str:
    return str(await session.scalar(select(Staff.name).where(Staff.id == staff_id)) or "同事")


async def _record(session: AsyncSession, by: Staff, case: Case, what: str, **detail: str | None) -> None:
    await audit.record(
        session,
        actor=f"staff:{by.login}",
        action=f"{case.kind}.{what}",
        subject=f"case:{case.number}",
        detail={key: value for key, value in detail.items() if value is not None},
    )
