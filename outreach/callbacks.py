"""A call back that a taxpayer asked for: dialled at its time, so that a human can talk with them.

The house dials only a number registered for the taxpayer. Every other callback, one that was missed twice, and one
that could not be made on its day is left to the officers, on whose list all of them are from the beginning. What has
been tried stands in the case: ``details["dialled"]``, a list of ``{"since", "call", "outcome"}``, the last without outcome
while it is under way, and ``details["handed_over"]``, why the house does nothing more (Chinese).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.casework import DONE, DROPPED, OPEN
from handoff.estimate import agents_online
from handoff.telling import Notice, reach
from outreach.alarms import set_alarm
from outreach.clock import SHANGHAI
from outreach.ports import CallPlacer, Clock
from outreach.retry import reached
from outreach.single import forbidden, untimely
from outreach.switches import stopped
from store import audit
from store.crypto import FieldCipher
from store.engine import SessionFactory
from store.handoff_models import HandoffTicket
from store.models import Call, CallState, Case, CaseKind, Contact, ContactExclusion, Taxpayer
from store.phones import PhoneError

TASK = "outreach.callback"
PURPOSE = "callback"
"""``call.purpose`` of these calls; ``telephony.call.base.Purpose`` has it too."""
TRIES = 2
AGAIN_AFTER = timedelta(minutes=20)
LOOK_EVERY = timedelta(minutes=2)
"""How often it is asked how a call went that is under way."""
NO_LINE = timedelta(minutes=1)
WHILE_STOPPED = timedelta(minutes=5)
_LIVE = (CallState.INTENT, CallState.PLACED, CallState.RINGING, CallState.ANSWERED)
_MISSED = Notice(
    "您约的回电我们打过了，没有打通。您方便的时候，可以在这里另约时间，也可以拨打12366。",
    "您约的回电我们打过，没有打通",
)


class Looked(StrEnum):
    """What came of looking at a callback."""

    NOT_OURS = "not_ours"
    """It is settled, or an officer's."""
    LATER = "later"
    """An alarm is set to look again."""
    HANDED_OVER = "handed_over"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class _Dial:
    """A call to place; that it is being placed, ``since`` when, stands in the case already."""

    taxpayer_id: uuid.UUID
    contact_id: uuid.UUID
    since: str


async def call_back(
    sessions: SessionFactory, cipher: FieldCipher, clock: Clock, case_id: uuid.UUID, placer: CallPlacer
) -> Looked:
    """Look at a callback: dial it if it is time, and settle it once a human has talked with the taxpayer.

    That a call is being placed is committed first; whoever finds such a note without its call looks for the call before
    another is placed, so a crash makes no second one.
    """
    async with sessions() as session, session.begin():
        case = await _locked(session, case_id)
        if case is None:
            return Looked.NOT_OURS
        looked = await _look(session, cipher, case, await clock.now(session))
    if not isinstance(looked, _Dial):
        return looked
    try:
        call_id = await placer.place(looked.taxpayer_id, looked.contact_id, PURPOSE)
        no_number = False
    except PhoneError:
        call_id, no_number = None, True
    async with sessions() as session, session.begin():
        case = await _locked(session, case_id)
        if case is None:
            return Looked.NOT_OURS
        others = [each for each in _dialled(case) if each["since"] != looked.since]
        if call_id is None:
            _keep(case, others)
            if no_number:
                return _hand_over(case, "登记的号码不能拨打，请先核对")
            return await _later(session, case, NO_LINE)
        _keep(case, [*others, _tried(looked.since, str(call_id))])
        return await _later(session, case, LOOK_EVERY)


async def _look(session: AsyncSession, cipher: FieldCipher, case: Case, now: datetime) -> Looked | _Dial:
    tries = _dialled(case)
    if tries and tries[-1]["outcome"] is None:
        *before, last = tries
        call = await _call_under_way(session, case)
        if call is None:
            if now - datetime.fromisoformat(last["since"]) < LOOK_EVERY:
                return await _later(session, case, LOOK_EVERY)
            _keep(case, before)
        elif call.state != CallState.ENDED or call.outcome is None:
            _keep(case, [*before, _tried(last["since"], str(call.id))])
            return await _later(session, case, LOOK_EVERY)
        else:
            _keep(case, [*before, _tried(last["since"], str(call.id), call.outcome)])
            return await _after(session, cipher, case, call, now)
    if case.assigned_to is not None or "handed_over" in case.details:
        return Looked.NOT_OURS
    return await _try(session, case, now)


async def _try(session: AsyncSession, case: Case, now: datetime) -> Looked | _Dial:
    """Whether to dial now."""
    contact = await _registered(session, case)
    if contact is None or case.due_at is None:
        return Looked.NOT_OURS
    if now < case.due_at:
        return await _later(session, case, case.due_at - now)
    if now.astimezone(SHANGHAI).date() != case.due_at.astimezone(SHANGHAI).date():
        return _hand_over(case, "系统没能在约定的当天回电")
    if await _unwanted(session, case, contact):
        return _hand_over(case, "约了回电以后，对方又表示不要来电，或者接听的人说打错了")
    if await _put_off_before(session, case) and await agents_online(session) == 0:
        return _hand_over(case, "上一次回电时没有坐席，这一次也没有坐席在线")
    if await stopped(session):
        return await _later(session, case, WHILE_STOPPED)
    if why := await forbidden(session, contact.taxpayer_id, contact.phone_hash, now):
        return _hand_over(case, why.words)
    if await _on_the_phone(session, contact.taxpayer_id):
        return await _later(session, case, LOOK_EVERY)
    region = await session.scalar(select(Taxpayer.region).where(Taxpayer.id == contact.taxpayer_id))
    refused = await untimely(
        session, contact.taxpayer_id, contact.phone_hash, region or "", now, asked_for=True
    )
    if refused is not None:
        until = refused.until
        if until is None or until.date() != case.due_at.astimezone(SHANGHAI).date():
            return _hand_over(case, refused.words)
        return await _later(session, case, until - now)
    since = now.isoformat()
    _keep(case, [*_dialled(case), _tried(since)])
    return _Dial(contact.taxpayer_id, contact.id, since)


