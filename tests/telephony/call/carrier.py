"""A carrier on virtual time, frame by frame, and a voice whose every four bytes say where in the speech they lie."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from itertools import pairwise

from virtual import now

from telephony.events import AudioOut, Clear, Mark, WireOut
from telephony.standin.playout import PlayoutBuffer
from telephony.voice.base import SpokenPiece, Style

UNIT = 4
"""Bytes of a place in a speech; half a millisecond."""
FRAME_MS = 20


class Counting:
    """Says ``7|800,1600``: speech 7, pieces of 800 and of 1600 bytes; ``slow_s`` passes before each piece."""

    def __init__(self, slow_s: float = 0.0) -> None:
        self.slow_s = slow_s

    async def say(self, text: str, style: Style) -> AsyncGenerator[SpokenPiece]:
        at = 0
        for number, size in enumerate(sizes(text)):
            await asyncio.sleep(self.slow_s)
            places = range(at, at + size // UNIT)
            yield SpokenPiece(f"<{number}>", b"".join(place(text, one) for one in places))
            at += size // UNIT


def sizes(text: str) -> list[int]:
    return [int(size) for size in text.partition("|")[2].split(",")]


def place(text: str, at: int) -> bytes:
    return (int(text.partition("|")[0]) << 20 | at).to_bytes(UNIT, "big")


def whole(text: str) -> list[tuple[int, int]]:
    """Every place of a speech."""
    return [(int(text.partition("|")[0]), at) for at in range(sum(sizes(text)) // UNIT)]


class Carrier:
    """Plays 20 ms a slot from the stand-in's own buffer; the network takes ``late_s(message)`` each way, in order."""

    def __init__(self, late_s: Callable[[], float] = lambda: 0.03) -> None:
        self.buffer = PlayoutBuffer()
        self.back: Callable[[str], None] = lambda name: None
        """Who gets the marks."""
        self.slots: list[tuple[float, bytes | None]] = []
        """When each slot began, and what was heard in it."""
        self.clears: list[float] = []
        """When they were sent."""
        self.marks: list[str] = []
        """Those sent, in order."""
        self.returned: list[tuple[str, bool]] = []
        """Marks given back, and whether they were cleared."""
        self._late_s = late_s
        self._down = self._up = 0.0
        # Timers of the same instant ring in any order; what is under way does not overtake.
        self._under_way: deque[WireOut] = deque()
        self._on_their_way: deque[str] = deque()

    async def send(self, item: WireOut) -> None:
        if isinstance(item, Clear):
            self.clears.append(now())
        self._down = max(self._down, now() + self._late_s())
        self._under_way.append(item)
        asyncio.get_running_loop().call_at(self._down, self._take)

    def _take(self) -> None:
        match self._under_way.popleft():
            case AudioOut(mulaw=mulaw):
                self.buffer.put(mulaw)
            case Mark(name=name):
                self.marks.append(name)
                self.buffer.mark(name)
            case Clear():
                for name in self.buffer.clear():
                    self._return(name, cleared=True)

    def _return(self, name: str, *, cleared: bool) -> None:
        self.returned.append((name, cleared))
        self._up = max(self._up, now() + self._late_s())
        self._on_their_way.append(name)
        asyncio.get_running_loop().call_at(self._up, lambda: self.back(self._on_their_way.popleft()))

    async def run(self) -> None:
        start = now()
        while True:
            played = self.buffer.pull()
            self.slots.append((now(), played.frame))
            for name in played.marks:
                self._return(name, cleared=False)
            await asyncio.sleep(start + len(self.slots) * FRAME_MS / 1000 - now())

    def heard(self) -> list[tuple[int, int]]:
        """Where in which speech the caller was, all along."""
        sound = b"".join(frame for _, frame in self.slots if frame is not None)
        found = [int.from_bytes(sound[at : at + UNIT], "big") for at in range(0, len(sound), UNIT)]
        return [(one >> 20, one & 0xFFFFF) for one in found if one != 0xFFFFFFFF]

    def silent_ms(self, since: float, until: float) -> int:
        """How much of that time the caller heard nothing."""
        return FRAME_MS * sum(since <= at < until and frame is None for at, frame in self.slots)

    def falls_silent(self, since: float) -> float:
        """When the caller hears the bot no more, after this."""
        return next(at for at, frame in self.slots if at >= since and frame is None)


def repeats_ms(heard: list[tuple[int, int]], said: list[tuple[int, int]]) -> list[float]:
    """How much was said again at each step back; whatever was heard first was heard in order, and nothing skipped."""
    order = {one: number for number, one in enumerate(said)}
    steps, furthest = [], -1
    for before, after in pairwise([-1, *(order[one] for one in heard)]):
        if after != before + 1:
            assert after <= furthest, f"skipped from {furthest} to {after}"
            steps.append((furthest + 1 - after) * UNIT / 8)
        furthest = max(furthest, after)
    return steps
