"""``python -m tests.load.bench_kb [--write docs/figures.md] [--reveal]``: how well the knowledge base finds and keeps silent.

The development set is what search and gate were tuned on; the hold-out sets were written apart from both. Their
questions are not printed unless ``--reveal`` asks for what went wrong.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.knowledge import knowledge_base
from kb.evaluate import EvalSet, Figures, evaluate, load_set
from kb.loader import KB_ROOT
from kb.search import KnowledgeBase, SearchResult
from tests.load.document import grid, write_block

SETS = ("dev", "holdout", "holdout2")
HIT1_GOAL = 0.90
WRONG_GOAL = 0.02


@dataclass(frozen=True, slots=True)
class Measured:
    """One set: its name, sizes, figures, and the milliseconds of every search."""

    name: str
    cases: EvalSet
    figures: Figures
    times_ms: tuple[float, ...]


class _Timed:
    """The knowledge base, with a clock around each search."""

    def __init__(self, search: Callable[[str], SearchResult]) -> None:
        self._search = search
        self.times_ms: list[float] = []

    def search(self, query: str) -> SearchResult:
        began = time.perf_counter()
        result = self._search(query)
        self.times_ms.append((time.perf_counter() - began) * 1000)
        return result


def measure(base: KnowledgeBase, root: Path = KB_ROOT) -> list[Measured]:
    """Every set there is, in order."""
    found = []
    for name in SETS:
        file = root / "eval" / f"{name}.yml"
        if file.exists():
            timed, cases = _Timed(base.search), load_set(file)
            figures = evaluate(timed, cases)
            found.append(Measured(name, cases, figures, tuple(timed.times_ms)))
    return found


def render(measured: list[Measured]) -> str:
    """The table, in Markdown."""
    head = (
        "Set", "With an article", "hit@1", "hit@3", "MRR", "Answered", "Answered wrongly", "Without", "Wrong answers",
        "Search p50, ms", "p95",
    )  # fmt: skip
    apart = [m for m in measured if m.name.startswith("holdout")]
    rows = [
        (
            m.name, str(len(m.cases.answerable)), f"{m.figures.hit1:.1%}", f"{m.figures.hit3:.1%}", f"{m.figures.mrr:.3f}",
            f"{m.figures.answered:.1%}", f"{m.figures.misanswered:.1%}", str(len(m.cases.unanswerable)),
            f"{m.figures.wrong_on_none:.1%}", f"{statistics.median(m.times_ms):.0f}", f"{_p95(m.times_ms):.0f}",
        )
        for m in (*measured, *([_together(apart)] if len(apart) > 1 else ()))
    ]  # fmt: skip
    goals = f"Goals on sets written apart: hit@1 ≥ {HIT1_GOAL:.0%}, wrong answers ≤ {WRONG_GOAL:.0%}. Answered: sure and right."
    return f"{grid(head, rows)}\n\n{goals}"


def _together(found: list[Measured]) -> Measured:
    """Several sets as one: each share weighed by the questions it was taken over."""

    def pooled(share: str, of: str) -> float:
        sizes = [len(getattr(m.cases, of)) for m in found]
        shares = [getattr(m.figures, share) for m in found]
        return sum(a * b for a, b in zip(shares, sizes, strict=True)) / max(sum(sizes), 1)

    answered = ("hit1", "hit3", "mrr", "answered", "misanswered")
    return Measured(
        " + ".join(m.name for m in found),
        EvalSet(
            {q: ids for m in found for q, ids in m.cases.answerable.items()},
            tuple(q for m in found for q in m.cases.unanswerable),
        ),
        Figures(
            **{name: pooled(name, "answerable") for name in answered},
            wrong_on_none=pooled("wrong_on_none", "unanswerable"),
            misses=(),
        ),
        tuple(time for m in found for time in m.times_ms),
    )


def _p95(times: tuple[float, ...]) -> float:
    return statistics.quantiles(times, n=20)[-1] if len(times) > 1 else sum(times)


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE", help="also replace the table in this document")
    parser.add_argument("--reveal", action="store_true", help="print the questions that went wrong")
    chosen = parser.parse_args()
    base = knowledge_base()
    base.search("滞纳金怎么算")
    measured = measure(base)
    text = render(measured)
    print(text)
    if chosen.reveal:
        for m in measured:
            for question, article, certainty in m.figures.misses:
                print(f"{m.name}  {certainty:.2f}  {article}  {question}")
    if chosen.write:
        write_block(chosen.write, "bench-kb", text)


if __name__ == "__main__":
    main()
