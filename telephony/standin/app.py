"""The stand-in carrier as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI

from telephony.standin import control, rest
from telephony.standin.exchange import Exchange

Opening = Callable[[], AbstractAsyncContextManager[Exchange]]


def create_app(opening: Opening) -> FastAPI:
    """An application whose exchange is opened when it starts and closed when it ends."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        async with opening() as exchange:
            app.state.exchange = exchange
            yield

    app = FastAPI(
        title="Shuiling stand-in carrier", lifespan=life, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.include_router(rest.router)
    app.include_router(control.router)
    rest.explain(app)
    control.explain(app)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    return app
