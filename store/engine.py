"""The asynchronous engine and its sessions."""

from __future__ import annotations

import time

from sqlalchemy import Engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from store.databases import plain_url

TRUSTED_S = 1.0
"""Seconds for which a connection that has just worked is taken to work still."""
SessionFactory = async_sessionmaker[AsyncSession]


def sqlalchemy_url(url: str) -> str:
    """``postgresql://…`` (or ``postgres://…``) with the psycopg 3 driver named."""
    return make_url(plain_url(url)).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def make_engine(url: str, *, pool_size: int = 10, max_overflow: int = 10) -> AsyncEngine:
    """An engine that connects on first use and replaces connections the server has dropped.

    A connection that was idle for :data:`TRUSTED_S` is tried before it is handed out; trying it every time would cost
    a round trip for each of the many short transactions of a turn.
    """
    engine = create_async_engine(
        sqlalchemy_url(url),
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=30,
        # Errors go to logs, and what people said must not.
        hide_parameters=True,
    )
    _try_idle_connections(engine.sync_engine)
    return engine


def _try_idle_connections(engine: Engine) -> None:
    @event.listens_for(engine, "checkin")
    def remember(_: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        record.info["idle_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def try_it(connection: DBAPIConnection, record: ConnectionPoolEntry, _: PoolProxiedConnection) -> None:
        if time.monotonic() - record.info.get("idle_since", time.monotonic()) < TRUSTED_S:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error


def make_sessions(engine: AsyncEngine) -> SessionFactory:
    """Sessions whose objects stay readable after commit."""
    return async_sessionmaker(engine, expire_on_commit=False)
