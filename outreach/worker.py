"""One worker: leases what is due in each lane and carries it out, side by side, until it is told to stop.

Any number of workers share the ledger. One that dies leaves leases, which run out, and calls, which are looked up.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

from outreach import ledger
from outreach.lanes import CallLane, MessageLane, Transactions, put_off_broken
from outreach.ledger import Lease
from outreach.pacing import hold_lines, hold_outbox
from outreach.plan import Lane
from outreach.ports import Clock, Dialler
from store.crypto import FieldCipher
from store.engine import SessionFactory
from store.live import Change, Live

log = structlog.get_logger("outreach.worker")
LEASE_S = 60.0
AT_ONCE = 64
"""Attempts of one lane that one worker has in hand; most of them wait for their slots."""
TRANSACTIONS = 8
"""Attempts of one worker that use the database at once."""
LOOK_S = 0.5
"""How often an idle lane of calls looks for what is due; those of messages and tasks look half as often."""
_AGAIN_S = 1.0
"""Pause after the database was away."""
_AWAY = (OperationalError, InterfaceError, PoolTimeoutError, OSError)
"""What the database being away looks like."""
_WAKING = frozenset({"outreach", "resync"})

Carry = Callable[[Lease], Awaitable[None]]


class Worker:
    """Carries out what is due.

    Args:
        dialler: dials calls, at the pace of the row of its name; without it this worker leaves the lane of calls to others.
        name: of this worker, unique among all.
        live: wakes it at once where something was released; it looks every :data:`LOOK_S` anyway.
        lease_s: how long a lease lasts, in seconds; longer than anything takes from the lease to the intent.
    """

    def __init__(
        self,
        sessions: SessionFactory,
        cipher: FieldCipher,
        clock: Clock,
        dialler: Dialler | None,
        name: str,
        *,
        live: Live | None = None,
        lease_s: float = LEASE_S,
        at_once: int = AT_ONCE,
    ) -> None:
        self._transactions = Transactions(sessions, TRANSACTIONS)
        self._clock, self._name = clock, name
        self._live, self._lease_s, self._at_once = live, lease_s, at_once
        self._stop = asyncio.Event()
        self._woken = {lane: asyncio.Event() for lane in Lane}
        messages = MessageLane(self._transactions, cipher, clock)
        self._carry: dict[Lane, Carry] = {
            Lane.MESSAGE: messages.carry_out,
            Lane.OFFICER: messages.carry_out,
        }
        self._calls: CallLane | None = None
        if dialler is not None:
            self._pace = dialler.name
            self._calls = CallLane(self._transactions, cipher, clock, dialler, self._pace, self._stop.is_set)
            self._carry[Lane.CALL] = self._calls.carry_out

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``; what is leased and not begun by then is given back."""
        unsubscribe = self._live.subscribe(self._heard) if self._live is not None else None
        lanes = [asyncio.create_task(self._work(lane)) for lane in self._carry]
        try:
            await stop.wait()
            self._stop.set()
            self.wake()
            await asyncio.gather(*lanes)
        finally:
            if unsubscribe is not None:
                unsubscribe()
            for task in lanes:
                task.cancel()

    def wake(self) -> None:
        """Look at once."""
        for woken in self._woken.values():
            woken.set()

    async def place(self, taxpayer_id: uuid.UUID, contact_id: uuid.UUID, purpose: str) -> uuid.UUID | None:
        """Place a single call (``outreach.ports.CallPlacer``); without a dialler there is no line."""
        if self._calls is None:
            return None
        return await self._calls.place(taxpayer_id, contact_id, purpose)

    async def step(self, lane: Lane) -> int:
        """Lease what is due in a lane now and carry it out; how many attempts that were."""
        leases = await self._lease(lane, self._at_once)
        await asyncio.gather(*(self._one(lease) for lease in leases))
        return len(leases)

    async def _work(self, lane: Lane) -> None:
        in_hand: set[asyncio.Task[None]] = set()
        woken = self._woken[lane]
        while not self._stop.is_set():
            woken.clear()
            leases: list[Lease] = []
            pause = LOOK_S if lane is Lane.CALL else 2 * LOOK_S
            try:
                leases = await self._lease(lane, self._at_once - len(in_hand))
            except _AWAY as error:
                log.warning("lease_failed", lane=lane.value, error=type(error).__name__)
                pause = _AGAIN_S
            except Exception:
                log.exception("lease_broken", lane=lane.value)
                pause = _AGAIN_S
            for lease in leases:
                task = asyncio.create_task(self._one(lease))
                in_hand.add(task)
                task.add_done_callback(in_hand.discard)
            await self._rest(woken, pause)
        await asyncio.gather(*in_hand)

    async def _rest(self, woken: asyncio.Event, pause: float) -> None:
        try:
            async with asyncio.timeout(pause):
                await woken.wait()
        except TimeoutError:
            pass

    async def _lease(self, lane: Lane, most: int) -> list[Lease]:
        if most < 1:
            return []
        async with self._transactions.begin() as session:
            now = await self._clock.now(session)
            if not await ledger.any_due(session, lane, now):
                return []
        async with self._transactions.begin() as session:
            room = min(most, await self._room(session, lane, most))
            if room < 1:
                return []
            return await ledger.lease(session, lane, room, now, by=self._name, lease_s=self._lease_s)

    async def _room(self, session: AsyncSession, lane: Lane, most: int) -> int:
        match lane:
            case Lane.CALL:
                return (await hold_lines(session, self._pace)).room
            case Lane.MESSAGE:
                room = await hold_outbox(session)
                return most if room is None else room
            case Lane.OFFICER:
                return most

    async def _one(self, lease: Lease) -> None:
        try:
            await self._carry[lease.lane](lease)
        except _AWAY as error:
            # Nobody knows what still stands: the lease runs out, or the call is looked up.
            log.warning("attempt_interrupted", attempt=str(lease.attempt_id), error=type(error).__name__)
        except Exception as error:
            log.exception("attempt_failed", attempt=str(lease.attempt_id), error=type(error).__name__)
            await self._put_off(lease)

    async def _put_off(self, lease: Lease) -> None:
        try:
            await put_off_broken(self._transactions, self._clock, lease)
        except _AWAY as error:
            log.warning("put_off_failed", attempt=str(lease.attempt_id), error=type(error).__name__)

    def _heard(self, change: Change) -> None:
        if change.kind in _WAKING:
            self.wake()
