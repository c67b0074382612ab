"""Which of its readings a character has here: pypinyin's phrases, and the words of ``polyphones.tsv`` before them.

pypinyin reads 还款 as hái kuǎn, 应纳税所得额 with a neutral 得, and 单女士 as dān: words that every call says.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from pypinyin import Style, lazy_pinyin

_TITLES = {
    "先生": ("xian1", "sheng5"),
    "女士": ("nv3", "shi4"),
    "小姐": ("xiao3", "jie3"),
    "老板": ("lao3", "ban3"),
    "经理": ("jing1", "li3"),
    "师傅": ("shi1", "fu5"),
    "同志": ("tong2", "zhi4"),
}


def is_han(sign: str) -> bool:
    """Whether ``sign`` is a Chinese character."""
    return "\u3400" <= sign <= "\u9fff" or sign == "〇" or sign >= "\U00020000"


def read(text: str) -> list[str]:
    """One entry for each sign: the syllable in lower case with its tone (``lv4``, ``ma5``), without sandhi.

    Empty for what is no Chinese character or has no known reading.
    """
    words, longest = _overrides()
    syllables: list[str] = []
    at = begin = 0
    while at < len(text):
        for length in range(min(longest, len(text) - at), 0, -1):
            found = words.get(text[at : at + length])
            if found is not None:
                syllables += _common(text[begin:at])
                syllables += found
                at = begin = at + length
                break
        else:
            at += 1
    return syllables + _common(text[begin:])


def _common(text: str) -> list[str]:
    if not text:
        return []
    return [
        syllable if syllable.isascii() and syllable[-1:] in "12345" else ""
        for syllable in lazy_pinyin(
            text.replace("〇", "零"),
            style=Style.TONE3,
            neutral_tone_with_five=True,
            errors=_nothing,
        )
    ]


def _nothing(signs: str) -> Any:
    """pypinyin takes a list for one entry a sign, though its types know of strings only."""
    return [""] * len(signs)


@cache
def _overrides() -> tuple[Mapping[str, tuple[str, ...]], int]:
    words: dict[str, tuple[str, ...]] = {}
    table = resources.files("telephony.voice").joinpath("polyphones.tsv").read_text(encoding="utf-8")
    for line in table.splitlines():
        if not line or line.startswith("#"):
            continue
        word, _, reading = line.partition("\t")
        syllables = tuple(reading.split())
        if word.endswith("~"):
            for title, said in _TITLES.items():
                words[word[0] + title] = syllables + said
        else:
            words[word] = syllables
    return words, max(map(len, words))
