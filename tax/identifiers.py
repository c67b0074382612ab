"""Numbers that name a taxpayer or reach one: check digits, formats, masks.

Input may carry spaces, dashes, lower case and full-width characters. Whether a number was ever issued is not
checked here, nor is the region part: county codes come and go, and tables of them reject real people.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

_MAX_INPUT = 64
_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_VALUE = {char: value for value, char in enumerate(_USCC_ALPHABET)}
_USCC_WEIGHTS = tuple(pow(3, i, 31) for i in range(17))
_USCC_SHAPE = re.compile(rf"[1-9ANY][{_USCC_ALPHABET}][0-9]{{6}}[{_USCC_ALPHABET}]{{10}}")
_RESIDENT_WEIGHTS = tuple(pow(2, 17 - i, 11) for i in range(17))
_RESIDENT_CHECK = "10X98765432"
_RESIDENT_SHAPE = re.compile(r"[1-9][0-9]{16}[0-9X]")
_FIRST_BIRTH = date(1800, 1, 1)
"""The standard's own example was born in 1880."""
_MOBILE_SHAPE = re.compile(r"(?:(?:\+|00)?86)?(1[3-9][0-9]{9})")
_LANDLINE_SHAPE = re.compile(r"(010|02[0-9])([1-9][0-9]{7})|(0[3-9][0-9]{2})([1-9][0-9]{6,7})")
_SEPARATORS = {ord(c): None for c in " \t\r\n\u00a0\u2002\u2003\u2009\u200b\u3000-_.·—–－‐‑()（）"}
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}


class IdentifierKind(StrEnum):
    USCC = "uscc"
    RESIDENT_ID = "resident_id"
    MOBILE = "mobile"
    LANDLINE = "landline"


@dataclass(frozen=True, slots=True)
class Identifier:
    """A valid number in canonical form: upper case, no separators, a landline as ``010-63417815``."""

    kind: IdentifierKind
    value: str


@dataclass(frozen=True, slots=True)
class Check:
    """True when valid. ``value``: canonical form, "" if invalid; ``problem``: why, in Chinese, else ""."""

    value: str
    problem: str

    def __bool__(self) -> bool:
        return not self.problem


def normalise(text: str) -> str:
    """Half-width, upper case, without separators; "" for absurdly long input."""
    if len(text) > _MAX_INPUT:
        return ""
    return text.translate(_FULL_WIDTH).translate(_SEPARATORS).upper()


def check_uscc(text: str) -> Check:
    """Unified social credit code, 18 characters, check character modulo 31 (GB 32100-2015)."""
    code = normalise(text)
    if len(code) != 18:
        return _no("统一社会信用代码应是18位，请核对后重新输入。")
    if any(char in "IOSVZ" for char in code):
        return _no("统一社会信用代码里没有字母 I、O、S、V、Z，请核对是否与数字混淆。")
    if not _USCC_SHAPE.fullmatch(code):
        return _no("统一社会信用代码的格式不对，请核对后重新输入。")
    total = sum(_USCC_VALUE[char] * weight for char, weight in zip(code, _USCC_WEIGHTS, strict=False))
    if _USCC_ALPHABET[-total % 31] != code[17]:
        return _no("统一社会信用代码的校验位不对，请核对是否输错或颠倒了某一位。")
    return Check(code, "")


def check_resident_id(text: str, today: date) -> Check:
    """Resident identity number, 18 characters, check modulo 11 (GB 11643-1999); born by ``today``."""
    number = normalise(text)
    if len(number) != 18:
        return _no("身份证号码应是18位，请核对后重新输入。")
    if not _RESIDENT_SHAPE.fullmatch(number):
        return _no("身份证号码的格式不对，请核对后重新输入。")
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return _no("身份证号码里的出生日期不存在，请核对后重新输入。")
    if not _FIRST_BIRTH <= born <= today:
        return _no("身份证号码里的出生日期不对，请核对后重新输入。")
    total = sum(int(char) * weight for char, weight in zip(number, _RESIDENT_WEIGHTS, strict=False))
    if _RESIDENT_CHECK[total % 11] != number[17]:
        return _no("身份证号码的校验位不对，请核对是否输错或颠倒了某一位。")
    return Check(number, "")


def check_mobile(text: str) -> Check:
    """Mainland mobile number, 11 digits; a leading +86 is dropped."""
    found = _MOBILE_SHAPE.fullmatch(normalise(text))
    if not found:
        return _no("手机号码应是1开头的11位数字，请核对后重新输入。")
    return Check(found[1], "")


def check_landline(text: str) -> Check:
    """Landline with area code: 010 and 02x take 8 digits, other areas 7 or 8."""
    found = _LANDLINE_SHAPE.fullmatch(normalise(text))
    if not found:
        return _no("固定电话请连同区号一起输入，例如 010-63417815。")
    return Check(f"{found[1] or found[3]}-{found[2] or found[4]}", "")


def classify(text: str, today: date) -> Identifier | None:
    """Which valid number ``text`` is as a whole, or None. One that fits two kinds counts as a resident id."""
    if check := check_resident_id(text, today):
        return Identifier(IdentifierKind.RESIDENT_ID, check.value)
    if check := check_uscc(text):
        return Identifier(IdentifierKind.USCC, check.value)
    if check := check_mobile(text):
        return Identifier(IdentifierKind.MOBILE, check.value)
    if check := check_landline(text):
        return Identifier(IdentifierKind.LANDLINE, check.value)
    return None


def mask_identifier(text: str) -> str:
    """For screens and logs: ``110***********002X`` (digits and X only), ``9135**********0Y43`` otherwise.

    Of anything not 18 characters long only the last one stays, so that a mistyped number leaks no more than a
    valid one.
    """
    value = normalise(text)
    if len(value) != 18:
        return "*" * max(0, len(value) - 1) + value[-1:] if len(value) > 4 else "*" * len(value)
    head = 3 if _RESIDENT_SHAPE.fullmatch(value) else 4
    return value[:head] + "*" * (14 - head) + value[14:]


def last_digits(text: str, count: int) -> str:
    """The last ``count`` decimal digits of a number, letters left out: what can be said or keyed on a telephone."""
    return "".join(char for char in normalise(text) if char.isdigit())[-count:]


def mask_phone(text: str) -> str:
    """``139****1234``; a landline keeps its area code and last two digits: ``010-******15``."""
    if mobile := check_mobile(text):
        return f"{mobile.value[:3]}****{mobile.value[-4:]}"
    if landline := check_landline(text):
        area, _, local = landline.value.partition("-")
        return f"{area}-{'*' * (len(local) - 2)}{local[-2:]}"
    value = normalise(text)
    return "*" * (len(value) - 2) + value[-2:] if len(value) > 4 else "*" * len(value)


def _no(problem: str) -> Check:
    return Check("", problem)
