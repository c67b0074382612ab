"""What is done and what is promised differ in a particle and a date; both are read from the words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Any

_PAID = re.compile(
    r"(?:交|缴|付|还|转|汇|打|扣|结)(?:款|税|钱|账)?(?:过|完|清|掉|走|上)?(?:去|款|税|钱)?(?:过|了(?!再|就|吗|没))"
    r"|(?:交|缴|付|还|转|汇|打|扣|结)(?:款|税|钱|账)?(?:过|完)"
)


def is_paid(text: str, days: Iterable[date], today: date) -> bool:
    """Whether ``text`` tells of a payment on days gone by, all of ``days`` lying before ``today``."""
    known = list(days)
    return bool(known) and all(day < today for day in known) and _PAID.search(text) is not None


def days_of(entities: Iterable[dict[str, Any]]) -> list[date]:
    """The days among Rasa entities that were neither rejected nor impossible."""
    return [
        date.fromisoformat(entity["value"])
        for entity in entities
        if entity.get("entity") == "date" and entity.get("value") and not entity.get("negated")
    ]
