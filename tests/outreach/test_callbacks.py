"""Calls back: dialled when they were asked for, to the taxpayer's own number, twice at most, and never in a loop."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from outreach.callbacks import Looked, call_back
from outreach.clock import SHANGHAI, SetClock
from outreach.facts import history_of
from outreach.limits import earliest_call
from outreach.plan import Limits
from outreach.switches import stop_all
from store import calls
from store.engine import SessionFactory
from store.handoff_models import HandoffTicket, Presence, Staff, TicketStatus
from store.models import Call, CallState, Case, CaseKind, Contact, Taxpayer
from store.outreach_models import ContactPause
from store.phones import PhoneError
from tests.chat.database import CIPHER
from tests.outreach import loop
from tests.outreach.makers import make_taxpayer

pytestmark = pytest.mark.unit
DUE = datetime(2026, 11, 24, 15, 0, tzinfo=SHANGHAI)
SOON = timedelta(minutes=2)


@dataclass
class Placer:
    """Places calls in the store; ``free``: whether there is a line, ``breaks``: it dies after having dialled."""

    sessions: SessionFactory
    free: bool = True
    breaks: bool = False
    placed: list[uuid.UUID] = field(default_factory=list)
    at: datetime = DUE

    async def place(self, taxpayer_id: uuid.UUID, contact_id: uuid.UUID, purpose: str) -> uuid.UUID | None:
        if not self.free:
            return None
        async with self.sessions() as session, session.begin():
            contact = await session.get_one(Contact, contact_id)
            call = await calls.plan(
                session,
                CIPHER,
                phone=CIPHER.decrypt(contact.phone_enc, "contact.phone"),
                purpose=purpose,
                carrier="standin",
                taxpayer_id=taxpayer_id,
            )
            await session.flush()
            await calls.write_intent(session, call.id, self.at)
        self.placed.append(call.id)
        if self.breaks:
            raise RuntimeError("killed")
        return call.id


@dataclass
class Desk:
    sessions: SessionFactory
    placer: Placer
    taxpayer: Taxpayer

    async def ask(self, phone: str = "registered", **more: Any) -> uuid.UUID:
        """They ask to be called back."""
        conversation_id = more.pop("conversation_id", None) or await loop.talk(
            self.sessions, self.taxpayer.id
        )
        made = Case(
            id=uuid.uuid4(),
            number=f"HD2026-{uuid.uuid4().hex[:6]}",
            kind=CaseKind.CALLBACK,
            conversation_id=conversation_id,
            statement="请求回电",
            details={"phone": phone},
            **({"taxpayer_id": self.taxpayer.id, "due_at": DUE} | more),
        )
        async with self.sessions() as session, session.begin():
            session.add(made)
        return made.id

    async def look(self, case_id: uuid.UUID, now: datetime = DUE) -> Looked:
        return await call_back(self.sessions, CIPHER, SetClock(now), case_id, self.placer)

    async def case(self, case_id: uuid.UUID) -> Case:
        async with self.sessions() as session:
            return await session.get_one(Case, case_id)

    async def end(self, outcome: str, *, talked: bool = False, answered: bool = False) -> uuid.UUID:
        """The latest call is over; returns its conversation."""
        async with self.sessions() as session, session.begin():
            call = await session.get_one(Call, self.placer.placed[-1])
            call.state, call.outcome, call.ended_at = CallState.ENDED, outcome, DUE
            call.carrier_id = f"CA{uuid.uuid4().hex}"
            call.answered_at = DUE if answered else None
            if talked:
                session.add(
                    HandoffTicket(
                        number=f"RG{uuid.uuid4().hex[:8]}",
                        conversation_id=call.conversation_id,
                        reason="asked",
                        skill="general",
                        priority=5,
                        summary="",
                        trigger_text="",
                        status=TicketStatus.CLOSED,
                        closed_at=DUE,
                        first_answer_at=DUE,
                    )
                )
            return call.conversation_id

    async def wait(self) -> timedelta | None:
        """How long until the case is looked at again."""
        found = await loop.alarms(self.sessions, "outreach.callback")
        return found[-1].wait if found else None


@pytest.fixture
async def desk(sessions: SessionFactory) -> Desk:
    await loop.prepared(sessions)
    return Desk(sessions, Placer(sessions), await make_taxpayer(sessions))


async def test_it_is_dialled_when_it_is_due_and_settled_once_a_human_has_talked(desk: Desk) -> None:
    case_id = await desk.ask()
    assert await desk.look(case_id, DUE - timedelta(minutes=10)) is Looked.LATER
    assert not desk.placer.placed
    assert await desk.look(case_id) is Looked.LATER
    assert await desk.look(case_id, DUE + SOON) is Looked.LATER
    assert len(desk.placer.placed) == 1
    async with desk.sessions() as session:
        call = await session.get_one(Call, desk.placer.placed[0])
    contact = await loop.contact_of(desk.sessions, desk.taxpayer.id)
    assert (call.purpose, call.phone_hash) == ("callback", contact.phone_hash)
    await desk.end("human", talked=True, answered=True)
    assert await desk.look(case_id, DUE + 2 * SOON) is Looked.SETTLED
    case = await desk.case(case_id)
    assert (case.status, case.closed_by) == ("done", None) and "通话" in (case.result or "")
    assert await loop.trail(desk.sessions, "callback.settled") == [("system", f"case:{case.number}")]
    assert await desk.look(case_id, DUE + 3 * SOON) is Looked.NOT_OURS


async def test_its_alarm_is_set_with_the_case(desk: Desk) -> None:
    case_id = await desk.ask()
    assert [each.key for each in await loop.alarms(desk.sessions, "outreach.callback")] == [
        f"callback:{case_id}"
    ]


async def test_the_number_that_was_called_is_called_again_without_a_proof(desk: Desk) -> None:
    contact = await loop.contact_of(desk.sessions, desk.taxpayer.id)
    before = Placer(desk.sessions, at=DUE - timedelta(days=1))
    call_id = await before.place(desk.taxpayer.id, contact.id, "reminder")
    async with desk.sessions() as session, session.begin():
        call = await session.get_one(Call, call_id)
        call.state, call.outcome, call.ended_at = CallState.ENDED, "callback", DUE - timedelta(days=1)
    case_id = await desk.ask("called", conversation_id=call.conversation_id, taxpayer_id=None)
    assert await desk.look(case_id) is Looked.LATER
    assert len(desk.placer.placed) == 1


@pytest.mark.parametrize("phone", ["〔手机号1〕", "called"])
async def test_a_number_that_is_not_registered_is_the_officers(desk: Desk, phone: str) -> None:
    case_id = await desk.ask(phone)
    assert await desk.look(case_id) is Looked.NOT_OURS
    assert not desk.placer.placed and (await desk.case(case_id)).status == "open"


async def test_what_an_officer_has_taken_is_left_to_them(desk: Desk) -> None:
    officer = Staff(login="li", name="李", roles=["officer"], password_hash="x")
    async with desk.sessions() as session, session.begin():
        session.add(officer)
    case_id = await desk.ask(assigned_to=officer.id)
    assert await desk.look(case_id) is Looked.NOT_OURS
    closed = await desk.ask(status="done", closed_at=DUE)
    assert await desk.look(closed) is Looked.NOT_OURS
    assert not desk.placer.placed


async def test_without_a_line_it_is_tried_a_minute_later(desk: Desk) -> None:
    case_id = await desk.ask()
    await loop.silence(desk.sessions)
    desk.placer.free = False
    assert await desk.look(case_id) is Looked.LATER
    wait = await desk.wait()
    assert wait is not None and wait <= timedelta(minutes=1)
    desk.placer.free = True
    await desk.look(case_id, DUE + SOON)
    assert len(desk.placer.placed) == 1


async def test_a_number_that_cannot_be_called_is_the_officers(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def place(*_: object) -> None:
        raise PhoneError("不是电话号码")

    monkeypatch.setattr(desk.placer, "place", place)
    case_id = await desk.ask()
    assert await desk.look(case_id) is Looked.HANDED_OVER
    details = (await desk.case(case_id)).details
    assert "不能拨打" in details["handed_over"] and details["dialled"] == []


async def test_two_misses_and_it_is_the_officers_and_the_taxpayer_hears_of_it(desk: Desk) -> None:
    case_id = await desk.ask()
    await desk.look(case_id)
    await desk.end("no_answer")
    assert await desk.look(case_id, DUE + SOON) is Looked.LATER
    assert len(desk.placer.placed) == 1
    again = DUE + timedelta(minutes=25)
    assert await desk.look(case_id, again) is Looked.LATER
    assert len(desk.placer.placed) == 2
    await desk.end("busy")
    assert await desk.look(case_id, again + SOON) is Looked.HANDED_OVER
    case = await desk.case(case_id)
    assert case.status == "open" and "2次" in case.details["handed_over"]
    assert [each["outcome"] for each in case.details["dialled"]] == ["no_answer", "busy"]
    (sent,) = await loop.texts(desk.sessions)
    assert "没有打通" in sent and "税" not in sent.replace("税铃", "")
    assert await desk.look(case_id, again + 2 * SOON) is Looked.NOT_OURS
    assert len(desk.placer.placed) == 2


@pytest.mark.parametrize("outcome", ["not_verified", "completed", "opted_out"])
async def test_whoever_answered_but_met_no_human_is_not_rung_up_again(desk: Desk, outcome: str) -> None:
    case_id = await desk.ask()
    await desk.look(case_id)
    await desk.end(outcome, answered=True)
    assert await desk.look(case_id, DUE + SOON) is Looked.HANDED_OVER
    assert await loop.texts(desk.sessions) == []


async def test_another_time_named_in_the_call_takes_its_place(desk: Desk) -> None:
    case_id = await desk.ask()
    await desk.look(case_id)
    talk = await desk.end("callback", answered=True)
    tomorrow = DUE + timedelta(days=1)
    other = await desk.ask("called", conversation_id=talk, taxpayer_id=None, due_at=tomorrow)
    assert await desk.look(case_id, DUE + SOON) is Looked.SETTLED
    case, following = await desk.case(case_id), await desk.case(other)
    assert case.status == "dropped" and following.number in (case.result or "")
    assert await desk.look(other, tomorrow) is Looked.HANDED_OVER
    assert "坐席" in (await desk.case(other)).details["handed_over"]
    assert len(desk.placer.placed) == 1


async def test_where_somebody_is_online_that_one_is_dialled_too(desk: Desk) -> None:
    case_id = await desk.ask()
    await desk.look(case_id)
    talk = await desk.end("callback", answered=True)
    async with desk.sessions() as session, session.begin():
        session.add(
            Staff(login="an", name="安", roles=["agent"], password_hash="x", presence=Presence.ONLINE)
        )
    tomorrow = DUE + timedelta(days=1)
    other = await desk.ask("called", conversation_id=talk, taxpayer_id=None, due_at=tomorrow)
    assert await desk.look(other, tomorrow) is Looked.LATER
    assert len(desk.placer.placed) == 2


async def test_after_a_crash_the_call_is_found_and_none_is_dialled_twice(desk: Desk) -> None:
    case_id = await desk.ask()
    desk.placer.breaks = True
    with pytest.raises(RuntimeError):
        await desk.look(case_id)
    desk.placer.breaks = False
    assert await desk.look(case_id, DUE + timedelta(seconds=5)) is Looked.LATER
    assert await desk.look(case_id, DUE + timedelta(minutes=9)) is Looked.LATER
    assert len(desk.placer.placed) == 1
    assert (await desk.case(case_id)).details["dialled"][0]["call"] == str(desk.placer.placed[0])


async def test_a_crash_before_dialling_is_made_good(desk: Desk) -> None:
    case_id = await desk.ask()
    note = {"since": DUE.isoformat(), "call": None, "outcome": None}
    async with desk.sessions() as session, session.begin():
        await session.execute(
            update(Case).where(Case.id == case_id).values(details={"phone": "registered", "dialled": [note]})
        )
    assert await desk.look(case_id, DUE + timedelta(seconds=30)) is Looked.LATER
    assert not desk.placer.placed
    assert await desk.look(case_id, DUE + timedelta(minutes=3)) is Looked.LATER
    assert len(desk.placer.placed) == 1


async def test_five_jobs_at_once_dial_once(desk: Desk) -> None:
    case_id = await desk.ask()
    await asyncio.gather(*(desk.look(case_id) for _ in range(5)))
    assert len(desk.placer.placed) == 1


async def test_the_day_asked_for_or_not_at_all(desk: Desk) -> None:
    case_id = await desk.ask()
    assert await desk.look(case_id, DUE + timedelta(days=1)) is Looked.HANDED_OVER
    evening = await desk.ask()
    assert await desk.look(evening, DUE + timedelta(hours=4)) is Looked.HANDED_OVER
    assert not desk.placer.placed


async def test_a_break_at_noon_is_waited_out(desk: Desk) -> None:
    noon = DUE.replace(hour=11, minute=59)
    case_id = await desk.ask(due_at=noon)
    await loop.silence(desk.sessions)
    assert await desk.look(case_id, noon + timedelta(minutes=1)) is Looked.LATER
    wait = await desk.wait()
    assert wait is not None and abs(wait - timedelta(hours=2)) < timedelta(minutes=2)


async def test_who_asked_may_be_called_though_they_answered_a_call_today(desk: Desk) -> None:
    contact = await loop.contact_of(desk.sessions, desk.taxpayer.id)
    earlier = Placer(desk.sessions, at=DUE - timedelta(hours=3))
    call_id = await earlier.place(desk.taxpayer.id, contact.id, "reminder")
    async with desk.sessions() as session, session.begin():
        await session.execute(
            update(Call)
            .where(Call.id == call_id)
            .values(
                state=CallState.ENDED,
                outcome="callback",
                answered_at=DUE - timedelta(hours=3),
                ended_at=DUE - timedelta(hours=3),
                carrier_id="CA1",
            )
        )
    async with desk.sessions() as session:
        history = await history_of(session, desk.taxpayer.id, contact.phone_hash, DUE)
    assert earliest_call(history, Limits(), DUE) > DUE
    case_id = await desk.ask()
    assert await desk.look(case_id) is Looked.LATER
    assert len(desk.placer.placed) == 1


async def test_but_not_more_often_a_day_than_anybody(desk: Desk) -> None:
    contact = await loop.contact_of(desk.sessions, desk.taxpayer.id)
    for hours in (3, 5):
        earlier = Placer(desk.sessions, at=DUE - timedelta(hours=hours))
        await earlier.place(desk.taxpayer.id, contact.id, "reminder")
    async with desk.sessions() as session, session.begin():
        await session.execute(
            update(Call).values(state=CallState.ENDED, outcome="no_answer", ended_at=DUE, carrier_id=None)
        )
        for number, call in enumerate((await session.scalars(select(Call))).all()):
            call.carrier_id = f"CA{number}"
    case_id = await desk.ask()
    assert await desk.look(case_id) is Looked.HANDED_OVER
    assert "上限" in (await desk.case(case_id)).details["handed_over"]


async def test_the_red_button_and_pauses_hold(desk: Desk) -> None:
    paused = await desk.ask()
    async with desk.sessions() as session, session.begin():
        session.add(ContactPause(taxpayer_id=desk.taxpayer.id, reason="本人要求", by="staff:li"))
    assert await desk.look(paused) is Looked.HANDED_OVER
    async with desk.sessions() as session, session.begin():
        await stop_all(session, "cli", "演练")
    stopped = await desk.ask()
    assert await desk.look(stopped) is Looked.LATER
    assert not desk.placer.placed


async def test_whoever_wants_no_calls_any_more_is_not_called(desk: Desk) -> None:
    before = await desk.ask()
    await loop.opt_out(desk.sessions, desk.taxpayer.id)
    assert await desk.look(before) is Looked.HANDED_OVER
    after = await desk.ask()
    assert await desk.look(after) is Looked.LATER
    assert len(desk.placer.placed) == 1


async def test_somebody_on_the_phone_is_not_called(desk: Desk) -> None:
    contact = await loop.contact_of(desk.sessions, desk.taxpayer.id)
    await Placer(desk.sessions).place(desk.taxpayer.id, contact.id, "reminder")
    case_id = await desk.ask()
    assert await desk.look(case_id) is Looked.LATER
    assert not desk.placer.placed
