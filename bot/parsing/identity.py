"""Numbers that name a person, a company or a message: phones, codes, and the gateway's placeholders for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from bot.parsing.entity import Match
from bot.parsing.source import Source

_REFERENCE = re.compile(r"〔((?:证件|手机|信用代码)#\d{1,4})〕")
_PHONE = re.compile(r"(?<![0-9A-Za-z])(?:\+?86[ -]?)?(1[3-9]\d(?:[ -]?\d){8})(?![ -]?\d|[A-Za-z])")
_SPOKEN_SIGNS = {sign: str(value) for value, sign in enumerate("零一二三四五六七八九")}
_SPOKEN_SIGNS.update({"幺": "1", "洞": "0", "拐": "7", "勾": "9", "妖": "1", "腰": "1"})
_SPOKEN_CLASS = "".join(_SPOKEN_SIGNS)
_TAIL_WORD = r"(?:尾号|末尾|末[三四五六]位|后[三四五六]位|最后[几三四五六]位|尾数)(?:就?是|为|:|,)?"
_TAIL = re.compile(
    rf"(?P<led>{_TAIL_WORD})?(?P<tail>(?:[二三四五六]个[{_SPOKEN_CLASS}\d]|[{_SPOKEN_CLASS}\d]){{1,8}}[叉xX]?)(?![\d个块元万千百十月日号天年])"
)
_LONGEST_TAIL = 20
_REPEATED = re.compile(rf"([二三四五六])个([{_SPOKEN_CLASS}\d])")
_READ_OUT = re.compile(r"[幺洞拐勾叉xX]|[二三四五六]个")
_SPOKEN_RUN = re.compile(rf"[{_SPOKEN_CLASS}][{_SPOKEN_CLASS}\d\-,，、]{{4,40}}")
_SPOKEN_PHONE = re.compile(r"1[3-9]\d{9}")
_EIGHTEEN = re.compile(r"(?<![0-9A-Za-z])(?:[0-9A-Za-z][ -]?){17}[0-9A-Za-z](?![ -]?[0-9A-Za-z])")
_RESIDENT = re.compile(r"[1-9]\d{16}[\dX]")
_CREDIT = re.compile(r"[0-9A-HJ-NP-RTUWXY]{18}")
_CODE_WORD = r"(?:验证码|校验码|短信码|动态码|确认码)"
_CODE_AFTER = re.compile(rf"{_CODE_WORD}(?:就?是|为|:|：|,|，|\s)*(\d(?:[ -]?\d){{2,9}})(?![ -]?\d)")
_CODE_TALK = re.compile(rf"{_CODE_WORD}|短信|六位")
_SIX = re.compile(r"(?<![0-9A-Za-z.])\d{6}(?![0-9A-Za-z.%元块万年月])")
_CODE_ALONE = re.compile(
    r"^[^\w〔¥$+-]*(?:(?:就|应该|好像)?是|填|输入)?\s*(\d{3}[ -]?\d{3})\s*(?:吧|啊|哦|呀|了|对吗|对不对)?[^\w〕]*$"
)

_CREDIT_SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)


def find(source: Source, today: date) -> Iterator[Match]:
    """Placeholders, phones, eighteen-character codes and SMS codes; ``today`` does not matter."""
    text = source.text
    for found in _REFERENCE.finditer(text):
        yield Match("identity_ref", found.start(), found.end(), found[1])
    for found in _PHONE.finditer(text):
        yield Match("phone", found.start(), found.end(), _digits(found[1]))
    for found in _EIGHTEEN.finditer(text):
        yield from _eighteen(found)
    for found in _SPOKEN_RUN.finditer(text):
        yield from _spoken(text, found)
    for found in _TAIL.finditer(text):
        yield from _tail(text, found)
    for found in _SIX.finditer(text):
        if _talks_of_code(text, found.start()):
            yield Match("sms_code", found.start(), found.end(), found.group())
    for pattern in (_CODE_AFTER, _CODE_ALONE):
        for found in pattern.finditer(text):
            code = _digits(found[1])
            yield Match("sms_code", found.start(1), found.end(1), code, invalid=len(code) != 6)


def _tail(text: str, found: re.Match[str]) -> Iterator[Match]:
    """三个八叉, 尾号幺洞拐叉: the last three to six signs of a number, read out; alone in the message or named so."""
    said = found["tail"]
    if not found["led"]:
        alone = len(text) <= _LONGEST_TAIL and _READ_OUT.search(said) is not None
        if not alone or re.sub(r"[\W_吧啊呀的是了嗯呢]", "", text[: found.start()] + text[found.end() :]):
            return
    spread = _REPEATED.sub(lambda part: part[2] * "零一二三四五六".index(part[1]), said)
    signs = "".join(_SPOKEN_SIGNS.get(sign, sign) for sign in spread).replace("叉", "X").upper()
    if 3 <= len(signs) <= 6 and re.fullmatch(r"\d+X?", signs):
        yield Match("id_tail", found.start("tail"), found.end("tail"), signs)


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _eighteen(found: re.Match[str]) -> Iterator[Match]:
    value = re.sub(r"[ -]", "", found.group()).upper()
    resident = _RESIDENT.fullmatch(value) is not None
    credit = _CREDIT.fullmatch(value) is not None and any(sign.isdigit() for sign in value)
    if not resident and not credit:
        return
    if resident and credit:
        resident = _resident_sum_holds(value) or not _credit_sum_holds(value)
    yield Match("resident_id" if resident else "credit_code", found.start(), found.end(), value)


def _resident_sum_holds(value: str) -> bool:
    """GB 11643-1999: ISO 7064 MOD 11-2."""
    total = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(value[:17]))
    return "10X98765432"[total % 11] == value[17]


def _credit_sum_holds(value: str) -> bool:
    """GB 32100-2015: weights 3^i mod 31."""
    total = sum(
        _CREDIT_SIGNS.index(sign) * weight for sign, weight in zip(value, _CREDIT_WEIGHTS, strict=False)
    )
    return _CREDIT_SIGNS[(31 - total % 31) % 31] == value[17]


def _spoken(text: str, found: re.Match[str]) -> Iterator[Match]:
    """幺三九…, 三幺四洞拐九: digits read out one by one."""
    run = found.group().rstrip("-,，、")
    end = found.start() + len(run)
    figures = "".join(
        _SPOKEN_SIGNS.get(sign, sign) for sign in run if sign in _SPOKEN_SIGNS or sign.isdigit()
    )
    if _SPOKEN_PHONE.fullmatch(figures):
        yield Match("phone", found.start(), end, figures)
    elif len(figures) == 6 and (_is_whole(text, found.start(), end) or _talks_of_code(text, found.start())):
        yield Match("sms_code", found.start(), end, figures)


def _is_whole(text: str, start: int, end: int) -> bool:
    return not re.search(r"\w", text[:start].removeprefix("是")) and not re.search(r"\w", text[end:])


def _talks_of_code(text: str, start: int) -> bool:
    """Whether the message is about a code, and the figures at ``start`` are no sum owed."""
    return _CODE_TALK.search(text) is not None and text[max(0, start - 1) : start] not in tuple(
        "欠交缴付额共"
    )
