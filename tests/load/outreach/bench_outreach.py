"""``python -m tests.load.outreach.bench_outreach [--write docs/figures.md]``: planning, dialling, simulating many."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.load.document import grid, write_block
from tests.load.latency import quantile
from tests.load.machine import describe
from tests.load.outreach.bulk import BILLS_EACH, Enrolment, enrolment
from tests.load.outreach.measures import (
    Paced,
    Simulated,
    Throughput,
    as_they_fall_due,
    at_one_minute,
    p95,
    simulated,
    throughput,
)
from tests.load.table import verdict

SIZES = (1_000, 10_000, 100_000)
"""Reminders; ten bills each."""
QUEUED = 100_000
A_SECOND = 20.0
PACING_GOAL_S = 0.050
LAG_GOAL_S = 2.0
SCALE_GOAL = 1.7
DIALLING_S = 60.0
ANSWERS_S, AT_ONCE = 0.6, 12
"""How long the carrier takes to answer, and how many calls one worker asks for at once, where workers are compared."""
SIMULATED = (100_000, 30)


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything one run measured."""

    machine: Sequence[tuple[str, str]]
    enrolments: Sequence[Enrolment]
    burst: Paced
    due: Paced
    one: Throughput
    two: Throughput
    simulated: Simulated


def measure() -> Figures:
    """Every measurement, each on a database of its own."""
    machine = describe("make bench-outreach")
    return Figures(
        machine,
        [enrolment(size) for size in SIZES],
        at_one_minute(QUEUED, A_SECOND, DIALLING_S),
        as_they_fall_due(QUEUED, A_SECOND / 2, DIALLING_S),
        throughput(1, 6_000, DIALLING_S / 2, answers_s=ANSWERS_S, at_once=AT_ONCE),
        throughput(2, 6_000, DIALLING_S / 2, answers_s=ANSWERS_S, at_once=AT_ONCE),
        simulated(*SIMULATED),
    )


def render(figures: Figures) -> str:
    """The tables, in Markdown."""
    planned = grid(
        ("Reminders", "Bills", "Steps", "Seconds", "Reminders/s", "Memory grew by, MB"),
        [
            (
                f"{each.reminders:,}",
                f"{each.bills:,}",
                f"{each.steps:,}",
                f"{each.seconds:.1f}",
                f"{each.reminders / each.seconds:,.0f}",
                f"{each.growth_mb:.0f}",
            )
            for each in figures.enrolments
        ],
    )
    burst, due = figures.burst, figures.due
    ratio = figures.two.per_second / figures.one.per_second
    rows = [
        (
            f"{burst.queued:,} due at one minute, pace {burst.a_second:.0f}/s: calls a second ({burst.calls} dialled)",
            f"{burst.per_second:.1f}",
            f"≥ {A_SECOND:.0f}",
            verdict(-burst.per_second, -0.99 * A_SECOND),
        ),
        (
            "its error from one call to the next, p50 / p95",
            f"{1000 * quantile(burst.errors, 0.5):.0f} / {1000 * p95(burst.errors):.0f} ms",
            f"≤ {1000 * PACING_GOAL_S:.0f} ms",
            verdict(p95(burst.errors), PACING_GOAL_S),
        ),
        (
            f"due → dialled, {due.a_second:.0f} falling due a second, {due.queued:,} queued, p50 / p95",
            f"{quantile(due.lags, 0.5):.2f} / {p95(due.lags):.2f} s",
            f"≤ {LAG_GOAL_S:.0f} s",
            verdict(p95(due.lags), LAG_GOAL_S),
        ),
        (
            f"two workers / one ({figures.two.per_second:.1f} and {figures.one.per_second:.1f} calls/s)",
            f"{ratio:.2f}",
            f"≥ {SCALE_GOAL}",
            verdict(-ratio, -SCALE_GOAL),
        ),
        (
            f"`shuiling simulate`, {figures.simulated.taxpayers:,} taxpayers, {figures.simulated.days} days, with and"
            " without the standard strategy",
            f"{figures.simulated.seconds:.0f} s",
            "minutes",
            "",
        ),
    ]
    return (
        f"{grid(('', ''), figures.machine)}\n\nEnrolling the shipped campaign, {BILLS_EACH} bills a taxpayer:\n\n{planned}"
        f"\n\nDialling, the carrier's REST answering in 0.2 s (where workers are compared {ANSWERS_S:g} s,"
        f" {AT_ONCE} at once a worker):\n\n{grid(('', 'Measured', 'Goal', ''), rows)}"
    )


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE", help="also replace the table in this document")
    chosen = parser.parse_args()
    text = render(measure())
    print(text)
    if chosen.write:
        write_block(chosen.write, "bench-outreach", text)


if __name__ == "__main__":
    main()
