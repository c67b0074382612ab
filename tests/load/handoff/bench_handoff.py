"""``python -m tests.load.handoff.bench_handoff [--write docs/figures.md]``: how quickly people are reached and heard."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.chat.database import fresh_database
from tests.load.document import grid, write_block
from tests.load.handoff.measures import (
    Claims,
    Talking,
    Times,
    claims,
    inbox_of_many,
    messages,
    request_to_inbox,
)
from tests.load.handoff.page import Pages, pages
from tests.load.machine import describe
from tests.load.table import verdict

VISIBLE_GOAL_S = 0.300
MESSAGE_GOAL_S = 0.150
PAGE_GOAL_S = 1.5
CONVERSATIONS = 200
EACH_SIDE_EVERY_S = 20.0
TALKING_S = 60.0
AGENTS, TICKETS = 200, 2000
WAITING = 5000
REPETITIONS = 100
LOADS, KEPT_OPEN = 20, 20


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything one run measured."""

    machine: Sequence[tuple[str, str]]
    visible: Times
    talking: Talking
    claims: Claims
    inbox: Times
    page: Pages


def measure() -> Figures:
    """Every measurement, each on a database of its own."""
    machine = describe("make bench-handoff")
    return Figures(
        machine,
        asyncio.run(request_to_inbox(fresh_database(), REPETITIONS)),
        asyncio.run(messages(fresh_database(), CONVERSATIONS, EACH_SIDE_EVERY_S, TALKING_S)),
        asyncio.run(claims(fresh_database(), AGENTS, TICKETS)),
        asyncio.run(inbox_of_many(fresh_database(), WAITING, REPETITIONS)),
        pages(WAITING, LOADS, KEPT_OPEN),
    )


def render(figures: Figures) -> str:
    """The tables, in Markdown."""
    talk, run = figures.talking, figures.claims
    at = f"at {talk.conversations} conversations, {talk.per_second:.0f} messages/s"
    head = ("", "Count", "p50, ms", "p95, ms", "Goal, p95", "")
    rows = [
        _row("Request → visible in an agent's inbox", figures.visible, VISIBLE_GOAL_S),
        _row(f"Taxpayer's message → agent's side, {at}", talk.to_agent, MESSAGE_GOAL_S),
        _row(f"Agent's message → taxpayer's window, {at}", talk.to_taxpayer, MESSAGE_GOAL_S),
        _row(f"Queries of an agent's page with {WAITING:,} waiting", figures.inbox, None),
        _row(f"The page in chromium with {WAITING:,} waiting", figures.page.loads, PAGE_GOAL_S),
        _row(f"One claim, {run.agents} agents at once on {run.tickets:,} tickets", run.each, None),
    ]
    taken = "each exactly once" if run.once else "NOT each exactly once"
    claimed = (
        f"{run.agents} agents took {run.tickets:,} tickets in {run.seconds:.1f} s: "
        f"{run.tickets / run.seconds:.0f} claims/s, {taken}; the chain of the audit trail verified."
    )
    memory = (
        f"An open console takes {figures.page.mb_each:.1f} MB of the gateway (mean of {figures.page.opened})."
    )
    return f"{grid(('', ''), figures.machine)}\n\n{grid(head, rows)}\n\n{claimed}\n\n{memory}"


def _row(name: str, times: Times, goal_s: float | None) -> tuple[str, ...]:
    return (
        name,
        str(len(times.seconds)),
        f"{times.p50 * 1000:.0f}",
        f"{times.p95 * 1000:.0f}",
        f"≤ {goal_s * 1000:.0f} ms" if goal_s is not None else "",
        verdict(times.p95, goal_s) if goal_s is not None else "",
    )


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE", help="also replace the table in this document")
    chosen = parser.parse_args()
    text = render(measure())
    print(text)
    if chosen.write:
        write_block(chosen.write, "bench-handoff", text)


if __name__ == "__main__":
    main()
