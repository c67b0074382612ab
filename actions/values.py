"""Values read from a turn's entities, checked and typed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from actions.core import Turn
from tax.money import to_fen


def as_amount(value: Any) -> Decimal | None:
    """Yuan from an entity value; ``None`` for a vague one (几万)."""
    try:
        return to_fen(Decimal(str(value)))
    except (InvalidOperation, ValueError):
        return None


def first_amount(turn: Turn) -> Decimal | None:
    """First amount said, negated ones left out; in yuan."""
    for entity in turn.all("amount"):
        amount = as_amount(entity.value)
        if amount is not None:
            return amount
    return None


def as_date(value: Any) -> date | None:
    """Day from an entity value; ``None`` for days that do not exist."""
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None


def first_date(turn: Turn) -> date | None:
    """First day said that exists."""
    for entity in turn.all("date"):
        day = as_date(entity.value)
        if day is not None:
            return day
    return None


def said_impossible_date(turn: Turn) -> bool:
    """Whether a day was said that does not exist (2月30号)."""
    return any(e.invalid for e in turn.all("date"))
