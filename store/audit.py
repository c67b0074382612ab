"""The append-only audit trail: who did what to what, each event chained to the one before by its hash.

Changing, removing or inserting an event breaks the chain. Cutting the end off leaves a shorter chain that is whole in
itself: the stored head shows an accident, and a head noted elsewhere earlier (``shuiling audit verify`` prints it)
shows a deliberate cut or rewrite.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from store.locks import Lock, take
from store.models import AuditEvent, AuditHead
from tax.identifiers import mask_identifier, mask_phone

GENESIS = bytes(32)
_BATCH = 1000

_EDGE_BEFORE = r"(?<![0-9A-Za-z])(?<![0-9A-Za-z]\.)"
_EDGE_AFTER = r"(?!\.?[0-9A-Za-z])"
_IDENTIFIERS = (
    re.compile(_EDGE_BEFORE + r"(?:(?:\+|00)?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}" + _EDGE_AFTER),
    re.compile(_EDGE_BEFORE + r"\d{6}[ -]?\d{8}[ -]?\d{3}[\dXx]" + _EDGE_AFTER),
    re.compile(
        _EDGE_BEFORE + r"[0-9A-HJ-NP-RTUW-Y]{2}\d{6}[0-9A-HJ-NP-RTUW-Y]{10}" + _EDGE_AFTER, re.IGNORECASE
    ),
)


class PersonalDataError(ValueError):
    """An audit event was to hold a phone, identity number or credit code; the value is not repeated here."""


@dataclass(frozen=True)
class AuditReport:
    """What checking the chain found.

    Attributes:
        ok: the whole chain holds.
        count: events read until the end or the first bad one.
        first_bad_id: id at which it breaks or from which events are gone, ``None`` when it holds.
        reason: why (Chinese), empty when ``ok``.
        head_id: id of the last good event, 0 when there is none.
        head_hash: its hash (hex); note it down elsewhere to be able to tell a cut later.
    """

    ok: bool
    count: int
    first_bad_id: int | None
    reason: str
    head_id: int
    head_hash: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be recorded; ``detail`` holds strings, whole numbers, booleans, ``None``, lists and mappings."""

    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]


async def record(
    session: AsyncSession, *, actor: str, action: str, subject: str, detail: Mapping[str, Any]
) -> AuditEvent:
    """Add an event within the caller's transaction; it stands when that commits.

    Other transactions that record wait until then, so call it last, after every other statement. ``detail`` holds
    strings, whole numbers, booleans, ``None``, lists and mappings; amounts and dates go in as strings.

    Raises:
        PersonalDataError: a phone, identity number or credit code stands anywhere in it.
        TypeError: ``detail`` holds something else (a float would not survive unchanged).
    """
    (event,) = await record_all(session, [Entry(actor, action, subject, detail)])
    return event


async def record_all(session: AsyncSession, entries: Sequence[Entry]) -> list[AuditEvent]:
    """Add several events, in order, as :func:`record` adds one; others wait for a few statements, however many these are."""
    contents = [_checked(entry) for entry in entries]
    await session.flush()
    await session.execute(take(Lock.AUDIT))
    last = (
        await session.execute(select(AuditEvent.id, AuditEvent.hash).order_by(AuditEvent.id.desc()).limit(1))
    ).first()
    at = (await session.execute(text("select clock_timestamp()"))).scalar_one()
    number, previous = (last.id, last.hash) if last else (0, GENESIS)
    events = []
    for entry, content in zip(entries, contents, strict=True):
        number += 1
        event = AuditEvent(
            id=number,
            at=at.astimezone(UTC),
            actor=entry.actor,
            action=entry.action,
            subject=entry.subject,
            detail=content,
            prev_hash=previous,
        )
        event.hash = previous = _hash(event)
        events.append(event)
    session.add_all(events)
    await session.flush()
    return events


