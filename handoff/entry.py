"""Into the queue: one open ticket a conversation, whoever asks how often."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.estimate import agents_online, line
from handoff.events import Kind, happened
from handoff.office import Hours, hours
from handoff.reasons import ROUTES, Reason
from handoff.routing import KEPT_FOR, best, candidates
from handoff.skills import Skill
from handoff.sla import Clock, due
from handoff.summary import summarize
from store.handoff_models import HandoffTicket, TicketStatus
from store.identity import VerifiedTaxpayer
from store.models import Conversation, Owner, Taxpayer
from store.numbers import HANDOFF, next_number


@dataclass(frozen=True, slots=True)
class Place:
    """An open ticket and where it stands.

    ``staffed``: within office hours, or somebody is online all the same. ``agents``: online with its skill.
    ``minutes``: the wait, where recent claims allow to name one. ``with_agent``: a human has it already.
    """

    number: str
    ahead: int
    new: bool
    staffed: bool
    agents: int
    minutes: int | None
    hours: Hours
    with_agent: bool = False


async def enter(
    session: AsyncSession,
    *,
    conversation_id: uuid.UUID,
    who: VerifiedTaxpayer | None,
    reason: Reason,
    trigger: str,
    now: datetime,
) -> Place:
    """Put the conversation into the queue; a second call finds the ticket already there.

    It may make that ticket more urgent and give it a field of work, but never takes away either.

    Call it before the transaction changes the conversation or adds to the audit trail: whoever claims the ticket locks
    these after it. ``now`` is the local business time. While seats are closed and nobody is online the ticket waits, but the
    conversation stays with the bot: nobody is kept in a line that does not move.
    """
    route = ROUTES[reason]
    opening = await hours(session)
    online = await agents_online(session)
    staffed = opening.staffed(now) or online > 0
    number = await next_number(session, HANDOFF, now.date())
    summary = await summarize(session, conversation_id, route.label, who)
    talk = (await session.scalars(select(Conversation).where(Conversation.id == conversation_id))).one()
    taxpayer_id = who.taxpayer_id if who else None
    pack = (
        await session.scalar(select(Taxpayer.pack).where(Taxpayer.id == (taxpayer_id or talk.taxpayer_id)))
        if taxpayer_id or talk.taxpayer_id
        else None
    )
    wanted = best(await candidates(session, route.skill, conversation_id, taxpayer_id)) if online else None
    kept_until = func.now() + KEPT_FOR if wanted else None
    to_answer = due(Clock.FIRST_ANSWER, route.priority, now, opening).within
    ticket: HandoffTicket | None = None
    while ticket is None:
        # The one that is in the way of a new one may be closed before it is locked; then there is room for a new one.
        added = await session.scalar(
            insert(HandoffTicket)
            .values(
                id=uuid.uuid4(),
                number=number,
                conversation_id=conversation_id,
                taxpayer_id=taxpayer_id,
                channel=talk.channel,
                pack=pack,
                reason=reason.value,
                skill=route.skill.value,
                priority=route.priority,
                summary=summary,
                trigger_text=trigger,
                wanted_agent_id=wanted,
                wanted_until=kept_until,
                answer_due_at=func.now() + to_answer,
                resolve_due_at=func.now() + due(Clock.RESOLUTION, route.priority, now, opening).within,
            )
            .on_conflict_do_nothing(
                index_elements=["conversation_id"], index_where=text("status <> 'closed'")
            )
            .returning(HandoffTicket.id)
        )
        ticket = await session.scalar(
            select(HandoffTicket)
            .where(
                HandoffTicket.conversation_id == conversation_id,
                HandoffTicket.status != TicketStatus.CLOSED,
            )
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    narrows = route.skill is not Skill.GENERAL and ticket.skill == Skill.GENERAL
    raised = added is None and (route.priority < ticket.priority or narrows)
    if raised:
        moves = route.skill is not Skill.GENERAL or ticket.skill == Skill.GENERAL
        ticket.priority, ticket.reason = min(route.priority, ticket.priority), reason.value
        ticket.skill = route.skill.value if moves else ticket.skill
        ticket.summary = f"{ticket.summary}\n{summary}"
        ticket.trigger_text = trigger
        if ticket.status == TicketStatus.WAITING:
            if moves:
                ticket.wanted_agent_id, ticket.wanted_until = wanted, kept_until
            ticket.answer_due_at = func.least(HandoffTicket.answer_due_at, func.now() + to_answer)
    await session.flush()
    if raised:
        await session.refresh(ticket)
    if staffed and ticket.status == TicketStatus.WAITING:
        await session.execute(
            update(Conversation)
            .where(Conversation.id == conversation_id, Conversation.owner.in_((Owner.BOT, Owner.CLOSED)))
            .values(owner=Owner.QUEUE)
        )
    standing = await line(session, ticket)
    if added is not None or raised:
        await happened(
            session,
            Kind.ENTERED if added is not None else Kind.RAISED,
            ticket_id=ticket.id,
            number=ticket.number,
            actor="bot",
            detail={"reason": reason.value, "skill": ticket.skill},
        )
    return Place(
        number=ticket.number,
        ahead=standing.ahead,
        new=added is not None,
        staffed=staffed,
        agents=standing.agents,
        minutes=standing.minutes,
        hours=opening,
        with_agent=ticket.status == TicketStatus.ASSIGNED,
    )
