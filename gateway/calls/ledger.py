"""The calls of one carrier in the store, as reconciliation sees them, and the end of calls whose talk broke down."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

import structlog

from gateway.calls.reports import looked_up
from store import call_upkeep, calls
from store.call_states import Applied
from store.crypto import FieldCipher
from store.engine import SessionFactory
from store.models import Call, CallState
from store.phones import e164
from telephony.carriers.base import CarrierCall
from telephony.carriers.reconcile import Pending
from telephony.events import Outcome

SETTLE_AFTER = timedelta(minutes=2)
"""How long after its end a call may still be given its outcome by whoever spoke."""
log = structlog.get_logger("gateway.calls")


class CallLedger:
    """Implements ``telephony.carriers.reconcile.Ledger``; each method is a transaction of its own."""

    def __init__(
        self, sessions: SessionFactory, cipher: FieldCipher, carrier: str, now: Callable[[], datetime]
    ) -> None:
        self._sessions, self._cipher, self._carrier, self._now = sessions, cipher, carrier, now

    async def orphans(self, before: datetime) -> Sequence[Pending]:
        """Calls meant to be dialled before then, without a carrier id, oldest first."""
        async with self._sessions() as session:
            return self._pending(await call_upkeep.orphan_intents(session, self._carrier, before))

    async def overdue(self, before: datetime) -> Sequence[Pending]:
        """Calls dialled before then that have not ended, oldest first."""
        async with self._sessions() as session:
            return self._pending(await call_upkeep.overdue(session, self._carrier, before))

    async def taken(self, carrier_ids: Collection[str]) -> set[str]:
        """Those of the carrier's ids that belong to a call already."""
        async with self._sessions() as session:
            return await call_upkeep.known_carrier_ids(session, carrier_ids)

    async def adopt(self, call_id: uuid.UUID, found: CarrierCall) -> bool:
        """Give an orphan the carrier's call and take over where it stands."""
        now = self._now()
        async with self._sessions() as session, session.begin():
            if not await calls.placed(session, call_id, found.carrier_id, found.started_at or now):
                return False
            await calls.apply_status(session, call_id, looked_up(found, now))
        log.warning("call_adopted", call=str(call_id), carrier=self._carrier)
        return True

    async def give_up(self, call_id: uuid.UUID) -> bool:
        """End an orphan that the carrier does not know."""
        async with self._sessions() as session, session.begin():
            call = await session.get(Call, call_id, with_for_update=True)
            if call is None or call.carrier_id is not None:
                return False
            ended = await calls.finish(
                session,
                call_id,
                Outcome.CARRIER_FAILURE,
                "运营商没有这通电话的记录，没有拨出。",
                now=self._now(),
            )
        log.warning("call_given_up", call=str(call_id), carrier=self._carrier)
        return ended

    async def catch_up(self, call_id: uuid.UUID, found: CarrierCall) -> None:
        """Take over where the carrier says that the call stands."""
        async with self._sessions() as session, session.begin():
            applied = await calls.apply_status(session, call_id, looked_up(found, self._now()))
        if applied is Applied.APPLIED:
            log.warning("call_caught_up", call=str(call_id), carrier=self._carrier)

    async def forget(self) -> int:
        """End the calls of a carrier whose memory went with the last process; returns how many."""
        async with self._sessions() as session, session.begin():
            left = await call_upkeep.under_way(session, self._carrier)
            for call in left:
                await calls.finish(
                    session, call.id, Outcome.OUR_FAILURE, "程序重新启动，通话中断。", now=self._now()
                )
                call.state, call.ended_at = CallState.ENDED, self._now()
        return len(left)

    async def settle(self) -> int:
        """Give calls that ended :data:`SETTLE_AFTER` ago without an outcome one; returns how many."""
        now = self._now()
        async with self._sessions() as session:
            left = await call_upkeep.unsettled(session, now - SETTLE_AFTER)
        for call in left:
            note = "通话中断：程序没有正常结束。" if call.stream_opened_at else "接通后媒体流没有建立。"
            async with self._sessions() as session, session.begin():
                await calls.finish(session, call.id, Outcome.OUR_FAILURE, note, now=now)
            log.error("call_settled", call=str(call.id), carrier=call.carrier)
        return len(left)

    def _pending(self, found: Sequence[Call]) -> list[Pending]:
        return [
            Pending(
                call.id,
                e164(self._cipher.decrypt(call.phone_enc, calls.PHONE)),
                call.intent_at,
                call.carrier_id,
            )
            for call in found
            if call.intent_at is not None
        ]
