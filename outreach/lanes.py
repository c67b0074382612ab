"""Carrying out what was leased: decide, wait for the slot, write the intent, dial; or decide and deliver.

Each stage is a transaction of its own and reads again what may have changed. Advisory locks come first, in the order button,
taxpayer, number; then reminder, step, attempt; the audit trail last. A call is dialled only after its intent is known to
be committed, so whatever breaks off before is undone by the sweep, and whatever breaks off after is looked up at the carrier.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession

from outreach import ledger
from outreach.clock import SHANGHAI
from outreach.conclude import settle
from outreach.decide import decide
from outreach.deliver import deliver
from outreach.facts import Number, choose, facts_about, history_of, numbers_of
from outreach.ledger import Held, Lease
from outreach.pacing import READY_S, hold_lines, take_slot
from outreach.plan import LANES, Channel, Lane
from outreach.ports import Clock, Dialler
from outreach.switches import go_ahead, stopped
from outreach.templates import notice_for
from outreach.terms import Go, Later, Receipt, Skip
from store import calls
from store.crypto import FieldCipher
from store.engine import SessionFactory
from store.models import Contact
from store.outreach_models import Attempt, AttemptState, Reminder, StepState
from store.phones import PhoneError, canonical

log = structlog.get_logger("outreach.lanes")
REMINDER = "reminder"
"""``call.purpose`` of what campaigns dial."""
LATE_S = 0.25
"""A call that is so late for its slot takes another one, so that calls held up together do not go out together."""
PHONE = "contact.phone"
"""Context of a contact's encrypted number."""
_SOON = timedelta(seconds=30)
_BROKEN = timedelta(minutes=5)
"""When a step is looked at again whose way broke down for a reason of ours."""


@dataclass(frozen=True, slots=True)
class _Slot:
    """When to dial, by :func:`time.monotonic`, and to whom."""

    at: float
    taxpayer_id: uuid.UUID
    phone_hash: bytes


class Transactions:
    """The transactions of one worker, not more than so many at once: the rest of the process needs connections too."""

    def __init__(self, sessions: SessionFactory, at_once: int) -> None:
        self._sessions, self._gate = sessions, asyncio.Semaphore(at_once)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """A transaction, committed at its end."""
        async with self._gate, self._sessions() as session, session.begin():
            yield session


