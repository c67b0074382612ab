"""What the parsers find in lines that were written apart from them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Any

import yaml

from bot.parsing import parse
from tests.load.nlu.sets import EVALUATED

TODAY = date(2026, 11, 23)
"""The day the lines are read on."""


@dataclass(frozen=True)
class EntityScore:
    """Counts over all lines; an entity is found when its kind and its normalised value are."""

    lines: int
    found: int
    invented: int
    missed: int

    @property
    def precision(self) -> float:
        """Share of what was found that is there."""
        return self.found / (self.found + self.invented)

    @property
    def recall(self) -> float:
        """Share of what is there that was found."""
        return self.found / (self.found + self.missed)

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        return 2 * self.found / (2 * self.found + self.invented + self.missed)


def entity_score() -> EntityScore:
    """Read ``nlu_data/eval/entities/holdout.yml``; what the speaker rejects does not count."""
    given = yaml.safe_load((EVALUATED / "entities" / "holdout.yml").read_text(encoding="utf-8"))
    found = invented = missed = 0
    for text, expected in given:
        there = Counter(
            (kind, _key(value))
            for kind, values in expected.items()
            for value in (values if isinstance(values, list) else [values])
        )
        read = Counter((e.kind, _key(e.value)) for e in parse(text, TODAY) if not e.negated)
        both = there & read
        found += sum(both.values())
        invented += sum((read - both).values())
        missed += sum((there - both).values())
    return EntityScore(len(given), found, invented, missed)


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
