"""As much of Twilio's REST as the carrier asks for: form fields in, JSON out, on a port of the loopback."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

ACCOUNT = "AC" + "0" * 32
TOKEN = "token-of-the-tests"
CREATED = "Mon, 23 Nov 2026 02:00:01 +0000"


@dataclass(frozen=True)
class Asked:
    """A request; ``fields`` are those of the form, or of the query of a GET."""

    method: str
    path: str
    fields: dict[str, list[str]]
    headers: dict[str, str]

    def one(self, name: str) -> str | None:
        """The only value of a field."""
        values = self.fields.get(name)
        if values is None:
            return None
        (value,) = values
        return value


@dataclass
class FakeTwilio:
    """``answer`` says how to answer a request: status and JSON; ``None`` cuts the connection, an event is waited for."""

    answer: Callable[[Asked], tuple[int, object] | asyncio.Event | None] | None = None
    asked: list[Asked] = field(default_factory=list)
    calls: list[dict[str, object]] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    def call(self, number: int, to: str, **more: object) -> dict[str, object]:
        """A call as Twilio would list it."""
        return {
            "sid": f"CA{number:032x}",
            "account_sid": ACCOUNT,
            "to": to,
            "status": "queued",
            "date_created": CREATED,
            "start_time": None,
            **more,
        }

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := (await reader.readline()).decode():
                method, target, _ = line.split()
                headers: dict[str, str] = {}
                while header := (await reader.readline()).decode().strip():
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                body = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
                parts = urlsplit(target)
                fields = parse_qs(body or parts.query, keep_blank_values=True)
                asked = Asked(method, parts.path, fields, headers)
                self.asked.append(asked)
                result = self.answer(asked) if self.answer else self._usual(asked)
                if isinstance(result, asyncio.Event):
                    await result.wait()
                    result = None
                if result is None:
                    return
                status, content = result
                text = content if isinstance(content, str) else json.dumps(content)
                payload = text.encode()
                writer.write(
                    f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(payload)}\r\n\r\n".encode()
                    + payload
                )
                await writer.drain()
        finally:
            writer.close()

    def _usual(self, asked: Asked) -> tuple[int, object]:
        expected = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if asked.headers.get("authorization") != expected:
            return 401, {"code": 20003, "message": "Authenticate", "status": 401}
        root = f"/2010-04-01/Accounts/{ACCOUNT}/Calls"
        if (asked.method, asked.path) == ("POST", f"{root}.json"):
            made = self.call(len(self.calls) + 1, asked.one("To") or "")
            self.calls.append(made)
            return 201, made
        if (asked.method, asked.path) == ("GET", f"{root}.json"):
            return 200, {
                "calls": [c for c in self.calls if c["to"] == asked.one("To")],
                "next_page_uri": None,
            }
        for made in self.calls:
            if asked.path == f"{root}/{made['sid']}.json":
                if made["status"] == "completed":
                    return 400, {"code": 21220, "message": "Call is not in-progress", "status": 400}
                made["status"] = asked.one("Status") or made["status"]
                return 200, made
        return 404, {"code": 20404, "message": "not found", "status": 404}
