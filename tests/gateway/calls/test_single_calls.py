"""``POST /calls``: one call, within the hours and limits of campaigns, which only the demonstration does without."""

from __future__ import annotations

import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import select, update

sys.path.insert(0, str(Path(__file__).parent))

from floor import Floor, open_floor

from gateway.calls.desk import House
from gateway.calls.dialling import Limits
from gateway.calls.service import CallService
from gateway.operators import OperatorAccess
from gateway.routes import dial
from outreach.clock import SHANGHAI
from outreach.facts import history_of
from outreach.switches import release, stop_all
from store.engine import SessionFactory
from store.models import Call, CallState, Taxpayer
from store.outreach_models import ContactPause
from telephony.carriers.base import Order
from tests.chat.database import CIPHER, fresh_database, opened
from tests.outreach.makers import make_taxpayer, number_of

pytestmark = pytest.mark.unit
MONDAY = datetime(2026, 11, 23, 10, 0, tzinfo=SHANGHAI)
TOKEN = "internal token of the tests"
PHONE = number_of(77_777_777)


class Carrier:
    name = "standin"

    def __init__(self) -> None:
        self.orders: list[Order] = []

    async def place(self, order: Order) -> str:
        self.orders.append(order)
        return f"CA{order.call_id.hex}"


@dataclass
class Office:
    """The route over the real store, at the time it is set to."""

    sessions: SessionFactory
    demo: bool = False
    now: datetime = MONDAY
    carrier: Carrier = field(default_factory=Carrier)

    async def dial(self) -> httpx.Response:
        nothing: Any = None
        house = House(
            self.sessions,
            CIPHER,
            nothing,
            nothing,
            nothing,
            lambda: self.now,
            lambda: self.now.date(),
            timedelta(minutes=30),
        )
        service = CallService(
            house,
            cast(Any, {"standin": self.carrier}),
            nothing,
            nothing,
            nothing,
            nothing,
            "税务局",
            Limits(),
            nothing,
            nothing,
            at_any_time=self.demo,
        )
        app = FastAPI()
        app.include_router(dial.router)
        app.state.telephone = SimpleNamespace(
            service=service,
            internal_token=TOKEN,
            access=OperatorAccess(self.demo, None),
            usual_carrier="standin",
        )
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://calls") as client:
            return await client.post(
                "/calls", json={"to": PHONE}, headers={"Authorization": f"Bearer {TOKEN}"}
            )

    async def over(self, outcome: str = "no_answer") -> None:
        """All calls have ended."""
        answered = self.now if outcome == "completed" else None
        async with self.sessions() as session, session.begin():
            await session.execute(
                update(Call)
                .where(Call.state != CallState.ENDED)
                .values(state=CallState.ENDED, outcome=outcome, ended_at=self.now, answered_at=answered)
            )


@pytest_asyncio.fixture
async def sessions() -> AsyncIterator[SessionFactory]:
    async with opened(fresh_database()) as factory:
        yield factory


@pytest_asyncio.fixture
async def taxpayer(sessions: SessionFactory) -> Taxpayer:
    return await make_taxpayer(sessions, phones=[PHONE])


async def test_within_the_hours_it_is_dialled(sessions: SessionFactory, taxpayer: Taxpayer) -> None:
    office = Office(sessions)
    answer = await office.dial()
    assert answer.status_code == 201
    assert [order.call_id for order in office.carrier.orders] == [uuid.UUID(answer.json()["id"])]
    async with sessions() as session:
        call = (await session.scalars(select(Call))).one()
    assert (call.purpose, call.taxpayer_id) == ("reminder", taxpayer.id)


@pytest.mark.parametrize(
    "at",
    [
        MONDAY.replace(hour=8, minute=59),
        MONDAY.replace(hour=12),
        MONDAY.replace(hour=13, minute=59),
        MONDAY.replace(hour=20),
        MONDAY - timedelta(days=1),
        datetime(2026, 10, 1, 10, tzinfo=SHANGHAI),
    ],
)
async def test_outside_of_them_it_is_refused_in_words(
    sessions: SessionFactory, taxpayer: Taxpayer, at: datetime
) -> None:
    office = Office(sessions, now=at)
    answer = await office.dial()
    assert answer.status_code == 409 and "联系时间" in answer.json()["detail"]
    assert not office.carrier.orders
    async with sessions() as session:
        assert (await session.scalars(select(Call))).all() == []


