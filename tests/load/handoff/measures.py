"""What the bench of the handoff measures, each on a real PostgreSQL and over the paths the product takes."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select

from chat import threads
from chat.hub import Hub
from gateway.live import WindowPump
from handoff import inbox
from handoff.claim import CannotClaim, claim_next
from handoff.moves import leave_queue
from handoff.thread import say, taxpayer_spoke
from store.engine import SessionFactory
from store.handoff_models import HandoffTicket, Staff, TicketStatus
from store.live import RESYNC, Change, Live
from tests.chat.database import CIPHER, opened
from tests.handoff.invariants import check
from tests.handoff.makers import (
    OPEN,
    make_conversation,
    make_staff,
    make_staffs,
    make_talk,
    make_waiting,
    put_in_queue,
)
from tests.load.latency import quantile

PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of each of many repetitions."""

    seconds: tuple[float, ...]

    @property
    def p50(self) -> float:
        """The median, in seconds."""
        return quantile(self.seconds, 0.5)

    @property
    def p95(self) -> float:
        """What 95 of a hundred stay below, in seconds."""
        return quantile(self.seconds, 0.95)


@dataclass(frozen=True, slots=True)
class Claims:
    """A run of many agents who empty a queue: ``seconds`` in all, and of each claim; ``once``: no ticket taken twice or not at all."""

    agents: int
    tickets: int
    seconds: float
    each: Times
    once: bool


@dataclass(frozen=True, slots=True)
class Talking:
    """Both ways of the same run."""

    conversations: int
    per_second: float
    to_agent: Times
    to_taxpayer: Times


async def request_to_inbox(url: str, count: int) -> Times:
    """From the bot's wish for a human until an agent's inbox, read again because of the notification, shows it.

    The agent's side has its own connections and listener, as another gateway has.
    """
    seconds = []
    async with opened(url) as bot, opened(url) as console:
        agent = await make_staff(bot)
        live, changed = Live(url), asyncio.Event()

        def heard(change: Change) -> None:
            if change is RESYNC or change.kind == "ticket":
                changed.set()

        live.subscribe(heard)
        live.start()
        await asyncio.wait_for(live.connected.wait(), PATIENCE_S)

        async def shown(talk: uuid.UUID) -> float:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    await changed.wait()
                    changed.clear()
                    async with console() as session:
                        listing = await inbox.waiting(session, agent)
                    if any(row.conversation_id == talk for row in listing.rows):
                        return time.perf_counter()

        for _ in range(count):
            talk = await make_conversation(bot, "我要找人工")
            seeing = asyncio.create_task(shown(talk))
            began = time.perf_counter()
            await put_in_queue(bot, talk)
            seconds.append(await seeing - began)
            async with bot() as session, session.begin():
                await leave_queue(session, talk)
        await live.close()
    return Times(tuple(seconds))