class CallLane:
    """Dials by one carrier."""

    def __init__(
        self,
        transactions: Transactions,
        cipher: FieldCipher,
        clock: Clock,
        dialler: Dialler,
        pace: str,
        stopping: Callable[[], bool],
    ) -> None:
        self._transactions, self._cipher, self._clock = transactions, cipher, clock
        self._dialler, self._pace, self._stopping = dialler, pace, stopping

    async def carry_out(self, lease: Lease) -> None:
        """From the lease to what the carrier says; what it reports later comes by other ways."""
        slot = await self._decide(lease)
        if slot is None:
            return
        await _until(slot.at - READY_S)
        if self._stopping():
            await give_back(self._transactions, lease)
            return
        call_id = await self._write_intent(lease, slot)
        if call_id is not None:
            await self._dial(call_id, slot.at)

    async def place(self, taxpayer_id: uuid.UUID, contact_id: uuid.UUID, purpose: str) -> uuid.UUID | None:
        """Place a single call within lines and pace (``outreach.ports.CallPlacer``); the caller has decided that it may be.

        Nor while they are on the telephone with us: whoever called meanwhile was not known to the caller.

        Raises:
            LookupError: there is no such contact of the taxpayer.
            PhoneError: its number cannot be called.
        """
        async with self._transactions.begin() as session:
            await go_ahead(session)
            contact = await session.get(Contact, contact_id)
            if contact is None or contact.taxpayer_id != taxpayer_id:
                raise LookupError(f"no contact {contact_id}")
            about = {"taxpayer": _key(taxpayer_id.bytes), "phone": _key(contact.phone_hash)}
            await session.execute(_HOLD_BOTH, about)
            if await stopped(session) or await session.scalar(_ON_THE_PHONE, {"phone": contact.phone_hash}):
                return None
            if (await hold_lines(session, self._pace)).room < 1:
                return None
            at = time.monotonic() + await take_slot(session, self._pace)
            call_id = await self._meant(
                session,
                taxpayer_id,
                self._cipher.decrypt(contact.phone_enc, PHONE),
                purpose,
                await self._clock.now(session),
            )
        await self._dial(call_id, at)
        return call_id

    async def _decide(self, lease: Lease) -> _Slot | None:
        async with self._transactions.begin() as session:
            held = await ledger.hold_leased(session, lease)
            if held is None:
                return None
            now = await self._clock.now(session)
            if held.over or held.held_back:
                await ledger.put_back(session, held)
                return None
            numbers = await numbers_of(session, held.taxpayer_id, held.step_id, now)
            number = choose(numbers, other=held.wanted == ledger.OTHER_NUMBER)
            if await _go(session, held, number, now) is None:
                return None
            if number is None:
                # It was registered, or allowed again, between the two looks.
                await ledger.put_back(session, held)
                return None
            wait = await take_slot(session, self._pace)
            await session.execute(
                update(Attempt)
                .where(Attempt.id == held.attempt_id)
                .values(contact_id=number.contact_id, slot_at=now + timedelta(seconds=wait))
            )
            at = time.monotonic() + wait
        return _Slot(at, held.taxpayer_id, number.phone_hash)

    async def _write_intent(self, lease: Lease, slot: _Slot) -> uuid.UUID | None:
        """Decide again, with nobody else able to contact them meanwhile, and write the call down; ``None``: it is not to be."""
        async with self._transactions.begin() as session:
            await go_ahead(session)
            about = {"taxpayer": _key(slot.taxpayer_id.bytes), "phone": _key(slot.phone_hash)}
            await session.execute(_HOLD_BOTH, about)
            held = await ledger.hold_leased(session, lease)
            if held is None:
                return None
            now = await self._clock.now(session)
            if held.over or held.held_back:
                await ledger.put_back(session, held)
                return None
            numbers = await numbers_of(session, held.taxpayer_id, held.step_id, now)
            number = next((each for each in numbers if each.contact_id == held.contact_id), None)
            if number is None:
                # Somebody has just said that this one is wrong, or not to be called.
                await ledger.put_back(session, held)
                return None
            go = await _go(session, held, number, now)
            if go is None:
                return None
            try:
                phone = canonical(self._cipher.decrypt(number.phone_enc, PHONE))
            except PhoneError:
                await _end(session, held, "invalid_number", now)
                return None
            await ledger.note_go(session, held, go.reasons)
            await ledger.note(session, held, "dialled", now, {})
            call_id = await self._meant(session, held.taxpayer_id, phone, REMINDER, now)
            await session.execute(
                update(Attempt)
                .where(Attempt.id == held.attempt_id)
                .values(state=AttemptState.INTENT, intent_at=now, call_id=call_id)
            )
        return call_id

    async def _meant(
        self,
        session: AsyncSession,
        taxpayer_id: uuid.UUID,
        phone: str,
        purpose: str,
        now: datetime,
    ) -> uuid.UUID:
        call = await calls.plan_intended(
            session,
            self._cipher,
            phone=phone,
            purpose=purpose,
            carrier=self._dialler.name,
            taxpayer_id=taxpayer_id,
            now=now,
        )
        return call.id

    async def _dial(self, call_id: uuid.UUID, at: float) -> None:
        """Dial at the slot, or at a later one if that is gone; not if the button was pressed while it waited for that."""
        written = time.monotonic()
        if written > at + LATE_S:
            async with self._transactions.begin() as session:
                at = time.monotonic() + await take_slot(session, self._pace)
        await _until(at)
        if time.monotonic() - written > READY_S + LATE_S and await self._pressed(call_id):
            return
        result = await self._dialler.dial(call_id)
        log.info("dialled", call=str(call_id), result=result.value)

    async def _pressed(self, call_id: uuid.UUID) -> bool:
        async with self._transactions.begin() as session:
            if not await stopped(session):
                return False
            now = await self._clock.now(session)
            note = "外呼被全部暂停，没有拨出。"
            await calls.finish(session, call_id, "carrier_failure", note, now=now)
        return True


