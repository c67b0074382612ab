"""Twilio's REST through its own library: what is asked for, and what is made of each way it can go wrong."""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from telephony.carriers.base import CarrierError, CarrierStatus, CarrierUnsure, Order
from telephony.carriers.callbacks import Callbacks
from telephony.carriers.signature import SignatureCheck
from telephony.carriers.twilio import TwilioCarrier
from telephony.events import Outcome
from telephony.standin import signing
from tests.telephony.carriers.fake_twilio import ACCOUNT, TOKEN, FakeTwilio

pytestmark = pytest.mark.unit
CALL = uuid.UUID("00000000-0000-4000-8000-000000000001")
TO = "+8613900001234"
FROM = "+15005550006"
ORIGIN = "https://voice.example.gov.cn"
ORDER = Order(CALL, TO, ring_s=25, limit_s=600)
CHINESE = re.compile(r"[\u4e00-\u9fff]{4}")


@pytest_asyncio.fixture
async def twilio() -> AsyncIterator[FakeTwilio]:
    async with FakeTwilio() as fake:
        yield fake


@pytest_asyncio.fixture
async def carrier(twilio: FakeTwilio) -> AsyncIterator[TwilioCarrier]:
    made = TwilioCarrier(ACCOUNT, TOKEN, FROM, Callbacks(ORIGIN), api_base=twilio.url, timeout_s=5)
    yield made
    await made.aclose()


async def test_placing_asks_for_all_reports_and_no_recording(
    twilio: FakeTwilio, carrier: TwilioCarrier
) -> None:
    assert await carrier.place(ORDER) == twilio.calls[0]["sid"]
    (asked,) = twilio.asked
    assert asked.fields.pop("StatusCallbackEvent") == ["initiated", "ringing", "answered", "completed"]
    assert {name: asked.one(name) for name in asked.fields} == {
        "To": TO,
        "From": FROM,
        "Url": f"{ORIGIN}/voice/twiml?call={CALL}",
        "Method": "POST",
        "StatusCallback": f"{ORIGIN}/voice/status?call={CALL}",
        "StatusCallbackMethod": "POST",
        "Timeout": "25",
        "TimeLimit": "600",
        "Record": "false",
        "RecordingStatusCallback": f"{ORIGIN}/voice/recording?call={CALL}",
        "RecordingStatusCallbackMethod": "POST",
        "MachineDetection": "DetectMessageEnd",
        "AsyncAmd": "true",
        "AsyncAmdStatusCallback": f"{ORIGIN}/voice/amd?call={CALL}",
        "AsyncAmdStatusCallbackMethod": "POST",
    }
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"


async def test_machines_are_looked_for_only_when_ordered(twilio: FakeTwilio, carrier: TwilioCarrier) -> None:
    await carrier.place(Order(CALL, TO, detect_machine=False))
    assert not [name for name in twilio.asked[0].fields if "Machine" in name or "Amd" in name]


@pytest.mark.parametrize(
    ("status", "code", "outcome", "words"),
    [
        (400, 21211, Outcome.INVALID_NUMBER, "号码"),
        (400, 13224, Outcome.INVALID_NUMBER, "号码"),
        (400, 21610, Outcome.OPTED_OUT, "退订"),
        (401, 20003, Outcome.CARRIER_FAILURE, "SHUILING_TWILIO_AUTH_TOKEN"),
        (403, 70051, Outcome.CARRIER_FAILURE, "SHUILING_TWILIO_ACCOUNT_SID"),
        (429, 20429, Outcome.CARRIER_FAILURE, "太频繁"),
        (429, 0, Outcome.CARRIER_FAILURE, "太频繁"),
        (400, 21215, Outcome.CARRIER_FAILURE, "权限"),
        (400, 21210, Outcome.CARRIER_FAILURE, "SHUILING_TWILIO_FROM"),
        (400, 99999, Outcome.CARRIER_FAILURE, "99999"),
    ],
)
async def test_a_refusal_says_what_to_do_and_repeats_no_number(
    twilio: FakeTwilio, carrier: TwilioCarrier, status: int, code: int, outcome: Outcome, words: str
) -> None:
    twilio.answer = lambda _: (status, {"code": code, "message": f"The number {TO} is bad", "status": status})
    with pytest.raises(CarrierError) as refused:
        await carrier.place(ORDER)
    assert not isinstance(refused.value, CarrierUnsure)
    assert refused.value.outcome is outcome
    assert words in str(refused.value) and CHINESE.search(str(refused.value))
    assert "13900001234" not in str(refused.value)


@pytest.mark.parametrize(
    "answer",
    [
        (500, {"code": 20500, "message": "internal"}),
        (503, "<html>"),
        (408, {}),
        (302, ""),
        (201, "no json"),
        (201, {"status": "queued"}),
        (201, []),
        None,
    ],
    ids=["500", "503", "408", "302", "garbage", "no id", "a list", "cut"],
)
async def test_whatever_is_no_clear_answer_leaves_us_unsure_and_is_not_repeated(
    twilio: FakeTwilio, carrier: TwilioCarrier, answer: tuple[int, object] | None
) -> None:
    twilio.answer = lambda _: answer
    with pytest.raises(CarrierUnsure, match="不会重复拨打"):
        await carrier.place(ORDER)
    assert len(twilio.asked) == 1


