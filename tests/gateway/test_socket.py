"""The WebSocket: what a widget sees, and what a hostile client cannot do to it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from store.personas import by_key
from tests.gateway.conftest import Client, Gateway
from tests.gateway.rasa_twin import RasaTwin
from tests.gateway.test_routes import bearer, new_token
from tests.gateway.window import tab, unheard

pytestmark = pytest.mark.unit


def test_a_talk(client: Client, rasa: RasaTwin) -> None:
    with tab(client.socket_url, new_token(client)) as window:
        (hello,) = window.messages(1)
        assert hello["sender"] == "bot" and "不是真人" in hello["text"] and hello["buttons"]
        window.say("我欠多少税", "c1")
        frames = [window.frame() for _ in range(4)]
    assert [f["type"] for f in frames] == ["message", "typing", "typing", "message"]
    assert (frames[0]["sender"], frames[0]["client_id"]) == ("taxpayer", "c1")
    assert [f["on"] for f in frames[1:3]] == [True, False]
    assert frames[3]["text"] == "答：我欠多少税"
    assert rasa.heard[-1] == "我欠多少税"


def test_ones_own_number_comes_back_masked(client: Client, rasa: RasaTwin) -> None:
    person = by_key("overdue_company")
    with tab(client.socket_url, new_token(client)) as window:
        window.messages(1)
        window.say(f"我是{person.identifier}")
        (own, answer) = window.messages(2)
    assert person.identifier not in json.dumps([own, answer])
    assert rasa.heard[-1] == "我是〔信用代码#1〕"


def test_two_tabs_see_the_same_and_a_third_catches_up(client: Client) -> None:
    token = new_token(client)
    with tab(client.socket_url, token) as one, tab(client.socket_url, token) as two:
        one.say("从第一个窗口说")
        first = one.messages(3)
        assert two.messages(3) == first
        two.say("从第二个窗口说")
        second = two.messages(2)
        assert one.messages(2) == second
    with tab(client.socket_url, token, after=first[-1]["id"]) as three:
        assert three.messages(2) == second
        three.say("还连着")
        assert three.texts(2) == [("taxpayer", "还连着"), ("bot", "答：还连着")]


def test_other_peoples_windows_see_nothing(client: Client) -> None:
    with (
        tab(client.socket_url, new_token(client)) as mine,
        tab(client.socket_url, new_token(client)) as other,
    ):
        mine.say("只给我看")
        mine.messages(3)
        other.messages(1)
        assert other.quiet()


def test_the_same_message_sent_again_is_answered_once(client: Client, rasa: RasaTwin) -> None:
    token = new_token(client)
    with tab(client.socket_url, token) as window:
        window.messages(1)
        window.say("只办一次", "same")
        first = window.messages(2)
        window.say("只办一次", "same")
        assert window.messages(1) == first[:1]
    with tab(client.socket_url, token, after=first[0]["id"] - 1) as window:
        assert window.messages(2) == first
        assert window.quiet()
    assert rasa.heard.count("只办一次") == 1


def test_what_was_said_while_nobody_listened_is_there_on_return(client: Client, rasa: RasaTwin) -> None:
    token = new_token(client)
    rasa.hold.clear()
    with tab(client.socket_url, token) as window:
        window.messages(1)
        window.say("我先走了")
        window.messages(1)
    rasa.hold.set()
    with tab(client.socket_url, token) as window:
        assert window.texts(3)[1:] == [("taxpayer", "我先走了"), ("bot", "答：我先走了")]


@pytest.mark.parametrize(
    "first",
    [
        {"type": "hello", "token": "forged"},
        {"type": "hello", "token": "A" * 43},
        {"type": "hello", "token": "\ud800"},
        {"type": "hello", "token": "\x00"},
        {"type": "hello", "token": ["x"]},
        {"type": "hello"},
        {"type": "say", "text": "让我进去"},
        {"type": "ping"},
        [],
        "hello",
        None,
        b"\x00\xff",
        b"{not json",
    ],
)  # fmt: skip
def test_nobody_gets_in_with_a_wrong_first_frame(client: Client, first: Any) -> None:
    with unheard(client.socket_url) as window:
        window.send(first if isinstance(first, bytes) else json.dumps(first))
        refused = window.frame()
        assert (refused["type"], refused["code"]) == ("error", "auth") and "会话" in refused["text"]
        with pytest.raises(ConnectionClosed) as closed:
            window.frame()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4401


def test_a_token_in_the_address_is_not_looked_at(client: Client) -> None:
    token = new_token(client)
    with unheard(client.socket_url, f"?token={token}", **bearer(token)) as window:
        window.send({"type": "hello"})
        assert window.frame()["code"] == "auth"


@pytest.mark.parametrize("after", [-1, 2**70, "5", None, 1.5, [], {}, True])
def test_a_strange_last_id_gives_the_history_or_nothing(client: Client, after: Any) -> None:
    with tab(client.socket_url, new_token(client), after=after) as window:
        window.send({"type": "ping"})
        while (frame := window.frame())["type"] == "message":
            assert "不是真人" in frame["text"]
        assert frame == {"type": "pong"}


def test_a_last_id_from_the_future_does_not_make_deaf(client: Client) -> None:
    with tab(client.socket_url, new_token(client), after=2**61) as window:
        window.say("听得见吗")
        assert window.texts(2) == [("taxpayer", "听得见吗"), ("bot", "答：听得见吗")]


GARBAGE = [
    "{",
    "[]",
    '"x"',
    "null",
    "5",
    "",
    "[" * 60_000,
    "{}",
    '{"type": "hello", "token": "x"}',
    '{"type": 5}',
    "x" * 100_000,
    json.dumps({"type": "say", "text": "税" * 100_000}),
    b"\x00\x01\xff",
    b"",
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_refused_and_the_talk_goes_on(client: Client, garbage: str | bytes) -> None:
    with tab(client.socket_url, new_token(client)) as window:
        window.messages(1)
        window.send(garbage)
        refused = window.frame()
        assert (refused["type"], refused["code"]) == ("error", "frame") and refused["text"]
        window.say("还在吗")
        assert window.texts(2) == [("taxpayer", "还在吗"), ("bot", "答：还在吗")]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        ("\u200b\x00", "empty"),
        (None, "empty"),
        (5, "empty"),
        (["x"], "empty"),
        ("税" * 10_000, "too_long"),
    ],
)
def test_what_cannot_be_taken_names_the_message_it_is_about(client: Client, text: Any, code: str) -> None:
    with tab(client.socket_url, new_token(client)) as window:
        window.messages(1)
        window.say(text, "c7")
        refused = window.frame()
        assert (refused["type"], refused["code"], refused["client_id"]) == ("error", code, "c7")
        window.say("好")
        assert window.texts(2)[1] == ("bot", "答：好")


@pytest.mark.parametrize("client_id", ["\x00", "\ud800", "x" * 65, {"a": 1}, 7, ["x"], " "])
def test_a_strange_client_id_does_no_harm(client: Client, client_id: Any) -> None:
    with tab(client.socket_url, new_token(client)) as window:
        window.messages(1)
        window.say("照样收下", client_id)
        (own, answer) = window.messages(2)
        assert own["client_id"] not in (client_id, None) and answer["text"] == "答：照样收下"


def test_too_fast_is_said_with_the_message_and_nothing_is_stored(gateway: Gateway, rasa: RasaTwin) -> None:
    client = gateway(rate_messages_per_minute=1)
    with tab(client.socket_url, new_token(client)) as window:
        window.messages(1)
        for n in range(5):
            window.say(f"快{n}")
            window.messages(2)
        window.say("太快了", "c6")
        refused = window.frame()
    assert (refused["type"], refused["code"], refused["client_id"]) == ("error", "rate", "c6")
    assert "太快了" not in rasa.heard


def test_an_upload_is_told_in_every_window(client: Client) -> None:
    token = new_token(client)
    with tab(client.socket_url, token) as one, tab(client.socket_url, token) as two:
        client.post("/chat/uploads", files={"file": ("对账单.pdf", b"%PDF-1.4\n")}, headers=bearer(token))
        for window in (one, two):
            assert window.texts(2)[1] == ("system", "已收到材料：对账单.pdf")
