"""Rendered speech, kept: everything for a while in memory, and on disk what is no secret.

Speech that names a person or an amount must not lie on a disk in the clear, so only phrases that were rendered ahead
(:meth:`telephony.voice.speaker.Speaker.prepare`) go there.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

_MAGIC = b"SLV1"
_DIGEST = 16
_SUFFIX = ".ulaw"


def key_of(voice: str, version: str, request: Mapping[str, object]) -> str:
    """One name for what sounds the same: the voice, its version, and all it is given (words, speed, pause)."""
    whole = json.dumps([voice, version, request], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()


class Cache:
    """Least recently used goes first. Trouble with the disk is logged and otherwise ignored; safe between threads."""

    def __init__(
        self, folder: Path | None, disk_bytes: int = 256 * 1024 * 1024, memory_bytes: int = 32 * 1024 * 1024
    ) -> None:
        """``folder`` is made when needed; None keeps nothing on disk. Bounds are on the sound, in bytes."""
        self._folder = folder
        self._disk_bytes = disk_bytes
        self._memory_bytes = memory_bytes
        self._memory: OrderedDict[str, bytes] = OrderedDict()
        self._held = 0
        self._disk: OrderedDict[str, int] | None = None
        self._lock = threading.Lock()

    def recall(self, key: str) -> bytes | None:
        """From memory only: never waits for a disk."""
        with self._lock:
            sound = self._memory.get(key)
            if sound is not None:
                self._memory.move_to_end(key)
            return sound

    def get(self, key: str) -> bytes | None:
        """From memory, or whole and undamaged from disk."""
        if (sound := self.recall(key)) is not None or self._folder is None:
            return sound
        path = self._path(self._folder, key)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        head = len(_MAGIC) + _DIGEST
        sound = data[head:]
        if data[:head] != _MAGIC + _digest(sound):
            log.warning("voice_cache_damaged")
            with suppress(OSError):
                path.unlink()
            return None
        with suppress(OSError):
            os.utime(path)
        with self._lock:
            self._remember(key, sound)
            index = self._index(self._folder)
            index[key] = len(sound)
            index.move_to_end(key)
        return sound

    def put(self, key: str, sound: bytes, *, lasting: bool = False) -> None:
        """Keep in memory, and on disk if ``lasting``."""
        with self._lock:
            self._remember(key, sound)
        if lasting and self._folder is not None and not self._path(self._folder, key).exists():
            self._store(self._folder, key, sound)

    def _remember(self, key: str, sound: bytes) -> None:
        if len(sound) > self._memory_bytes:
            return
        self._held += len(sound) - len(self._memory.pop(key, b""))
        self._memory[key] = sound
        while self._held > self._memory_bytes:
            self._held -= len(self._memory.popitem(last=False)[1])

    def _store(self, folder: Path, key: str, sound: bytes) -> None:
        path = self._path(folder, key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
            try:
                with os.fdopen(handle, "wb") as part:
                    part.write(_MAGIC + _digest(sound) + sound)
                os.replace(temporary, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary)
                raise
        except OSError as error:
            log.warning("voice_cache_not_written", reason=type(error).__name__, code=error.errno)
            return
        with self._lock:
            index = self._index(folder)
            index[key] = len(sound)
            index.move_to_end(key)
            surplus = sum(index.values()) - self._disk_bytes
            while surplus > 0 and len(index) > 1:
                oldest, size = index.popitem(last=False)
                surplus -= size
                with suppress(OSError):
                    self._path(folder, oldest).unlink()

    def _index(self, folder: Path) -> OrderedDict[str, int]:
        """What lies on disk, oldest first; looked up once."""
        if self._disk is None:
            found = []
            for path in folder.glob(f"??/*{_SUFFIX}"):
                with suppress(OSError):
                    state = path.stat()
                    found.append((state.st_mtime_ns, path.stem, state.st_size))
            self._disk = OrderedDict((key, size) for _, key, size in sorted(found))
        return self._disk

    @staticmethod
    def _path(folder: Path, key: str) -> Path:
        return folder / key[:2] / f"{key}{_SUFFIX}"


def _digest(sound: bytes) -> bytes:
    return hashlib.blake2b(sound, digest_size=_DIGEST).digest()
