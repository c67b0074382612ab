"""What carriers ask and report: believed when signed, counted once, and never a second stream for one call."""

from __future__ import annotations

import asyncio
import random
import uuid
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from starlette.websockets import WebSocket
from structlog.testing import capture_logs
from twilio.request_validator import RequestValidator

from gateway.calls.tokens import StreamTokens
from gateway.routes import dial, voice
from gateway.routes.voice import VoiceHooks, open_stream, signed_socket
from store import calls
from store.engine import SessionFactory
from store.models import Call, CallEvent
from telephony.carriers.callbacks import Callbacks
from telephony.carriers.signature import SignatureCheck
from tests.chat.database import CIPHER, fresh_database, opened

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
TOKEN = "token-of-the-tests"
ORIGIN = "https://voice.example.gov.cn"
CALLBACKS = Callbacks(ORIGIN)
SIGN = RequestValidator(TOKEN)
PERSONAL = {"To": "+8613900001234", "From": "+15005550006", "CalledCity": "成都", "Empty": ""}


@pytest.fixture(scope="module")
def url() -> str:
    return fresh_database()


@pytest_asyncio.fixture
async def sessions(url: str) -> AsyncIterator[SessionFactory]:
    async with opened(url) as factory:
        yield factory


@dataclass
class Desk:
    """A gateway's routes without a network, and somebody who signs requests to them."""

    hooks: VoiceHooks
    client: httpx.AsyncClient
    heard: list[tuple[uuid.UUID, str]]

    async def post(self, url: str, fields: dict[str, str], **how: Any) -> httpx.Response:
        fields = PERSONAL | fields
        target = url.removeprefix(ORIGIN)
        headers = {"X-Twilio-Signature": SIGN.compute_signature(url, fields)} | how.pop("headers", {})
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return await self.client.post(target, content=urlencode(how.get("sent", fields)), headers=headers)

    async def row(self, call_id: uuid.UUID) -> Call:
        async with self.hooks.sessions() as session:
            return await session.get_one(Call, call_id)

    async def call(self, placed: bool = True) -> uuid.UUID:
        async with self.hooks.sessions() as session, session.begin():
            row = await calls.plan(session, CIPHER, phone="13900001234", purpose="reminder", carrier="twilio")
            await calls.write_intent(session, row.id, NOW)
            if placed:
                await calls.placed(session, row.id, sid(row.id), NOW)
        return row.id


@pytest_asyncio.fixture
async def desk(sessions: SessionFactory) -> AsyncIterator[Desk]:
    heard: list[tuple[uuid.UUID, str]] = []

    async def answered_by(call_id: uuid.UUID, who: str) -> None:
        heard.append((call_id, who))

    hooks = VoiceHooks(
        sessions,
        SignatureCheck(TOKEN, CALLBACKS),
        StreamTokens("session-key-of-the-tests"),
        CALLBACKS.stream,
        lambda: NOW,
        answered_by,
    )
    app = FastAPI()
    app.include_router(voice.router)
    app.state.voice = hooks
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://inside:8000") as client:
        yield Desk(hooks, client, heard)


def sid(call_id: uuid.UUID) -> str:
    return f"CA{call_id.hex}"


def reports(call_id: uuid.UUID, last: str = "completed", **more: str) -> list[dict[str, str]]:
    told = ["initiated", "ringing", *(["in-progress"] if last == "completed" else []), last]
    seconds = {"initiated": 1, "ringing": 3, "in-progress": 8}
    return [
        {
            "CallSid": sid(call_id),
            "CallStatus": status,
            "SequenceNumber": str(number),
            "Timestamp": format_datetime(NOW + timedelta(seconds=seconds.get(status, 60))),
            **(more if status == last else {}),
        }
        for number, status in enumerate(told)
    ]


