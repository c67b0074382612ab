"""Live push: every listener hears the same, ids only, and nothing is lost for good when the database restarts."""

from __future__ import annotations

import asyncio
import re
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from handoff.claim import claim
from handoff.moves import Disposition, close
from handoff.presence import set_presence
from handoff.thread import read_by_agent, read_by_taxpayer, say, write_note
from store import embedded, migrate
from store.engine import SessionFactory
from store.handoff_models import Presence
from store.live import CHANNEL, RESYNC, Change, Live, announce
from tests.chat.database import opened
from tests.handoff.makers import make_conversation, make_staff, make_talk, make_ticket, put_in_queue
from tests.support.stack import data_folder

pytestmark = pytest.mark.unit

PATIENCE_S = 60
_IDS_ONLY = re.compile(r"[a-z_]+(:([0-9a-f]{8}-[0-9a-f-]{27}|[0-9]+)){1,2}")


class Ear:
    """What one listener heard."""

    def __init__(self) -> None:
        self.heard: list[Change] = []

    def __call__(self, change: Change) -> None:
        self.heard.append(change)

    async def until(self, condition: Callable[[list[Change]], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition(self.heard):  # noqa: ASYNC110
                await asyncio.sleep(0.02)


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[Ear]:
    live, ear = Live(url), Ear()
    live.subscribe(ear)
    live.start()
    try:
        await ear.until(lambda heard: RESYNC in heard)
        yield ear
    finally:
        await live.close()


class Elsewhere:
    """A listener in an event loop of its own, as another gateway has it."""

    def __init__(self, url: str) -> None:
        self.ear = Ear()
        self._ended = threading.Event()
        self._url = url
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()

    async def _run(self) -> None:
        live = Live(self._url)
        live.subscribe(self.ear)
        live.start()
        await asyncio.to_thread(self._ended.wait)
        await live.close()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()


@pytest.fixture
def elsewhere(url: str) -> Iterator[Ear]:
    other = Elsewhere(url)
    yield other.ear
    other.close()


async def _a_whole_talk(sessions: SessionFactory) -> uuid.UUID:
    agent = await make_staff(sessions)
    ticket = await make_ticket(sessions)
    talk = ticket.conversation_id
    async with sessions() as session, session.begin():
        await claim(session, agent.id, ticket.id)
    async with sessions() as session, session.begin():
        message = await say(session, agent, talk, "您好，我是张三的坐席，请稍等")
    async with sessions() as session, session.begin():
        await read_by_taxpayer(session, talk, message.id)
        await read_by_agent(session, agent.id, talk, message.id)
        await write_note(session, agent, talk, "此人很急")
    async with sessions() as session, session.begin():
        await close(session, agent, talk, Disposition.SOLVED, "说清楚了")
    async with sessions() as session, session.begin():
        await set_presence(session, agent, Presence.AWAY)
    return talk


async def test_listeners_in_two_loops_hear_the_same(
    url: str, sessions: SessionFactory, elsewhere: Ear
) -> None:
    async with listening(url) as here:
        await elsewhere.until(lambda heard: RESYNC in heard)
        await _a_whole_talk(sessions)
        async with sessions() as session, session.begin():
            await announce(session, "typing", "end", "taxpayer")
        last = Change("typing", ("end", "taxpayer"))
        await here.until(lambda heard: last in heard)
        await elsewhere.until(lambda heard: last in heard)
        assert here.heard == elsewhere.heard
        assert {change.kind for change in here.heard} == {
            "resync", "message", "conversation", "ticket", "staff", "typing",
        }  # fmt: skip


async def test_payloads_are_ids(url: str, sessions: SessionFactory) -> None:
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
    async with connection:
        await connection.execute(f"listen {CHANNEL}")
        await _a_whole_talk(sessions)
        payloads = [n.payload async for n in connection.notifies(timeout=1.0)]
    assert len(payloads) > 8
    assert [payload for payload in payloads if not _IDS_ONLY.fullmatch(payload)] == []


async def test_what_is_rolled_back_is_not_told(url: str, sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    talk = await make_talk(sessions, agent)
    async with listening(url) as ear:
        with pytest.raises(RuntimeError):
            async with sessions() as session, session.begin():
                await say(session, agent, talk, "没有说过")
                raise RuntimeError
        async with sessions() as session, session.begin():
            said = await say(session, agent, talk, "说过")
        wanted = Change("message", (str(talk), str(said.id)))
        await ear.until(lambda heard: wanted in heard)
        assert [change for change in ear.heard if change.kind == "message"] == [wanted]


async def test_one_listener_that_fails_does_not_deafen_the_others(url: str, sessions: SessionFactory) -> None:
    live, ear = Live(url), Ear()

    def broken(change: Change) -> None:
        raise RuntimeError

    live.subscribe(broken)
    unsubscribe = live.subscribe(ear)
    live.start()
    await ear.until(lambda heard: RESYNC in heard)
    talk = await make_conversation(sessions)
    await put_in_queue(sessions, talk)
    await ear.until(lambda heard: any(c.kind == "ticket" for c in heard))
    unsubscribe()
    before = len(ear.heard)
    await make_ticket(sessions)
    await asyncio.sleep(0.2)
    assert len(ear.heard) == before
    await live.close()


@pytest.mark.parametrize("cut", [1, 3])
async def test_a_cut_line_is_taken_up_again(url: str, sessions: SessionFactory, cut: int) -> None:
    async with listening(url) as ear:
        for number in range(1, cut + 1):
            with psycopg.connect(url, autocommit=True) as other:
                other.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where query = %s",
                    [f"listen {CHANNEL}"],
                )
            await ear.until(lambda heard, wanted=number + 1: heard.count(RESYNC) >= wanted)  # type: ignore[misc]
        ticket = await make_ticket(sessions)
        await ear.until(lambda heard: any(c.kind == "ticket" and str(ticket.id) in c.ids for c in heard))


async def test_a_restart_of_the_database_brings_a_resync_and_then_changes_again() -> None:
    with data_folder() as folder:
        await _restart(folder)


async def _restart(folder: Path) -> None:
    url = (await asyncio.to_thread(embedded.start, folder)).url
    try:
        await asyncio.to_thread(migrate.upgrade, url)
        async with listening(url) as ear, opened(url) as sessions:
            await asyncio.to_thread(embedded.stop, folder)
            await asyncio.sleep(1.0)
            await asyncio.to_thread(embedded.start, folder)
            await ear.until(lambda heard: heard.count(RESYNC) >= 2)
            ticket = await make_ticket(sessions)
            await ear.until(lambda heard: any(str(ticket.id) in c.ids for c in heard))
    finally:
        await asyncio.to_thread(embedded.stop, folder)
