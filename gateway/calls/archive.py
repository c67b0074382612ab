"""Calls and their recordings, as the pages that play them ask for them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence

from sqlalchemy import select

from gateway.routes.calls import CallRow, CallSheet, SheetLine
from store import audit, call_lines
from store.engine import SessionFactory
from store.models import Call, CallLine
from telephony.recording import Recordings
from telephony.recording_reader import RecordingReader

NOTED_FOR_S = 600.0
"""A page that looks again within this time is the same look."""


class CallArchive:
    """Implements ``gateway.routes.calls.Archive`` on the store and the folder of recordings."""

    def __init__(self, sessions: SessionFactory, recordings: Recordings) -> None:
        self._sessions = sessions
        self._recordings = recordings
        self._noted: dict[uuid.UUID, float] = {}

    async def find(self, words: str, limit: int) -> Sequence[CallRow]:
        """The latest calls, or the latest in which the words were said."""
        async with self._sessions() as session:
            if not words:
                latest = select(Call).order_by(Call.created_at.desc()).limit(limit)
                return [_row(call) for call in await session.scalars(latest)]
            found: dict[uuid.UUID, CallLine] = {}
            for line in await call_lines.search(session, words, limit=10 * limit):
                found.setdefault(line.call_id, line)
            wanted = list(found)[:limit]
            calls = {call.id: call for call in await session.scalars(select(Call).where(Call.id.in_(wanted)))}
            return [_row(calls[call_id], found[call_id].text) for call_id in wanted]

    async def sheet(self, call_id: uuid.UUID) -> CallSheet | None:
        """One call with its transcript; that somebody looked is written down, once in :data:`NOTED_FOR_S` a call."""
        async with self._sessions() as session, session.begin():
            call = await session.get(Call, call_id)
            if call is None:
                return None
            lines = await call_lines.transcript(session, call_id)
            if call.outcome is not None and self._to_be_noted(call_id):
                await audit.record(
                    session, actor="operator", action="call.opened", subject=f"call:{call_id}", detail={}
                )
        return CallSheet(
            _row(call),
            call.outcome_note or "",
            call.pack,
            [SheetLine(line.speaker, line.text, line.began_ms, line.ended_ms, line.heard) for line in lines],
        )

    def _to_be_noted(self, call_id: uuid.UUID) -> bool:
        now = time.monotonic()
        self._noted = {known: at for known, at in self._noted.items() if now - at < NOTED_FOR_S}
        fresh = call_id not in self._noted
        if fresh:
            self._noted[call_id] = now
        return fresh

    def recording(self, call_id: uuid.UUID) -> RecordingReader:
        """Its recording; raises :class:`telephony.recording_format.RecordingError`."""
        return self._recordings.open(call_id)


def _row(call: Call, found: str = "") -> CallRow:
    return CallRow(call.id, call.created_at, call.phone_mask, call.carrier, call.outcome, found)
