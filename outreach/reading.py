"""What the console's pages about outreach list: the red button's state, campaigns, their load, their reminders.

Nothing is changed here. Names stand in full; whether they are masked is up to the page, which knows who looks.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import (
    ColumnElement,
    Date,
    Integer,
    and_,
    cast,
    func,
    select,
    true,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession

from outreach.plan import Lane, Plan, Tier, read_plan
from store.handoff_models import Staff
from store.models import Taxpayer
from store.outreach_models import (
    Campaign,
    CampaignStatus,
    OutreachSwitch,
    Reminder,
    Step,
    StepState,
)

PAGE = 50
"""Reminders of one page of a list."""
MOST_EXPORTED = 50_000
_PART = 2000
_ZONE = "Asia/Shanghai"


@dataclass(frozen=True, slots=True)
class Switch:
    """The red button; ``by`` is who moved it last (``staff:<login>``, ``cli``)."""

    stopped: bool
    by: str | None
    reason: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """How far the reminders of a campaign have come, each counted once at every station it has passed."""

    reminders: int = 0
    active: int = 0
    notified: int = 0
    reached: int = 0
    paid: int = 0


@dataclass(frozen=True, slots=True)
class Head:
    """A campaign without its plan's details."""

    id: uuid.UUID
    name: str
    title: str
    status: CampaignStatus
    created_by: str
    created_at: datetime
    started_at: datetime | None
    paused_at: datetime | None
    ended_at: datetime | None
    enrolled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Load:
    """Steps planned for one hour (``0`` to ``23``) of one day, Asia/Shanghai."""

    day: date
    hour: int
    lane: Lane
    steps: int


class Stage(StrEnum):
    """How far a reminder has come, at least."""

    WAITING = "waiting"
    """Nothing has reached them yet."""
    NOTIFIED = "notified"
    REACHED = "reached"
    VERIFIED = "verified"
    PROMISED = "promised"
    PAID = "paid"


class Standing(StrEnum):
    """Whether a reminder goes on, else why it is over (values of ``outreach_reminder.closed_reason``)."""

    ACTIVE = "active"
    PAID = "paid"
    DEFERRED = "deferred"
    DISPUTED = "disputed"
    WITHDRAWN = "withdrawn"
    MOVED = "moved"
    FINISHED = "finished"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which reminders to list; ``None`` does not matter."""

    tier: Tier | None = None
    standing: Standing | None = None
    stage: Stage | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A reminder as a line of a list."""

    id: uuid.UUID
    taxpayer_id: uuid.UUID
    name: str
    identifier_mask: str
    region: str
    due: date
    tier: Tier
    score: int
    standing: Standing
    stage: Stage


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of reminders, the riskiest first; ``after`` is what the next page begins behind, ``None`` at the end."""

    lines: tuple[Line, ...]
    total: int
    after: tuple[int, uuid.UUID] | None


async def switch(session: AsyncSession) -> Switch:
    """How the red button stands."""
    found = (await session.scalars(select(OutreachSwitch))).one()
    return Switch(found.stopped, found.by, found.reason, found.at)


async def people(session: AsyncSession, actors: Iterable[str | None]) -> dict[str, str]:
    """Names of those among ``actors`` (``staff:<login>``) who work here."""
    logins = {actor.removeprefix("staff:") for actor in actors if actor and actor.startswith("staff:")}
    rows = await session.execute(select(Staff.login, Staff.name).where(Staff.login.in_(logins)))
    return {f"staff:{login}": name for login, name in rows}


async def heads(session: AsyncSession) -> tuple[Head, ...]:
    """Every campaign: those at work first, then the newest."""
    order = {CampaignStatus.RUNNING: 0, CampaignStatus.PAUSED: 1, CampaignStatus.DRAFT: 2}
    found = await session.scalars(select(Campaign).order_by(Campaign.created_at.desc()))
    return tuple(sorted((head_of(each) for each in found), key=lambda head: order.get(head.status, 3)))


async def campaign(session: AsyncSession, campaign_id: uuid.UUID) -> tuple[Head, Plan]:
    """One campaign and its strategy. Raises :class:`LookupError`."""
    found = await session.get(Campaign, campaign_id)
    if found is None:
        raise LookupError("没有这个活动。")
    return head_of(found), read_plan(found.plan)


async def counts(session: AsyncSession, campaign_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Counts]:
    """How far these campaigns have come; all of them are in the answer."""
    rows = await session.execute(
        select(
            Reminder.campaign_id,
            func.count(),
            func.count().filter(Reminder.active),
            func.count(Reminder.notified_at),
            func.count(Reminder.reached_at),
            func.count(Reminder.paid_at),
        )
        .where(Reminder.campaign_id.in_(campaign_ids))
        .group_by(Reminder.campaign_id)
    )
    found = {row[0]: Counts(*row[1:]) for row in rows}
    return {each: found.get(each, Counts()) for each in campaign_ids}


async def planned_load(
    session: AsyncSession, campaign_id: uuid.UUID, now: datetime, days: int = 21
) -> tuple[Load, ...]:
    """Steps that are still planned, by the hour they are looked at next, for so many days from today.

    What is overdue counts where it would be taken: in the present hour.
    """
    local = func.timezone(_ZONE, func.greatest(Step.next_at, now))
    day, hour = cast(local, Date), cast(func.extract("hour", local), Integer)
    rows = await session.execute(
        select(day, hour, Step.lane, func.count())
        .where(
            Step.campaign_id == campaign_id,
            Step.state == StepState.PLANNED,
            Step.next_at < now + timedelta(days=days),
        )
        .group_by(day, hour, Step.lane)
        .order_by(day, hour)
    )
    return tuple(Load(row[0], row[1], Lane(row[2]), row[3]) for row in rows)


async def reminders(
    session: AsyncSession,
    campaign_id: uuid.UUID,
    wanted: Wanted,
    after: tuple[int, uuid.UUID] | None = None,
    limit: int = PAGE,
) -> Listed:
    """A page of a campaign's reminders."""
    those = and_(Reminder.campaign_id == campaign_id, _fits(wanted))
    total = await session.scalar(select(func.count()).select_from(Reminder).where(those)) or 0
    query = (
        select(Reminder, Taxpayer)
        .join(Taxpayer, Taxpayer.id == Reminder.taxpayer_id)
        .where(those)
        .order_by(Reminder.score.desc(), Reminder.id.desc())
        .limit(limit + 1)
    )
    if after is not None:
        query = query.where(tuple_(Reminder.score, Reminder.id) < after)
    rows = (await session.execute(query)).all()
    lines = tuple(line_of(reminder, taxpayer) for reminder, taxpayer in rows[:limit])
    last = (lines[-1].score, lines[-1].id) if len(rows) > limit else None
    return Listed(lines, total, last)