async def messages(url: str, conversations: int, every_s: float, lasting_s: float) -> Talking:
    """From the writing of a message until the other side's frame, in so many conversations that all go on at once.

    Each side says something every ``every_s`` seconds. Frames come through the pump that serves the taxpayers' windows,
    in a gateway that did not write them.
    """
    begun: dict[int, float] = {}
    seen: dict[int, tuple[str, float]] = {}
    async with opened(url) as writing, opened(url) as reading:
        agents = await make_staffs(writing, max(conversations // 4, 1))
        talks = [
            (agents[n % len(agents)], await make_talk(writing, agents[n % len(agents)]))
            for n in range(conversations)
        ]
        hub, live = Hub(), Live(url)
        live.start()
        pump = WindowPump(reading, hub, live, lambda: OPEN)
        await asyncio.wait_for(live.connected.wait(), PATIENCE_S)

        async def window(talk: uuid.UUID) -> None:
            with hub.listen(talk) as frames:
                while (frame := await frames.get()) is not None:
                    if frame["type"] == "message":
                        seen[int(frame["id"])] = (str(frame["sender"]), time.perf_counter())

        async def taxpayer(agent: Staff, talk: uuid.UUID) -> int:
            async with writing() as session, session.begin():
                taken = await threads.accept(
                    session, CIPHER, talk, "滞纳金是怎么算的", None, date(2026, 11, 23)
                )
            async with writing() as session, session.begin():
                await taxpayer_spoke(session, talk, OPEN)
            return taken.message.id

        async def agent_says(agent: Staff, talk: uuid.UUID) -> int:
            async with writing() as session, session.begin():
                return (await say(session, agent, talk, "我看一下，请稍等。")).id

        async def side(
            speak: Callable[[Staff, uuid.UUID], Awaitable[int]], agent: Staff, talk: uuid.UUID
        ) -> None:
            await asyncio.sleep(random.uniform(0, every_s))
            while time.perf_counter() < until:
                began = time.perf_counter()
                begun[await speak(agent, talk)] = began
                await asyncio.sleep(max(every_s - (time.perf_counter() - began), 0))

        windows = [asyncio.create_task(window(talk)) for _, talk in talks]
        await asyncio.sleep(0)
        until = time.perf_counter() + lasting_s
        await asyncio.gather(
            *(side(speak, agent, talk) for agent, talk in talks for speak in (taxpayer, agent_says))
        )
        async with asyncio.timeout(PATIENCE_S):
            while begun.keys() - seen.keys():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        for task in windows:
            task.cancel()
        await asyncio.gather(*windows, return_exceptions=True)
        await pump.close()
        await live.close()
        await check(writing)
    return Talking(
        conversations,
        len(begun) / lasting_s,
        _times(begun, seen, "taxpayer"),
        _times(begun, seen, "agent"),
    )


def _times(begun: Mapping[int, float], seen: Mapping[int, tuple[str, float]], sender: str) -> Times:
    return Times(tuple(seen[m][1] - began for m, began in begun.items() if seen[m][0] == sender))


async def claims(url: str, agents: int, tickets: int) -> Claims:
    """So many agents take what comes next until nothing waits, through the connections of two gateways."""
    seconds: list[float] = []
    taken: list[uuid.UUID] = []
    async with opened(url) as one, opened(url) as other:
        people = await make_staffs(one, agents, max_load=min(2 * tickets // agents + 1, 50))
        waiting = await make_waiting(one, tickets)

        async def work(sessions: SessionFactory, who: Staff) -> None:
            while True:
                began = time.perf_counter()
                try:
                    async with sessions() as session, session.begin():
                        got = await claim_next(session, who.id)
                except CannotClaim:
                    return
                if got is None:
                    return
                seconds.append(time.perf_counter() - began)
                taken.append(got.ticket_id)

        began = time.perf_counter()
        await asyncio.gather(*(work(other if n % 2 else one, who) for n, who in enumerate(people)))
        whole = time.perf_counter() - began
        async with one() as session:
            assigned = await session.scalar(
                select(func.count())
                .select_from(HandoffTicket)
                .where(HandoffTicket.id.in_(waiting), HandoffTicket.status == TicketStatus.ASSIGNED)
            )
        await check(one)
    once = sorted(taken) == sorted(waiting) and assigned == tickets
    return Claims(agents, tickets, whole, Times(tuple(seconds)), once)


async def inbox_of_many(url: str, tickets: int, count: int) -> Times:
    """The query behind an agent's page while so many wait."""
    seconds = []
    async with opened(url) as sessions:
        agent = await make_staff(sessions)
        await make_waiting(sessions, tickets)
        for _ in range(count):
            began = time.perf_counter()
            async with sessions() as session:
                await inbox.waiting(session, agent)
                await inbox.mine(session, agent)
                await inbox.invited(session, agent)
            seconds.append(time.perf_counter() - began)
    return Times(tuple(seconds))
