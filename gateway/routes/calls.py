"""Listening to calls: a page where the transcript follows the recording, and the data it shows.

``GET /calls/{id}`` is the page, ``GET /calls/{id}.json`` the call and its transcript, ``GET /calls/{id}/levels.json`` the
loudness of both sides, for which the whole recording is read, and ``GET /calls/{id}/audio.wav?until=…&sign=…`` the recording
in any range; its address is signed, because a browser's player sends no token. ``GET /calls`` and ``GET /calls.json?q=…``
find calls.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Header, HTTPException, Query, Response
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.requests import HTTPConnection

from gateway.operators import OperatorAccess
from gateway.routes.phone import page
from telephony.events import Outcome
from telephony.recording_format import RecordingError
from telephony.recording_reader import RecordingReader

router = APIRouter()
LINK_LIFE_S = 2 * 3600
LEVELS_PER_SECOND = 10
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
OUTCOME_WORDS = {
    Outcome.COMPLETED: "已核实身份，提醒已送达",
    Outcome.NOT_VERIFIED: "身份没有核实",
    Outcome.WRONG_PERSON: "不是本人",
    Outcome.CALLBACK: "已预约回电",
    Outcome.OPTED_OUT: "对方不愿再接电话",
    Outcome.HUMAN: "已转人工",
    Outcome.VOICEMAIL: "语音信箱，已留言",
    Outcome.SILENT: "接通后没有人说话",
    Outcome.HUNG_UP: "对方中途挂断",
    Outcome.BUSY: "占线",
    Outcome.NO_ANSWER: "无人接听",
    Outcome.REJECTED: "对方拒接",
    Outcome.INVALID_NUMBER: "号码无效",
    Outcome.FAX: "传真机",
    Outcome.CARRIER_FAILURE: "线路故障",
    Outcome.OUR_FAILURE: "系统故障，已安排回电",
}


@dataclass(frozen=True, slots=True)
class SheetLine:
    """A line of a transcript; ``heard`` is the share of a bot's line that was played, 0 to 1."""

    speaker: str
    """``bot``, ``caller`` or ``key``."""
    text: str
    began_ms: int
    ended_ms: int
    heard: float | None = None


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call in a list; ``phone_mask`` hides the middle of the number."""

    id: uuid.UUID
    began: datetime
    phone_mask: str
    carrier: str
    outcome: str | None
    """A value of :class:`Outcome`; ``None`` while it goes on."""
    found: str = ""
    """The line in which the words looked for were said."""


@dataclass(frozen=True, slots=True)
class CallSheet:
    """A call with all that was said."""

    row: CallRow
    note: str
    pack: str | None
    lines: Sequence[SheetLine]


class Archive(Protocol):
    """Where calls and their recordings are kept."""

    async def find(self, words: str, limit: int) -> Sequence[CallRow]:
        """The latest calls, those only in which ``words`` were said if there are any."""

    async def sheet(self, call_id: uuid.UUID) -> CallSheet | None:
        """One call; noted in the audit trail as looked at."""

    def recording(self, call_id: uuid.UUID) -> RecordingReader:
        """Its recording. Raises :class:`RecordingError` when there is none that can be read."""


class RecordingLinks:
    """Makes and checks signed addresses of recordings."""

    def __init__(self, key: str, clock: Callable[[], float] = time.time) -> None:
        self._key = hashlib.sha256(b"recording-link:" + key.encode()).digest()
        self._clock = clock

    def make(self, call_id: uuid.UUID) -> str:
        """A path good for :data:`LINK_LIFE_S` seconds."""
        until = int(self._clock()) + LINK_LIFE_S
        return f"/calls/{call_id}/audio.wav?until={until}&sign={self._sign(call_id, until)}"

    def valid(self, call_id: uuid.UUID, until: int, sign: str) -> bool:
        """Whether the path was made here and has not run out."""
        return until > self._clock() and hmac.compare_digest(
            self._sign(call_id, until).encode(), sign.encode()
        )

    def _sign(self, call_id: uuid.UUID, until: int) -> str:
        return hmac.new(self._key, f"{call_id}:{until}".encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Playback:
    """What the routes need; the application keeps it as ``app.state.playback``."""

    archive: Archive
    access: OperatorAccess
    links: RecordingLinks


def _playback(connection: HTTPConnection) -> Playback:
    playback: Playback = connection.app.state.playback
    return playback


Authorization = Annotated[str | None, Header()]


@router.get("/calls.json")
async def find(
    connection: HTTPConnection,
    authorization: Authorization = None,
    q: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """The latest calls, or those in which something was said."""
    playback = _playback(connection)
    playback.access.require(authorization)
    return _json([_row(row) for row in await playback.archive.find(q.strip(), 50)])


@router.get("/calls/{call_id}.json")
async def sheet(
    connection: HTTPConnection, call_id: uuid.UUID, authorization: Authorization = None
) -> Response:
    """One call; ``recording`` is ``null`` where there is none, and ``recording_problem`` says why."""
    playback = _playback(connection)
    playback.access.require(authorization)
    found = await playback.archive.sheet(call_id)
    if found is None:
        raise HTTPException(404, "没有找到这通电话。")
    try:
        recording, problem = await asyncio.to_thread(_recording, playback, call_id)
    except RecordingError as error:
        recording, problem = None, str(error)
    return _json(
        _row(found.row)
        | {"note": found.note, "pack": found.pack, "lines": [asdict(line) for line in found.lines]}
        | {"recording": recording, "recording_problem": problem}
    )


@router.get("/calls/{call_id}/levels.json")
async def levels(
    connection: HTTPConnection, call_id: uuid.UUID, authorization: Authorization = None
) -> Response:
    """How loud both sides are, as :meth:`RecordingReader.levels` gives it."""
    playback = _playback(connection)
    playback.access.require(authorization)
    try:
        caller, bot = await asyncio.to_thread(_levels, playback, call_id)
    except RecordingError as error:
        raise HTTPException(404, str(error)) from error
    return _json({"per_second": LEVELS_PER_SECOND, "caller": caller, "bot": bot})


def _levels(playback: Playback, call_id: uuid.UUID) -> tuple[list[int], list[int]]:
    return playback.archive.recording(call_id).levels(LEVELS_PER_SECOND)


def _recording(playback: Playback, call_id: uuid.UUID) -> tuple[dict[str, Any], str]:
    reader = playback.archive.recording(call_id)
    problem = reader.problem.words
    if not reader.complete and not problem:
        problem = "录音不完整，结尾可能缺失。" if not reader.lost_ms else "录音里有些片段缺失。"
    return {"url": playback.links.make(call_id), "duration_ms": reader.duration_ms}, problem


@router.get("/calls/{call_id}/audio.wav")
async def audio(
    connection: HTTPConnection,
    call_id: uuid.UUID,
    until: Annotated[int, Query()],
    sign: Annotated[str, Query(max_length=64)],
    range_: Annotated[str | None, Header(alias="range")] = None,
) -> Response:
    """The recording, or the part of it that is asked for; left the caller, right the bot."""
    playback = _playback(connection)
    if not playback.links.valid(call_id, until, sign):
        raise HTTPException(403, "这个链接已经过期，请刷新页面。")
    try:
        reader = await asyncio.to_thread(playback.archive.recording, call_id)
    except RecordingError as error:
        raise HTTPException(404, str(error)) from error
    size = reader.wav_size
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "private, no-store"}
    wanted = _RANGE.fullmatch(range_ or "")
    if wanted is None or wanted[0] == "bytes=-":
        headers["Content-Length"] = str(size)
        return StreamingResponse(reader.wav(), media_type="audio/wav", headers=headers)
    start, stop = _bounds(wanted[1], wanted[2], size)
    if start >= stop:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
    headers |= {"Content-Range": f"bytes {start}-{stop - 1}/{size}", "Content-Length": str(stop - start)}
    return StreamingResponse(
        reader.wav(start, stop), status_code=206, media_type="audio/wav", headers=headers
    )


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    """The first byte and the one after the last, of ``bytes=first-last`` (RFC 9110 §14.1.2)."""
    if not first:
        return max(size - int(last), 0), size
    return int(first), min(int(last) + 1, size) if last else size


@router.get("/calls", include_in_schema=False)
@router.get("/calls/{call_id}", include_in_schema=False)
async def call_page(connection: HTTPConnection, call_id: uuid.UUID | None = None) -> FileResponse:
    """The pages; what they show they fetch themselves."""
    if not _playback(connection).access.exists:
        raise HTTPException(404)
    return page("calls.html" if call_id is None else "call.html")


def _row(row: CallRow) -> dict[str, Any]:
    outcome = OUTCOME_WORDS[Outcome(row.outcome)] if row.outcome else "通话中"
    return {
        "id": str(row.id),
        "began": row.began.isoformat(),
        "phone_mask": row.phone_mask,
        "carrier": row.carrier,
        "outcome": row.outcome,
        "outcome_words": outcome,
        "found": row.found,
    }


def _json(content: Any) -> JSONResponse:
    return JSONResponse(content, headers={"Cache-Control": "no-store"})
