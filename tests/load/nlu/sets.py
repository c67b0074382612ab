"""Labelled lines: what is learned from, what is tuned on, and what only measures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[3]
LEARNED = ROOT / "nlu_data" / "nlu"
EVALUATED = ROOT / "nlu_data" / "eval"
DIALECTS = ("guangdong", "sichuan", "northeast", "shanghai", "minnan", "henan")


@dataclass(frozen=True)
class Line:
    """What somebody says, and the intent a careful reader gives it."""

    text: str
    intent: str


def read_lines(path: Path) -> tuple[Line, ...]:
    """The lines of one file in Rasa's YAML form."""
    return tuple(_lines(yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]))


def _lines(blocks: Sequence[Mapping[str, str]]) -> Iterator[Line]:
    for block in blocks:
        for line in block["examples"].splitlines():
            if line.strip().startswith("- "):
                yield Line(line.strip()[2:].strip(), block["intent"])


def learned() -> tuple[Line, ...]:
    """All training lines."""
    return tuple(line for path in sorted(LEARNED.glob("*.yml")) for line in read_lines(path))


def evaluated(kind: str) -> dict[str, tuple[Line, ...]]:
    """The sets of ``nlu_data/eval/<kind>`` (``dev`` or ``holdout``) by name."""
    return {path.stem: read_lines(path) for path in sorted((EVALUATED / kind).glob("*.yml"))}
