"""A small chat server for the pages' tests: the widget's protocol and the demo's lists, all in memory.

It answers nothing by itself. A test puts words into its mouth (``push``, ``frame``), cuts its sockets,
makes it refuse, and reads what came in (``said``, ``uploads``). Every method may be called from the test's thread.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import uvicorn
from fastapi import FastAPI, Header, HTTPException, Request, UploadFile, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles

STATIC = Path(__file__).resolve().parents[2] / "chat" / "static"
SHANGHAI = timezone(timedelta(hours=8))
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
TAXPAYERS = [
    {
        "name": f"虚构示范{name}",
        "kind": "company",
        "region": region,
        "identifier": identifier,
        "phone": "199****0001",
        "situation": situation,
    }
    for name, region, identifier, situation in [
        ("云帆科技有限公司", "东城区（虚构）", "91110000MA00000000", "增值税 2026-10 期，11-16 已到期未缴"),
        ("禾木餐饮店", "西岭区（虚构）", "92110000MA00000001", "个人所得税经营所得，尚未到期"),
        ("长河物流有限公司", "北港区（虚构）", "91110000MA00000002", "企业所得税，部分缴纳"),
    ]
]


class FakeServer:
    """The server and its controls; ``url`` is where it listens."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []
        """Every ``say`` frame as it arrived, repeats included."""
        self.uploads: list[tuple[str, bytes]] = []
        self.sessions: list[str | None] = []
        """The bearer token of each session request."""
        self.hellos: list[dict[str, Any]] = []
        self.pings = 0
        self.answer_pings = True
        self.echo = True
        """Whether a ``say`` is stored and echoed; off, it is swallowed."""
        self.refuse_sockets = False
        self.session_error: tuple[int, str] | None = None
        self.upload_error: tuple[int, str] | None = None
        self.say_error: tuple[str, str] | None = None
        self.demo = True
        self.outbox: list[dict[str, Any]] = []
        self.taxpayers: list[dict[str, Any]] = list(TAXPAYERS)
        self.owner = "bot"
        self.status: dict[str, Any] = {}
        """What a status frame says beside its owner; sent to each window that connects."""
        self.left = 0
        """How often the queue was left."""
        self.typed = 0
        self.reads: list[int] = []
        self.ratings: list[dict[str, Any]] = []
        self.rating_error: tuple[int, str] | None = None
        self._messages: list[dict[str, Any]] = []
        self._tokens: set[str] = set()
        self._sockets: set[WebSocket] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        config = uvicorn.Config(
            self._app(),
            host="127.0.0.1",
            port=0,
            log_level="critical",
            lifespan="off",
            ws="websockets-sansio",
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.url = ""

    def __enter__(self) -> FakeServer:
        self._thread.start()
        for _ in range(500):
            if self._server.started:
                break
            self._thread.join(0.01)
        else:
            raise RuntimeError("the fake server did not start")
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(5)

    def push(
        self,
        text: str,
        sender: str = "bot",
        *,
        by: str | None = None,
        buttons: list[dict[str, str]] | None = None,
        custom: dict[str, Any] | None = None,
        at: datetime | None = None,
    ) -> int:
        """Stores a message and sends it to every open socket; returns its id."""
        message = self._store(sender, text, by=by, buttons=buttons, custom=custom, at=at)
        self.frame(message)
        return int(message["id"])

    def frame(self, frame: dict[str, Any]) -> None:
        """Sends one frame to every open socket."""
        self._do(lambda: self._broadcast(frame))

    def stand(self, owner: str, **status: Any) -> None:
        """From now on the conversation stands like this, and every open window is told."""
        self.owner, self.status = owner, status
        self.frame(self._standing())

    def replay(self) -> None:
        """Sends every stored message once more, as a catch-up overlapping live messages does."""
        for message in list(self._messages):
            self.frame(message)

    def cut(self) -> None:
        """Closes every socket, as a restart of the server or a lost network would."""

        async def close() -> None:
            for socket in list(self._sockets):
                await socket.close(1012)

        self._do(close)

    def forget_tokens(self) -> None:
        """From now on every token is refused and starts a new conversation."""
        self._tokens.clear()
        self._messages.clear()

    @property
    def open_sockets(self) -> int:
        return len(self._sockets)

    def _run(self) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            await self._server.serve()

        asyncio.run(serve())

    def _do(self, work: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            await work()

        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(run(), self._loop).result(5)

    def _store(
        self,
        sender: str,
        text: str,
        *,
        by: str | None = None,
        buttons: list[dict[str, str]] | None = None,
        custom: dict[str, Any] | None = None,
        client_id: str | None = None,
        at: datetime | None = None,
    ) -> dict[str, Any]:
        message = {
            "type": "message",
            "id": len(self._messages) + 1,
            "sender": sender,
            "text": text,
            "by": by,
            "buttons": buttons or [],
            "custom": custom,
            "client_id": client_id,
            "created_at": (at or datetime.now(SHANGHAI)).isoformat(),
        }
        self._messages.append(message)
        return message

    def _standing(self) -> dict[str, Any]:
        return {
            "type": "status",
            "owner": self.owner,
            "agent": None,
            "ahead": 0,
            "minutes": None,
            "staffed": True,
            "number": None,
            "hours": "工作日9点到12点、14点到18点",
            "read": 0,
            **self.status,
        }

    async def _broadcast(self, frame: dict[str, Any]) -> None:
        for socket in list(self._sockets):
            await socket.send_json(frame)

    def _app(self) -> FastAPI:
        app = FastAPI()

        @app.middleware("http")
        async def policy(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
            response = await call_next(request)
            response.headers["Content-Security-Policy"] = CSP
            return response

        @app.get("/")
        def index() -> FileResponse:
            return FileResponse(STATIC / "index.html")

        @app.get("/plain")
        def plain() -> HTMLResponse:
            return HTMLResponse(
                '<!doctype html><html lang="zh-CN"><meta name="viewport" content="width=device-width">'
                "<title>page</title><button id=outside>page</button>"
                '<script src="/widget.js" defer></script><shuiling-chat></shuiling-chat></html>'
            )

        @app.get("/demo/outbox.html")
        def outbox_page() -> FileResponse:
            return FileResponse(STATIC / "outbox.html")

        @app.get("/widget.js")
        def widget() -> FileResponse:
            return FileResponse(STATIC / "widget.js")

        @app.get("/demo/taxpayers")
        def taxpayers() -> list[dict[str, Any]]:
            if not self.demo:
                raise HTTPException(404)
            return self.taxpayers

        @app.get("/demo/outbox")
        def outbox() -> list[dict[str, Any]]:
            if not self.demo:
                raise HTTPException(404)
            return list(reversed(self.outbox))

        @app.post("/chat/sessions")
        def session(authorization: str | None = Header(default=None)) -> Response:
            token = authorization.removeprefix("Bearer ") if authorization else None
            self.sessions.append(token)
            if self.session_error:
                status, detail = self.session_error
                return JSONResponse({"detail": detail}, status, headers={"Retry-After": "1"})
            resumed = token in self._tokens
            if not resumed:
                token = uuid4().hex
                self._tokens.add(token)
            return JSONResponse({"token": token, "resumed": resumed})

        @app.post("/chat/uploads", status_code=201)
        async def upload(file: UploadFile, authorization: str = Header()) -> Response:
            if authorization.removeprefix("Bearer ") not in self._tokens:
                raise HTTPException(401)
            if self.upload_error:
                status, detail = self.upload_error
                return JSONResponse({"detail": detail}, status)
            data = await file.read()
            self.uploads.append((file.filename or "", data))
            await self._broadcast(self._store("system", f"已收到材料：{file.filename}"))
            return JSONResponse({"id": len(self.uploads), "filename": file.filename, "size": len(data)}, 201)

        @app.post("/chat/survey")
        async def survey(request: Request, authorization: str = Header()) -> Response:
            if authorization.removeprefix("Bearer ") not in self._tokens:
                raise HTTPException(401)
            if self.rating_error:
                status, detail = self.rating_error
                return JSONResponse({"detail": detail}, status)
            said = await request.json()
            self.ratings.append(said)
            for message in self._messages:
                if (message["custom"] or {}).get("ticket") == said["ticket"]:
                    message["custom"]["score"] = said["score"]
            await self._broadcast({"type": "rated", "ticket": said["ticket"], "score": said["score"]})
            text = "谢谢您告诉我们，这次服务会有专人复查。" if said["score"] <= 2 else "谢谢您的评价。"
            return JSONResponse({"score": said["score"], "text": text})

        @app.websocket("/chat/ws")
        async def socket(websocket: WebSocket) -> None:
            if self.refuse_sockets:
                await websocket.close()
                return
            await websocket.accept()
            try:
                hello = await websocket.receive_json()
                self.hellos.append(hello)
                if hello["token"] not in self._tokens:
                    await websocket.send_json({"type": "error", "code": "auth", "text": "会话已失效"})
                    await websocket.close()
                    return
                await websocket.send_json({"type": "ready", "owner": self.owner})
                await websocket.send_json(self._standing())
                for message in [m for m in self._messages if m["id"] > hello["after"]]:
                    await websocket.send_json(message)
                self._sockets.add(websocket)
                while True:
                    await self._heard(websocket, await websocket.receive_json())
            except (WebSocketDisconnect, RuntimeError):
                pass
            finally:
                self._sockets.discard(websocket)

        app.mount("/static", StaticFiles(directory=STATIC))
        return app

    async def _heard(self, websocket: WebSocket, frame: dict[str, Any]) -> None:
        if frame["type"] == "ping":
            self.pings += 1
            if self.answer_pings:
                await websocket.send_json({"type": "pong"})
            return
        if frame["type"] == "leave_queue":
            self.left += 1
            return
        if frame["type"] == "typing":
            self.typed += 1
            return
        if frame["type"] == "read":
            self.reads.append(frame["upto"])
            return
        self.said.append(frame)
        if self.say_error:
            code, text = self.say_error
            error = {"type": "error", "code": code, "text": text, "client_id": frame["client_id"]}
            await websocket.send_json(error)
            return
        if not self.echo or any(m["client_id"] == frame["client_id"] for m in self._messages):
            return
        masked = re.sub(r"\d{12,}", "******", frame["text"])
        await self._broadcast(self._store("taxpayer", masked, client_id=frame["client_id"]))
