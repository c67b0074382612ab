"""How a spoken form sounds: words, their syllables with the tones as pronounced, and the rests between them."""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

from telephony.voice.polyphones import is_han, read
from telephony.voice.sandhi import change

Cut = Callable[[str], Iterable[str]]
"""Cuts a stretch of Han characters into words."""


class Rest(IntEnum):
    """What follows a word."""

    NONE = 0
    SHORT = 1
    COMMA = 2
    STOP = 3


@dataclass(frozen=True, slots=True)
class Word:
    """A word: one syllable for each sign (``lv4``), or the upper-case letter itself if it is to be spelled."""

    signs: str
    syllables: tuple[str, ...]
    rest: Rest = Rest.NONE


_STRETCH = re.compile(r"([^，。！？、；：\s]*)([，。！？、；：\s]*)")
_RUN = re.compile(
    r"[A-Z]+|[零幺一二三四五六七八九]*[零幺][零幺一二三四五六七八九]*(?![十百千万亿])|[^A-Z]+?(?=[A-Z零幺]|$)"
)
_CLINGS = "的了吗呢吧着过们地得啊呀嘛里上下"
_LEADS = "请在从按把给为对向到是您我你不没也都就还再已很最每"


@cache
def _jieba() -> Cut:
    """jieba's own dictionary; loading it takes about a second."""
    jieba = importlib.import_module("jieba")
    jieba.setLogLevel(logging.WARNING)
    cut: Cut = jieba.lcut
    return cut


def reading(text: str, cut: Cut | None = None) -> tuple[Word, ...]:
    """The words of a spoken form (:func:`telephony.voice.spoken.spoken`), ready to be pronounced."""
    words: list[Word] = []
    for found in _STRETCH.finditer(text):
        stretch, marks = found.groups()
        rest = _rest(marks)
        if not stretch:
            if words and rest > words[-1].rest:
                words[-1] = Word(words[-1].signs, words[-1].syllables, rest)
            continue
        words += _breath(stretch, rest, cut or _jieba())
    return tuple(words)


def _rest(marks: str) -> Rest:
    if any(mark in "。！？；" for mark in marks):
        return Rest.STOP
    if any(mark in "，：" for mark in marks):
        return Rest.COMMA
    return Rest.SHORT if marks else Rest.NONE


def _breath(stretch: str, rest: Rest, cut: Cut) -> list[Word]:
    """One breath group, nothing but words: what cannot be read is left out."""
    syllables = read(stretch)
    pairs: list[tuple[str, list[str]]] = []
    at = 0
    for word in _words(stretch, cut):
        known = [
            (sign, syllable or sign)
            for sign, syllable in zip(word, syllables[at : at + len(word)], strict=True)
            if syllable or sign.isascii() and not is_han(sign)
        ]
        at += len(word)
        if known:
            pairs.append(("".join(sign for sign, _ in known), [syllable for _, syllable in known]))
    sounded = change(pairs)
    return [
        Word(signs, tuple(heard), rest if place == len(pairs) - 1 else Rest.NONE)
        for place, ((signs, _), heard) in enumerate(zip(pairs, sounded, strict=True))
    ]


def _words(stretch: str, cut: Cut) -> list[str]:
    """Words as they are said in one go: particles cling to what precedes them, light words to what follows."""
    words: list[str] = []
    for run in _RUN.findall(stretch):
        coded = run[0].isascii() or "幺" in run or "零" in run
        for word in [run] if coded else cut(run):
            joins = words and not words[-1][-1].isascii() and not coded
            if joins and (
                len(word) == 1
                and word in _CLINGS
                or len(words[-1]) == 1
                and words[-1] in _LEADS
                and len(word) < 3
            ):
                words[-1] += word
            else:
                words.append(word)
    return words
