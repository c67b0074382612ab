from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from starlette.testclient import TestClient

from gateway.app import create_app
from gateway.settings import Settings
from kb.embed import HashingEmbedder
from kb.search import KnowledgeBase
from store.engine import SessionFactory
from tests.chat.database import fresh_database, opened, seed
from tests.gateway.rasa_twin import RasaTwin
from tests.support.stack import TODAY

Gateway = Callable[..., TestClient]


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
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vectors")


@pytest.fixture(scope="module")
def gateway(
    seeded_url: str, rasa: RasaTwin, vectors: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """Starts gateways in this process: the real application on real PostgreSQL, with a stand-in for Rasa."""
    load = KnowledgeBase.load

    def light(cache_dir: Path | None = None) -> KnowledgeBase:
        return load(embedder=HashingEmbedder(), cache_dir=vectors)

    with pytest.MonkeyPatch.context() as patch, ExitStack() as running:
        patch.setattr("gateway.parts.KnowledgeBase.load", light)
        patch.setattr("gateway.app.logs.configure", lambda _: None)

        def start(address: str = "127.0.0.1", **settings: Any) -> TestClient:
            given: dict[str, Any] = {
                "env": "test",
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
            app = create_app(Settings(_env_file=None, **given))
            return running.enter_context(TestClient(app, client=(address, 50_000)))

        yield start


@pytest.fixture(scope="module")
def client(gateway: Gateway) -> TestClient:
    """A gateway with wide limits."""
    return gateway()
