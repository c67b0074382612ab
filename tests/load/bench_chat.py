"""``python -m tests.load.bench_chat``: the figures of the chat, measured in one run and printed as a table.

Everything runs on this machine and talks over the loopback only. No figure makes it fail; a turn that is not answered
does.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.settings import Settings
from gateway.training import ensure_model
from store.engine import make_engine, make_sessions
from tests.load import bulk, machine, table
from tests.load.latency import Comparison, LongTalk, compare, lengthen
from tests.load.routes import BareRoute, GatewayRoute, client
from tests.load.talks import SCRIPT
from tests.support.stack import Stack, data_folder

TOKEN = "bench-internal-token"


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured. ``widths``: conversations at once, turns of each, seconds after which no round begins."""

    widths: tuple[tuple[int, int, float], ...]
    step: int
    """Rounds made at a time: 2 lets each route go first as often as the other."""
    warm_up: int
    """Turns of two conversations each way before anything is measured."""
    long_talks: int
    long_budget_s: float
    bills: int
    lines: int
    audit_rows: int


FULL = Effort(
    widths=((1, len(SCRIPT), 40.0), (8, len(SCRIPT), 50.0), (32, len(SCRIPT) // 2, 60.0)),
    step=2,
    warm_up=len(SCRIPT),
    long_talks=6,
    long_budget_s=100.0,
    bills=100_000,
    lines=50_000,
    audit_rows=500,
)
QUICK = Effort(
    widths=((1, len(SCRIPT), 4.0), (8, 4, 0.0), (32, 2, 0.0)),
    step=1,
    warm_up=5,
    long_talks=2,
    long_budget_s=15.0,
    bills=10_000,
    lines=5_000,
    audit_rows=100,
)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.load.bench_chat", description="The chat bench table."
    )
    parser.add_argument("--quick", action="store_true", help="at most two minutes, coarser figures")
    parser.add_argument("--write", type=Path, metavar="FILE", help="also replace the table in this document")
    arguments = parser.parse_args()
    began = time.perf_counter()

    def note(text: str) -> None:
        print(f"[{time.perf_counter() - began:5.0f} s] {text}", file=sys.stderr, flush=True)

    ensure_model(Settings(), note)
    began = time.perf_counter()
    command = " ".join(["python -m tests.load.bench_chat", *sys.argv[1:]])
    facts = machine.describe(command)
    with data_folder() as folder:
        text = table.render(_measure(QUICK if arguments.quick else FULL, folder, facts, began, note))
    print(text)
    if arguments.write:
        table.write(arguments.write, text)


def _measure(
    effort: Effort, folder: Path, facts: list[tuple[str, str]], began: float, note: Callable[[str], None]
) -> table.Figures:
    note("late fees")
    fees = bulk.late_fees(effort.lines, 1.0)
    stack = Stack(folder / "data", {"SHUILING_INTERNAL_TOKEN": TOKEN, "SHUILING_LOG_LEVEL": "WARNING"})
    note("cold start")
    cold = _start(stack)
    stack.stop()
    note(f"cold start took {cold:.1f} s; warm start")
    try:
        warm = _start(stack)
        note(f"warm start took {warm:.1f} s")
        comparisons, long_talk = asyncio.run(_talk(effort, stack, note))
        held = machine.memory(stack)
        with bulk.scratch_database(stack.database_url) as url:
            note(f"import of {effort.bills:,} bills")
            imported = bulk.import_bills(url, folder, effort.bills)
            note("audit trail")
            audited = asyncio.run(bulk.audit_rate(url, effort.audit_rows))
    finally:
        stack.stop()
    return table.Figures(
        machine=facts,
        cold_s=cold,
        warm_s=warm,
        memory=held,
        comparisons=comparisons,
        long_talk=long_talk,
        imported=imported,
        late_fees=fees,
        audit_per_s=audited,
        took_s=time.perf_counter() - began,
    )


def _start(stack: Stack) -> float:
    began = time.perf_counter()
    stack.start()
    return time.perf_counter() - began


async def _talk(
    effort: Effort, stack: Stack, note: Callable[[str], None]
) -> tuple[list[Comparison], LongTalk]:
    engine = make_engine(stack.database_url, pool_size=2, max_overflow=0)
    sessions = make_sessions(engine)
    try:
        async with client() as http:
            gateway, bare = GatewayRoute(http, stack.url), BareRoute(http, stack.rasa_url, TOKEN)
            note("warming up")
            await compare(gateway, bare, sessions, 2, effort.warm_up, 0.0, step=1)
            comparisons = []
            for width, turns, budget_s in effort.widths:
                note(f"{width} conversations at once")
                comparisons.append(
                    await compare(gateway, bare, sessions, width, turns, budget_s, effort.step)
                )
            note(f"{effort.long_talks} long conversations")
            return comparisons, await lengthen(
                gateway, sessions, effort.long_talks, note, effort.long_budget_s
            )
    finally:
        await engine.dispose()


if __name__ == "__main__":
    main()
