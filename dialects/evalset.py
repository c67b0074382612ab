"""The evaluation sets: what callers say on the telephone, with the intent it has and the region it comes from.

Tab-separated files in ``dialects/eval`` with the columns ``id text intent kind accent_note``; their README says how
they were written and who may look at them.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

HOLD_OUT = Path(__file__).parent / "eval" / "utterances.tsv"
"""Measured on, never tuned on."""
DEV = HOLD_OUT.with_name("dev.tsv")
"""For tuning."""
KINDS = frozenset({"mandarin", "sichuan", "cantonese", "northeast", "shanghai", "minnan"})
COLUMNS = ["id", "text", "intent", "kind", "accent_note"]

_HAN = re.compile(r"[\u4e00-\u9fff]+")
_NOT_HAN = re.compile(r"[^\u4e00-\u9fff]+")


class EvalSetError(ValueError):
    """A set that cannot be measured on, with file and line."""


@dataclass(frozen=True)
class Utterance:
    """One thing said: ``text`` in Han characters only, numbers as spoken.

    ``kind`` is the pack whose speech it is, ``accent_note`` what a reader from elsewhere needs to know, often empty.
    """

    id: str
    text: str
    intent: str
    kind: str
    accent_note: str = ""


def read_set(path: Path = HOLD_OUT) -> tuple[Utterance, ...]:
    """The utterances of one file, in its order.

    Raises :class:`EvalSetError` for another header, a missing column, signs that are not Han characters, an unknown
    kind, a repeated id or text, an empty set, or a file that cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EvalSetError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    if next(rows, None) != COLUMNS:
        raise EvalSetError(f"{path}:1: the header must be {' '.join(COLUMNS)}, separated by tabs")
    found: list[Utterance] = []
    ids: dict[str, int] = {}
    texts: dict[str, int] = {}
    for line, row in enumerate(rows, start=2):
        where = f"{path}:{line}"
        one = _utterance(row, where)
        for what, value, seen in (("id", one.id, ids), ("text", one.text, texts)):
            if value in seen:
                raise EvalSetError(f"{where}: {what} {value!r} stands in line {seen[value]} already")
            seen[value] = line
        found.append(one)
    if not found:
        raise EvalSetError(f"{path}: holds no utterance")
    return tuple(found)


def _utterance(row: list[str], where: str) -> Utterance:
    if len(row) != len(COLUMNS):
        raise EvalSetError(f"{where}: {len(row)} columns instead of {len(COLUMNS)}: {' '.join(COLUMNS)}")
    one = Utterance(*row)
    if not one.id or not one.intent:
        raise EvalSetError(f"{where}: id and intent must not be empty")
    if not _HAN.fullmatch(one.text):
        raise EvalSetError(f"{where}: text must be Han characters only, numbers as spoken: {one.text!r}")
    if one.kind not in KINDS:
        raise EvalSetError(f"{where}: unknown kind {one.kind!r}; known: {', '.join(sorted(KINDS))}")
    return one


def han_only(text: str) -> str:
    """``text`` without punctuation, blanks, digits and letters."""
    return _NOT_HAN.sub("", text)


def likeness(one: str, other: str) -> float:
    """1 for equal texts, 0 for texts that share nothing: 1 - edit distance / length of the longer."""
    longer = max(len(one), len(other))
    if not longer:
        return 1.0
    row = list(range(len(other) + 1))
    for i, sign in enumerate(one, start=1):
        before, row[0] = row[0], i
        for j, against in enumerate(other, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (sign != against))
    return 1 - row[-1] / longer


def near_duplicates(
    ones: Iterable[str], others: Iterable[str], at_least: float
) -> Iterator[tuple[str, str, float]]:
    """Pairs of ``ones`` and ``others`` whose :func:`likeness` reaches ``at_least`` (above 0, at most 1)."""
    bits: dict[str, int] = {}
    by_length: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for other in others:
        by_length[len(other)].append((other, _signs(other, bits)))
    for one in ones:
        size, signs = len(one), _signs(one, bits)
        for length, group in by_length.items():
            # An edit mends at most one sign that one text has and the other lacks: cheap to count, and it rules out
            # nearly all pairs.
            allowed = round(max(size, length) * (1 - at_least), 6)
            if abs(size - length) > allowed:
                continue
            for other, has in group:
                shared = signs & has
                if max((signs ^ shared).bit_count(), (has ^ shared).bit_count()) > allowed:
                    continue
                alike = likeness(one, other)
                if alike >= at_least:
                    yield one, other, alike


def _signs(text: str, bits: dict[str, int]) -> int:
    """The set of the signs of ``text`` as a number, one bit a sign."""
    found = 0
    for sign in text:
        found |= 1 << bits.setdefault(sign, len(bits))
    return found
