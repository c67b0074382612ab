"""Several intents in one message: splitting into clauses, and which of their intents count."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_BREAK = re.compile(r"[，。！？；,!?;\n]+|(?:然后|还有|另外|顺便)(?!的)")
_MOST = 8
_SHORTEST = 2

COURTESIES = frozenset({"greet", "goodbye", "thank"})
"""They never count beside another intent: 你好，我欠多少 only asks."""
ANSWERS = frozenset({"affirm", "deny", "inform"})
"""They count beside another intent but are never the one to act on."""
_SILENT = frozenset({"out_of_scope", "nlu_fallback", "repeat"})


@dataclass(frozen=True)
class Reading:
    """One intent of a text with its probability."""

    intent: str
    confidence: float


def split(text: str) -> list[str]:
    """Clauses worth reading alone; empty when there is only one."""
    parts = [part.strip() for part in _BREAK.split(text)]
    clauses = [part for part in parts if len(part) >= _SHORTEST or part in {"是", "对", "好", "不", "行", "嗯"}]
    return clauses[:_MOST] if len(clauses) > 1 else []


def combine(whole: Reading, clauses: Sequence[Reading], *, certain: float) -> tuple[Reading, list[Reading]]:
    """The intent to act on, and all that count in the order they were said.

    ``whole`` is the reading of the full text, ``clauses`` those of its parts, of which only the ``certain`` ones are
    heard. An answer counts beside a question (对，滞纳金怎么算); before a statement a yes only leads up to it.
    """
    heard = _heard(clauses, certain)
    domain = [reading for reading in heard if reading.intent not in ANSWERS]
    primary = whole
    if whole.intent in COURTESIES | ANSWERS and domain:
        primary = domain[0]
    if primary.intent in COURTESIES | _SILENT:
        return primary, [primary]
    kept = [reading for reading in heard if reading.intent != primary.intent]
    kept = [reading for reading in kept if _stands_beside(reading.intent, primary.intent)]
    if not kept:
        return primary, [primary]
    order = [reading.intent for reading in heard]
    place = order.index(primary.intent) if primary.intent in order else len(order)
    before = [reading for reading in kept if order.index(reading.intent) < place]
    after = [reading for reading in kept if order.index(reading.intent) > place]
    return primary, [*before, primary, *after]


def _heard(clauses: Sequence[Reading], certain: float) -> list[Reading]:
    best: dict[str, Reading] = {}
    for reading in clauses:
        if reading.confidence >= certain and reading.intent not in COURTESIES | _SILENT:
            best.setdefault(reading.intent, reading)
    return list(best.values())


def _stands_beside(intent: str, primary: str) -> bool:
    if intent == "inform":
        return False
    if intent == "affirm":
        return primary.startswith("ask_")
    return True
