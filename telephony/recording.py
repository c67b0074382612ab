"""Recordings of calls: written second by second while people talk, sealed, off the event loop.

Whatever the disk does, the call goes on: what could not be kept is counted, named in the recording's end where that can
still be written, and told when the recording is closed.
"""

from __future__ import annotations

import asyncio
import errno
import os
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from telephony.recording_format import (
    CHUNK_BYTES,
    SILENCE,
    End,
    Header,
    Problem,
    RecordingError,
    RecordingKeys,
    Seal,
    locate,
    place,
)
from telephony.recording_reader import RecordingReader
from telephony.recording_timeline import Second, Timeline

LIMIT_MS = 2 * 3600 * 1000
BACKLOG_SECONDS = 60
"""Seconds one call may wait for the disk, about 1 MB; later ones become silence."""
_SILENT = bytes((SILENCE,)) * CHUNK_BYTES
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
Write = Callable[[int, bytes], int]
log = structlog.get_logger("telephony.recording")


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a recording: where it lies (``None`` if nowhere), its key's id, its length, what is missing and why."""

    path: Path | None
    key_id: str
    duration_ms: int
    lost_ms: int
    problem: Problem

    @property
    def complete(self) -> bool:
        """Whether everything that was said is in it."""
        return self.path is not None and self.problem is Problem.NONE and self.lost_ms == 0


class Recordings:
    """The folder of recordings, ``<folder>/<yyyy-mm>/<call id>.slr``, and the one thread that writes them.

    ``write`` is ``os.write`` or something that behaves like it.
    """

    def __init__(self, folder: Path, keys: RecordingKeys, write: Write = os.write) -> None:
        self.folder = folder
        self._keys = keys
        self._write = write
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="recordings")

    def start(self, call_id: uuid.UUID, started: datetime, limit_ms: int = LIMIT_MS) -> Recording:
        """Begin to record a call; the call's clock is 0 at ``started``. Never fails: see :class:`Recorded`."""
        header = Header.new(call_id, started, self._keys.writing)
        path = place(self.folder, call_id, started)
        return Recording(_File(path, header, header.seal(self._keys), self._write), self._pool, limit_ms)

    def open(self, call_id: uuid.UUID) -> RecordingReader:
        """Read the recording of a call. Raises :class:`RecordingError` when there is none that can be read."""
        path = locate(self.folder, call_id)
        if path is None:
            raise RecordingError("这通电话没有录音，或录音已过保存期限。")
        return RecordingReader(path, self._keys)

    def close(self) -> None:
        """Wait until everything handed over is written."""
        self._pool.shutdown()


class Recording:
    """One call being recorded: a megabyte of memory at most, and no waiting but in :meth:`close`."""

    def __init__(self, file: _File, pool: ThreadPoolExecutor, limit_ms: int) -> None:
        self._file = file
        self._pool = pool
        self._timeline = Timeline(limit_ms)
        self._submitted = 0
        self._closed: asyncio.Future[Recorded] | None = None

    def caller(self, at_ms: int, mulaw: bytes) -> None:
        """The caller was heard from ``at_ms`` of the call's clock on."""
        self._keep(self._timeline.caller(at_ms, mulaw))

    def bot(self, at_ms: int, mulaw: bytes) -> None:
        """The bot is heard from ``at_ms`` on; may be told ahead, and taken back with :meth:`cut`."""
        self._keep(self._timeline.bot(at_ms, mulaw))

    def cut(self, at_ms: int) -> None:
        """What the bot would have said from ``at_ms`` on was thrown away before it was played."""
        self._timeline.cut(at_ms)

    async def close(self, ended_ms: int | None = None) -> Recorded:
        """Write the rest and the end; words of the bot after ``ended_ms`` were not heard. Closing again changes nothing."""
        if self._closed is None:
            rest = self._timeline.finish(ended_ms)
            self._keep(rest.seconds)
            self._closed = asyncio.wrap_future(
                self._pool.submit(self._file.finish, rest.samples, rest.lost_ms)
            )
        return await asyncio.shield(self._closed)

    def _keep(self, seconds: Sequence[Second]) -> None:
        if not seconds or self._closed is not None:
            return
        heard = sum(second is not None for second in seconds)
        late = self._submitted + heard - self._file.taken > BACKLOG_SECONDS
        if not late:
            self._submitted += heard
        self._pool.submit(self._file.append, [None] * len(seconds) if late else seconds, heard if late else 0)


class _File:
    """The file behind a recording. Every method but ``taken`` runs on the writing thread."""

    def __init__(self, path: Path, header: Header, seal: Seal, write: Write) -> None:
        self._path = path
        self._header = header
        self._seal = seal
        self._write_some = write
        self._handle: int | None = None
        self._size = 0
        self._chunks = 0
        self._lost_ms = 0
        self._problem = Problem.NONE
        self.taken = 0
        """Seconds with sound that have been dealt with; written by one thread, read by the other."""

    def append(self, seconds: Sequence[Second], late: int) -> None:
        if late:
            self._problem = self._problem or Problem.TOO_SLOW
            self._lost_ms += late * 1000
        for second in seconds:
            if not self._put(self._seal.chunk(self._chunks, second or _SILENT)):
                self._lost_ms += 1000 if second is not None else 0
            else:
                self._chunks += 1
            self.taken += second is not None

    def finish(self, samples: int, lost_ms: int) -> Recorded:
        kept = End(samples, self._lost_ms + lost_ms, self._problem)
        if kept.chunks > self._chunks:
            kept = End(self._chunks * CHUNK_BYTES // 2, kept.lost_ms, kept.problem)
        self._put(self._seal.end(kept), last=True)
        if self._handle is not None:
            try:
                os.fsync(self._handle)
            except OSError as error:
                self._failed(error)
            os.close(self._handle)
        exists = self._handle is not None
        self._handle = None
        duration = kept.samples * 1000 // (CHUNK_BYTES // 2)
        path = self._path if exists else None
        return Recorded(path, self._header.key_id, duration, kept.lost_ms, self._problem)

    def _put(self, data: bytes, *, last: bool = False) -> bool:
        # After a failure only the end is tried: a gap in the middle would shift everything behind it.
        if self._problem in (Problem.DISK_FULL, Problem.DISK) and not (last and self._handle is not None):
            return False
        try:
            if self._handle is None:
                self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                self._write(self._header.pack())
            self._write(data)
        except OSError as error:
            self._failed(error)
            return False
        return True

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._write_some(self._handle or 0, bytes(view)) :]
        self._size += len(data)

    def _failed(self, error: OSError) -> None:
        self._problem = Problem.DISK_FULL if error.errno in _FULL else Problem.DISK
        log.error("recording_failed", call=str(self._header.call_id), errno=error.errno)
        if self._handle is not None:
            try:
                os.ftruncate(self._handle, self._size)
            except OSError as again:
                log.error("recording_not_trimmed", call=str(self._header.call_id), errno=again.errno)
