"""Finding out what became of calls about which we heard nothing: looked up at the carrier, never dialled again."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from telephony.carriers.base import Carrier, CarrierCall, CarrierError

CLOCKS_APART = timedelta(seconds=5)
"""How far the carrier's clock, which counts whole seconds, may be behind ours."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait before looking, and before taking "not found" for an answer.

    Attributes:
        look_after: a call meant to be dialled is looked up from this age on.
        give_up_after: from this age on, one that the carrier does not know was never dialled; above the time a request
            to the carrier may take, and the time its list may lag behind.
        overdue_after: a dialled call without an end is looked up from this age on; above the longest call.
    """

    look_after: timedelta = timedelta(seconds=60)
    give_up_after: timedelta = timedelta(minutes=5)
    overdue_after: timedelta = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Pending:
    """A call of ours: the number in E.164, when it was to be dialled, and the carrier's id if we know it."""

    call_id: uuid.UUID
    to: str
    intent_at: datetime
    carrier_id: str | None = None


class Ledger(Protocol):
    """Where the calls of one carrier are written down."""

    async def orphans(self, before: datetime) -> Sequence[Pending]:
        """Calls meant to be dialled before then, without a carrier id, oldest first."""

    async def overdue(self, before: datetime) -> Sequence[Pending]:
        """Calls dialled before then that have not ended, oldest first."""

    async def taken(self, carrier_ids: Collection[str]) -> set[str]:
        """Those of the carrier's ids that belong to a call already."""

    async def adopt(self, call_id: uuid.UUID, found: CarrierCall) -> bool:
        """Write down that this is the carrier's call; ``False`` if something was written meanwhile."""

    async def give_up(self, call_id: uuid.UUID) -> bool:
        """Write down that the call was never dialled; ``False`` if something was written meanwhile."""

    async def catch_up(self, call_id: uuid.UUID, found: CarrierCall) -> None:
        """Take over where the carrier says that the call stands."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """How many calls were adopted, given up, brought up to date, and are still unclear."""

    adopted: int = 0
    given_up: int = 0
    caught_up: int = 0
    unclear: int = 0


async def reconcile(
    carrier: Carrier, ledger: Ledger, now: datetime, patience: Patience | None = None
) -> Reconciled:
    """Look up every call that is due for it; what the carrier does not answer now is left for the next time."""
    patience = patience or Patience()
    adopted = given_up = caught_up = unclear = 0
    for orphan in await ledger.orphans(now - patience.look_after):
        found = await _matching(carrier, ledger, orphan)
        if found is None:
            unclear += 1
        elif found:
            adopted += await ledger.adopt(orphan.call_id, found[0])
        elif orphan.intent_at <= now - patience.give_up_after:
            given_up += await ledger.give_up(orphan.call_id)
        else:
            unclear += 1
    for call in await ledger.overdue(now - patience.overdue_after):
        calls = await _asked(carrier, call)
        ended = [c for c in calls or () if c.carrier_id == call.carrier_id and c.status.terminal]
        if ended:
            await ledger.catch_up(call.call_id, ended[0])
            caught_up += 1
        else:
            unclear += 1
    return Reconciled(adopted, given_up, caught_up, unclear)


async def _matching(carrier: Carrier, ledger: Ledger, orphan: Pending) -> list[CarrierCall] | None:
    """Calls of the carrier's that may be this one, the likeliest first; ``None`` when it does not answer."""
    calls = await _asked(carrier, orphan)
    if calls is None:
        return None
    taken = await ledger.taken([call.carrier_id for call in calls])
    free = [call for call in calls if call.carrier_id not in taken]
    # Of several, ours is the one that began soonest after we meant to dial.
    return sorted(free, key=lambda call: (call.started_at is None, call.started_at or orphan.intent_at))


async def _asked(carrier: Carrier, call: Pending) -> Sequence[CarrierCall] | None:
    try:
        return await carrier.find(call.to, call.intent_at - CLOCKS_APART)
    except CarrierError:
        return None
