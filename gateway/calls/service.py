"""Calls from the order to dial to the stored recording."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Mapping

import structlog
from fastapi import WebSocket
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.calls.agents import AgentCalls, OpenCall
from gateway.calls.callee import CalleeError, Person, person_at, person_of
from gateway.calls.desk import CallDesk, House
from gateway.calls.dialling import Dialled, Limits, dial
from gateway.calls.hearing import Hearing
from gateway.calls.live import LiveCall, LiveCalls, Show
from gateway.calls.queueing import TicketWatch
from gateway.calls.reports import browser_report
from gateway.calls.wire import SocketWire
from outreach.single import forbidden, untimely
from outreach.switches import go_ahead
from store import call_upkeep, calls
from store.live import Live
from store.models import Call
from store.phones import canonical
from telephony.call.base import Callee, Pace, Purpose
from telephony.call.brain import Brain
from telephony.call.mouth import Mouth
from telephony.call.ports import Timed
from telephony.call.session import Session
from telephony.call.words import Words
from telephony.carriers.base import Carrier, CarrierError, CarrierStatus
from telephony.recording import Recorded, Recordings
from telephony.voice.base import Style, Voice

log = structlog.get_logger("gateway.calls")
_LAST_WORDS_S = 40
"""So long before the carrier cuts a call off, we say goodbye."""


class CallService:
    """Places calls and runs those that are answered."""

    def __init__(
        self,
        house: House,
        carriers: Mapping[str, Carrier],
        voice: Voice,
        hearing: Hearing,
        recordings: Recordings,
        words: Words,
        bureau: str,
        limits: Limits,
        agents: AgentCalls,
        news: Live,
        timed: Timed = lambda stage, seconds: None,
        *,
        at_any_time: bool = False,
    ) -> None:
        """``at_any_time``: neither hours nor limits bind the calls asked for here, as in the demonstration."""
        self._house = house
        self._carriers = carriers
        self._voice = voice
        self._hearing = hearing
        self._recordings = recordings
        self._words = words
        self._bureau = bureau
        self._limits = limits
        self._agents = agents
        self._news = news
        self._timed = timed
        self._at_any_time = at_any_time
        self.live = LiveCalls()

    @property
    def carriers(self) -> Mapping[str, Carrier]:
        """By name."""
        return self._carriers

    async def place(self, phone: str, carrier: str) -> tuple[uuid.UUID, Dialled]:
        """Call the taxpayer who has registered this number.

        Raises:
            CalleeError: the number, or they must not be called (now); PhoneError: the number; KeyError: there is no such
                carrier.
        """
        chosen = self._carriers[carrier]
        house = self._house
        async with house.sessions() as session, session.begin():
            await go_ahead(session)
            person = await person_at(session, house.cipher, phone)
            await self._may_call(session, person, phone)
            call = await calls.plan(
                session,
                house.cipher,
                phone=phone,
                purpose=Purpose.REMINDER,
                carrier=carrier,
                taxpayer_id=person.taxpayer_id,
            )
        return call.id, await dial(house.sessions, house.cipher, chosen, call.id, house.now, self._limits)

    async def _may_call(self, session: AsyncSession, person: Person, phone: str) -> None:
        house = self._house
        who = (person.taxpayer_id, house.cipher.lookup_hash("phone", canonical(phone)))
        refused = await forbidden(session, *who, house.now())
        if refused is None and not self._at_any_time:
            refused = await untimely(session, *who, person.region, house.now())
        if refused is not None:
            raise CalleeError(refused.words)

    async def serve(
        self, socket: WebSocket | SocketWire, call: Call, show: Show = lambda who, text, final: None
    ) -> None:
        """Run a call on its media stream until it is over, then hang up and note what was recorded."""
        wire = socket if isinstance(socket, SocketWire) else SocketWire(socket)
        house = self._house
        person = await self._person(call)
        began = time.monotonic()
        recording = self._recordings.start(call.id, house.now())
        number = house.cipher.decrypt(call.phone_enc, calls.PHONE)
        ear = await asyncio.to_thread(self._hearing.ear, call.pack or person.pack, person.region, number)
        desk = CallDesk(
            house,
            call.id,
            call.conversation_id,
            call.taxpayer_id,
            lambda: time.monotonic() - began,
        )
        style = Style(call.voice or self._hearing.voice_of(ear.pack))
        mouth = Mouth(wire, self._voice, style, recording, time.monotonic, self._timed)
        purpose = Purpose.CALLBACK if call.purpose == Purpose.CALLBACK else Purpose.REMINDER
        callee = Callee(person.asked_for, self._bureau, purpose=purpose)
        pace = Pace(
            longest=1000 * max(self._limits.call_s - _LAST_WORDS_S, _LAST_WORDS_S),
            in_line=1000 * self._limits.wait_s,
        )
        brain = Brain(callee, self._words, pace, self._hearing.ask_again)
        session = Session(brain, wire, ear, mouth, desk, recording, self._timed)
        open_call = OpenCall(call.id, call.conversation_id, session, style)

        def shown(speaker: str, text: str, final: bool) -> None:
            show(speaker, text, final)
            if final:
                open_call.line(speaker, text)

        live = LiveCall(call.id, call.carrier, session, shown)
        session.watch(live.watch, live.said)
        watch = TicketWatch(house.sessions, self._news, call.conversation_id, session.put, open_call.moved)
        watching = asyncio.create_task(watch.run())
        try:
            with self.live.running(live), self._agents.running(open_call):
                outcome = await session.run()
            log.info("call_over", call=str(call.id), outcome=outcome.value)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await asyncio.shield(self._put_away(call, recording.close(mouth.now_ms())))

    async def _put_away(self, call: Call, closing: Awaitable[Recorded]) -> None:
        if call.carrier_id is not None:
            try:
                await self._carriers[call.carrier].hang_up(call.carrier_id)
            except CarrierError:
                log.warning("hang_up_failed", call=str(call.id))
        recorded = await closing
        if recorded.path is None:
            log.error("not_recorded", call=str(call.id), problem=recorded.problem.value)
            return
        async with self._house.sessions() as session, session.begin():
            await call_upkeep.keep_recording(
                session,
                call.id,
                path=str(recorded.path.relative_to(self._recordings.folder)),
                seconds=recorded.duration_ms / 1000,
                key_id=recorded.key_id,
            )

    async def _person(self, call: Call) -> Person:
        async with self._house.sessions() as session:
            person = await person_of(session, call.taxpayer_id) if call.taxpayer_id else None
        if person is None:
            raise LookupError(f"call {call.id} is to nobody")
        return person

    async def browser_status(
        self, call_id: uuid.UUID, carrier_id: str, status: CarrierStatus, detail: str
    ) -> None:
        """The browser phone reports where a call stands."""
        report = browser_report(carrier_id, status, detail, self._house.now())
        async with self._house.sessions() as session, session.begin():
            await calls.apply_status(session, call_id, report)
