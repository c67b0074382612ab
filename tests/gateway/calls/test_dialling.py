"""Dialling and its accidents, on the real store: no call is dialled twice, and each gets an end."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from gateway.calls.dialling import DialResult, Limits, dial
from gateway.calls.ledger import SETTLE_AFTER, CallLedger
from gateway.calls.reports import status_report
from store import calls
from store.engine import SessionFactory
from store.models import Call
from telephony.carriers.base import CarrierCall, CarrierError, CarrierStatus, CarrierUnsure, Order
from telephony.carriers.reconcile import Reconciled, reconcile
from telephony.events import Outcome
from tests.chat.database import CIPHER, fresh_database, opened

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
TO = "+8613900001234"


@pytest.fixture
def url() -> str:
    return fresh_database()


@pytest_asyncio.fixture
async def sessions(url: str) -> AsyncIterator[SessionFactory]:
    async with opened(url) as factory:
        yield factory


@dataclass
class Carrier:
    """Dials as told: ``error`` is raised after the call has or has not come about."""

    error: CarrierError | None = None
    comes_about: bool = True
    orders: list[Order] = field(default_factory=list)
    known: list[CarrierCall] = field(default_factory=list)
    hung_up: list[str] = field(default_factory=list)
    name: str = "twilio"

    async def place(self, order: Order) -> str:
        self.orders.append(order)
        carrier_id = f"CA{len(self.orders)}"
        if self.comes_about:
            self.known.append(CarrierCall(carrier_id, order.to, CarrierStatus.RINGING, NOW))
        if self.error:
            raise self.error
        return carrier_id

    async def hang_up(self, carrier_id: str) -> None:
        self.hung_up.append(carrier_id)

    async def transfer(self, carrier_id: str, to: str) -> None: ...

    async def find(self, to: str, since: datetime) -> Sequence[CarrierCall]:
        return [call for call in self.known if call.to == to]


async def planned(sessions: SessionFactory) -> uuid.UUID:
    async with sessions() as session, session.begin():
        call = await calls.plan(session, CIPHER, phone="13900001234", purpose="reminder", carrier="twilio")
    return call.id


async def read(sessions: SessionFactory, call_id: uuid.UUID) -> Call:
    async with sessions() as session:
        return await session.get_one(Call, call_id)


async def test_many_workers_dial_once_in_the_carriers_spelling(sessions: SessionFactory) -> None:
    call_id, carrier = await planned(sessions), Carrier()
    told = await asyncio.gather(
        *(dial(sessions, CIPHER, carrier, call_id, lambda: NOW, Limits(20, 300)) for _ in range(5))
    )
    assert sorted(each.result for each in told) == ["placed", *["taken"] * 4]
    assert carrier.orders == [Order(call_id, TO, 20, 300)]
    call = await read(sessions, call_id)
    assert (call.state, call.carrier_id, call.placed_at) == ("placed", "CA1", NOW)
    with pytest.raises(LookupError):
        await dial(sessions, CIPHER, carrier, uuid.uuid4(), lambda: NOW)


async def test_a_refusal_is_the_end_of_the_call(sessions: SessionFactory) -> None:
    call_id = await planned(sessions)
    carrier = Carrier(CarrierError("号码无效。", Outcome.INVALID_NUMBER), comes_about=False)
    told = await dial(sessions, CIPHER, carrier, call_id, lambda: NOW)
    assert (told.result, told.words) == (DialResult.REFUSED, "号码无效。")
    call = await read(sessions, call_id)
    assert (call.state, call.outcome, call.outcome_note) == ("ended", "invalid_number", "号码无效。")


@pytest.mark.parametrize("comes_about", [True, False])
async def test_a_lost_answer_is_cleared_up_without_dialling_again(
    sessions: SessionFactory, comes_about: bool
) -> None:
    call_id, carrier = await planned(sessions), Carrier(CarrierUnsure("不确定"), comes_about)
    assert (await dial(sessions, CIPHER, carrier, call_id, lambda: NOW)).result is DialResult.UNSURE
    assert (await dial(sessions, CIPHER, carrier, call_id, lambda: NOW)).result is DialResult.TAKEN
    later = NOW + timedelta(minutes=6)
    ledger = CallLedger(sessions, CIPHER, "twilio", lambda: later)
    expected = Reconciled(adopted=1) if comes_about else Reconciled(given_up=1)
    assert await reconcile(carrier, ledger, later) == expected
    assert await reconcile(carrier, ledger, later) == Reconciled()
    call = await read(sessions, call_id)
    if comes_about:
        assert (call.state, call.carrier_id, call.placed_at, call.outcome) == ("ringing", "CA1", NOW, None)
    else:
        assert (call.state, call.carrier_id, call.outcome) == ("ended", None, "carrier_failure")
    assert len(carrier.orders) == 1


async def test_a_call_given_up_while_the_carrier_was_slow_is_hung_up(sessions: SessionFactory) -> None:
    call_id, carrier = await planned(sessions), Carrier()
    place = carrier.place

    async def slow(order: Order) -> str:
        assert await CallLedger(sessions, CIPHER, "twilio", lambda: NOW).give_up(call_id)
        return await place(order)

    carrier.place = slow  # type: ignore[method-assign]
    assert (await dial(sessions, CIPHER, carrier, call_id, lambda: NOW)).result is DialResult.TAKEN
    assert carrier.hung_up == ["CA1"]
    assert (await read(sessions, call_id)).outcome == "carrier_failure"


async def test_a_call_whose_end_got_lost_is_brought_up_to_date(sessions: SessionFactory) -> None:
    call_id, carrier = await planned(sessions), Carrier()
    await dial(sessions, CIPHER, carrier, call_id, lambda: NOW)
    carrier.known = [CarrierCall("CA1", TO, CarrierStatus.NO_ANSWER, NOW)]
    later = NOW + timedelta(hours=1)
    told = await reconcile(carrier, CallLedger(sessions, CIPHER, "twilio", lambda: later), later)
    assert told == Reconciled(caught_up=1)
    call = await read(sessions, call_id)
    assert (call.state, call.outcome) == ("ended", "no_answer")


@pytest.mark.parametrize(("stream", "words"), [(True, "通话中断"), (False, "媒体流没有建立")])
async def test_a_call_that_ended_without_outcome_is_our_failure(
    sessions: SessionFactory, stream: bool, words: str
) -> None:
    call_id = await planned(sessions)
    await dial(sessions, CIPHER, Carrier(), call_id, lambda: NOW)
    ended = status_report({"CallSid": "CA1", "CallStatus": "completed"}, NOW)
    assert ended is not None
    async with sessions() as session, session.begin():
        if stream:
            await calls.take_stream(session, call_id, "CA1", NOW)
        await calls.apply_status(session, call_id, ended)
    assert await CallLedger(sessions, CIPHER, "twilio", lambda: NOW).settle() == 0
    ledger = CallLedger(sessions, CIPHER, "twilio", lambda: NOW + SETTLE_AFTER + timedelta(seconds=1))
    assert (await ledger.settle(), await ledger.settle()) == (1, 0)
    call = await read(sessions, call_id)
    assert call.outcome == "our_failure" and words in (call.outcome_note or "")
