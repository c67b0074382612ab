"""Opening a file: what it is, how it is encoded, and its rows one at a time."""

from __future__ import annotations

import codecs
import csv
import hashlib
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import IO, cast

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

Cell = str | int | float | bool | datetime | date | time | None
Row = tuple[int, Sequence[Cell]]
"""A line number and its cells."""

MAX_BYTES = 512 * 2**20
MAX_ROWS = 1_000_000
MAX_COLUMNS = 64
MAX_CELL = 1000
MAX_UNZIPPED = 1024 * 2**20
MAX_STRINGS = 256 * 2**20
_CHUNK = 2**20


class UnreadableFileError(ValueError):
    """The file as a whole cannot be read; the text (Chinese) says why and what to do."""


@dataclass(frozen=True)
class Sheet:
    """A table in a file.

    Attributes:
        header: titles of the columns, without surrounding spaces.
        header_line: line they stand on.
        rows: the rows below, blank ones left out; to be read once.
        total: about how many rows there are, ``None`` when unknown.
        sha256: of the file, in hex.
    """

    header: tuple[str, ...]
    header_line: int
    rows: Iterator[Row]
    total: int | None
    sha256: str


@dataclass(frozen=True)
class _Survey:
    sha256: str
    lines: int
    encoding: str | None
    has_nul: bool


@contextmanager
def opened(path: Path) -> Iterator[Sheet]:
    """The table in ``path``, told by its content: XLSX (first worksheet), or CSV in UTF-8 or GB18030.

    Raises:
        UnreadableFileError: also later, while the rows are read.
    """
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise UnreadableFileError(f"{path.name} 不是文件。")
        if size == 0:
            raise UnreadableFileError("文件是空的。")
        if size > MAX_BYTES:
            raise UnreadableFileError(f"文件超过 {MAX_BYTES // 2**20} MB，请分成几个文件导入。")
        with path.open("rb") as handle:
            start = handle.read(8)
    except FileNotFoundError:
        raise UnreadableFileError(f"找不到文件：{path}") from None
    except OSError as error:
        raise UnreadableFileError(f"文件打不开：{error.strerror}") from error
    survey = _survey(path)
    if start.startswith(b"PK"):
        with _workbook(path, survey) as sheet:
            yield sheet
    elif start.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableFileError(
            "这是旧版 .xls（或加了密码的）表格，请另存为 .xlsx 或 UTF-8 的 CSV 后再导入。"
        )
    elif start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableFileError("这是 UTF-16 编码的文本，请另存为 UTF-8 的 CSV 后再导入。")
    elif survey.has_nul or survey.encoding is None:
        raise UnreadableFileError("这不是 CSV 或 XLSX 文件（内容是二进制的，或编码无法识别）。")
    else:
        with path.open(encoding=survey.encoding, newline="") as text:
            rows = _csv_rows(text)
            line, titles = _header(*next(rows, (0, ())))
            yield Sheet(titles, line, _capped(rows), survey.lines - line, survey.sha256)


def _survey(path: Path) -> _Survey:
    digest, lines, has_nul = hashlib.sha256(), 0, False
    decoders = {name: codecs.getincrementaldecoder(name)() for name in ("utf-8-sig", "gb18030")}
    last = b"\n"
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            digest.update(chunk)
            lines += chunk.count(b"\n")
            has_nul = has_nul or b"\0" in chunk
            last = chunk
            _decode(decoders, chunk, final=False)
    _decode(decoders, b"", final=True)
    return _Survey(
        digest.hexdigest(), lines + (not last.endswith(b"\n")), next(iter(decoders), None), has_nul
    )


def _decode(decoders: dict[str, codecs.IncrementalDecoder], chunk: bytes, *, final: bool) -> None:
    for name, decoder in list(decoders.items()):
        try:
            decoder.decode(chunk, final)
        except UnicodeDecodeError:
            del decoders[name]


def _header(line: int, cells: Sequence[Cell]) -> tuple[int, tuple[str, ...]]:
    titles = tuple(str(cell).strip() if cell is not None else "" for cell in cells)
    while titles and not titles[-1]:
        titles = titles[:-1]
    if not titles:
        raise UnreadableFileError("文件里没有表头。")
    if len(titles) > MAX_COLUMNS:
        raise UnreadableFileError(f"表头超过 {MAX_COLUMNS} 列，请只保留需要导入的列。")
    return line, titles


def _capped(rows: Iterator[Row]) -> Iterator[Row]:
    for count, row in enumerate(rows, start=1):
        if count > MAX_ROWS:
            raise UnreadableFileError(f"超过 {MAX_ROWS:,} 行，请分成几个文件导入。")
        yield row


def _csv_rows(text: IO[str]) -> Iterator[Row]:
    first = text.readline()
    text.seek(0)
    delimiter = max(",\t;", key=first.count)
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise UnreadableFileError(f"第 {line} 行起的引号不成对，或某一格太长，无法继续读取。") from error


@contextmanager
def _workbook(path: Path, survey: _Survey) -> Iterator[Sheet]:
    with _mending():
        _check_zip(path)
        book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
    try:
        if not book.worksheets:
            raise UnreadableFileError("XLSX 文件里没有工作表。")
        table = book.worksheets[0]
        total = table.max_row - 1 if table.max_row and table.max_row <= MAX_ROWS else None
        # The stated dimensions may be wrong or absurd; without them the rows are read as they come.
        table.reset_dimensions()
        line, titles = _header(
            *next(_book_rows(table.iter_rows(max_col=MAX_COLUMNS + 1, values_only=True), 1), (0, ()))
        )
        below = table.iter_rows(min_row=line + 1, max_col=len(titles) + 1, values_only=True)
        rows = _book_rows(below, line + 1)
        yield Sheet(titles, line, _capped(rows), total, survey.sha256)
    finally:
        book.close()


@contextmanager
def _mending() -> Iterator[None]:
    """Say in plain words that the workbook is damaged, whatever its reader stumbles over."""
    try:
        yield
    except UnreadableFileError:
        raise
    except (
        zipfile.BadZipFile, zlib.error, InvalidFileException, NotImplementedError, KeyError, IndexError, ValueError,
        TypeError, AttributeError, OSError, EOFError, SyntaxError, OverflowError,
    ) as error:  # fmt: skip
        raise UnreadableFileError("XLSX 文件已损坏或不完整，请用表格软件打开后重新保存。") from error


def _book_rows(rows: Iterator[object], first: int) -> Iterator[Row]:
    line = first
    while True:
        with _mending():
            cells = cast("tuple[Cell, ...] | None", next(rows, None))
        if cells is None:
            return
        if any(cell is not None and str(cell).strip() for cell in cells):
            yield line, cells
        line += 1


def _check_zip(path: Path) -> None:
    """Refuse an archive that would unfold beyond what a real table needs."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if not any(entry.filename == "[Content_Types].xml" for entry in entries):
            raise UnreadableFileError("这是压缩包，不是 XLSX 表格。")
        if any(entry.flag_bits & 0x1 for entry in entries):
            raise UnreadableFileError("文件加了密码，请去掉密码后再导入。")
        strings = sum(entry.file_size for entry in entries if entry.filename.endswith("sharedStrings.xml"))
        if len(entries) > 1000 or sum(e.file_size for e in entries) > MAX_UNZIPPED or strings > MAX_STRINGS:
            raise UnreadableFileError("XLSX 文件展开后太大，请分成几个文件，或改用 CSV 导入。")
