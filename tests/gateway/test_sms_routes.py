"""Reports and answers of the carrier of texts: believed when signed, counted once, in any order; and who that carrier is."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import func, select
from structlog.testing import capture_logs
from twilio.request_validator import RequestValidator

from gateway.routes import sms
from gateway.routes.sms import SmsHooks
from gateway.settings import Settings
from gateway.sms import sms_carrier
from outreach.ports import MessageRefused, MessageUnsure, SmsCarrier
from store.engine import SessionFactory
from store.models import OutboxSms
from store.outreach_models import ContactPause
from telephony.carriers.callbacks import Callbacks
from telephony.carriers.signature import SignatureCheck
from tests.chat.database import CIPHER, fresh_database, opened
from tests.telephony.carriers.fake_twilio import ACCOUNT, FakeTwilio

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
TOKEN = "token-of-the-tests"
ORIGIN = "https://voice.example.gov.cn"
CALLBACKS = Callbacks(ORIGIN)
SIGN = RequestValidator(TOKEN)
REPLY = f"{ORIGIN}/sms/reply"


@pytest.fixture(scope="module")
def url() -> str:
    return fresh_database()


@pytest_asyncio.fixture
async def sessions(url: str) -> AsyncIterator[SessionFactory]:
    async with opened(url) as factory:
        yield factory


@dataclass
class Desk:
    sessions: SessionFactory
    client: httpx.AsyncClient

    async def post(self, url: str, fields: dict[str, str], signature: str | None = None) -> httpx.Response:
        fields = {"To": "+15005550006", "From": "+8613900001234", **fields}
        headers = {
            "X-Twilio-Signature": signature or SIGN.compute_signature(url, fields),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return await self.client.post(url.removeprefix(ORIGIN), content=urlencode(fields), headers=headers)

    async def text(self) -> int:
        row = OutboxSms(
            purpose="reminder",
            phone_enc=CIPHER.encrypt("13900001234", "outbox_sms.phone"),
            phone_mask="139****1234",
            body_enc=CIPHER.encrypt("您有一条提醒。", "outbox_sms.body"),
            state="intent",
            intent_at=NOW,
        )
        async with self.sessions() as session, session.begin():
            session.add(row)
        return row.id

    async def row(self, outbox_id: int) -> OutboxSms:
        async with self.sessions() as session:
            return await session.get_one(OutboxSms, outbox_id)

    async def pauses(self) -> int:
        async with self.sessions() as session:
            return (await session.execute(select(func.count()).select_from(ContactPause))).scalar_one()


@pytest_asyncio.fixture
async def desk(sessions: SessionFactory) -> AsyncIterator[Desk]:
    app = FastAPI()
    app.include_router(sms.router)
    app.state.sms = SmsHooks(sessions, CIPHER, SignatureCheck(TOKEN, CALLBACKS), lambda: NOW)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://inside:8000") as client:
        yield Desk(sessions, client)


def report(outbox_id: int, status: str, **more: str) -> dict[str, str]:
    return {"MessageSid": f"SM{outbox_id:032x}", "MessageStatus": status, **more}


async def test_a_forged_report_or_answer_changes_nothing_and_its_content_is_not_logged(desk: Desk) -> None:
    text, before = await desk.text(), await desk.pauses()
    with capture_logs() as logs:
        answers = [
            await desk.post(CALLBACKS.sms(text), report(text, "delivered"), "forged"),
            await desk.post(REPLY, {"Body": "TD"}, "forged"),
        ]
    assert {answer.status_code for answer in answers} == {403}
    assert "13900001234" not in str(logs)
    assert ((await desk.row(text)).state, await desk.pauses()) == ("intent", before)


async def test_any_order_and_repetition_ends_the_same(desk: Desk) -> None:
    for seed in range(8):
        text = await desk.text()
        told = ["queued", "sending", "sent", "delivered"] * 2
        random.Random(seed).shuffle(told)
        for status in told:
            assert (await desk.post(CALLBACKS.sms(text), report(text, status))).status_code == 204
        row = await desk.row(text)
        assert (row.state, row.carrier_id, row.ended_at) == ("delivered", f"SM{text:032x}", NOW)


@pytest.mark.parametrize(("status", "code"), [("undelivered", "30003"), ("failed", "30005"), ("failed", "")])
async def test_a_failure_is_kept_in_words(desk: Desk, status: str, code: str) -> None:
    text = await desk.text()
    await desk.post(CALLBACKS.sms(text), report(text, status, ErrorCode=code))
    await desk.post(CALLBACKS.sms(text), report(text, "sent"))
    row = await desk.row(text)
    assert row.state == "failed" and row.error and code in row.error and "13900001234" not in row.error


async def test_what_cannot_be_about_this_text_is_refused(desk: Desk) -> None:
    text = await desk.text()
    await desk.post(CALLBACKS.sms(text), report(text, "sent"))
    assert (await desk.post(CALLBACKS.sms(text), report(text + 1, "delivered"))).status_code == 204
    assert (await desk.row(text)).state == "sent"
    assert (await desk.post(CALLBACKS.sms(10**9), report(1, "sent"))).status_code == 404
    assert (await desk.post(CALLBACKS.sms(text), {"MessageStatus": "sent"})).status_code == 400
    assert (await desk.post(CALLBACKS.sms(text), report(text, "sneezed"))).status_code == 400


async def test_who_writes_back_to_stop_is_left_alone_from_then_on(desk: Desk) -> None:
    before = await desk.pauses()
    answer = await desk.post(REPLY, {"Body": "谢谢"})
    assert (answer.status_code, await desk.pauses()) == (200, before)
    for _ in range(2):
        answer = await desk.post(REPLY, {"Body": " 退订 "})
    assert answer.text.endswith("<Response></Response>")
    assert await desk.pauses() == before + 1
    async with desk.sessions() as session:
        pause = (await session.scalars(select(ContactPause))).one()
    assert pause.phone_hash == CIPHER.lookup_hash("phone", "13900001234")
    assert (pause.calls_only, pause.until) == (False, None)


async def test_without_a_carrier_there_is_nothing_to_find(desk: Desk) -> None:
    desk.client._transport.app.state.sms = None  # type: ignore[attr-defined]
    assert (await desk.post(REPLY, {"Body": "TD"})).status_code == 404


def settings(tmp_path: Path, **given: Any) -> Settings:
    return Settings(_env_file=None, env="test", data_dir=tmp_path, **given)


def test_who_sends_follows_from_the_settings(tmp_path: Path) -> None:
    twilio = {"twilio_account_sid": ACCOUNT, "twilio_auth_token": TOKEN, "twilio_from": "+15005550006"}
    real, demo = sms_carrier(settings(tmp_path, **twilio)), sms_carrier(settings(tmp_path))
    assert real is not None and real.name == "twilio"
    assert demo is not None and demo.name == "standin"
    assert sms_carrier(settings(tmp_path, demo=False)) is None
    assert sms_carrier(settings(tmp_path, telephone=False)) is None


async def test_the_carriers_errors_become_those_of_outreach(tmp_path: Path) -> None:
    def carrier_at(base: str) -> SmsCarrier:
        made = sms_carrier(
            settings(
                tmp_path,
                twilio_account_sid=ACCOUNT,
                twilio_auth_token=TOKEN,
                twilio_sms_from="MG" + "0" * 32,
                twilio_api_base=base,
            )
        )
        assert made is not None
        return made

    async with FakeTwilio() as gone:
        pass
    with pytest.raises(MessageRefused, match="没有送出") as refused:
        await carrier_at(gone.url).send(1, "+8613900001234", "好")
    assert not refused.value.for_good
    async with FakeTwilio() as fake:
        carrier = carrier_at(fake.url)
        fake.answer = lambda _: (400, {"code": 21610, "message": "", "status": 400})
        with pytest.raises(MessageRefused, match="退订") as refused:
            await carrier.send(1, "+8613900001234", "好")
        assert refused.value.for_good
        fake.answer = lambda _: (500, {})
        with pytest.raises(MessageUnsure):
            await carrier.send(1, "+8613900001234", "好")
        with pytest.raises(MessageUnsure):
            await carrier.find("+8613900001234", "好", NOW)
        fake.answer = lambda _: (200, {"messages": [], "next_page_uri": None})
        assert await carrier.find("+8613900001234", "好", NOW) is None
