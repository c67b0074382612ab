"""Splits an answer into pieces that are rendered and marked one by one.

The first piece is short, so that the caller hears something early; each further one may be longer, as it is rendered
while the one before it is heard. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

FIRST_AT_LEAST = 4
"""Speakable characters in the first piece, if it ends at a comma."""
FIRST_AT_MOST = 12
"""A first clause shorter than that is joined to the next one up to this length."""
SECOND_AT_MOST = 20
LONGEST_SENTENCE = 36
"""Speakable characters; a longer sentence is cut at a comma."""
CLAUSE_AT_LEAST = 10

_FULL = "。！？；!?;\n…"
_HALF = "，,、：:"
_PAIRS = {
    "《": "》",
    "“": "”",
    "‘": "’",
    "「": "」",
    "『": "』",
    "（": "）",
    "(": ")",
    "【": "】",
    "〔": "〕",
    "[": "]",
}
_LONGEST_PAIR = 60
_AFTER = re.compile(r"[。！？；!?;…\s”’」』》）)】\]]*")
_CODE_AFTER = re.compile(r"\s*[0-9A-Za-z*]")
_SPEAKABLE = re.compile(r"[0-9A-Za-z\u3400-\u9fff０-９]")


def split(text: str) -> list[str]:
    """Pieces whose concatenation is ``text``; none when it is empty.

    Cut after sentences, long sentences after commas; never inside a number, a pair of brackets or quotation marks.
    A stretch without anything speakable stays with the piece before it.
    """
    pieces: list[str] = []
    for sentence in _cut(text, _FULL):
        if _weight(sentence) > LONGEST_SENTENCE:
            pieces += _gather(list(_cut(sentence, _HALF)), CLAUSE_AT_LEAST, LONGEST_SENTENCE)
        else:
            pieces.append(sentence)
    pieces = _attach(pieces)
    if pieces:
        pieces[:1] = _early(pieces[0])
    return pieces


def _early(sentence: str) -> list[str]:
    """The first sentence, cut at its first comma, and the next piece kept short too as little time is left for it.

    A greeting of two or three characters stands alone only if what follows is long: it is likely to be rendered already.
    """
    first, *rest = _attach(_keep_lists(list(_cut(sentence, "，,：:、"))))
    while rest and _weight(first) < FIRST_AT_LEAST and _weight(first + rest[0]) <= FIRST_AT_MOST:
        first += rest.pop(0)
    if _weight("".join(rest)) < FIRST_AT_LEAST:
        return [sentence]
    return [first, *_gather(rest, CLAUSE_AT_LEAST, SECOND_AT_MOST)]


def _keep_lists(clauses: list[str]) -> list[str]:
    """Items of a list (、) together with what follows them."""
    joined: list[str] = []
    for clause in clauses:
        if joined and joined[-1].endswith("、"):
            joined[-1] += clause
        else:
            joined.append(clause)
    return joined


def _cut(text: str, marks: str) -> Iterator[str]:
    """``text`` in stretches, each ending after one of ``marks`` outside pairs and numbers."""
    begin = at = 0
    while at < len(text):
        sign = text[at]
        if sign in _PAIRS:
            closing = text.find(_PAIRS[sign], at + 1, at + _LONGEST_PAIR)
            if closing > 0:
                at = closing + 1
                if text[closing - 1] in marks and text[closing - 1] in _FULL and sign in "“「『":
                    at = _after(text, at)
                    yield text[begin:at]
                    begin = at
                continue
        at += 1
        if sign in marks and not _inside_number(text, at - 1):
            at = _after(text, at) if sign in _FULL else at
            yield text[begin:at]
            begin = at
    if begin < len(text):
        yield text[begin:]


def _after(text: str, at: int) -> int:
    found = _AFTER.match(text, at)
    return found.end() if found else at


def _inside_number(text: str, at: int) -> bool:
    """12,500 · 14:30 · and 编号：YQ…, where the word before says how the code is read."""
    if text[at] in ":：" and _CODE_AFTER.match(text, at + 1):
        return True
    return text[at] in ",，" and text[at - 1 : at].isdigit() and text[at + 1 : at + 2].isdigit()


def _gather(clauses: list[str], least: int, most: int) -> list[str]:
    """Neighbouring clauses together until they weigh enough, but never too much; no crumb at the end."""
    pieces: list[str] = []
    for clause in clauses:
        light = pieces and (_weight(pieces[-1]) < least or _weight(clause) < least // 2)
        if light and _weight(pieces[-1]) + _weight(clause) <= most:
            pieces[-1] += clause
        else:
            pieces.append(clause)
    return pieces


def _attach(pieces: list[str]) -> list[str]:
    kept: list[str] = []
    for piece in pieces:
        if kept and not (_weight(piece) and _weight(kept[-1])):
            kept[-1] += piece
        else:
            kept.append(piece)
    return kept


def _weight(text: str) -> int:
    return len(_SPEAKABLE.findall(text))
