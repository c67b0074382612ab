"""Runs the TwiML of an answered call."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from telephony.events import FRAME_MS
from telephony.standin.call import Call, new_sid
from telephony.standin.callbacks import Callbacks
from telephony.standin.faults import Faults
from telephony.standin.signing import Signer, resolved
from telephony.standin.speech import Studio
from telephony.standin.stream import MediaStream, StreamEnd, StreamIds
from telephony.standin.twiml import (
    ConnectStream,
    Dial,
    Hangup,
    Pause,
    Redirect,
    Reject,
    Say,
    TwimlError,
    Verb,
    parse,
)

_MAX_REDIRECTS = 20
_SIGNS_A_SECOND = 4.0


@dataclass(frozen=True, slots=True)
class Setting:
    """What every line needs."""

    client: httpx.AsyncClient
    signer: Signer
    studio: Studio


class Instructions:
    """Those of one call, which has been answered.

    Raises (from :meth:`run`):
        TwimlError: TwiML that cannot be run. CallbackError: the gateway did not say what to do.
    """

    def __init__(self, setting: Setting, call: Call, callbacks: Callbacks, faults: Faults) -> None:
        self._setting, self._call, self._callbacks, self._faults = setting, call, callbacks, faults

    async def run(self) -> None:
        """Until they are over, the person hangs up, or REST ends the call."""
        order = self._call.order
        base, verbs = await self._first(order.url, order.twiml, None)
        for _ in range(_MAX_REDIRECTS):
            asked = await self._run(verbs, base)
            if asked is None:
                return
            base, verbs = await self._first(asked[0], asked[1], base)
        raise TwimlError(12200, "too many redirects")

    async def _first(
        self, url: str | None, twiml: str | None, base: str | None
    ) -> tuple[str | None, deque[Verb]]:
        if twiml is not None:
            return base, deque(self._read(twiml))
        if url is None:
            return base, deque()
        address = resolved(url, base)
        body = await self._callbacks.ask(address, self._call.common())
        return address, deque(self._read(body))

    def _read(self, twiml: str) -> tuple[Verb, ...]:
        return parse(twiml, plain=self._setting.signer.origin.startswith("http://"))

    async def _run(self, verbs: deque[Verb], base: str | None) -> tuple[str | None, str | None] | None:
        """Run verbs until they are over (None) or others take their place: (url, twiml)."""
        while True:
            if self._call.directed.is_set():
                return self._take_direction()
            if not verbs:
                return None
            verb = verbs.popleft()
            action: str | None = None
            match verb:
                case ConnectStream():
                    end = await self._stream(verb)
                    if end in (StreamEnd.HUNG_UP, StreamEnd.LIMIT):
                        return None
                    action = verb.action
                case Dial():
                    self._call.dialled_on = f"{verb.kind}:{verb.target}"
                    if await self._idle(min(verb.limit_s, self._left_s())):
                        return None
                    action = verb.action
                case Say(text=text):
                    if await self._idle(min(len(text) / _SIGNS_A_SECOND, self._left_s())):
                        return None
                case Pause(seconds=seconds):
                    if await self._idle(min(seconds, self._left_s())):
                        return None
                case Redirect(url=url):
                    return resolved(url, base), None
                case Hangup() | Reject():
                    return None
            if action and not self._call.directed.is_set():
                return resolved(action, base), None

    def _take_direction(self) -> tuple[str | None, str | None] | None:
        call = self._call
        if call.ending is not None:
            return None
        call.directed.clear()
        redirect, call.redirect = call.redirect, None
        return redirect

    async def _stream(self, verb: ConnectStream) -> StreamEnd:
        call = self._call
        if call.person is None:
            return StreamEnd.REFUSED
        ids = StreamIds(call.account_sid, call.sid, new_sid("MZ"))
        stream = MediaStream(ids, verb, call.person, self._setting.signer, self._faults, call.directed)
        call.recording = stream.recording
        told = {**call.ids(), "StreamSid": ids.stream_sid}
        self._tell_stream(verb, told, "stream-started")
        try:
            end = await stream.run(self._left_s())
        finally:
            call.errors.update(stream.errors)
            call.notes += stream.notes
        error = {"StreamError": "31920"} if end is StreamEnd.REFUSED else {}
        self._tell_stream(verb, {**told, **error}, "stream-error" if error else "stream-stopped")
        if end is not StreamEnd.HUNG_UP:
            call.notes.append(f"媒体流：{end.value}")
        return end

    def _tell_stream(self, verb: ConnectStream, told: Mapping[str, str], event: str) -> None:
        if verb.status_callback is not None:
            stamp = datetime.now(UTC).isoformat()
            self._callbacks.tell(
                verb.status_callback, {**told, "StreamEvent": event, "Timestamp": stamp}, last=True
            )

    async def _idle(self, seconds: float) -> bool:
        """Let the person go on without the bot; whether they hung up."""
        person = self._call.person
        for _ in range(round(seconds * 1000 / FRAME_MS)):
            if person is not None and person.act(False).hangs_up:
                return True
            if await self._call.directed_within(FRAME_MS / 1000):
                return False
        return self._left_s() <= 0

    def _left_s(self) -> float:
        began = self._call.answered or datetime.now(UTC)
        return max(0.0, self._call.order.limit_s - (datetime.now(UTC) - began).total_seconds())
