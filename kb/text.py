"""Words of a text: spellings brought together by a table, then cut by jieba with the tax dictionary."""

from __future__ import annotations

import importlib
import logging
import math
import re
import warnings
from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any

from kb.loader import KnowledgeError, load_lines

_WORD = re.compile(r"\w")


def load_synonyms(file: Path) -> dict[str, str]:
    """Read ``canonical: variant variant`` lines into variant -> canonical.

    Raises KnowledgeError on a malformed line or a variant given twice.
    """
    table: dict[str, str] = {}
    for line in load_lines(file):
        canonical, colon, variants = line.partition(":")
        if not colon or not canonical.strip() or not variants.split():
            raise KnowledgeError(file, line, "must be 'canonical: variant variant'")
        for variant in variants.split():
            if variant in table:
                raise KnowledgeError(file, line, f"{variant!r} is given twice")
            table[variant] = canonical.strip()
    return table


class Words:
    """Cuts text into search words. Loading takes about a second (jieba's dictionary)."""

    def __init__(self, root: Path) -> None:
        """Read ``root``/terms.txt (``word frequency tag``) and ``root``/synonyms.txt."""
        synonyms = load_synonyms(root / "synonyms.txt")
        self._synonyms = synonyms
        self._variant = re.compile("|".join(re.escape(v) for v in sorted(synonyms, key=len, reverse=True)))
        self._tokenizer = _quiet_tokenizer()
        file = root / "terms.txt"
        for line in load_lines(file):
            parts = line.split()
            if len(parts) != 3 or not parts[1].isdigit():
                raise KnowledgeError(file, line, "must be 'word frequency tag'")
            self._tokenizer.add_word(parts[0], int(parts[1]), parts[2])

    def canonical(self, text: str) -> str:
        """Replace every variant spelling by its canonical form, in lower case."""
        if not self._synonyms:
            return text.lower()
        return self._variant.sub(lambda found: self._synonyms[found.group()], text.lower())

    def cut(self, text: str) -> list[str]:
        """Search words of ``text``; long words also give their parts. Punctuation and emoji give none."""
        return self.cut_canonical(self.canonical(text))

    def cut_canonical(self, canonical: str) -> list[str]:
        """:meth:`cut` for text that is canonical already."""
        return [word for word in self._tokenizer.cut_for_search(canonical) if _WORD.search(word)]

    @staticmethod
    def letters(canonical: str) -> list[str]:
        """Characters and pairs of characters of canonical text, which survive a misheard or misspelt word."""
        plain = "".join(_WORD.findall(canonical))
        return [*plain, *(plain[i : i + 2] for i in range(len(plain) - 1))]

    def unknown_share(self, words: Sequence[str], known: Set[str]) -> float:
        """Share 0..1 of ``words`` of two letters and more not in ``known``, the rarer in ordinary Chinese the heavier."""
        weights = {word: self._rarity(word) for word in words if len(word) > 1}
        total = sum(weights.values())
        return sum(weight for word, weight in weights.items() if word not in known) / total if total else 0.0

    def _rarity(self, word: str) -> float:
        return math.log(self._tokenizer.total / max(self._tokenizer.FREQ.get(word) or 0, 1)) ** 2


def _quiet_tokenizer() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jieba = importlib.import_module("jieba")
    jieba.setLogLevel(logging.WARNING)
    tokenizer = jieba.Tokenizer()
    tokenizer.initialize()
    return tokenizer
