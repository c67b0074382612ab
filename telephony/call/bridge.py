"""Two people who hear each other through us: 20 ms of sound at a time, both ways, never more than a moment late."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

import structlog

from telephony.call.ports import Recorder, Wire
from telephony.events import FRAME_BYTES, FRAME_MS, AudioOut

log = structlog.get_logger("telephony.bridge")
START_FRAMES = 2
"""Frames kept back when sound begins, so that one that comes late leaves no hole."""
MOST_FRAMES = 5
"""100 ms: what comes faster than it is taken loses its oldest part."""


class Lane:
    """Sound in one direction: pieces of any length in, frames of :data:`FRAME_BYTES` out. Pure."""

    def __init__(self) -> None:
        self.dropped = 0
        self._frames: deque[bytes] = deque()
        self._rest = b""
        self._running = False

    def push(self, mulaw: bytes) -> None:
        """Sound has come."""
        sound = self._rest + mulaw
        whole = len(sound) - len(sound) % FRAME_BYTES
        self._rest = sound[whole:]
        self._frames.extend(sound[at : at + FRAME_BYTES] for at in range(0, whole, FRAME_BYTES))
        while len(self._frames) > MOST_FRAMES:
            self._frames.popleft()
            self.dropped += 1

    def pop(self) -> bytes | None:
        """The frame that is due now; ``None`` while there is none."""
        self._running = bool(self._frames) and (self._running or len(self._frames) >= START_FRAMES)
        return self._frames.popleft() if self._running else None

    def clear(self) -> None:
        """Forget what has not been taken."""
        self._frames.clear()
        self._rest = b""
        self._running = False


async def beats() -> AsyncIterator[float]:
    """Every 20 ms the instant that was due, in seconds since the first; after a long stall it starts anew from there."""
    loop = asyncio.get_running_loop()
    zero = due = loop.time()
    while True:
        yield due - zero
        due += FRAME_MS / 1000
        late = loop.time() - due
        if late > MOST_FRAMES * FRAME_MS / 1000:
            due += late
        await asyncio.sleep(max(due - loop.time(), 0))


class Bridge:
    """Between the caller's wire and a human; open from :meth:`connect` to :meth:`disconnect`.

    The human's end pushes with :meth:`from_agent` and takes from ``to_agent``, a frame a beat.
    """

    def __init__(self, wire: Wire, recorder: Recorder) -> None:
        self.to_agent = Lane()
        self._to_caller = Lane()
        self._wire = wire
        self._recorder = recorder
        self._playing: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether they hear each other."""
        return self._playing is not None

    def connect(self, now_ms: int) -> None:
        """Let them hear each other; ``now_ms`` on the call's clock."""
        if self._playing is None:
            self._playing = asyncio.create_task(self._play(now_ms))

    async def disconnect(self) -> None:
        """Let the bot have the line again."""
        playing, self._playing = self._playing, None
        if playing is not None:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
        self.to_agent.clear()
        self._to_caller.clear()

    def from_caller(self, mulaw: bytes) -> None:
        """The caller's voice."""
        if self.connected:
            self.to_agent.push(mulaw)

    def from_agent(self, mulaw: bytes) -> None:
        """The human's voice; what they say before they are connected is heard by nobody."""
        if self.connected:
            self._to_caller.push(mulaw)

    async def _play(self, began_ms: int) -> None:
        try:
            async for at_s in beats():
                frame = self._to_caller.pop()
                if frame is not None:
                    self._recorder.bot(began_ms + round(at_s * 1000), frame)
                    await self._wire.send(AudioOut(frame))
        except Exception:
            log.exception("bridge_broke")
