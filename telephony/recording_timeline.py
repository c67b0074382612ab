"""Lays both sides of a call on one line of time and gives it away second by second. Pure: no clock, no disk."""

from __future__ import annotations

from dataclasses import dataclass

from telephony.events import FRAME_BYTES, RATE
from telephony.recording_format import CHUNK_BYTES, CHUNK_SAMPLES, SILENCE

CALLER, BOT = 0, 1
HOLD_MS = 1000
"""How long a second stays open behind the caller's last frame, for frames that come late and words taken back."""
AHEAD_CHUNKS = 30
"""Seconds kept open at most, when one side is far ahead of the other."""
_PER_MS = RATE // 1000

Second = bytes | None
"""Both channels for a second, sample by sample; ``None`` is silence on both."""


@dataclass(frozen=True, slots=True)
class Rest:
    """What :meth:`Timeline.finish` leaves: the last seconds, the whole length in samples, milliseconds not kept."""

    seconds: list[Second]
    samples: int
    lost_ms: int


class Timeline:
    """Takes pieces of both channels in any order and yields finished seconds in order.

    A piece that begins within a frame of its channel's last end continues there: pacing in milliseconds is never exact,
    and an edge in every frame would be heard. What comes for a second already given away, or lies beyond ``limit_ms``
    (a carrier's broken clock), is counted as lost.
    """

    def __init__(self, limit_ms: int) -> None:
        self._limit = limit_ms * _PER_MS
        self._open: dict[int, bytearray] = {}
        self._next = 0
        self._ends = [0, 0]
        self._furthest = [0, 0]
        self._lost = 0

    def caller(self, at_ms: int, mulaw: bytes) -> list[Second]:
        """The caller's voice from ``at_ms`` of the call's clock on; returns the seconds finished by it."""
        self._lay(CALLER, at_ms, mulaw)
        return self._give((self._furthest[CALLER] - HOLD_MS * _PER_MS) // CHUNK_SAMPLES)

    def bot(self, at_ms: int, mulaw: bytes) -> list[Second]:
        """The bot's voice, heard from ``at_ms`` on unless it is taken back; returns seconds that must be given away."""
        self._lay(BOT, at_ms, mulaw)
        return self._give(self._furthest[BOT] // CHUNK_SAMPLES - AHEAD_CHUNKS)

    def cut(self, at_ms: int) -> None:
        """Take back what the bot would have said from ``at_ms`` on."""
        from_here = max(at_ms * _PER_MS, 0)
        for number, chunk in self._open.items():
            start = min(max(from_here - number * CHUNK_SAMPLES, 0), CHUNK_SAMPLES)
            chunk[start * 2 + BOT :: 2] = bytes((SILENCE,)) * (CHUNK_SAMPLES - start)
        self._ends[BOT] = min(self._ends[BOT], from_here)
        self._furthest[BOT] = min(self._furthest[BOT], from_here)

    def finish(self, ended_ms: int | None) -> Rest:
        """The rest. The bot's words after ``ended_ms`` were not heard; without it, everything was."""
        if ended_ms is not None:
            self.cut(ended_ms)
        samples = max(*self._furthest, self._next * CHUNK_SAMPLES)
        seconds = self._give(-(-samples // CHUNK_SAMPLES))
        return Rest(seconds, samples, self._lost // _PER_MS)

    def _lay(self, channel: int, at_ms: int, mulaw: bytes) -> None:
        at = at_ms * _PER_MS
        if abs(at - self._ends[channel]) < FRAME_BYTES:
            at = self._ends[channel]
        first, last = max(at, self._next * CHUNK_SAMPLES), min(at + len(mulaw), self._limit)
        kept = max(last - first, 0)
        self._lost += len(mulaw) - kept
        if not kept:
            return
        self._ends[channel] = last
        self._furthest[channel] = max(self._furthest[channel], last)
        while first < last:
            number, offset = divmod(first, CHUNK_SAMPLES)
            chunk = self._open.setdefault(number, bytearray((SILENCE,)) * CHUNK_BYTES)
            count = min(CHUNK_SAMPLES - offset, last - first)
            chunk[offset * 2 + channel : (offset + count) * 2 : 2] = mulaw[first - at : first - at + count]
            first += count

    def _give(self, until: int) -> list[Second]:
        seconds: list[Second] = []
        while self._next < until:
            chunk = self._open.pop(self._next, None)
            seconds.append(bytes(chunk) if chunk is not None else None)
            self._next += 1
        return seconds
