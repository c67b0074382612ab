"""Puts the caller's audio in order, without adding delay while it is in order already."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from telephony.events import FRAME_MS, RATE, AudioIn
from telephony.hearing import mulaw as codec

MAX_HOLD_MS = 200
"""So much later audio is held at most while an earlier piece is missing."""
MAX_FILL_MS = 1000
"""A longer gap is left: the next piece's time says how long it was."""

_REPEATED = (0.5, 0.25)
"""How loud the last piece is repeated in the first pieces of a gap; silence follows."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Audio in order; ``at_ms`` is the time of its first sample, ``lost`` whether it stands in for what never came."""

    at_ms: int
    mulaw: bytes
    lost: bool = False

    @property
    def ends_ms(self) -> int:
        """The time after its last sample."""
        return self.at_ms + length_ms(self.mulaw)


def length_ms(mulaw: bytes) -> int:
    """How long µ-law sounds."""
    return len(mulaw) * 1000 // RATE


class Jitter:
    """One stream's. Late and doubled pieces are dropped; gaps are filled once the carrier's clock shows them."""

    def __init__(self, hold_ms: int = MAX_HOLD_MS) -> None:
        self.dropped = 0
        self.filled_ms = 0
        self._hold_ms = hold_ms
        self._waiting: list[tuple[int, int, bytes]] = []
        self._last: int | None = None
        self._now_ms = 0
        self._tail = b""

    def push(self, frame: AudioIn) -> list[Piece]:
        """Pieces that can be heard now, in order and next to each other."""
        if (self._last is not None and frame.sequence <= self._last) or self._has(frame.sequence):
            self.dropped += 1
            return []
        heapq.heappush(self._waiting, (frame.sequence, frame.at_ms, frame.mulaw))
        pieces: list[Piece] = []
        while self._waiting and (self._is_next() or self._held_ms() > self._hold_ms):
            pieces += self._release()
        return pieces

    def drain(self) -> list[Piece]:
        """Whatever is still held, at the end of the stream."""
        pieces: list[Piece] = []
        while self._waiting:
            pieces += self._release()
        return pieces

    def _has(self, sequence: int) -> bool:
        return any(sequence == waiting[0] for waiting in self._waiting)

    def _is_next(self) -> bool:
        sequence, at_ms, _ = self._waiting[0]
        return self._last is None or sequence == self._last + 1 or abs(at_ms - self._now_ms) < FRAME_MS // 2

    def _held_ms(self) -> int:
        return sum(length_ms(audio) for _, _, audio in self._waiting)

    def _release(self) -> list[Piece]:
        sequence, at_ms, audio = heapq.heappop(self._waiting)
        if self._last is None:
            self._now_ms = at_ms
        gap = at_ms - self._now_ms
        pieces = self._fill(gap) if FRAME_MS // 2 < gap <= MAX_FILL_MS else []
        if gap > MAX_FILL_MS:
            self._now_ms = at_ms
        pieces.append(Piece(self._now_ms, audio))
        self._last, self._tail = sequence, audio[-RATE * FRAME_MS // 1000 :]
        self._now_ms = pieces[-1].ends_ms
        return pieces

    def _fill(self, gap_ms: int) -> list[Piece]:
        """Stand-ins for ``gap_ms``: the last sound, fading, then silence."""
        pieces: list[Piece] = []
        end = self._now_ms + gap_ms
        while self._now_ms < end:
            size = min(FRAME_MS, end - self._now_ms) * RATE // 1000
            loud = _REPEATED[len(pieces)] if len(pieces) < len(_REPEATED) and self._tail else 0.0
            if loud:
                sound = np.resize(codec.decode(self._tail), size).astype(np.float32) * loud
                audio = codec.encode(sound.astype(np.int16))
            else:
                audio = codec.SILENCE * size
            pieces.append(Piece(self._now_ms, audio, lost=True))
            self._now_ms = pieces[-1].ends_ms
        self.filled_ms += gap_ms
        return pieces
