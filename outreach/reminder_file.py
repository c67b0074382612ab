"""All there is about one reminder, for whoever drills down to it: why its tier, what was decided, every try, what was said."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import column, or_, select, table
from sqlalchemy.ext.asyncio import AsyncSession

from outreach.plan import Lane, read_plan
from outreach.reading import Head, Line, Stage, head_of, line_of, passed_at, people
from outreach.terms import Reason
from store import audit, call_lines
from store.handoff_models import Staff
from store.models import Bill, Call, Contact, Taxpayer
from store.outreach_models import (
    Attempt,
    AttemptState,
    Campaign,
    ContactPause,
    OutreachEvent,
    Reminder,
    ReminderBill,
    Step,
    StepState,
)

_LATEST_EVENTS = 200
_BILL = table("outreach_bill", *(column(name) for name in ("id", "unpaid", "due")))


@dataclass(frozen=True, slots=True)
class BillLine:
    """A bill that a reminder is about; ``unpaid`` tax in yuan, ``due`` the effective day."""

    bill_no: str
    tax_type: str
    period: str
    unpaid: Decimal
    due: date


@dataclass(frozen=True, slots=True)
class AttemptLine:
    """One try at a step. ``phone_mask``: the number called; ``recording``: whether there is one to listen to."""

    number: int
    channel: str | None
    state: AttemptState
    outcome: str | None
    note: str | None
    phone_mask: str | None
    created_at: datetime
    intent_at: datetime | None
    ended_at: datetime | None
    call_id: uuid.UUID | None
    recording: bool


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step with the latest decision about it (``verdict``, and why in words) and all its tries."""

    id: uuid.UUID
    key: str
    title: str
    lane: Lane
    state: StepState
    due_at: datetime
    next_at: datetime
    ended_at: datetime | None
    verdict: str
    reasons: tuple[str, ...]
    attempts: tuple[AttemptLine, ...]


@dataclass(frozen=True, slots=True)
class EventLine:
    """Something that happened to a reminder."""

    at: datetime
    kind: str
    step: str
    """Title of the step it belongs to, empty when to none."""
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PauseLine:
    """Somebody has decided that a taxpayer is left alone; ``until`` ``None``: for good."""

    id: uuid.UUID
    calls_only: bool
    until: datetime | None
    reason: str
    by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class File:
    """All there is about one reminder; ``people``: names of the colleagues in it, see ``reading.people``."""

    line: Line
    campaign: Head
    reasons: tuple[Reason, ...]
    bills: tuple[BillLine, ...]
    steps: tuple[StepLine, ...]
    events: tuple[EventLine, ...]
    pauses: tuple[PauseLine, ...]
    people: Mapping[str, str]
    stations: Mapping[Stage, datetime]
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Said:
    """A line of a call; ``speaker``: ``bot``, ``caller`` or ``key``, ``began_ms`` from the beginning of the call."""

    speaker: str
    text: str
    began_ms: int


async def reminder(session: AsyncSession, reminder_id: uuid.UUID, now: datetime) -> File:
    """All about one reminder. Raises :class:`LookupError`."""
    found = (
        await session.execute(
            select(Reminder, Taxpayer, Campaign)
            .join(Taxpayer, Taxpayer.id == Reminder.taxpayer_id)
            .join(Campaign, Campaign.id == Reminder.campaign_id)
            .where(Reminder.id == reminder_id)
        )
    ).one_or_none()
    if found is None:
        raise LookupError("没有这条提醒。")
    about, taxpayer, of = found
    titles = {step.key: step.title for step in read_plan(of.plan).steps}
    steps = await _steps(session, reminder_id, titles)
    step_titles = {step.id: step.title for step in steps}
    events = await session.scalars(
        select(OutreachEvent)
        .where(OutreachEvent.reminder_id == reminder_id)
        .order_by(OutreachEvent.id.desc())
        .limit(_LATEST_EVENTS)
    )
    pauses = await _pauses(session, about.taxpayer_id, now)
    return File(
        line=line_of(about, taxpayer),
        campaign=head_of(of),
        reasons=tuple(
            Reason(str(each["indicator"]), str(each["value"]), int(each["points"]), str(each["words"]))
            for each in about.reasons
        ),
        bills=await _bills(session, reminder_id),
        steps=steps,
        events=tuple(
            EventLine(e.at, e.kind, step_titles.get(e.step_id, "") if e.step_id else "", e.detail)
            for e in events
        ),
        pauses=pauses,
        people=await people(session, [each.by for each in pauses]),
        stations={
            stage: at for stage, at in ((stage, passed_at(about, stage)) for stage in Stage) if at is not None
        },
        closed_at=about.closed_at,
    )


