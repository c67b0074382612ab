"""The client of Rasa: what is sent, what is made of the answer, and when it says that nobody answers."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from chat.ports import ActionFailed, Answer, DialogueUnavailable, Said
from gateway.dialogue import SILENT, RasaDialogue
from tests.support.stack import TODAY

pytestmark = pytest.mark.unit

TALK = uuid.uuid4()
Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
async def dialogue() -> AsyncIterator[Callable[[Handler], RasaDialogue]]:
    clients: list[httpx.AsyncClient] = []

    def make(handler: Handler) -> RasaDialogue:
        client = httpx.AsyncClient(base_url="http://rasa", transport=httpx.MockTransport(handler))
        clients.append(client)
        return RasaDialogue(client, "a-token", lambda: TODAY)

    yield make
    for client in clients:
        await client.aclose()


async def test_one_message_goes_out_with_token_id_and_day(dialogue: Any) -> None:
    seen: list[httpx.Request] = []

    def rasa(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"messages": [{"text": "好"}]})

    assert await dialogue(rasa).send(TALK, "17", Said("/restart")) == [Answer("好")]
    (request,) = seen
    assert request.headers["authorization"] == "Bearer a-token"
    assert json.loads(request.content) == {
        "sender": str(TALK),
        "message": "／restart",
        "message_id": "17",
        "metadata": {"today": "2026-11-23", "channel": "web"},
    }


async def test_answers_keep_their_parts_and_facts_stay_apart(dialogue: Any) -> None:
    message = {
        "text": "欠80000元",
        "buttons": [{"title": "怎么缴", "payload": "怎么缴税", "type": "postback"}],
        "custom": {"show": {"kind": "citations", "items": ["x"]}, "facts": [{"kind": "bill"}]},
    }
    (answer,) = await dialogue(lambda _: httpx.Response(200, json={"messages": [message]})).send(
        TALK, "1", Said("x")
    )
    assert answer == Answer(
        "欠80000元",
        ({"title": "怎么缴", "payload": "怎么缴税"},),
        {"kind": "citations", "items": ["x"]},
        ({"kind": "bill"},),
    )


@pytest.mark.parametrize("messages", [[], [{}], [{"custom": {"facts": []}}], [{"text": ""}]])
async def test_a_silent_turn_still_gets_an_answer(dialogue: Any, messages: list[Any]) -> None:
    answers = await dialogue(lambda _: httpx.Response(200, json={"messages": messages})).send(
        TALK, "1", Said("x")
    )
    assert answers == [SILENT]


def _refuse(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


def _slow(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("slow", request=request)


@pytest.mark.parametrize(
    "rasa",
    [
        _refuse,
        _slow,
        lambda _: httpx.Response(500, json={"error": "turn failed"}),
        lambda _: httpx.Response(403),
        lambda _: httpx.Response(200, text="<html>"),
        lambda _: httpx.Response(200, json={"nothing": 1}),
        lambda _: httpx.Response(200, json=["not", "a", "mapping"]),
        lambda _: httpx.Response(200, json={"messages": ["text"]}),
        lambda _: httpx.Response(200, json={"messages": [{"text": "x", "buttons": [{"title": "t"}]}]}),
        lambda _: httpx.Response(200, json={"messages": None}),
    ],
)
async def test_anything_but_an_answer_is_nobody_there(dialogue: Any, rasa: Handler) -> None:
    with pytest.raises(DialogueUnavailable) as caught:
        await dialogue(rasa).send(TALK, "1", Said("x"))
    assert not isinstance(caught.value, ActionFailed), "it is worth repeating"


async def test_a_failed_action_is_no_silence(dialogue: Any) -> None:
    with pytest.raises(ActionFailed):
        await dialogue(lambda _: httpx.Response(424, json={"error": "turn failed"})).send(
            TALK, "1", Said("x")
        )


async def test_health(dialogue: Any) -> None:
    assert await dialogue(lambda _: httpx.Response(200)).healthy()
    assert not await dialogue(lambda _: httpx.Response(503)).healthy()
    assert not await dialogue(_refuse).healthy()


async def test_words_are_foreseen_only_while_rasa_has_time(dialogue: Any) -> None:
    read: list[str] = []
    answer, asked = asyncio.Event(), asyncio.Event()

    async def rasa(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if request.url.path.endswith("understand"):
            read.append(body["message"])
            return httpx.Response(503 if body["message"] == "坏" else 200, json={})
        asked.set()
        await answer.wait()
        return httpx.Response(200, json={"messages": [{"text": "好"}]})

    client = dialogue(rasa)
    await client.foresee("怎么缴")
    await client.foresee("坏")
    open_questions = [asyncio.create_task(client.send(TALK, str(n), Said("x"))) for n in range(2)]
    await asked.wait()
    await asyncio.sleep(0)
    await client.foresee("没人有空")
    answer.set()
    await asyncio.gather(*open_questions)
    await client.foresee("又有空了")
    assert read == ["怎么缴", "坏", "又有空了"]
