"""How it was: one rating a talk, and a review where it was bad."""

from __future__ import annotations

import asyncio
import uuid
from datetime import date

import pytest
from sqlalchemy import func, select

from handoff.moves import Disposition, close, leave_queue
from handoff.survey import LONGEST, LOW, NoSurvey, rate
from store.engine import SessionFactory
from store.handoff_models import Staff, Survey
from store.models import AuditEvent, Case, CaseKind
from tests.handoff.invariants import check
from tests.handoff.makers import make_conversation, make_staff, make_talk, make_ticket, ticket_of

pytestmark = pytest.mark.unit

TODAY = date(2026, 11, 23)


async def _finished(sessions: SessionFactory, agent: Staff | None = None) -> tuple[uuid.UUID, uuid.UUID]:
    """A finished talk and its ticket."""
    someone = agent or await make_staff(sessions)
    talk = await make_talk(sessions, someone)
    async with sessions() as session, session.begin():
        await close(session, someone, talk, Disposition.SOLVED)
    return talk, (await ticket_of(sessions, talk)).id


async def _rate(
    sessions: SessionFactory, talk: uuid.UUID, ticket: uuid.UUID, score: int, word: str = ""
) -> bool:
    async with sessions() as session, session.begin():
        return await rate(session, talk, ticket, score, word, TODAY)


async def _reviews(sessions: SessionFactory) -> list[Case]:
    async with sessions() as session:
        return list((await session.scalars(select(Case).where(Case.kind == CaseKind.REVIEW))).all())


async def test_a_rating_is_kept_and_can_be_changed(sessions: SessionFactory) -> None:
    talk, ticket = await _finished(sessions)
    assert not await _rate(sessions, talk, ticket, 4, "挺好")
    assert not await _rate(sessions, talk, ticket, 5, "  <b>很好</b>  ")
    async with sessions() as session:
        kept = (await session.scalars(select(Survey))).one()
    assert (kept.score, kept.word, kept.channel) == (5, "<b>很好</b>", "web")


@pytest.mark.parametrize("score", range(1, 6))
async def test_only_a_low_score_opens_a_review(sessions: SessionFactory, score: int) -> None:
    talk, ticket = await _finished(sessions)
    assert await _rate(sessions, talk, ticket, score) is (score <= LOW)
    assert len(await _reviews(sessions)) == (score <= LOW)
    await check(sessions)


async def test_rating_low_at_once_or_again_opens_one_review(sessions: SessionFactory) -> None:
    talk, ticket = await _finished(sessions)
    done = await asyncio.gather(*(_rate(sessions, talk, ticket, 1, "太慢") for _ in range(6)))
    assert sum(done) == 1
    assert not await _rate(sessions, talk, ticket, 5)
    assert not await _rate(sessions, talk, ticket, 2)
    (review,) = await _reviews(sessions)
    assert review.statement == "太慢"
    assert review.number.startswith("FH2026-")
    async with sessions() as session:
        opened = await session.scalar(
            select(func.count()).select_from(AuditEvent).where(AuditEvent.action == "review.opened")
        )
        assert await session.scalar(select(func.count()).select_from(Survey)) == 1
    assert opened == 1
    await check(sessions)


async def test_what_was_no_finished_talk_of_theirs_is_refused(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    talk, ticket = await _finished(sessions, agent)
    stranger = await make_conversation(sessions)
    running = await make_talk(sessions, agent)
    left = await make_ticket(sessions)
    async with sessions() as session, session.begin():
        await leave_queue(session, left.conversation_id)
    for whose, which in (
        (stranger, ticket),
        (talk, uuid.uuid4()),
        (running, (await ticket_of(sessions, running)).id),
        (left.conversation_id, left.id),
    ):
        with pytest.raises(NoSurvey):
            await _rate(sessions, whose, which, 1)
    assert await _reviews(sessions) == []


@pytest.mark.parametrize("score", [0, 6, -1, 100])
async def test_scores_beyond_the_scale_are_refused(sessions: SessionFactory, score: int) -> None:
    talk, ticket = await _finished(sessions)
    with pytest.raises(ValueError, match="1到5"):
        await _rate(sessions, talk, ticket, score)


async def test_a_long_word_is_cut(sessions: SessionFactory) -> None:
    talk, ticket = await _finished(sessions)
    await _rate(sessions, talk, ticket, 3, "啊" * 5000)
    async with sessions() as session:
        kept = (await session.scalars(select(Survey))).one()
    assert len(kept.word) == LONGEST
