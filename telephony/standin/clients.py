"""The two addresses the runner talks to: the gateway that calls, and the stand-in that is called through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import httpx

from telephony.standin.script import Script


class RunError(Exception):
    """A run cannot go on; the text says what to do, in Chinese."""


class Gateway(Protocol):
    """Whoever places the calls."""

    async def place(self, to: str, taxpayer: str) -> str:
        """Ask for a reminder call; returns its id. Raises :class:`RunError`."""

    async def outcome(self, call_id: str) -> str | None:
        """How it ended (``telephony.events.Outcome``), None while it goes on. Raises :class:`RunError`."""


class HttpGateway:
    """The gateway: ``POST /calls`` and ``GET /calls/{id}.json``, with a token where it wants one."""

    def __init__(self, client: httpx.AsyncClient, origin: str, token: str) -> None:
        self._client, self._origin = client, origin.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def place(self, to: str, taxpayer: str) -> str:
        """See :class:`Gateway`."""
        order = {"to": to, "carrier": "standin", "taxpayer": taxpayer}
        return str((await self._asked("POST", "/calls", order))["id"])

    async def outcome(self, call_id: str) -> str | None:
        """See :class:`Gateway`."""
        found = (await self._asked("GET", f"/calls/{call_id}.json"))["outcome"]
        return None if found is None else str(found)

    async def _asked(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        try:
            answer = await self._client.request(
                method, self._origin + path, json=body, headers=self._headers, timeout=15
            )
        except httpx.HTTPError as error:
            raise RunError(
                f"连不上网关 {self._origin}，请先运行 shuiling serve（{type(error).__name__}）"
            ) from error
        if answer.status_code in (401, 403):
            raise RunError("网关不认这个令牌，请检查 SHUILING_INTERNAL_TOKEN")
        if not answer.is_success:
            raise RunError(f"网关拒绝了请求：HTTP {answer.status_code}")
        return dict(answer.json())


class StandinClient:
    """The stand-in's own addresses."""

    def __init__(self, client: httpx.AsyncClient, origin: str, account_sid: str, auth_token: str) -> None:
        self._client, self._origin = client, origin.rstrip("/")
        self._auth = (account_sid, auth_token)

    async def assign(self, to: str, script: Script, pack: str, fields: Mapping[str, str]) -> None:
        """This script picks up at that number from now on; returns when its speech is there."""
        body = {"to": to, "script": script.source, "pack": pack, "fields": dict(fields)}
        await self._asked("POST", "/standin/people", body)

    async def calls(self) -> Sequence[Mapping[str, Any]]:
        """Live and past calls, newest first, as ``Call.view`` gives them."""
        return list((await self._asked("GET", "/standin/calls")).json())

    async def _asked(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        try:
            # Rendering a long script for the first time takes its time.
            answer = await self._client.request(
                method, self._origin + path, json=body, auth=self._auth, timeout=120
            )
        except httpx.HTTPError as error:
            raise RunError(f"连不上模拟运营商 {self._origin}（{type(error).__name__}）") from error
        if answer.status_code == 401:
            raise RunError("模拟运营商不认这个账号或令牌")
        if answer.status_code == 422:
            raise RunError(str(answer.json().get("message", "剧本有误")))
        if not answer.is_success:
            raise RunError(f"模拟运营商拒绝了请求：HTTP {answer.status_code}")
        return answer
