"""The life of a call in the store: planned, meant, dialled, reported on, ended, with exactly one outcome.

The intent is committed before the carrier is asked, and only one worker can write it, so a call is never dialled
twice: what a time-out leaves behind is looked up at the carrier (``telephony.carriers.reconcile``).
"""

from __future__ import annotations

import uuid
from dataclasses import fields
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from store import audit
from store.call_states import Applied, Report, Standing, advance, belongs, earlier, further
from store.crypto import FieldCipher
from store.models import Call, CallEvent, CallState, Conversation, Taxpayer
from store.phones import canonical
from tax.identifiers import mask_phone

PHONE = "call.phone"
"""Context of the encrypted number."""
CHANNEL = "phone"
"""Channel of the conversations that calls open."""


async def plan(
    session: AsyncSession,
    cipher: FieldCipher,
    *,
    phone: str,
    purpose: str,
    carrier: str,
    taxpayer_id: uuid.UUID | None = None,
    conversation_id: uuid.UUID | None = None,
    pack: str | None = None,
    voice: str | None = None,
) -> Call:
    """A call to make. Without ``conversation_id`` it opens its own; without ``pack`` the remembered one is taken.

    Raises:
        PhoneError: ``phone`` is no number that can be called.
    """
    call = await _new(
        session, cipher, phone, purpose, carrier, taxpayer_id, conversation_id, pack=pack, voice=voice
    )
    await _record(session, "bot", "planned", call.id, carrier=carrier, purpose=purpose)
    return call


async def plan_intended(
    session: AsyncSession,
    cipher: FieldCipher,
    *,
    phone: str,
    purpose: str,
    carrier: str,
    taxpayer_id: uuid.UUID,
    now: datetime,
) -> Call:
    """A call to dial as soon as the transaction is committed: :func:`plan` and :func:`write_intent` at once.

    Raises:
        PhoneError: ``phone`` is no number that can be called.
    """
    call = await _new(session, cipher, phone, purpose, carrier, taxpayer_id)
    call.state, call.intent_at = CallState.INTENT, now
    subject = f"call:{call.id}"
    await audit.record_all(
        session,
        [
            audit.Entry("bot", "call.planned", subject, {"carrier": carrier, "purpose": purpose}),
            audit.Entry("bot", "call.dialled", subject, {}),
        ],
    )
    return call


async def _new(
    session: AsyncSession,
    cipher: FieldCipher,
    phone: str,
    purpose: str,
    carrier: str,
    taxpayer_id: uuid.UUID | None,
    conversation_id: uuid.UUID | None = None,
    *,
    pack: str | None = None,
    voice: str | None = None,
) -> Call:
    number = canonical(phone)
    call_id = uuid.uuid4()
    if conversation_id is None:
        conversation_id = uuid.uuid4()
        session.add(Conversation(id=conversation_id, channel=CHANNEL, external_id=str(call_id)))
        await session.flush()
    if pack is None and taxpayer_id is not None:
        pack = await session.scalar(select(Taxpayer.pack).where(Taxpayer.id == taxpayer_id))
    call = Call(
        id=call_id,
        conversation_id=conversation_id,
        taxpayer_id=taxpayer_id,
        carrier=carrier,
        phone_enc=cipher.encrypt(number, PHONE),
        phone_hash=cipher.lookup_hash("phone", number),
        phone_mask=mask_phone(number),
        purpose=purpose,
        pack=pack,
        voice=voice,
    )
    session.add(call)
    return call


async def write_intent(session: AsyncSession, call_id: uuid.UUID, now: datetime) -> bool:
    """Claim a planned call for dialling; ``False`` if somebody else has. Commit before the carrier is asked."""
    won = await session.scalar(
        update(Call)
        .where(Call.id == call_id, Call.state == CallState.PLANNED)
        .values(state=CallState.INTENT, intent_at=now)
        .returning(Call.id)
    )
    if won is None:
        return False
    await _record(session, "bot", "dialled", call_id)
    return True


