"""Conversations and their messages in the store."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chat.ports import Answer
from chat.redaction import redact
from store.crypto import FieldCipher
from store.models import Conversation, Message, MessageState, Owner, Secret

HISTORY = 200
"""Messages sent to a widget that comes without any."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A stored incoming message; ``new`` is false when the same client id came before."""

    message: Message
    new: bool


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def open_session(
    session: AsyncSession, token: str | None, greeting: Answer
) -> tuple[str, Conversation, bool]:
    """The conversation behind ``token``, or a new one that begins with ``greeting``.

    Returns ``(token, conversation, resumed)``.
    """
    if token:
        known = await by_token(session, token)
        if known is not None:
            return token, known, True
    fresh = secrets.token_urlsafe(32)
    conversation = Conversation(id=uuid.uuid4(), channel="web", session_hash=_digest(fresh))
    session.add(conversation)
    await session.flush()
    session.add(
        Message(
            conversation_id=conversation.id,
            sender="bot",
            text=greeting.text,
            payload={"buttons": [dict(b) for b in greeting.buttons]},
        )
    )
    await session.flush()
    return fresh, conversation, False


async def by_token(session: AsyncSession, token: str) -> Conversation | None:
    """The conversation a token opens; ``None`` for a forged or outdated one."""
    if len(token) > 128 or not token.isascii():
        return None
    found: Conversation | None = await session.scalar(
        select(Conversation).where(
            Conversation.session_hash == _digest(token), Conversation.owner != Owner.CLOSED
        )
    )
    return found


async def by_external(session: AsyncSession, channel: str, external_id: str) -> Conversation:
    """The conversation of a sender on a channel that names its own senders."""
    wanted = select(Conversation).where(
        Conversation.channel == channel, Conversation.external_id == external_id
    )
    known = await session.scalar(wanted)
    if known is not None:
        return known
    await session.execute(
        insert(Conversation)
        .values(id=uuid.uuid4(), channel=channel, external_id=external_id)
        .on_conflict_do_nothing(index_elements=["channel", "external_id"])
    )
    return (await session.scalars(wanted)).one()


async def accept(
    session: AsyncSession,
    cipher: FieldCipher,
    conversation_id: uuid.UUID,
    text: str,
    client_id: str | None,
    today: date,
) -> Accepted:
    """Store what a taxpayer said, numbers taken out, to be answered.

    The conversation's row is locked first, so that the same client id cannot be stored twice.
    """
    await session.execute(
        update(Conversation).where(Conversation.id == conversation_id).values(last_message_at=func.now())
    )
    if client_id is not None:
        earlier = await session.scalar(
            select(Message).where(Message.conversation_id == conversation_id, Message.client_id == client_id)
        )
        if earlier is not None:
            return Accepted(earlier, False)
    redacted = redact(text, today, 1)
    if redacted.secrets:
        redacted = redact(text, today, await _next_serial(session, conversation_id))
    for placeholder, item in redacted.secrets:
        session.add(
            Secret(
                id=uuid.uuid4(),
                conversation_id=conversation_id,
                placeholder=placeholder,
                kind=item.kind,
                value_enc=cipher.encrypt(item.value, "secret.value"),
                value_mask=item.mask,
            )
        )
    message = Message(
        conversation_id=conversation_id,
        sender="taxpayer",
        client_id=client_id,
        text=redacted.shown,
        payload={"said": redacted.said} if redacted.said != redacted.shown else {},
        state=MessageState.PENDING,
    )
    session.add(message)
    await session.flush()
    return Accepted(message, True)


async def _next_serial(session: AsyncSession, conversation_id: uuid.UUID) -> int:
    count = await session.scalar(
        select(func.count()).select_from(Secret).where(Secret.conversation_id == conversation_id)
    )
    return int(count or 0) + 1


async def answer(
    session: AsyncSession, incoming: Message, answers: Sequence[Answer], state: MessageState
) -> list[Message]:
    """Store the answers and mark what they answer, in one transaction; nothing if it was answered already."""
    taken = await session.execute(
        update(Message)
        .where(Message.id == incoming.id, Message.state == MessageState.PENDING)
        .values(state=state)
        .returning(Message.id)
    )
    if taken.first() is None:
        return []
    stored = [
        Message(
            conversation_id=incoming.conversation_id,
            sender="bot",
            text=a.text,
            payload={
                "buttons": [dict(b) for b in a.buttons],
                "custom": dict(a.custom) if a.custom else None,
                "facts": [dict(f) for f in a.facts],
            },
            reply_to=incoming.id,
        )
        for a in answers
    ]
    session.add_all(stored)
    await session.flush()
    return stored


async def note(session: AsyncSession, conversation_id: uuid.UUID, text: str) -> Message:
    """Store a system note."""
    message = Message(conversation_id=conversation_id, sender="system", text=text)
    session.add(message)
    await session.flush()
    return message


async def since(session: AsyncSession, conversation_id: uuid.UUID, after: int) -> list[Message]:
    """Messages after an id, oldest first; without an id the last :data:`HISTORY`."""
    newest = (
        await session.scalars(
            select(Message)
            .where(Message.conversation_id == conversation_id, Message.id > after)
            .order_by(Message.id.desc())
            .limit(HISTORY if after == 0 else 10 * HISTORY)
        )
    ).all()
    return list(reversed(newest))


def frame(message: Message) -> Mapping[str, Any]:
    """The message as the widget sees it."""
    return {
        "type": "message",
        "id": message.id,
        "sender": message.sender,
        "text": message.text,
        "buttons": message.payload.get("buttons") or [],
        "custom": message.payload.get("custom"),
        "client_id": message.client_id,
        "created_at": message.created_at.isoformat(),
    }
