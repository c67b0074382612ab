"""The audit trail as an auditor reads it: searched, exported, checked; each of these is in the trail itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.exports import Table
from handoff.permissions import Action, require
from store import audit
from store.handoff_models import Staff
from store.models import AuditEvent

PAGE = 100
MOST_EXPORTED = 50_000
_SHANGHAI = ZoneInfo("Asia/Shanghai")


class BadQuery(ValueError):
    """What was searched for cannot be; the words say why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for; empty means any.

    ``first`` and ``last`` are days in Asia/Shanghai, both counted. ``action`` is a beginning: ``ticket.`` finds all
    that happened to tickets. ``actor`` and ``subject`` are whole: ``staff:li``, ``ticket:RG2026-000001``.
    """

    first: date | None = None
    last: date | None = None
    actor: str = ""
    action: str = ""
    subject: str = ""

    def __post_init__(self) -> None:
        if self.first is not None and self.last is not None and self.last < self.first:
            raise BadQuery("结束日期不能早于开始日期。")
        if any(audit.holds_identifier(text) for text in (self.actor, self.action, self.subject)):
            raise BadQuery("记录里没有证件号码和手机号码，请按编号或账号查。")


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of the trail; ``at`` is aware."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """A page of events, newest first; ``before`` is what :func:`more` takes for the next one, ``None`` at the end."""

    entries: tuple[Entry, ...]
    before: int | None


@dataclass(frozen=True, slots=True)
class Export:
    """Events as a table, oldest first; ``cut`` when there are more than :data:`MOST_EXPORTED`."""

    table: Table
    cut: bool


async def search(session: AsyncSession, staff: Staff, wanted: Wanted) -> Found:
    """The newest events; that they were looked for is recorded, once however many pages follow.

    Raises :class:`handoff.permissions.NotAllowed`.
    """
    found = await more(session, staff, wanted, None)
    await _record(session, staff, "audit.searched", _told(wanted))
    return found


async def more(session: AsyncSession, staff: Staff, wanted: Wanted, before: int | None) -> Found:
    """The next page of a search. Raises :class:`handoff.permissions.NotAllowed`."""
    require(staff.roles, Action.READ_AUDIT)
    query = _query(wanted).order_by(AuditEvent.id.desc()).limit(PAGE + 1)
    if before is not None:
        query = query.where(AuditEvent.id < before)
    events = [_entry(event) for event in await session.scalars(query)]
    shown = tuple(events[:PAGE])
    return Found(shown, shown[-1].id if len(events) > PAGE else None)


async def export(session: AsyncSession, staff: Staff, wanted: Wanted) -> Export:
    """The oldest :data:`MOST_EXPORTED` of what a search finds; recorded. Raises ``NotAllowed``."""
    require(staff.roles, Action.READ_AUDIT)
    query = _query(wanted).order_by(AuditEvent.id).limit(MOST_EXPORTED + 1)
    events = [_entry(event) for event in await session.scalars(query)]
    rows = [
        (e.id, e.at, e.actor, e.action, e.subject, json.dumps(e.detail, ensure_ascii=False, sort_keys=True))
        for e in events[:MOST_EXPORTED]
    ]
    await _record(session, staff, "audit.exported", {**_told(wanted), "rows": len(rows)})
    headings = ("序号", "时间", "操作者", "动作", "对象", "详情")
    return Export(Table("审计记录", headings, rows), len(events) > MOST_EXPORTED)


async def check(
    session: AsyncSession, staff: Staff, noted: tuple[int, str] | None = None
) -> audit.AuditReport:
    """Check the whole chain, against an earlier head (id, hash in hex) if one was noted; recorded. Raises ``NotAllowed``."""
    require(staff.roles, Action.READ_AUDIT)
    report = await audit.verify(session, noted)
    await _record(session, staff, "audit.verified", {"ok": report.ok, "count": report.count})
    return report


def _query(wanted: Wanted) -> Select[AuditEvent]:
    query = select(AuditEvent)
    if wanted.first is not None:
        query = query.where(AuditEvent.at >= _midnight(wanted.first))
    if wanted.last is not None:
        query = query.where(AuditEvent.at < _midnight(wanted.last + timedelta(days=1)))
    if wanted.actor:
        query = query.where(AuditEvent.actor == wanted.actor)
    if wanted.action:
        query = query.where(AuditEvent.action.startswith(wanted.action, autoescape=True))
    if wanted.subject:
        query = query.where(AuditEvent.subject == wanted.subject)
    return query


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), _SHANGHAI)


def _entry(event: AuditEvent) -> Entry:
    return Entry(event.id, event.at, event.actor, event.action, event.subject, event.detail)


def _told(wanted: Wanted) -> dict[str, str]:
    found = {field.name: getattr(wanted, field.name) for field in fields(wanted)}
    return {name: str(value) for name, value in found.items() if value}


async def _record(session: AsyncSession, staff: Staff, action: str, detail: dict[str, Any]) -> None:
    await audit.record(session, actor=f"staff:{staff.login}", action=action, subject="audit", detail=detail)
