"""A conversation as its agent reads it: everything said, and the colleagues' notes in between."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from store.handoff_models import InternalNote, Staff
from store.models import Conversation, DeferralMaterial, Message, Owner

SHOWN = 200
"""Newest messages that are shown."""


@dataclass(frozen=True, slots=True)
class Bubble:
    """One thing said; ``sender``: ``taxpayer``, ``bot``, ``agent``, ``system`` or ``note``. ``message_id`` 0 for notes."""

    message_id: int
    sender: str
    by: str | None
    text: str
    payload: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file the taxpayer sent; its bytes lie in the upload folder under ``sha256``."""

    id: uuid.UUID
    filename: str
    content_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Talk:
    """The thread, who owns it, and how far each side has read."""

    conversation_id: uuid.UUID
    owner: Owner
    agent_id: uuid.UUID | None
    channel: str
    bubbles: tuple[Bubble, ...]
    attachments: tuple[Attachment, ...]
    taxpayer_read_id: int
    agent_read_id: int

    @property
    def newest(self) -> int:
        """Id of the newest message, 0 when there is none."""
        return max((b.message_id for b in self.bubbles), default=0)

    @property
    def last_asked(self) -> str:
        """What the taxpayer said last."""
        return next((b.text for b in reversed(self.bubbles) if b.sender == "taxpayer"), "")


async def talk(session: AsyncSession, conversation_id: uuid.UUID) -> Talk:
    """Read a conversation. Raises :class:`LookupError` where there is none."""
    head = await session.get(Conversation, conversation_id)
    if head is None:
        raise LookupError("没有这个会话。")
    messages = (
        await session.scalars(
            select(Message)
            .where(Message.conversation_id == conversation_id)
            .order_by(Message.id.desc())
            .limit(SHOWN)
        )
    ).all()
    notes = (
        await session.execute(
            select(InternalNote, Staff.name)
            .join(Staff, Staff.id == InternalNote.staff_id)
            .where(InternalNote.conversation_id == conversation_id)
            .order_by(InternalNote.created_at)
        )
    ).all()
    files = (
        await session.scalars(
            select(DeferralMaterial)
            .where(DeferralMaterial.conversation_id == conversation_id)
            .order_by(DeferralMaterial.created_at)
        )
    ).all()
    bubbles = [
        Bubble(m.id, m.sender, m.payload.get("by"), m.text, m.payload, m.created_at)
        for m in messages
        if not m.payload.get("command")
    ]
    bubbles += [Bubble(0, "note", name, note.text, {}, note.created_at) for note, name in notes]
    return Talk(
        conversation_id=conversation_id,
        owner=Owner(head.owner),
        agent_id=head.agent_id,
        channel=head.channel,
        bubbles=tuple(sorted(bubbles, key=lambda b: (b.at, b.message_id))),
        attachments=tuple(Attachment(f.id, f.filename, f.content_type, f.size, f.sha256) for f in files),
        taxpayer_read_id=head.taxpayer_read_id,
        agent_read_id=head.agent_read_id,
    )