# --- who is believed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ["twiml", "status", "amd", "recording"])
async def test_a_forged_request_is_refused_and_logged_without_content(desk: Desk, route: str) -> None:
    call_id = await desk.call()
    url = getattr(CALLBACKS, route)(call_id)
    fields = {
        "CallSid": sid(call_id),
        "CallStatus": "completed",
        "AnsweredBy": "human",
        "RecordingStatus": "completed",
    }
    with capture_logs() as logs:
        forged = await desk.post(url, fields, headers={"X-Twilio-Signature": "forged"})
        changed = await desk.post(url, fields, sent=PERSONAL | fields | {"CallSid": "CA-other"})
        unsigned = await desk.client.post(url.removeprefix(ORIGIN), data=fields)
    assert {forged.status_code, changed.status_code, unsigned.status_code} == {403}
    assert [entry["event"] for entry in logs] == ["callback_forged"] * 3
    assert "13900001234" not in str(logs) and sid(call_id) not in str(logs)
    row = await desk.row(call_id)
    assert (row.state, row.answered_by) == ("placed", None)


async def test_the_address_signed_is_the_public_one_whatever_the_proxy_says(desk: Desk) -> None:
    call_id = await desk.call()
    answer = await desk.post(
        CALLBACKS.status(call_id),
        reports(call_id)[1],
        headers={"Host": "evil.example", "X-Forwarded-Proto": "http"},
    )
    assert answer.status_code == 204
    assert (await desk.row(call_id)).state == "ringing"


async def test_too_much_is_not_read(desk: Desk) -> None:
    call_id = await desk.call()
    huge = await desk.post(CALLBACKS.status(call_id), {"x": "y" * 100_000})
    many = await desk.post(CALLBACKS.status(call_id), {f"f{n}": "" for n in range(300)})
    assert (huge.status_code, many.status_code) == (413, 400)


async def test_without_a_carrier_there_is_nothing_to_find(desk: Desk) -> None:
    desk.client._transport.app.state.voice = None  # type: ignore[attr-defined]
    assert (await desk.post(CALLBACKS.status(uuid.uuid4()), {"CallSid": "CA"})).status_code == 404


# --- how far a call is ----------------------------------------------------------------------------------------------


async def test_any_order_and_repetition_of_callbacks_ends_the_same(desk: Desk) -> None:
    ends = set()
    for seed in range(6):
        call_id = await desk.call(placed=seed % 2 == 0)
        told = reports(call_id) * 2
        random.Random(seed).shuffle(told)
        answers = await asyncio.gather(*(desk.post(CALLBACKS.status(call_id), each) for each in told))
        assert {answer.status_code for answer in answers} == {204}
        row = await desk.row(call_id)
        ends.add((row.state, row.ringing_at, row.answered_at, row.ended_at, row.outcome))
        assert row.carrier_id == sid(call_id)
    assert ends == {
        ("ended", NOW + timedelta(seconds=3), NOW + timedelta(seconds=8), NOW + timedelta(seconds=60), None)
    }


@pytest.mark.parametrize(
    ("last", "sip", "outcome"),
    [
        ("busy", "486", "busy"),
        ("no-answer", "", "no_answer"),
        ("failed", "404", "invalid_number"),
        ("failed", "", "carrier_failure"),
    ],
)
async def test_the_carriers_end_is_the_outcome_of_a_call_nobody_answered(
    desk: Desk, last: str, sip: str, outcome: str
) -> None:
    call_id = await desk.call()
    for each in reports(call_id, last, SipResponseCode=sip, CallDuration="0"):
        await desk.post(CALLBACKS.status(call_id), each)
    row = await desk.row(call_id)
    assert (row.state, row.outcome, row.outcome_note) == ("ended", outcome, f"SIP {sip}" if sip else None)


