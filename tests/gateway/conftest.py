from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI

from gateway.app import create_app
from gateway.settings import Settings
from kb.embed import HashingEmbedder
from kb.search import KnowledgeBase
from store.engine import SessionFactory
from tests.chat.database import fresh_database, opened, seed
from tests.gateway.rasa_twin import RasaTwin
from tests.support.stack import TODAY, free_port, wait_until


class Client(httpx.Client):
    """Speaks to a gateway that runs in a thread of this process.

    Attributes:
        app: the application.
        socket_url: address of its WebSocket.
    """

    def __init__(self, app: FastAPI, port: int) -> None:
        super().__init__(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False)
        self.app = app
        self.socket_url = f"ws://127.0.0.1:{port}/chat/ws"


Gateway = Callable[..., Client]


@contextmanager
def serving(app: FastAPI) -> Iterator[Client]:
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical", access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive(), 60, "the gateway")
        with Client(app, port) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="module")
def seeded_url() -> str:
    """URL of a database with the fictional taxpayers, deadlines laid around the fixed day."""
    url = fresh_database()
    asyncio.run(seed(url))
    return url


@pytest_asyncio.fixture
async def sessions(seeded_url: str) -> AsyncIterator[SessionFactory]:
    async with opened(seeded_url) as factory:
        yield factory


@pytest.fixture(scope="module")
def rasa() -> Iterator[RasaTwin]:
    with RasaTwin() as twin:
        yield twin


@pytest.fixture(scope="session")
def kb() -> KnowledgeBase:
    """The articles, found by their letters instead of by a model."""
    return KnowledgeBase.load(embedder=HashingEmbedder())


@pytest.fixture(scope="module")
def gateway(
    seeded_url: str, rasa: RasaTwin, kb: KnowledgeBase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """Starts gateways in this process: the real application on real PostgreSQL, with a stand-in for Rasa."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as running:
        patch.setattr("gateway.parts.knowledge_base", lambda: kb)
        patch.setattr("gateway.app.logs.configure", lambda _: None)

        def start(**settings: Any) -> Client:
            given: dict[str, Any] = {
                "env": "test",
                "telephone": False,
                "console": False,
                "today": TODAY,
                "data_dir": tmp_path_factory.mktemp("data"),
                "DATABASE_URL": seeded_url,
                "rasa_port": rasa.port,
                "field_keys": "1:first-secret-of-the-tests",
                "lookup_key": "lookup-secret-of-the-tests",
                "rate_messages_per_minute": 100_000,
                "rate_sessions_per_minute": 100_000,
                **settings,
            }
            return running.enter_context(serving(create_app(Settings(_env_file=None, **given))))

        yield start


@pytest.fixture(scope="module")
def client(gateway: Gateway) -> Client:
    """A gateway with wide limits."""
    return gateway()
