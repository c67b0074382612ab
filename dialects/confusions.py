"""Which sounds an accent or a telephone line confuses, and text as it would come out of such a confusion.

The tables stand in ``dialects/packs/<pack>/confusions.yml``: ``initials`` and ``finals`` as ``[one, other, weight]``
(weight 0 to 1: how usual), ``fillers`` as words.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import jieba
import yaml
from pypinyin import lazy_pinyin

from dialects.lexicon import PACKS, TableError
from dialects.sounds import each_sign

_COMMON = 500
"""Characters counted less often in jieba's list are not what anybody would write by mistake."""
_SUBSTITUTED, _DELETED = 0.7, 0.15
"""Shares of the errors; the rest are fillers put in."""
_SAME_SOUND = 0.5
_STOPS = frozenset("，。！？、；：…~,.!?;: ")
_INITIALS = ("zh", "ch", "sh", *"bpmfdtnlgkhjqxrzcsyw")


@dataclass(frozen=True)
class Confusions:
    """Pairs of syllable parts with weights, and the words people fill pauses with."""

    initials: tuple[tuple[str, str, float], ...]
    finals: tuple[tuple[str, str, float], ...]
    fillers: tuple[str, ...]

    def neighbours(self, syllable: str) -> list[tuple[str, float]]:
        """Syllables that ``syllable`` may be taken for, with weights."""
        initial = next((i for i in _INITIALS if syllable.startswith(i)), "")
        final = syllable[len(initial) :]
        found = [(new + final, weight) for new, weight in _others(initial, self.initials)]
        return found + [(initial + new, weight) for new, weight in _others(final, self.finals)]


def _others(part: str, pairs: Iterable[tuple[str, str, float]]) -> list[tuple[str, float]]:
    return [
        (other if part == one else one, weight)
        for one, other, weight in pairs
        if part and part in (one, other)
    ]


def read_confusions(path: Path) -> Confusions:
    """One pack's table; :class:`TableError` when a pair is not ``[sound, sound, weight]``."""
    given: Mapping[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    try:
        initials, finals = (
            tuple((str(a), str(b), float(w)) for a, b, w in given.get(key) or ())
            for key in ("initials", "finals")
        )
    except (TypeError, ValueError):
        raise TableError(f"{path}: initials、finals 的每一项应为 [音, 音, 权重]") from None
    return Confusions(initials, finals, tuple(str(word) for word in given.get("fillers") or ()))


@lru_cache(maxsize=1)
def all_confusions() -> tuple[Confusions, ...]:
    """The tables of all packs."""
    return tuple(read_confusions(path) for path in sorted(PACKS.glob("*/confusions.yml")))


@lru_cache(maxsize=1)
def _signs_by_syllable() -> Mapping[str, tuple[Sequence[str], Sequence[float]]]:
    jieba.initialize()
    counts: dict[str, int] = defaultdict(int)
    for word, count in jieba.dt.FREQ.items():
        for sign in word:
            if count and "\u4e00" <= sign <= "\u9fff":
                counts[sign] += count
    found: dict[str, list[str]] = defaultdict(list)
    for sign in sorted(counts):
        if counts[sign] >= _COMMON:
            found[lazy_pinyin(sign)[0]].append(sign)
    return {key: (signs, [counts[sign] ** 0.5 for sign in signs]) for key, signs in found.items()}


def misheard(text: str, rate: float, table: Confusions, draw: random.Random) -> str:
    """``text`` without punctuation and with errors in about ``rate`` of its Han characters; never empty."""
    kept = [sign for sign in text if sign not in _STOPS]
    sounds = each_sign("".join(kept))
    out: list[str] = []
    for sign, sound in zip(kept, sounds, strict=True):
        if not "\u4e00" <= sign <= "\u9fff" or draw.random() >= rate:
            out.append(sign)
            continue
        kind = draw.random()
        if kind < _SUBSTITUTED:
            out.append(_alike(sign, sound, table, draw))
        elif kind >= _SUBSTITUTED + _DELETED and table.fillers:
            out.extend((draw.choice(table.fillers), sign))
    return "".join(out) or text


def _alike(sign: str, sound: str, table: Confusions, draw: random.Random) -> str:
    near = table.neighbours(sound)
    if near and draw.random() >= _SAME_SOUND:
        sound = draw.choices([s for s, _ in near], [w for _, w in near])[0]
    signs, weights = _signs_by_syllable().get(sound, ((), ()))
    left = [(other, weight) for other, weight in zip(signs, weights, strict=True) if other != sign]
    return draw.choices([s for s, _ in left], [w for _, w in left])[0] if left else sign
