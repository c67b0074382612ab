"""Phones: 22 initials and 38 finals in five tones, as the Baker corpus writes them, and their forms in Kaldi.

A syllable is always one initial (``^`` when it has none) and one toned final, so a text of n characters has 2n phones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from pypinyin import Style
from pypinyin.contrib.neutral_tone import NeutralToneWith5Mixin
from pypinyin.contrib.tone_convert import to_finals, to_initials
from pypinyin.converter import DefaultConverter
from pypinyin.core import Pinyin

Syllable = tuple[str, str]
"""Initial and toned final."""

SILENCE = "sil"
INITIALS = (
    "^",
    "b",
    "c",
    "ch",
    "d",
    "f",
    "g",
    "h",
    "j",
    "k",
    "l",
    "m",
    "n",
    "p",
    "q",
    "r",
    "s",
    "sh",
    "t",
    "x",
    "z",
    "zh",
)
FINALS = (
    "a",
    "ai",
    "an",
    "ang",
    "ao",
    "e",
    "ei",
    "en",
    "eng",
    "er",
    "i",
    "ia",
    "ian",
    "iang",
    "iao",
    "ie",
    "ii",
    "iii",
    "in",
    "ing",
    "iong",
    "iou",
    "o",
    "ong",
    "ou",
    "u",
    "ua",
    "uai",
    "uan",
    "uang",
    "uei",
    "uen",
    "ueng",
    "uo",
    "v",
    "van",
    "ve",
    "vn",
)
OUTPUTS = (SILENCE, *INITIALS, *(final + tone for final in FINALS for tone in "12345"))
"""What the network tells apart, in the order of its outputs."""

HAN = re.compile("[\u4e00-\u9fff]+")
_KNOWN = frozenset(OUTPUTS)
_ODD = {
    "嗯": ("^", "en5"),
    "呣": ("m", "u5"),
    "欸": ("^", "ei5"),
    "诶": ("^", "ei5"),
    "哟": ("^", "iao5"),
    "唷": ("^", "iao5"),
    "哼": ("h", "eng1"),
}


class _Converter(NeutralToneWith5Mixin, DefaultConverter):
    pass


_PINYIN = Pinyin(_Converter())


def _each_sign(text: str, heteronym: bool = False) -> list[list[str]]:
    # With ``list`` what cannot be read becomes one item a sign.
    return _PINYIN.pinyin(text, style=Style.TONE3, heteronym=heteronym, errors=list)  # type: ignore[arg-type]


@lru_cache(maxsize=4096)
def split(pinyin: str) -> Syllable:
    """``zhong1`` → ``("zh", "ong1")``. Raises :class:`ValueError` for what is no Mandarin syllable."""
    tone = pinyin[-1] if pinyin[-1:] in "12345" else "5"
    plain = pinyin.rstrip("12345")
    if plain == "yo":
        return "^", "iou" + tone
    initial = to_initials(plain, strict=True) or "^"
    final = to_finals(plain, strict=True, v_to_u=False)
    if final == "i" and initial in ("z", "c", "s"):
        final = "ii"
    elif final == "i" and initial in ("zh", "ch", "sh", "r"):
        final = "iii"
    if initial not in INITIALS or final not in FINALS:
        raise ValueError(f"not a Mandarin syllable: {pinyin!r}")
    return initial, final + tone


def syllables(text: str) -> tuple[Syllable, ...] | None:
    """One syllable a Han character of ``text``, read in its context; ``None`` when one has no Mandarin reading."""
    found: list[Syllable] = []
    for sign, (reading,) in zip(text, _each_sign(text), strict=True):
        try:
            found.append(_ODD.get(sign) or split(reading))
        except ValueError:
            return None
    return tuple(found)


def readings(sign: str) -> tuple[Syllable, ...]:
    """All readings of one character, the usual one first."""
    if sign in _ODD:
        return (_ODD[sign],)
    found: list[Syllable] = []
    for reading in _each_sign(sign, heteronym=True)[0]:
        try:
            syllable = split(reading)
        except ValueError:
            continue
        if syllable not in found:
            found.append(syllable)
    return tuple(found)


def flat(syllables: Sequence[Syllable]) -> list[str]:
    """Phones in a row."""
    return [phone for syllable in syllables for phone in syllable]


# --- phones by position in the word, as Kaldi numbers them ------------------------------------------------------------


def _positions() -> tuple[tuple[str, str, int], ...]:
    rows = [(SILENCE, "nonword", 0)]
    for index, phone in enumerate(OUTPUTS[1:], 1):
        final = phone[-1] in "12345"
        for mark, name in (("I", "internal"), ("E", "end")) if final else (("B", "begin"), ("I", "internal")):
            rows.append((f"{phone}_{mark}", name, index))
    return tuple(rows)


PHONES = _positions()
"""``(name, position, output)``; the phone's number is its place in this row plus one."""
NUMBERS = {name: number for number, (name, _, _) in enumerate(PHONES, 1)}


def word_phones(pronunciation: Sequence[Syllable]) -> tuple[int, ...]:
    """Phone numbers of a whole word: first initial ``_B``, last final ``_E``, all others ``_I``."""
    last = len(pronunciation) - 1
    numbers: list[int] = []
    for at, (initial, final) in enumerate(pronunciation):
        numbers.append(NUMBERS[initial + ("_B" if at == 0 else "_I")])
        numbers.append(NUMBERS[final + ("_E" if at == last else "_I")])
    return tuple(numbers)
