"""An agent's message on its way out: read by the guard first; against its advice only on record."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from handoff.events import Kind, happened
from handoff.ports import Finding
from handoff.thread import BadWords, for_the_record, held, say
from store.handoff_models import Staff
from store.models import Message


async def send(
    session: AsyncSession,
    staff: Staff,
    conversation_id: uuid.UUID,
    text: str,
    *,
    client_id: str,
    findings: Sequence[Finding] = (),
    why: str = "",
) -> Message:
    """Say it; with ``findings`` only where a reason is given, which is kept with them.

    Raises:
        NotYours: ``staff`` does not own the conversation.
        BadWords: nothing to say, too much, or objections without a reason.
    """
    if findings and not why.strip():
        raise BadWords("坚持发送请写明理由。")
    reason = for_the_record(why)
    message = await say(session, staff, conversation_id, text, client_id=client_id)
    if findings:
        ticket = await held(session, staff.id, conversation_id)
        await happened(
            session,
            Kind.OVERRIDDEN,
            ticket_id=ticket.id,
            number=ticket.number,
            actor=f"staff:{staff.login}",
            staff_id=staff.id,
            detail={
                "objections": [f.objection.value for f in findings],
                "why": reason,
                "message": message.id,
            },
            once=str(message.id),
        )
    return message