class MessageLane:
    """Delivers messages and officers' tasks: deciding and handing over are one transaction."""

    def __init__(self, transactions: Transactions, cipher: FieldCipher, clock: Clock) -> None:
        self._transactions, self._cipher, self._clock = transactions, cipher, clock

    async def carry_out(self, lease: Lease) -> None:
        """Decide and deliver by the first channel that can be used."""
        async with self._transactions.begin() as session:
            await go_ahead(session)
            await session.execute(_HOLD_TAXPAYER, {"taxpayer": _key(lease.taxpayer_id.bytes)})
            held = await ledger.hold_leased(session, lease)
            if held is None:
                return
            now = await self._clock.now(session)
            if held.over or held.held_back:
                await ledger.put_back(session, held)
                return
            go = await _go(session, held, None, now)
            if go is None:
                return
            await ledger.note_go(session, held, go.reasons)
            await session.execute(
                update(Attempt)
                .where(Attempt.id == held.attempt_id)
                .values(state=AttemptState.INTENT, intent_at=now, channel=go.channels[0].value)
            )
            channel, receipt = await self._deliver(session, held, go.channels, now)
            await session.execute(
                update(Attempt).where(Attempt.id == held.attempt_id).values(channel=channel.value)
            )
            if receipt is Receipt.QUEUED:
                await ledger.note(session, held, "queued", now, {"channel": channel.value})
            else:
                await _end(session, held, receipt.value, now)

    async def _deliver(
        self, session: AsyncSession, held: Held, channels: tuple[Channel, ...], now: datetime
    ) -> tuple[Channel, Receipt]:
        reminder = await session.get_one(Reminder, held.reminder_id)
        channel, receipt = channels[0], Receipt.UNREACHABLE
        for channel in channels:
            words = _words(held, channel, now)
            notice = await notice_for(session, words, held.attempt_id)
            receipt = await deliver(session, self._cipher, channel, reminder, notice, now)
            if receipt is not Receipt.UNREACHABLE:
                break
        return channel, receipt


async def give_back(transactions: Transactions, lease: Lease) -> None:
    """Undo a lease."""
    async with transactions.begin() as session:
        held = await ledger.hold(session, lease.attempt_id)
        if held is not None and held.token == lease.token and held.state is AttemptState.LEASED:
            await ledger.put_back(session, held)


async def put_off_broken(transactions: Transactions, clock: Clock, lease: Lease) -> None:
    """Undo a lease after something of ours failed: the step is looked at again in a while, as long as it is of use."""
    async with transactions.begin() as session:
        held = await ledger.hold(session, lease.attempt_id)
        if held is None or held.token != lease.token or held.state is not AttemptState.LEASED:
            return
        now = await clock.now(session)
        reasons = ("系统处理出错",)
        if held.step_state is StepState.RUNNING and now + _BROKEN >= held.stale_at:
            await ledger.skip(session, held, now, reasons)
        else:
            await ledger.put_off(session, held, now + _BROKEN, now, reasons)


async def _go(session: AsyncSession, held: Held, number: Number | None, now: datetime) -> Go | None:
    """How the step is carried out now; ``None`` when it is not, and that stands in the ledger with its reasons."""
    facts = await facts_about(session, held.reminder_id, now)
    history = await history_of(session, held.taxpayer_id, number.phone_hash if number else None, now)
    verdict = decide(
        held.step, facts, history, held.plan.limits, now, stale_at=held.stale_at, channels=held.channels
    )
    match verdict:
        case Later(at, reasons):
            # Never at once again: what decides is as it was.
            await ledger.put_off(session, held, max(at, now + _SOON), now, reasons)
        case Skip(reasons):
            await ledger.skip(session, held, now, reasons)
        case Go():
            return verdict
    return None


async def _end(session: AsyncSession, held: Held, outcome: str, now: datetime) -> None:
    """The attempt is over at once."""
    await session.execute(
        update(Attempt)
        .where(Attempt.id == held.attempt_id)
        .values(state=AttemptState.ENDED, outcome=outcome, ended_at=now)
    )
    await settle(
        session, replace(held, state=AttemptState.ENDED, outcome=outcome, ended_at=now), outcome, now
    )


def _words(held: Held, channel: Channel, now: datetime) -> str:
    """The template of a step; of a call that goes on as a message or as a task, what fits the day."""
    step = held.step
    if step.template and LANES[channel] is step.lane:
        return step.template
    if LANES[channel] is Lane.OFFICER:
        return "follow_up"
    return "early_notice" if now.astimezone(SHANGHAI).date() <= held.due else "overdue_again"


def _key(value: bytes) -> int:
    return int.from_bytes(value[:8], signed=True)


async def _until(at: float) -> None:
    await asyncio.sleep(max(0.0, at - time.monotonic()))


# Two taxpayers may share a number, and one may have several: neither is contacted twice at once.
_HOLD_BOTH = text("select pg_advisory_xact_lock(:taxpayer), pg_advisory_xact_lock(:phone)")
_HOLD_TAXPAYER = text("select pg_advisory_xact_lock(:taxpayer)")
_ON_THE_PHONE = text("""
select exists (select 1 from call where phone_hash = :phone and state not in ('planned', 'ended'))
""")
