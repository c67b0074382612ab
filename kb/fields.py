"""Which field a question speaks of: arrears of tax, other matters of tax, or something that is no tax at all.

The vocabulary of arrears is shared: 电费滞纳金, 信用卡逾期, 驾照延期. The lists of ``fields.yml`` tell by whose name
stands beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kb.loader import KB_ROOT, KnowledgeError

ELSEWHERE = "elsewhere"
_PLAIN = ("other_tax", "orders", "ours", "shared")
_FIELDS = (ELSEWHERE, *_PLAIN)


@dataclass(frozen=True, slots=True)
class Scan:
    """The listed words of one text, each once and in order."""

    elsewhere: tuple[str, ...]
    other_tax: tuple[str, ...]
    orders: tuple[str, ...]
    ours: tuple[str, ...]
    shared: tuple[str, ...]


class Fields:
    """Finds the words of ``fields.yml`` in a text: the longest at each place, none inside another."""

    def __init__(self, lists: Mapping[str, tuple[str, ...]]) -> None:
        """``lists``: words of each of the five fields."""
        self._field = {word: field for field, words in lists.items() for word in words}
        # A lone 税 is ours; within a listed word it belongs to that word.
        self._field.setdefault("税", "ours")
        longest_first = sorted(self._field, key=len, reverse=True)
        self._word = re.compile("|".join(re.escape(word) for word in longest_first))

    def scan(self, text: str) -> Scan:
        """The listed words in ``text``, which is in lower case."""
        found: dict[str, list[str]] = {field: [] for field in _FIELDS}
        for word in dict.fromkeys(self._word.findall(text)):
            found[self._field[word]].append(word)
        return Scan(*(tuple(found[field]) for field in _FIELDS))


def load_fields(root: Path = KB_ROOT) -> Fields:
    """Read ``root``/fields.yml. Raises KnowledgeError naming the list or the word."""
    file = root / "fields.yml"
    try:
        values: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise KnowledgeError(file, "file", str(error)) from error
    if not isinstance(values, dict) or set(values) != set(_FIELDS):
        raise KnowledgeError(file, "file", f"must hold {', '.join(_FIELDS)}")
    kinds = values[ELSEWHERE]
    if not isinstance(kinds, dict):
        raise KnowledgeError(file, ELSEWHERE, "must be a mapping of kinds")
    lists = {
        ELSEWHERE: tuple(
            w for kind, words in kinds.items() for w in _words(file, f"{ELSEWHERE}.{kind}", words)
        ),
        **{field: _words(file, field, values[field]) for field in _PLAIN},
    }
    seen: set[str] = set()
    for field, words in lists.items():
        for word in words:
            if word in seen:
                raise KnowledgeError(file, field, f"{word!r} is listed twice")
            seen.add(word)
    return Fields(lists)


def _words(file: Path, field: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(w, str) and w.strip() for w in value):
        raise KnowledgeError(file, field, "must be a non-empty list of words")
    return tuple(word.strip().lower() for word in value)
