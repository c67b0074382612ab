"""What an officer decides on a deferral application: accept, ask for more, approve, refuse.

Each decision is one transaction of the caller: status, officer, note, the word to the taxpayer, the audit trail. Of two
officers who decide at once the first one does; the other is told who was faster. The late fee follows from the status
alone (``store.debts``).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from handoff import decision_words
from handoff.permissions import Action, require
from handoff.telling import Notice, Reached, reach
from handoff.wording import fit_to_send
from store import audit
from store.crypto import FieldCipher
from store.debts import SOCIAL_INSURANCE
from store.handoff_models import Staff
from store.models import BillStatus, Conversation, DeferralApplication, DeferralMaterial
from tax.deferral import (
    STATUS_ZH,
    Event,
    Status,
    advance,
    check_end,
    check_window,
    decision_due,
    latest_end,
)

OPEN = (Status.SUBMITTED.value, Status.ACCEPTED.value)


class CannotDecide(Exception):
    """Why nothing was decided, in words for the officer."""


@dataclass(frozen=True, slots=True)
class Decided:
    """Where the application stands now; ``reached`` is ``None`` when a repeated click found it done already."""

    number: str
    status: Status
    reached: Reached | None


async def accept(
    session: AsyncSession,
    by: Staff,
    application_id: uuid.UUID,
    *,
    seen: Status,
    cipher: FieldCipher,
    now: datetime,
) -> Decided:
    """Take the application up. ``seen``: the status the officer had before their eyes; ``now``: local business time.

    Raises:
        NotAllowed: not an officer.
        CannotDecide: there is no such application, or somebody was faster.
        DeferralError: its status does not allow it.
    """
    row = await _locked(session, by, application_id)
    if row.status == Status.ACCEPTED and row.officer_id == by.id:
        return _done_already(row)
    await _as_seen(session, row, seen)
    row.status = advance(Status(row.status), Event.ACCEPT).value
    row.accepted_at, row.officer_id = now, by.id
    decide_by = decision_due(received_on(row, now)).date
    notice = decision_words.accepted(row.number, decide_by, now.date())
    return await _told(session, cipher, row, notice, by, "accepted")


async def ask_more(
    session: AsyncSession,
    by: Staff,
    application_id: uuid.UUID,
    what: str,
    *,
    seen: Status,
    cipher: FieldCipher,
    now: datetime,
) -> Decided:
    """Ask the applicant for ``what`` is missing; the status stays, and the time limits run on.

    Raises what :func:`accept` does, and :class:`~handoff.thread.BadWords` where ``what`` cannot go out.
    """
    row = await _locked(session, by, application_id)
    wanted = fit_to_send(what, "要补充的内容")
    if row.more_wanted == wanted and row.officer_id == by.id:
        return _done_already(row)
    await _as_seen(session, row, seen)
    if row.status not in OPEN:
        raise CannotDecide(f"申请已经是“{STATUS_ZH[Status(row.status)]}”，不能再要求补充材料。")
    row.more_wanted, row.more_wanted_at, row.officer_id = wanted, now, by.id
    channel = await session.scalar(select(Conversation.channel).where(Conversation.id == row.conversation_id))
    notice = decision_words.more_wanted(row.number, wanted, upload=channel == "web")
    return await _told(session, cipher, row, notice, by, "more_wanted")


async def approve(
    session: AsyncSession,
    by: Staff,
    application_id: uuid.UUID,
    until: date,
    *,
    seen: Status,
    cipher: FieldCipher,
    now: datetime,
    note: str = "",
) -> Decided:
    """Grant the deferral to the end of ``until``: no late fee from the deadline to that day. ``note`` is for the file.

    Raises what :func:`accept` does, and:
        DeferralError: ``until`` is not after the deadline and within three months of it (征管法 31).
        CannotDecide: ``until`` lies in the past though a later day is lawful, the application came in after the
            deadline (实施细则 42), the bill is withdrawn, or it is no tax.
    """
    row = await _locked(session, by, application_id)
    if row.status == Status.APPROVED and row.officer_id == by.id and row.approved_until == until:
        return _done_already(row)
    await _as_seen(session, row, seen)
    after = advance(Status(row.status), Event.APPROVE)
    _check_grant(row, until, now)
    words = fit_to_send(note, "审批意见") if note.strip() else None
    row.status, row.approved_until, row.decided_at, row.officer_id = after.value, until, now, by.id
    row.decision_note, row.more_wanted = words, None
    notice = decision_words.approved(row.number, until, now.date())
    return await _told(session, cipher, row, notice, by, "approved", until=until.isoformat())


async def refuse(
    session: AsyncSession,
    by: Staff,
    application_id: uuid.UUID,
    reason: str,
    *,
    seen: Status,
    cipher: FieldCipher,
    now: datetime,
) -> Decided:
    """Refuse with a reason, which the taxpayer reads with the notice of remedies.

    Raises what :func:`accept` does, and :class:`~handoff.thread.BadWords` where ``reason`` cannot go out.
    """
    row = await _locked(session, by, application_id)
    words = fit_to_send(reason, "不予批准的原因")
    if row.status == Status.REFUSED and row.officer_id == by.id and row.decision_note == words:
        return _done_already(row)
    await _as_seen(session, row, seen)
    row.status = advance(Status(row.status), Event.REFUSE).value
    row.decided_at, row.decision_note, row.officer_id = now, words, by.id
    row.more_wanted = None
    notice = decision_words.refused(row.number, words, row.bill.due_date, now.date())
    return await _told(session, cipher, row, notice, by, "refused")


async def material_came(session: AsyncSession, conversation_id: uuid.UUID) -> str | None:
    """Call it in the transaction that stores an upload: what was asked for belongs to the application at once.

    The conversation's files that belong to none yet go to the open application, of this conversation or of the
    taxpayer proven in it, for which more was asked last; it then no longer waits. Files that come after the first
    follow it. Returns its number, or ``None`` when nothing was asked for.
    """
    proven = select(Conversation.taxpayer_id).where(Conversation.id == conversation_id).scalar_subquery()
    row = await session.scalar(
        select(DeferralApplication)
        .where(
            or_(
                DeferralApplication.conversation_id == conversation_id,
                DeferralApplication.taxpayer_id == proven,
            ),
            DeferralApplication.status.in_(OPEN),
            DeferralApplication.more_wanted_at.is_not(None),
        )
        .order_by(DeferralApplication.more_wanted_at.desc())
        .limit(1)
        .with_for_update()
    )
    if row is None:
        return None
    moved = await session.scalars(
        update(DeferralMaterial)
        .where(DeferralMaterial.conversation_id == conversation_id, DeferralMaterial.application_id.is_(None))
        .values(application_id=row.id)
        .returning(DeferralMaterial.id)
    )
    files = len(moved.all())
    if not files:
        return None
    row.more_wanted = None
    await audit.record(
        session,
        actor="taxpayer",
        action="deferral.supplemented",
        subject=f"deferral:{row.number}",
        detail={"files": files},
    )
    return row.number


def received_on(row: DeferralApplication, now: datetime) -> date:
    """The local day on which the application came in."""
    return (row.submitted_at or row.created_at).astimezone(now.tzinfo).date()


async def _locked(session: AsyncSession, by: Staff, application_id: uuid.UUID) -> DeferralApplication:
    require(by.roles, Action.DECIDE_DEFERRAL)
    row: DeferralApplication | None = await session.scalar(
        select(DeferralApplication)
        .where(DeferralApplication.id == application_id)
        .options(joinedload(DeferralApplication.bill))
        .with_for_update(of=DeferralApplication)
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise CannotDecide("没有这份申请。")
    return row


async def _as_seen(session: AsyncSession, row: DeferralApplication, seen: Status) -> None:
    """Refuse a decision taken on what no longer stands."""
    status = Status(row.status)
    if status is seen:
        return
    if status is Status.WITHDRAWN:
        raise CannotDecide(f"申请{row.number}刚才由申请人撤回了，您的操作没有生效。")
    name = await session.scalar(select(Staff.name).where(Staff.id == row.officer_id))
    whose = f"刚才由{name}办理，" if name else ""
    raise CannotDecide(
        f"申请{row.number}{whose}现在是“{STATUS_ZH[status]}”，您的操作没有生效，请刷新后再看。"
    )


def _check_grant(row: DeferralApplication, until: date, now: datetime) -> None:
    bill = row.bill
    if bill.tax_type == SOCIAL_INSURANCE:
        raise CannotDecide("社会保险费不适用延期缴纳税款的规定，不能在这里批准。")
    if bill.status == BillStatus.WITHDRAWN:
        raise CannotDecide("这张税单已经撤销，不需要延期。")
    if not check_window(received_on(row, now), bill.due_date).open:
        raise CannotDecide("申请是在缴款期限届满之后提交的，按实施细则第四十二条不能批准。")
    check_end(bill.due_date, until)
    if until < min(now.date(), latest_end(bill.due_date)):
        raise CannotDecide("批准的截止日已经过去了，请选今天或以后的日期。")


def _done_already(row: DeferralApplication) -> Decided:
    return Decided(row.number, Status(row.status), None)


async def _told(
    session: AsyncSession,
    cipher: FieldCipher,
    row: DeferralApplication,
    notice: Notice,
    by: Staff,
    what: str,
    **detail: str,
) -> Decided:
    await session.flush()
    reached = await reach(
        session, cipher, notice, conversation_id=row.conversation_id, taxpayer_id=row.taxpayer_id
    )
    await audit.record(
        session,
        actor=f"staff:{by.login}",
        action=f"deferral.{what}",
        subject=f"deferral:{row.number}",
        detail={**detail, "thread": reached.thread, "sms": reached.sms},
    )
    return Decided(row.number, Status(row.status), reached)
