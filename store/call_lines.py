"""The transcript of a call, and finding words in all transcripts.

Lines are found by their signs and pairs of neighbouring signs (``grams``) through an inverted index, because Chinese
has no spaces to split at and the embedded server carries no ``pg_trgm``. Spaces, punctuation and case do not matter.
"""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from store.audit import PersonalDataError, holds_identifier
from store.models import CallLine

SPEAKERS = ("bot", "caller", "key")


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it was said; milliseconds of the call's clock.

    ``text`` has its numbers taken out already. ``heard``: of a bot's line, the share 0..1 that was played for certain.
    """

    speaker: str
    text: str
    began_ms: int
    ended_ms: int
    heard: float | None = None
    confidence: float | None = None
    pack: str | None = None


async def add_line(session: AsyncSession, call_id: uuid.UUID, line: Line) -> int:
    """Store a line; returns its id.

    Raises:
        PersonalDataError: an identity number, credit code or phone stands in the text; it is not repeated here.
    """
    if holds_identifier(line.text):
        raise PersonalDataError("a line of a transcript would hold a raw identifier; redact it first")
    stored = CallLine(
        call_id=call_id,
        speaker=line.speaker,
        text=line.text,
        grams=grams(line.text),
        began_ms=line.began_ms,
        ended_ms=max(line.began_ms, line.ended_ms),
        heard=line.heard,
        confidence=line.confidence,
        pack=line.pack,
    )
    session.add(stored)
    await session.flush()
    return stored.id


async def mark_heard(session: AsyncSession, line_id: int, share: float) -> None:
    """Note how much of a bot's line has been played, 0..1; it only grows."""
    await session.execute(
        update(CallLine)
        .where(CallLine.id == line_id, CallLine.speaker == "bot")
        .where((CallLine.heard < share) | CallLine.heard.is_(None))
        .values(heard=share)
    )


async def transcript(session: AsyncSession, call_id: uuid.UUID) -> Sequence[CallLine]:
    """All lines of a call in the order of their beginnings."""
    found = await session.scalars(
        select(CallLine).where(CallLine.call_id == call_id).order_by(CallLine.began_ms, CallLine.id)
    )
    return found.all()


async def search(session: AsyncSession, words: str, *, limit: int = 50) -> list[CallLine]:
    """Lines that hold ``words``, the newest first; none for words without a letter, digit or Han character."""
    wanted = _plain(words)
    if not wanted:
        return []
    query = (
        select(CallLine)
        .where(CallLine.grams.contains(_grams(wanted)))
        .order_by(CallLine.id.desc())
        .execution_options(yield_per=200)
    )
    found: list[CallLine] = []
    stream = await session.stream_scalars(query)
    async for line in stream:
        if wanted in _plain(line.text):
            found.append(line)
            if len(found) == limit:
                break
    await stream.close()
    return found


def grams(text: str) -> list[str]:
    """Every sign and every pair of neighbouring signs of ``text``, once each."""
    return _grams(_plain(text))


def _grams(plain: str) -> list[str]:
    pairs = (first + second for first, second in pairwise(plain))
    return sorted({*plain, *pairs})


def _plain(text: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).casefold() if sign.isalnum())
