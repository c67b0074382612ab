"""What is known of a trained model: its data, its date and its figures, in a JSON file beside the archive."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

COSTLY = frozenset({"affirm", "verify_self", "promise_to_pay", "opt_out", "withdraw_deferral"})
"""Intents whose mistaken reading does something the taxpayer did not ask for."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One evaluation set read by a model: lines, how many right, asked again, and heard as something costly."""

    lines: int
    right: int
    asked_again: int
    costly: int

    @property
    def accuracy(self) -> float:
        """Share of right readings."""
        return self.right / self.lines if self.lines else 0.0


@dataclass(frozen=True, slots=True)
class Card:
    """A model's card. ``measured_on`` is the hash of the sets that ``figures`` come from."""

    name: str
    data_hash: str
    trained_at: str
    training_s: float | None = None
    examples: int | None = None
    measured_on: str = ""
    figures: Mapping[str, Figure] = field(default_factory=dict)

    def measured(self, sets_hash: str, figures: Mapping[str, Figure]) -> Card:
        """The card with new figures."""
        return replace(self, measured_on=sets_hash, figures=dict(figures))


def card_path(archive: Path) -> Path:
    """Where the card of an archive lies."""
    return archive.with_name(archive.name.removesuffix(".tar.gz") + ".json")


def read_card(archive: Path) -> Card | None:
    """The card beside ``archive``; ``None`` when there is none or it cannot be read."""
    try:
        given = json.loads(card_path(archive).read_text(encoding="utf-8"))
        figures = {name: Figure(**figure) for name, figure in given.pop("figures").items()}
        return Card(**given, figures=figures)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write_card(archive: Path, card: Card) -> None:
    """Write the card beside ``archive``, whole or not at all."""
    path = card_path(archive)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(card), ensure_ascii=False, indent=1), encoding="utf-8")
    fresh.replace(path)


@dataclass(frozen=True, slots=True)
class Worse:
    """One guarded set on which a model falls behind, in lines."""

    where: str
    before: int
    now: int
    lines: int

    def __str__(self) -> str:
        if self.where == _COSTLY_SET:
            return f"误听成“同意、承诺、核实、退订、撤回”的从{self.before}句增加到{self.now}句"
        return f"测评集 {self.where}（{self.lines}句）：读对的从{self.before}句减到{self.now}句"


_COSTLY_SET = "costly"
_LUCK_SHARE = 0.015
_LUCK_LINES = 1


def worse(old: Mapping[str, Figure], new: Mapping[str, Figure]) -> list[Worse]:
    """Where ``new`` is worse than ``old``: on any set both have read by more than one line and 1.5 % of its lines, or in
    costly mistakes over all of them by more than one. Less than that is luck: a single odd line decides it.
    """
    shared = sorted(set(old) & set(new))
    found = [
        Worse(name, old[name].right, new[name].right, new[name].lines)
        for name in shared
        if old[name].right - new[name].right > max(_LUCK_LINES, _LUCK_SHARE * new[name].lines)
    ]
    costly = [sum(figures[name].costly for name in shared) for figures in (old, new)]
    if costly[1] - costly[0] > 1:
        found.append(Worse(_COSTLY_SET, costly[0], costly[1], 0))
    return found
