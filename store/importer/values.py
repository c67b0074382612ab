"""Reading one cell: text, numbers, days, periods, amounts. Reasons are Chinese and never repeat the value."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime
from decimal import Decimal

from store.importer.reader import MAX_CELL, Cell
from tax.calendar import EARLIEST, LATEST
from tax.money import ZERO, MoneyError, parse_yuan

_QUOTED_FORMULA = re.compile(r'="([^"]*)"')
_DAY = re.compile(r"(\d{4})(?:-(\d{1,2})-|/(\d{1,2})/|\.(\d{1,2})\.|年(\d{1,2})月|(\d{2}))(\d{1,2})日?")
_TIME_OF_DAY = re.compile(r"[ T]00:00(:00)?$")
_MONTH = re.compile(r"(\d{4})(?:[-/.年]?)(\d{1,2})月?")
_QUARTER = re.compile(r"(\d{4})(?:[-年]?)(?:Q([1-4])|第?([一二三四1-4])季度?)", re.IGNORECASE)
_YEAR = re.compile(r"(\d{4})(?:年度?)?")
_SPAN = re.compile(r"(.{8,11}?)\s*(?:至|到|~|—|--| - )\s*(.{8,11})")
_EXACT_DIGITS = 15


class BadCellError(ValueError):
    """The cell cannot be taken; the text says why."""


def read_text(cell: Cell, longest: int) -> str:
    """Text without surrounding spaces, 1 to ``longest`` characters, on one line."""
    text = _plain(cell)
    if not text:
        raise BadCellError("不能为空。")
    if len(text) > longest:
        raise BadCellError(f"太长，最多 {longest} 个字。")
    if not text.isprintable() and any(unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn") for c in text):
        raise BadCellError("含有换行或不可见的控制字符。")
    if text[0] in "=@":
        raise BadCellError("看起来是公式，请改为文字。")
    return text


def read_code(cell: Cell, longest: int) -> str:
    """Like text, for numbers that name something: refuses those a spreadsheet has rounded."""
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        if abs(cell) >= 10**_EXACT_DIGITS:
            raise BadCellError("长号码被表格软件存成了数字，末几位可能已丢失。请把该列设为“文本”后重新填写。")
        if isinstance(cell, float) and cell != int(cell):
            raise BadCellError("应是号码，而不是小数。")
        return str(int(cell))
    text = read_text(cell, longest).removeprefix("'")
    if re.fullmatch(r"\d(\.\d+)?[eE]\+\d+", text):
        raise BadCellError("长号码变成了科学计数法，末几位已丢失。请把该列设为“文本”后重新填写。")
    return text


def read_day(cell: Cell) -> date:
    """A day between 1990 and 2100: ``2026-10-26``, ``2026/10/26``, ``20261026``, ``2026年10月26日`` or a date cell."""
    if isinstance(cell, datetime):
        if cell.time() != datetime.min.time():
            raise BadCellError("应是日期，不要带时间。")
        day = cell.date()
    elif isinstance(cell, date):
        day = cell
    else:
        text = _TIME_OF_DAY.sub("", _plain(cell))
        if not text:
            raise BadCellError("不能为空。")
        found = _DAY.fullmatch(text)
        if not found:
            raise BadCellError("不是日期，请写成 2026-10-26 的样子。")
        month = next(part for part in found.groups()[1:6] if part)
        try:
            day = date(int(found[1]), int(month), int(found[7]))
        except ValueError:
            raise BadCellError("没有这一天。") from None
    if not EARLIEST <= day <= LATEST:
        raise BadCellError(f"年份不合理，应在 {EARLIEST.year} 到 {LATEST.year} 年之间。")
    return day


def read_amount(cell: Cell) -> Decimal:
    """Yuan above zero, at most two decimals, below ten thousand billion."""
    if isinstance(cell, bool | date):
        raise BadCellError("应是金额，请填写以元为单位的数字，例如 12500.30。")
    # A spreadsheet keeps 15 significant digits; what lies behind them is noise of its binary numbers.
    text = format(Decimal(f"{cell:.15g}"), "f") if isinstance(cell, float) else _plain(cell)
    if not text:
        raise BadCellError("不能为空。")
    try:
        amount = parse_yuan(text)
    except MoneyError as error:
        raise BadCellError(str(error)) from None
    if amount == ZERO:
        raise BadCellError("金额应大于零。")
    if amount >= Decimal(10) ** 13:
        raise BadCellError("金额超出了可以记录的范围。")
    return amount


def read_period(cell: Cell) -> str:
    """The tax period as ``2026-09``, ``2026Q3`` or ``2026``; a span of days counts when it is exactly one of these."""
    if isinstance(cell, date):
        return _month(cell.year, cell.month)
    text = _plain(cell)
    if not text:
        raise BadCellError("不能为空。")
    if found := _QUARTER.fullmatch(text):
        quarter = found[2] or str("一二三四1234".index(found[3]) % 4 + 1)
        return f"{_year(int(found[1]))}Q{quarter}"
    if found := _YEAR.fullmatch(text):
        return f"{_year(int(found[1]))}"
    if found := _MONTH.fullmatch(text):
        return _month(int(found[1]), int(found[2]))
    if found := _SPAN.fullmatch(text):
        return _span(read_day(found[1]), read_day(found[2]))
    raise BadCellError("不是所属期，请写成 2026-09、2026Q3 或 2026 的样子。")


def is_blank(cell: Cell) -> bool:
    """Whether nothing was filled in."""
    return not _plain(cell)


def _plain(cell: Cell) -> str:
    if cell is None:
        return ""
    text = str(cell)
    if len(text) > MAX_CELL:
        raise BadCellError(f"太长，最多 {MAX_CELL} 个字。")
    text = unicodedata.normalize("NFC", text).replace("\ufeff", "").strip()
    if found := _QUOTED_FORMULA.fullmatch(text):
        text = found[1].strip()
    return text


def _year(year: int) -> int:
    if not EARLIEST.year <= year <= LATEST.year:
        raise BadCellError(f"年份不合理，应在 {EARLIEST.year} 到 {LATEST.year} 年之间。")
    return year


def _month(year: int, month: int) -> str:
    if not 1 <= month <= 12:
        raise BadCellError("没有这个月份。")
    return f"{_year(year)}-{month:02d}"


def _span(start: date, end: date) -> str:
    months = (end.year - start.year) * 12 + end.month - start.month + 1
    next_month = date(end.year + end.month // 12, end.month % 12 + 1, 1)
    whole = start.day == 1 and (next_month - end).days == 1
    if whole and months == 1:
        return _month(start.year, start.month)
    if whole and months == 3 and start.month % 3 == 1:
        return f"{_year(start.year)}Q{(start.month + 2) // 3}"
    if whole and months == 12 and start.month == 1:
        return f"{_year(start.year)}"
    raise BadCellError("所属期不是完整的一个月、一个季度或一年。")
