"""Tells the store how many calls this gateway can talk in, so that campaigns never have more under way than that."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket

import structlog
from sqlalchemy import delete, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from store.engine import SessionFactory
from store.outreach_models import VoiceHost

log = structlog.get_logger("gateway.calls")
BEAT_S = 5.0
"""Hosts that have been silent for three beats are not counted on (``outreach.pacing``)."""


async def announce_lines(sessions: SessionFactory, lines: int) -> None:
    """Go on saying so until cancelled; then take it back."""
    name = f"{socket.gethostname()}:{os.getpid()}"
    try:
        while True:
            try:
                async with sessions() as session, session.begin():
                    await _seen(session, name, lines)
            except (SQLAlchemyError, OSError) as error:
                log.warning("lines_not_announced", error=type(error).__name__)
            await asyncio.sleep(BEAT_S)
    finally:
        with contextlib.suppress(SQLAlchemyError, OSError):
            async with sessions() as session, session.begin():
                await session.execute(delete(VoiceHost).where(VoiceHost.name == name))


async def _seen(session: AsyncSession, name: str, lines: int) -> None:
    now = func.clock_timestamp()
    await session.execute(
        insert(VoiceHost)
        .values(name=name, lines=lines, seen_at=now)
        .on_conflict_do_update(index_elements=["name"], set_={"lines": lines, "seen_at": now})
    )
