from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chat.uploads import UploadFolder, UploadRefused, content_type, safe_name

pytestmark = pytest.mark.unit

PDF = b"%PDF-1.4\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
JPEG = b"\xff\xd8\xff\xe0" + bytes(64)


@pytest.fixture
def folder(tmp_path: Path) -> UploadFolder:
    return UploadFolder(tmp_path / "uploads", max_bytes=2 * 1024 * 1024, folder_max_bytes=3 * 1024 * 1024)


async def chunks(content: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


async def refused(folder: UploadFolder, name: str, content: bytes) -> UploadRefused:
    with pytest.raises(UploadRefused) as caught:
        await folder.store(name, chunks(content))
    return caught.value


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("对账单.pdf", PDF, "application/pdf"),
        ("照片.PNG", PNG, "image/png"),
        ("照片.jpg", JPEG, "image/jpeg"),
        ("照片.JPEG", JPEG, "image/jpeg"),
    ],
)
async def test_the_three_kinds_are_kept_as_they_came(
    folder: UploadFolder, name: str, content: bytes, kind: str
) -> None:
    stored = await folder.store(name, chunks(content, 7))
    assert (stored.filename, stored.content_type, stored.size) == (name, kind, len(content))
    assert stored.sha256 == hashlib.sha256(content).hexdigest()
    kept = folder.path(stored.sha256)
    assert kept.read_bytes() == content
    assert kept.stat().st_mode & 0o077 == 0, "only the service may read materials"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("账单.png", PDF),
        ("照片.pdf", PNG),
        ("程序.pdf", b"MZ\x90\x00" + bytes(64)),
        ("网页.pdf", b"<html><script>alert(1)</script>"),
        ("图.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("压缩.zip", b"PK\x03\x04" + bytes(64)),
        ("无扩展名", PDF),
        ("账单.pdf.exe", PDF),
        ("后面才是.pdf", b"junk%PDF-1.4"),
    ],
)
async def test_what_it_is_counts_and_the_name_must_agree(
    folder: UploadFolder, tmp_path: Path, name: str, content: bytes
) -> None:
    error = await refused(folder, name, content)
    assert error.status == 415 and "PDF" in str(error)
    assert files(tmp_path) == []


async def test_empty_and_too_large(folder: UploadFolder, tmp_path: Path) -> None:
    assert (await refused(folder, "空.pdf", b"")).status == 422
    error = await refused(folder, "大.pdf", PDF + bytes(2 * 1024 * 1024))
    assert error.status == 413 and "2MB" in str(error)
    assert files(tmp_path) == []


async def test_a_too_large_file_is_not_read_to_its_end(folder: UploadFolder) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield PDF + bytes(512 * 1024)

    with pytest.raises(UploadRefused):
        await folder.store("大.pdf", endless())
    assert read <= 5


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd.pdf", "passwd.pdf"),
        ("..\\..\\windows\\win.pdf", "win.pdf"),
        ("/绝对/路径.pdf", "路径.pdf"),
        ("..", "未命名"),
        ("", "未命名"),
        ("a\x00b\r\n.pdf", "ab.pdf"),
        ("\u202egpj.pdf", "gpj.pdf"),
        ("名" * 300 + ".pdf", "名" * 96 + ".pdf"),
        (" . ", "未命名"),
    ],
)
def test_names_lead_nowhere(given: str, kept: str) -> None:
    assert safe_name(given) == kept


async def test_path_tricks_stay_inside_the_folder(folder: UploadFolder, tmp_path: Path) -> None:
    await folder.store("../../../x.pdf", chunks(PDF))
    assert [path.parent.parent for path in files(tmp_path)] == [tmp_path / "uploads"]


async def test_the_same_bytes_lie_there_once(folder: UploadFolder, tmp_path: Path) -> None:
    first = await folder.store("一.pdf", chunks(PDF))
    second = await folder.store("二.pdf", chunks(PDF))
    assert first.sha256 == second.sha256 and second.filename == "二.pdf"
    assert len(files(tmp_path)) == 1


async def test_a_full_folder_says_so_and_keeps_what_it_has(folder: UploadFolder, tmp_path: Path) -> None:
    big = PDF + bytes(2 * 1024 * 1024 - len(PDF))
    await folder.store("一.pdf", chunks(big, 65536))
    error = await refused(folder, "二.pdf", PDF + b"x" + bytes(1024 * 1024))
    assert error.status == 507 and "没有收下" in str(error)
    assert len(files(tmp_path)) == 1
    await folder.store("一.pdf", chunks(big, 65536))
    await folder.store("小.pdf", chunks(PDF))


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO]
)
async def test_a_disk_that_does_not_take_it_leaves_no_half_file(
    folder: UploadFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def broken(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", broken)
    assert (await refused(folder, "一.pdf", PDF)).status == 507
    assert files(tmp_path) == []
    monkeypatch.undo()
    await folder.store("一.pdf", chunks(PDF))


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "uploads").write_text("a file stands in the way")
    folder = UploadFolder(tmp_path / "uploads", 1024, 4096)
    assert (await refused(folder, "一.pdf", PDF)).status == 507


async def test_uploads_that_finish_meanwhile_do_not_disturb(
    folder: UploadFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await folder.store("一.pdf", chunks(PDF))
    gone = tmp_path / "uploads" / "ab" / ".other.part"
    gone.parent.mkdir(exist_ok=True)
    gone.write_bytes(PNG)
    real = Path.is_file

    def vanishing(self: Path) -> bool:
        there = real(self)
        if self == gone:
            gone.unlink(missing_ok=True)
        return there

    monkeypatch.setattr(Path, "is_file", vanishing)
    await folder.store("二.png", chunks(PNG))


async def test_many_at_once_do_not_overfill(tmp_path: Path) -> None:
    folder = UploadFolder(tmp_path / "uploads", 100_000, 250_000)
    outcomes = await asyncio.gather(
        *(folder.store("同时.pdf", chunks(PDF + bytes([n]) + bytes(90_000), 9000)) for n in range(6)),
        return_exceptions=True,
    )
    assert sum(isinstance(o, UploadRefused) for o in outcomes) == 4
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 250_000


def test_the_first_bytes_tell_the_type() -> None:
    assert content_type(PDF[:16], "a.PDF") == "application/pdf"
    assert content_type(b"\xff\xd8", "a.jpg") is None
