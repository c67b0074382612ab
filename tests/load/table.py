"""The figures as Markdown, and their place in a document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.load.bulk import Imported, LateFees
from tests.load.latency import EARLY, Comparison, LongTalk
from tests.load.machine import Memory
from tests.load.talks import PROBE

BEGIN = "<!-- bench-chat: begin -->"
END = "<!-- bench-chat: end -->"
RATIO_GOAL = 1.25
LENGTH_GOAL = 1.3
WARM_GOAL_S = 45.0


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything one run measured."""

    machine: Sequence[tuple[str, str]]
    cold_s: float
    warm_s: float
    memory: Sequence[Memory]
    comparisons: Sequence[Comparison]
    long_talk: LongTalk
    imported: Imported
    late_fees: LateFees
    audit_per_s: float
    took_s: float


def render(figures: Figures) -> str:
    """All tables, in Markdown."""
    return "\n\n".join(
        (
            _grid(("", ""), [*figures.machine, ("Bench took", f"{figures.took_s:.0f} s")]),
            "Turns, gateway and bare Rasa in alternating rounds of the same words (milliseconds):",
            _latency(figures.comparisons),
            "Goals:",
            _goals(figures),
            "The rest:",
            _rest(figures),
        )
    )


def _latency(comparisons: Sequence[Comparison]) -> str:
    head = (
        "Conversations", "Turns each way", "Gateway p50", "p95", "turns/s",
        "Bare Rasa p50", "p95", "turns/s", "Ratio p50", "Ratio p95", "Answered differently",
    )  # fmt: skip
    return _grid(
        head,
        [
            (
                str(c.width), str(len(c.gateway.turns)),
                _ms(c.gateway.p50), _ms(c.gateway.p95), f"{c.gateway.per_second:.1f}",
                _ms(c.bare.p50), _ms(c.bare.p95), f"{c.bare.per_second:.1f}",
                f"{c.gateway.p50 / c.bare.p50:.2f}", f"{c.gateway.p95 / c.bare.p95:.2f}", str(c.differing),
            )
            for c in comparisons
        ],
    )  # fmt: skip


def _goals(figures: Figures) -> str:
    rows = [
        (
            f"Gateway / bare Rasa at p50, {c.width} at once",
            f"{c.gateway.p50 / c.bare.p50:.2f}",
            f"≤ {RATIO_GOAL}",
            verdict(c.gateway.p50 / c.bare.p50, RATIO_GOAL),
        )
        for c in figures.comparisons
    ]
    long_talk = figures.long_talk
    late = f"{long_talk.late_turn}–{long_talk.late_turn + len(PROBE) - 1}"
    early = f"{EARLY}–{EARLY + len(PROBE) - 1}"
    rows += [
        (
            f"Turns {late} / turns {early} of a conversation, medians of {len(long_talk.early)} turns each",
            f"{long_talk.ratio:.2f}",
            f"≤ {LENGTH_GOAL}",
            verdict(long_talk.ratio, LENGTH_GOAL),
        ),
        (
            "Warm start, s",
            f"{figures.warm_s:.1f}",
            f"≤ {WARM_GOAL_S:.0f}",
            verdict(figures.warm_s, WARM_GOAL_S),
        ),
    ]
    return _grid(("", "Measured", "Goal", ""), rows)


def _rest(figures: Figures) -> str:
    imported, fees = figures.imported, figures.late_fees
    rss, pss = (sum(values) for values in zip(*((m.rss_mb, m.pss_mb) for m in figures.memory), strict=True))
    parts = ", ".join(f"{m.part} {m.rss_mb:.0f}" for m in figures.memory)
    rows = [
        ("Cold start, empty data folder, model trained", f"{figures.cold_s:.1f} s"),
        ("Warm start", f"{figures.warm_s:.1f} s"),
        ("Memory after the load, resident", f"{rss:.0f} MB ({parts})"),
        ("Memory after the load, shared pages counted once", f"{pss:.0f} MB"),
        (
            f"Import of {imported.rows:,} bills",
            f"{imported.rows / imported.seconds:,.0f} rows/s ({imported.seconds:.1f} s)",
        ),
        ("Memory of the import at most", f"+{imported.growth_mb:.0f} MB over {imported.base_mb:.0f} MB"),
        ("Late fees computed, one core", f"{fees.computed_per_s:,.0f} /s"),
        (
            "`shuiling late-fee --batch -`",
            f"{fees.lines_per_s:,.0f} lines/s after {fees.start_s:.2f} s of starting",
        ),
        ("Audit events added, a transaction each", f"{figures.audit_per_s:,.0f} /s"),
    ]
    return _grid(("", ""), rows)


def verdict(value: float, goal: float) -> str:
    """Whether ``value`` is at most ``goal``, in words."""
    return "goal met" if value <= goal else "goal not met"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def write(path: Path, text: str) -> None:
    """Put ``text`` between the markers of the document, whatever stood there.

    Raises:
        ValueError: the markers are not both there, in order, once.
    """
    document = path.read_text(encoding="utf-8")
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in tail:
        raise ValueError(f"{path} needs one line {BEGIN} and after it one line {END}")
    path.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}", encoding="utf-8")
