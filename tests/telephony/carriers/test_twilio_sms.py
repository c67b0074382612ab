"""Texts through Twilio's library: what is asked for, and what is made of each way it can go wrong."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from telephony.carriers.base import CarrierError, CarrierUnsure
from telephony.carriers.callbacks import Callbacks
from telephony.carriers.twilio_sms import SmsError, TwilioSms, in_words
from tests.telephony.carriers.fake_twilio import ACCOUNT, TOKEN, Asked, FakeTwilio

pytestmark = pytest.mark.unit
TO, FROM = "+8613900001234", "+15005550006"
ORIGIN = "https://voice.example.gov.cn"
SINCE = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
BODY = "【税铃】您有一条办税提醒。"


def message(number: int, **more: object) -> dict[str, object]:
    return {
        "sid": f"SM{number:032x}",
        "account_sid": ACCOUNT,
        "to": TO,
        "body": BODY,
        "status": "queued",
        "direction": "outbound-api",
        "date_created": "Mon, 23 Nov 2026 02:00:01 +0000",
        "date_sent": None,
        **more,
    }


@pytest_asyncio.fixture
async def twilio() -> AsyncIterator[FakeTwilio]:
    async with FakeTwilio(lambda _: (201, message(1))) as fake:
        yield fake


@pytest_asyncio.fixture
async def carrier(twilio: FakeTwilio) -> AsyncIterator[TwilioSms]:
    made = TwilioSms(ACCOUNT, TOKEN, FROM, Callbacks(ORIGIN), api_base=twilio.url, timeout_s=5)
    yield made
    await made.aclose()


async def test_sending_asks_for_reports_under_our_own_id(twilio: FakeTwilio, carrier: TwilioSms) -> None:
    assert await carrier.send(17, TO, BODY) == message(1)["sid"]
    (asked,) = twilio.asked
    assert asked.path == f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    assert {name: asked.one(name) for name in asked.fields} == {
        "To": TO,
        "From": FROM,
        "Body": BODY,
        "StatusCallback": f"{ORIGIN}/sms/status?sms=17",
    }


async def test_a_messaging_service_may_send(twilio: FakeTwilio) -> None:
    service = "MG" + "a" * 32
    carrier = TwilioSms(ACCOUNT, TOKEN, service, Callbacks(ORIGIN), api_base=twilio.url)
    await carrier.send(1, TO, BODY)
    await carrier.aclose()
    assert twilio.asked[0].one("MessagingServiceSid") == service
    assert "From" not in twilio.asked[0].fields
    with pytest.raises(ValueError, match="SHUILING_TWILIO_SMS_FROM"):
        TwilioSms(ACCOUNT, TOKEN, "5005550006", Callbacks(ORIGIN))


@pytest.mark.parametrize(
    ("status", "code", "for_good", "words"),
    [
        (400, 21211, True, "号码无效"),
        (400, 21610, True, "退订"),
        (400, 21614, True, "不是手机"),
        (400, 21617, True, "太长"),
        (400, 21611, False, "放慢"),
        (429, 20429, False, "太频繁"),
        (429, 0, False, "太频繁"),
        (401, 20003, False, "SHUILING_TWILIO_AUTH_TOKEN"),
        (400, 99999, False, "99999"),
    ],
)
async def test_a_refusal_says_whether_it_is_final_and_repeats_no_number(
    twilio: FakeTwilio, carrier: TwilioSms, status: int, code: int, for_good: bool, words: str
) -> None:
    twilio.answer = lambda _: (status, {"code": code, "message": f"{TO} is bad", "status": status})
    with pytest.raises(SmsError, match=words) as refused:
        await carrier.send(1, TO, BODY)
    assert refused.value.for_good is for_good
    assert "13900001234" not in str(refused.value)


@pytest.mark.parametrize(
    "answer",
    [(500, {"code": 20500}), (503, "<html>"), (408, {}), (201, "no json"), (201, {"status": "queued"}), None],
    ids=["500", "503", "408", "garbage", "no id", "cut"],
)
async def test_whatever_is_no_clear_answer_leaves_us_unsure_and_is_not_repeated(
    twilio: FakeTwilio, carrier: TwilioSms, answer: tuple[int, object] | None
) -> None:
    twilio.answer = lambda _: answer
    with pytest.raises(CarrierUnsure):
        await carrier.send(1, TO, BODY)
    assert len(twilio.asked) == 1


async def test_where_nobody_listens_nothing_was_sent() -> None:
    async with FakeTwilio() as gone:
        pass
    carrier = TwilioSms(ACCOUNT, TOKEN, FROM, Callbacks(ORIGIN), api_base=gone.url)
    with pytest.raises(CarrierError, match="没有送出") as refused:
        await carrier.send(1, TO, BODY)
    assert not isinstance(refused.value, CarrierUnsure)
    await carrier.aclose()


async def test_a_number_in_no_international_form_is_never_sent(
    twilio: FakeTwilio, carrier: TwilioSms
) -> None:
    with pytest.raises(SmsError) as refused:
        await carrier.send(1, "13900001234", BODY)
    assert refused.value.for_good and twilio.asked == []


async def test_a_message_is_found_by_number_text_and_time(twilio: FakeTwilio, carrier: TwilioSms) -> None:
    listed = [
        message(1, date_created="Mon, 23 Nov 2026 01:00:00 +0000"),
        message(2, body="别的内容"),
        message(3, direction="inbound"),
        message(4),
    ]

    def answer(asked: Asked) -> tuple[int, object]:
        assert (asked.method, asked.one("To")) == ("GET", TO)
        return 200, {"messages": listed, "next_page_uri": None}

    twilio.answer = answer
    assert await carrier.find(TO, BODY, SINCE) == message(4)["sid"]
    listed.pop()
    assert await carrier.find(TO, BODY, SINCE) is None
    twilio.answer = lambda _: None
    with pytest.raises(CarrierUnsure):
        await carrier.find(TO, BODY, SINCE)


async def test_numbers_stay_out_of_the_logs(
    twilio: FakeTwilio, carrier: TwilioSms, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await carrier.send(1, TO, BODY)
    assert "13900001234" not in caplog.text


def test_reports_of_failure_are_put_into_words() -> None:
    assert "关机" in in_words(30003) and "30003" in in_words(30003)
    assert "错误码 12345" in in_words(12345)
    assert in_words(None)