async def verify(session: AsyncSession, noted: tuple[int, str] | None = None) -> AuditReport:
    """Read the whole chain, in batches of 1,000, and check every link.

    ``noted`` is an earlier head (id, hash in hex): the chain must still contain exactly that event.
    """
    # Events may be added while reading, so the head of now must be found on the way and the later one not fall short.
    marks: dict[int, tuple[str, str, str]] = {}
    head = await _head(session)
    if head.event_id:
        marks[head.event_id] = (head.hash.hex(), f"第 {head.event_id} 条与链头不符", "链头")
    if noted:
        marks[noted[0]] = (noted[1].lower(), f"第 {noted[0]} 条与您记下的校验值不同", "您记下的")
    previous, expected_id = GENESIS, 1
    stream = await session.stream_scalars(
        select(AuditEvent).order_by(AuditEvent.id).execution_options(yield_per=_BATCH)
    )
    async for event in stream:
        reason = ""
        if event.id != expected_id:
            reason = f"第 {expected_id} 条缺失"
        elif event.prev_hash != previous:
            reason = f"第 {event.id} 条与前一条接不上"
        elif event.hash != _hash(event):
            reason = f"第 {event.id} 条的内容被改动过"
        elif event.id in marks:
            wanted, mismatch, _ = marks.pop(event.id)
            reason = "" if wanted == event.hash.hex() else mismatch
        if reason:
            await stream.close()
            return AuditReport(False, expected_id - 1, expected_id, reason, expected_id - 1, previous.hex())
        previous, expected_id = event.hash, expected_id + 1
        session.expunge(event)
    count = expected_id - 1
    reason = ""
    if marks:
        missing, (_, _, whose) = max(marks.items())
        reason = f"只读到 {count} 条，{whose}第 {missing} 条已不存在：末尾被截断过"
    elif (await _head(session)).event_id < count:
        reason = f"读到 {count} 条，多于链头所记：有人绕过程序添加过记录"
    return AuditReport(not reason, count, count + 1 if reason else None, reason, count, previous.hex())


async def _head(session: AsyncSession) -> AuditHead:
    head = await session.get(AuditHead, True, populate_existing=True)
    return head or AuditHead(one=True, event_id=0, hash=GENESIS)


def _checked(entry: Entry) -> dict[str, Any]:
    content = _plain(entry.detail)
    for value in (entry.actor, entry.action, entry.subject, *_strings(content)):
        if holds_identifier(value):
            raise PersonalDataError(
                f"audit event {entry.action!r} would hold a raw identifier; pass a mask or an id"
            )
    return content


def holds_identifier(value: str) -> bool:
    """Whether a mobile number, an identity number or a social credit code stands in ``value``."""
    half_width = unicodedata.normalize("NFKC", value)
    return any(pattern.search(half_width) for pattern in _IDENTIFIERS)


def mask_identifiers(value: str) -> str:
    """``value`` with everything that :func:`holds_identifier` finds masked; the same text where it finds nothing."""
    masked = _masked(value)
    return _masked(unicodedata.normalize("NFKC", value)) if holds_identifier(masked) else masked


def _masked(text: str) -> str:
    phone, *numbers = _IDENTIFIERS
    text = phone.sub(lambda found: mask_phone(found[0]), text)
    for number in numbers:
        text = number.sub(lambda found: mask_identifier(found[0]), text)
    return text


def _hash(event: AuditEvent) -> bytes:
    content = {
        "id": event.id,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": event.actor,
        "action": event.action,
        "subject": event.subject,
        "detail": event.detail,
        "prev_hash": event.prev_hash.hex(),
    }
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).digest()


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    return {_key(key): _plain_value(item) for key, item in value.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, str):
        return str(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Mapping):
        return _plain(value)
    if isinstance(value, list | tuple):
        return [_plain_value(item) for item in value]
    raise TypeError(f"audit detail cannot hold {type(value).__name__}; pass it as a string")


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError("keys of an audit detail are strings")
    return key


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
