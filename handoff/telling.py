"""Telling a taxpayer what became of their matter: in the thread, and by text message where nobody looks at it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.thread import tell
from store.crypto import FieldCipher
from store.models import Call, Contact, ContactExclusion, Conversation, OutboxSms
from store.outreach_models import ContactPause
from store.texts import SIGNATURE, SMS_BODY, sealed_number, takes_texts

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
    """Send to the primary contact; false when it is not to be written to."""
    contact = await contact_for_texts(session, taxpayer_id)
    if contact is None or not takes_texts(cipher, contact):
        return False
    body = (
        f"{SIGNATURE}{about}。为保护您的信息，短信里不写具体内容。请回到原来的网上对话查看，"
        "或者在税铃网上对话里核实身份后询问，也可以拨打12366。"
    )
    session.add(
        OutboxSms(
            purpose=SMS_PURPOSE,
            phone_enc=sealed_number(cipher, contact),
            phone_mask=contact.phone_mask,
            body_enc=cipher.encrypt(body, SMS_BODY),
            taxpayer_id=taxpayer_id,
        )
    )
    await session.flush()
    return True


async def contact_for_texts(
    session: AsyncSession,
    taxpayer_id: uuid.UUID,
    contact_id: uuid.UUID | None = None,
    at: datetime | None = None,
) -> Contact | None:
    """The contact to write to: the primary one, or ``contact_id`` if it is this taxpayer's.

    ``None`` when there is none, somebody else has answered that number since, or whoever holds it wants no texts
    (as of ``at``; of the database's clock where it is not given).
    """
    which = Contact.is_primary if contact_id is None else Contact.id == contact_id
    contact: Contact | None = await session.scalar(
        select(Contact).where(Contact.taxpayer_id == taxpayer_id, which)
    )
    if contact is None:
        return None
    called = select(Call.conversation_id).where(Call.taxpayer_id == taxpayer_id)
    # Who answered one of their numbers says nothing of the others.
    somebody_else = exists().where(
        ContactExclusion.kind == "wrong_person",
        or_(
            ContactExclusion.conversation_id.in_(called.where(Call.phone_hash == contact.phone_hash)),
            (ContactExclusion.taxpayer_id == taxpayer_id) & ContactExclusion.conversation_id.not_in(called),
        ),
        ContactExclusion.created_at > contact.created_at,
    )
    now = func.clock_timestamp() if at is None else at
    unwanted = exists().where(
        ContactPause.phone_hash == contact.phone_hash,
        ~ContactPause.calls_only,
        ContactPause.lifted_at.is_(None),
        or_(ContactPause.until.is_(None), ContactPause.until > now),
    )
    kept_away = await session.scalar(select(or_(somebody_else, unwanted)))
    return None if kept_away else contact
