"""Tables as files: what comes out of a spreadsheet is what went in, and none of it is worked out."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from handoff.exports import LONGEST_CELL, Table, to_csv, to_xlsx

pytestmark = pytest.mark.unit

TABLE = Table(
    "转人工：原因/件数",
    ("日期", "原因", "件数", "金额", "时间", "空"),
    [
        (date(2026, 11, 23), "投诉", 3, Decimal("12.50"), datetime(2026, 11, 22, 16, 30, tzinfo=UTC), None),
        (date(2026, 11, 24), "=1+1", -2, Decimal("-0.50"), datetime(2026, 11, 23, 1, 0, tzinfo=UTC), None),
    ],
)
SIGNS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "\n=cmd|' /C calc'!A0"]


def read_csv(written: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(written.decode("utf-8-sig"), newline="")))


def test_csv_says_what_it_is_and_holds_the_table() -> None:
    written = to_csv(TABLE)
    assert written.startswith(b"\xef\xbb\xbf")
    head, first, second = read_csv(written)
    assert head == list(TABLE.headings)
    assert first == ["2026-11-23", "投诉", "3", "12.50", "2026-11-23 00:30:00", ""]
    assert second == ["2026-11-24", "'=1+1", "-2", "-0.50", "2026-11-23 09:00:00", ""]


@pytest.mark.parametrize("text", SIGNS)
def test_a_text_never_becomes_a_formula(text: str) -> None:
    table = Table("表", (text,), [(text,)])
    assert all(cell.startswith("'") for row in read_csv(to_csv(table)) for cell in row)
    sheet = load_workbook(io.BytesIO(to_xlsx(table))).active
    assert sheet is not None
    for row in (1, 2):
        assert sheet.cell(row, 1).data_type == "s"


def test_xlsx_keeps_numbers_days_and_times() -> None:
    book = load_workbook(io.BytesIO(to_xlsx(TABLE, TABLE)))
    assert len(book.sheetnames) == 2 and book.sheetnames[0] == "转人工：原因 件数"
    rows = list(book.worksheets[1].iter_rows(values_only=True))
    assert rows[0] == TABLE.headings
    assert rows[1] == (datetime(2026, 11, 23), "投诉", 3, 12.5, datetime(2026, 11, 23, 0, 30), None)
    assert rows[2][1:3] == ("=1+1", -2)


def test_a_cell_too_long_for_excel_is_cut() -> None:
    table = Table("表", ("说法",), [("长" * 40_000,)])
    sheet = load_workbook(io.BytesIO(to_xlsx(table))).worksheets[0]
    assert len(str(sheet.cell(2, 1).value)) == LONGEST_CELL + 1


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(st.characters(), max_size=20), min_size=1, max_size=4))
def test_any_text_makes_a_file_that_can_be_read(texts: list[str]) -> None:
    table = Table(texts[0], tuple(texts), [texts])
    assert {len(row) for row in read_csv(to_csv(table))} == {len(texts)}
    book = load_workbook(io.BytesIO(to_xlsx(table, table)))
    assert len(book.sheetnames) == 2
    assert "f" not in {cell.data_type for row in book.worksheets[0].iter_rows() for cell in row}
