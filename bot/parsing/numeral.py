"""Numbers as people say them: 四万六, 3万2千, 三点二万, 十来万, 两三万, 几百, 12,500.30."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

DIGITS = {sign: value for value, sign in enumerate("零一二三四五六七八九")}
COUNT = (
    r"(?:\d{1,3}|[一二三四五六七八九]?十[一二三四五六七八九]?"
    r"|[一二三四五六七八九]百(?:零?[一二三四五六七八九]|[一二三四五六七八九]十[一二三四五六七八九]?)?|[零一二三四五六七八九])"
)
"""Pattern of a small whole number; read it with :func:`count`."""

_SMALL = {"十": 10, "百": 100, "千": 1000}
_BIG = {"万": 10_000, "亿": 100_000_000}
_LATIN = {"w": 10_000, "k": 1000}
_ASCII = re.compile(r"(?:\d{1,3}(?:,\d{3}){1,5}(?![\d,])|\d{1,16}(?!\d))(?:\.\d{1,6}(?![\d.]))?(?!\.\d)")
_START = re.compile(r"[0-9零一二三四五六七八九十几]")
_DIGIT_RUN = re.compile(r"[零一二三四五六七八九]{2,}")
_ASCII_RUN = re.compile(r"[0-9A-Za-z_.,]+")
_WORD_BEFORE = re.compile(r"[0-9A-Za-z_.]")
_FRACTION = re.compile(r"点([零一二三四五六七八九]{1,6})")
_ROUNDING = re.compile(r"多|[来余](?=[万亿块元个天笔])")


@dataclass(frozen=True)
class Numeral:
    """A number found at ``[start, end)``.

    ``value`` is None for 几万 and 两三万. ``scaled`` says that 百, 千, 万 or 亿 was spoken; ``literal`` holds the
    digits when it was written in digits alone.
    """

    start: int
    end: int
    value: Decimal | None
    approx: bool = False
    scaled: bool = False
    literal: str = ""


@dataclass(frozen=True)
class _Section:
    """A stretch below 万: its end and value, and how it was said."""

    end: int
    value: Decimal
    vague: bool = False
    approx: bool = False
    scaled: bool = False
    single: bool = False
    """One digit without a unit, not led by 零: after 四万 it counts thousands."""
    literal: str = ""


def count(text: str) -> int:
    """The whole number that :data:`COUNT` matched.

    Raises ValueError when the text is no number.
    """
    if text.isascii():
        return int(text)
    if text == "零":
        return 0
    found = read_at(text, 0)
    if found is None or found.end != len(text) or found.value is None or found.value % 1:
        raise ValueError(text)
    return int(found.value)


def numerals(text: str) -> Iterator[Numeral]:
    """All numbers from left to right, none inside another; time linear in the length of the text."""
    position = 0
    while (begin := _START.search(text, position)) is not None:
        at = begin.start()
        ascii_run = _ASCII_RUN.match(text, at)
        if ascii_run is not None and _WORD_BEFORE.match(text, max(at - 1, 0)) and at:
            position = ascii_run.end()
            continue
        found = read_at(text, at)
        if found is not None:
            yield found
            position = found.end
        else:
            run = ascii_run or _DIGIT_RUN.match(text, at)
            position = run.end() if run else at + 1


def read_at(text: str, start: int) -> Numeral | None:
    """The longest number beginning exactly at ``start``, or None."""
    total = Decimal(0)
    limit = 0
    position = start
    vague = approx = scaled = False
    literal = ""
    while (section := _section(text, position, first=not limit)) is not None:
        vague, approx, scaled = vague or section.vague, approx or section.approx, scaled or section.scaled
        big = _BIG.get(text[section.end : section.end + 1], 0)
        if not big or limit and big >= limit:
            if section.single and limit:
                total += section.value * (limit // 10)
            else:
                total += section.value
            literal = section.literal if not limit and not section.scaled else ""
            position = section.end
            break
        total += section.value * big
        position = section.end + 1
        if big == 10_000 and not limit and text[position : position + 1] == "亿":
            total *= 100_000_000
            position += 1
        limit, scaled = big, True
        if (rounding := _ROUNDING.match(text, position)) is not None:
            approx, position = True, rounding.end()
            break
    if position == start:
        return None
    return Numeral(start, position, None if vague else total, approx or vague, scaled, literal)


def _section(text: str, start: int, *, first: bool) -> _Section | None:
    if text[start : start + 1].isascii():
        return _digits(text, start, first=first)
    return _spoken(text, start, first=first)


def _digits(text: str, start: int, *, first: bool) -> _Section | None:
    """3万2千, 12,500.30, 4.6w: written figures, with a unit after them or none."""
    token = _ASCII.match(text, start)
    if token is None:
        return None
    literal = token.group()
    value = Decimal(literal.replace(",", ""))
    end = token.end()
    unit = text[end : end + 1]
    after = text[end + 1 : end + 2]
    if first and unit.lower() in _LATIN and not (after.isascii() and after.isalnum()):
        return _Section(end + 1, value * _LATIN[unit.lower()], scaled=True)
    if not first and (value >= 10_000 or "." in literal):
        return None
    if unit in ("百", "千"):
        value *= _SMALL[unit]
        tail = _digits(text, end + 1, first=False) or _spoken(text, end + 1, first=False)
        if tail is None or tail.value >= _SMALL[unit]:
            return _Section(end + 1, value, scaled=True)
        share = _SMALL[unit] // 10 if tail.single else 1
        return _Section(tail.end, value + tail.value * share, tail.vague, tail.approx, scaled=True)
    return _Section(end, value, single=len(literal) == 1 and literal != "0", literal=literal)


def _spoken(text: str, start: int, *, first: bool) -> _Section | None:
    """九千八百零五, 三千五, 十几, 三点二: from units down to the last digit."""
    value = Decimal(0)
    last = 10_000
    position = start
    vague = zero = led = scaled = False
    while position < len(text):
        sign = text[position]
        if sign == "零":
            if first and position == start and (fraction := _FRACTION.match(text, position + 1)) is not None:
                return _fraction(text, fraction, value)
            if (first and position == start) or zero:
                break
            zero, led = True, led or position == start
            position += 1
            continue
        if sign == "十" and last > 10:
            digit, end = Decimal(1), position
        else:
            read = _digit(text, position)
            if read is None:
                break
            digit, end, unsure = read
            vague = vague or unsure
        unit = _SMALL.get(text[end : end + 1], 0)
        if unit:
            if unit >= last:
                break
            value, last, position, zero = value + digit * unit, unit, end + 1, False
            scaled = scaled or unit >= 100
            if (rounding := _ROUNDING.match(text, position)) is not None:
                return _Section(rounding.end(), value, vague, True, scaled)
            continue
        if last == 1:
            break
        single = last == 10_000 and not zero
        if not zero and last in (100, 1000):
            digit = digit * (last // 10)
        fraction = _FRACTION.match(text, end) if first else None
        if fraction is not None and (zero or last in (10, 10_000)):
            return _fraction(text, fraction, value + digit)
        return _Section(end, value + digit, vague, False, scaled, single)
    fraction = _FRACTION.match(text, position) if first and not zero and last < 10_000 else None
    if fraction is not None:
        return _fraction(text, fraction, value)
    if zero:
        position -= 1
    if position == start or (led and position == start + 1):
        return None
    return _Section(position, value, vague, False, scaled)


def _digit(text: str, position: int) -> tuple[Decimal, int, bool] | None:
    """One digit, 几, or two neighbours before a unit (两三万); the flag says that it is vague."""
    if text[position] == "几":
        return Decimal(0), position + 1, True
    run = _DIGIT_RUN.match(text, position)
    if run is None:
        digit = DIGITS.get(text[position])
        return None if digit is None else (Decimal(digit), position + 1, False)
    unit = text[run.end() : run.end() + 1]
    if run.end() - position == 2 and "零" not in run.group() and (unit in _SMALL or unit in _BIG):
        return Decimal(DIGITS[text[position]]), run.end(), True
    return None


def _fraction(text: str, fraction: re.Match[str], whole: Decimal) -> _Section:
    spoken = "".join(str(DIGITS[sign]) for sign in fraction.group(1))
    value = whole + Decimal(f"0.{spoken}")
    unit = text[fraction.end() : fraction.end() + 1]
    if unit in ("百", "千"):
        return _Section(fraction.end() + 1, value * _SMALL[unit], scaled=True)
    return _Section(fraction.end(), value)
