"""The browser phone's sockets and the recordings' addresses: who gets in, and what they get."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from phone_server import ORIGIN, PhoneServer
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from gateway.routes import calls, phone
from gateway.routes.calls import OUTCOME_WORDS, CallRow, CallSheet, SheetLine
from telephony.carriers.base import CarrierStatus
from telephony.events import Outcome
from telephony.recording import Recordings
from telephony.recording_format import RecordingKeys
from telephony.recording_reader import RecordingReader

pytestmark = pytest.mark.unit

STARTED = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
CALL = uuid.uuid4()


class Archive:
    def __init__(self, folder: Path) -> None:
        self.recordings = Recordings(folder, RecordingKeys("t", {"t": bytes(32)}))
        self.row = CallRow(CALL, STARTED, "139****0001", "browser", "completed")

    async def find(self, words: str, limit: int) -> list[CallRow]:
        return [self.row]

    async def sheet(self, call_id: uuid.UUID) -> CallSheet | None:
        return CallSheet(self.row, "", None, [SheetLine("caller", "喂", 0, 900)]) if call_id == CALL else None

    def recording(self, call_id: uuid.UUID) -> RecordingReader:
        return self.recordings.open(call_id)

    async def record(self) -> None:
        recording = self.recordings.start(CALL, STARTED)
        recording.caller(0, bytes(range(256)) * 40)
        await recording.close()


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


@pytest.fixture
def server(archive: Archive) -> Iterator[PhoneServer]:
    with PhoneServer(archive=archive) as running:
        yield running


@pytest.fixture
def client(server: PhoneServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False) as made:
        yield made


class Socket:
    """A socket as a page has it; reading waits for five seconds at most."""

    def __init__(self, server: PhoneServer, path: str, **more: Any) -> None:
        url = server.url.replace("http", "ws") + path
        self.raw = connect(url, proxy=None, close_timeout=2, **more)

    def __enter__(self) -> Socket:
        return self

    def __exit__(self, *_: object) -> None:
        self.raw.close()

    def send(self, **message: Any) -> None:
        self.raw.send(json.dumps(message))

    def next(self) -> dict[str, Any]:
        received: dict[str, Any] = json.loads(self.raw.recv(timeout=5))
        return received

    def closed(self) -> None:
        with pytest.raises(ConnectionClosed):
            self.raw.recv(timeout=5)


def waiting(server: PhoneServer, **hello: Any) -> Socket:
    socket = Socket(server, "/phone/ring")
    socket.send(type="hello", **hello)
    return socket


def connected(server: PhoneServer, ring: Socket) -> dict[str, Any]:
    assert ring.next() == {"type": "ready"}
    server.place()
    assert ring.next()["type"] == "ring"
    ring.send(type="answer", call=str(server.call))
    told = ring.next()
    assert told["type"] == "connect" and told["carrier"] == server.carrier_id
    return told


def media(server: PhoneServer, token: str) -> Socket:
    return Socket(server, f"/phone/media/{server.call}", subprotocols=["shuiling-phone", token])


def test_a_call_over_both_sockets(server: PhoneServer) -> None:
    with waiting(server) as ring:
        token = connected(server, ring)["token"]
        with media(server, token) as stream:
            assert stream.raw.subprotocol == "shuiling-phone"
            stream.send(event="connected")
            server.until(lambda: bool(server.heard), "the stream")
            server.clear()
            assert stream.next()["event"] == "clear"
            stream.send(event="stop")
            stream.closed()
        assert ring.next() == {"type": "ended", "call": str(server.call), "reason": "ended"}
    server.until_status((CarrierStatus.IN_PROGRESS, ""), (CarrierStatus.COMPLETED, ""))


def test_our_hanging_up_ends_a_media_socket_that_does_not_let_go(
    server: PhoneServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phone, "GOODBYE_S", 0.05)
    server.deaf = True
    with waiting(server) as ring:
        with media(server, connected(server, ring)["token"]) as stream:
            server.hang_up()
            assert ring.next()["type"] == "ended"
            stream.closed()
        server.until_status((CarrierStatus.COMPLETED, ""))


def test_a_bot_that_breaks_ends_the_call(server: PhoneServer) -> None:
    server.breaks = True
    with waiting(server) as ring:
        with media(server, connected(server, ring)["token"]) as stream:
            stream.closed()
        assert ring.next()["type"] == "ended"
        server.until_status((CarrierStatus.COMPLETED, ""))


def test_a_page_that_lost_its_socket_comes_back_into_its_call(server: PhoneServer) -> None:
    with waiting(server) as ring:
        told = connected(server, ring)
        stream = media(server, told["token"])
    with stream, waiting(server, resume={"call": told["call"], "carrier": told["carrier"]}) as back:
        assert back.next() == {"type": "ready"}
        server.line("bot", "您好")
        line = back.next()
        assert (line["type"], line["speaker"], line["text"], line["final"]) == ("line", "bot", "您好", True)
        back.send(type="hang_up", call=told["call"])
        assert back.next()["type"] == "ended"


def test_a_token_is_good_once(server: PhoneServer) -> None:
    with waiting(server) as ring:
        told = connected(server, ring)
        for wrong in ("guess", told["carrier"]):
            with pytest.raises(InvalidStatus):
                media(server, wrong)
        with media(server, told["token"]), pytest.raises(InvalidStatus):
            media(server, told["token"])


@pytest.mark.parametrize("origin", [None, "own", ORIGIN])
def test_our_own_pages_may_wait_for_calls(server: PhoneServer, origin: str | None) -> None:
    with Socket(server, "/phone/ring", origin=server.url if origin == "own" else origin) as socket:
        socket.send(type="hello")
        assert socket.next() == {"type": "ready"}


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "http://127.0.0.1:1"])
def test_other_sites_may_not(server: PhoneServer, origin: str) -> None:
    with pytest.raises(InvalidStatus):
        Socket(server, "/phone/ring", origin=origin)


def test_nonsense_is_answered_and_does_no_harm(server: PhoneServer) -> None:
    with waiting(server) as ring:
        assert ring.next() == {"type": "ready"}
        for bad in (
            "",
            "[1]",
            "{",
            '{"type": "answer"}',
            '{"type": "answer", "call": 7}',
            "[" * 4000,
            "x" * 9000,
            b"x",
        ):
            ring.raw.send(bad)
            assert ring.next()["code"] == "frame"
        ring.send(type="answer", call=str(uuid.uuid4()))
        assert ring.next()["reason"] == "elsewhere"
        ring.send(type="ping")
        assert ring.next() == {"type": "pong"}


def test_a_page_without_hello_is_refused(server: PhoneServer) -> None:
    with Socket(server, "/phone/ring") as socket:
        socket.send(type="answer")
        assert socket.next()["code"] == "auth"
        socket.closed()


def test_a_wrong_number_is_explained(server: PhoneServer) -> None:
    with waiting(server, number="123") as socket:
        refused = socket.next()
    assert refused["code"] == "number" and "11位" in refused["text"]


def test_a_page_stands_for_a_number_in_any_spelling() -> None:
    with (
        PhoneServer(demo=False, token="operators-only") as server,
        waiting(server, token="operators-only", number="139 0000 1234") as ring,
    ):
        connected(server, ring)


def test_without_the_demo_a_token_is_needed(archive: Archive) -> None:
    with PhoneServer(demo=False, token="operators-only", archive=archive) as server:
        for token in (None, "", "wrong", 7):
            with waiting(server, token=token) as socket:
                assert socket.next()["code"] == "auth"
        with waiting(server, token="operators-only") as socket:
            assert socket.next() == {"type": "ready"}
        with httpx.Client(base_url=server.url, trust_env=False) as client:
            asyncio.run(archive.record())
            for path in ("/calls.json", f"/calls/{CALL}.json", f"/calls/{CALL}/levels.json"):
                assert client.get(path).status_code == 401
                assert client.get(path, headers={"Authorization": "Bearer wrong"}).status_code == 401
                assert client.get(path, headers={"Authorization": "Bearer operators-only"}).status_code == 200
            assert client.get("/phone").status_code == 200


def test_without_demo_and_token_nothing_is_there(archive: Archive) -> None:
    with (
        PhoneServer(demo=False, archive=archive) as server,
        httpx.Client(base_url=server.url, trust_env=False) as client,
    ):
        for path in ("/phone", "/calls", "/calls.json", f"/calls/{CALL}", f"/calls/{CALL}.json"):
            assert client.get(path).status_code == 404
        with pytest.raises(InvalidStatus):
            Socket(server, "/phone/ring")


def test_the_pages_allow_what_they_need_and_no_more(client: httpx.Client) -> None:
    for path in ("/phone", "/calls", f"/calls/{CALL}"):
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "media-src 'self'" in policy and "unsafe" not in policy
        for foreign in ("http://", "https://", "<style", " style=", " onclick=", "<script>"):
            assert foreign not in answer.text
    assert client.get("/phone/static/worklet.js").headers["content-type"].startswith("text/javascript")
    for path in ("/phone/static/phone.html", "/phone/static/..%2f__init__.py", "/phone/static/nothing.js"):
        assert client.get(path).status_code == 404


def test_a_call_with_its_recording(archive: Archive, server: PhoneServer, client: httpx.Client) -> None:
    asyncio.run(archive.record())
    sheet = client.get(f"/calls/{CALL}.json").json()
    assert sheet["outcome_words"] == OUTCOME_WORDS[Outcome.COMPLETED]
    assert sheet["lines"] == [
        {"speaker": "caller", "text": "喂", "began_ms": 0, "ended_ms": 900, "heard": None}
    ]
    assert sheet["recording"]["duration_ms"] == 1280 and sheet["recording_problem"] == ""
    levels = client.get(f"/calls/{CALL}/levels.json").json()
    assert levels["per_second"] == 10 and len(levels["caller"]) == len(levels["bot"]) == 13
    whole = client.get(sheet["recording"]["url"])
    assert whole.headers["content-type"] == "audio/wav"
    assert len(whole.content) == int(whole.headers["content-length"])
    assert whole.content.endswith(bytes(v for b in (254, 255) for v in (b, 255)))
    server.now += calls.LINK_LIFE_S + 1
    assert client.get(sheet["recording"]["url"]).status_code == 403


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-", 0, None),
        ("bytes=100-199", 100, 199),
        ("bytes=-10", -10, None),
        ("bytes=5-99999999", 5, None),
    ],
)
def test_ranges(archive: Archive, client: httpx.Client, asked: str, first: int, last: int | None) -> None:
    asyncio.run(archive.record())
    url = client.get(f"/calls/{CALL}.json").json()["recording"]["url"]
    whole = client.get(url).content
    part = client.get(url, headers={"Range": asked})
    expected = whole[first : None if last is None else last + 1]
    assert part.status_code == 206 and part.content == expected
    begin = first % len(whole)
    assert part.headers["content-range"] == f"bytes {begin}-{begin + len(expected) - 1}/{len(whole)}"


def test_ranges_that_make_no_sense(archive: Archive, client: httpx.Client) -> None:
    asyncio.run(archive.record())
    url = client.get(f"/calls/{CALL}.json").json()["recording"]["url"]
    for asked in ("bytes=99999999-", "bytes=9-3", "bytes=-0"):
        assert client.get(url, headers={"Range": asked}).status_code == 416
    for asked in ("bytes=-", "bytes=0-5,9-12", "lines=0-5", "bytes=a-b"):
        assert client.get(url, headers={"Range": asked}).status_code == 200


def test_another_calls_link_does_not_open_this_one(archive: Archive, client: httpx.Client) -> None:
    asyncio.run(archive.record())
    url = client.get(f"/calls/{CALL}.json").json()["recording"]["url"]
    assert client.get(url.replace(str(CALL), str(uuid.uuid4()))).status_code == 403
    assert client.get(url[:-1] + "x").status_code == 403


def test_a_call_without_recording_says_so(client: httpx.Client) -> None:
    sheet = client.get(f"/calls/{CALL}.json").json()
    assert sheet["recording"] is None and "没有录音" in sheet["recording_problem"]
    levels = client.get(f"/calls/{CALL}/levels.json")
    assert levels.status_code == 404 and "没有录音" in levels.json()["detail"]
    missing = client.get(f"/calls/{uuid.uuid4()}.json")
    assert missing.status_code == 404 and json.loads(missing.text)["detail"] == "没有找到这通电话。"


def test_every_outcome_has_words() -> None:
    assert set(OUTCOME_WORDS) == set(Outcome)
