"""Calls nobody heard of again: found at the carrier or given up, never dialled a second time."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from telephony.carriers.base import CarrierCall, CarrierError, CarrierStatus, Order
from telephony.carriers.reconcile import Patience, Pending, Reconciled, reconcile

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
TO = "+8613900001234"
PATIENCE = Patience()


@dataclass
class FakeCarrier:
    known: list[CarrierCall] = field(default_factory=list)
    down: bool = False
    dialled: int = 0
    name: str = "fake"

    async def place(self, order: Order) -> str:
        self.dialled += 1
        return "CA"

    async def hang_up(self, carrier_id: str) -> None: ...

    async def transfer(self, carrier_id: str, to: str) -> None: ...

    async def find(self, to: str, since: datetime) -> Sequence[CarrierCall]:
        if self.down:
            raise CarrierError("down")
        return [c for c in self.known if c.to == to and (c.started_at is None or c.started_at >= since)]


@dataclass
class FakeLedger:
    intents: list[Pending] = field(default_factory=list)
    running: list[Pending] = field(default_factory=list)
    ids: dict[uuid.UUID, str] = field(default_factory=dict)
    dropped: list[uuid.UUID] = field(default_factory=list)
    ended: dict[uuid.UUID, CarrierStatus] = field(default_factory=dict)

    async def orphans(self, before: datetime) -> Sequence[Pending]:
        return [
            p for p in self.intents if p.intent_at < before and p.call_id not in {*self.ids, *self.dropped}
        ]

    async def overdue(self, before: datetime) -> Sequence[Pending]:
        return [p for p in self.running if p.intent_at < before and p.call_id not in self.ended]

    async def taken(self, carrier_ids: Collection[str]) -> set[str]:
        return set(carrier_ids) & set(self.ids.values())

    async def adopt(self, call_id: uuid.UUID, found: CarrierCall) -> bool:
        self.ids[call_id] = found.carrier_id
        return True

    async def give_up(self, call_id: uuid.UUID) -> bool:
        self.dropped.append(call_id)
        return True

    async def catch_up(self, call_id: uuid.UUID, found: CarrierCall) -> None:
        self.ended[call_id] = found.status


def pending(age: timedelta, carrier_id: str | None = None) -> Pending:
    return Pending(uuid.uuid4(), TO, NOW - age, carrier_id)


def at_carrier(
    carrier_id: str, age: timedelta | None, status: CarrierStatus = CarrierStatus.RINGING
) -> CarrierCall:
    return CarrierCall(carrier_id, TO, status, None if age is None else NOW - age)


async def test_an_orphan_that_the_carrier_knows_is_adopted_also_from_its_queue() -> None:
    first, second = pending(timedelta(minutes=3)), pending(timedelta(minutes=2))
    carrier = FakeCarrier([at_carrier("CA2", None), at_carrier("CA1", timedelta(minutes=3))])
    ledger = FakeLedger([first, second])
    assert await reconcile(carrier, ledger, NOW) == Reconciled(adopted=2)
    assert ledger.ids == {first.call_id: "CA1", second.call_id: "CA2"}
    assert carrier.dialled == 0


async def test_the_carriers_clock_may_be_a_little_behind() -> None:
    orphan = pending(timedelta(minutes=2))
    carrier = FakeCarrier([at_carrier("CA1", timedelta(minutes=2, seconds=1))])
    assert (await reconcile(carrier, FakeLedger([orphan]), NOW)).adopted == 1


async def test_somebody_elses_call_to_the_same_number_is_not_adopted() -> None:
    orphan = pending(timedelta(minutes=9))
    carrier = FakeCarrier([at_carrier("CA1", timedelta(minutes=20)), at_carrier("CA2", timedelta(minutes=8))])
    ledger = FakeLedger([orphan], ids={uuid.uuid4(): "CA2"})
    assert await reconcile(carrier, ledger, NOW) == Reconciled(given_up=1)
    assert ledger.dropped == [orphan.call_id]


async def test_not_found_is_believed_only_after_a_while() -> None:
    ledger = FakeLedger([pending(timedelta(minutes=2))])
    assert await reconcile(FakeCarrier(), ledger, NOW) == Reconciled(unclear=1)
    assert ledger.dropped == []
    assert await reconcile(FakeCarrier(), ledger, NOW + PATIENCE.give_up_after) == Reconciled(given_up=1)


async def test_a_fresh_intent_is_left_to_whoever_dials_it() -> None:
    assert await reconcile(FakeCarrier(), FakeLedger([pending(timedelta(seconds=20))]), NOW) == Reconciled()


async def test_a_carrier_that_does_not_answer_proves_nothing() -> None:
    ledger = FakeLedger([pending(timedelta(hours=9))], [pending(timedelta(hours=9), "CA1")])
    assert await reconcile(FakeCarrier(down=True), ledger, NOW) == Reconciled(unclear=2)
    assert (ledger.dropped, ledger.ended) == ([], {})


async def test_a_call_whose_end_was_never_reported_is_brought_up_to_date() -> None:
    over, live = pending(timedelta(hours=1), "CA1"), pending(timedelta(hours=1), "CA2")
    carrier = FakeCarrier(
        [
            at_carrier("CA1", timedelta(hours=1), CarrierStatus.COMPLETED),
            at_carrier("CA2", timedelta(hours=1)),
        ]
    )
    ledger = FakeLedger(running=[over, live])
    assert await reconcile(carrier, ledger, NOW) == Reconciled(caught_up=1, unclear=1)
    assert ledger.ended == {over.call_id: CarrierStatus.COMPLETED}