async def placed(session: AsyncSession, call_id: uuid.UUID, carrier_id: str, now: datetime) -> bool:
    """Note the carrier's id of a call just dialled.

    ``False`` when the call must not go on: it has been given up meanwhile, or another carrier id belongs to it.
    """
    call = await session.get(Call, call_id, with_for_update=True, populate_existing=True)
    if call is None or call.state == CallState.PLANNED or call.carrier_id not in (None, carrier_id):
        return False
    given_up = call.state == CallState.ENDED and call.carrier_id is None
    call.carrier_id = carrier_id
    call.placed_at = earlier(call.placed_at, now)
    call.state = further(CallState(call.state), CallState.PLACED)
    await session.flush()
    return not given_up


async def apply_status(session: AsyncSession, call_id: uuid.UUID, report: Report) -> Applied:
    """Take a carrier's report: each once, in whatever order they come (see :mod:`store.call_states`)."""
    call = await session.get(Call, call_id, with_for_update=True, populate_existing=True)
    if call is None:
        return Applied.UNKNOWN
    before = _standing(call)
    if not belongs(before, report):
        return Applied.STRANGE
    new = await session.scalar(
        insert(CallEvent)
        .values(
            call_id=call_id,
            source=report.source,
            sequence=report.sequence,
            kind=report.kind,
            detail=dict(report.detail),
            at=report.at,
        )
        .on_conflict_do_nothing(index_elements=["call_id", "source", "sequence", "kind"])
        .returning(CallEvent.id)
    )
    if new is None:
        return Applied.DUPLICATE
    after = advance(before, report)
    for name in _FIELDS:
        setattr(call, name, getattr(after, name))
    await session.flush()
    if before.outcome is None and after.outcome is not None:
        await _record(session, "carrier", "outcome", call_id, outcome=after.outcome)
    return Applied.APPLIED


async def finish(
    session: AsyncSession,
    call_id: uuid.UUID,
    outcome: str,
    note: str | None = None,
    *,
    now: datetime,
    media_seconds: float | None = None,
) -> bool:
    """Give the call its outcome (a value of ``telephony.events.Outcome``); ``False`` if it has one already.

    A call that never reached a carrier ends with it; of others the carrier says when they end.
    """
    call = await session.get(Call, call_id, with_for_update=True, populate_existing=True)
    if call is None:
        raise LookupError(f"no call {call_id}")
    if call.media_seconds is None:
        call.media_seconds = media_seconds
    first = call.outcome is None
    if first:
        call.outcome, call.outcome_note = outcome, note
    if call.carrier_id is None and call.state in (CallState.PLANNED, CallState.INTENT):
        call.state, call.ended_at = CallState.ENDED, now
    await session.flush()
    if first:
        await _record(session, "bot", "outcome", call_id, outcome=outcome)
    return first


async def take_stream(
    session: AsyncSession, call_id: uuid.UUID, carrier_id: str, now: datetime
) -> Call | None:
    """Use up the one media stream a call has; ``None`` when it was used, the call has ended or is another's."""
    call: Call | None = await session.scalar(
        update(Call)
        .where(
            Call.id == call_id,
            Call.stream_opened_at.is_(None),
            Call.state.not_in([CallState.PLANNED, CallState.ENDED]),
            (Call.carrier_id == carrier_id) | Call.carrier_id.is_(None),
        )
        .values(
            stream_opened_at=now,
            carrier_id=carrier_id,
            state=CallState.ANSWERED,
            answered_at=func.least(Call.answered_at, now),
        )
        .returning(Call),
        execution_options={"populate_existing": True},
    )
    return call


async def remember_pack(session: AsyncSession, taxpayer_id: uuid.UUID, pack: str) -> None:
    """Note the dialect a taxpayer spoke, for the next call."""
    await session.execute(update(Taxpayer).where(Taxpayer.id == taxpayer_id).values(pack=pack))


_FIELDS = tuple(each.name for each in fields(Standing))


def _standing(call: Call) -> Standing:
    values = {name: getattr(call, name) for name in _FIELDS}
    return Standing(**values | {"state": CallState(call.state)})


async def _record(session: AsyncSession, actor: str, what: str, call_id: uuid.UUID, **detail: str) -> None:
    await audit.record(session, actor=actor, action=f"call.{what}", subject=f"call:{call_id}", detail=detail)