async def transcript(session: AsyncSession, by: Staff, call_id: uuid.UUID) -> tuple[Said, ...]:
    """What was said in a call; that somebody has read it is on record."""
    lines = await call_lines.transcript(session, call_id)
    await audit.record(
        session, actor=f"staff:{by.login}", action="call.opened", subject=f"call:{call_id}", detail={}
    )
    return tuple(Said(line.speaker, line.text, line.began_ms) for line in lines)


async def _steps(
    session: AsyncSession, reminder_id: uuid.UUID, titles: Mapping[str, str]
) -> tuple[StepLine, ...]:
    tries: dict[uuid.UUID, list[AttemptLine]] = {}
    rows = await session.execute(
        select(Attempt, Call.phone_mask, Contact.phone_mask, Call.recording_path, Call.recording_deleted_at)
        .join(Step, Step.id == Attempt.step_id)
        .outerjoin(Call, Call.id == Attempt.call_id)
        .outerjoin(Contact, Contact.id == Attempt.contact_id)
        .where(Step.reminder_id == reminder_id)
        .order_by(Attempt.number)
    )
    for found, called, of_contact, path, deleted in rows:
        tries.setdefault(found.step_id, []).append(
            AttemptLine(
                number=found.number,
                channel=found.channel,
                state=AttemptState(found.state),
                outcome=found.outcome,
                note=found.note,
                phone_mask=called or of_contact,
                created_at=found.created_at,
                intent_at=found.intent_at,
                ended_at=found.ended_at,
                call_id=found.call_id,
                recording=path is not None and deleted is None,
            )
        )
    steps = await session.scalars(
        select(Step).where(Step.reminder_id == reminder_id).order_by(Step.due_at, Step.id)
    )
    return tuple(
        StepLine(
            id=step.id,
            key=step.key,
            title=titles.get(step.key, step.key),
            lane=Lane(step.lane),
            state=StepState(step.state),
            due_at=step.due_at,
            next_at=step.next_at,
            ended_at=step.ended_at,
            verdict=str(step.reasons.get("verdict", "")),
            reasons=tuple(str(each) for each in step.reasons.get("reasons", ())),
            attempts=tuple(tries.get(step.id, ())),
        )
        for step in steps
    )


async def _bills(session: AsyncSession, reminder_id: uuid.UUID) -> tuple[BillLine, ...]:
    rows = await session.execute(
        select(Bill.bill_no, Bill.tax_type, Bill.period, _BILL.c.unpaid, _BILL.c.due)
        .join(ReminderBill, ReminderBill.bill_id == Bill.id)
        .join(_BILL, _BILL.c.id == Bill.id)
        .where(ReminderBill.reminder_id == reminder_id)
        .order_by(Bill.bill_no)
    )
    return tuple(BillLine(*row) for row in rows)


async def _pauses(session: AsyncSession, taxpayer_id: uuid.UUID, now: datetime) -> tuple[PauseLine, ...]:
    hashes = select(Contact.phone_hash).where(Contact.taxpayer_id == taxpayer_id)
    found = await session.scalars(
        select(ContactPause)
        .where(
            or_(ContactPause.taxpayer_id == taxpayer_id, ContactPause.phone_hash.in_(hashes)),
            ContactPause.lifted_at.is_(None),
            or_(ContactPause.until.is_(None), ContactPause.until > now),
        )
        .order_by(ContactPause.created_at)
    )
    return tuple(PauseLine(p.id, p.calls_only, p.until, p.reason, p.by, p.created_at) for p in found)
