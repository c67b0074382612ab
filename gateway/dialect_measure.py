"""How well packs hear a folder of labelled recordings: characters wrong, sentences exact, intents right."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from dialects.align import distance
from dialects.pack import DEFAULT
from dialects.restore import restore
from dialects.transcribing import Transcript
from gateway.examples import Example
from gateway.model_measure import read_with

MANIFEST = "manifest.jsonl"
_SIGNS = re.compile(r"[\W_]")


class ManifestError(ValueError):
    """A manifest that cannot be used; the text (Chinese) says which line and why."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One line of the manifest: the file, what is said in it, its intent or ``""``, and the pack that fits or ``""``."""

    file: Path
    text: str
    intent: str = ""
    pack: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One recording as one pack has heard it."""

    recording: Recording
    heard: Transcript


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one accent under one pack. Error rates and shares are 0 to 1; ``intents`` is None where none was measured.

    ``raw_cer`` is the recogniser's own hypothesis, ``cer`` after repair; ``exact`` counts sentences without any error.
    """

    accent: str
    pack: str
    sentences: int
    raw_cer: float
    cer: float
    exact: float
    confidence: float
    intents: float | None = None


def read_manifest(folder: Path) -> list[Recording]:
    """``manifest.jsonl`` of ``folder``: an object a line, ``file`` and ``text``, perhaps ``intent`` and ``pack``/``accent``.

    Raises:
        ManifestError: it is missing, a line cannot be read, or nothing stands in it.
    """
    path = folder / MANIFEST
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ManifestError(f"{path}：读不到清单。每行写一个 JSON，至少有 file 和 text") from None
    found: list[Recording] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            given = json.loads(line)
            file, text = given["file"], given["text"]
        except (ValueError, KeyError, TypeError):
            raise ManifestError(f"{path} 第 {number} 行：应为 JSON，至少有 file 和 text") from None
        values = [file, text, given.get("intent") or "", given.get("pack") or given.get("accent") or ""]
        if not all(isinstance(value, str) for value in values) or not file or not plain(text):
            raise ManifestError(f"{path} 第 {number} 行：file、text、intent、pack 都应为文字，text 不能为空")
        found.append(Recording(folder / file, text, values[2], values[3]))
    if not found:
        raise ManifestError(f"{path}：清单是空的")
    return found


def plain(text: str) -> str:
    """``text`` as it is compared: no punctuation, no blanks, small letters, numbers in figures."""
    return restore(_SIGNS.sub("", text)).lower()


def bare(text: str) -> str:
    """``text`` without punctuation, its numbers as they were said."""
    return _SIGNS.sub("", text).lower()


def figures(
    outcomes: Iterable[Outcome], right: Callable[[Sequence[Outcome]], Sequence[bool]] | None = None
) -> list[Figures]:
    """One row an accent and pack, in the order they first occur; ``right`` says which intents came out right."""
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for each in outcomes:
        groups.setdefault((each.recording.pack or DEFAULT, each.heard.pack), []).append(each)
    rows: list[Figures] = []
    for (accent, pack), group in groups.items():
        labelled = [each for each in group if each.recording.intent]
        judged = right(labelled) if right and labelled else None
        rows.append(
            Figures(
                accent,
                pack,
                len(group),
                _rate((bare(each.recording.text), bare(each.heard.raw)) for each in group),
                _rate((plain(each.recording.text), plain(each.heard.text)) for each in group),
                sum(plain(each.recording.text) == plain(each.heard.text) for each in group) / len(group),
                sum(each.heard.confidence for each in group) / len(group),
                sum(judged) / len(judged) if judged else None,
            )
        )
    return rows


def intents_right(archive: Path, outcomes: Sequence[Outcome]) -> list[bool]:
    """Whether the model in ``archive`` reads in what was heard the intent of the label; nothing heard is read as 嗯.

    Raises:
        MeasureError: as :func:`gateway.model_measure.read_with`.
    """
    lines = [
        Example(each.heard.text or "嗯", each.recording.intent, str(each.recording.file)) for each in outcomes
    ]
    return [read.right for read in read_with(archive, {"heard": lines})["heard"]]


def as_json(rows: Sequence[Figures], outcomes: Sequence[Outcome]) -> Mapping[str, object]:
    """Figures, and each recording with what was heard, for machines."""
    return {
        "figures": [asdict(row) for row in rows],
        "recordings": [
            {
                "file": str(each.recording.file),
                "said": each.recording.text,
                "text": each.heard.text,
                "raw": each.heard.raw,
                "confidence": each.heard.confidence,
                "pack": each.heard.pack,
            }
            for each in outcomes
        ],
    }


def _rate(pairs: Iterable[tuple[str, str]]) -> float:
    wrong = length = 0
    for said, heard in pairs:
        wrong, length = wrong + distance(said, heard), length + len(said)
    return wrong / length if length else 0.0
