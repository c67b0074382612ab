"""Sums of money: 四万六, 九千八百零五块六毛二, 12,500.30元, ¥300, 五毛, 三万来块."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from bot.parsing.entity import Match
from bot.parsing.numeral import DIGITS, Numeral
from bot.parsing.source import Source

_YUAN = re.compile(r"(多|来|余)?(?:人民币)?(?:块(?:洋钿)?|元|RMB|rmb|洋钿|蚊(?![子虫香])|箍(?![桶紧]))(多)?")
_DIGIT = r"[零一二三四五六七八九\d]"
_NO_NUMBER_AFTER = r"(?![\d零一二三四五六七八九十百千万亿点个年月号天毛角.])"
_JIAO = re.compile(rf"零?({_DIGIT})(?:毛|角)")
_FEN = re.compile(rf"零?({_DIGIT})分(?!之|钟|期|批|次|开)")
_LAST = re.compile(rf"(零?)([一二三四五六七八九\d]){_NO_NUMBER_AFTER}(?!分(?:之|钟|期|批|次|开))")
_END = re.compile(r"钱|整|人民币")
_JIAO_ONLY = re.compile(r"(?:毛|角)(?!星|度|色|落|病|巾|衣)")
_FEN_ONLY = re.compile(r"分钱")
_PREFIX = re.compile(r"(?:[¥$]|RMB|rmb|人民币)\s?$")
_MINUS = re.compile(r"(?:^|[\s是,，。:：为])(-|负)\s?$")
_ORDINAL = re.compile(r"(?:第|分之|百分|〔[^〔〕]{0,8}#)$")
_ROUNDED = re.compile(r"(?:大概|大约|差不多|约|将近|接近|快|不到|至少|最多|顶多|也就)(?:是|有|就|欠)?$")
_ROUGHLY = re.compile(r"左右|上下|出头|以内|不到|的样子|吧左右")
_COUNTED = re.compile(
    r"[个次人遍年月日号天周期季点时岁家户页字条%‰栋层平斤米倍股张份位秒件套辆台楼路票只种项级届名句礼星火公分元块]|之一|小时"
)
_HOTLINES = frozenset({"12366", "12345", "12356", "12329", "12333", "12315"})
"""Numbers of services that people name without saying that they are numbers; with a unit they are money again."""
_LARGEST = Decimal(10) ** 13
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class _Tail:
    """What follows the yuan: its end and the amount it adds."""

    end: int
    value: Decimal


def find(source: Source, today: date) -> Iterator[Match]:
    """Amounts in yuan; ``today`` does not matter. A small bare number is left to :mod:`bot.parsing.number`."""
    text = source.text
    for numeral in source.numerals:
        head = text[max(0, numeral.start - 12) : numeral.start]
        if _ORDINAL.search(head):
            continue
        match = _amount(text, numeral, head)
        if match is not None:
            yield match


def _amount(text: str, numeral: Numeral, head: str) -> Match | None:
    value, start, approx = numeral.value, numeral.start, numeral.approx
    prefix = _PREFIX.search(head)
    end = numeral.end
    named = prefix is not None
    if prefix is not None:
        start -= len(head) - prefix.start()
        head = head[: prefix.start()]
    if (yuan := _YUAN.match(text, end)) is not None:
        named, approx = True, approx or bool(yuan.group(1) or yuan.group(2))
        tail = _tail(text, yuan.end())
        end, value = tail.end, None if value is None else value + tail.value
    elif not numeral.scaled and value is not None and value < 10 and (jiao := _JIAO_ONLY.match(text, end)):
        tail = _fen(text, jiao.end())
        named, end, value = True, tail.end, value / 10 + tail.value
    elif not numeral.scaled and value is not None and (fen := _FEN_ONLY.match(text, end)):
        named, end, value = True, fen.end(), value / 100
    elif not named and not _stands_alone(text, numeral):
        return None
    if end < len(text) and (closing := _END.match(text, end)) is not None and named:
        end = closing.end()
    if value is not None and value >= _LARGEST:
        return None
    minus = _MINUS.search(head)
    if minus is not None and value is not None:
        start, value = start - (len(head) - minus.start(1)), -value
    approx = approx or bool(_ROUNDED.search(head)) or _ROUGHLY.match(text, end) is not None
    return Match("amount", start, end, _yuan(value), approx, minus is not None)


def _stands_alone(text: str, numeral: Numeral) -> bool:
    """Whether a number with no unit is money: large, or written to the fen, and not counting something else."""
    if _COUNTED.match(text, numeral.end):
        return False
    if numeral.scaled:
        return not text.startswith(("个", "次"), numeral.start - 1)
    if not numeral.literal or numeral.value is None or numeral.literal in _HOTLINES:
        return False
    whole, _, cents = numeral.literal.partition(".")
    if len(whole.replace(",", "")) > 9 or (len(whole) > 1 and whole.startswith("0")):
        return False
    after = text[numeral.end : numeral.end + 1]
    if after.isascii() and (after.isalpha() or after in "-/:_#@" and after):
        return False
    before = text[numeral.start - 1 : numeral.start]
    if (
        before
        and before in "/:_#@"
        or before == "-"
        and text[numeral.start - 2 : numeral.start - 1].isalnum()
    ):
        return False
    return numeral.value >= 100 or len(cents) == 2


def _tail(text: str, start: int) -> _Tail:
    """毛 and 分 after 块: 六毛二, 三毛, 零五分, or one digit that counts 毛."""
    if (jiao := _JIAO.match(text, start)) is not None:
        rest = _fen(text, jiao.end())
        return _Tail(rest.end, Decimal(_digit(jiao.group(1))) / 10 + rest.value)
    if (fen := _FEN.match(text, start)) is not None:
        return _Tail(fen.end(), Decimal(_digit(fen.group(1))) / 100)
    if (last := _LAST.match(text, start)) is not None:
        share = 100 if last.group(1) else 10
        return _Tail(last.end(), Decimal(_digit(last.group(2))) / share)
    return _Tail(start, Decimal(0))


def _fen(text: str, start: int) -> _Tail:
    found = _FEN.match(text, start) or _LAST.match(text, start)
    if found is None:
        return _Tail(start, Decimal(0))
    return _Tail(found.end(), Decimal(_digit(found.group(found.lastindex or 1))) / 100)


def _digit(sign: str) -> int:
    return DIGITS[sign] if sign in DIGITS else int(sign)


def _yuan(value: Decimal | None) -> str | None:
    return None if value is None else str(value.quantize(_CENT, ROUND_HALF_UP))