async def test_events_are_kept_without_anybodys_data(desk: Desk) -> None:
    call_id = await desk.call()
    await desk.post(CALLBACKS.status(call_id), reports(call_id, SipResponseCode="200", CallDuration="52")[-1])
    async with desk.hooks.sessions() as session:
        event = (await session.scalars(select(CallEvent).where(CallEvent.call_id == call_id))).one()
    assert (event.kind, event.detail) == ("completed", {"seconds": 52, "sip": 200})


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"CallStatus": "dancing", "CallSid": "CA1"}, 400),
        ({"CallStatus": "ringing"}, 400),
        ({"CallStatus": "ringing", "CallSid": "CA1", "SequenceNumber": "x", "Timestamp": "yesterday"}, 404),
    ],
)
async def test_unreadable_and_unknown_callbacks_are_said_to_be_so(
    desk: Desk, fields: dict[str, str], code: int
) -> None:
    assert (await desk.post(CALLBACKS.status(uuid.uuid4()), fields)).status_code == code


async def test_a_report_about_another_call_changes_nothing(desk: Desk) -> None:
    call_id = await desk.call()
    with capture_logs() as logs:
        answer = await desk.post(
            CALLBACKS.status(call_id), {"CallSid": "CA-other", "CallStatus": "completed"}
        )
    assert answer.status_code == 204
    assert [entry["event"] for entry in logs] == ["callback_strange"]
    assert (await desk.row(call_id)).state == "placed"


async def test_a_time_that_cannot_be_is_not_taken_over(desk: Desk) -> None:
    call_id = await desk.call()
    wrong = reports(call_id)[-1] | {"Timestamp": "Thu, 01 Jan 1970 00:00:00 +0000"}
    await desk.post(CALLBACKS.status(call_id), wrong)
    assert (await desk.row(call_id)).ended_at == NOW


# --- machines and recordings ----------------------------------------------------------------------------------------


async def test_who_answered_is_stored_and_passed_on_once(desk: Desk) -> None:
    call_id = await desk.call()
    found = {"CallSid": sid(call_id), "AnsweredBy": "machine_end_beep", "MachineDetectionDuration": "4100"}
    for _ in range(3):
        assert (await desk.post(CALLBACKS.amd(call_id), found)).status_code == 204
    assert (await desk.row(call_id)).answered_by == "machine_end_beep"
    assert desk.heard == [(call_id, "machine_end_beep")]
    assert (await desk.post(CALLBACKS.amd(call_id), {"CallSid": sid(call_id)})).status_code == 400


async def test_a_recording_of_the_carriers_own_is_noted(desk: Desk) -> None:
    call_id = await desk.call()
    made = {
        "CallSid": sid(call_id),
        "RecordingSid": "RE1",
        "RecordingStatus": "completed",
        "RecordingDuration": "31",
        "RecordingUrl": "https://api.twilio.com/x",
    }
    with capture_logs() as logs:
        for _ in range(2):
            assert (await desk.post(CALLBACKS.recording(call_id), made)).status_code == 204
    assert [entry["event"] for entry in logs] == ["carrier_recorded"]
    async with desk.hooks.sessions() as session:
        event = (await session.scalars(select(CallEvent).where(CallEvent.call_id == call_id))).one()
    assert (event.source, event.detail) == ("recording", {"recording": "RE1", "seconds": 31})
    assert (await desk.row(call_id)).recording_path is None


# --- the stream -----------------------------------------------------------------------------------------------------


async def parameters(desk: Desk, call_id: uuid.UUID) -> dict[str, str]:
    answer = await desk.post(CALLBACKS.twiml(call_id), {"CallSid": sid(call_id), "CallStatus": "in-progress"})
    assert answer.headers["content-type"].startswith("text/xml")
    opened = ET.fromstring(answer.text).find("Connect/Stream")
    if opened is None:
        assert [verb.tag for verb in ET.fromstring(answer.text)] == ["Hangup"]
        return {}
    assert opened.attrib["url"] == "wss://voice.example.gov.cn/voice/stream"
    return {p.attrib["name"]: p.attrib["value"] for p in opened}


