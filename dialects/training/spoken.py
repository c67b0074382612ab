"""Numbers as they are said in Mandarin, for training text."""

from __future__ import annotations

import re

DIGITS = "零一二三四五六七八九"
NUMERALS = frozenset(DIGITS + "十百千万亿点幺两")
"""Characters that are words of their own in every model: numbers are recognised sign by sign."""
_UNITS = ((1000, "千"), (100, "百"), (10, "十"))
_GROUPS = ((10**8, "亿"), (10**4, "万"))
_IDS = 5
_NUMBER = re.compile(r"(\d{4})(?=年)|(\d+)(?:\.(\d+))?(%|％)?")


def number(value: int) -> str:
    """``value`` (0 to under 10¹²) the way a clerk says it: 12500 → 一万二千五百, 210 → 二百一十, 15 → 十五."""
    if not 0 <= value < 10**12:
        raise ValueError(f"out of range: {value}")
    if value == 0:
        return DIGITS[0]
    said = ""
    for size, name in _GROUPS:
        if value >= size:
            said += _below_ten_thousand(value // size, said == "") + name
            value %= size
            if value and value < size // 10:
                said += DIGITS[0]
    return said + _below_ten_thousand(value, said == "")


def _below_ten_thousand(value: int, first: bool) -> str:
    said = ""
    gap = False
    for size, name in _UNITS:
        digit, value = divmod(value, size)
        if digit:
            said += (
                (DIGITS[0] if gap else "")
                + ("" if name == "十" and digit == 1 and first and not said else DIGITS[digit])
                + name
            )
            gap = False
        elif said:
            gap = True
    if value:
        said += (DIGITS[0] if gap else "") + DIGITS[value]
    return said


def digits(text: str, one: str = "一") -> str:
    """Digit by digit; ``one`` is 幺 in telephone numbers."""
    return "".join(one if sign == "1" else DIGITS[int(sign)] for sign in text)


def say_numbers(text: str) -> str:
    """``text`` with Arabic digits said: years and long numbers digit by digit, the rest as quantities."""

    def said(match: re.Match[str]) -> str:
        year, whole, fraction, percent = match.groups()
        if year:
            return digits(year)
        if len(whole) >= _IDS and not fraction and (whole[0] == "0" or len(whole) > 7 or whole[-1] != "0"):
            return digits(whole)
        spoken = digits(whole) if whole[0] == "0" and len(whole) > 1 else number(int(whole))
        return ("百分之" if percent else "") + spoken + ("点" + digits(fraction) if fraction else "")

    return _NUMBER.sub(said, text)
