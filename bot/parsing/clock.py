"""Times of day: 下午三点, 上午十点半, 九点一刻, 15:30."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from bot.parsing.entity import Match
from bot.parsing.numeral import COUNT, count
from bot.parsing.source import Source

_MORNING = ("凌晨", "早上", "早晨", "清早", "上午", "早")
_AFTERNOON = ("下午", "午后", "傍晚", "晚上", "夜里", "晚")
_NOON = ("中午",)
_PART = "|".join(_MORNING[:-1] + _AFTERNOON[:-1] + _NOON)
_SHORT_PART = re.compile(r"[今明昨天](早|晚)的?$")
_HOUR = r"(?P<hour>(?:[01]?\d|2[0-4])|二?十[一二三四五六七八九]?|[零一二三四五六七八九])"
_MINUTE = r"(?P<minute>半|[一三]刻|整|钟整?|过?(?:零[一二三四五六七八九五]|[一二三四五]?十[一二三四五六七八九]?|[0-5]\d)分?)?"
_SPOKEN = re.compile(
    rf"(?P<part>{_PART})?(?<![\d零一二三四五六七八九十.])的?{_HOUR}(?:点|时(?!间|候|常|时|期)){_MINUTE}"
)
_WRITTEN = re.compile(rf"(?P<part>{_PART})?(?<![\d:.])(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?![\d:])")
_USED = re.compile(
    r"\s*(?:之?前|之?后|以前|以后|左右|多|来?再?(?:打|给|找|联系|回|来|去|过来)|行|可以|吧|好|$|[,，。！!？?])"
)
_DAY_BEFORE = re.compile(r"(?:[今明后昨前]天|[号日]|周[一二三四五六日天]|早|晚)的?$")
_NO_TIME_AFTER = re.compile(r"[\d零一二三四五六七八九十万千百]")


def find(source: Source, today: date) -> Iterator[Match]:
    """Times as ``HH:MM``; ``today`` does not matter.

    With neither a part of the day nor a clock word, 1 to 6 is the afternoon: nobody asks an office to call at three in
    the night.
    """
    text = source.text
    for found in _WRITTEN.finditer(text):
        yield from _emit(found, int(found["hour"]), int(found["minute"]))
    for found in _SPOKEN.finditer(text):
        if not _plausible(text, found):
            continue
        yield from _emit(found, count(found["hour"]), _minute(found["minute"]))


def _plausible(text: str, found: re.Match[str]) -> bool:
    """A point in an argument (有三点要问, 快一点, 三点二万) is no time."""
    if _NO_TIME_AFTER.match(text, found.end()):
        return False
    if found["part"] or found["minute"]:
        return True
    if _DAY_BEFORE.search(text[max(0, found.start() - 6) : found.start()]):
        return True
    if text[found.start() - 1 : found.start()] in (
        "有",
        "这",
        "那",
        "几",
        "早",
        "晚",
        "快",
        "慢",
        "多",
        "少",
        "第",
    ):
        return False
    return found["hour"] not in ("一", "零") and _USED.match(text, found.end()) is not None


def _minute(spoken: str | None) -> int:
    if not spoken or spoken.startswith(("整", "钟")):
        return 0
    if spoken == "半":
        return 30
    if spoken.endswith("刻"):
        return 15 * count(spoken[0])
    digits = spoken.lstrip("过").rstrip("分")
    return (
        count(digits.lstrip("零") if len(digits) > 1 else digits)
        if re.fullmatch(COUNT, digits.lstrip("零"))
        else 0
    )


def _emit(found: re.Match[str], hour: int, minute: int) -> Iterator[Match]:
    part = found["part"] or ""
    if not part and (short := _SHORT_PART.search(found.string[max(0, found.start() - 4) : found.start()])):
        part = short[1]
    if part in _AFTERNOON and hour < 12:
        hour += 12
    elif part in _NOON and hour < 3:
        hour += 12
    elif not part and 1 <= hour <= 6 and ":" not in found.group():
        hour += 12
    if hour == 24:
        hour = 0
    if hour > 24 or minute > 59:
        return
    yield Match("time", found.start(), found.end(), f"{hour:02d}:{minute:02d}")
