"""Dialling a planned call: the intent is committed first, so that no crash and no second worker dials it twice."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import structlog

from gateway.calls.lines import redacted
from store import calls
from store.crypto import FieldCipher
from store.engine import SessionFactory
from store.models import Call
from store.phones import e164
from telephony.carriers.base import Carrier, CarrierError, CarrierUnsure, Order

log = structlog.get_logger("gateway.calls")


class DialResult(StrEnum):
    """What became of dialling."""

    PLACED = "placed"
    REFUSED = "refused"
    """The carrier refused; the call has its outcome."""
    UNSURE = "unsure"
    """Nobody knows; ``telephony.carriers.reconcile`` finds out."""
    TAKEN = "taken"
    """Somebody else dials this call, or has."""


@dataclass(frozen=True, slots=True)
class Dialled:
    """``words``: why not, in Chinese; empty when placed."""

    result: DialResult
    words: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to let a call ring and how long it may last, in seconds; whether the carrier looks for machines.

    ``call_s`` is for the bot; ``wait_s`` in line and ``human_s`` with a human come on top.
    """

    ring_s: int = 30
    call_s: int = 900
    detect_machine: bool = True
    wait_s: int = 0
    human_s: int = 0

    @property
    def longest_s(self) -> int:
        """After which the carrier ends the call."""
        return self.call_s + self.wait_s + self.human_s


async def dial(
    sessions: SessionFactory,
    cipher: FieldCipher,
    carrier: Carrier,
    call_id: uuid.UUID,
    now: Callable[[], datetime],
    limits: Limits | None = None,
) -> Dialled:
    """Dial a planned call.

    Raises:
        LookupError: there is no such call.
    """
    async with sessions() as session, session.begin():
        if await session.get(Call, call_id) is None:
            raise LookupError(f"no call {call_id}")
        if not await calls.write_intent(session, call_id, now()):
            return Dialled(DialResult.TAKEN, "这通电话已经拨过或正在拨。")
    return await place_intended(sessions, cipher, carrier, call_id, now, limits)


async def place_intended(
    sessions: SessionFactory,
    cipher: FieldCipher,
    carrier: Carrier,
    call_id: uuid.UUID,
    now: Callable[[], datetime],
    limits: Limits | None = None,
) -> Dialled:
    """Ask the carrier for a call whose intent is committed; only whoever wrote the intent may do so.

    Raises:
        LookupError: there is no such call.
    """
    limits = limits or Limits()
    async with sessions() as session:
        call = await session.get(Call, call_id)
        if call is None:
            raise LookupError(f"no call {call_id}")
        number = e164(cipher.decrypt(call.phone_enc, calls.PHONE))
    order = Order(call_id, number, limits.ring_s, limits.longest_s, limits.detect_machine)
    try:
        carrier_id = await carrier.place(order)
    except CarrierUnsure as error:
        log.warning("call_unsure", call=str(call_id), carrier=carrier.name)
        return Dialled(DialResult.UNSURE, str(error))
    except CarrierError as error:
        words = redacted(str(error), now().date())
        async with sessions() as session, session.begin():
            await calls.finish(session, call_id, error.outcome, words, now=now())
        log.warning("call_refused", call=str(call_id), carrier=carrier.name, outcome=error.outcome.value)
        return Dialled(DialResult.REFUSED, str(error))
    async with sessions() as session, session.begin():
        ours = await calls.placed(session, call_id, carrier_id, now())
    if not ours:
        log.warning("call_abandoned", call=str(call_id), carrier=carrier.name)
        await carrier.hang_up(carrier_id)
        return Dialled(DialResult.TAKEN, "这通电话已经另行处理，刚拨出的已挂断。")
    return Dialled(DialResult.PLACED)
