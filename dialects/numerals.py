"""Where numbers stand in spoken text, and the plain ones among them read.

Everything the dialogue reads back (sums, dates, numbers of papers) is found here, so that repair keeps its hands off it.
"""

from __future__ import annotations

import re
from decimal import Decimal

DIGITS = {sign: value for value, sign in enumerate("零一二三四五六七八九")}
READ_OUT = {
    **{sign: str(value) for sign, value in DIGITS.items()},
    **dict.fromkeys("〇洞", "0"),
    **dict.fromkeys("幺腰妖", "1"),
    **dict(zip("两拐勾", "279", strict=True)),
    **{str(value): str(value) for value in range(10)},
}
"""How a digit is said when a number is read out sign by sign."""
NUMERAL = "0123456789零〇一二两三四五六七八九十百千万亿幺洞拐勾叉几半"
_UNIT = "块元毛角分月号日年点成倍天"
PROTECTED = re.compile(rf"(?:第|百分之|千分之|万分之)?[{NUMERAL}]+(?:[{_UNIT}][{NUMERAL}{_UNIT}]*|[xX])?")
"""A stretch that may hold an amount, a date or an id; 一 in 一下 as well, which does no harm."""
_SECTION = r"(?:[一二两三四五六七八九]千)?(?:零?[一二两三四五六七八九]百)?(?:零?[一二两三四五六七八九]?十)?(?:零?[一二两三四五六七八九])?"
PLAIN = re.compile(rf"(?:{_SECTION}万)?{_SECTION}")
"""A whole number said with its units; may match nothing, or something that :func:`read_plain` refuses."""
_UNITS = {"十": 10, "百": 100, "千": 1000}


def protected(text: str) -> list[bool]:
    """For each character whether it belongs to a number."""
    marks = [False] * len(text)
    for found in PROTECTED.finditer(text):
        marks[found.start() : found.end()] = [True] * (found.end() - found.start())
    return marks


def read_plain(spoken: str) -> Decimal | None:
    """The value of 五万三千, 一百零五, 十五, 五万三 (53,000), 三千五 (3,500); ``None`` for anything less regular."""
    if not spoken or not PLAIN.fullmatch(spoken) or spoken[0] == "零":
        return None
    high, wan, low = spoken.rpartition("万")
    if not wan:
        value = _section(low, short_of=0)
    else:
        top = _section(high, short_of=0) if high else None
        rest = _section(low, short_of=10_000) if low else 0
        value = None if top is None or rest is None else top * 10_000 + rest
    return None if value is None else Decimal(value)


def _section(spoken: str, *, short_of: int) -> int | None:
    """A stretch below 万; after ``short_of`` a last digit without a unit counts the next lower one (五万三)."""
    value, last, zero = 0, short_of, False
    position = 0
    while position < len(spoken):
        if spoken[position] == "零":
            zero, position = True, position + 1
            continue
        if spoken[position] == "十":
            digit, end = 1, position
        else:
            digit, end = 2 if spoken[position] == "两" else DIGITS[spoken[position]], position + 1
        unit = _UNITS.get(spoken[end : end + 1])
        if unit is None:
            # After 百 and above a bare digit is short for the unit below, unless 零 says otherwise.
            shortened = not zero and last >= 100
            return value + digit * (last // 10 if shortened else 1)
        value, last, zero, position = value + digit * unit, unit, False, end + 1
    return None if zero else value
