"""One spelling per telephone number, so that a call's number and a contact's have the same look-up hash."""

from __future__ import annotations

import re

from tax.identifiers import check_landline, check_mobile, normalise

_ABROAD = re.compile(r"\+(?!86)[1-9]\d{6,14}")
_WITH_COUNTRY = re.compile(r"(?:\+|00)86(\d{9,11})")


class PhoneError(ValueError):
    """The text is no number that can be called; the message says what to enter, in Chinese."""


def canonical(text: str) -> str:
    """The number as the store spells it: ``13912345678``, ``010-63417815``, or ``+15005550006`` from abroad.

    Raises:
        PhoneError: it is none of these.
    """
    plain = normalise(text)
    if mobile := check_mobile(plain):
        return mobile.value
    country = _WITH_COUNTRY.fullmatch(plain)
    if landline := check_landline(f"0{country[1]}" if country else plain):
        return landline.value
    if _ABROAD.fullmatch(plain):
        return plain
    raise PhoneError(
        "电话号码不对：请填写11位手机号码、带区号的固定电话（例如 010-63417815），或带国家代码的境外号码。"
    )


def e164(number: str) -> str:
    """A number of any accepted spelling as carriers want it: ``+8613912345678``, ``+861063417815``.

    Raises:
        PhoneError: it is no number that can be called.
    """
    known = canonical(number)
    return known if known.startswith("+") else "+86" + known.replace("-", "").removeprefix("0")
