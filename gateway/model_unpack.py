"""A model's ZIP made a folder: nothing outside that folder, no links, no more than was told, whole or not at all."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from dialects.acoustic import missing_files
from gateway.model_catalogue import FetchError


class BadArchiveError(FetchError):
    """The archive itself is at fault, and would be the next time."""


_MOST_FILES = 10_000
_MOST_GROWTH = 20
"""Graphs shrink to a third or less; a hundredth is a bomb."""
_SMALL = 64 * 1024 * 1024
"""Bytes that any archive may unpack to, however small it is."""
_CHUNK = 1024 * 1024


def free_bytes(folder: Path) -> int:
    """Free disk space where ``folder`` lies."""
    return shutil.disk_usage(folder).free


def unpack(archive: Path, target: Path, free: Callable[[Path], int] = free_bytes) -> None:
    """Unpack ``archive`` to ``target``, in place of a folder that is already there.

    The folder that holds everything in the archive, if there is one, is left out. ``target`` appears only when it is a whole
    model in a layout this program can use.

    Raises:
        BadArchiveError: it is damaged, would write elsewhere, is far too large or is no such model.
        FetchError: there is no space, or ``target`` cannot be written.
    """
    made = target.with_name(f".{target.name}.unpacking")
    shutil.rmtree(made, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as zipped:
            files = [each for each in zipped.infolist() if not each.is_dir()]
            _check(files, archive.stat().st_size, free(archive.parent))
            top = _common_folder(files)
            left = sum(each.file_size for each in files)
            for each in files:
                left = _write(
                    zipped, each, made.joinpath(*PurePosixPath(each.filename).parts[len(top) :]), left
                )
        if absent := missing_files(made):
            raise BadArchiveError(
                f"这个压缩包不是可用的语音模型，缺少 {'、'.join(absent)}。请换一个模型：shuiling models fetch --help"
            )
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, FetchError):
            raise
        raise BadArchiveError(f"压缩包已损坏，无法解压（{error}）。请重新下载。") from error
    except OSError as error:
        raise FetchError(f"解压到 {target} 时写不了：{error.strerror or error}。") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _check(files: list[zipfile.ZipInfo], packed: int, free: int) -> None:
    for each in files:
        path = PurePosixPath(each.filename)
        if (
            not path.parts
            or path.is_absolute()
            or ".." in path.parts
            or any(sign in each.filename for sign in "\\:\0")
        ):
            raise BadArchiveError(f"压缩包里有不安全的路径 {each.filename!r}，没有解压。请换一个来源。")
        kind = stat.S_IFMT(each.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise BadArchiveError(f"压缩包里的 {each.filename!r} 是链接或特殊文件，没有解压。请换一个来源。")
    total = sum(each.file_size for each in files)
    if len(files) > _MOST_FILES or total > max(_SMALL, packed * _MOST_GROWTH):
        raise BadArchiveError(
            f"压缩包解开有 {len(files)} 个文件、{total / 1e6:.0f} MB，大得不正常，没有解压。请换一个来源。"
        )
    if total > free:
        raise FetchError(f"磁盘空间不够：解压需要 {total / 1e6:.0f} MB，只剩 {free / 1e6:.0f} MB。")


def _common_folder(files: list[zipfile.ZipInfo]) -> tuple[str, ...]:
    tops = {PurePosixPath(each.filename).parts[0] for each in files}
    nested = all(len(PurePosixPath(each.filename).parts) > 1 for each in files)
    return tuple(tops) if len(tops) == 1 and nested else ()


def _write(zipped: zipfile.ZipFile, info: zipfile.ZipInfo, to: Path, left: int) -> int:
    to.parent.mkdir(parents=True, exist_ok=True)
    with zipped.open(info) as source, to.open("wb") as out:
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise BadArchiveError("压缩包解开比它自己写的大，没有解压。请换一个来源。")
            out.write(chunk)
    return left
