"""What is read sign by sign: identity numbers, masked ones, telephone numbers, case numbers, verification codes."""

from __future__ import annotations

import re

from telephony.voice.figures import cardinal, grouped, one_by_one, year

_MOBILE = re.compile(
    r"(?<![0-9A-Za-z.*-])(?:\+?86[- ]?)?(1[3-9][0-9])[- ]?([0-9]{4})[- ]?([0-9]{4})(?![0-9A-Za-z*.])"
)
_LANDLINE = re.compile(
    r"(?<![0-9A-Za-z.*-])(?:\+?86[- ]?)?(0[0-9]{2,3})[- ]?([0-9]{3,4})([0-9]{4})(?![0-9A-Za-z*.])"
)
_FREE = re.compile(r"(?<![0-9A-Za-z.*-])([48]00)[- ]?([0-9]{3})[- ]?([0-9]{4})(?![0-9A-Za-z*.])")
_SERVICE = re.compile(
    r"(?<![0-9A-Za-z.,*¥￥$-])(12366|12345|12315|12329|12333|12348|12388|96110|95[0-9]{3}|110|119|120)"
    r"(?![0-9A-Za-z*]|[.,][0-9]|\s*(?:[元块万亿千百个天户张笔次家项年月日人件份倍岁]|%|小时|分钟))"
)
_MASKED = re.compile(r"([0-9A-Za-z]*-?)\*{2,}([0-9A-Za-z]*)")
_TAIL = re.compile(r"(尾号|后四位|末四位)(\s*[是为]?[:：]?\s*)$")
_CUE = re.compile(
    r"(尾号|后四位|末四位|验证码|校验码|编号|单号|受理号|流水号|凭证号|票号|账号|帐号|卡号|工号|邮编|密码|区号|代码|识别号|证号|号码"
    r"|电话|热线|手机号?|拨打|致电|短信至?|发送)(\s*[是为]?[:：]?\s*)"
    r"([A-Za-z]{0,4}[0-9][0-9A-Za-z]*(?:-[0-9A-Za-z]+)*)"
    r"(?![.,]?[0-9]|\s*(?:[元块万亿千百个天户张笔次家项位秒年月日号人件份倍点%:：]|小时|分钟))"
)
_MIXED = re.compile(
    r"(?<![0-9A-Za-z.])(?=[A-Z-]*[0-9])(?:[A-Z]{1,6}[0-9]+|[0-9]+[A-Z]+[0-9]*|[0-9A-Z]{15,20})[0-9A-Z]*(?:-[0-9A-Z]+)*(?![0-9A-Za-z]|\.[0-9])"
)
_JOINED = re.compile(r"(?<![0-9A-Za-z.,])[0-9]{2,}(?:-[0-9]{2,}){2,}(?![0-9])")
_LONG = re.compile(r"(?<![0-9.,¥￥$])(?:[0-9]{9,}|0[0-9]+)(?![0-9]|[.,][0-9]|\s*(?:[元块万亿%‰]|人民币))")
_DOCUMENT = re.compile(r"[〔\[(（]((?:19|20)[0-9]{2})[〕\])）]\s*([0-9]+)\s*号")
_KEY = re.compile(r"([#*])\s*号?键")


def say_codes(text: str) -> str:
    """The text with every code spoken; amounts, dates and counts stay as they are."""
    text = _KEY.sub(lambda found: "井号键" if found[1] == "#" else "星号键", text)
    text = _DOCUMENT.sub(lambda found: f"{year(found[1])}年第{cardinal(found[2])}号", text)
    text = _masked(text)
    for pattern in (_MOBILE, _FREE, _LANDLINE):
        text = pattern.sub(lambda found: " ".join(one_by_one(part) for part in found.groups()), text)
    text = _CUE.sub(lambda found: found[1] + found[2] + _case(found[3]), text)
    text = _SERVICE.sub(lambda found: one_by_one(found[1]), text)
    text = _MIXED.sub(lambda found: _case(found[0]), text)
    text = _JOINED.sub(lambda found: _case(found[0]), text)
    return _LONG.sub(lambda found: _case(found[0]), text)


def _case(code: str) -> str:
    """A code in the groups it is written in (``YQ2026-000123``), long ones in fours, an identity number by its parts."""
    code = code.upper()
    if re.fullmatch(r"[0-9]{17}[0-9X]", code):
        return grouped(code, 6, 4, 4, 4)
    return " 杠 ".join(one_by_one(part) if len(part) <= 6 else grouped(part) for part in code.split("-"))


def _masked(text: str) -> str:
    """尾号 for what follows the stars, 开头 for what precedes them: nobody says 星星星星."""
    words, at = "", 0
    for found in _MASKED.finditer(text):
        before = text[at : found.start()]
        words, at = words + before, found.end()
        head, tail = found[1].rstrip("-"), found[2]
        if _TAIL.search(words):
            words += one_by_one(tail or head)
            continue
        if head:
            words += f"{grouped(head)}开头"
        if tail:
            words += f"{'，' if head else ''}尾号{grouped(tail)}"
    return words + text[at:]
