"""What neighbours do to tones: 不 and 一, and two third tones in a row."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

_NUMERALS = "零一二三四五六七八九十点〇幺两"
_ORDINAL_BEFORE = "第初周期之" + _NUMERALS
_ORDINAL_AFTER = "十月日号是级" + _NUMERALS


def change(words: Sequence[tuple[str, Sequence[str]]]) -> list[list[str]]:
    """The syllables of each word as they sound, from those of the dictionary; each word is (its signs, its syllables).

    The words stand in one breath group: nothing crosses a pause.
    """
    signs = "".join(word for word, _ in words)
    tones = _fixed(signs, [syllable for _, syllables in words for syllable in syllables])
    changed, at = [], 0
    for word, _ in words:
        changed.append(tones[at : at + len(word)])
        at += len(word)
    return _third(changed)


def _fixed(signs: str, syllables: list[str]) -> list[str]:
    """不 rises before a falling tone; 一 too, and falls before the others, unless it counts or ends."""
    for at, sign in enumerate(signs):
        after = syllables[at + 1][-1:] if at + 1 < len(syllables) else ""
        before = signs[at - 1 : at]
        if sign == "不" and syllables[at][:-1] == "bu":
            syllables[at] = "bu2" if after == "4" else "bu4"
        elif sign == "一" and syllables[at][:-1] == "yi":
            counts = (before and before in _ORDINAL_BEFORE) or signs[at + 1 : at + 2] in _ORDINAL_AFTER
            if not after or counts or signs[at - 1 : at + 1] in ("统一", "唯一", "同一"):
                syllables[at] = "yi1"
            else:
                syllables[at] = "yi2" if after in "45" else "yi4"
    return syllables


def _third(words: list[list[str]]) -> list[list[str]]:
    """Inside a word each third tone before another rises; between words only where one of them is a single syllable."""
    for word in words:
        for at in range(len(word) - 1):
            if word[at].endswith("3") and word[at + 1].endswith("3"):
                word[at] = word[at][:-1] + "2"
    for word, following in itertools.pairwise(words):
        short = len(word) == 1 or len(following) == 1
        if short and word[-1].endswith("3") and following[0].endswith("3"):
            word[-1] = word[-1][:-1] + "2"
    return words
