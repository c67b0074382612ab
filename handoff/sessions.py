"""Staying logged in: a random token in one browser's cookie, its hash in the store."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from store import audit
from store.handoff_models import Staff, StaffSession

IDLE = timedelta(minutes=30)
"""A session nobody uses for so long is over."""
LONGEST = timedelta(hours=12)
"""No session lasts longer, however busy."""
_NOTED_AFTER = timedelta(minutes=1)
"""Use is noted once a minute: the row stays locked until its transaction ends, and two tabs would wait for each other."""


async def begin(session: AsyncSession, staff_id: uuid.UUID) -> str:
    """Open a session for somebody who has proven who they are; returns the token, which is stored nowhere."""
    token = secrets.token_urlsafe(32)
    session.add(
        StaffSession(staff_id=staff_id, token_hash=_hash(token), expires_at=func.clock_timestamp() + LONGEST)
    )
    await session.flush()
    return token


async def session_of(session: AsyncSession, token: str, *, used: bool = True) -> Staff | None:
    """Whose session this is, as they are now; ``None`` when it is unknown, over, or the account is disabled.

    With ``used`` the idle time begins anew once the caller commits. Heartbeats and other calls nobody made by hand
    pass ``used=False``, or a console left open would never log itself out.
    """
    row = (
        await session.execute(
            select(Staff, StaffSession.id)
            .join(StaffSession, StaffSession.staff_id == Staff.id)
            .where(
                StaffSession.token_hash == _hash(token),
                StaffSession.ended_at.is_(None),
                StaffSession.expires_at > func.clock_timestamp(),
                StaffSession.seen_at > func.clock_timestamp() - IDLE,
                ~Staff.disabled,
            )
            .execution_options(populate_existing=True)
        )
    ).first()
    if row is None:
        return None
    who, session_id = row
    if used:
        await session.execute(
            update(StaffSession)
            .where(
                StaffSession.id == session_id,
                StaffSession.seen_at < func.clock_timestamp() - _NOTED_AFTER,
            )
            .values(seen_at=func.clock_timestamp())
            .execution_options(synchronize_session=False)
        )
    found: Staff = who
    return found


async def log_out(session: AsyncSession, token: str) -> None:
    """End the session; nothing happens where there is none."""
    login = await session.scalar(
        update(StaffSession)
        .where(
            StaffSession.token_hash == _hash(token),
            StaffSession.ended_at.is_(None),
            Staff.id == StaffSession.staff_id,
        )
        .values(ended_at=func.clock_timestamp())
        .returning(Staff.login)
        .execution_options(synchronize_session=False)
    )
    if login is not None:
        await audit.record(
            session, actor=f"staff:{login}", action="staff.logout", subject=f"staff:{login}", detail={}
        )


async def end_sessions(session: AsyncSession, staff_id: uuid.UUID) -> None:
    """End whatever sessions somebody has, in all their browsers."""
    await session.execute(
        update(StaffSession)
        .where(StaffSession.staff_id == staff_id, StaffSession.ended_at.is_(None))
        .values(ended_at=func.clock_timestamp())
        .execution_options(synchronize_session=False)
    )


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
