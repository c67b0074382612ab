"""The store as commands open it: the one in use, the embedded one started where nothing runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

import psycopg
import typer
from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.settings import Settings
from store.crypto import CipherError
from store.databases import DatabaseSetupError
from store.embedded import EmbeddedServerError
from store.engine import make_engine, make_sessions
from store.opening import database

T = TypeVar("T")


def with_session(settings: Settings, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    """What ``work`` returns; a store that cannot be opened ends the command with a word about it and exit code 1."""

    async def run(url: str) -> T:
        engine = make_engine(url, pool_size=1, max_overflow=0)
        try:
            async with make_sessions(engine)() as session:
                return await work(session)
        finally:
            await engine.dispose()

    try:
        with database(settings.database_url, settings.data_dir) as url:
            return asyncio.run(run(url))
    except (CipherError, EmbeddedServerError, DatabaseSetupError, ValueError) as error:
        fail(str(error))
    except psycopg.OperationalError as error:
        fail(f"数据库连接不上：{error}")


def fail(message: str) -> NoReturn:
    """Say ``message`` on standard error and exit with code 1."""
    Console(stderr=True).print(message, markup=False)
    raise typer.Exit(1)
