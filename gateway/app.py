"""The FastAPI application: everything a person or a program outside can reach."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as ASGIMessage

from gateway import logs, parts
from gateway.calls.build import build_telephone
from gateway.routes import agent_call, calls, chat, demo, dial, internal, operate, phone, rest, sms, voice
from gateway.settings import ROOT, Settings
from gateway.sms import sms_hooks
from store import embedded

STATIC = ROOT / "chat" / "static"
_SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}

_CONSOLE_SECURITY = (
    # NiceGUI compiles its templates in the browser and writes its start-up into the page.
    "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; media-src 'self' blob:; worker-src 'self' blob:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)


class SecurityHeaders:
    """Adds the security headers to every HTTP response that has not set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, adding headers as the response starts."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: ASGIMessage) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if scope["path"].startswith("/console/"):
                    headers.setdefault("Content-Security-Policy", _CONSOLE_SECURITY)
                for name, value in _SECURITY.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application; it connects when it starts, not when it is built."""
    chosen = settings or Settings()
    logs.configure(chosen.log_level)
    # The toolkit of its pages takes seconds to load: only where there is a console.
    console = importlib.import_module("gateway.console") if chosen.console else None

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        url = chosen.database_url or embedded.start(chosen.data_dir).url
        async with parts.build(chosen, url) as built:
            app.state.parts = built
            app.state.sms = sms_hooks(chosen, built)
            if not chosen.telephone:
                if console is not None:
                    console.hand_in(built, chosen, None)
                yield
                return
            async with build_telephone(chosen, built) as telephone:
                app.state.telephone = telephone
                app.state.phone = telephone.phone
                app.state.playback = telephone.playback
                app.state.voice = telephone.hooks
                if console is not None:
                    console.hand_in(built, chosen, telephone)
                yield

    app = FastAPI(title="Shuiling 税铃", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    if chosen.public_origin:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=[chosen.public_origin],
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Retry-After"],
        )

    app.add_middleware(SecurityHeaders)

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, __: RequestValidationError) -> JSONResponse:
        return JSONResponse({"detail": "请求的格式不对，请检查后再试。"}, status_code=422)

    for router in (operate.router, chat.router, rest.router, internal.router, sms.router):
        app.include_router(router)
    if chosen.wechat is not None:
        # Its library takes a second to load: only where there is an account.
        app.include_router(importlib.import_module("gateway.routes.wechat").router)
    if chosen.telephone:
        # ``/calls/live`` before ``/calls/{id}``.
        for router in (dial.router, voice.router, phone.router, calls.router, agent_call.router):
            app.include_router(router)
    if chosen.demo:
        app.include_router(demo.router)

        @app.get("/", include_in_schema=False)
        async def front_page() -> FileResponse:
            return FileResponse(STATIC / "index.html")

        @app.get("/demo/outbox.html", include_in_schema=False)
        async def outbox_page() -> FileResponse:
            return FileResponse(STATIC / "outbox.html")

    @app.get("/widget.js", include_in_schema=False)
    async def widget() -> FileResponse:
        headers = {"Cache-Control": "no-cache", "Cross-Origin-Resource-Policy": "cross-origin"}
        return FileResponse(STATIC / "widget.js", media_type="text/javascript", headers=headers)

    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    if console is not None:
        console.mount(app, chosen)
    return app
