"""Texts at the stand-in: Twilio's JSON and errors, reports that may be late, doubled or out of order, and answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest
from twilio.request_validator import RequestValidator

from telephony.carriers.base import CarrierUnsure
from telephony.carriers.callbacks import Callbacks
from telephony.carriers.twilio_sms import SmsError, TwilioSms
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
    exchange_for,
    rest_of,
    served,
)

pytestmark = pytest.mark.unit
MESSAGES = f"/2010-04-01/Accounts/{SID}/Messages.json"
TEXT = {"To": CALLED, "From": CALLER, "Body": "您有一条提醒。"}
REPORTED = {**TEXT, "StatusCallback": f"{PUBLIC}/sms/status?sms=5"}


@pytest.fixture
async def line() -> AsyncIterator[tuple[Exchange, httpx.AsyncClient, FakeGateway]]:
    gateway = FakeGateway()
    async with (
        served(gateway.app) as origin,
        exchange_for(origin) as exchange,
        rest_of(exchange) as client,
    ):
        yield exchange, client, gateway


async def test_a_text_is_taken_listed_and_fetched_with_twilios_json(
    line: tuple[Exchange, httpx.AsyncClient, FakeGateway],
) -> None:
    _, client, _ = line
    answer = await client.post(MESSAGES, data=TEXT)
    assert answer.status_code == 201
    text = answer.json()
    assert (text["sid"][:2], len(text["sid"]), text["body"]) == ("SM", 34, TEXT["Body"])
    assert (await client.get(text["uri"])).json()["sid"] == text["sid"]
    await client.post(MESSAGES, data={**TEXT, "To": "+8619900000009"})
    listed = (await client.get(MESSAGES, params={"To": CALLED})).json()["messages"]
    assert [each["sid"] for each in listed] == [text["sid"]]
    shown = (await client.get("/standin/messages")).json()
    assert [each["to"] for each in shown] == ["+8619900000009", CALLED]
    missing = await client.get(f"/2010-04-01/Accounts/{SID}/Messages/SM0.json")
    assert (missing.status_code, missing.json()["code"]) == (404, 20404)
    assert (await client.get("/standin/messages", auth=("x", "y"))).status_code == 401


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"To": ""}, 21604),
        ({"From": ""}, 21603),
        ({"To": "13900001234"}, 21211),
        ({"Body": ""}, 21602),
        ({"Body": "长" * 1601}, 21617),
        ({"StatusCallback": "nowhere"}, 21609),
    ],
)
async def test_a_wrong_order_gets_twilios_error(
    line: tuple[Exchange, httpx.AsyncClient, FakeGateway], change: dict[str, str], code: int
) -> None:
    exchange, client, _ = line
    answer = await client.post(MESSAGES, data={**TEXT, **change})
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert exchange.texts.messages() == []


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        (Faults(), ["sent", "delivered"]),
        (Faults(callback_twice=True), ["sent", "sent", "delivered", "delivered"]),
        (Faults(callback_shuffled=True), ["delivered", "sent"]),
        (Faults(callback_late_ms=50), ["sent", "delivered"]),
        (Faults(undelivered=True), ["sent", "undelivered"]),
    ],
    ids=lambda value: ",".join(value.names()) or "none" if isinstance(value, Faults) else "",
)
async def test_what_became_of_it_is_reported_signed(
    line: tuple[Exchange, httpx.AsyncClient, FakeGateway], faults: Faults, told: list[str]
) -> None:
    exchange, client, gateway = line
    exchange.faults = faults
    await client.post(MESSAGES, data=REPORTED)
    await exchange.texts.settle()
    assert [form["MessageStatus"] for form in gateway.told("/sms/status")] == told
    for url, form, headers in gateway.requests:
        assert url == "/sms/status?sms=5"
        assert RequestValidator(TOKEN).validate(PUBLIC + url, form, headers["x-twilio-signature"])
    errors = {form.get("ErrorCode") for form in gateway.told("/sms/status")}
    assert ("30003" in errors) is faults.undelivered


async def test_our_carrier_sends_finds_what_it_never_heard_of_and_is_told_of_a_stop() -> None:
    gateway = FakeGateway()
    async with (
        served(gateway.app) as origin,
        exchange_for(origin) as exchange,
        served(app_of(exchange)) as api,
        rest_of(exchange) as control,
    ):
        carrier = TwilioSms(
            SID, TOKEN, CALLER, Callbacks(PUBLIC), api_base=api, timeout_s=0.5, name="standin"
        )
        exchange.faults = Faults(rest_hang_s=2)
        with pytest.raises(CarrierUnsure):
            await carrier.send(5, CALLED, "您有一条提醒。")
        exchange.faults = Faults(rest_errors=1)
        (taken,) = exchange.texts.messages()
        assert await carrier.find(CALLED, "您有一条提醒。", taken.created) == taken.sid
        assert await carrier.find(CALLED, "另一条。", taken.created) is None
        with pytest.raises(CarrierUnsure):
            await carrier.send(6, CALLED, "另一条。")
        assert await carrier.find(CALLED, "另一条。", taken.created) is None

        answer = await control.post(f"/standin/messages/{taken.sid}/reply", json={"body": "退订"})
        assert answer.status_code == 204
        ((url, form, headers),) = [each for each in gateway.requests if each[0] == "/sms/reply"]
        assert (form["From"], form["To"], form["Body"]) == (CALLED, CALLER, "退订")
        signed = dict(parse_qsl(urlencode(form), keep_blank_values=True))
        assert RequestValidator(TOKEN).validate(PUBLIC + url, signed, headers["x-twilio-signature"])
        with pytest.raises(SmsError, match="退订") as refused:
            await carrier.send(7, CALLED, "再来一条。")
        assert refused.value.for_good
        await carrier.aclose()


async def test_an_answer_the_gateway_does_not_take_is_told(
    line: tuple[Exchange, httpx.AsyncClient, FakeGateway],
) -> None:
    _, client, _ = line
    silent = (await client.post(MESSAGES, data=TEXT)).json()["sid"]
    answer = await client.post(f"/standin/messages/{silent}/reply", json={"body": "好"})
    assert (answer.status_code, answer.json()["code"]) == (400, 21609)
