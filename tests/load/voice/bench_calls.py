"""``python -m tests.load.voice.bench_calls``: calls through the whole product, measured on the audio of the wire.

The stand-in carrier calls through Twilio's protocol; its people speak rendered speech; the product recognises it with
Vosk, asks Rasa and PostgreSQL, and answers. Gaps are taken between the last voiced sample of an utterance and the first
bot frame, on the stand-in's own clock, its own lateness taken off. Everything shares this machine's cores, the callers'
side included. No figure makes it fail.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from gateway.calls.cast import cast
from gateway.settings import ROOT
from telephony.call.ports import Stage
from telephony.standin.clients import HttpGateway, StandinClient
from telephony.standin.loader import load_folder
from telephony.standin.runner import Runner, plan, summary
from telephony.standin.script import Script
from tests.load.document import grid, write_block
from tests.load.machine import describe
from tests.support.stack import TODAY, Stack, data_folder

SCRIPTS = ROOT / "tests" / "calls" / "scripts"
BLOCK = "bench-voice"
WIDTHS = (1, 8, 16, 24)
EVERY_S = 1.0
"""A Twilio account may place one call a second unless it has been given more."""
TALKS = (
    "verified_pays",
    "verified_keys",
    "already_paid",
    "interrupts_the_matter",
    "digits_in_groups",
    "cash_strapped",
)
"""Scripts of the latency rows: whole talks with several turns, in Mandarin and the dialects they name."""


@dataclass(frozen=True, slots=True)
class Width:
    """Calls at once and what they measured; CPU in cores, memory in megabytes."""

    calls: int
    result: dict[str, Any]
    product_cores: float
    standin_cores: float
    memory_mb: float
    stall_ms: float
    stages: dict[str, float]


def scripts(names: Sequence[str] = ()) -> list[Script]:
    """The scripts named, all of them without names."""
    return [script for script in load_folder(SCRIPTS) if not names or script.name in names]


async def play(stack: Stack, chosen: Sequence[Script], calls: int | None, at_once: int) -> dict[str, Any]:
    """Play them; the runner's summary."""
    standin = stack.state["standin"]
    async with httpx.AsyncClient(trust_env=False) as client:
        runner = Runner(
            plan(chosen, calls),
            cast(TODAY),
            HttpGateway(client, stack.url, ""),
            StandinClient(client, standin["url"], standin["sid"], standin["token"]),
            at_once,
            EVERY_S,
        )
        await runner.run()
        for row in runner.rows:
            if not row.right:
                print(f"{row.script} {row.pack}: {row.outcome} {row.notes}", file=sys.stderr)
            if not row.right and row.call_id:
                sheet = (await client.get(f"{stack.url}/calls/{row.call_id}.json")).json()
                for line in sheet["lines"]:
                    print(
                        f"  {line['began_ms'] / 1000:6.1f} {line['speaker']:6} {line['text']}",
                        file=sys.stderr,
                    )
    return summary(runner.rows)


def measure(stack: Stack, calls: int, rounds: int) -> Width:
    """``calls`` at once, ``rounds`` times as many in all."""
    product = [_family(stack.child_pid(name)) for name in ("gateway", "rasa")]
    carrier = _family(stack.child_pid("standin"))
    before = _cpu(product), _cpu([carrier])
    stages = _stages(stack.url)
    began = time.monotonic()
    result = asyncio.run(play(stack, scripts(TALKS), calls * rounds, calls))
    took = time.monotonic() - began
    memory = sum(p.memory_info().rss for group in product for p in group if p.is_running()) / 1024**2
    return Width(
        calls,
        result,
        (_cpu(product) - before[0]) / took,
        (_cpu([carrier]) - before[1]) / took,
        memory,
        1000 * _longest_stall(stack.url),
        _between(stages, _stages(stack.url)),
    )


def _family(pid: int) -> list[psutil.Process]:
    first = psutil.Process(pid)
    return [first, *first.children(recursive=True)]


def _cpu(groups: Sequence[Sequence[psutil.Process]]) -> float:
    total = 0.0
    for process in (p for group in groups for p in group):
        try:
            used = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += used.user + used.system
    return total


def _longest_stall(url: str) -> float:
    text = httpx.get(f"{url}/metrics", trust_env=False).text
    line = next(x for x in text.splitlines() if x.startswith("shuiling_loop_stall_longest_seconds "))
    return float(line.split()[1])


def _stages(url: str) -> dict[str, tuple[float, float]]:
    """By stage of a reply, what :class:`gateway.metrics.Metrics` has summed up: seconds, and how many."""
    found: dict[str, dict[str, float]] = {}
    for line in httpx.get(f"{url}/metrics", trust_env=False).text.splitlines():
        if match := _STAGE.match(line):
            found.setdefault(match["stage"], {})[match["part"]] = float(match["value"])
    return {stage: (parts["sum"], parts["count"]) for stage, parts in found.items()}