async def test_no_answer_in_time_leaves_us_unsure(twilio: FakeTwilio) -> None:
    never = asyncio.Event()
    twilio.answer = lambda _: never
    impatient = TwilioCarrier(ACCOUNT, TOKEN, FROM, Callbacks(ORIGIN), api_base=twilio.url, timeout_s=0.2)
    with pytest.raises(CarrierUnsure):
        await impatient.place(ORDER)
    never.set()
    await impatient.aclose()


async def test_where_nobody_listens_nothing_was_dialled(twilio: FakeTwilio) -> None:
    async with FakeTwilio() as gone:
        pass
    carrier = TwilioCarrier(ACCOUNT, TOKEN, FROM, Callbacks(ORIGIN), api_base=gone.url)
    with pytest.raises(CarrierError, match="没有送出") as refused:
        await carrier.place(ORDER)
    assert not isinstance(refused.value, CarrierUnsure)
    await carrier.aclose()


async def test_a_number_in_no_international_form_is_never_sent(
    twilio: FakeTwilio, carrier: TwilioCarrier
) -> None:
    with pytest.raises(CarrierError) as refused:
        await carrier.place(Order(CALL, "13900001234"))
    assert refused.value.outcome is Outcome.INVALID_NUMBER
    assert twilio.asked == []


async def test_hanging_up_twice_is_no_error(twilio: FakeTwilio, carrier: TwilioCarrier) -> None:
    carrier_id = await carrier.place(ORDER)
    await carrier.hang_up(carrier_id)
    assert twilio.calls[0]["status"] == "completed"
    await carrier.hang_up(carrier_id)
    with pytest.raises(CarrierError, match="没有这通电话"):
        await carrier.hang_up("CA" + "f" * 32)


async def test_a_transfer_sends_the_call_to_a_number_or_a_conference(
    twilio: FakeTwilio, carrier: TwilioCarrier
) -> None:
    carrier_id = await carrier.place(ORDER)
    await carrier.transfer(carrier_id, "+861088880000")
    await carrier.transfer(carrier_id, "desk-7")
    number, room = (ET.fromstring(asked.one("Twiml") or "") for asked in twilio.asked[1:])
    assert number.findtext("Dial/Number") == "+861088880000"
    assert room.findtext("Dial/Conference") == "desk-7"
    with pytest.raises(ValueError, match="转接目标"):
        await carrier.transfer(carrier_id, "<Say>x</Say>")
    await carrier.hang_up(carrier_id)
    with pytest.raises(CarrierError, match="已经结束"):
        await carrier.transfer(carrier_id, "desk-7")


async def test_finding_gives_our_calls_to_a_number_since_then_newest_first(
    twilio: FakeTwilio, carrier: TwilioCarrier
) -> None:
    twilio.calls = [
        twilio.call(1, TO, date_created="Mon, 23 Nov 2026 01:00:00 +0000"),
        twilio.call(2, TO, status="busy"),
        twilio.call(3, TO, status="in-progress", date_created="Mon, 23 Nov 2026 02:05:00 +0000"),
        twilio.call(4, "+8613900009999"),
    ]
    found = await carrier.find(TO, datetime(2026, 11, 23, 2, 0, tzinfo=UTC))
    assert [(int(c.carrier_id[2:], 16), c.status) for c in found] == [
        (3, CarrierStatus.IN_PROGRESS),
        (2, CarrierStatus.BUSY),
    ]
    assert found[1].started_at == datetime(2026, 11, 23, 2, 0, 1, tzinfo=UTC)
    assert twilio.asked[0].one("From") == FROM


async def test_finding_while_twilio_is_down_is_an_error_and_not_nothing(
    twilio: FakeTwilio, carrier: TwilioCarrier
) -> None:
    twilio.answer = lambda _: (503, {})
    with pytest.raises(CarrierError):
        await carrier.find(TO, datetime(2026, 11, 23, tzinfo=UTC))


async def test_numbers_stay_out_of_the_logs(
    twilio: FakeTwilio, carrier: TwilioCarrier, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "twilio"):
        await carrier.place(ORDER)
        await carrier.find(TO, datetime(2026, 11, 23, tzinfo=UTC))
    assert "13900001234" not in caplog.text


async def test_settings_that_cannot_work_are_refused_by_name() -> None:
    for origin in (
        "",
        "voice.example.gov.cn",
        "ftp://x",
        "https://",
        "https://x/voice",
        "https://x/",
        "https://a@x",
        "https://x:y",
    ):
        with pytest.raises(ValueError, match="SHUILING_VOICE_ORIGIN"):
            Callbacks(origin)
    with pytest.raises(ValueError, match="SHUILING_TWILIO_FROM"):
        TwilioCarrier(ACCOUNT, TOKEN, "5005550006", Callbacks(ORIGIN))
    with pytest.raises(ValueError, match="SHUILING_TWILIO_API_BASE"):
        TwilioCarrier(ACCOUNT, TOKEN, FROM, Callbacks(ORIGIN), api_base="127.0.0.1:8100")


async def test_the_standin_signs_what_we_accept() -> None:
    callbacks = Callbacks(ORIGIN)
    signature = signing.Signer(TOKEN, "http://127.0.0.1:8000").signature(
        callbacks.status(CALL), {"CallSid": "CA1"}
    )
    assert SignatureCheck(TOKEN, callbacks).http(
        f"/voice/status?call={CALL}", [("CallSid", "CA1")], signature
    )
