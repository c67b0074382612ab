"""A carrier that remembers in a table of its own what it has dialled, whatever becomes of whoever asked it.

It writes through connections of its own, committed at once, so what it knows survives a caller that is killed.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import psycopg
from sqlalchemy import select, text

from gateway.calls.dialling import Limits
from gateway.calls.ledger import CallLedger
from gateway.calls.outbound import CallDialler
from outreach.clock import SetClock
from store import calls
from store.call_states import Report
from store.databases import plain_url
from store.engine import SessionFactory
from store.models import Call, CallState
from telephony.carriers.base import CarrierCall, CarrierError, CarrierStatus, CarrierUnsure, Order
from telephony.carriers.reconcile import Reconciled, reconcile
from telephony.events import Outcome
from tests.chat.database import CIPHER
from tests.outreach.makers import PACE

_TABLE = """
create table if not exists fake_dialled (
  place bigint generated always as identity primary key,
  call_id uuid not null,
  carrier_id text not null,
  number text not null,
  status text not null default 'in-progress',
  hung_up boolean not null default false,
  live int,
  meant_at timestamptz not null,
  at timestamptz not null default clock_timestamp()
)
"""
_DIAL = """
insert into fake_dialled (call_id, carrier_id, number, meant_at, live)
select %s, %s, %s, %s, 1 + count(*) from fake_dialled where status = 'in-progress'
"""


async def _nothing(_: uuid.UUID) -> None:
    return None


@dataclass(slots=True)
class FakeCarrier:
    """Implements ``telephony.carriers.base.Carrier``.

    ``refuse``: dials nothing and says so with this outcome. ``unsure``: dials and does not answer. ``before``, ``after``:
    what happens just before and just after it dials.
    """

    url: str
    now: Callable[[], datetime]
    name: str = PACE
    refuse: Outcome | None = None
    unsure: bool = False
    before: Callable[[uuid.UUID], Awaitable[None]] = _nothing
    after: Callable[[uuid.UUID], Awaitable[None]] = _nothing
    _connection: psycopg.AsyncConnection | None = field(default=None, repr=False)
    _connecting: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def place(self, order: Order) -> str:
        if self.refuse is not None:
            raise CarrierError("没有拨出。", self.refuse)
        await self.before(order.call_id)
        carrier_id = f"CA{uuid.uuid4().hex}"
        connection = await self._connected()
        await connection.execute(_DIAL, [order.call_id, carrier_id, order.to, self.now()])
        await self.after(order.call_id)
        if self.unsure:
            raise CarrierUnsure("没有回音。")
        return carrier_id

    async def hang_up(self, carrier_id: str) -> None:
        connection = await self._connected()
        await connection.execute(
            "update fake_dialled set hung_up = true, status = 'completed' where carrier_id = %s", [carrier_id]
        )

    async def transfer(self, carrier_id: str, to: str) -> None:
        raise AssertionError("campaigns put nobody through at the carrier")

    async def find(self, to: str, since: datetime) -> Sequence[CarrierCall]:
        connection = await self._connected()
        rows = await connection.execute(
            "select carrier_id, number, status, meant_at from fake_dialled where number = %s and meant_at >= %s"
            " order by place desc",
            [to, since],
        )
        return [
            CarrierCall(carrier_id, number, CarrierStatus(status), at)
            for carrier_id, number, status, at in await rows.fetchall()
        ]

    async def dialled(self) -> list[uuid.UUID]:
        """Ids of the calls, in the order in which they were dialled."""
        connection = await self._connected()
        rows = await connection.execute("select call_id from fake_dialled order by place")
        return [call_id for (call_id,) in await rows.fetchall()]

    async def aclose(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def _connected(self) -> psycopg.AsyncConnection:
        async with self._connecting:
            if self._connection is None or self._connection.closed or self._connection.broken:
                made = await psycopg.AsyncConnection.connect(plain_url(self.url), autocommit=True)
                await made.execute("set client_min_messages = error")
                await made.execute(_TABLE)
                self._connection = made
        return self._connection


def dialler(sessions: SessionFactory, carrier: FakeCarrier) -> CallDialler:
    """The product's own way of dialling, by this carrier."""
    return CallDialler(sessions, CIPHER, carrier, carrier.now, Limits())


def report(call: Call, kind: str, sequence: int, at: datetime, **more: object) -> Report:
    """What the carrier says of a call: ``ringing``, ``answered`` or ``ended``."""
    state = CallState(kind)
    assert call.carrier_id is not None
    return Report("status", sequence, kind, at, call.carrier_id, state, **more)  # type: ignore[arg-type]


async def live_calls(sessions: SessionFactory) -> list[Call]:
    """Calls that the carrier has and that have not ended."""
    async with sessions() as session:
        found = await session.scalars(
            select(Call).where(
                Call.state.in_([CallState.PLACED, CallState.RINGING, CallState.ANSWERED]),
                Call.carrier_id.is_not(None),
            )
        )
        return list(found.all())


async def end(
    sessions: SessionFactory, call: Call, at: datetime, outcome: Outcome = Outcome.COMPLETED
) -> None:
    """The call is over, as the carrier and whoever spoke say."""
    answered = outcome not in (
        Outcome.BUSY,
        Outcome.NO_ANSWER,
        Outcome.CARRIER_FAILURE,
        Outcome.INVALID_NUMBER,
    )
    async with sessions() as session, session.begin():
        if answered:
            await calls.apply_status(session, call.id, report(call, "answered", 1, at))
            await calls.finish(session, call.id, outcome, now=at)
        said = {} if answered else {"outcome": outcome.value}
        await calls.apply_status(session, call.id, report(call, "ended", 2, at, **said))
        await session.execute(
            text("update fake_dialled set status = 'completed' where call_id = :call"), {"call": call.id}
        )


async def end_all(sessions: SessionFactory, at: datetime, outcome: Outcome = Outcome.COMPLETED) -> int:
    """All calls under way are over."""
    under_way = await live_calls(sessions)
    for call in under_way:
        await end(sessions, call, at, outcome)
    return len(under_way)


async def look_up(sessions: SessionFactory, carrier: FakeCarrier, clock: SetClock) -> Reconciled:
    """Ask the carrier about every call that nobody knows of, as much later as it takes to believe its answer."""
    later = clock.at + timedelta(minutes=6)
    ledger = CallLedger(sessions, CIPHER, carrier.name, lambda: later)
    return await reconcile(carrier, ledger, later.astimezone(UTC))
