"""A folder of real recordings as training material.

Either ``transcripts.tsv`` (file name, tab, what is said) or, beside each sound file, a ``.txt`` of the same name. WAV, FLAC,
OGG and MP3 are read; a folder may hold others.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dialects.training.phones import flat, syllables
from dialects.training.speech import RATE, Utterance
from dialects.training.text import plain

SOUNDS = frozenset({".wav", ".flac", ".ogg", ".mp3"})
_LONGEST_S = 30.0
_ASIDE = 10
_GLOSS = re.compile(r"_[^_]*_")


class RecordingError(ValueError):
    """A folder that cannot be trained with; the message says what to do."""


@dataclass(frozen=True)
class Read:
    """Utterances not aligned yet, and files left out with the reason."""

    utterances: tuple[Utterance, ...]
    skipped: tuple[tuple[str, str], ...]


def transcripts(folder: Path) -> dict[Path, str]:
    """Sound files of ``folder`` and what is said in them.

    Raises :class:`RecordingError` when there is none, or a table's line has no second column.
    """
    table = folder / "transcripts.tsv"
    found: dict[Path, str] = {}
    if table.exists():
        for number, line in enumerate(table.read_text(encoding="utf-8").splitlines(), 1):
            if not line.strip():
                continue
            name, _, said = line.partition("\t")
            if not said.strip():
                raise RecordingError(
                    f"{table}:{number}: 应为“文件名<Tab>内容” · needs a file name, a tab and the words"
                )
            found[folder / name] = said.strip()
    else:
        for path in sorted(folder.rglob("*")):
            text = path.with_suffix(".txt")
            if path.suffix.lower() in SOUNDS and text.exists():
                found[path] = text.read_text(encoding="utf-8").strip()
    if not found:
        raise RecordingError(
            f"{folder}: 没有可用的录音。请放入 transcripts.tsv（文件名<Tab>内容）或同名 .txt · "
            "no recordings: put in a transcripts.tsv (file name, tab, words) or a .txt beside each sound file"
        )
    return found


def words_in_names(folder: Path) -> dict[Path, str]:
    """Single words whose file name is the word (``cmn-往常.mp3``), as dictionaries of recordings keep them."""
    return {
        path: _GLOSS.sub("", path.stem.partition("-")[2])
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SOUNDS and "-" in path.stem
    }


def kept_aside(word: str) -> bool:
    """Whether recordings of this single word are never trained with, but measured with: one word in ten."""
    return hashlib.sha256(word.encode()).digest()[0] % _ASIDE == 0


def read(files: dict[Path, str], voice: str) -> Read:
    """Sound and phones of each file; what cannot be used is listed, not fatal."""
    good: list[Utterance] = []
    skipped: list[tuple[str, str]] = []
    for path, said, problem, utterance in _each(files, voice):
        if utterance is None:
            skipped.append((path.name, f"{problem}: {said}"))
        else:
            good.append(utterance)
    return Read(tuple(good), tuple(skipped))


def _each(files: dict[Path, str], voice: str) -> Iterator[tuple[Path, str, str, Utterance | None]]:
    for path, said in files.items():
        text = plain(said)
        phones = syllables(text) if text else None
        if not text or not phones:
            yield path, said, "读不出拼音 · cannot be read as Mandarin", None
            continue
        try:
            audio = sound(path)
        except (OSError, RuntimeError) as error:
            yield path, said, f"打不开 · cannot be opened ({error})", None
            continue
        if len(audio) > _LONGEST_S * RATE:
            yield path, said, "超过 30 秒，请切短 · longer than 30 s, cut it", None
            continue
        yield path, said, "", Utterance(text, audio, tuple(flat(phones)), voice=voice)


def sound(path: Path) -> NDArray[np.int16]:
    """A file as mono 16 kHz, signed 16 bit. Raises :class:`OSError` or :class:`RuntimeError` when it is no sound."""
    import soundfile
    import soxr

    wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = soxr.resample(wave.mean(1), rate, RATE)
    return np.asarray(np.clip(mono * 32767, -32768, 32767), np.int16)
