"""Getting a model: its ZIP downloaded (going on where it broke off), checked, unpacked into the data folder.

A file ``<name>.zip.part`` beside the models is what has come so far; it stays when the connection breaks and goes when its
checksum is wrong or the model is unpacked.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from dialects.acoustic import missing_files
from gateway.model_catalogue import Entry, FetchError, UnreachableError
from gateway.model_unpack import BadArchiveError, free_bytes, unpack

Progress = Callable[[int, int], None]
"""Told the bytes there are and the bytes there will be."""
_ATTEMPTS = 4
_UNPACKED = 2
"""A model unpacked takes about this many times its ZIP; what it really takes is checked before unpacking."""
_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Fetched:
    """Where the model lies; ``sha256`` of the ZIP is ``""`` when the model was there already."""

    folder: Path
    sha256: str


def is_there(folder: Path) -> bool:
    """Whether ``folder`` holds a whole model."""
    return folder.is_dir() and not missing_files(folder)


def part_of(entry: Entry, models: Path) -> Path:
    """The file that holds what has come of ``entry`` so far."""
    return models / f"{entry.name}.zip.part"


def lacking_space(entry: Entry, models: Path, free: Callable[[Path], int] = free_bytes) -> str:
    """What to tell (Chinese) when the disk is too small for ``entry``, ``""`` when it is not. ``models`` need not exist."""
    part = part_of(entry, models)
    have = part.stat().st_size if part.is_file() else 0
    need = max(0, entry.size - have) + _UNPACKED * entry.size
    disk = models
    while not disk.exists():
        disk = disk.parent
    left = free(disk)
    if left >= need:
        return ""
    return (
        f"磁盘空间不够：下载并解压约需 {need / 1e6:.0f} MB，{disk} 只剩 {left / 1e6:.0f} MB。"
        "请先腾出空间，或把 SHUILING_DATA_DIR 设到别的磁盘。"
    )


def fetch(client: httpx.Client, entry: Entry, models: Path, progress: Progress) -> Fetched:
    """Make ``entry`` the folder ``models / entry.name``; nothing is downloaded when it is there.

    Raises:
        FetchError: no space, no connection, a wrong file; the message says whether running again goes on.
    """
    target = models / entry.name
    if is_there(target):
        return Fetched(target, "")
    if problem := lacking_space(entry, models):
        raise FetchError(problem)
    try:
        models.mkdir(parents=True, exist_ok=True)
        with _alone(models):
            part = part_of(entry, models)
            _download(client, entry, part, progress)
            digest = _verified(entry, part)
            try:
                unpack(part, target)
            except BadArchiveError:
                part.unlink()
                raise
            part.unlink()
    except OSError as error:
        raise FetchError(
            f"写不了 {models}：{error.strerror or error}。请检查磁盘空间和文件夹权限。"
        ) from error
    return Fetched(target, digest)


@contextmanager
def _alone(models: Path) -> Iterator[None]:
    with (models / ".fetch.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FetchError("另一个下载正在进行，请等它结束。") from None
        yield


def _download(client: httpx.Client, entry: Entry, part: Path, progress: Progress) -> None:
    before = -1
    for _ in range(_ATTEMPTS):
        have = part.stat().st_size if part.exists() else 0
        if have == entry.size:
            return
        if have > entry.size:
            part.unlink()
            have = 0
        if have == before:
            break
        before = have
        try:
            _receive(client, entry, part, have, progress)
        except httpx.HTTPStatusError as error:
            raise FetchError(f"{entry.url} 回答 {error.response.status_code}，没有下载到。") from error
        except (httpx.HTTPError, httpx.InvalidURL):
            continue
    have = part.stat().st_size if part.exists() else 0
    if have != entry.size:
        raise UnreachableError(
            f"连接中断，已下载 {have / 1e6:.1f} / {entry.size / 1e6:.1f} MB。再运行一次会接着下载。"
        )


def _receive(client: httpx.Client, entry: Entry, part: Path, have: int, progress: Progress) -> None:
    """One connection's worth; returns when the server ended it, raises what httpx raises when it broke."""
    # Compressed on the way, the bytes would not be those of the file, nor Range's positions.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with client.stream("GET", entry.url, headers=headers, follow_redirects=True) as answer:
        if answer.status_code == 416:
            part.unlink()
            return
        answer.raise_for_status()
        goes_on = answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(
            f"bytes {have}-"
        )
        if answer.status_code == 206 and not goes_on:
            part.unlink(missing_ok=True)
            return
        got = have if goes_on else 0
        length = answer.headers.get("Content-Length", "")
        if length.isdecimal() and got + int(length) != entry.size:
            part.unlink(missing_ok=True)
            raise FetchError(
                f"{entry.url} 的大小是 {got + int(length)} 字节，清单说是 {entry.size} 字节，"
                "没有下载。请检查 --source，或稍后再试。"
            )
        with part.open("ab" if goes_on else "wb") as out:
            progress(got, entry.size)
            # Pieces of a set size would be held back, and lost when the connection breaks.
            for chunk in answer.iter_raw():
                got += len(chunk)
                if got > entry.size:
                    break
                out.write(chunk)
                progress(got, entry.size)
    if got > entry.size:
        part.unlink()
        raise FetchError(f"{entry.url} 比清单说的 {entry.size} 字节大，已删除。请检查 --source，或稍后再试。")


def _verified(entry: Entry, part: Path) -> str:
    """The SHA-256 of a file whose MD5 is right; any other is deleted."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with part.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            md5.update(chunk)
            sha256.update(chunk)
    if md5.hexdigest() != entry.md5:
        part.unlink()
        raise FetchError(
            f"校验值不对：下载到的 md5 是 {md5.hexdigest()}，应为 {entry.md5}。文件已删除，请重新下载；"
            "仍然不对，请换一个来源。"
        )
    return sha256.hexdigest()