_STAGE = re.compile(
    r'shuiling_call_stage_seconds_(?P<part>sum|count)\{stage="(?P<stage>\w+)"\} (?P<value>\S+)'
)


def _between(
    before: dict[str, tuple[float, float]], after: dict[str, tuple[float, float]]
) -> dict[str, float]:
    """The mean of each stage in the meantime, in milliseconds."""
    means = {}
    for stage, (seconds, count) in after.items():
        old_seconds, old_count = before.get(stage, (0.0, 0.0))
        if count > old_count:
            means[stage] = 1000 * (seconds - old_seconds) / (count - old_count)
    return means


def stages_table(rows: Sequence[Width]) -> str:
    """What the replies waited for."""
    names = [stage.value for stage in Stage]
    return grid(
        ("Calls at once", *names),
        [(str(row.calls), *(_ms(row.stages.get(name)) for name in names)) for row in rows],
    )


def widths_table(rows: Sequence[Width]) -> str:
    """One row a number of calls at once."""
    head = (
        "Calls at once", "Calls in all", "Reply gap p50", "p95", "Barge-in p50", "p95", "Greeting p50", "p95",
        "Worst pacing p99", "Product, cores", "Callers' side, cores", "Product, MB", "Longest stall since start", "Right outcome",
    )  # fmt: skip
    return grid(
        head,
        [
            (
                str(row.calls),
                str(row.result["calls"]),
                *(_ms(row.result[name][share]) for name, share in _SPREADS),
                _ms(row.result["worst_lateness_p99_ms"]),
                f"{row.product_cores:.2f}",
                f"{row.standin_cores:.2f}",
                f"{row.memory_mb:.0f}",
                _ms(row.stall_ms),
                f"{row.result['right']}/{row.result['calls']}",
            )
            for row in rows
        ],
    )


_SPREADS = [
    (name, share) for name in ("reply_gap_ms", "barge_in_ms", "greeting_ms") for share in ("p50", "p95")
]


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} ms"


def outcomes(result: dict[str, Any]) -> str:
    """The share of right outcomes, and each wrong one."""
    share = 100 * (result["right_share"] or 0)
    told = (
        f"All scripts in all packs: {result['right']} of {result['calls']} calls ended as their script says ({share:.1f} %, goal ≥ 97 %); "
        f"in {result['answered_again']} calls an answer was not understood and given again."
    )
    wrong = [
        (w["script"], w["pack"], "/".join(w["expected"]), str(w["outcome"]), "; ".join(w["notes"]))
        for w in result["wrong"]
    ]
    return (
        told if not wrong else f"{told}\n\n{grid(('Script', 'Pack', 'Expected', 'Outcome', 'Notes'), wrong)}"
    )


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", type=Path, help="the document whose table is replaced")
    parser.add_argument("--widths", type=int, nargs="*", default=WIDTHS, help="calls at once")
    parser.add_argument("--rounds", type=int, default=2, help="how many calls each line makes")
    parser.add_argument("--no-outcomes", action="store_true", help="leave out the run of all scripts")
    parser.add_argument("--scripts", nargs="*", default=(), help="only these in the run of all scripts")
    parser.add_argument("--at-once", type=int, default=8, help="calls at once in the run of all scripts")
    given = parser.parse_args()
    # Whoever stops the bench stops the product with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with data_folder() as folder, Stack(folder, {"SHUILING_TELEPHONE": "true"}) as stack:
        asyncio.run(play(stack, scripts(TALKS[:2]), 2, 2))
        rows = []
        for calls in given.widths:
            rows.append(measure(stack, calls, given.rounds))
            print(widths_table(rows[-1:]).splitlines()[-1], file=sys.stderr, flush=True)
            print(stages_table(rows[-1:]).splitlines()[-1], file=sys.stderr, flush=True)
            for slow in rows[-1].result["slowest_replies"]:
                print(
                    f"  {slow['gap_ms']:.0f} ms {slow['script']} {slow['pack']}: {slow['after']}",
                    file=sys.stderr,
                )
        parts = [
            grid(("", ""), describe("make bench-voice")),
            "Goals: reply gap p50 ≤ 450 ms, p95 ≤ 800 ms; barge-in ≤ 300 ms; greeting ≤ 300 ms; pacing error p99 ≤ 20 ms.",
            widths_table(rows),
            "What a reply waits for, mean of each stage (`telephony.call.ports.Stage`):",
            stages_table(rows),
        ]
        if not given.no_outcomes:
            parts.append(outcomes(asyncio.run(play(stack, scripts(given.scripts), None, given.at_once))))
    text = "\n\n".join(parts)
    print(text)
    if given.write:
        write_block(given.write, BLOCK, text)


if __name__ == "__main__":
    main()
