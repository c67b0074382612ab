"""The chat inbox: a notice in the taxpayer's own conversation, or kept for the next time they prove who they are.

Notices wait in the taxpayer's notices thread. One that has been overtaken is never shown: its reminder was closed, a
newer one of the same reminder waits too, or it was written for before a deadline that has passed.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.thread import tell
from outreach.notices import CHANNEL
from store.models import Conversation, Message, Owner
from store.outreach_models import Reminder

WIDGET = "web"
OPEN_FOR = timedelta(days=90)
"""How long after the last word in it a conversation counts as one that is still looked at."""
WAITING, SHOWN, OVERTAKEN = "waiting", "shown", "overtaken"


async def open_conversation(session: AsyncSession, taxpayer_id: uuid.UUID, now: datetime) -> uuid.UUID | None:
    """The widget's conversation in which this taxpayer proved who they are and that is open still; the latest."""
    found: uuid.UUID | None = await session.scalar(
        select(Conversation.id)
        .where(
            Conversation.taxpayer_id == taxpayer_id,
            Conversation.channel == WIDGET,
            Conversation.owner != Owner.CLOSED,
            Conversation.last_message_at > now - OPEN_FOR,
        )
        .order_by(Conversation.last_message_at.desc())
        .limit(1)
    )
    return found


async def show_waiting(
    session: AsyncSession, taxpayer_id: uuid.UUID, conversation_id: uuid.UUID, today: date
) -> int:
    """Show the notices that wait for ``taxpayer_id`` in a conversation where they have just proved who they are.

    Each is shown once. Returns how many were.
    """
    thread = await session.scalar(
        select(Conversation.id)
        .where(Conversation.channel == CHANNEL, Conversation.external_id == str(taxpayer_id))
        .with_for_update()
    )
    if thread is None:
        return 0
    waiting = (
        await session.scalars(
            select(Message)
            .where(Message.conversation_id == thread, Message.payload["notice"]["inbox"].astext == WAITING)
            .order_by(Message.id)
        )
    ).all()
    topical = set(await _topical(session, waiting, today))
    for message in waiting:
        if message.id in topical:
            await tell(session, conversation_id, message.text)
        message.payload = _marked(message.payload, SHOWN if message.id in topical else OVERTAKEN)
    await session.flush()
    return len(topical)


async def _topical(session: AsyncSession, waiting: Iterable[Message], today: date) -> list[int]:
    """Which are still true: the last of each reminder that is open, and those of no step (a word of thanks)."""
    latest: dict[uuid.UUID, int] = {}
    others: list[int] = []
    for message in waiting:
        about = message.payload["notice"]
        if about.get("attempt") is None:
            others.append(message.id)
            continue
        reminder = await session.get(Reminder, uuid.UUID(about["reminder"]))
        if reminder is None or not reminder.active:
            continue
        if not date.fromisoformat(about["on"]) <= reminder.due < today:
            latest[reminder.id] = message.id
    return [*others, *latest.values()]


def _marked(payload: dict[str, Any], state: str) -> dict[str, Any]:
    return {**payload, "notice": {**payload["notice"], "inbox": state}}
