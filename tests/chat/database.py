"""Databases for tests of the rooms above the store: one embedded server a run, a fresh migrated database a module."""

from __future__ import annotations

import atexit
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import psycopg

from store import demo, embedded, migrate
from store.crypto import FieldCipher
from store.databases import with_database
from store.engine import SessionFactory, make_engine, make_sessions
from tests.support.stack import TODAY

CIPHER = FieldCipher.from_settings("1:first-secret-of-the-tests", "lookup-secret-of-the-tests")


@cache
def _template() -> str:
    folder = tempfile.TemporaryDirectory(prefix="shuiling-", ignore_cleanup_errors=True)
    url = embedded.start(Path(folder.name)).url

    def stop() -> None:
        embedded.stop(Path(folder.name))
        folder.cleanup()

    atexit.register(stop)
    migrate.upgrade(url)
    return url


def fresh_database() -> str:
    """URL of a new, migrated, empty database."""
    url = _template()
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(with_database(url, "postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name} template shuiling")
    return with_database(url, name)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[SessionFactory]:
    """Sessions on a database, closed in the end; usable within one event loop."""
    engine = make_engine(url)
    try:
        yield make_sessions(engine)
    finally:
        await engine.dispose()


async def seed(url: str, cipher: FieldCipher = CIPHER) -> None:
    """Fill an empty database with the fictional taxpayers."""
    async with opened(url) as sessions, sessions() as session, session.begin():
        await demo.seed(session, cipher, TODAY)
