"""The two ways a message can take: through our gateway, or straight into Rasa."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import httpx

from tests.load.talks import Talk
from tests.support.stack import TODAY

_TIMEOUT_S = 60.0


class WrongAnswer(RuntimeError):
    """A turn failed or was answered with nothing: its latency would mean nothing."""


@dataclass(frozen=True, slots=True)
class Said:
    """One answered turn: seconds from sending to the whole answer, and the texts that came."""

    seconds: float
    texts: tuple[str, ...]


class Route(Protocol):
    """A way to say something and hear the answer."""

    name: str

    async def say(self, talk: Talk, text: str) -> Said:
        """One turn; :class:`WrongAnswer` if it was not answered."""


class GatewayRoute:
    """The public REST channel: gateway, Rasa, action, guard, store."""

    name = "gateway"

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self._url = f"{url}/webhooks/rest/webhook"

    async def say(self, talk: Talk, text: str) -> Said:
        began = time.perf_counter()
        response = await self._client.post(self._url, json={"sender": talk.sender, "message": text})
        answers = response.json() if response.is_success else []
        seconds = time.perf_counter() - began
        return _said(self.name, seconds, response, answers)


class BareRoute:
    """Rasa's own channel and the action, nothing else."""

    name = "bare Rasa"

    def __init__(self, client: httpx.AsyncClient, url: str, token: str) -> None:
        self._client = client
        self._url = f"{url}/webhooks/shuiling/webhook"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._serial = itertools.count(1)

    async def say(self, talk: Talk, text: str) -> Said:
        began = time.perf_counter()
        response = await self._client.post(
            self._url,
            headers=self._headers,
            json={
                "sender": str(talk.id),
                "message": text,
                "message_id": f"bench-{next(self._serial)}",
                "metadata": {"today": TODAY.isoformat()},
            },
        )
        answers = response.json()["messages"] if response.is_success else []
        seconds = time.perf_counter() - began
        return _said(self.name, seconds, response, answers)


def _said(name: str, seconds: float, response: httpx.Response, answers: Sequence[dict[str, object]]) -> Said:
    texts = tuple(str(answer["text"]) for answer in answers if answer.get("text"))
    if not texts:
        raise WrongAnswer(f"{name}: {response.status_code} {response.text[:300]}")
    return Said(seconds, texts)


def client() -> httpx.AsyncClient:
    """One keep-alive connection per conversation, nothing from the environment."""
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    return httpx.AsyncClient(timeout=_TIMEOUT_S, limits=limits, trust_env=False)
