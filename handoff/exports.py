"""Tables as files for a spreadsheet: CSV and XLSX, in which nothing that was typed can become a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

if TYPE_CHECKING:
    from openpyxl.cell.cell import Cell as SheetCell
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LONGEST_CELL = 32_000
"""Characters; Excel refuses a file with more than 32,767 in a cell."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What spreadsheets take for the beginning of a formula (OWASP, CSV Injection), full-width forms included."""
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_NO_TITLE = str.maketrans(dict.fromkeys("[]:*?/\\'", " "))
_SHANGHAI = ZoneInfo("Asia/Shanghai")

Cell = str | int | float | Decimal | date | datetime | None


@dataclass(frozen=True, slots=True)
class Table:
    """What is shown: a title, the columns' headings, and rows as wide as those. Instants are aware."""

    title: str
    headings: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]


def to_csv(table: Table) -> bytes:
    """UTF-8 with a byte order mark, as Excel wants it; times are those of Asia/Shanghai.

    A text that would be read as a formula gets an apostrophe in front; numbers stay numbers.
    """
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow([_text(heading) for heading in table.headings])
    writer.writerows([_csv_cell(cell) for cell in row] for row in table.rows)
    return b"\xef\xbb\xbf" + written.getvalue().encode()


def to_xlsx(*tables: Table) -> bytes:
    """A workbook with one sheet a table; every text is stored as text, so none of it is worked out."""
    book = Workbook(write_only=True)
    taken: set[str] = set()
    for table in tables:
        sheet = book.create_sheet(_sheet_name(table.title, taken))
        sheet.freeze_panes = "A2"
        for place, heading in enumerate(table.headings, 1):
            sheet.column_dimensions[get_column_letter(place)].width = max(12, 2 * len(heading) + 2)
        head = [_text_cell(sheet, heading) for heading in table.headings]
        for cell in head:
            cell.font = Font(bold=True)
        sheet.append(head)
        for row in table.rows:
            sheet.append([_xlsx_cell(sheet, value) for value in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _csv_cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(_SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
    return _text(value) if isinstance(value, str) else str(value)


def _text(value: str) -> str:
    clean = _clean(value)
    return f"'{clean}" if clean.lstrip(" \u3000").startswith(_FORMULA) else clean


def _xlsx_cell(sheet: WriteOnlyWorksheet, value: Cell) -> object:
    if isinstance(value, datetime):
        return value.astimezone(_SHANGHAI).replace(tzinfo=None, microsecond=0)
    return _text_cell(sheet, value) if isinstance(value, str) else value


def _text_cell(sheet: WriteOnlyWorksheet, value: str) -> SheetCell:
    cell = WriteOnlyCell(sheet, _clean(value))
    # A text beginning with = is taken for a formula unless it is said to be none.
    cell.data_type = "s"
    cell.quotePrefix = value.startswith(_FORMULA)
    return cell


def _clean(value: str) -> str:
    """Without control characters and lone surrogates, which neither XML nor UTF-8 can hold."""
    kept = _UNPRINTABLE.sub("", value)
    return kept if len(kept) <= LONGEST_CELL else f"{kept[:LONGEST_CELL]}…"


def _sheet_name(title: str, taken: set[str]) -> str:
    """At most 31 characters, none that Excel forbids, each once."""
    plain = _clean(title).translate(_NO_TITLE).strip()[:28] or "表"
    name, number = plain, 1
    while name.casefold() in taken:
        number += 1
        name = f"{plain[:26]} {number}"
    taken.add(name.casefold())
    return name
