"""One bidirectional media stream: the carrier's end of the WebSocket.

The caller's frames are sent on an absolute schedule, each when it is complete: frame *n* covers the milliseconds from
*n* · 20 on and leaves at (*n* + 1) · 20. What the bot sends is heard at that same pace, see ``playout``.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from telephony.events import FRAME_MS, AudioOut, Clear, Mark
from telephony.media.twilio_stream import CarrierWriter, Garbage, read_out
from telephony.standin.faults import Faults
from telephony.standin.person import Act, Person
from telephony.standin.playout import PlayoutBuffer
from telephony.standin.recording import Recording
from telephony.standin.signing import HEADER, Signer
from telephony.standin.sound import audible
from telephony.standin.twiml import ConnectStream
from telephony.standin.uplink import Uplink

OPEN_TIMEOUT_S = 5.0
_BACKLOG = 256 * 1024
"""Bytes the server has not taken before audio is thrown away."""
_MAX_MESSAGE = 8 * 1024 * 1024
_REFUSED, _TIMED_OUT, _OVERRUN, _BINARY, _BAD_SCHEMA = 31920, 31901, 31930, 31950, 31951


class StreamEnd(StrEnum):
    """Why a stream is over."""

    SERVER_CLOSED = "server_closed"
    CUT = "cut"
    REFUSED = "refused"
    HUNG_UP = "hung_up"
    DIRECTED = "directed"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class StreamIds:
    """Whose stream it is."""

    account_sid: str
    call_sid: str
    stream_sid: str


class MediaStream:
    """Runs once. ``directed`` is set when the call is ended or redirected from outside."""

    def __init__(
        self,
        ids: StreamIds,
        verb: ConnectStream,
        person: Person,
        signer: Signer,
        faults: Faults,
        directed: asyncio.Event,
    ) -> None:
        self._ids, self._verb, self._person, self._signer = ids, verb, person, signer
        self._faults, self._directed = faults, directed
        self._writer = CarrierWriter(ids.stream_sid, ids.call_sid, ids.account_sid)
        self._uplink = Uplink(self._writer, faults)
        self._buffer = PlayoutBuffer()
        self._began = 0.0
        self._cut = False
        self.recording = Recording()
        self.errors: Counter[int] = Counter()
        """Twilio's error codes, and how often."""
        self.notes: list[str] = []

    def now_ms(self) -> float:
        """The call's clock."""
        return (asyncio.get_running_loop().time() - self._began) * 1000

    async def run(self, limit_s: float) -> StreamEnd:
        """Until somebody ends it."""
        try:
            socket = await self._open()
        except (OSError, InvalidHandshake, InvalidURI, TimeoutError) as error:
            self.errors[_TIMED_OUT if isinstance(error, TimeoutError) else _REFUSED] += 1
            return StreamEnd.REFUSED
        start = self._writer.start(dict(self._verb.parameters))
        if self._faults.wrong_codec:
            start = start.replace("audio/x-mulaw", "audio/l16")
        joined_ms = self._person.clock_ms
        self._began = asyncio.get_running_loop().time()
        reader = asyncio.create_task(self._read(socket))
        intruder = asyncio.create_task(self._intrude(start))
        try:
            await socket.send(self._writer.connected())
            await socket.send(start)
            end = await self._pace(socket, reader, limit_s)
            if end in (StreamEnd.HUNG_UP, StreamEnd.DIRECTED, StreamEnd.LIMIT):
                await socket.send(self._writer.stop())
            return end
        except ConnectionClosed:
            return StreamEnd.CUT if self._cut else StreamEnd.SERVER_CLOSED
        finally:
            self.recording.said = [
                one.earlier(joined_ms) for one in self._person.said if one.began_ms >= joined_ms
            ]
            await _ended(intruder)
            await socket.close()
            await _ended(reader)

    async def _open(self) -> ClientConnection:
        return await connect(
            self._signer.reach(self._verb.url),
            additional_headers={HEADER: self._signer.signature(self._verb.url, forged=self._faults.forged)},
            user_agent_header="Twilio.TmeWs/1.0",
            compression=None,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=1,
            ping_interval=None,
            max_size=_MAX_MESSAGE,
            write_limit=_BACKLOG * 2,
            proxy=None,
        )

    async def _pace(self, socket: ClientConnection, reader: asyncio.Task[None], limit_s: float) -> StreamEnd:
        loop = asyncio.get_running_loop()
        heard: bytes | None = None
        marks: tuple[str, ...] = ()
        slot = 0
        while True:
            due = self._began + (slot + 1) * FRAME_MS / 1000
            wait = due - loop.time()
            # A slot that is overdue still gives way, or one slow call would hold up all others.
            await asyncio.sleep(max(0.0, wait))
            if reader.done():
                return StreamEnd.CUT if self._cut else StreamEnd.SERVER_CLOSED
            if self._directed.is_set():
                return StreamEnd.DIRECTED
            at_ms = slot * FRAME_MS
            if at_ms >= limit_s * 1000:
                return StreamEnd.LIMIT
            if self._faults.cut_at_s is not None and at_ms >= self._faults.cut_at_s * 1000:
                self._cut = True
                socket.transport.abort()
                return StreamEnd.CUT
            hears_bot = heard is not None and audible(heard)
            act = self._person.act(hears_bot, marks)
            self.recording.slot(act.frame, heard, bot_audible=hears_bot)
            await self._speak(socket, act, at_ms)
            played = self._buffer.pull()
            heard, marks = played.frame, played.marks
            for name in marks:
                await self._return_mark(socket, name, cleared=False)
            if act.hangs_up:
                return StreamEnd.HUNG_UP
            slot += 1

    async def _speak(self, socket: ClientConnection, act: Act, at_ms: int) -> None:
        now = self.now_ms()
        self.recording.sent_late_ms.append(round(now - at_ms - FRAME_MS, 2))
        self._uplink.frame(act.frame, at_ms, now)
        for key in act.keys:
            self.recording.keys.append((round(now, 1), key))
            self._uplink.send(self._writer.key(key), now)
        for message in self._uplink.due(now):
            if socket.transport.get_write_buffer_size() > _BACKLOG:
                self.errors[_OVERRUN] += 1
                continue
            await socket.send(message)

    async def _read(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            async for message in socket:
                item = read_out(message, self._ids.stream_sid)
                match item:
                    case Garbage():
                        self.errors[_BINARY if isinstance(message, bytes) else _BAD_SCHEMA] += 1
                    case AudioOut(mulaw=mulaw):
                        self.recording.arrived(round(self.now_ms(), 2), mulaw)
                        self._buffer.put(mulaw)
                    case Mark(name=name):
                        self._buffer.mark(name)
                    case Clear():
                        self.recording.cleared(round(self.now_ms(), 1), self._buffer.ahead)
                        for name in self._buffer.clear():
                            await self._return_mark(socket, name, cleared=True)
                if self._faults.slow_ms:
                    await asyncio.sleep(self._faults.slow_ms / 1000)

    async def _return_mark(self, socket: ClientConnection, name: str, *, cleared: bool) -> None:
        self.recording.marks.append((round(self.now_ms(), 1), name, cleared))
        await socket.send(self._writer.mark(name))

    async def _intrude(self, start: str) -> None:
        if self._faults.second_socket_at_s is None:
            return
        await asyncio.sleep(self._faults.second_socket_at_s)
        try:
            async with await self._open() as second:
                await second.send(self._writer.connected())
                await second.send(start)
                async with asyncio.timeout(3):
                    await second.wait_closed()
                self.notes.append("第二条连接被对方关闭")
        except TimeoutError:
            self.notes.append("第二条连接被接受了")
        except (OSError, InvalidHandshake, ConnectionClosed):
            self.notes.append("第二条连接被拒绝")


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
