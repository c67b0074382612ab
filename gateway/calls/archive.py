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

_NOTES = {
    "not_understood": "多次没有听清",
    "silence": "没有人说话",
    "wrong_number": "说打错了",
    "third_party": "接听的不是本人",
    "denied": "说不是本人",
    "distress": "处境困难，已请人工联系",
    "goodbye": "对方道别",
    "suspicious": "不放心，已说明如何核实",
    "opt_out": "不愿再接电话",
    "human": "要找人工",
    "asked": "要找人工",
    "talked": "已与人工通话",
    "callback instead": "不再排队，约了回电",
    "complaint": "要投诉",
    "busy": "没空，也不约时间",
    "no_digits": "不记得证件号",
    "wrong_digits": "数字三次不对",
    "closing cut short": "道别没有说完",
    "too long": "超过最长通话时间",
    "dialogue unavailable": "对话系统没有答复",
    "no voice": "语音合成不可用",
    "message left": "已留言",
    "no message left": "没有留言",
    "our failure": "程序出错",
    "stopped": "程序停止",
    "action_opt_out": "不愿再接电话",
    "action_wrong_person": "说不是本人",
    "hung up in who": "问是不是本人时挂断",
    "hung up in prove": "核实身份时挂断",
    "hung up in read_back": "核对数字时挂断",
    "hung up in callback_time": "约回电时挂断",
    "hung up in matter": "说到正事时挂断",
    "hung up in closing": "道别时挂断",
    "hung up in waiting": "排队等人工时挂断",
    "hung up in joined": "与人工通话后挂断",
    "hung up in survey": "评价时挂断",
}
"""What the call notes of itself, in words for people; other notes are in words already."""
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
            _NOTES.get(call.outcome_note or "", call.outcome_note or ""),
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
