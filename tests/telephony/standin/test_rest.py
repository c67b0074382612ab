"""The REST subset, asked through the application, and through Twilio's own library over a socket."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from telephony.carriers.base import CarrierError, CarrierStatus, CarrierUnsure, Order
from telephony.carriers.callbacks import Callbacks
from telephony.carriers.twilio import TwilioCarrier
from telephony.standin.exchange import Exchange
from telephony.standin.faults import Faults
from tests.telephony.standin.fakes import (
    CALLED,
    CALLER,
    PUBLIC,
    SID,
    TOKEN,
    FakeGateway,
    app_of,
    ended,
    exchange_for,
    rest_of,
    script,
    served,
)

pytestmark = pytest.mark.unit
CALLS = f"/2010-04-01/Accounts/{SID}/Calls.json"
ORDER = {"To": CALLED, "From": CALLER, "Url": f"{PUBLIC}/voice/twiml"}


@pytest.fixture
async def rest() -> AsyncIterator[tuple[Exchange, httpx.AsyncClient]]:
    async with exchange_for("http://127.0.0.1:9") as exchange, rest_of(exchange) as client:
        yield exchange, client


async def test_a_call_is_placed_with_twilios_json(rest: tuple[Exchange, httpx.AsyncClient]) -> None:
    _, client = rest
    answer = await client.post(CALLS, data=ORDER)
    assert answer.status_code == 201
    call = answer.json()
    assert call["sid"].startswith("CA")
    assert len(call["sid"]) == 34
    assert (call["status"], call["to"], call["from"], call["direction"]) == (
        "queued",
        CALLED,
        CALLER,
        "outbound-api",
    )
    assert call["uri"] == f"/2010-04-01/Accounts/{SID}/Calls/{call['sid']}.json"
    fetched = (await client.get(call["uri"])).json()
    assert fetched["sid"] == call["sid"]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"To": ""}, 400, 21201),
        ({"From": ""}, 400, 21213),
        ({"To": "13900001234"}, 400, 21211),
        ({"Url": ""}, 400, 21205),
        ({"Url": "ftp://x/y"}, 400, 21205),
        ({"Url": "", "Twiml": "<Response><Dance/></Response>"}, 400, 12200),
        ({"StatusCallback": "nowhere"}, 400, 21609),
        ({"StatusCallbackEvent": "sneezed"}, 400, 21626),
        ({"Timeout": "soon"}, 400, 20001),
        ({"MachineDetection": "maybe"}, 400, 21248),
    ],
)
async def test_a_wrong_order_gets_twilios_error(
    rest: tuple[Exchange, httpx.AsyncClient], change: dict[str, str], status: int, code: int
) -> None:
    answer = await rest[1].post(CALLS, data={**ORDER, **change})
    assert answer.status_code == status
    assert answer.json()["code"] == code
    assert answer.json()["status"] == status
    assert not rest[0].calls()


async def test_only_the_account_itself_is_let_in(rest: tuple[Exchange, httpx.AsyncClient]) -> None:
    _, client = rest
    for auth in [("x", "y"), (SID, "wrong")]:
        answer = await client.post(CALLS, data=ORDER, auth=auth)
        assert (answer.status_code, answer.json()["code"]) == (401, 20003)
        assert (await client.get("/standin/calls", auth=auth)).status_code == 401
        assert (await client.post("/faults", json={}, auth=auth)).status_code == 401
    other = await client.get(CALLS.replace(SID, "AC" + "1" * 32))
    assert (other.status_code, other.json()["code"]) == (404, 20404)
    missing = await client.get(f"/2010-04-01/Accounts/{SID}/Calls/CA0.json")
    assert (missing.status_code, missing.json()["code"]) == (404, 20404)


async def test_a_form_without_end_is_cut_off(rest: tuple[Exchange, httpx.AsyncClient]) -> None:
    answer = await rest[1].post(CALLS, content=b"To=" + b"9" * 200_000)
    assert answer.status_code == 413


async def test_only_a_call_in_progress_can_be_redirected(rest: tuple[Exchange, httpx.AsyncClient]) -> None:
    _, client = rest
    call = (await client.post(CALLS, data=ORDER)).json()
    answer = await client.post(call["uri"], data={"Twiml": "<Response/>"})
    assert (answer.status_code, answer.json()["code"]) == (400, 21220)


async def test_calls_are_found_by_number_and_time_in_pages(rest: tuple[Exchange, httpx.AsyncClient]) -> None:
    _, client = rest
    sids = [(await client.post(CALLS, data=ORDER)).json()["sid"] for _ in range(3)]
    await client.post(CALLS, data={**ORDER, "To": "+8619900000009"})
    since = (datetime.now(UTC) - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = (await client.get(CALLS, params={"To": CALLED, "StartTime>": since})).json()
    assert [call["sid"] for call in found["calls"]] == sids[::-1]
    later = (datetime.now(UTC) + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (await client.get(CALLS, params={"To": CALLED, "StartTime>": later})).json()["calls"] == []
    page = (await client.get(CALLS, params={"To": CALLED, "PageSize": "2"})).json()
    assert [call["sid"] for call in page["calls"]] == sids[:0:-1]
    rest_of = (await client.get(page["next_page_uri"])).json()
    assert [call["sid"] for call in rest_of["calls"]] == sids[:1]
    assert rest_of["next_page_uri"] is None


async def test_errors_on_demand_place_nothing(rest: tuple[Exchange, httpx.AsyncClient]) -> None:
    exchange, client = rest
    assert (await client.post("/faults", json={"rest_errors": 1})).json() == {"rest_errors": 1}
    assert (await client.post(CALLS, data=ORDER)).status_code == 500
    assert not exchange.calls()
    assert (await client.post(CALLS, data=ORDER)).status_code == 201


async def test_wrong_faults_and_scripts_are_explained(rest: tuple[Exchange, httpx.AsyncClient]) -> None:
    _, client = rest
    answer = await client.post("/faults", json={"rain": 1})
    assert answer.status_code == 422
    assert "没有“rain”这种故障" in answer.json()["message"]
    body = {"to": CALLED, "script": "name: x\nsteps: 3\n"}
    assert "script:" in (await client.post("/standin/people", json=body)).json()["message"]
    lost = {"to": CALLED, "script": script('  - say: "{last4}"').source, "fields": {}}
    assert "last4" in (await client.post("/standin/people", json=lost)).json()["message"]


async def test_a_full_queue_refuses() -> None:
    async with (
        exchange_for("http://127.0.0.1:9", calls_per_second=0.1, queue=1) as exchange,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app_of(exchange)), base_url="http://c", auth=(SID, TOKEN)
        ) as client,
    ):
        answers = [await client.post(CALLS, data=ORDER) for _ in range(4)]
    assert answers[-1].status_code == 429
    assert answers[-1].json()["code"] == 22005


async def test_twilios_library_places_finds_and_ends_calls_here() -> None:
    gateway = FakeGateway()
    async with served(gateway.app) as origin, exchange_for(origin) as exchange:
        await exchange.assign(CALLED, script("  - wait: 5s", ring="30s"), "mandarin", {})
        async with served(app_of(exchange)) as standin:
            twilio = TwilioCarrier(SID, TOKEN, CALLER, Callbacks(PUBLIC), api_base=standin)
            since = datetime.now(UTC) - timedelta(seconds=5)
            sid = await twilio.place(Order(uuid.uuid4(), CALLED))
            found = await twilio.find(CALLED, since)
            assert [call.carrier_id for call in found] == [sid]
            await twilio.hang_up(sid)
            assert (await ended(exchange, sid)).status is CarrierStatus.CANCELED
            exchange.faults = Faults(rest_errors=1)
            with pytest.raises(CarrierError):
                await twilio.place(Order(uuid.uuid4(), CALLED))


async def test_a_lost_answer_leaves_a_call_that_can_be_found() -> None:
    gateway = FakeGateway()
    async with served(gateway.app) as origin, exchange_for(origin) as exchange:
        exchange.faults = Faults(rest_hang_s=1)
        async with served(app_of(exchange)) as standin:
            twilio = TwilioCarrier(SID, TOKEN, CALLER, Callbacks(PUBLIC), api_base=standin, timeout_s=0.3)
            with pytest.raises(CarrierUnsure):
                await twilio.place(Order(uuid.uuid4(), CALLED))
            exchange.faults = Faults()
            found = await twilio.find(CALLED, datetime.now(UTC) - timedelta(seconds=5))
            assert [call.carrier_id for call in found] == [call.sid for call in exchange.calls()]
