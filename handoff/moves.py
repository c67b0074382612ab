"""How a conversation leaves the hands it is in: to a colleague, back to the queue, back to the bot, or to its end."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.events import Event, Kind, all_happened, happened
from handoff.locking import locked_staff, locked_ticket
from handoff.routing import KEPT_FOR
from handoff.skills import SKILL_ZH, Skill
from handoff.sla import NEXT_ANSWER_MIN
from handoff.survey import invite
from handoff.thread import BadWords, for_the_record, held, tell
from store import audit
from store.handoff_models import HandoffTicket, Presence, Staff, TicketStatus
from store.models import Conversation, Owner


class Disposition(StrEnum):
    """How a talk with a human ended."""

    SOLVED = "solved"
    INFORMED = "informed"
    FOLLOW_UP = "follow_up"
    CALLBACK = "callback"
    REFERRED = "referred"
    NO_REPLY = "no_reply"
    LEFT = "left"
    """The taxpayer left the queue."""


DISPOSITION_ZH: Mapping[Disposition, str] = {
    Disposition.SOLVED: "已解决",
    Disposition.INFORMED: "已解释说明",
    Disposition.FOLLOW_UP: "待后续跟进",
    Disposition.CALLBACK: "约定回电",
    Disposition.REFERRED: "转其他部门",
    Disposition.NO_REPLY: "对方未再回复",
    Disposition.LEFT: "对方离开排队",
}


async def transfer(
    session: AsyncSession,
    by: Staff,
    conversation_id: uuid.UUID,
    *,
    skill: Skill | None = None,
    to: uuid.UUID | None = None,
    note: str = "",
) -> None:
    """Give the conversation to the queue of a skill, or to a colleague, who keeps first reach for a while.

    Raises:
        NotYours: ``by`` does not own it.
        BadWords: neither a skill nor another, active colleague was named.
    """
    ticket = await held(session, by.id, conversation_id)
    colleague = await session.get(Staff, to) if to is not None else None
    if (skill is None and colleague is None) or to == by.id or (colleague is not None and colleague.disabled):
        raise BadWords("请选择要转给的技能组或同事。")
    whom = colleague.name if colleague is not None else f"{SKILL_ZH[skill or Skill.GENERAL]}坐席"
    await _to_queue(session, ticket, skill=skill, wanted=colleague.id if colleague else None)
    await tell(session, conversation_id, f"正在为您转给{whom}，前面说过的都会带过去，不用再说一遍。")
    await happened(
        session,
        Kind.TRANSFERRED,
        ticket_id=ticket.id,
        number=ticket.number,
        actor=f"staff:{by.login}",
        staff_id=by.id,
        detail={
            "skill": ticket.skill,
            "to": colleague.login if colleague else None,
            "note": for_the_record(note),
        },
    )


async def release(session: AsyncSession, by: Staff, conversation_id: uuid.UUID) -> None:
    """Put the conversation back into the queue. Raises :class:`NotYours`."""
    ticket = await held(session, by.id, conversation_id)
    await _to_queue(session, ticket)
    await tell(session, conversation_id, "正在为您换一位坐席，您仍排在前面。")
    await happened(
        session,
        Kind.RELEASED,
        ticket_id=ticket.id,
        number=ticket.number,
        actor=f"staff:{by.login}",
        staff_id=by.id,
    )


async def reassign(session: AsyncSession, by: Staff, ticket_id: uuid.UUID, to: uuid.UUID) -> None:
    """A supervisor gives an open ticket, waiting or held, straight to somebody, themselves included.

    Raises :class:`BadWords` where the ticket is closed, or somebody else's account is disabled or offline.
    """
    colleague = await session.scalar(locked_staff(to))
    ticket = await session.scalar(locked_ticket(ticket_id))
    if ticket is None or ticket.status == TicketStatus.CLOSED:
        raise BadWords("这张单子已经结束了。")
    if colleague is None or colleague.disabled:
        raise BadWords("对方的账号已停用。")
    if colleague.presence == Presence.OFFLINE and colleague.id != by.id:
        raise BadWords("对方现在不在线，请换一位。")
    if ticket.agent_id == colleague.id:
        return
    now = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    ticket.status, ticket.agent_id, ticket.claimed_at = TicketStatus.ASSIGNED, colleague.id, now
    ticket.wanted_agent_id = ticket.wanted_until = None
    await session.flush()
    await session.execute(
        update(Conversation)
        .where(Conversation.id == ticket.conversation_id)
        .values(owner=Owner.AGENT, agent_id=colleague.id)
    )
    await tell(session, ticket.conversation_id, f"人工坐席{colleague.name}已接入，为您服务。")
    await happened(
        session,
        Kind.CLAIMED,
        ticket_id=ticket.id,
        number=ticket.number,
        actor=f"staff:{by.login}",
        staff_id=colleague.id,
        detail={"assigned_by": by.login},
    )


async def hand_back(
    session: AsyncSession, by: Staff, conversation_id: uuid.UUID, disposition: Disposition, note: str = ""
) -> HandoffTicket:
    """The bot goes on with the conversation; the taxpayer is asked how it was. Raises :class:`NotYours`."""
    words = f"人工坐席{by.name}的服务到这里。接下来税铃继续为您服务。"
    return await _end(session, by, conversation_id, disposition, note, Owner.BOT, Kind.HANDED_BACK, words)


async def close(
    session: AsyncSession, by: Staff, conversation_id: uuid.UUID, disposition: Disposition, note: str = ""
) -> HandoffTicket:
    """The talk is over; whatever the taxpayer says next begins with the bot again. Raises :class:`NotYours`."""
    words = f"人工坐席{by.name}结束了这次服务。还有问题可以直接接着说。"
    return await _end(session, by, conversation_id, disposition, note, Owner.CLOSED, Kind.CLOSED, words)


async def _end(
    session: AsyncSession,
    by: Staff,
    conversation_id: uuid.UUID,
    disposition: Disposition,
    note: str,
    owner: Owner,
    kind: Kind,
    words: str,
) -> HandoffTicket:
    ticket = await held(session, by.id, conversation_id)
    await _finish(session, ticket, disposition, note, by, owner)
    await tell(session, conversation_id, words)
    await invite(session, ticket)
    await happened(
        session,
        kind,
        ticket_id=ticket.id,
        number=ticket.number,
        actor=f"staff:{by.login}",
        staff_id=by.id,
        detail={"disposition": disposition.value},
    )
    return ticket


async def leave_queue(session: AsyncSession, conversation_id: uuid.UUID, *, callback: bool = False) -> bool:
    """The taxpayer no longer waits; false when there was nothing to leave, or a human has come meanwhile.

    ``callback``: a call back is booked instead.
    """
    ticket = await session.scalar(
        select(HandoffTicket)
        .where(HandoffTicket.conversation_id == conversation_id, HandoffTicket.status == TicketStatus.WAITING)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if ticket is None:
        return False
    why = Disposition.CALLBACK if callback else Disposition.LEFT
    await _finish(session, ticket, why, "", None, Owner.BOT)
    instead = "人工会给您回电。" if callback else "税铃继续为您服务。"
    await tell(session, conversation_id, f"好的，不排队了，{instead}需要人工时随时说“转人工”。")
    await happened(session, Kind.LEFT, ticket_id=ticket.id, number=ticket.number, actor="taxpayer")
    return True


async def back_to_queue(session: AsyncSession, tickets: Sequence[HandoffTicket]) -> None:
    """Their agents have gone: the conversations wait again, at their old places, and the taxpayers are told."""
    events = [Event(Kind.RETURNED, t.id, t.number, "system", t.agent_id) for t in tickets]
    for ticket in tickets:
        await _to_queue(session, ticket)
        await tell(
            session, ticket.conversation_id, "接待您的坐席暂时断线了，已经为您重新排在前面，换一位坐席来接。"
        )
    await all_happened(session, events)


async def _to_queue(
    session: AsyncSession,
    ticket: HandoffTicket,
    *,
    skill: Skill | None = None,
    wanted: uuid.UUID | None = None,
) -> None:
    """Waiting again. A clock that runs already is not renewed; who has had an answer waits for the next one."""
    now = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    ticket.status, ticket.agent_id = TicketStatus.WAITING, None
    ticket.skill = skill.value if skill is not None else ticket.skill
    if ticket.waiting_since is None:
        ticket.waiting_since, ticket.answer_alarm = now, 0
        ticket.answer_due_at = now + timedelta(minutes=NEXT_ANSWER_MIN)
    ticket.wanted_agent_id = wanted
    ticket.wanted_until = now + KEPT_FOR if wanted else None
    await session.flush()
    await session.execute(
        update(Conversation)
        .where(Conversation.id == ticket.conversation_id)
        .values(owner=Owner.QUEUE, agent_id=None)
    )


async def _finish(
    session: AsyncSession,
    ticket: HandoffTicket,
    disposition: Disposition,
    note: str,
    by: Staff | None,
    owner: Owner,
) -> None:
    now = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    ticket.status, ticket.closed_at = TicketStatus.CLOSED, now
    ticket.disposition, ticket.closing_note = disposition.value, audit.mask_identifiers(note.strip()) or None
    ticket.closed_by = by.id if by is not None else None
    ticket.waiting_since = ticket.answer_due_at = None
    await session.flush()
    await session.execute(
        update(Conversation)
        .where(Conversation.id == ticket.conversation_id)
        .values(owner=owner, agent_id=None)
    )
