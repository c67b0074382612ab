"""Dialect spellings and mishearings rewritten as a Mandarin speaker would type them.

The words stand in ``dialects/packs/<pack>/lexicon.tsv`` and ``homophones.tsv``: three columns, what is written, what it
means, and longer strings in which it must be left alone.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

PACKS = Path(__file__).parent / "packs"
_TABLES = ("lexicon.tsv", "homophones.tsv")


class TableError(ValueError):
    """A table that cannot be used, with file and line."""


@dataclass(frozen=True)
class Entry:
    """``written`` stands for ``mandarin``, except inside one of ``unless``."""

    written: str
    mandarin: str
    unless: tuple[str, ...] = ()

    def stands_at(self, text: str, at: int) -> bool:
        """Whether ``text`` has this word at ``at`` and not merely as a part of something else."""
        if not text.startswith(self.written, at):
            return False
        end = at + len(self.written)
        for other in self.unless:
            start = text.find(other, max(0, end - len(other)))
            if start != -1 and start <= at:
                return False
        return True


def read_table(path: Path) -> tuple[Entry, ...]:
    """The entries of one table.

    Raises :class:`TableError` for a missing column, an empty or repeated word.
    """
    entries: list[Entry] = []
    seen: set[str] = set()
    with path.open(encoding="utf-8", newline="") as handle:
        rows = csv.reader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)
        next(rows, None)
        for row in rows:
            where = f"{path.name}:{rows.line_num}"
            if len(row) < 2 or not row[0]:
                raise TableError(f"{where}: 至少要有“写法”和“普通话”两列")
            if row[0] in seen:
                raise TableError(f"{where}: “{row[0]}”重复了")
            seen.add(row[0])
            entries.append(Entry(row[0], row[1], tuple(row[2].split()) if len(row) > 2 else ()))
    return tuple(entries)


class Normaliser:
    """Rewrites text, longest word first, from left to right, each stretch once."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        """The first of several entries for one word counts."""
        by_first: dict[str, dict[str, Entry]] = defaultdict(dict)
        for entry in entries:
            by_first[entry.written[0]].setdefault(entry.written, entry)
        self._by_first: Mapping[str, tuple[Entry, ...]] = {
            first: tuple(sorted(found.values(), key=lambda e: -len(e.written)))
            for first, found in by_first.items()
        }

    def apply(self, text: str) -> str:
        """``text`` in Mandarin; itself when rewriting would leave nothing."""
        out: list[str] = []
        at = 0
        while at < len(text):
            entry = next((e for e in self._by_first.get(text[at], ()) if e.stands_at(text, at)), None)
            if entry is None:
                out.append(text[at])
                at += 1
            else:
                out.append(entry.mandarin)
                at += len(entry.written)
        return "".join(out).strip() or text


@lru_cache(maxsize=1)
def shared_normaliser() -> Normaliser:
    """The tables of all packs together: the region of somebody who types is not known."""
    return Normaliser(
        entry
        for pack in sorted(PACKS.iterdir())
        if pack.is_dir()
        for name in _TABLES
        if (pack / name).exists()
        for entry in read_table(pack / name)
    )
