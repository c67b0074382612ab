"""Run in Rasa's own environment by test_turn.py: the real channel and the real model, with actions that fail on demand.

Usage: ``failing_actions.py MODEL``. Prints one JSON object: a name for each case, and what came of it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from types import SimpleNamespace
from typing import Any

import structlog
from aiohttp import web
from rasa.core.agent import Agent
from rasa.utils.endpoints import EndpointConfig

from bot.channel import ShuilingChannel

METADATA = {"today": "2026-11-23"}
BEGIN, DAY, YES = "我会交的", "这周五", "对"
ASK = "action_ask_promise_form_promise_confirmed"


class Actions:
    """Just enough of the promise; ``fails`` is the action that does, ``how`` an HTTP status or a word."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fails = ""
        self.how: Any = 500

    async def answer(self, request: web.Request) -> web.StreamResponse:
        call = await request.json()
        name = call["next_action"]
        self.calls.append(name)
        if name == self.fails:
            return await self._failure(request, name)
        asked = call["tracker"]["slots"].get("requested_slot")
        events: list[dict[str, Any]] = []
        if name == "action_promise_start":
            events.append({"event": "followup", "name": "promise_form"})
        elif name == "validate_promise_form":
            events.append({"event": "slot", "name": "form_misses", "value": 0})
            if asked:
                value = "2026-11-27" if asked == "promise_date" else True
                events.append({"event": "slot", "name": asked, "value": value})
        elif name != ASK:
            events.append({"event": "followup", "name": "action_listen"})
        return web.json_response({"events": events, "responses": [{"text": name}]})

    async def _failure(self, request: web.Request, name: str) -> web.StreamResponse:
        if self.how == "no answer" and request.transport is not None:
            request.transport.close()
        if self.how == "unreadable":
            return web.json_response({"events": [{"event": "slot"}], "responses": []})
        if self.how == "slow":
            await asyncio.sleep(0.5)
        status = self.how if isinstance(self.how, int) else 500
        return web.json_response({"error": "action failed", "action_name": name}, status=status)


class Talk:
    """Conversations over the channel's own route."""

    def __init__(self, agent: Agent, actions: Actions) -> None:
        self.agent, self.actions = agent, actions
        channel = ShuilingChannel.from_credentials({"token": "t"})
        routes = channel.blueprint(agent.handle_message)._future_routes
        self.receive = next(r.handler for r in routes if r.uri == "/webhook")
        self.sender, self.count = "", 0

    def begin(self) -> None:
        self.count += 1
        self.sender = f"talk-{self.count}"
        self.actions.fails = ""

    async def say(self, text: str, message_id: str) -> tuple[int, list[str]]:
        request = SimpleNamespace(
            headers={"authorization": "Bearer t"},
            json={
                "sender": self.sender,
                "message": text,
                "message_id": message_id,
                "metadata": METADATA,
            },
            app=SimpleNamespace(ctx=SimpleNamespace(agent=self.agent)),
        )
        answer = await self.receive(request)
        body = json.loads(answer.body)
        return answer.status, [m["text"] for m in body.get("messages", [])]

    async def kept(self) -> list[Any]:
        tracker = await self.agent.tracker_store.retrieve(self.sender)
        return [event.as_dict() for event in tracker.events] if tracker is not None else []

    async def case(self, before: list[str], text: str, fails: str, how: Any) -> dict[str, Any]:
        """Say ``text`` while ``fails`` does, then, all being well again, the same message once more."""
        self.begin()
        for number, earlier in enumerate(before):
            assert (await self.say(earlier, f"before-{number}"))[0] == 200
        kept = await self.kept()
        self.actions.fails, self.actions.how = fails, how
        self.actions.calls.clear()
        status, said = await self.say(text, "it")
        calls = list(self.actions.calls)
        untouched = await self.kept() == kept
        self.actions.fails = ""
        again, told = await self.say(text, "it")
        return {
            "status": status, "said": said, "calls": calls, "untouched": untouched, "again": again, "told": told
        }  # fmt: skip

    async def together(self) -> dict[str, Any]:
        """The same message again and again while its first turn still runs."""
        self.begin()
        self.actions.fails, self.actions.how = "action_promise_start", "slow"
        self.actions.calls.clear()
        answers = await asyncio.gather(*(self.say(BEGIN, "it") for _ in range(3)))
        return {"statuses": [status for status, _ in answers], "calls": list(self.actions.calls)}


async def main() -> dict[str, Any]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    actions = Actions()
    application = web.Application()
    application.router.add_post("/", actions.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    endpoint = EndpointConfig(f"http://127.0.0.1:{port}", enable_selective_domain=True)
    talk = Talk(Agent.load(sys.argv[1], action_endpoint=endpoint), actions)
    found = {
        "plain": await talk.case([], BEGIN, "action_promise_start", 500),
        "form begins": await talk.case([], BEGIN, "validate_promise_form", 500),
        "form reads": await talk.case([BEGIN], DAY, "validate_promise_form", 500),
        "form asks": await talk.case([BEGIN], DAY, ASK, 500),
        "form ends": await talk.case([BEGIN, DAY], YES, "action_promise_submit", 500),
    }
    for how in (404, 503, "unreadable", "no answer"):
        found[str(how)] = await talk.case([BEGIN, DAY], YES, "action_promise_submit", how)
    found["together"] = await talk.together()
    await runner.cleanup()
    return found


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main()), ensure_ascii=False))
