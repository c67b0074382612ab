"""The real call service, queue, push and socket of the agents on one event loop; carrier, ear and voice are twins.

Everybody speaks fast: a sentence takes a fraction of a second.
"""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import func, select
from websockets.asyncio.client import ClientConnection, connect

sys.path.insert(0, str(Path(__file__).parents[2] / "telephony" / "call"))

from virtual import TwinEar, TwinWire

from gateway.calls.agent_leg import LEAD
from gateway.calls.agents import AgentCalls
from gateway.calls.desk import House
from gateway.calls.dialling import Limits
from gateway.calls.hearing import Hearing
from gateway.calls.service import CallService
from gateway.calls.tokens import AgentTokens
from gateway.calls.wire import SocketWire
from gateway.routes import agent_call
from handoff.claim import claim
from store import calls
from store.engine import SessionFactory
from store.handoff_models import HandoffTicket, Presence, Staff, TicketStatus
from store.live import Live
from store.models import Call, Contact
from telephony.call.words import shared_words
from telephony.events import FRAME_BYTES, RATE, AudioIn, AudioOut, HeardEvent, KeyPressed, WireIn, WireOut
from telephony.recording import Recordings
from telephony.recording_format import RecordingKeys
from telephony.voice.base import SpokenPiece, Style
from tests.chat.database import CIPHER, opened, seed

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
SIGN_BYTES = 40
"""µ-law of one character of the voice: 5 ms."""
SUMMARY_SOUND, BOT_SOUND = b"\x11", b"\x22"
WITHIN_S = 15.0


class FastVoice:
    """Says everything at once; a summary sounds unlike anything else."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.summary_s = 0.0
        """How long a summary takes at least."""

    async def say(self, text: str, style: Style) -> AsyncGenerator[SpokenPiece]:
        self.said.append(text)
        if text.startswith(LEAD):
            sound, least = SUMMARY_SOUND, round(self.summary_s * RATE)
        else:
            sound, least = BOT_SOUND, 0
        yield SpokenPiece(text, sound * max(len(text) * SIGN_BYTES, least))


class DeafEar(TwinEar):
    """Hears no words in anything."""

    async def feed(self, frame: AudioIn) -> Sequence[HeardEvent]:
        return []


class Line(SocketWire):
    """A caller on the line."""

    def __init__(self) -> None:
        self.twin = TwinWire()
        self.heard: list[bytes] = []
        self._at = 0

    async def receive(self) -> WireIn:
        return await self.twin.receive()

    async def send(self, item: WireOut) -> None:
        if isinstance(item, AudioOut):
            self.heard.append(item.mulaw)
        await self.twin.send(item)

    def press(self, key: str) -> None:
        self.twin.coming.put_nowait(KeyPressed(key))

    def speak(self, sound: bytes) -> None:
        """A frame of the caller's voice."""
        self._at += 1
        self.twin.coming.put_nowait(AudioIn(self._at, self._at * 20, sound * FRAME_BYTES))

    def hang_up(self) -> None:
        self.twin.hang_up()


@dataclass
class Caller:
    """A call under way; ``said`` are the bot's sentences as they began."""

    row: Call
    line: Line
    running: asyncio.Task[None]
    said: list[str] = field(default_factory=list)

    async def hears(self, words: str) -> None:
        await until(lambda: any(words in text for text in self.said), f"{words} in {self.said}")


