"""Numbers in Han characters, as a clerk says them: 一万二千五百, 两千, 三点五, 幺二三六六, 一万二千五百元三角."""

from __future__ import annotations

from decimal import Decimal

NUMERALS = "零一二三四五六七八九"
_BY_TELEPHONE = "零幺二三四五六七八九"
_SMALL = ("", "十", "百", "千")
_LONGEST = 16
_LIANG_BEFORE = ("千", "万", "亿")


def cardinal(digits: str, *, counting: bool = False) -> str:
    """A whole number written in ASCII digits, at most 16 of them; more are read one by one.

    ``counting``: before a measure word 2 is 两, as it always is at the head of 两千, 两万 and 两亿.
    """
    if len(digits.lstrip("0")) > _LONGEST:
        return one_by_one(digits)
    value = int(digits)
    if value == 2 and counting:
        return "两"
    words = _whole(value)
    if words.startswith("一十"):
        words = words[1:]
    if words.startswith("二") and words[1:2] in _LIANG_BEFORE:
        words = "两" + words[1:]
    return words


def decimal(digits: str, *, counting: bool = False) -> str:
    """A number with or without a fraction, ASCII digits and one point: ``3.50`` is 三点五零."""
    whole, point, fraction = digits.partition(".")
    if not point:
        return cardinal(whole, counting=counting)
    return f"{cardinal(whole or '0')}点{year(fraction)}"


def one_by_one(code: str) -> str:
    """Each character of a code: digits as on the telephone (1 is 幺), letters upper-case, a hyphen as 杠."""
    return "".join(
        _BY_TELEPHONE[int(sign)] if sign.isdigit() else "杠" if sign == "-" else sign.upper() for sign in code
    )


def grouped(code: str, *sizes: int) -> str:
    """A long code with a short rest after each group: the sizes given, then fours."""
    if len(code) < 7 and not sizes:
        return one_by_one(code)
    groups, at = [], 0
    for size in (*sizes, *[4] * len(code)):
        if at >= len(code):
            break
        groups.append(one_by_one(code[at : at + size]))
        at += size
    return " ".join(groups)


def year(digits: str) -> str:
    """Digit by digit with 一 for 1: 2026 is 二零二六; also the digits after a decimal point."""
    return "".join(NUMERALS[int(sign)] for sign in digits)


def money(yuan: Decimal) -> str:
    """A sum with at most two decimals: 一万二千五百元三角, 三百元零五分, 五角, 五分钱.

    A sum of fen alone gets 钱, without which 五分 would be minutes or marks.
    """
    sign = "负" if yuan < 0 else ""
    whole, cents = divmod(int(abs(yuan) * 100), 100)
    jiao, fen = divmod(cents, 10)
    if not whole and not jiao and fen:
        return f"{sign}{_count(fen)}分钱"
    words = f"{cardinal(str(whole), counting=True)}元" if whole or not cents else ""
    if jiao:
        words += f"{_count(jiao) if not words else NUMERALS[jiao]}角"
    if fen:
        words += f"{'' if jiao else '零'}{NUMERALS[fen]}分"
    return sign + words


def _count(digit: int) -> str:
    return "两" if digit == 2 else NUMERALS[digit]


def _whole(value: int) -> str:
    """Below 10 ** 16; always 一十 for ten, always 二 for two."""
    for unit, word in ((10**8, "亿"), (10**4, "万")):
        if value >= unit:
            high, low = divmod(value, unit)
            filler = "零" if low and low < unit // 10 else ""
            return f"{_whole(high)}{word}{filler}{_whole(low) if low else ''}"
    words, gap = "", False
    text = str(value)
    for place, sign in enumerate(text):
        if sign == "0":
            gap = True
            continue
        words += ("零" if gap and words else "") + NUMERALS[int(sign)] + _SMALL[len(text) - 1 - place]
        gap = False
    return words or "零"
