"""Conversations and their messages in the store."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import String, Text, bindparam, func, select
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession

from chat.ports import Answer
from chat.redaction import redact
from store.crypto import FieldCipher
from store.models import Conversation, Message, MessageState, Secret

HISTORY = 200
"""Messages sent to a widget that comes without any."""


# One statement each: a turn is short, and every round trip to the database is part of what the taxpayer waits for.
_TAKE = sql(
    """
    with touched as (
        update conversation
        set last_message_at = now(), owner = case when owner = 'closed' then 'bot' else owner end
        where id = :conversation_id returning id
    )
    insert into message (conversation_id, sender, client_id, text, payload, state)
    select id, 'taxpayer', :client_id, :text, :payload, 'pending' from touched
    on conflict (conversation_id, client_id) do nothing
    returning *
    """
).bindparams(
    bindparam("client_id", type_=String), bindparam("text", type_=Text), bindparam("payload", type_=JSONB)
)
# Not waiting for the disk is safe here: answers lost with the server leave their message pending, to be answered again.
_ANSWER = sql(
    """
    with taken as (
        update message set state = :state where id = :message_id and state = 'pending'
        returning id, conversation_id, set_config('synchronous_commit', 'off', true)
    )
    insert into message (conversation_id, sender, text, payload, state, reply_to)
    select taken.conversation_id, 'bot', said.answer ->> 'text', said.answer -> 'payload', 'answered', taken.id
    from taken, jsonb_array_elements(:answers) with ordinality as said (answer, place)
    order by said.place
    returning *
    """
).bindparams(bindparam("state", type_=String), bindparam("answers", type_=JSONB))


async def at_once(session: AsyncSession) -> None:
    """Let every statement of ``session`` stand by itself: no transaction, two round trips less."""
    await session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})


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
    """The conversation a token opens, a closed one too: what is said next opens it again. ``None`` for a forged one."""
    if len(token) > 128 or not token.isascii():
        return None
    found: Conversation | None = await session.scalar(
        select(Conversation).where(Conversation.session_hash == _digest(token))
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
    """Store what a taxpayer said, numbers taken out, to be answered; the same client id is stored once.

    Raises:
        LookupError: there is no such conversation.
    """
    redacted = redact(text, today, 1)
    if redacted.secrets:
        await session.execute(
            select(Conversation.id).where(Conversation.id == conversation_id).with_for_update()
        )
        earlier = await _said_before(session, conversation_id, client_id)
        if earlier is not None:
            return Accepted(earlier, False)
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
    stored: Message | None = await session.scalar(
        select(Message).from_statement(_TAKE),
        {
            "conversation_id": conversation_id,
            "client_id": client_id,
            "text": redacted.shown,
            "payload": {"said": redacted.said} if redacted.said != redacted.shown else {},
        },
    )
    if stored is not None:
        return Accepted(stored, True)
    earlier = await _said_before(session, conversation_id, client_id)
    if earlier is None:
        raise LookupError(f"no conversation {conversation_id}")
    return Accepted(earlier, False)


async def prompt(session: AsyncSession, conversation_id: uuid.UUID, command: str, shown: str) -> Message:
    """Store a step of our own that the dialogue is to answer: ``command`` for it, ``shown`` for people.

    Raises:
        LookupError: there is no such conversation.
    """
    known = await session.scalar(select(Conversation.id).where(Conversation.id == conversation_id))
    if known is None:
        raise LookupError(f"no conversation {conversation_id}")
    message = Message(
        conversation_id=conversation_id,
        sender="system",
        text=shown,
        payload={"said": command, "command": True},
        state=MessageState.PENDING,
    )
    session.add(message)
    await session.flush()
    return message


async def _said_before(
    session: AsyncSession, conversation_id: uuid.UUID, client_id: str | None
) -> Message | None:
    if client_id is None:
        return None
    earlier: Message | None = await session.scalar(
        select(Message).where(Message.conversation_id == conversation_id, Message.client_id == client_id)
    )
    return earlier


async def _next_serial(session: AsyncSession, conversation_id: uuid.UUID) -> int:
    count = await session.scalar(
        select(func.count()).select_from(Secret).where(Secret.conversation_id == conversation_id)
    )
    return int(count or 0) + 1


async def answer(
    session: AsyncSession, incoming: Message, answers: Sequence[Answer], state: MessageState
) -> list[Message]:
    """Store the answers and mark what they answer, in one statement; nothing if it was answered already."""
    stored = await session.scalars(
        select(Message).from_statement(_ANSWER),
        {
            "message_id": incoming.id,
            "state": state,
            "answers": [
                {
                    "text": a.text,
                    "payload": {
                        "buttons": [dict(b) for b in a.buttons],
                        "custom": dict(a.custom) if a.custom else None,
                        "facts": [dict(f) for f in a.facts],
                        **({"cue": dict(a.cue)} if a.cue is not None else {}),
                    },
                }
                for a in answers
            ],
        },
    )
    return sorted(stored.all(), key=lambda message: message.id)


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
        "by": message.payload.get("by"),
        "buttons": message.payload.get("buttons") or [],
        "custom": message.payload.get("custom"),
        "client_id": message.client_id,
        "created_at": message.created_at.isoformat(),
    }
