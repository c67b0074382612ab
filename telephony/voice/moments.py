"""Days and times of day as spoken: 二零二六年十一月二十三日, 下午两点半, 上午九点到十二点."""

from __future__ import annotations

import re

from telephony.voice.figures import cardinal, year

_YEAR = r"((?:19|20)[0-9]{2})"
_MONTH = r"(0?[1-9]|1[0-2])"
_DAY = r"(0?[1-9]|[12][0-9]|3[01])"
_ISO_DAY = re.compile(rf"(?<![0-9A-Za-z.-]){_YEAR}([-/.]){_MONTH}\2{_DAY}(?![0-9.-]*[0-9])(?:T(?=[0-9]))?")
_ISO_MONTH = re.compile(rf"(?<![0-9A-Za-z.-]){_YEAR}-(0[1-9]|1[0-2])(?![0-9-])")
_QUARTER = re.compile(rf"(?<![0-9A-Za-z]){_YEAR}[-年 ]?[Qq]([1-4])(?![0-9A-Za-z])")
_YEAR_WORD = re.compile(r"(?<![0-9.,])((?:19|20)[0-9]{2})(?=\s*(?:年|[-~至到—–]+\s*(?:19|20)[0-9]{2}\s*年))")
_MONTH_DAY = re.compile(
    rf"(?<![0-9.]){_MONTH}\s*月(?:份)?\s*{_DAY}(?=\s*(?:[日号]|[-~至到—–]+\s*[0-9]{{1,2}}\s*[日号]))"
)
_SPACED = re.compile(
    r"(?<=[零一二三四五六七八九十])\s+(?=[年月日号])|(?<=[年月])\s+(?=[0-9零一二三四五六七八九十])"
)

_PARTS = "凌晨|清晨|早上|早晨|上午|中午|下午|傍晚|晚上|夜里"
_CLOCK = rf"({_PARTS})?\s*([01]?[0-9]|2[0-4])[:：]([0-5][0-9])(?:[:：][0-5][0-9])?"
_RANGE = re.compile(rf"(?<![0-9.:：]){_CLOCK}\s*(?:[-~—–]+|至|到)\s*{_CLOCK}(?![0-9:：])")
_TIME = re.compile(rf"(?<![0-9.:：]){_CLOCK}(?![0-9:：])")


def say_days(text: str) -> str:
    """Dates with their year, months, quarters; ``11月23日`` too. Other figures stay."""
    text = _ISO_DAY.sub(
        lambda found: f"{year(found[1])}年{_plain(found[3])}月{_plain(found[4])}日",
        text,
    )
    text = _QUARTER.sub(lambda found: f"{year(found[1])}年第{cardinal(found[2])}季度", text)
    text = _ISO_MONTH.sub(lambda found: f"{year(found[1])}年{_plain(found[2])}月", text)
    text = _YEAR_WORD.sub(lambda found: year(found[1]), text)
    text = _MONTH_DAY.sub(lambda found: f"{_plain(found[1])}月{_plain(found[2])}", text)
    return _SPACED.sub("", text)


def say_times(text: str) -> str:
    """``14:30`` as 下午两点半; the part of the day is said once in a range and never twice."""
    text = _RANGE.sub(_range, text)
    return _TIME.sub(lambda found: "".join(_clock(found[1], int(found[2]), found[3])), text)


def _range(found: re.Match[str]) -> str:
    part, begin = _clock(found[1], int(found[2]), found[3])
    later, end = _clock(found[4], int(found[5]), found[6])
    return f"{part}{begin}到{'' if later == part else later}{end}"


def _clock(said: str | None, hour: int, minutes: str) -> tuple[str, str]:
    hour %= 24
    part = said or _part(hour)
    shown = hour - 12 if hour > 12 else hour
    words = f"{cardinal(str(shown), counting=True)}点"
    if minutes == "30":
        words += "半"
    elif minutes == "15":
        words += "一刻"
    elif minutes != "00":
        words += f"{'零' if minutes < '10' else ''}{_plain(minutes)}分"
    return part, words


def _part(hour: int) -> str:
    for until, part in ((6, "凌晨"), (9, "早上"), (12, "上午"), (13, "中午"), (19, "下午")):
        if hour < until:
            return part
    return "晚上"


def _plain(digits: str) -> str:
    return cardinal(digits)
