"""What a carrier reports of a text message, in whatever order and however often, and what people answer to one."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from outreach.pauses import pause_contact
from store.crypto import FieldCipher
from store.models import OutboxSms
from store.outreach_models import ContactPause, OutboxState
from store.phones import PhoneError, canonical

STOP = re.compile(
    r"(td|t|tt|n|stop|stopall|unsubscribe|cancel|end|quit|退订|退|取消|拒收|不要再?发了?|别再?发了?)", re.I
)
"""What means that no more texts are wanted, as the whole of an answer."""
_FINAL = (OutboxState.DELIVERED, OutboxState.FAILED, OutboxState.SHOWN, OutboxState.DROPPED)


class Taken(StrEnum):
    """What became of a report."""

    APPLIED = "applied"
    NOTHING_NEW = "nothing_new"
    STRANGE = "strange"
    """It speaks of another message than the one we know."""
    UNKNOWN = "unknown"


async def reported(
    session: AsyncSession,
    outbox_id: int,
    carrier_id: str,
    state: OutboxState,
    now: datetime,
    error: str | None = None,
) -> Taken:
    """Take a report: ``state`` is ``SENT``, ``DELIVERED`` or ``FAILED``. The first final one stays.

    It may come before the sender has heard itself that the carrier took the text, and then says so.
    """
    row = await session.get(OutboxSms, outbox_id, with_for_update=True, populate_existing=True)
    if row is None:
        return Taken.UNKNOWN
    if row.carrier_id is None:
        elsewhere = await session.scalar(select(OutboxSms.id).where(OutboxSms.carrier_id == carrier_id))
        if row.state in _FINAL or elsewhere is not None:
            return Taken.STRANGE
        row.carrier_id, row.leased_until = carrier_id, None
    elif row.carrier_id != carrier_id:
        return Taken.STRANGE
    if row.state in _FINAL or row.state == state:
        return Taken.NOTHING_NEW
    row.state = state
    row.error = error
    if state in _FINAL:
        row.ended_at = now
    await session.flush()
    return Taken.APPLIED


async def answered(session: AsyncSession, cipher: FieldCipher, sender: str, body: str, now: datetime) -> bool:
    """Take what somebody wrote back; true where they want no more texts, which holds from now on for their number.

    Other answers are not kept: nobody knows who holds the phone.
    """
    if not STOP.fullmatch(body.strip(" 。.!！")):
        return False
    try:
        digest = cipher.lookup_hash("phone", canonical(sender))
    except PhoneError:
        return False
    known = await session.scalar(
        select(ContactPause.id)
        .where(
            ContactPause.phone_hash == digest,
            ~ContactPause.calls_only,
            ContactPause.lifted_at.is_(None),
            or_(ContactPause.until.is_(None), ContactPause.until > now),
        )
        .limit(1)
    )
    if known is not None:
        return True
    await pause_contact(session, "taxpayer", phone_hash=digest, until=None, reason="回复短信退订")
    return True
