"""What was said on the phone, made fit for the transcript: numbers that identify somebody are taken out.

Recognised speech spells numbers in Han characters as well as in digits, and callers say them in pieces, so more is
taken out here than from a typed message (``chat.redaction``).
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from chat.redaction import find
from store.audit import holds_identifier

_HAN = "〇零一二三四五六七八九幺两"
_SPOKEN = re.compile(rf"[0-9{_HAN}](?:[ ，,、.\-]?[0-9{_HAN}])+")
_DIGIT = re.compile(rf"[\d{_HAN}]")
_UNIT = re.compile(r"\s*(?:元|块|圆|万|亿|\.\d)")
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}")
MANY_HAN = 6
"""As many Han digits in a row are no amount: those are said with 十, 百, 千, 万."""
MANY_DIGITS = 8


def redacted(text: str, today: date, *, secret: bool = False) -> str:
    """``text`` with its numbers masked; what comes out is always accepted by ``store.call_lines.add_line``.

    ``secret`` masks every digit: for the answers to a question that proves identity, spoken or keyed.
    """
    if secret:
        return _without_digits(text)
    shown, at = "", 0
    for found in find(text, today):
        shown += text[at : found.start] + found.mask
        at = found.end
    shown = _SPOKEN.sub(_masked, shown + text[at:])
    return _without_digits(shown) if holds_identifier(shown) else shown


def _without_digits(text: str) -> str:
    return _DIGIT.sub("*", "".join(unicodedata.normalize("NFKC", c) if c.isdigit() else c for c in text))


def _masked(match: re.Match[str]) -> str:
    run = match[0]
    digits = _DIGIT.findall(run)
    han = any(sign in _HAN for sign in digits)
    if len(digits) < (MANY_HAN if han else MANY_DIGITS):
        return run
    if not han and (_UNIT.match(match.string, match.end()) or _DATE.fullmatch(run)):
        return run
    return _DIGIT.sub("*", run)
