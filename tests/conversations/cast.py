"""Who plays: the demonstration's personas, and taxpayers of a situation that no other script has used.

A script that changes something (a promise, an application) casts a situation, so that the order of scripts does not
matter; one that only reads may cast a persona, whose figures are known.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row

from store.crypto import FieldCipher
from store.fictional import MARK
from store.personas import PERSONAS

_FEN = Decimal("0.01")
_DAILY = Decimal("0.0005")
_PERSONAS = {p.key: p.name for p in PERSONAS}


@dataclass(frozen=True, slots=True)
class BillRow:
    """A bill as it stands in the database."""

    tax_type: str
    principal: Decimal
    due: date
    status: str
    paid: Decimal
    applications: int

    @property
    def untouched(self) -> bool:
        return self.status == "open" and not self.paid and not self.applications


@dataclass(frozen=True, slots=True)
class Player:
    """One taxpayer in a script."""

    id: uuid.UUID
    full_name: str
    contact: str
    identifier: str
    phone: str
    phone_mask: str
    bills: tuple[BillRow, ...]
    today: date

    @property
    def name(self) -> str:
        """The name without the mark of the fictional."""
        return self.full_name.removesuffix(MARK)

    @property
    def unpaid(self) -> Decimal:
        """Tax unpaid on all bills."""
        return sum(
            (b.principal - b.paid for b in self.bills if b.status in ("open", "disputed")), Decimal("0.00")
        )

    @property
    def fee(self) -> Decimal:
        """Art. 32: 0.05 % a day from the day after the deadline, of the one bill nothing was paid on."""
        (bill,) = self.bills
        days = max((self.today - bill.due).days, 0)
        return (bill.principal * _DAILY * days).quantize(_FEN, ROUND_HALF_UP)

    @property
    def amounts(self) -> set[str]:
        """Figures that nobody may hear before verification, as they would be written."""
        raw = {b.principal for b in self.bills} | {b.principal - b.paid for b in self.bills} | {self.unpaid}
        return {f"{a:,.2f}" for a in raw if a > 0} | {f"{a:.2f}" for a in raw if a > 0}

    def fill(self, field: str) -> str:
        """``identifier``, ``phone``, ``name``; ``wrong_digit``, ``short`` and ``spaced`` spoil or space the
        identifier; ``tax`` and ``fee`` as they are written, ``tax-10000.00`` the tax less that."""
        less = re.fullmatch(r"tax-([\d.]+)", field)
        if less:
            return f"{self.unpaid - Decimal(less[1]):,.2f}元"
        spoiled = self.identifier[:9] + str((int(self.identifier[9], 36) + 1) % 10) + self.identifier[10:]
        return {
            "identifier": self.identifier,
            "phone": self.phone,
            "name": self.name,
            "wrong_digit": spoiled,
            "short": self.identifier[:-1],
            "spaced": " ".join(self.identifier[i : i + 6] for i in (0, 6, 12)).lower(),
            "tax": f"{self.unpaid:,.2f}元",
            "fee": f"{self.fee:,.2f}元" if len(self.bills) == 1 else "",
        }[field]


Situation = Callable[[Sequence[BillRow], date], bool]


def _single(test: Callable[[BillRow, date], bool]) -> Situation:
    return lambda bills, today: len(bills) == 1 and bills[0].untouched and test(bills[0], today)


SITUATIONS: Mapping[str, Situation] = {
    "not_due": _single(lambda b, today: (b.due - today).days > 10 and b.principal > 8_000),
    "small_bill": _single(
        lambda b, today: b.due > today and ((b.due - today).days <= 10 or b.principal <= 8_000)
    ),
    "due_today": _single(lambda b, today: b.due == today),
    "overdue": _single(lambda b, today: 5 < (today - b.due).days < 300),
    "none": lambda bills, today: not bills,
    "several": lambda bills, today: len(bills) == 3 and all(b.status == "open" for b in bills),
}
"""Situations of taxpayers that are nobody's persona."""


class Casting:
    """Finds players; a taxpayer of a situation is given to one script only."""

    def __init__(self, database_url: str, cipher: FieldCipher, today: date) -> None:
        self._url = database_url
        self._cipher = cipher
        self._today = today
        self._given: set[uuid.UUID] = set()

    def player(self, role: str) -> Player:
        """The persona of that key, or a fresh taxpayer in that situation.

        Raises:
            LookupError: nobody is left.
        """
        with psycopg.connect(self._url, row_factory=dict_row) as db:
            if role in _PERSONAS:
                rows = db.execute("select * from taxpayer where name = %s", (_PERSONAS[role],)).fetchall()
                return self._player(db, rows[0])
            test = SITUATIONS[role]
            fresh = db.execute(
                "select * from taxpayer t where t.fictional and t.name <> all(%s)"
                " and not exists (select 1 from verification v where v.taxpayer_id = t.id) order by t.identifier_mask",
                (list(_PERSONAS.values()),),
            ).fetchall()
            for row in fresh:
                if row["id"] not in self._given and test(self._bills(db, row["id"]), self._today):
                    self._given.add(row["id"])
                    return self._player(db, row)
        raise LookupError(f"no taxpayer left who is {role}")

    def _player(self, db: psycopg.Connection[dict[str, Any]], row: dict[str, Any]) -> Player:
        contact = db.execute(
            "select * from contact where taxpayer_id = %s and is_primary", (row["id"],)
        ).fetchone()
        assert contact is not None
        return Player(
            id=row["id"],
            full_name=row["name"],
            contact=str(contact["name"]).removesuffix(MARK),
            identifier=self._cipher.decrypt(row["identifier_enc"], "taxpayer.identifier"),
            phone=self._cipher.decrypt(contact["phone_enc"], "contact.phone"),
            phone_mask=contact["phone_mask"],
            bills=self._bills(db, row["id"]),
            today=self._today,
        )

    def _bills(self, db: psycopg.Connection[dict[str, Any]], taxpayer: uuid.UUID) -> tuple[BillRow, ...]:
        rows = db.execute(
            "select b.tax_type, b.principal, b.due_date as due, b.status,"
            " coalesce((select sum(p.amount) from payment p where p.bill_id = b.id and p.kind = 'tax'), 0) as paid,"
            " (select count(*) from deferral_application a where a.bill_id = b.id) as applications"
            " from bill b where b.taxpayer_id = %s order by b.due_date, b.bill_no",
            (taxpayer,),
        ).fetchall()
        return tuple(BillRow(**row) for row in rows)
