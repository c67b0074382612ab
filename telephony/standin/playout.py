"""The carrier's play-out buffer: bot audio leaves it at the pace of speech, and marks come back when theirs has."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from telephony.events import FRAME_BYTES, RATE
from telephony.standin.sound import SILENCE

LIMIT_S = 1800
"""More speech than this ahead is thrown away."""


@dataclass(frozen=True, slots=True)
class Played:
    """One 20 ms slot: the frame the caller hears in it (None for silence), and the marks whose audio has been heard."""

    frame: bytes | None
    marks: tuple[str, ...]


class PlayoutBuffer:
    """Asked once a 20 ms slot with :meth:`pull`; it knows no clock of its own, so a test may run it as fast as it likes."""

    def __init__(self) -> None:
        self._audio = bytearray()
        self._marks: deque[tuple[int, str]] = deque()
        self._taken = 0
        self._heard = 0
        self.overflowed = 0
        """Bytes thrown away because too much was ahead."""

    @property
    def ahead_ms(self) -> int:
        """Speech not yet played, in milliseconds."""
        return len(self._audio) * 1000 // RATE

    @property
    def ahead(self) -> bytes:
        """Speech not yet played."""
        return bytes(self._audio)

    @property
    def pending_marks(self) -> tuple[str, ...]:
        """Marks not yet returned, oldest first."""
        return tuple(name for _, name in self._marks)

    def put(self, mulaw: bytes) -> None:
        """Append speech, any length."""
        room = LIMIT_S * RATE - len(self._audio)
        self.overflowed += max(0, len(mulaw) - room)
        self._audio += mulaw[: max(0, room)]

    def mark(self, name: str) -> None:
        """Remember to return this name once everything put so far has been heard."""
        self._marks.append((self._taken + len(self._audio), name))

    def clear(self) -> tuple[str, ...]:
        """Throw away what has not been played; returns the pending marks, which go back at once."""
        self._audio.clear()
        names = self.pending_marks
        self._marks.clear()
        return names

    def pull(self) -> Played:
        """The next 20 ms. A piece shorter than a frame is filled with silence, and counts as heard with the next slot."""
        self._heard = self._taken
        piece = bytes(self._audio[:FRAME_BYTES])
        del self._audio[:FRAME_BYTES]
        self._taken += len(piece)
        names: list[str] = []
        while self._marks and self._marks[0][0] <= self._heard:
            names.append(self._marks.popleft()[1])
        return Played(piece + SILENCE[len(piece) :] if piece else None, tuple(names))
