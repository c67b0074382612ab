"""Leaving a taxpayer, or whoever answers a number, alone for a while or for good, at somebody's word."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from outreach.switches import hold_back
from store import audit
from store.models import Contact, Taxpayer
from store.outreach_models import ContactPause

LONGEST_REASON = 200


class PauseError(ValueError):
    """Why there is nothing to pause or lift; the text (Chinese) is for the reader."""


@dataclass(frozen=True, slots=True)
class PauseRow:
    """A pause in the list. ``who``: the taxpayer's name, or the masked number where a number is paused."""

    id: uuid.UUID
    taxpayer_id: uuid.UUID | None
    who: str
    calls_only: bool
    until: datetime | None
    reason: str
    by: str
    created_at: datetime


async def pause_contact(
    session: AsyncSession,
    by: str,
    *,
    taxpayer_id: uuid.UUID | None = None,
    phone_hash: bytes | None = None,
    until: datetime | None,
    reason: str,
    calls_only: bool = False,
) -> ContactPause:
    """Contact neither the taxpayer nor the number (one of the two is given) before ``until``; ``None``: for good.

    Raises:
        PauseError: no reason, ``until`` is past, or there is no such taxpayer.
    """
    if (taxpayer_id is None) == (phone_hash is None):
        raise ValueError("either a taxpayer or a number is paused")
    plain = reason.strip()
    if not 0 < len(plain) <= LONGEST_REASON:
        raise PauseError(f"请写明暂停的原因，最多{LONGEST_REASON}个字。")
    if until is not None and until <= await _now(session):
        raise PauseError("暂停的截止时间要在现在之后。")
    if taxpayer_id is not None and await session.get(Taxpayer, taxpayer_id) is None:
        raise PauseError("没有这位纳税人。")
    await hold_back(session)
    pause = ContactPause(
        id=uuid.uuid4(),
        taxpayer_id=taxpayer_id,
        phone_hash=phone_hash,
        calls_only=calls_only,
        until=until,
        reason=audit.mask_identifiers(plain),
        by=by,
    )
    session.add(pause)
    await session.flush()
    await _record(
        session, by, "paused", pause, until=until.isoformat() if until else "", calls_only=calls_only
    )
    return pause


async def lift(session: AsyncSession, by: str, pause_id: uuid.UUID) -> ContactPause:
    """End a pause; one that has been lifted stays so. Raises :class:`PauseError` when there is none."""
    pause = await session.get(ContactPause, pause_id, with_for_update=True, populate_existing=True)
    if pause is None:
        raise PauseError("没有这条暂停记录。")
    if pause.lifted_at is None:
        pause.lifted_at = await _now(session)
        await _record(session, by, "lifted", pause)
    return pause


async def listed(session: AsyncSession) -> tuple[PauseRow, ...]:
    """The pauses in force, the newest first."""
    number = (
        select(func.min(Contact.phone_mask))
        .where(Contact.phone_hash == ContactPause.phone_hash)
        .scalar_subquery()
    )
    rows = await session.execute(
        select(ContactPause, Taxpayer.name, number)
        .outerjoin(Taxpayer, Taxpayer.id == ContactPause.taxpayer_id)
        .where(
            ContactPause.lifted_at.is_(None),
            or_(ContactPause.until.is_(None), ContactPause.until > func.clock_timestamp()),
        )
        .order_by(ContactPause.created_at.desc(), ContactPause.id)
    )
    return tuple(
        PauseRow(
            pause.id,
            pause.taxpayer_id,
            name or mask or "未登记的号码",
            pause.calls_only,
            pause.until,
            pause.reason,
            pause.by,
            pause.created_at,
        )
        for pause, name, mask in rows
    )


async def _now(session: AsyncSession) -> datetime:
    now: datetime = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    return now


async def _record(
    session: AsyncSession, by: str, what: str, pause: ContactPause, **detail: str | bool
) -> None:
    subject = f"taxpayer:{pause.taxpayer_id}" if pause.taxpayer_id else "number"
    await audit.record(
        session,
        actor=by,
        action=f"contact.{what}",
        subject=subject,
        detail={"pause": str(pause.id)} | detail,
    )