async def _after(session: AsyncSession, cipher: FieldCipher, case: Case, call: Call, now: datetime) -> Looked:
    """What follows from a call that is over."""
    talked = await session.scalar(
        select(
            exists().where(
                HandoffTicket.conversation_id == call.conversation_id,
                HandoffTicket.first_answer_at.is_not(None),
            )
        )
    )
    if talked:
        return await _settle(session, case, DONE, "系统按约回电，工作人员已经和对方通话。", now)
    other = await session.scalar(
        select(Case.number)
        .where(Case.conversation_id == call.conversation_id, Case.kind == CaseKind.CALLBACK)
        .order_by(Case.created_at.desc())
        .limit(1)
    )
    if other is not None:
        return await _settle(session, case, DROPPED, f"系统按约回电，已另约时间（{other}）。", now)
    if call.outcome is not None and reached(call.outcome):
        return _hand_over(case, "系统回电有人接听，但没有接上工作人员")
    if len(_dialled(case)) < TRIES:
        return await _later(session, case, AGAIN_AFTER)
    _hand_over(case, f"系统回电{TRIES}次都没有打通")
    await reach(session, cipher, _MISSED, conversation_id=case.conversation_id, taxpayer_id=call.taxpayer_id)
    return Looked.HANDED_OVER


async def _settle(session: AsyncSession, case: Case, status: str, result: str, now: datetime) -> Looked:
    case.status, case.result, case.closed_at = status, result, now
    await session.flush()
    await audit.record(
        session,
        actor="system",
        action="callback.settled" if status == DONE else "callback.dropped",
        subject=f"case:{case.number}",
        detail={},
    )
    return Looked.SETTLED


def _hand_over(case: Case, why: str) -> Looked:
    case.details = {**case.details, "handed_over": why}
    return Looked.HANDED_OVER


async def _later(session: AsyncSession, case: Case, wait: timedelta) -> Looked:
    await set_alarm(session, TASK, f"callback:{case.id}", {"case_id": case.id}, wait)
    return Looked.LATER


async def _locked(session: AsyncSession, case_id: uuid.UUID) -> Case | None:
    """The callback, locked, if it is still to be made."""
    found: Case | None = await session.scalar(
        select(Case)
        .where(Case.id == case_id, Case.kind == CaseKind.CALLBACK, Case.status == OPEN)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return found


def _dialled(case: Case) -> list[dict[str, Any]]:
    return list(case.details.get("dialled", ()))


def _tried(since: str, call: str | None = None, outcome: str | None = None) -> dict[str, Any]:
    return {"since": since, "call": call, "outcome": outcome}


def _keep(case: Case, dialled: list[dict[str, Any]]) -> None:
    case.details = {**case.details, "dialled": dialled}


async def _registered(session: AsyncSession, case: Case) -> Contact | None:
    """The registered contact that is to be called; ``None`` for a number that is not the taxpayer's own."""
    said = case.details.get("phone")
    found: Contact | None = None
    if said == "called":
        call = await session.scalar(
            select(Call)
            .where(Call.conversation_id == case.conversation_id)
            .order_by(Call.created_at.desc())
            .limit(1)
        )
        if call is not None:
            found = await session.scalar(
                select(Contact).where(
                    Contact.taxpayer_id == call.taxpayer_id, Contact.phone_hash == call.phone_hash
                )
            )
    elif said == "registered":
        found = await session.scalar(
            select(Contact).where(Contact.taxpayer_id == case.taxpayer_id, Contact.is_primary)
        )
    return found


async def _call_under_way(session: AsyncSession, case: Case) -> Call | None:
    """The call of the last try, also where its id was not noted any more."""
    *before, last = _dialled(case)
    if last["call"] is not None:
        return await session.get(Call, uuid.UUID(last["call"]), populate_existing=True)
    contact = await _registered(session, case)
    if contact is None:
        return None
    found: Call | None = await session.scalar(
        select(Call)
        .where(
            Call.purpose == PURPOSE,
            Call.taxpayer_id == contact.taxpayer_id,
            Call.created_at > case.created_at,
            Call.state != CallState.PLANNED,
            Call.id.not_in([uuid.UUID(each["call"]) for each in before if each["call"]]),
        )
        .order_by(Call.created_at.desc())
        .limit(1)
    )
    return found


async def _put_off_before(session: AsyncSession, case: Case) -> bool:
    """Whether it was arranged in a call back that found no human: nobody is called twice to hear that."""
    return bool(
        await session.scalar(
            select(exists().where(Call.conversation_id == case.conversation_id, Call.purpose == PURPOSE))
        )
    )


async def _on_the_phone(session: AsyncSession, taxpayer_id: uuid.UUID) -> bool:
    return bool(
        await session.scalar(select(exists().where(Call.taxpayer_id == taxpayer_id, Call.state.in_(_LIVE))))
    )


async def _unwanted(session: AsyncSession, case: Case, contact: Contact) -> bool:
    """Whether calls were declined after this one was asked for."""
    at_number = select(Call.conversation_id).where(Call.phone_hash == contact.phone_hash)
    return bool(
        await session.scalar(
            select(
                exists().where(
                    or_(
                        ContactExclusion.taxpayer_id == contact.taxpayer_id,
                        ContactExclusion.conversation_id.in_(at_number),
                    ),
                    ContactExclusion.created_at > case.created_at,
                )
            )
        )
    )
