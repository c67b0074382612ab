"""Han characters as syllables with tones, and syllables in their parts."""

from __future__ import annotations

import re

from pypinyin import Style, lazy_pinyin

_INITIALS = ("zh", "ch", "sh", *"bpmfdtnlgkhjqxrzcsyw")
_TONED = re.compile(r"[a-zêü]+[1-5]")


def split(syllable: str) -> tuple[str, str]:
    """Initial and final as written in pinyin, y and w being initials; the initial is empty for 啊, 安, 儿."""
    initial = next((each for each in _INITIALS if syllable.startswith(each)), "")
    return initial, syllable[len(initial) :]


def toned(text: str) -> list[tuple[str, int]]:
    """One item a character: its toneless syllable, by the word it stands in, and tone 1 to 5; tone 0 when it is not Han."""
    found = lazy_pinyin(text, style=Style.TONE3, neutral_tone_with_five=True, errors=list)  # type: ignore[arg-type]
    return [(each[:-1], int(each[-1])) if _TONED.fullmatch(each) else (each, 0) for each in found]
