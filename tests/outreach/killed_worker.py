"""A worker in a process of its own that dies at a numbered point of what it does: before a statement, or before a commit.

Every boundary between two statements is one of those points: what one transaction leaves and the next has not begun is
met before the first statement of the next.
"""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from typing import Any

from sqlalchemy import event, select

from outreach import lanes, pacing
from outreach.clock import SetClock
from outreach.conclude import conclude
from outreach.outbox import SmsSender
from outreach.plan import Lane
from outreach.worker import Worker
from store.engine import make_engine, make_sessions
from store.outreach_models import Attempt
from tests.chat.database import CIPHER
from tests.outreach.fake_carrier import FakeCarrier, dialler, end_all

KILLED = -signal.SIGKILL
SLOT_S = 0.01
"""Slots so near that a life is not spent with waiting for them."""


class Points:
    """Counts the points that are passed, and dies at the one that is wanted."""

    def __init__(self, last: int | None) -> None:
        self.passed = 0
        self._last = last

    def pass_one(self, *_: Any) -> None:
        self.passed += 1
        if self.passed == self._last:
            os.kill(os.getpid(), signal.SIGKILL)

    async def at_carrier(self, _: uuid.UUID) -> None:
        self.pass_one()


@contextmanager
def near_slots() -> Iterator[None]:
    """The same life with slots just ahead."""
    before = pacing.READY_S, lanes.READY_S
    pacing.READY_S = lanes.READY_S = SLOT_S
    try:
        yield
    finally:
        pacing.READY_S, lanes.READY_S = before


async def live(url: str, lane: Lane, at: datetime, points: Points) -> None:
    """One attempt from the lease to what follows from its end."""
    engine = make_engine(url)
    event.listen(engine.sync_engine, "before_cursor_execute", points.pass_one)
    event.listen(engine.sync_engine, "commit", points.pass_one)
    sessions = make_sessions(engine)
    clock = SetClock(at)
    carrier = FakeCarrier(url, lambda: clock.at, before=points.at_carrier, after=points.at_carrier)
    worker = Worker(sessions, CIPHER, clock, dialler(sessions, carrier), f"killed-{os.getpid()}")
    with near_slots():
        await worker.step(lane)
    clock.at += timedelta(minutes=2)
    if lane is Lane.CALL:
        await end_all(sessions, clock.at)
    else:
        await SmsSender(sessions, CIPHER, clock, None).step()
    async with sessions() as session:
        ended = await session.scalars(
            select(Attempt.id).where(Attempt.state == "ended", Attempt.concluded_at.is_(None))
        )
        left = list(ended.all())
    for attempt_id in left:
        await conclude(sessions, clock, attempt_id)
    await carrier.aclose()
    await engine.dispose()


def die_at(url: str, lane: Lane, at: datetime, last: int) -> None:
    """What the process does."""
    asyncio.run(live(url, lane, at, Points(last)))


def spawner() -> ForkServerContext:
    """Makes processes that have loaded everything already."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.outreach.killed_worker"])
    return context
