"""How angry a taxpayer sounds, from words and signs, and whether it has been getting worse.

Read from a table (``mood.yml``), not learnt, so that every score can be explained and mended. What is measured and how
well stands in ``tests/actions/test_mood.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

MOST = 3
"""The highest score: abuse, or anger beyond doubt."""
ANGRY = 2
"""From here on a message counts as angry by itself."""
LOOKED_BACK = 3
"""Messages that are looked at, the newest included."""
TOO_MUCH = 4
"""Sum over them from which a human should come: one outburst alone is borne."""
_TABLE = Path(__file__).with_name("mood.yml")
_GAP = "，"
_SHOUTED = re.compile(r"[!！]{2,}|[?？]{3,}|[?？][!！]|[!！][?？]")


@dataclass(frozen=True, slots=True)
class Signs:
    """``calm``: words taken out first. ``by_weight``: signs of each weight, from :data:`MOST` down to 1."""

    calm: re.Pattern[str]
    by_weight: Mapping[int, Sequence[re.Pattern[str]]]


@cache
def signs() -> Signs:
    """The table. Raises ``OSError``, ``re.error`` or ``KeyError`` where it is missing or malformed."""
    table = yaml.safe_load(_TABLE.read_text(encoding="utf-8"))
    return Signs(
        re.compile("|".join(table["calm"])),
        {weight: tuple(map(re.compile, table[weight])) for weight in range(MOST, 0, -1)},
    )


def score(text: str) -> int:
    """0 calm, 1 impatient, 2 angry, 3 abusive or beside themselves.

    The strongest sign decides; a second one, or shouting, adds one. Shouting alone is 1.
    """
    table = signs()
    left = table.calm.sub(_GAP, text)
    found: list[int] = []
    for weight, patterns in table.by_weight.items():
        for pattern in patterns:
            # What was counted is taken out, or the small sign within a great one would count beside it.
            left, times = pattern.subn(_GAP, left)
            found += [weight] if times else []
    shouted = _SHOUTED.search(text) is not None
    return min(MOST, max(found, default=0) + (len(found) > 1 or shouted))


def getting_worse(messages: Sequence[str]) -> bool:
    """Whether the last of ``messages`` (oldest first) is angry, no calmer than the one before, and not the first one."""
    scores = [score(text) for text in messages[-LOOKED_BACK:]]
    if not scores or scores[-1] < ANGRY:
        return False
    falling = len(scores) > 1 and scores[-1] < scores[-2]
    return not falling and sum(scores) >= TOO_MUCH
