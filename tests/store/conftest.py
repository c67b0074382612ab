"""A real PostgreSQL for the room: one embedded server a session, one fresh migrated database a module."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date

import psycopg
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncSession

from store import embedded, migrate
from store.crypto import FieldCipher
from store.databases import with_database
from store.embedded import EmbeddedServer
from store.engine import SessionFactory, make_engine, make_sessions
from tests.support.stack import data_folder

TODAY = date(2026, 11, 23)


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    with data_folder() as data_dir:
        yield embedded.start(data_dir)
        embedded.stop(data_dir)


@pytest.fixture(scope="session")
def template(server: EmbeddedServer) -> str:
    migrate.upgrade(server.url)
    return "shuiling"


@pytest.fixture(scope="module")
def fresh_database(server: EmbeddedServer, template: str) -> Callable[[], str]:
    """Makes a migrated, empty database and gives its URL."""

    def make() -> str:
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(with_database(server.url, "postgres"), autocommit=True) as connection:
            connection.execute(f"create database {name} template {template}")
        return with_database(server.url, name)

    return make


@pytest.fixture(scope="module")
def url(fresh_database: Callable[[], str]) -> str:
    return fresh_database()


@pytest_asyncio.fixture
async def sessions(url: str) -> AsyncIterator[SessionFactory]:
    engine = make_engine(url)
    yield make_sessions(engine)
    await engine.dispose()


@pytest_asyncio.fixture
async def session(sessions: SessionFactory) -> AsyncIterator[AsyncSession]:
    async with sessions() as opened:
        yield opened


@pytest.fixture(scope="session")
def cipher() -> FieldCipher:
    return FieldCipher.from_settings("1:first-secret-of-the-tests", "lookup-secret-of-the-tests")


@pytest.fixture
def today() -> date:
    return TODAY
