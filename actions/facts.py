"""Where each amount in a reply comes from, so that the outgoing guard can work it out again.

A fact names its sources (a bill, a day, numbers the taxpayer gave), never the resulting amount: the guard recomputes
the amounts from the sources and lets through only those.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class BillFact:
    """Principal, payments, unpaid tax, and late fee and total as of ``on``, of one bill."""

    bill_id: uuid.UUID
    on: date

    def to_wire(self) -> dict[str, Any]:
        """JSON shape: ``{"kind": "bill", "bill_id", "on"}``."""
        return {"kind": "bill", "bill_id": str(self.bill_id), "on": self.on.isoformat()}


@dataclass(frozen=True, slots=True)
class SumFact:
    """Sums over several bills as of ``on``: unpaid tax, late fees, both together."""

    bill_ids: tuple[uuid.UUID, ...]
    on: date

    def to_wire(self) -> dict[str, Any]:
        """JSON shape: ``{"kind": "sum", "bill_ids", "on"}``."""
        return {"kind": "sum", "bill_ids": [str(b) for b in self.bill_ids], "on": self.on.isoformat()}


@dataclass(frozen=True, slots=True)
class ExampleFact:
    """A calculated example on numbers the taxpayer gave: tax ``principal`` late by ``days``."""

    principal: Decimal
    days: int
    on: date

    def to_wire(self) -> dict[str, Any]:
        """JSON shape: ``{"kind": "example", "principal", "days", "on"}``."""
        return {
            "kind": "example",
            "principal": str(self.principal),
            "days": self.days,
            "on": self.on.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class MoneyTestFact:
    """The money test of Rules 41 for one bill, on the numbers the taxpayer gave; in yuan."""

    cash: Decimal
    wages: Decimal
    social_insurance: Decimal
    bill_id: uuid.UUID

    def to_wire(self) -> dict[str, Any]:
        """JSON shape: ``{"kind": "money_test", "cash", "wages", "social_insurance", "bill_id"}``."""
        return {
            "kind": "money_test",
            "cash": str(self.cash),
            "wages": str(self.wages),
            "social_insurance": str(self.social_insurance),
            "bill_id": str(self.bill_id),
        }


@dataclass(frozen=True, slots=True)
class ArticleFact:
    """Words quoted from one knowledge-base article."""

    article_id: str

    def to_wire(self) -> dict[str, Any]:
        """JSON shape: ``{"kind": "article", "article_id"}``."""
        return {"kind": "article", "article_id": self.article_id}


@dataclass(frozen=True, slots=True)
class StoredFact:
    """A fact as it was stored with an earlier message that is said again."""

    wire: Mapping[str, Any]

    def to_wire(self) -> dict[str, Any]:
        """The stored shape, unchanged."""
        return dict(self.wire)


Fact = BillFact | SumFact | ExampleFact | MoneyTestFact | ArticleFact | StoredFact
