"""One row of a file as a tuple for the staging table, or the reasons why not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

from store.crypto import FieldCipher
from store.importer.columns import COLUMNS, Kind, Layout
from store.importer.reader import Cell
from store.importer.report import ErrorLog
from store.importer.values import (
    BadCellError,
    is_blank,
    read_amount,
    read_code,
    read_day,
    read_period,
    read_text,
)
from store.models import TaxpayerKind
from tax.identifiers import Check, check_mobile, check_resident_id, check_uscc, mask_identifier, mask_phone

_KINDS = {
    "企业": TaxpayerKind.COMPANY, "公司": TaxpayerKind.COMPANY, "单位": TaxpayerKind.COMPANY,
    "company": TaxpayerKind.COMPANY,
    "个体工商户": TaxpayerKind.SOLE_TRADER, "个体户": TaxpayerKind.SOLE_TRADER, "个体": TaxpayerKind.SOLE_TRADER,
    "sole_trader": TaxpayerKind.SOLE_TRADER,
    "自然人": TaxpayerKind.PERSON, "个人": TaxpayerKind.PERSON, "person": TaxpayerKind.PERSON,
}  # fmt: skip
_SIZES = {
    "微型": "micro", "微型企业": "micro", "micro": "micro",
    "小型": "small", "小型企业": "small", "small": "small",
    "中型": "medium", "中型企业": "medium", "medium": "medium",
    "大型": "large", "大型企业": "large", "large": "large",
}  # fmt: skip
_MONEY = {"税款": "tax", "tax": "tax", "滞纳金": "late_fee", "late_fee": "late_fee"}

Staged = tuple[Any, ...]
T = TypeVar("T")


@dataclass
class RowReader:
    """Turns rows of ``layout`` into staged tuples (line first, in the order of the staging table)."""

    layout: Layout
    cipher: FieldCipher
    today: date
    errors: ErrorLog = field(default_factory=ErrorLog)

    def read(self, line: int, cells: Sequence[Cell]) -> Staged | None:
        """The staged tuple, or ``None`` with the reasons noted."""
        before = self.errors.count
        row = _Row(self, line, cells)
        if any(cell is not None and str(cell).strip() for cell in cells[self.layout.width :]):
            self.errors.add(line, f"第 {self.layout.width + 1} 列", "多出一格，可能是前面多了一个分隔符。")
        staged = _READERS[self.layout.kind](row)
        return staged if self.errors.count == before else None


@dataclass(frozen=True)
class _Row:
    reader: RowReader
    line: int
    cells: Sequence[Cell]

    def get(self, key: str, read: Callable[[Cell], T]) -> T | None:
        """The cell as ``read`` sees it; ``None`` with the reason noted when it does not, or when left blank by right."""
        place = self.reader.layout.places.get(key)
        if place is None:
            return None
        cell = self.cells[place[0]] if place[0] < len(self.cells) else None
        try:
            if key in _OPTIONAL[self.reader.layout.kind] and is_blank(cell):
                return None
            return read(cell)
        except BadCellError as error:
            self.bad(key, str(error))
            return None

    def bad(self, key: str, reason: str) -> None:
        """Note a reason against the cell of ``key``."""
        self.reader.errors.add(self.line, self.reader.layout.places[key][1], reason)


_OPTIONAL = {
    kind: frozenset(column.key for column in columns if not column.required)
    for kind, columns in COLUMNS.items()
}


def _taxpayer(row: _Row) -> Staged:
    cipher, today = row.reader.cipher, row.reader.today
    name = row.get("name", lambda cell: read_text(cell, 200))
    kind = row.get("kind", _kind)
    region = row.get("region", lambda cell: read_text(cell, 40))
    number = row.get("identifier", lambda cell: _identifier(cell, today))
    contact = row.get("contact", lambda cell: read_text(cell, 100))
    before = row.reader.errors.count
    phone = row.get("phone", _phone)
    if contact is not None and phone is None and row.reader.errors.count == before:
        row.bad("contact", "有联系人却没有手机，无法登记。请补上手机，或把联系人留空。")
    industry = row.get("industry", lambda cell: read_text(cell, 40))
    size = row.get("size", _size)
    if size is not None and kind is TaxpayerKind.PERSON:
        row.bad("size", "自然人没有规模，请留空。")
    if number is None or kind is None:
        return ()
    identifier_kind, value = number
    if (kind is TaxpayerKind.PERSON) != (identifier_kind == "resident_id"):
        wanted = "身份证号" if kind is TaxpayerKind.PERSON else "统一社会信用代码"
        row.bad("identifier", f"这一类型的纳税人应填{wanted}。")
    return (
        row.line,
        cipher.lookup_hash("identifier", value),
        name,
        kind.value,
        region,
        identifier_kind,
        cipher.encrypt(value, "taxpayer.identifier"),
        mask_identifier(value),
        (contact or name) if phone else None,
        cipher.lookup_hash("phone", phone) if phone else None,
        cipher.encrypt(phone, "contact.phone") if phone else None,
        mask_phone(phone) if phone else None,
        industry,
        size,
    )


def _bill(row: _Row) -> Staged:
    number = row.get("bill_no", lambda cell: read_code(cell, 64))
    owner = row.get("identifier", lambda cell: _identifier(cell, row.reader.today))
    tax_type = row.get("tax_type", lambda cell: read_text(cell, 40))
    period = row.get("period", read_period)
    principal = row.get("principal", read_amount)
    due = row.get("due_date", read_day)
    nominal = row.get("nominal_due", read_day)
    if due and nominal and nominal > due:
        row.bad("nominal_due", "晚于缴款期限。")
    owner_hash = row.reader.cipher.lookup_hash("identifier", owner[1]) if owner else None
    return (row.line, number, owner_hash, tax_type, period, principal, due, nominal)


def _payment(row: _Row) -> Staged:
    number = row.get("payment_no", lambda cell: read_code(cell, 64))
    bill_no = row.get("bill_no", lambda cell: read_code(cell, 64))
    paid_on = row.get("paid_on", read_day)
    amount = row.get("amount", read_amount)
    channel = row.get("channel", lambda cell: read_text(cell, 40))
    money = row.get("money", _money) or "tax"
    if paid_on and paid_on > row.reader.today:
        row.bad("paid_on", "缴款日期在今天之后。")
    return (row.line, number, bill_no, paid_on, amount, money, channel)


_READERS: dict[Kind, Callable[[_Row], Staged]] = {
    Kind.TAXPAYERS: _taxpayer,
    Kind.BILLS: _bill,
    Kind.PAYMENTS: _payment,
}


def _kind(cell: Cell) -> TaxpayerKind:
    found = _KINDS.get(read_text(cell, 40).lower())
    if found is None:
        raise BadCellError("应是“企业”“个体工商户”或“自然人”。")
    return found


def _size(cell: Cell) -> str:
    found = _SIZES.get(read_text(cell, 40).lower())
    if found is None:
        raise BadCellError("应是“微型”“小型”“中型”或“大型”，也可以留空。")
    return found


def _money(cell: Cell) -> str:
    found = _MONEY.get(read_text(cell, 40).lower())
    if found is None:
        raise BadCellError("应是“税款”或“滞纳金”。")
    return found


def _identifier(cell: Cell, today: date) -> tuple[str, str]:
    text = read_code(cell, 64)
    resident: Check = check_resident_id(text, today)
    if resident:
        return "resident_id", resident.value
    code: Check = check_uscc(text)
    if code:
        return "uscc", code.value
    looks_resident = sum(char.isdigit() for char in text) >= 17 and text.strip()[:2] not in ("91", "92", "93")
    raise BadCellError(resident.problem if looks_resident else code.problem)


def _phone(cell: Cell) -> str:
    found = check_mobile(read_code(cell, 32))
    if not found:
        raise BadCellError(found.problem)
    return found.value
