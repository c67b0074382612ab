"""From candidates to entities: no two overlap, and what the speaker rejects is marked."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bot.parsing.entity import Entity, Match
from bot.parsing.source import Source

_RANK = {
    kind: place
    for place, kind in enumerate(
        (
            "identity_ref", "resident_id", "credit_code", "phone", "sms_code", "id_tail", "date", "period", "date_range", "time",
            "duration", "rate", "ordinal", "amount", "tax_type", "pay_channel", "number",
        )
    )
}  # fmt: skip
_SURE = 5
"""Kinds ranked before this one win whatever the length of their rival."""
_REJECTED = re.compile(r"(?:不是|并不是|不算|并非|没有|别说|不要说)(?:说|欠|要|交|缴|付)?(?:的是)?$")
_ASKED = re.compile(r"(?:是不是|有没有|能不是|可不是|要不是)(?:说|欠|要|交|缴|付)?(?:的是)?$")
_RHETORICAL = re.compile(r"(?:块|元|钱|的)*(?:吗|么|嘛|吧)")
_NEGATABLE = frozenset(
    {"amount", "date", "date_range", "time", "duration", "period", "tax_type", "pay_channel", "number"}
)


def resolve(source: Source, candidates: Iterable[Match]) -> list[Entity]:
    """Entities in reading order. Identity first, then the longest, then the most specific kind.

    One span may keep two readings: six figures alone are a code or an amount, which only the dialogue can tell.
    """
    ordered = sorted(candidates, key=_order)
    taken = bytearray(len(source.text))
    chosen: list[Match] = []
    for match in ordered:
        if any(taken[match.start : match.end]):
            continue
        taken[match.start : match.end] = b"\x01" * (match.end - match.start)
        chosen.append(match)
    codes = {(match.start, match.end) for match in chosen if match.kind == "sms_code" and not match.invalid}
    chosen.extend(
        match
        for match in ordered
        if match.kind == "amount" and (match.start, match.end) in codes and _is_whole(source, match)
    )
    chosen.sort(key=lambda match: (match.start, _RANK[match.kind]))
    return [_entity(source, match) for match in chosen]


def _order(match: Match) -> tuple[int, int, int, int]:
    rank = _RANK[match.kind]
    return (rank if rank < _SURE else _SURE, match.start - match.end, rank, match.start)


def _is_whole(source: Source, match: Match) -> bool:
    return re.search(r"\w", source.text[: match.start] + source.text[match.end :]) is None


def _entity(source: Source, match: Match) -> Entity:
    start, end = source.span(match.start, match.end)
    negated = match.kind in _NEGATABLE and _is_rejected(source.text, match)
    return Entity(
        match.kind, start, end, source.raw[start:end], match.value, negated, match.approx, match.invalid
    )


def _is_rejected(text: str, match: Match) -> bool:
    """不是五万 rejects it; 是不是五万 and 不是五万吗 do not."""
    head = text[max(0, match.start - 8) : match.start]
    if _REJECTED.search(head) is None or _ASKED.search(head) is not None:
        return False
    return _RHETORICAL.match(text, match.end) is None
