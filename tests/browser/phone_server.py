"""A small server for the phone page: the real routes and carrier, and a bot that does what the test says.

Every method may be called from the test's thread. ``heard`` are the stream's messages as they came.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from fastapi.staticfiles import StaticFiles
from pydantic import SecretStr

from gateway.operators import OperatorAccess
from gateway.routes import calls, phone
from gateway.settings import ROOT
from telephony.carriers.base import CarrierStatus, Order
from telephony.carriers.browser import BrowserCarrier

ORIGIN = "https://tax.example.gov.cn"
"""Where the pages also may come from."""
SHANGHAI = timezone(timedelta(hours=8))
Result = TypeVar("Result")


class PhoneServer:
    """The server and its controls; ``url`` is where it listens."""

    def __init__(
        self, *, demo: bool = True, token: str | None = None, archive: calls.Archive | None = None
    ) -> None:
        self.now = 1_795_000_000.0
        """Time of day for the links to recordings."""
        self.breaks = False
        """Whether the bot breaks as soon as it is to speak."""
        self.deaf = False
        """Whether the bot ignores the end of the stream."""
        self.statuses: list[tuple[CarrierStatus, str]] = []
        self.heard: list[dict[str, Any]] = []
        self.call: uuid.UUID | None = None
        self.carrier_id = ""
        self.url = ""
        self._demo = demo
        self._token = token
        self._archive = archive
        self._socket: WebSocket | None = None
        self._changed = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._app(), host="127.0.0.1", port=0, log_level="critical", ws="websockets-sansio"
            )
        )

    def __enter__(self) -> PhoneServer:
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
            self._thread.join(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(5)

    # --- what the test does ---

    def place(self, to: str = "+8613900001234", ring_s: int = 20) -> None:
        """Call the page."""
        self.call = uuid.uuid4()
        order = Order(self.call, to, ring_s)
        self.carrier_id = self._do(lambda: self.carrier.place(order))

    def hang_up(self) -> None:
        """The bot's side ends the call."""
        self._do(lambda: self.carrier.hang_up(self.carrier_id))

    def line(self, speaker: str, text: str, *, final: bool = True) -> None:
        """A line of the live transcript."""

        async def show() -> None:
            assert self.call is not None
            self.carrier.line(self.call, speaker, text, final=final)

        self._do(show)

    def say(self, mulaw: bytes, mark: str | None = None, piece: int = 160) -> None:
        """Bot speech in pieces, all at once, and a mark behind it."""
        for begin in range(0, len(mulaw), piece):
            payload = base64.b64encode(mulaw[begin : begin + piece]).decode()
            self.send({"event": "media", "streamSid": "x", "media": {"payload": payload}})
        if mark is not None:
            self.send({"event": "mark", "streamSid": "x", "mark": {"name": mark}})

    def clear(self) -> None:
        """Take back what has not been played."""
        self.send({"event": "clear", "streamSid": "x"})

    def send(self, message: dict[str, Any]) -> None:
        """Any message of the stream."""
        socket = self._socket
        assert socket is not None
        self._do(lambda: socket.send_json(message))

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The stream's messages of one kind."""
        return [message for message in list(self.heard) if message["event"] == kind]

    def marks(self) -> list[str]:
        """Marks that came back."""
        return [message["mark"]["name"] for message in self.events("mark")]

    def audio(self) -> bytes:
        """The caller's voice so far."""
        return b"".join(base64.b64decode(m["media"]["payload"]) for m in self.events("media"))

    def until(self, true: Callable[[], bool], what: str, seconds: float = 10) -> None:
        """Wait until something holds that a message or a status brings about."""
        with self._changed:
            assert self._changed.wait_for(true, seconds), f"{what} did not come; {self.statuses}"

    def until_status(self, *wanted: tuple[CarrierStatus, str]) -> None:
        """Wait for the last statuses to be these."""
        self.until(lambda: tuple(self.statuses[-len(wanted) :]) == wanted, str(wanted))

    # --- the server ---

    def _do(self, work: Callable[[], Awaitable[Result]]) -> Result:
        async def run() -> Result:
            return await work()

        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(5)

    def _note(self) -> None:
        with self._changed:
            self._changed.notify_all()

    async def _deliver(self, call: uuid.UUID, carrier: str, status: CarrierStatus, detail: str) -> None:
        if call == self.call or status is CarrierStatus.INITIATED:
            self.statuses.append((status, detail))
        self._note()

    async def _serve_media(self, socket: WebSocket, call: uuid.UUID) -> None:
        self._socket = socket
        if self.breaks:
            raise ValueError("something of ours broke")
        if self.deaf:
            await asyncio.Event().wait()
        try:
            while True:
                message = json.loads(await socket.receive_text())
                self.heard.append(message)
                self._note()
                if message["event"] == "stop":
                    return
        except WebSocketDisconnect:
            return

    def _app(self) -> FastAPI:
        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            self.carrier = BrowserCarrier(self._deliver, lambda: datetime.now(SHANGHAI), any_page=self._demo)
            access = OperatorAccess(self._demo, SecretStr(self._token) if self._token else None)
            app.state.phone = phone.Phone(self.carrier, self._serve_media, access, ORIGIN)
            if self._archive is not None:
                links = calls.RecordingLinks("secret of the tests", lambda: self.now)
                app.state.playback = calls.Playback(self._archive, access, links)
            yield
            await self.carrier.close()

        app = FastAPI(lifespan=lifespan)
        app.include_router(phone.router)
        app.include_router(calls.router)
        app.mount("/static", StaticFiles(directory=ROOT / "chat" / "static"))
        return app

    def _run(self) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            await self._server.serve()

        asyncio.run(serve())
