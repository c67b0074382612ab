"""Identity numbers and phones are taken out of a message before anything else sees it.

What Rasa, its tracker and the message table get is a placeholder such as ``〔证件#1〕``; the value lies encrypted in
``store.models.Secret``. What the taxpayer sees of their own message is the masked number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from tax.identifiers import classify, mask_identifier, mask_phone

_WORDS = {"uscc": "信用代码", "resident_id": "证件", "mobile": "手机", "landline": "电话"}
_RUN = re.compile(r"(?<![0-9A-Za-z])[0-9A-Za-z]{11,20}(?![0-9A-Za-z])")
_SPACED = re.compile(r"(?<![0-9A-Za-z])[0-9A-Za-z](?:[ \-－—]?[0-9A-Za-z]){10,19}(?![0-9A-Za-z])")
_FULL_WIDTH = str.maketrans(
    "０１２３４５６７８９ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ",
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
)


@dataclass(frozen=True, slots=True)
class Found:
    """A number in a message: ``kind`` is ``uscc``, ``resident_id``, ``mobile``, ``landline`` or ``other``."""

    start: int
    end: int
    kind: str
    value: str

    @property
    def word(self) -> str:
        """First part of the placeholder."""
        return _WORDS.get(self.kind, "证件")

    @property
    def mask(self) -> str:
        """What may be shown."""
        if self.kind in ("mobile", "landline"):
            return mask_phone(self.value)
        if self.kind in ("uscc", "resident_id"):
            return mask_identifier(self.value)
        return f"{self.value[:3]}{'*' * (len(self.value) - 5)}{self.value[-2:]}"


@dataclass(frozen=True, slots=True)
class Redacted:
    """``shown`` for people, ``said`` for the dialogue, and what was taken out, by placeholder."""

    shown: str
    said: str
    secrets: tuple[tuple[str, Found], ...]


def find(text: str, today: date) -> list[Found]:
    """Numbers in ``text`` that identify somebody, valid or nearly so, left to right."""
    plain = text.translate(_FULL_WIDTH)
    found: list[Found] = []
    for start, end in _spans(plain):
        if any(start < f.end and f.start < end for f in found):
            continue
        raw = plain[start:end]
        value = re.sub(r"[^0-9A-Za-z]", "", raw).upper()
        known = classify(value, today)
        if known is not None:
            found.append(Found(start, end, str(known.kind), known.value))
        elif raw.isalnum() and sum(c.isdigit() for c in value) >= 10:
            found.append(Found(start, end, "other", value))
    return sorted(found, key=lambda f: f.start)


def _spans(plain: str) -> Iterator[tuple[int, int]]:
    for match in _RUN.finditer(plain):
        yield match.span()
    for match in _SPACED.finditer(plain):
        yield match.span()


def redact(text: str, today: date, next_serial: int) -> Redacted:
    """Take the numbers out; placeholders count up from ``next_serial`` within the conversation."""
    shown, said, secrets, at = "", "", [], 0
    for serial, item in enumerate(find(text, today), next_serial):
        placeholder = f"{item.word}#{serial}"
        shown += text[at : item.start] + item.mask
        said += text[at : item.start] + f"〔{placeholder}〕"
        secrets.append((placeholder, item))
        at = item.end
    return Redacted(shown + text[at:], said + text[at:], tuple(secrets))
