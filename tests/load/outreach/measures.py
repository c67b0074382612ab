"""What the bench of outreach measures, each on a real PostgreSQL with workers in processes of their own."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psycopg

from gateway.settings import ROOT
from outreach.clock import SHANGHAI
from tests.chat.database import fresh_database, opened
from tests.load.latency import quantile
from tests.load.outreach.dialling import LINES, Dialled, dialled, shift_to_open_hours, workers
from tests.outreach.makers import CALL_STEP, Case, make_campaign, make_cases, open_lines, plan_of

_BATCH = 10_000
_STARTING_S = 8.0
"""Until a worker process has loaded."""


@dataclass(frozen=True, slots=True)
class Paced:
    """Calls dialled at a pace: ``errors`` are how far the gaps were from the wished one, ``lags`` from due to dialled, seconds."""

    queued: int
    a_second: float
    calls: int
    per_second: float
    errors: tuple[float, ...]
    lags: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Throughput:
    """Calls a second of so many workers with nothing but the carrier to wait for."""

    workers: int
    per_second: float


@dataclass(frozen=True, slots=True)
class Simulated:
    """A run of the simulation."""

    taxpayers: int
    days: int
    seconds: float


def at_one_minute(queued: int, a_second: float, seconds: float) -> Paced:
    """All of them due at once: how evenly they are dialled."""
    url, shift = fresh_database(), shift_to_open_hours()
    asyncio.run(_fill(url, queued, a_second, datetime.now(SHANGHAI) + shift - timedelta(minutes=1)))
    with workers(1, url, shift, answers_s=0.2, at_once=64):
        time.sleep(_STARTING_S + seconds)
    found = _steady(dialled(url, shift))
    return _paced(queued, a_second, found)


def as_they_fall_due(queued: int, a_second: float, seconds: float) -> Paced:
    """So many waiting for later while others fall due one after the other: how soon each is dialled."""
    url, shift = fresh_database(), shift_to_open_hours()
    asyncio.run(_fill(url, queued, 2 * a_second, datetime.now(SHANGHAI) + shift + timedelta(days=1)))
    many = int(seconds * a_second)
    with workers(1, url, shift, answers_s=0.2, at_once=64):
        time.sleep(_STARTING_S)
        _spread(url, many, datetime.now(SHANGHAI) + shift + timedelta(seconds=1), a_second)
        time.sleep(seconds + 4)
    return _paced(queued, a_second, dialled(url, shift))


def throughput(many: int, queued: int, seconds: float, *, answers_s: float, at_once: int) -> Throughput:
    """How many calls a second so many workers begin where the pace allows any number."""
    url, shift = fresh_database(), shift_to_open_hours()
    asyncio.run(_fill(url, queued, 1000.0, datetime.now(SHANGHAI) + shift - timedelta(minutes=1)))
    with workers(many, url, shift, answers_s=answers_s, at_once=at_once):
        time.sleep(_STARTING_S + seconds)
    found = _steady(dialled(url, shift))
    took = (found[-1].at - found[0].at).total_seconds()
    return Throughput(many, (len(found) - 1) / took)


def simulated(taxpayers: int, days: int) -> Simulated:
    """The simulation of one strategy and of none, from the command line."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "gateway.cli.main", "simulate", "--taxpayers", str(taxpayers),
             "--days", str(days), "--json", str(out)],
            cwd=ROOT, check=True, capture_output=True,
        )  # fmt: skip
        seconds = time.perf_counter() - began
        json.loads(out.read_text(encoding="utf-8"))
    return Simulated(taxpayers, days, seconds)


async def _fill(url: str, many: int, a_second: float, at: datetime) -> None:
    async with opened(url) as sessions:
        campaign = await make_campaign(sessions, plan_of(CALL_STEP))
        await open_lines(sessions, LINES, a_second=a_second)
        made: list[Case] = []
        for start in range(0, many, _BATCH):
            made += await make_cases(sessions, campaign, min(_BATCH, many - start), at=at)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("vacuum analyze")


def _spread(url: str, many: int, first: datetime, a_second: float) -> None:
    """Let some of the steps fall due one after the other."""
    with psycopg.connect(url) as connection:
        connection.execute(
            """
            with chosen as (
              select id, row_number() over () - 1 as n from (select id from outreach_step limit %s) s)
            update outreach_step s
               set next_at = %s::timestamptz + chosen.n / %s::float * interval '1 s',
                   due_at = %s::timestamptz + chosen.n / %s::float * interval '1 s'
              from chosen where s.id = chosen.id
            """,
            [many, first, a_second, first, a_second],
        )


def _steady(found: Sequence[Dialled]) -> Sequence[Dialled]:
    """Without the beginning, while a worker warms up, and the end, when it is told to stop."""
    if len(found) < 20:
        raise RuntimeError(f"only {len(found)} calls were dialled")
    return found[len(found) // 10 : -len(found) // 20]


def _paced(queued: int, a_second: float, found: Sequence[Dialled]) -> Paced:
    gaps = [(after.at - before.at).total_seconds() for before, after in itertools.pairwise(found)]
    took = (found[-1].at - found[0].at).total_seconds()
    return Paced(
        queued,
        a_second,
        len(found),
        (len(found) - 1) / took,
        tuple(abs(gap - 1 / a_second) for gap in gaps),
        tuple((each.at - each.due_at).total_seconds() for each in found),
    )


def p95(values: Sequence[float]) -> float:
    """What 95 of a hundred stay below."""
    return quantile(values, 0.95)
