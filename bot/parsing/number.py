"""Small numbers with no unit, and places in a list (第二笔)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from bot.parsing.entity import Match
from bot.parsing.numeral import COUNT, count
from bot.parsing.source import Source

_ORDINAL = re.compile(rf"第({COUNT})(?:个|笔|项|条|种|张|份)?(?![\d季年月天周期届次名号])")
_ALONE = re.compile(r"^\W*(?:就?是|有|一共|总共|大概|选)?$")
_AFTER_ALONE = re.compile(r"(?:个|笔|次|份|项)?(?:吧|啊|呀|的|了|哦|呢)?\W*$")
_ASCII_WORD = re.compile(r"[0-9A-Za-z_\-/:.#@%‰号年月日点时度级楼岁]")


def find(source: Source, today: date) -> Iterator[Match]:
    """Ordinals anywhere; bare numbers below 100 when written in figures or when they are the whole answer."""
    text = source.text
    for found in _ORDINAL.finditer(text):
        yield Match("ordinal", found.start(), found.end(), count(found[1]))
    for numeral in source.numerals:
        if numeral.value is None or numeral.scaled or numeral.value >= 100:
            continue
        if text[numeral.start - 1 : numeral.start] == "第":
            continue
        before = text[max(0, numeral.start - 1) : numeral.start]
        after = text[numeral.end : numeral.end + 1]
        if numeral.literal and (
            _ASCII_WORD.match(before) or _ASCII_WORD.match(after) or len(numeral.literal) > 5
        ):
            continue
        alone = (
            numeral.start <= 4
            and _ALONE.match(text[: numeral.start])
            and _AFTER_ALONE.match(text, numeral.end)
        )
        if numeral.literal or alone:
            yield Match("number", numeral.start, numeral.end, f"{numeral.value.normalize():f}")
