"""One way out for everything that is said to a taxpayer who is not there: by any channel, into one thread.

What was said stands in the taxpayer's notices thread, whatever carried it, as ``{"notice": {"channel", "reminder",
"attempt", "on", …}}``; ``outreach.timeline`` reads it back.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.thread import tell
from outreach.channels.inbox import SHOWN, WAITING, open_conversation
from outreach.channels.officer import open_task
from outreach.channels.sms import queue_sms
from outreach.channels.wechat import queue_template
from outreach.clock import SHANGHAI
from outreach.notices import notices_thread
from outreach.plan import Channel
from outreach.terms import Notice, Receipt
from store.crypto import FieldCipher
from store.models import Message
from store.outreach_models import Reminder


async def deliver(
    session: AsyncSession,
    cipher: FieldCipher,
    channel: Channel,
    reminder: Reminder,
    notice: Notice,
    now: datetime,
    contact_id: uuid.UUID | None = None,
) -> Receipt:
    """Say ``notice`` by ``channel`` (not a call), within the caller's transaction; ``contact_id``: to this number.

    The notice of one attempt is queued and shown once, however often this is called for it. By the inbox it is
    ``UNREACHABLE`` where no conversation is open, and waits there all the same. Of an officer's task the taxpayer is told
    by the inbox.

    Raises:
        ValueError: calls are dialled, not delivered.
    """
    match channel:
        case Channel.INBOX:
            return await _inbox(session, reminder, notice, now)
        case Channel.SMS:
            queued = await queue_sms(session, cipher, reminder.taxpayer_id, notice, now, contact_id)
            if queued is None:
                return Receipt.UNREACHABLE
            await _write_down(session, channel, reminder, notice, notice.about, now, sms=queued.outbox_id)
            return Receipt.QUEUED
        case Channel.WECHAT:
            receipt = await queue_template(session, cipher, reminder.taxpayer_id, notice)
            if receipt in (Receipt.QUEUED, Receipt.DELIVERED):
                await _write_down(session, channel, reminder, notice, notice.about, now)
            return receipt
        case Channel.OFFICER:
            await _inbox(session, reminder, notice, now)
            return await open_task(session, reminder, notice, now)
        case Channel.CALL:
            raise ValueError("a call is dialled, not delivered")


async def _inbox(session: AsyncSession, reminder: Reminder, notice: Notice, now: datetime) -> Receipt:
    window = await open_conversation(session, reminder.taxpayer_id, now)
    state = WAITING if window is None else SHOWN
    new = await _write_down(session, Channel.INBOX, reminder, notice, notice.words, now, inbox=state)
    if window is None:
        return Receipt.UNREACHABLE
    if new:
        await tell(session, window, notice.words)
    return Receipt.DELIVERED


async def _write_down(
    session: AsyncSession,
    channel: Channel,
    reminder: Reminder,
    notice: Notice,
    text: str,
    now: datetime,
    **more: Any,
) -> bool:
    """Note it in the notices thread; false where this attempt's notice stands there already."""
    attempt = str(notice.attempt_id) if notice.attempt_id is not None else None
    written = await session.scalar(
        insert(Message)
        .values(
            conversation_id=await notices_thread(session, reminder.taxpayer_id),
            sender="system",
            client_id=f"{channel.value}:{attempt}" if attempt else None,
            text=text,
            payload={
                "notice": {
                    "channel": channel.value,
                    "reminder": str(reminder.id),
                    "attempt": attempt,
                    "on": now.astimezone(SHANGHAI).date().isoformat(),
                    **more,
                }
            },
        )
        .on_conflict_do_nothing(index_elements=["conversation_id", "client_id"])
        .returning(Message.id)
    )
    return written is not None