async def all_reminders(
    session: AsyncSession, campaign_id: uuid.UUID, wanted: Wanted, most: int = MOST_EXPORTED
) -> list[Line]:
    """The riskiest ``most`` of them, read in parts so that nothing else in the process has to wait for long."""
    found: list[Line] = []
    after: tuple[int, uuid.UUID] | None = None
    while len(found) < most:
        part = await reminders(session, campaign_id, wanted, after, min(_PART, most - len(found)))
        found += part.lines
        if (after := part.after) is None:
            break
    return found


def head_of(found: Campaign) -> Head:
    """What a campaign is, without its plan's details."""
    return Head(
        id=found.id,
        name=found.name,
        title=str(found.plan.get("title", "")),
        status=CampaignStatus(found.status),
        created_by=found.created_by,
        created_at=found.created_at,
        started_at=found.started_at,
        paused_at=found.paused_at,
        ended_at=found.ended_at,
        enrolled_at=found.enrolled_at,
    )


def line_of(found: Reminder, taxpayer: Taxpayer) -> Line:
    """A reminder as a line of a list."""
    return Line(
        id=found.id,
        taxpayer_id=found.taxpayer_id,
        name=taxpayer.name,
        identifier_mask=taxpayer.identifier_mask,
        region=taxpayer.region,
        due=found.due,
        tier=Tier(found.tier),
        score=found.score,
        standing=Standing(found.closed_reason or Standing.ACTIVE),
        stage=max(
            (stage for stage in Stage if passed_at(found, stage) is not None),
            key=list(Stage).index,
            default=Stage.WAITING,
        ),
    )


def passed_at(found: Reminder, stage: Stage) -> datetime | None:
    """When the reminder came to this stage, ``None`` if it has not."""
    at: datetime | None = getattr(found, f"{stage}_at") if stage is not Stage.WAITING else None
    return at


def _fits(wanted: Wanted) -> ColumnElement[bool]:
    found: list[ColumnElement[bool]] = [true()]
    if wanted.tier is not None:
        found.append(Reminder.tier == wanted.tier)
    if wanted.standing is Standing.ACTIVE:
        found.append(Reminder.active.is_(True))
    elif wanted.standing is not None:
        found.append(Reminder.closed_reason == wanted.standing)
    if wanted.stage is Stage.WAITING:
        found.append(and_(Reminder.notified_at.is_(None), Reminder.reached_at.is_(None)))
    elif wanted.stage is not None:
        found.append(getattr(Reminder, f"{wanted.stage}_at").is_not(None))
    return and_(*found)
