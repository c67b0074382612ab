"""All calls and texts of the stand-in: who picks up where, the pace of dialling, and what is told from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from telephony.carriers.base import CarrierStatus
from telephony.standin.call import Assigned, Call
from telephony.standin.cast import Member
from telephony.standin.faults import NO_FAULTS, Faults
from telephony.standin.instructions import Setting
from telephony.standin.line import Line, faults_of
from telephony.standin.messages import MessageBook, TextMessage, TextOrder
from telephony.standin.orders import CallOrder, RestError
from telephony.standin.script import Script

KEEP = 2000
"""Ended calls that are remembered."""
KEEP_BYTES = 200 * 1024 * 1024
"""How much sound of ended calls is kept; of older ones only the figures."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The account: its id and token, calls a second, how many may wait (Twilio: a day's worth, then error 22005)."""

    account_sid: str
    auth_token: str
    calls_per_second: float = 1.0
    queue: int = 86_400


class Exchange:
    """Places calls. ``cast`` and ``usual`` say who picks up where nobody was assigned: those people, each with one of
    those scripts, by its name; who names none has the first."""

    def __init__(
        self,
        rules: Rules,
        setting: Setting,
        *,
        cast: Sequence[Member] = (),
        usual: Mapping[str, Script] | None = None,
        faults: Faults = NO_FAULTS,
    ) -> None:
        self.rules = rules
        self.faults = faults
        """Those of every call from now on."""
        self._setting = setting
        self._cast = {member.to: member for member in cast}
        self._usual = dict(usual or {})
        self._people: dict[str, Assigned] = {}
        self._calls: dict[str, Call] = {}
        self._lines: dict[str, asyncio.Task[None]] = {}
        self._next_dial = 0.0
        self._waiting = 0
        self.texts = MessageBook(rules.account_sid, setting.client, setting.signer)

    async def assign(self, to: str, script: Script, pack: str, fields: Mapping[str, str]) -> None:
        """From now on this script picks up at that number; its speech is rendered before this returns.

        Raises:
            FillError: a placeholder nobody can fill. VoiceError: no voice can say a line.
        """
        filled = script.filled(fields)
        self._people[to] = Assigned(filled, pack, await self._setting.studio.perform(filled, pack))

    def place(self, order: CallOrder) -> Call:
        """Put a call into the queue.

        Raises:
            RestError: the queue is full, or a fault says so.
        """
        self._fail_on_demand()
        if self._waiting >= self.rules.queue:
            raise RestError(429, 22005, "The call queue is full")
        call = Call(self.rules.account_sid, order, datetime.now(UTC))
        call.assigned = self._who(order.to)
        self._calls[call.sid] = call
        self._forget()
        task = asyncio.create_task(self._carry(call))
        self._lines[call.sid] = task
        task.add_done_callback(lambda _: self._lines.pop(call.sid, None))
        return call

    def text(self, order: TextOrder) -> TextMessage:
        """Take a text message.

        Raises:
            RestError: its number takes none any more, or a fault says so.
        """
        self._fail_on_demand()
        return self.texts.take(order, self.faults)

    def call(self, sid: str) -> Call:
        """A call by its id.

        Raises:
            RestError: 404.
        """
        found = self._calls.get(sid)
        if found is None:
            raise RestError(404, 20404, f"The requested resource /Calls/{sid}.json was not found")
        return found

    def calls(
        self, to: str | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> list[Call]:
        """Newest first; a call that has not been dialled yet counts from when it was ordered."""
        found = [
            call
            for call in self._calls.values()
            if (to is None or call.order.to == to)
            and (since is None or (call.dialled or call.created) >= since)
            and (until is None or (call.dialled or call.created) <= until)
        ]
        return found[::-1]

    def end(self, call: Call, status: CarrierStatus) -> None:
        """``canceled`` acts only before the answer, ``completed`` always; on a call that has ended nothing happens."""
        if call.status.terminal or (status is CarrierStatus.CANCELED and call.answered is not None):
            return
        call.ending = status
        call.directed.set()

    def redirect(self, call: Call, url: str | None, twiml: str | None) -> None:
        """Other instructions.

        Raises:
            RestError: the call is not in progress (21220).
        """
        if call.status is not CarrierStatus.IN_PROGRESS:
            raise RestError(400, 21220, "Call is not in-progress. Cannot redirect.")
        call.redirect = (url, twiml)
        call.directed.set()

    async def over(self, sid: str) -> None:
        """Wait until a call has ended and its callbacks have been sent or given up."""
        line = self._lines.get(sid)
        if line is not None:
            await asyncio.wait({line})

    async def close(self) -> None:
        """Hang up everywhere; callbacks that are still to be sent get a few seconds."""
        await self.texts.close()
        for call in self._calls.values():
            self.end(call, CarrierStatus.COMPLETED)
        if self._lines:
            _, late = await asyncio.wait(self._lines.values(), timeout=3)
            for task in late:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def _fail_on_demand(self) -> None:
        if self.faults.rest_errors > 0:
            self.faults = replace(self.faults, rest_errors=self.faults.rest_errors - 1)
            raise RestError(500, 20500, "An internal server error has occurred")

    def _who(self, to: str) -> Assigned | None:
        if to in self._people:
            return self._people[to]
        member = self._cast.get(to)
        if member is None or not self._usual:
            return None
        script = self._usual[member.script or next(iter(self._usual))]
        return Assigned(script.filled(member.fields), script.packs[0])

    async def _carry(self, call: Call) -> None:
        loop = asyncio.get_running_loop()
        at = max(loop.time(), self._next_dial)
        self._next_dial = at + 1 / self.rules.calls_per_second
        self._waiting += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(at):
                    await call.directed.wait()
        finally:
            self._waiting -= 1
        await Line(self._setting, call, faults_of(call, self.faults)).run()

    def _forget(self) -> None:
        over = [call for call in self._calls.values() if call.status.terminal]
        for call in over[: max(0, len(over) - KEEP)]:
            del self._calls[call.sid]
        kept = 0
        for call in reversed(over):
            if call.recording is not None:
                kept += len(call.recording.caller) + len(call.recording.bot)
                if kept > KEEP_BYTES:
                    call.figures()
                    call.recording = None
