"""Text as it sounds: syllables without tone, those that accents and telephone lines confuse written alike."""

from __future__ import annotations

from functools import lru_cache

from pypinyin import lazy_pinyin

_INITIALS = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("n", "l"), ("r", "l"), ("hu", "f"))
_FINALS = (("ang", "an"), ("eng", "en"), ("ing", "in"), ("ong", "en"))


@lru_cache(maxsize=8192)
def folded(syllable: str) -> str:
    """One spelling for all syllables that are confused with ``syllable``.

    zh–z, ch–c, sh–s, n–l, r–l, hu–f and -ng–-n: what the accents of the south, Sichuan and Minnan merge.
    """
    if len(syllable) < 2:
        return syllable
    for old, new in _INITIALS:
        if syllable.startswith(old) and len(syllable) > len(old):
            syllable = new + syllable[len(old) :]
            break
    for old, new in _FINALS:
        if syllable.endswith(old) and len(syllable) > len(old):
            return syllable[: -len(old)] + new
    return syllable


def each_sign(text: str) -> list[str]:
    """One item a character: its toneless syllable (by the word it stands in), or itself when it is not Han."""
    return lazy_pinyin(text, errors=list)  # type: ignore[arg-type]  # a list becomes several items


def syllables(text: str) -> list[str]:
    """Folded syllables of the Han characters of ``text``; every other sign but blanks stands for itself."""
    return [folded(s) for s in each_sign(text) if s.strip()]
