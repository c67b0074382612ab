"""How was it? One to five and a word, once for each talk with a human; a low score opens a review."""

from __future__ import annotations

import uuid
from datetime import date

from sqlalchemy import and_, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.thread import tell
from store import audit
from store.handoff_models import HandoffTicket, Survey, TicketStatus
from store.models import Case, CaseKind
from store.numbers import next_number

ASK = "请给这次人工服务打个分：1分很不满意，5分很满意。也可以写一句话。"
PHONE = "phone"
"""The channel of tickets whose conversation is a call."""
LOW = 2
"""Up to this score a review is opened."""
LONGEST = 500
_REVIEW = "FH"


class NoSurvey(LookupError):
    """There is no talk of this conversation to be rated."""


async def invite(session: AsyncSession, ticket: HandoffTicket) -> None:
    """Ask for a rating in the thread."""
    await tell(
        session,
        ticket.conversation_id,
        ASK,
        custom={"kind": "survey", "ticket": str(ticket.id), "number": ticket.number},
    )


async def scores_of(session: AsyncSession, conversation_id: uuid.UUID) -> dict[str, int]:
    """The ratings given in a conversation, by the ticket's id as :func:`invite` names it."""
    rows = await session.execute(
        select(Survey.ticket_id, Survey.score).where(Survey.conversation_id == conversation_id)
    )
    return {str(ticket_id): score for ticket_id, score in rows}


async def rate(
    session: AsyncSession,
    conversation_id: uuid.UUID,
    ticket_id: uuid.UUID,
    score: int,
    word: str,
    today: date,
) -> bool:
    """Keep a rating; rating again changes score and word. True when it opened a review.

    Raises:
        NoSurvey: the ticket is not of this conversation, not finished, or was never with a human.
        ValueError: the score is not 1 to 5.
    """
    if not 1 <= score <= 5:
        raise ValueError("请打1到5分。")
    ticket = await session.scalar(
        select(HandoffTicket).where(
            HandoffTicket.id == ticket_id,
            HandoffTicket.conversation_id == conversation_id,
            # On the telephone it is asked as soon as the human has hung up, who may still have to note what came of it.
            or_(
                HandoffTicket.status == TicketStatus.CLOSED,
                and_(HandoffTicket.channel == PHONE, HandoffTicket.status == TicketStatus.ASSIGNED),
            ),
            HandoffTicket.agent_id.is_not(None),
        )
    )
    if ticket is None:
        raise NoSurvey
    said = word.strip()[:LONGEST]
    await session.execute(
        insert(Survey)
        .values(
            id=uuid.uuid4(),
            conversation_id=conversation_id,
            ticket_id=ticket_id,
            score=score,
            word=said,
            channel=ticket.channel,
        )
        .on_conflict_do_update(index_elements=["ticket_id"], set_={"score": score, "word": said})
    )
    if score > LOW:
        return False
    known = await session.scalar(
        select(Case.id).where(Case.kind == CaseKind.REVIEW, Case.details["ticket"].astext == str(ticket_id))
    )
    if known is not None:
        return False
    number = await next_number(session, _REVIEW, today)
    session.add(
        Case(
            number=number,
            kind=CaseKind.REVIEW,
            conversation_id=conversation_id,
            taxpayer_id=ticket.taxpayer_id,
            statement=said or "没有留言",
            details={"ticket": str(ticket_id), "number": ticket.number, "score": score},
        )
    )
    await session.flush()
    await audit.record(
        session, actor="taxpayer", action="review.opened", subject=f"case:{number}", detail={"score": score}
    )
    return True
