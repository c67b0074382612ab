"""A voice that hums one note a character, and a small gateway that answers callbacks and streams.

``failing`` of the gateway says how many requests to a path are answered 503 first.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect

from telephony.hearing.mulaw import encode
from telephony.standin.app import create_app
from telephony.standin.call import Call
from telephony.standin.cast import Member
from telephony.standin.exchange import Exchange, Rules
from telephony.standin.instructions import Setting
from telephony.standin.loader import load_text
from telephony.standin.script import Script
from telephony.standin.signing import Signer
from telephony.standin.speech import Studio
from telephony.standin.tones import tone
from telephony.voice.base import SpokenPiece, Style

SID = "AC" + "0" * 32
TOKEN = "a-token-for-tests"
PUBLIC = "https://voice.example.test"
CALLER = "+8612366000000"
CALLED = "+8619900000003"
STREAM_TWIML = (
    '<Response><Connect><Stream url="wss://voice.example.test/voice/stream">'
    '<Parameter name="call" value="c-1"/></Stream></Connect></Response>'
)


class Hum:
    """Says every character as 100 ms of a tone; counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Style]] = []

    async def say(self, text: str, style: Style) -> AsyncIterator[SpokenPiece]:
        self.asked.append((text, style))
        yield SpokenPiece(text, encode(tone(400, round(100 * len(text) / style.speed))))


def sound(ms: int) -> bytes:
    """Bot speech, µ-law."""
    return encode(tone(600, ms))


def script(steps: str, **top: str) -> Script:
    """A script with these steps (YAML, one a line)."""
    keys = {"name": "x", "title": "x", "ring": "20ms", "expect": "{outcome: completed}", **top}
    head = "\n".join(f"{key}: {value}" for key, value in keys.items())
    return load_text(f"{head}\nsteps:\n{steps}", "test.yml")


Bot = Callable[["Wire"], Awaitable[None]]


class Wire:
    """The gateway's end of a stream, for a bot in a test."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.messages: list[dict[str, Any]] = []
        self.raw: list[str | bytes] = []
        self.stream_sid = ""
        self.gone = False
        self._changed = asyncio.Event()

    async def listen(self) -> None:
        """Take in everything until the end."""
        while True:
            data = await self.socket.receive()
            if data["type"] == "websocket.disconnect":
                self.gone = True
                self._changed.set()
                return
            text = data.get("text")
            self.raw.append(text if text is not None else data["bytes"])
            try:
                message = json.loads(text or "")
            except ValueError:
                continue
            if isinstance(message, dict):
                self.messages.append(message)
                if message.get("event") == "start":
                    self.stream_sid = message["streamSid"]
            self._changed.set()

    def of(self, event: str) -> list[dict[str, Any]]:
        """All messages of a kind."""
        return [message for message in self.messages if message.get("event") == event]

    async def until(self, event: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait until so many of a kind have come."""
        async with asyncio.timeout(10):
            while len(self.of(event)) < count:
                if self.gone:
                    raise WebSocketDisconnect(1006)
                self._changed.clear()
                await self._changed.wait()
        return self.of(event)

    async def say(self, ms: int, mark: str | None = None) -> None:
        """Send speech in one piece, and a mark."""
        await self.send({"event": "media", "media": {"payload": base64.b64encode(sound(ms)).decode()}})
        if mark:
            await self.send({"event": "mark", "mark": {"name": mark}})

    async def send(self, message: dict[str, Any]) -> None:
        """Any message of this stream."""
        await self.socket.send_text(json.dumps({"streamSid": self.stream_sid, **message}))


class FakeGateway:
    """Records what the carrier tells it. ``bots`` take the streams, in turn; ``answers`` are TwiML by path."""

    def __init__(self, *bots: Bot) -> None:
        self.bots = list(bots)
        self.answers: dict[str, str] = {"/voice/twiml": STREAM_TWIML}
        self.failing: dict[str, int] = {}
        self.requests: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.upgrades: list[dict[str, str]] = []
        self.wires: list[Wire] = []
        self.arrived = asyncio.Event()
        self.app = FastAPI()
        self.app.add_api_websocket_route("/voice/stream", self._stream)
        self.app.add_api_route("/{path:path}", self._post, methods=["POST"])

    async def _post(self, request: Request, path: str) -> Response:
        form = {key: str(value) for key, value in (await request.form()).items()}
        url = f"/{path}" + (f"?{request.url.query}" if request.url.query else "")
        self.requests.append((url, form, dict(request.headers)))
        self.arrived.set()
        if self.failing.get(f"/{path}", 0) > 0:
            self.failing[f"/{path}"] -= 1
            return Response(status_code=503)
        return Response(self.answers.get(f"/{path}", ""), media_type="text/xml")

    async def _stream(self, socket: WebSocket) -> None:
        self.upgrades.append(dict(socket.headers))
        if not self.bots:
            await socket.close()
            return
        await socket.accept()
        wire = Wire(socket)
        self.wires.append(wire)
        listening = asyncio.create_task(wire.listen())
        try:
            await wire.until("start")
            await self.bots.pop(0)(wire)
            await socket.close()
        except (WebSocketDisconnect, RuntimeError, TimeoutError):
            pass
        finally:
            await asyncio.wait({listening}, timeout=5)
            listening.cancel()

    def told(self, path: str) -> list[dict[str, str]]:
        """Forms posted to a path."""
        return [form for url, form, _ in self.requests if url.partition("?")[0] == path]


async def come_about(condition: Callable[[], object]) -> None:
    """Wait for something that announces itself to nobody."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """An application on a free port of this machine, in this loop; gives its origin."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", ws="websockets-sansio")
    )
    task = asyncio.create_task(server.serve())
    await come_about(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def exchange_for(
    origin: str,
    *,
    calls_per_second: float = 20.0,
    queue: int = 1000,
    cast: Sequence[Member] = (),
    usual: Script | None = None,
) -> AsyncIterator[Exchange]:
    """An exchange that calls a gateway there."""
    async with httpx.AsyncClient(trust_env=False) as client:
        setting = Setting(client, Signer(TOKEN, origin), Studio(Hum()))
        exchange = Exchange(Rules(SID, TOKEN, calls_per_second, queue), setting, cast=cast, usual=usual)
        try:
            yield exchange
        finally:
            await exchange.close()


def app_of(exchange: Exchange) -> FastAPI:
    """The application around an exchange that is open already."""

    @asynccontextmanager
    async def opening() -> AsyncIterator[Exchange]:
        yield exchange

    app = create_app(opening)
    app.state.exchange = exchange
    return app


@asynccontextmanager
async def rest_of(exchange: Exchange) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an exchange's own addresses."""
    transport = httpx.ASGITransport(app=app_of(exchange))
    async with httpx.AsyncClient(transport=transport, base_url="http://carrier", auth=(SID, TOKEN)) as client:
        yield client


async def ended(exchange: Exchange, sid: str) -> Call:
    """The call, once it is over and every callback has been sent or given up."""
    async with asyncio.timeout(20):
        await exchange.over(sid)
    return exchange.call(sid)
