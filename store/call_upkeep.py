"""Calls that need somebody to look at them, and the recordings that are kept of calls."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from store import audit
from store.models import Call, CallState

_BATCH = 200
_UNDER_WAY = (CallState.PLACED, CallState.RINGING, CallState.ANSWERED)


async def orphan_intents(session: AsyncSession, carrier: str, before: datetime) -> Sequence[Call]:
    """Calls meant to be dialled before ``before`` of which nobody knows whether they were, oldest first."""
    found = await session.scalars(
        select(Call)
        .where(
            Call.carrier == carrier,
            Call.state == CallState.INTENT,
            Call.carrier_id.is_(None),
            Call.intent_at < before,
        )
        .order_by(Call.intent_at)
        .limit(_BATCH)
    )
    return found.all()


async def overdue(session: AsyncSession, carrier: str, before: datetime) -> Sequence[Call]:
    """Calls dialled before ``before`` whose end no carrier has reported, oldest first."""
    found = await session.scalars(
        select(Call)
        .where(Call.carrier == carrier, Call.state.in_(_UNDER_WAY), Call.intent_at < before)
        .order_by(Call.intent_at)
        .limit(_BATCH)
    )
    return found.all()


async def under_way(session: AsyncSession, carrier: str) -> Sequence[Call]:
    """Calls of a carrier that have been meant or dialled and have not ended, locked."""
    found = await session.scalars(
        select(Call)
        .where(Call.carrier == carrier, Call.state.in_((CallState.INTENT, *_UNDER_WAY)))
        .with_for_update()
    )
    return found.all()


async def unsettled(session: AsyncSession, before: datetime) -> Sequence[Call]:
    """Calls that ended before ``before`` and have no outcome: whoever spoke with the caller broke down."""
    found = await session.scalars(
        select(Call)
        .where(Call.state == CallState.ENDED, Call.outcome.is_(None), Call.ended_at < before)
        .order_by(Call.ended_at)
        .limit(_BATCH)
    )
    return found.all()


async def known_carrier_ids(session: AsyncSession, carrier_ids: Collection[str]) -> set[str]:
    """Those of the carrier's ids that belong to a call of ours already."""
    return set(await session.scalars(select(Call.carrier_id).where(Call.carrier_id.in_(carrier_ids))))


async def keep_recording(
    session: AsyncSession, call_id: uuid.UUID, path: str, seconds: float, key_id: str | None = None
) -> None:
    """Note where a call's recording lies, relative to the recordings' folder, and with which key it is encrypted."""
    await session.execute(
        update(Call)
        .where(Call.id == call_id)
        .values(recording_path=path, recording_seconds=seconds, recording_key_id=key_id)
    )


async def recording_deleted(session: AsyncSession, call_id: uuid.UUID, now: datetime) -> bool:
    """Note that a recording's file is gone; ``False`` if that was known or there was none."""
    done = await session.scalar(
        update(Call)
        .where(Call.id == call_id, Call.recording_path.is_not(None), Call.recording_deleted_at.is_(None))
        .values(recording_deleted_at=now)
        .returning(Call.id)
    )
    if done is None:
        return False
    await audit.record(
        session, actor="system", action="call.recording_deleted", subject=f"call:{call_id}", detail={}
    )
    return True