@pytest.mark.parametrize("placed", [True, False], ids=["known", "before dialling returned"])
async def test_an_answered_call_gets_a_stream_that_opens_once(desk: Desk, placed: bool) -> None:
    call_id = await desk.call(placed)
    given = await parameters(desk, call_id)
    assert given == await parameters(desk, call_id)
    opened = await asyncio.gather(
        *(open_stream(desk.hooks, given["call"], given["token"], sid(call_id)) for _ in range(4))
    )
    (call,) = (each for each in opened if each is not None)
    assert (call.id, call.state) == (call_id, "answered")
    assert await parameters(desk, call_id) == {}


async def test_a_token_opens_no_other_stream(desk: Desk) -> None:
    mine, other = await desk.call(), await desk.call()
    token = (await parameters(desk, mine))["token"]
    stranger = StreamTokens("another-key").make(mine, sid(mine))
    assert desk.hooks.tokens.valid(mine, sid(mine), token)
    assert not desk.hooks.tokens.valid(mine, sid(other), token)
    with capture_logs() as logs:
        for call, shown, carrier_id in (
            (str(other), token, sid(other)),
            (str(mine), token, sid(other)),
            (str(mine), stranger, sid(mine)),
            (str(mine), "", sid(mine)),
            (str(mine), "é", sid(mine)),
            ("nobody", token, sid(mine)),
        ):
            assert await open_stream(desk.hooks, call, shown, carrier_id) is None
    assert {entry["event"] for entry in logs} == {"stream_refused"}
    assert token not in str(logs)
    assert await open_stream(desk.hooks, str(mine), token, sid(mine)) is not None


async def test_a_call_that_is_over_or_anothers_is_hung_up(desk: Desk) -> None:
    over = await desk.call()
    token = (await parameters(desk, over))["token"]
    await desk.post(CALLBACKS.status(over), reports(over)[-1])
    assert await parameters(desk, over) == {}
    assert await open_stream(desk.hooks, str(over), token, sid(over)) is None
    call_id = await desk.call()
    foreign = await desk.post(CALLBACKS.twiml(call_id), {"CallSid": "CA-other"})
    assert [verb.tag for verb in ET.fromstring(foreign.text)] == ["Hangup"]


async def test_without_the_store_the_person_who_answered_is_told_kindly(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise OperationalError("select", {}, Exception("gone"))

    call_id = await desk.call()
    monkeypatch.setattr(voice.calls, "apply_status", broken)
    answer = await desk.post(CALLBACKS.twiml(call_id), {"CallSid": sid(call_id)})
    said = ET.fromstring(answer.text)
    assert [verb.tag for verb in said] == ["Say", "Hangup"]
    assert "12366" in (said[0].text or "") and "欠" not in (said[0].text or "")


async def test_a_socket_is_let_in_only_when_signed(desk: Desk) -> None:
    def upgrade(signature: str | None) -> WebSocket:
        headers = [(b"host", b"inside:8000")]
        if signature is not None:
            headers.append((b"x-twilio-signature", signature.encode()))
        scope = {"type": "websocket", "path": "/voice/stream", "query_string": b"", "headers": headers}

        async def nothing(*_: Any) -> Any:
            raise AssertionError

        return WebSocket(scope | {"scheme": "ws", "server": ("inside", 8000)}, nothing, nothing)

    good = SIGN.compute_signature("wss://voice.example.gov.cn/voice/stream", {})
    assert signed_socket(desk.hooks, upgrade(good))
    with capture_logs() as logs:
        assert not signed_socket(desk.hooks, upgrade("forged"))
        assert not signed_socket(desk.hooks, upgrade(None))
    assert [entry["event"] for entry in logs] == ["stream_forged"] * 2


async def test_a_carrier_that_closes_first_is_no_error(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect" if not sent else "websocket.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])
        if message["type"] == "websocket.close":
            raise OSError("the other end is gone")

    monkeypatch.setattr(dial, "_telephone", lambda socket: SimpleNamespace(hooks=desk.hooks))
    monkeypatch.setattr(dial, "signed_socket", lambda hooks, socket: True)
    await dial.stream(WebSocket({"type": "websocket", "headers": []}, receive, send))
    assert sent == ["websocket.accept", "websocket.close"]
