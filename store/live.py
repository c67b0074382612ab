"""Live push between processes: PostgreSQL tells every listener that something changed, by ids only.

Triggers of the migrations notify on channel ``shuiling``; a notification may be lost, so after every reconnection
listeners are told to read again what they show (:data:`RESYNC`), and nothing may depend on one arriving.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from store.databases import plain_url

log = structlog.get_logger("store.live")
CHANNEL = "shuiling"
RETRY_S = 0.5
_ALIVE_S = 20.0
"""How long the line may be silent before it is tried."""


@dataclass(frozen=True, slots=True)
class Change:
    """What changed: ``message`` (conversation, message), ``conversation`` (id), ``ticket`` (conversation, ticket),
    ``typing`` (conversation, side), ``staff``, ``case``, ``deferral_application`` (id); ``resync``: read it all again.
    """

    kind: str
    ids: tuple[str, ...] = ()


RESYNC = Change("resync")
Listener = Callable[[Change], None]


class Live:
    """One connection that listens for this process."""

    def __init__(self, url: str) -> None:
        self._url = plain_url(url)
        self._listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self.connected = asyncio.Event()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` for every change from now on, in the event loop; returns what ends that."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def start(self) -> None:
        """Begin to listen, and go on until :meth:`close`."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                log.warning("live_lost", error=type(error).__name__)
            self.connected.clear()
            await asyncio.sleep(RETRY_S)

    async def _listen(self) -> None:
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
            await connection.execute(f"listen {CHANNEL}")
            self.connected.set()
            self._tell(RESYNC)
            while True:
                async for notification in connection.notifies(timeout=_ALIVE_S):
                    kind, *ids = notification.payload.split(":")
                    self._tell(Change(kind, tuple(ids)))
                async with asyncio.timeout(_ALIVE_S):
                    await connection.execute("select 1")

    def _tell(self, change: Change) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(change)
            except Exception:
                log.exception("live_listener_failed", kind=change.kind)


async def announce(session: AsyncSession, kind: str, *ids: str) -> None:
    """Tell every process of something no table holds; it is told when the transaction commits."""
    await session.execute(
        text("select pg_notify(:channel, :payload)"), {"channel": CHANNEL, "payload": ":".join((kind, *ids))}
    )
