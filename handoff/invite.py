"""Asking an officer to look at a conversation: they may read it and write notes; the agent goes on talking."""

from __future__ import annotations

import uuid

from sqlalchemy.ext.asyncio import AsyncSession

from handoff.events import Kind, happened
from handoff.thread import BadWords, held, write_note
from store.handoff_models import Staff


async def invite(
    session: AsyncSession, by: Staff, conversation_id: uuid.UUID, whom: uuid.UUID, why: str
) -> None:
    """Invite ``whom`` with a note that says why; twice is once.

    Raises:
        NotYours: ``by`` does not own the conversation.
        BadWords: nobody that can be invited was named, or no reason.
    """
    ticket = await held(session, by.id, conversation_id)
    colleague = await session.get(Staff, whom)
    if colleague is None or colleague.disabled or colleague.id == by.id:
        raise BadWords("请选择要邀请的同事。")
    await write_note(session, by, conversation_id, f"邀请{colleague.name}看一下：{why.strip() or '请协助'}")
    await happened(
        session,
        Kind.INVITED,
        ticket_id=ticket.id,
        number=ticket.number,
        actor=f"staff:{by.login}",
        staff_id=by.id,
        detail={"to": colleague.login},
        once=colleague.login,
    )
