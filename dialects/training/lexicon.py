"""Words and how they are pronounced.

Words are cut as jieba cuts them, with this field's words added; numbers sign by sign. A word's pronunciations are
pypinyin's reading of it, the readings its characters have elsewhere, and, for an accent, what its speakers say.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import jieba

from dialects.training.accent import Accent, sandhi, spoken
from dialects.training.phones import HAN, Syllable, readings, syllables
from dialects.training.spoken import NUMERALS
from dialects.training.text import ROOT

Pronunciation = tuple[Syllable, ...]
_NUMBERS = re.compile(f"[{''.join(sorted(NUMERALS))}]+|[^{''.join(sorted(NUMERALS))}]+")
_LONGEST = 6
_DOMAIN_COUNT = 20_000
_TERMS = ("dialects/terms.txt", "nlu_data/jieba/tax.txt", "kb/terms.txt")
_ALSO: Mapping[str, tuple[Syllable, ...]] = {
    "的": (("d", "e5"),),
    "了": (("l", "e5"), ("l", "iao3")),
    "还": (("h", "ai2"), ("h", "uan2")),
    "幺": (("^", "iao1"),),
    "行": (("x", "ing2"), ("h", "ang2")),
    "得": (("d", "e5"), ("d", "ei3")),
    "地": (("d", "e5"), ("d", "i4")),
    "着": (("zh", "e5"), ("zh", "ao2")),
    "都": (("d", "ou1"),),
    "一": (("^", "i1"), ("^", "i4"), ("^", "i2")),
    "不": (("b", "u4"), ("b", "u2")),
    "那": (("n", "a4"), ("n", "ei4")),
    "这": (("zh", "e4"), ("zh", "ei4")),
    "谁": (("sh", "ei2"), ("sh", "uei2")),
    "吗": (("m", "a5"),),
    "嘛": (("m", "a5"),),
    "呢": (("n", "e5"),),
    "冇": (("m", "ao3"),),
    "唔": (("^", "u2"), ("m", "u5")),
    "哦": (("^", "o2"), ("^", "o4"), ("^", "o5")),
    "啊": (("^", "a5"), ("^", "a1")),
    "咯": (("l", "o5"),),
    "嘞": (("l", "ei5"), ("l", "e5")),
    "噻": (("s", "ai1"), ("s", "ai5")),
}


@dataclass(frozen=True)
class Lexicon:
    """Pronunciations a word, the usual one first; each other costs ``-ln`` of its share more."""

    words: Mapping[str, tuple[Pronunciation, ...]]

    def __contains__(self, word: str) -> bool:
        return word in self.words


@lru_cache(maxsize=1)
def general_words() -> Mapping[str, float]:
    """Words of one to six Han characters in jieba's dictionary with their counts."""
    spec = find_spec("jieba")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("jieba is missing: run scripts/training.sh")
    counts: dict[str, float] = {}
    for line in (Path(spec.origin).parent / "dict.txt").read_text(encoding="utf-8").splitlines():
        word, count, *_ = line.split(" ")
        if len(word) <= _LONGEST and HAN.fullmatch(word) and float(count) > 0:
            counts[word] = float(count)
    return counts


def domain_words(root: Path = ROOT) -> tuple[str, ...]:
    """The field's terms from the word lists of dialects, understanding and knowledge base."""
    found: dict[str, None] = {}
    for name in _TERMS:
        path = root / name
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            word = line.split("#")[0].split("\t")[0].split(" ")[0].strip()
            if HAN.fullmatch(word) and len(word) <= _LONGEST:
                found[word] = None
    return tuple(found)


class Cutter:
    """Cuts text into the words a model may know."""

    def __init__(self, domain: Iterable[str]) -> None:
        self._dictionary = jieba.Tokenizer()
        self._dictionary.initialize()
        for word in domain:
            self._dictionary.add_word(word, _DOMAIN_COUNT)

    def cut(self, text: str) -> list[str]:
        """Words in their order; numerals one by one."""
        words: list[str] = []
        for part in _NUMBERS.findall(text):
            if part[0] in NUMERALS:
                words.extend(part)
            else:
                words.extend(self._dictionary.cut(part, HMM=False))
        return words


def vocabulary(
    cut: Iterable[Sequence[str]], domain: Iterable[str], size: int, least: int = 2
) -> tuple[str, ...]:
    """Domain words, words of the cut texts seen ``least`` times, every common character, then jieba's commonest up to ``size``."""
    counts: dict[str, int] = {}
    for words in cut:
        for word in words:
            counts[word] = counts.get(word, 0) + 1
    general = general_words()
    found = dict.fromkeys((*NUMERALS, *domain))
    found |= dict.fromkeys(word for word in sorted(counts) if counts[word] >= least and len(word) <= _LONGEST)
    signs = sorted(word for word in general if len(word) == 1)
    found |= dict.fromkeys(sorted(signs, key=lambda s: -general[s])[:4500])
    for word in sorted(general, key=lambda w: (-general[w], w)):
        if len(found) >= size:
            break
        if len(word) <= 4:
            found[word] = None
    return tuple(sorted(found))


def pronunciations(word: str) -> tuple[Pronunciation, ...]:
    """Standard readings, the usual one first, with tones as written and as said in a row; empty when it cannot be read."""
    if len(word) == 1:
        return tuple((syllable,) for syllable in _ALSO.get(word) or readings(word)[:2])
    read = syllables(word)
    return tuple(dict.fromkeys((read, sandhi(read, word)))) if read else ()


def accented(pronunciation: Pronunciation, accent: Accent) -> tuple[Pronunciation, ...]:
    """What speakers with a full accent make of it: with the region's tones, and with the standard ones."""
    full, segments = (spoken(pronunciation, accent, 1.0, _Fixed(value)) for value in (0.0, 0.9))
    toned = tuple((i, f[:-1] + p[1][-1]) for (i, f), p in zip(full, pronunciation, strict=True))
    return tuple(dict.fromkeys(p for p in (full, toned, segments) if p != pronunciation))


class _Fixed(random.Random):
    """Draws always the same: 0 lets every rule happen whose share is above it."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self._value = value

    def random(self) -> float:
        return self._value


def lexicon(
    words: Iterable[str], accent: Accent | None = None, accented_words: frozenset[str] = frozenset()
) -> Lexicon:
    """Pronunciations of all ``words`` that can be read; accented ones for ``accented_words``."""
    found: dict[str, tuple[Pronunciation, ...]] = {}
    for word in words:
        said = pronunciations(word)
        if accent is not None and word in accented_words:
            said = tuple(dict.fromkeys((*said, *(p for s in said[:1] for p in accented(s, accent)))))
        if said:
            found[word] = said
    return Lexicon(found)
