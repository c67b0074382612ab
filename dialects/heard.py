"""What a recogniser has heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Word:
    """One recognised word; times in milliseconds from the utterance's first sample."""

    text: str
    confidence: float
    began_ms: int
    ended_ms: int


@dataclass(frozen=True)
class Heard:
    """An utterance, ended.

    ``raw`` is the hypothesis without spaces, ``text`` what it was made into (phonetic repair; digits, amounts and dates
    restored), ``repaired`` whether repair changed a word. ``confidence`` is 0 to 1. ``alternatives`` are other
    hypotheses, likeliest first, treated as ``text`` was.
    """

    text: str
    raw: str
    confidence: float
    pack: str
    words: tuple[Word, ...] = ()
    alternatives: tuple[str, ...] = ()
    repaired: bool = False


class Recogniser(Protocol):
    """Hears one call: not to be used by two threads at once. Audio is 16 kHz mono, signed 16 bit, little endian."""

    def accept(self, pcm: bytes) -> None:
        """Take in more of the present utterance."""

    def partial(self) -> str:
        """What has been recognised so far, without spaces."""

    def finish(self) -> Heard:
        """End the utterance, and be ready for the next one."""

    def expect(self, kind: str, phrases: Sequence[str] = (), digits: int | None = None) -> None:
        """What is likely to come (``kind`` as in ``telephony.events.Expected``); holds until the next call of this."""

    @property
    def pack(self) -> str:
        """The pack that hears now; it may change from one utterance to the next."""
