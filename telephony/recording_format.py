"""How a recording lies on disk: ``.slr``, two channels of µ-law in sealed seconds.

::

    header    "SLR" · version (1) · length of key id (1) · key id · salt (16) · call id (16) ·
              start, ms since 1970 (8) · samples a second (4) · channels (1) · codec (1, 1 = µ-law) ·
              samples of one chunk and channel (4)                                          big-endian
    chunk     AES-256-GCM of 2 × 8000 bytes, left and right sample by sample, tag behind     16,016 bytes
    …         one chunk a second; the last one filled up with silence
    end       AES-256-GCM of samples (8) · milliseconds lost (8) · problem (1) · zeros (15)     48 bytes

Left is the caller, right the bot. Every file has a key of its own: HKDF-SHA256 of the master key its id names, with the
file's salt and the whole header, so a changed header opens nothing. The nonce of a chunk is its number, so chunks cannot
be exchanged, repeated or taken from another file. All chunks are equally long: any second is found without an index, and
lengths say nothing about who spoke when. A file without its end is one whose writer died; its whole seconds can be read.
"""

from __future__ import annotations

import os
import re
import struct
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from telephony.events import RATE

SUFFIX = ".slr"
CHANNELS = 2
CHUNK_SAMPLES = RATE
"""Samples of one chunk and channel: a second."""
CHUNK_BYTES = CHUNK_SAMPLES * CHANNELS
SILENCE = 0xFF
"""µ-law's zero."""
_TAG = 16
SEALED_CHUNK = CHUNK_BYTES + _TAG
_END = struct.Struct(">QQB15x")
SEALED_END = _END.size + _TAG
_MAGIC = b"SLR\x01"
_TAIL = struct.Struct(">16s16sqIBBI")
_MULAW = 1
_KEY_ID = re.compile(r"[A-Za-z0-9_.-]{1,32}")


class RecordingError(Exception):
    """A recording cannot be written or read; the text says why, in Chinese."""


class RecordingDamaged(RecordingError):
    """What is stored is not what was recorded: changed, or of another key."""


class Problem(IntEnum):
    """Why a recording lacks something."""

    NONE = 0
    DISK_FULL = 1
    DISK = 2
    """The disk refused for another reason."""
    TOO_SLOW = 3
    """The disk took longer than the talk; seconds were replaced by silence."""

    @property
    def words(self) -> str:
        """For whoever listens to it."""
        return _WORDS[self]


_WORDS = {
    Problem.NONE: "",
    Problem.DISK_FULL: "磁盘已满，录音没有录完整。",
    Problem.DISK: "磁盘写入出错，录音没有录完整。",
    Problem.TOO_SLOW: "磁盘写入太慢，录音中有些部分是静音。",
}


@dataclass(frozen=True, slots=True)
class RecordingKeys:
    """Master keys by id, 32 bytes each; ``writing`` names the one for new recordings.

    Keep a key as long as recordings written with it are kept.
    """

    writing: str
    keys: Mapping[str, bytes] = field(repr=False)

    def __post_init__(self) -> None:
        if any(not _KEY_ID.fullmatch(name) or len(key) != 32 for name, key in self.keys.items()):
            raise RecordingError("录音密钥的编号只能用字母、数字和 . _ -，每个密钥必须是 32 字节。")
        if self.writing not in self.keys:
            raise RecordingError(f"没有编号为 {self.writing} 的录音密钥。")


