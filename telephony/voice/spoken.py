"""The spoken form: what a clerk says when reading a written answer aloud.

Han characters and punctuation remain, no ASCII digit does; Latin letters come upper-case and are to be spelled. A blank
is a short rest. Pure.
"""

from __future__ import annotations

import re
from decimal import Decimal

from telephony.voice.codes import say_codes
from telephony.voice.figures import cardinal, decimal, money
from telephony.voice.moments import say_days, say_times
from telephony.voice.plain import flatten, unbracket

_NUMBER = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?"
_HEAD = r"(?<![0-9.,A-Za-z])"
_MINUS = r"((?<![0-9零一二三四五六七八九十百千万亿元角分天日月年号%‰A-Za-z)）])-\s?|负)?"
_AMOUNT = re.compile(
    rf"{_MINUS}(?:[¥￥]\s?|人民币\s?|RMB\s?)?{_HEAD}({_NUMBER})\s?(万|亿|百万|千万|千|百)?\s?(元|块钱|块|圆)整?",
    re.I,
)
_SIGNED = re.compile(rf"{_MINUS}(?:[¥￥]\s?|RMB\s?){_HEAD}?({_NUMBER})\s?(万|亿)?", re.I)
_SHARE = re.compile(rf"{_MINUS}{_HEAD}({_NUMBER})\s?([%‰‱])")
_FRACTION = re.compile(r"(?<![0-9/.])([0-9]{1,4})/([0-9]{1,4})(?![0-9/.])")
_PER = re.compile(r"(?<=[元角分钱五])\s?/\s?(?=[天日月年次人户件])")
_COUNTED = re.compile(
    rf"(?<![0-9.,A-Za-z第])({_NUMBER})(?=\s?(?:[个天户张笔次家项年周遍份种条位人倍岁层页件台辆套名句批步点本只把组股万千亿]|小时|分钟|秒|部分|星期)"
    r"(?!度|月[0-9])|\s?[-~—–至到]+\s?[0-9]+\s?(?:[个天户张笔次家项位人倍件]|小时|分钟))"
)
_REST = re.compile(rf"{_MINUS}({_NUMBER})")
_RANGE = re.compile(
    r"(?<=[零一二三四五六七八九十百千万亿两元角分天日月年号点半刻])\s?[-~—–]+\s?(?=[零一二两三四五六七八九十百千万第负上下中早晚凌])"
)
_BLANK_BEFORE_UNIT = re.compile(
    r"(?<=[零一二三四五六七八九十百千万亿两])\s+(?=[个天户张笔次家项年月日号元位人小分秒倍])"
)
_SIGNS = {
    "×": "乘以", "÷": "除以", "=": "等于", "+": "加", "&": "和", "≥": "大于等于", "≤": "小于等于", "<": "小于",
    ">": "大于", "≈": "约等于", "@": "艾特", "℃": "摄氏度", "#": "井号", "%": "百分号",
}  # fmt: skip
_RATIO = re.compile(r"(?<=[零一二三四五六七八九十百千万亿])\s?[:：]\s?(?=[零一二三四五六七八九十百千万亿])")
_EITHER = re.compile(r"(?<=[\u4e00-\u9fff])\s?/\s?(?=[\u4e00-\u9fff])")
_POINT = re.compile(r"(?<=[A-Z])\.(?=[A-Z])")
_ASCII_MARKS = str.maketrans(",;:?!./-|[]\\", "，；：？！。，，，，，，")
_REPEATED = re.compile(r"[，、；：\s]*([。！？])[。！？，、；：\s]*")
_PAUSES = re.compile(r"\s*[，、；：][，、；：\s]*")
_BLANKS = re.compile(r"\s+")
_KEPT = re.compile(r"[^\u3400-\u9fff〇A-Z，。！？、；：\s\U00020000-\U0003ffff]")
_LETTER = re.compile(r"[a-z]")


def spoken(text: str) -> str:
    """How ``text`` is said, in one line; empty when there is nothing to say in it."""
    text = flatten(text)
    text = say_days(text)
    text = say_times(text)
    text = say_codes(text)
    text = unbracket(text)
    text = _AMOUNT.sub(_amount, text)
    text = _SIGNED.sub(_amount, text)
    text = _PER.sub("每", text)
    text = _SHARE.sub(_share, text)
    text = _FRACTION.sub(lambda found: f"{cardinal(found[2])}分之{cardinal(found[1])}", text)
    text = _COUNTED.sub(lambda found: decimal(_bare(found[1]), counting=True), text)
    text = _REST.sub(lambda found: ("负" if found[1] else "") + decimal(_bare(found[2])), text)
    text = _RANGE.sub("到", text)
    text = _RATIO.sub("比", text)
    text = _BLANK_BEFORE_UNIT.sub("", text)
    return _tidy(text)


def _tidy(text: str) -> str:
    """Only signs that are spoken, and each pause once."""
    text = _EITHER.sub("或", text)
    text = _LETTER.sub(lambda found: found[0].upper(), text)
    text = _POINT.sub("点", text)
    text = "".join(_SIGNS.get(sign, sign) for sign in text)
    text = _KEPT.sub("", text.translate(_ASCII_MARKS))
    text = _REPEATED.sub(r"\1", text)
    text = _PAUSES.sub(lambda found: next(sign for sign in "；：，、" if sign in found[0]), text)
    return _BLANKS.sub(" ", text).strip(" ，、；：") + _ending(text)


def _ending(text: str) -> str:
    """A comma or colon at the very end stays: it says that the sentence goes on."""
    return text[-1] if text and text[-1] in "，、；：" and text.strip(" ，、；：") else ""


def _amount(found: re.Match[str]) -> str:
    digits, unit = _bare(found[2]), found[3]
    currency = found[4] if len(found.groups()) > 3 else "元"
    sign = "负" if found[1] else ""
    whole, _, fraction = digits.partition(".")
    if unit or len(fraction) > 2 or len(whole.lstrip("0")) > 16:
        return f"{sign}{decimal(digits, counting=True)}{unit or ''}{currency}"
    words = money(Decimal(digits))
    if currency.startswith("块"):
        words = words.replace("元", currency)
    return sign + words


def _share(found: re.Match[str]) -> str:
    """0.05% is 万分之五, the way the late fee is known; other percentages stay percentages."""
    digits, sign = _bare(found[2]), found[3]
    base = {"%": "百", "‰": "千", "‱": "万"}[sign]
    value = Decimal(digits)
    if sign == "%" and 0 < value < Decimal("0.1") and value * 100 == int(value * 100):
        base, digits = "万", str(int(value * 100))
    return f"{'负' if found[1] else ''}{base}分之{decimal(digits)}"


def _bare(digits: str) -> str:
    return digits.replace(",", "")
