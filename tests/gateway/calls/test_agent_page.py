"""The agents' element in a real browser: takes a call, hears, speaks, mutes, hangs up, and says what is going on."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from playwright.sync_api import Page, expect, sync_playwright

from gateway.routes.phone import PAGE_HEADERS, static
from gateway.settings import ROOT
from telephony.hearing.mulaw import decode, encode

pytestmark = [pytest.mark.browser, pytest.mark.audio]
SCRIPT = ROOT / "handoff" / "console" / "static" / "agent-call.js"
PAGE = """<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>坐席</title>
<script type="module" src="/agent-call.js"></script></head>
<body><shuiling-agent-call url="/console/ws/call/7#good"></shuiling-agent-call></body></html>"""


class Gateway:
    """Plays our end of the socket; every method may be called from the test's thread."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.sound: list[bytes] = []
        self.protocols: list[list[str]] = []
        self.paths: list[str] = []
        self._socket: WebSocket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        config = uvicorn.Config(
            self._app(), host="127.0.0.1", port=0, log_level="critical", ws="websockets-sansio"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Gateway:
        self._thread.start()
        self.until(lambda: self._server.started)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(5)

    def send(self, message: dict[str, Any] | bytes) -> None:
        self.until(lambda: self._socket is not None)
        socket, loop = self._socket, self._loop
        assert socket is not None and loop is not None
        sending = socket.send_bytes(message) if isinstance(message, bytes) else socket.send_json(message)
        asyncio.run_coroutine_threadsafe(sending, loop).result(5)

    def kinds(self) -> list[str]:
        return [message["type"] for message in self.told]

    def until(self, true: Any) -> None:
        ends = time.monotonic() + 15
        while not true():
            assert time.monotonic() < ends, (self.told, len(self.sound))
            time.sleep(0.01)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._server.serve()

    def _app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/")
        async def page() -> HTMLResponse:
            return HTMLResponse(PAGE, headers=PAGE_HEADERS)

        @app.get("/agent-call.js")
        async def script() -> FileResponse:
            return FileResponse(SCRIPT, media_type="text/javascript")

        @app.get("/favicon.ico")
        async def icon() -> JSONResponse:
            return JSONResponse({})

        app.get("/phone/static/{name}")(static)

        @app.websocket("/console/ws/call/{ticket}")
        async def call(socket: WebSocket, ticket: str) -> None:
            self.protocols.append(socket.scope["subprotocols"])
            self.paths.append(str(socket.url))
            if socket.scope["subprotocols"][1] != "good":
                await socket.close(4403)
                return
            await socket.accept(subprotocol="shuiling-agent")
            self._socket = socket
            try:
                while True:
                    raw = await socket.receive()
                    if raw["type"] == "websocket.disconnect":
                        return
                    if raw.get("bytes") is not None:
                        self.sound.append(raw["bytes"])
                    else:
                        self.told.append(json.loads(raw["text"]))
            except (WebSocketDisconnect, RuntimeError):
                return

        return app


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page whose microphone beeps; any script error or breach of the content security policy fails the test."""
    chromium = shutil.which("chromium")
    assert chromium is not None
    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        "--autoplay-policy=no-user-gesture-required",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        page = browser.new_context(locale="zh-CN", permissions=["microphone"]).new_page()
        page.set_default_timeout(10_000)
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if "Content Security" in said.text else None)
        yield page
        assert wrong == []
        browser.close()


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as running:
        yield running


def loud(frames: list[bytes]) -> float:
    return float(np.abs(decode(b"".join(frames)).astype(float)).max()) if frames else 0.0


def test_a_call_from_ringing_to_its_end(page: Page, gateway: Gateway) -> None:
    page.goto(gateway.url)
    state = page.get_by_role("status")
    expect(state).to_have_text("有来电在等您")
    expect(page.get_by_role("button")).to_have_text(["接听"])
    page.get_by_role("button", name="接听").click()
    gateway.until(lambda: gateway.protocols == [["shuiling-agent", "good"]])
    assert all("good" not in path for path in gateway.paths)
    gateway.send({"type": "summary", "text": "要求人工服务。<b>未核实身份</b>。"})
    expect(page.locator(".summary")).to_have_text("要求人工服务。<b>未核实身份</b>。")
    gateway.send({"type": "ready"})
    expect(state).to_contain_text("摘要播完了")
    page.get_by_role("button", name="接听").click()
    gateway.until(lambda: "accept" in gateway.kinds())
    gateway.send({"type": "joined"})
    expect(state).to_have_text("通话中")
    expect(page.get_by_role("button")).to_have_text(["静音", "挂断"])

    tone = encode((9000 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)).astype(np.int16))
    for at in range(0, len(tone), 160):
        gateway.send(tone[at : at + 160])
    gateway.until(lambda: len(gateway.sound) > 20 and loud(gateway.sound) > 500)
    assert {len(frame) for frame in gateway.sound} == {160}

    page.get_by_role("button", name="静音").click()
    expect(page.get_by_role("button", name="取消静音")).to_have_attribute("aria-pressed", "true")
    time.sleep(0.3)
    gateway.sound.clear()
    gateway.until(lambda: len(gateway.sound) > 60)
    assert loud(gateway.sound) < 50

    page.get_by_role("button", name="挂断").click()
    gateway.until(lambda: "leave" in gateway.kinds())
    gateway.send({"type": "ended", "reason": "left"})
    expect(state).to_have_text("通话已结束")
    expect(page.get_by_role("button")).to_have_text(["接听"])


def test_the_caller_hangs_up(page: Page, gateway: Gateway) -> None:
    page.goto(gateway.url)
    page.get_by_role("button", name="接听").click()
    gateway.send({"type": "ended", "reason": "caller_left"})
    expect(page.get_by_role("status")).to_have_text("对方已挂断")


def test_a_token_that_is_no_good(page: Page, gateway: Gateway) -> None:
    page.goto(gateway.url)
    page.locator("shuiling-agent-call").evaluate("(e) => e.setAttribute('url', '/console/ws/call/7#old')")
    page.get_by_role("button", name="接听").click()
    expect(page.get_by_role("status")).to_contain_text("请刷新页面")
