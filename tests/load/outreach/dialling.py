"""A worker in a process of its own on a carrier that takes its time, and what it dialled when.

``python -m tests.load.outreach.dialling`` is that process; it ends when its standard input does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from gateway import logs
from gateway.calls.dialling import Limits
from gateway.calls.outbound import CallDialler
from gateway.settings import ROOT
from outreach.clock import SHANGHAI, StoreClock
from outreach.worker import Worker
from store.engine import make_engine, make_sessions
from telephony.carriers.base import CarrierCall, Order
from tests.chat.database import CIPHER
from tests.outreach.makers import OPEN, PACE

LINES = 1_000_000
_DIALLED = "create table bench_dialled (call_id uuid primary key, at timestamptz not null)"


@dataclass(frozen=True, slots=True)
class Dialled:
    """One call: when its step was due and when the carrier was asked, by the clock of the database's machine."""

    due_at: datetime
    at: datetime


class SlowCarrier:
    """Takes every call after ``answers_s`` seconds, and never ends one."""

    name = PACE

    def __init__(self, url: str, answers_s: float) -> None:
        self._url, self._answers_s = url, answers_s
        self._orders: list[tuple[uuid.UUID, datetime]] = []

    async def place(self, order: Order) -> str:
        self._orders.append((order.call_id, datetime.now(SHANGHAI)))
        await asyncio.sleep(self._answers_s)
        return f"CA{uuid.uuid4().hex}"

    async def hang_up(self, carrier_id: str) -> None:
        return None

    async def transfer(self, carrier_id: str, to: str) -> None:
        raise AssertionError("campaigns put nobody through at the carrier")

    async def find(self, to: str, since: datetime) -> Sequence[CarrierCall]:
        return ()

    async def write_down(self) -> None:
        """Leave in the database what was dialled."""
        async with (
            await psycopg.AsyncConnection.connect(self._url) as connection,
            connection.cursor() as cursor,
        ):
            await cursor.executemany("insert into bench_dialled values (%s, %s)", self._orders)


async def _work(url: str, shift_s: float, answers_s: float, at_once: int) -> None:
    logs.configure("ERROR")
    engine = make_engine(url, pool_size=24)
    sessions = make_sessions(engine)
    clock = StoreClock(timedelta(seconds=shift_s))
    carrier = SlowCarrier(url, answers_s)

    def now() -> datetime:
        return datetime.now(SHANGHAI) + clock.shift

    dialler = CallDialler(sessions, CIPHER, carrier, now, Limits())
    worker = Worker(sessions, CIPHER, clock, dialler, str(uuid.uuid4()), at_once=at_once)
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    await asyncio.to_thread(sys.stdin.read)
    stop.set()
    await running
    await carrier.write_down()
    await engine.dispose()


@contextmanager
def workers(many: int, url: str, shift: timedelta, *, answers_s: float, at_once: int) -> Iterator[None]:
    """So many worker processes while the block runs; what they dialled is in the database afterwards."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("drop table if exists bench_dialled")
        connection.execute(_DIALLED)
    command = [
        sys.executable, "-m", "tests.load.outreach.dialling",
        json.dumps([url, shift.total_seconds(), answers_s, at_once]),
    ]  # fmt: skip
    with ExitStack() as stack:
        running = [
            stack.enter_context(subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE))
            for _ in range(many)
        ]
        yield
        for process in running:
            assert process.stdin is not None
            process.stdin.close()
    if any(process.returncode for process in running):
        raise RuntimeError("a worker of the bench has failed")


def dialled(url: str, shift: timedelta) -> list[Dialled]:
    """What was dialled, in order."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select s.due_at, d.at from bench_dialled d join outreach_attempt a using (call_id)"
            " join outreach_step s on s.id = a.step_id order by d.at"
        ).fetchall()
    return [Dialled(due_at - shift, at) for due_at, at in rows]


def shift_to_open_hours() -> timedelta:
    """What makes it a Monday morning within contact hours, by whole seconds."""
    return timedelta(seconds=round((OPEN - datetime.now(SHANGHAI)).total_seconds()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("setting")
    asyncio.run(_work(*json.loads(parser.parse_args().setting)))