async def test_two_tries_a_day_three_a_week(sessions: SessionFactory, taxpayer: Taxpayer) -> None:
    office = Office(sessions)
    for expected in (201, 201, 409):
        answer = await office.dial()
        assert answer.status_code == expected
        await office.over()
    assert "今天已拨打2次，上限2次" in answer.json()["detail"]
    office.now = MONDAY + timedelta(days=1)
    assert (await office.dial()).status_code == 201
    await office.over()
    office.now = MONDAY + timedelta(days=2)
    answer = await office.dial()
    assert answer.status_code == 409 and "7天内" in answer.json()["detail"]
    office.now = MONDAY + timedelta(days=7, minutes=1)
    assert (await office.dial()).status_code == 201


async def test_one_talk_a_day(sessions: SessionFactory, taxpayer: Taxpayer) -> None:
    office = Office(sessions)
    await office.dial()
    await office.over("completed")
    office.now = MONDAY.replace(hour=15)
    answer = await office.dial()
    assert answer.status_code == 409 and "今天已接通1次" in answer.json()["detail"]


async def test_the_demonstration_calls_at_any_time_and_its_calls_count(
    sessions: SessionFactory, taxpayer: Taxpayer
) -> None:
    office = Office(sessions, demo=True, now=MONDAY.replace(hour=22))
    for _ in range(4):
        assert (await office.dial()).status_code == 201
        await office.over()
    async with sessions() as session:
        history = await history_of(session, taxpayer.id, None, office.now)
    assert len(history.tries) == 4
    office.demo, office.now = False, MONDAY + timedelta(days=1)
    assert (await office.dial()).status_code == 409


@pytest.mark.parametrize("demo", [True, False])
async def test_the_red_button_and_pauses_hold_in_the_demonstration_too(
    sessions: SessionFactory, taxpayer: Taxpayer, demo: bool
) -> None:
    office = Office(sessions, demo=demo)
    async with sessions() as session, session.begin():
        await stop_all(session, "cli", "演练")
    answer = await office.dial()
    assert answer.status_code == 409 and "暂停" in answer.json()["detail"]
    async with sessions() as session, session.begin():
        await release(session, "cli")
        session.add(ContactPause(taxpayer_id=taxpayer.id, reason="本人要求", by="staff:li", calls_only=True))
    answer = await office.dial()
    assert answer.status_code == 409 and "暂停联系" in answer.json()["detail"]
    async with sessions() as session, session.begin():
        await session.execute(update(ContactPause).values(lifted_at=MONDAY))
    assert (await office.dial()).status_code == 201


@pytest_asyncio.fixture
async def floor(tmp_path: Path) -> AsyncIterator[Floor]:
    async with open_floor(fresh_database(), tmp_path) as running:
        yield running


async def test_a_call_that_was_asked_for_leads_to_a_human_after_the_proof(floor: Floor) -> None:
    await floor.staff()
    caller = await floor.caller("callback")
    async with floor.sessions() as session:
        taxpayer = await session.get_one(Taxpayer, caller.row.taxpayer_id)
    digits = [
        sign for sign in CIPHER.decrypt(taxpayer.identifier_enc, "taxpayer.identifier") if sign.isdigit()
    ]
    caller.line.press("*")
    await caller.hears("我慢一点")
    caller.line.press("1")
    await caller.hears("最后四个")
    for key in digits[-4:]:
        caller.line.press(key)
    await caller.hears("您之前约了这个时间")
    await caller.hears("请按2")
    ticket = await floor.ticket(caller)
    assert (ticket.taxpayer_id, ticket.reason, ticket.trigger_text) == (
        taxpayer.id,
        "asked",
        "（约好的回电）",
    )
