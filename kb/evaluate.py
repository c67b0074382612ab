"""Measure the search on a set of questions with known answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml

from kb.loader import KnowledgeError
from kb.search import SearchResult


class Searches(Protocol):
    """What is measured: anything that searches as the knowledge base does."""

    def search(self, query: str) -> SearchResult:
        """The best three articles."""
        ...


@dataclass(frozen=True, slots=True)
class EvalSet:
    """``answerable``: question -> ids of right answers; ``unanswerable``: questions without an article."""

    answerable: Mapping[str, frozenset[str]]
    unanswerable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """All shares 0..1. ``hit1``/``hit3``: right article first / among three. ``mrr``: mean of one over the
    right article's place, 0 beyond the third. ``answered``: confident and
    right. ``misanswered``: confident and wrong though an article exists. ``wrong_on_none``: confident where
    no article exists. ``misses``: (question, found id, certainty) for everything that went wrong."""

    hit1: float
    hit3: float
    mrr: float
    answered: float
    misanswered: float
    wrong_on_none: float
    misses: tuple[tuple[str, str, float], ...]


def load_set(file: Path) -> EvalSet:
    """Read ``articles: [{q, ids}]`` and ``none: [text]``. Raises KnowledgeError."""
    values: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    try:
        answerable = {case["q"]: frozenset(case["ids"]) for case in values["articles"]}
        unanswerable = tuple(values["none"])
    except (TypeError, KeyError) as error:
        reason = f"needs articles: [{{q, ids}}] and none: [text] ({error})"
        raise KnowledgeError(file, "file", reason) from error
    return EvalSet(answerable, unanswerable)


def evaluate(base: Searches, cases: EvalSet) -> Figures:
    """Search every question of ``cases`` and count."""
    hit1 = hit3 = answered = misanswered = wrong = 0
    reciprocal = 0.0
    misses: list[tuple[str, str, float]] = []
    for question, ids in cases.answerable.items():
        result = base.search(question)
        found = [hit.article.id for hit in result.hits]
        right = bool(found) and found[0] in ids
        hit1 += right
        hit3 += any(i in ids for i in found)
        reciprocal += next((1 / place for place, i in enumerate(found, start=1) if i in ids), 0.0)
        answered += right and result.confident
        misanswered += result.confident and not right
        if not (right and result.confident):
            misses.append((question, found[0] if found else "", result.certainty))
    for question in cases.unanswerable:
        result = base.search(question)
        if result.confident:
            wrong += 1
            misses.append((question, result.hits[0].article.id, result.certainty))
    with_article, without = max(len(cases.answerable), 1), max(len(cases.unanswerable), 1)
    return Figures(
        hit1 / with_article,
        hit3 / with_article,
        reciprocal / with_article,
        answered / with_article,
        misanswered / with_article,
        wrong / without,
        tuple(misses),
    )
