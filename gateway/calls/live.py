"""The calls that run in this process now: for the live table, the carrier's late news and the browser's transcript."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from telephony.call.inputs import Input, MachineSaid
from telephony.call.plain import without_numbers
from telephony.call.session import Session
from telephony.events import Partial, Utterance

Show = Callable[[str, str, bool], None]
"""Told ``(speaker, text, final)`` as things are said."""


@dataclass(slots=True)
class LiveCall:
    """One running call."""

    call_id: uuid.UUID
    carrier: str
    session: Session
    show: Show
    began: float = field(default_factory=time.monotonic)
    last_heard: str = ""
    last_said: str = ""

    def _shown(self, text: str) -> str:
        """For the operators' table: the digits of the proof are none of their business."""
        return without_numbers(text) if self.session.proving else text

    def watch(self, item: Input) -> None:
        """See what the call hears."""
        if isinstance(item, Partial):
            self.show("caller", item.text, False)
        elif isinstance(item, Utterance) and item.text:
            self.last_heard = self._shown(item.text)
            self.show("caller", item.text, True)

    def said(self, text: str) -> None:
        """See what the call says."""
        self.last_said = self._shown(text)
        self.show("bot", text, True)


class LiveCalls:
    """All of them."""

    def __init__(self) -> None:
        self._calls: dict[uuid.UUID, LiveCall] = {}

    def __iter__(self) -> Iterator[LiveCall]:
        return iter(list(self._calls.values()))

    @contextmanager
    def running(self, call: LiveCall) -> Iterator[None]:
        """While a call runs."""
        self._calls[call.call_id] = call
        try:
            yield
        finally:
            del self._calls[call.call_id]

    async def answered_by(self, call_id: uuid.UUID, who: str) -> None:
        """The carrier says who has answered."""
        call = self._calls.get(call_id)
        if call is not None:
            call.session.put(MachineSaid(who))