class Agent:
    """A page of the console with a call."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.told: list[dict[str, Any]] = []
        self.sound: list[bytes] = []
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self.socket:
            if isinstance(message, bytes):
                self.sound.append(message)
            else:
                self.told.append(json.loads(message))

    def kinds(self) -> list[str]:
        return [message["type"] for message in self.told]

    async def is_told(self, kind: str) -> dict[str, Any]:
        await until(lambda: kind in self.kinds(), f"{kind} in {self.told}")
        return next(message for message in self.told if message["type"] == kind)

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def speak(self, sound: bytes) -> None:
        await self.socket.send(sound * FRAME_BYTES)

    async def close(self) -> None:
        await self.socket.close()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def break_off(self) -> None:
        """The network is gone."""
        self.socket.transport.abort()
        await asyncio.gather(self._reading, return_exceptions=True)


class Carrier:
    """Hangs up, and remembers it."""

    name = "standin"

    def __init__(self) -> None:
        self.hung_up: list[str] = []

    async def hang_up(self, carrier_id: str) -> None:
        self.hung_up.append(carrier_id)


async def until(true: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    with failing(what):
        async with asyncio.timeout(WITHIN_S):
            while not true():  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@contextmanager
def failing(what: str) -> Iterator[None]:
    """Name what did not come in time."""
    try:
        yield
    except TimeoutError:
        pytest.fail(f"did not come: {what}")


@dataclass
class Floor:
    """Callers, agents and what stands in the store."""

    sessions: SessionFactory
    agents: AgentCalls
    service: CallService
    voice: FastVoice
    carrier: Carrier
    recordings: Recordings
    port: int
    running: list[asyncio.Task[None]] = field(default_factory=list)

    async def staff(
        self, *, roles: Sequence[str] = ("agent",), skills: Sequence[str] = ("general",)
    ) -> Staff:
        person = Staff(
            id=uuid.uuid4(),
            login=f"s{uuid.uuid4().hex[:8]}",
            name="坐席",
            roles=list(roles),
            skills=list(skills),
            presence=Presence.ONLINE,
            seen_at=func.clock_timestamp(),
            password_hash="none",
        )
        async with self.sessions() as session, session.begin():
            session.add(person)
        return person

    async def caller(self, purpose: str = "reminder") -> Caller:
        """Somebody has picked up."""
        async with self.sessions() as session, session.begin():
            contact = (await session.scalars(select(Contact).where(Contact.is_primary).limit(1))).one()
            row = await calls.plan(
                session,
                CIPHER,
                phone="13900001234",
                purpose=purpose,
                carrier="standin",
                taxpayer_id=contact.taxpayer_id,
            )
            row.carrier_id = f"CA{row.id.hex}"
        line = Line()
        said: list[str] = []

        def show(speaker: str, text: str, final: bool) -> None:
            if speaker == "bot":
                said.append(text)

        call = asyncio.create_task(self.service.serve(line, row, show))
        self.running.append(call)
        return Caller(row, line, call, said)

    async def in_line(self) -> tuple[Caller, HandoffTicket]:
        """A caller who has pressed 0, and their ticket."""
        caller = await self.caller()
        caller.line.press("0")
        await caller.hears("请按2")
        return caller, await self.ticket(caller)

    async def ticket(self, caller: Caller) -> HandoffTicket:
        """As it stands in the store."""
        async with self.sessions() as session:
            found = await session.scalars(
                select(HandoffTicket).where(HandoffTicket.conversation_id == caller.row.conversation_id)
            )
            return found.one()

    async def waits_again(self, caller: Caller) -> None:
        """Until nobody has the ticket."""
        with failing("a ticket that waits"):
            async with asyncio.timeout(WITHIN_S):
                while (await self.ticket(caller)).status != TicketStatus.WAITING:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)

    async def claimed(self, staff: Staff, ticket: HandoffTicket) -> None:
        async with self.sessions() as session, session.begin():
            await claim(session, staff.id, ticket.id)

    async def open(self, ticket: HandoffTicket, token: str) -> Agent:
        """The page's socket."""
        return Agent(
            await connect(
                f"ws://127.0.0.1:{self.port}/console/ws/call/{ticket.id}",
                subprotocols=cast(Any, ["shuiling-agent", token]),
                proxy=None,
                close_timeout=2,
            )
        )

    async def takes(self, staff: Staff, ticket: HandoffTicket) -> Agent:
        """They open the call's socket in their page."""
        return await self.open(ticket, self.agents.agent_call_token(ticket.id, staff.id))

    async def talking(self, staff: Staff) -> tuple[Caller, HandoffTicket, Agent]:
        """A caller and an agent who hear each other."""
        caller, ticket = await self.in_line()
        await self.claimed(staff, ticket)
        agent = await self.takes(staff, ticket)
        await agent.send(type="accept")
        await agent.is_told("joined")
        return caller, ticket, agent


@asynccontextmanager
async def open_floor(url: str, folder: Path, limits: Limits | None = None) -> AsyncIterator[Floor]:
    """A floor on an empty database."""
    await seed(url)
    async with opened(url) as sessions:
        live = Live(url)
        live.start()
        voice, carrier = FastVoice(), Carrier()
        agents = AgentCalls(AgentTokens("secret of the tests"), sessions, voice)
        house = House(
            sessions,
            CIPHER,
            cast(Any, None),
            cast(Any, None),
            cast(Any, None),
            lambda: NOW,
            NOW.date,
            timedelta(minutes=30),
        )
        hearing = Hearing(
            lambda pack, region, number: DeafEar(), lambda pack: "", lambda pack: 0.0, lambda: None
        )
        recordings = Recordings(folder, RecordingKeys("t", {"t": bytes(32)}))
        service = CallService(
            house,
            cast(Any, {"standin": carrier}),
            voice,
            hearing,
            recordings,
            shared_words(),
            "税务局",
            limits or Limits(wait_s=300),
            agents,
            live,
        )
        app = FastAPI()
        app.include_router(agent_call.router)
        app.state.telephone = SimpleNamespace(agents=agents, phone=SimpleNamespace(public_origin=None))
        server = uvicorn.Server(
            uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", ws="websockets-sansio")
        )
        serving = asyncio.create_task(server.serve())
        await until(lambda: server.started, "the server")
        await live.connected.wait()
        port = server.servers[0].sockets[0].getsockname()[1]
        floor = Floor(sessions, agents, service, voice, carrier, recordings, port)
        try:
            yield floor
        finally:
            for call in floor.running:
                call.cancel()
            await asyncio.gather(*floor.running, return_exceptions=True)
            server.should_exit = server.force_exit = True
            await asyncio.gather(serving, return_exceptions=True)
            await live.close()
            recordings.close()
