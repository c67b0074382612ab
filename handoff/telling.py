"""Telling a taxpayer what became of their matter: in the thread, and by text message where nobody looks at it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.thread import tell
from store.crypto import FieldCipher
from store.models import Call, Contact, ContactExclusion, Conversation, OutboxSms

SILENT = timedelta(days=1)
"""After this long without a word nobody is taken to be looking at a thread."""
SMS_PURPOSE = "notice"
_WIDGET = "web"


@dataclass(frozen=True, slots=True)
class Notice:
    """``words`` for the thread. ``about`` is all a text message says: neither amount nor tax nor name."""

    words: str
    about: str
    buttons: tuple[Mapping[str, str], ...] = ()
    custom: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """Where the taxpayer was told; both false: somebody has to reach them another way."""

    thread: bool
    sms: bool


async def reach(
    session: AsyncSession,
    cipher: FieldCipher,
    notice: Notice,
    *,
    conversation_id: uuid.UUID | None,
    taxpayer_id: uuid.UUID | None,
) -> Reached:
    """Put the notice into the thread, and send a text message if the thread is no open window.

    A thread counts as one while it is a widget's and something was said in it within :data:`SILENT` (by the database's
    clock, which also stamped what was said).
    """
    watched = False
    if conversation_id is not None:
        await tell(session, conversation_id, notice.words, buttons=notice.buttons, custom=notice.custom)
        watched = bool(
            await session.scalar(
                select(
                    (Conversation.channel == _WIDGET)
                    & (Conversation.last_message_at > func.clock_timestamp() - SILENT)
                ).where(Conversation.id == conversation_id)
            )
        )
    sms = not watched and taxpayer_id is not None and await _text(session, cipher, taxpayer_id, notice.about)
    return Reached(conversation_id is not None, sms)


async def _text(session: AsyncSession, cipher: FieldCipher, taxpayer_id: uuid.UUID, about: str) -> bool:
    """Send to the primary contact; false when there is none, or somebody else has answered that number since."""
    contact = await session.scalar(
        select(Contact).where(Contact.taxpayer_id == taxpayer_id, Contact.is_primary)
    )
    if contact is None:
        return False
    called = select(Call.conversation_id).where(Call.taxpayer_id == taxpayer_id)
    elsewhere = await session.scalar(
        select(
            exists().where(
                ContactExclusion.kind == "wrong_person",
                or_(
                    ContactExclusion.taxpayer_id == taxpayer_id, ContactExclusion.conversation_id.in_(called)
                ),
                ContactExclusion.created_at > contact.created_at,
            )
        )
    )
    if elsewhere:
        return False
    body = (
        f"【税铃】{about}。为保护您的信息，短信里不写具体内容。请回到原来的网上对话查看，"
        "或者在税铃网上对话里核实身份后询问，也可以拨打12366。"
    )
    session.add(
        OutboxSms(
            purpose=SMS_PURPOSE,
            phone_enc=contact.phone_enc,
            phone_mask=contact.phone_mask,
            body_enc=cipher.encrypt(body, "outbox_sms.body"),
        )
    )
    await session.flush()
    return True
