"""Identity numbers and phones are taken out of a message before anything else sees it.

What Rasa, its tracker and the message table get is a placeholder such as ``〔证件#1〕``; the value lies encrypted in
``store.models.Secret``. What the taxpayer sees of their own message is the masked number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from tax.identifiers import classify, mask_identifier, mask_phone

_WORDS = {"uscc": "信用代码", "resident_id": "证件", "mobile": "手机", "landline": "电话"}
_SEPARATORS = " \t\n\u00a0\u2002\u2003\u2009\u200b\u200c\u200d\u2060\u3000\ufeff_.·—–－‐‑-"
_RUN = re.compile(r"(?<![0-9A-Za-z])[0-9A-Za-z]{11,20}(?![0-9A-Za-z])")
_GROUPS = re.compile(rf"(?<![0-9A-Za-z])[0-9A-Za-z]+(?:[{_SEPARATORS}]{{1,2}}[0-9A-Za-z]+)+(?![0-9A-Za-z])")
_GROUP = re.compile(r"[0-9A-Za-z]+")
_OWN_NUMBER = re.compile(r"^(SD|JK|YQ|HC|YY|TS|HD|RG|SX)\d+$")
"""Bill, payment and case numbers of the bureau's own, which identify a paper and not a person."""
_Reader = Callable[[str, Sequence[str]], tuple[str, str] | None]
_CARD = re.compile(r"\d{15,20}")
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
    named = _spaced(plain, lambda value, _: _known(value, today))
    cards = _spaced(plain, _card)
    for item in (*named, *_unspaced(plain, today), *cards):
        if not any(item.start < f.end and f.start < item.end for f in found):
            found.append(item)
    return sorted(found, key=lambda f: f.start)


def _known(value: str, today: date) -> tuple[str, str] | None:
    known = classify(value, today)
    return (str(known.kind), known.value) if known is not None else None


def _card(value: str, groups: Sequence[str]) -> tuple[str, str] | None:
    """A long number in groups of four digits, as on a bank card; the last group may be shorter."""
    fours = all(len(g) == 4 for g in groups[:-1]) and len(groups[-1]) <= 4
    return ("other", value) if fours and _CARD.fullmatch(value) else None


def _unspaced(plain: str, today: date) -> Iterator[Found]:
    for match in _RUN.finditer(plain):
        value = match[0].upper()
        named = _known(value, today)
        if named is not None:
            yield Found(match.start(), match.end(), *named)
        elif sum(c.isdigit() for c in value) >= 10 and not _OWN_NUMBER.match(value):
            yield Found(match.start(), match.end(), "other", value)


def _spaced(plain: str, read: _Reader) -> Iterator[Found]:
    """Numbers written in groups: every run of neighbouring groups, longest first, that is one."""
    for span in _GROUPS.finditer(plain):
        groups = [(span.start() + g.start(), span.start() + g.end()) for g in _GROUP.finditer(span[0])]
        first = 0
        while first < len(groups):
            last = min(len(groups), first + 18) - 1
            while last > first:
                parts = [plain[a:b] for a, b in groups[first : last + 1]]
                value = "".join(parts).upper()
                named = read(value, parts) if 11 <= len(value) <= 20 else None
                if named is not None:
                    yield Found(groups[first][0], groups[last][1], *named)
                    break
                last -= 1
            first = last + 1 if last > first else first + 1


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
