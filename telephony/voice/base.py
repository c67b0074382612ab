"""The seam to whoever speaks."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol


class VoiceError(Exception):
    """No voice could say this; the text says why, in Chinese."""


@dataclass(frozen=True, slots=True)
class SpokenPiece:
    """A stretch of speech that is rendered and marked as one: the words as written, and their sound.

    ``text`` are the words of the answer as it was given (the transcript keeps these), ``mulaw`` G.711 µ-law at 8 kHz.
    """

    text: str
    mulaw: bytes


@dataclass(frozen=True, slots=True)
class Style:
    """How to say it: which voice of a pack (``""`` for the default one), and the speed (1 is usual, 0.85 for elders)."""

    voice: str = ""
    speed: float = 1.0


class Voice(Protocol):
    """Says text, piece by piece, the first one as early as possible."""

    def say(self, text: str, style: Style) -> AsyncGenerator[SpokenPiece]:
        """The pieces in order; their texts joined are ``text``. Close it to stop early. Raises :class:`VoiceError`."""
