"""A reminder as a text message: queued in the outbox, sent by ``outreach.outbox``."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.telling import contact_for_texts
from outreach.terms import Notice
from store.crypto import FieldCipher
from store.models import OutboxSms
from store.outreach_models import Attempt, Step
from store.texts import SIGNATURE, SMS_BODY, sealed_number, takes_texts

PURPOSE = "reminder"
GOOD_FOR = timedelta(days=1)
"""How long a text of no step is of use."""


@dataclass(frozen=True, slots=True)
class Queued:
    """A text in the outbox."""

    outbox_id: int


async def queue_sms(
    session: AsyncSession,
    cipher: FieldCipher,
    taxpayer_id: uuid.UUID,
    notice: Notice,
    now: datetime,
    contact_id: uuid.UUID | None = None,
) -> Queued | None:
    """Queue ``notice.about`` for the primary contact, or ``contact_id``; one attempt's text is queued once.

    ``None``: there is nobody to write to, the number takes no texts, or they want none.
    """
    contact = await contact_for_texts(session, taxpayer_id, contact_id, now)
    if contact is None or not takes_texts(cipher, contact):
        return None
    made = await session.scalar(
        insert(OutboxSms)
        .values(
            purpose=PURPOSE,
            phone_enc=sealed_number(cipher, contact),
            phone_mask=contact.phone_mask,
            body_enc=cipher.encrypt(SIGNATURE + notice.about, SMS_BODY),
            taxpayer_id=taxpayer_id,
            attempt_id=notice.attempt_id,
            stale_at=await _stale_at(session, notice.attempt_id) or now + GOOD_FOR,
        )
        .on_conflict_do_nothing(index_elements=["attempt_id"])
        .returning(OutboxSms.id)
    )
    if made is None:
        found = await session.scalars(select(OutboxSms.id).where(OutboxSms.attempt_id == notice.attempt_id))
        made = found.one()
    return Queued(made)


async def _stale_at(session: AsyncSession, attempt_id: uuid.UUID | None) -> datetime | None:
    if attempt_id is None:
        return None
    stale: datetime | None = await session.scalar(
        select(Step.stale_at).join(Attempt, Attempt.step_id == Step.id).where(Attempt.id == attempt_id)
    )
    return stale
