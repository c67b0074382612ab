"""Rates and shares: 万分之五, 百分之二十, 5%, 三成. They keep a rate from being read as an amount."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from bot.parsing.entity import Match
from bot.parsing.numeral import read_at
from bot.parsing.source import Source

_PARTS = re.compile(r"(?P<base>[百千万])分之(?=[\d零一二三四五六七八九十])")
_PERCENT = re.compile(r"(?<![\d.])(\d{1,4}(?:\.\d{1,6})?)\s?([%‰])")
_TENTHS = re.compile(r"(?<![\d零一二三四五六七八九十])([一二三四五六七八九])成(?![立功为了果交都员本年])")
_BASES = {"百": 100, "千": 1000, "万": 10_000, "%": 100, "‰": 1000}


def find(source: Source, today: date) -> Iterator[Match]:
    """Rates as plain fractions; ``today`` does not matter."""
    text = source.text
    for found in _PARTS.finditer(text):
        number = read_at(text, found.end())
        if number is not None and number.value is not None:
            yield Match("rate", found.start(), number.end, _plain(number.value / _BASES[found["base"]]))
    for found in _PERCENT.finditer(text):
        yield Match("rate", found.start(), found.end(), _plain(Decimal(found[1]) / _BASES[found[2]]))
    for found in _TENTHS.finditer(text):
        number = read_at(text, found.start())
        if number is not None and number.value is not None:
            yield Match("rate", found.start(), found.end(), _plain(number.value / 10))


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"