@dataclass(frozen=True, slots=True)
class Header:
    """Whose recording it is and with what it was sealed; readable without a key, but not to be changed without one."""

    call_id: uuid.UUID
    started: datetime
    key_id: str
    salt: bytes

    @classmethod
    def new(cls, call_id: uuid.UUID, started: datetime, key_id: str) -> Header:
        """A header for a new file; ``started`` has a time zone."""
        return cls(call_id, started, key_id, os.urandom(16))

    def pack(self) -> bytes:
        """The bytes that stand at the file's beginning."""
        name = self.key_id.encode()
        started_ms = round(self.started.timestamp() * 1000)
        tail = _TAIL.pack(self.salt, self.call_id.bytes, started_ms, RATE, CHANNELS, _MULAW, CHUNK_SAMPLES)
        return _MAGIC + bytes((len(name),)) + name + tail

    @classmethod
    def read(cls, file: BinaryIO) -> Header:
        """Read it from where ``file`` stands. Raises :class:`RecordingDamaged`."""
        try:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise ValueError
            name = file.read(file.read(1)[0]).decode("ascii")
            salt, call, started, *shape = _TAIL.unpack(file.read(_TAIL.size))
            if shape != [RATE, CHANNELS, _MULAW, CHUNK_SAMPLES]:
                raise ValueError
            return cls(uuid.UUID(bytes=call), datetime.fromtimestamp(started / 1000, UTC), name, salt)
        except (ValueError, IndexError, OverflowError, OSError, struct.error) as error:
            raise RecordingDamaged("这个文件不是税铃的录音，或开头已损坏。") from error

    def seal(self, keys: RecordingKeys) -> Seal:
        """What seals and opens this file's parts. Raises :class:`RecordingError` when its key is not known."""
        master = keys.keys.get(self.key_id)
        if master is None:
            raise RecordingError(f"录音由密钥 {self.key_id} 加密，但设置里没有这个密钥。")
        hkdf = HKDF(SHA256(), 32, salt=self.salt, info=b"shuiling recording\0" + self.pack())
        return Seal(AESGCM(hkdf.derive(master)))


@dataclass(frozen=True, slots=True)
class End:
    """What is known when a recording ends: its length in samples, what it lost, and why."""

    samples: int
    lost_ms: int
    problem: Problem

    @property
    def chunks(self) -> int:
        """How many chunks hold that many samples."""
        return -(-self.samples // CHUNK_SAMPLES)


@dataclass(frozen=True, slots=True)
class Seal:
    """Seals and opens the parts of one file."""

    key: AESGCM = field(repr=False)

    def chunk(self, number: int, audio: bytes) -> bytes:
        """Seal one second, :data:`CHUNK_BYTES` long."""
        return self.key.encrypt(_nonce(b"chnk", number), audio, None)

    def open_chunk(self, number: int, sealed: bytes) -> bytes:
        """The second behind it. Raises :class:`RecordingDamaged`."""
        try:
            return self.key.decrypt(_nonce(b"chnk", number), sealed, None)
        except InvalidTag as error:
            raise RecordingDamaged(f"录音第 {number + 1} 秒无法解密：密钥不对，或内容被改动过。") from error

    def end(self, end: End) -> bytes:
        """Seal the end."""
        return self.key.encrypt(_nonce(b"end ", 0), _END.pack(end.samples, end.lost_ms, end.problem), None)

    def open_end(self, sealed: bytes) -> End:
        """The end behind it. Raises :class:`RecordingDamaged`."""
        try:
            samples, lost_ms, problem = _END.unpack(self.key.decrypt(_nonce(b"end ", 0), sealed, None))
            return End(samples, lost_ms, Problem(problem))
        except (InvalidTag, ValueError) as error:
            raise RecordingDamaged("录音的结尾无法解密：密钥不对，或内容被改动过。") from error


def _nonce(kind: bytes, number: int) -> bytes:
    return kind + number.to_bytes(8, "big")


def place(folder: Path, call_id: uuid.UUID, started: datetime) -> Path:
    """Where the recording of a call belongs: ``<folder>/<yyyy-mm>/<call id>.slr``."""
    return folder / f"{started:%Y-%m}" / f"{call_id}{SUFFIX}"


def locate(folder: Path, call_id: uuid.UUID) -> Path | None:
    """Where the recording of a call lies, if there is one."""
    return next(folder.glob(f"????-??/{call_id}{SUFFIX}"), None)
