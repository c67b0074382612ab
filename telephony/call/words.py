"""The fixed words of a call, from ``words.yml``."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

_WHOLE_CLAUSES = re.compile(r".*[，。：！？]", re.DOTALL)
_FILE = Path(__file__).with_name("words.yml")


class WordsError(ValueError):
    """A text is missing or asks for something it is not given."""


@dataclass(frozen=True)
class Words:
    """Texts by id; ``{name}`` in a text is filled in when it is said."""

    texts: Mapping[str, str]

    def say(self, name: str, /, **filled: object) -> str:
        """The text ``name``, filled in. Raises :class:`WordsError`."""
        text = self.texts.get(name)
        if text is None:
            raise WordsError(f"words.yml 里没有“{name}”这一句")
        try:
            return text.format_map(filled)
        except KeyError as missing:
            raise WordsError(f"“{name}”缺少 {missing}") from None

    def fixed(self) -> Iterator[str]:
        """What is always the same, to be rendered ahead: texts without anything to fill in, and the beginnings of the others up to
        the comma or the end of the sentence before it."""
        for text in self.texts.values():
            before, field, _, _ = next(iter(string.Formatter().parse(text)))
            if not field:
                yield text
            elif beginning := _WHOLE_CLAUSES.match(before):
                yield beginning.group()


@lru_cache(maxsize=1)
def shared_words() -> Words:
    """The texts of this house. Raises :class:`WordsError` when the file is not a list of texts by id."""
    given = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    if not isinstance(given, dict) or not all(isinstance(text, str) for text in given.values()):
        raise WordsError("words.yml 应为“名字: 句子”的列表")
    return Words({str(name): text.strip() for name, text in given.items()})
