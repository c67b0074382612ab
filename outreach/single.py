"""A single call outside a campaign: whether it may be made now, by the same hours and limits as a campaign's."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from outreach.clock import SHANGHAI
from outreach.facts import history_of
from outreach.hours import ContactHours
from outreach.limits import call_limits_met, earliest_call
from outreach.plan import Lane, Limits, Span
from outreach.switches import stopped
from store.outreach_models import ContactPause

STANDARD = Limits()
"""The limits of who names none."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a call may not be made now, in Chinese; ``until``: from when on it may, ``None`` where nobody knows."""

    words: str
    until: datetime | None = None


async def forbidden(
    session: AsyncSession, taxpayer_id: uuid.UUID, phone_hash: bytes, now: datetime
) -> Refused | None:
    """Why nobody may be called at all (everything is stopped), or not this taxpayer (paused); ``None``: they may."""
    if await stopped(session):
        return Refused("外呼已经全部暂停，恢复以后才能拨打。")
    paused = await session.scalar(
        select(ContactPause.id)
        .where(
            or_(ContactPause.taxpayer_id == taxpayer_id, ContactPause.phone_hash == phone_hash),
            ContactPause.lifted_at.is_(None),
            or_(ContactPause.until.is_(None), ContactPause.until > now),
        )
        .limit(1)
    )
    return Refused("这位纳税人已暂停联系，不能拨打。") if paused is not None else None


async def untimely(
    session: AsyncSession,
    taxpayer_id: uuid.UUID,
    phone_hash: bytes,
    region: str,
    now: datetime,
    *,
    asked_for: bool = False,
    limits: Limits = STANDARD,
) -> Refused | None:
    """Why the hours or the number of calls forbid one now; ``None`` when they do not.

    ``asked_for``: the taxpayer has asked to be called, which does not count against the calls of one day they answer.
    """
    hours = ContactHours.of(limits, Lane.CALL)
    if not hours.open_at(now, region):
        opening = hours.next_open(now, region)
        return Refused(
            f"现在不在联系时间内（工作日{_spans(hours.spans)}），{_minute(opening)}以后再拨。", opening
        )
    history = await history_of(session, taxpayer_id, phone_hash, now)
    if asked_for:
        history = replace(history, connected=())
    met = call_limits_met(history, limits, now)
    if not met:
        return None
    again = hours.next_open(earliest_call(history, limits, now), region)
    return Refused(f"{'，'.join(met)}，{_minute(again)}以后再拨。", again)


def _spans(spans: tuple[Span, ...]) -> str:
    return "、".join(f"{span.starts:%H:%M}到{span.ends:%H:%M}" for span in spans)


def _minute(at: datetime) -> str:
    local = at.astimezone(SHANGHAI)
    return f"{local.month}月{local.day}日{local:%H:%M}"
