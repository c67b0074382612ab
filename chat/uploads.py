"""Materials a taxpayer sends: type and size checked, written whole or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import re
import unicodedata
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import structlog

log = structlog.get_logger("chat.uploads")

_KINDS: tuple[tuple[bytes, str, tuple[str, ...]], ...] = (
    (b"%PDF-", "application/pdf", (".pdf",)),
    (b"\xff\xd8\xff", "image/jpeg", (".jpg", ".jpeg")),
    (b"\x89PNG\r\n\x1a\n", "image/png", (".png",)),
)
MAX_FILES = 20
"""Files kept for one conversation."""


class UploadRefused(ValueError):
    """The file cannot be taken; ``status`` is the HTTP status, the text is for the taxpayer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Stored:
    """A file as it lies in the folder."""

    filename: str
    content_type: str
    size: int
    sha256: str


class UploadFolder:
    """Content-addressed files under one folder with a limit on its size."""

    def __init__(self, folder: Path, max_bytes: int, folder_max_bytes: int) -> None:
        self._folder = folder
        self._max = max_bytes
        self._folder_max = folder_max_bytes
        self._writing = asyncio.Lock()

    async def store(self, filename: str, chunks: AsyncIterator[bytes]) -> Stored:
        """Check and keep a file; :class:`UploadRefused` says what to do instead."""
        name = safe_name(filename)
        content = bytearray()
        async for chunk in chunks:
            content += chunk
            if len(content) > self._max:
                raise self.too_large()
        if not content:
            raise UploadRefused(422, "这个文件是空的，请重新选一个。")
        kind = content_type(bytes(content[:16]), name)
        if kind is None:
            raise UploadRefused(415, "只收照片（JPG、PNG）和PDF文件，请换一种格式。")
        digest = hashlib.sha256(content).hexdigest()
        async with self._writing:
            await asyncio.to_thread(self._write, digest, bytes(content))
        return Stored(name, kind, len(content), digest)

    def too_large(self) -> UploadRefused:
        """The refusal of a file over the limit."""
        return UploadRefused(413, f"文件太大了，一个文件不能超过{self._max // (1024 * 1024)}MB。")

    def path(self, sha256: str) -> Path:
        """Where the bytes of a digest lie."""
        return self._folder / sha256[:2] / sha256

    def _write(self, digest: str, content: bytes) -> None:
        target = self.path(digest)
        part = target.with_name(f".{digest}.{uuid.uuid4().hex}.part")
        try:
            if target.exists():
                return
            if self._used() + len(content) > self._folder_max:
                raise OSError(errno.EDQUOT, "upload folder is full")
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            part.replace(target)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            log.error("upload_not_stored", error=errno.errorcode.get(error.errno or 0, "unknown"))
            raise UploadRefused(507, "存放材料的空间暂时满了，没有收下。请稍后再传，或转人工。") from error

    def _used(self) -> int:
        used = 0
        for file in self._folder.glob("*/*"):
            with contextlib.suppress(FileNotFoundError):
                used += file.stat().st_size
        return used


def safe_name(filename: str) -> str:
    """The last part of the name without controls, at most 100 characters."""
    base = re.split(r"[\\/]", filename)[-1]
    kept = "".join(c for c in base if unicodedata.category(c)[0] != "C").strip(" .")
    return kept[-100:] or "未命名"


def content_type(head: bytes, name: str) -> str | None:
    """The type the first bytes show, if the name's ending agrees."""
    for magic, kind, endings in _KINDS:
        if head.startswith(magic):
            return kind if name.lower().endswith(endings) else None
    return None
