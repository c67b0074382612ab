"""Everything a running gateway holds, built by one factory and reached by routes through the app's state."""

from __future__ import annotations

import asyncio
import gc
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import httpx
from fastapi import Depends
from rasa_sdk.executor import ActionExecutor
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from starlette.requests import HTTPConnection

from actions.core import Services
from actions.handoff import call_human_for
from actions.registry import build_executor
from chat.hub import Hub
from chat.limits import RateLimit
from chat.turns import Patience, Turns
from chat.uploads import UploadFolder
from gateway.clock import Clock
from gateway.dialogue import RasaDialogue
from gateway.guard import OutgoingGuard
from gateway.knowledge import knowledge_base
from gateway.links import DocumentLinks
from gateway.live import WindowPump
from gateway.metrics import Metrics
from gateway.settings import Settings
from gateway.stalls import watch_stalls
from handoff.sweep import sweep
from handoff.thread import taxpayer_spoke
from kb.check import load_forbidden
from store.crypto import FieldCipher
from store.engine import make_engine, make_sessions
from store.live import Live


@dataclass(frozen=True, slots=True)
class Parts:
    """The gateway's parts."""

    settings: Settings
    clock: Clock
    engine: AsyncEngine
    sessions: async_sessionmaker[AsyncSession]
    cipher: FieldCipher
    hub: Hub
    live: Live
    turns: Turns
    dialogue: RasaDialogue
    services: Services
    executor: ActionExecutor
    uploads: UploadFolder
    links: DocumentLinks
    metrics: Metrics
    message_rate: RateLimit
    address_rate: RateLimit
    session_rate: RateLimit


@asynccontextmanager
async def build(settings: Settings, database_url: str) -> AsyncIterator[Parts]:
    """Build the parts, take up unanswered messages, and put everything away in the end."""
    clock = Clock(settings.today)
    engine = make_engine(database_url)
    sessions = make_sessions(engine)
    cipher = FieldCipher.from_settings(
        settings.field_keys.get_secret_value(), settings.lookup_key.get_secret_value()
    )
    kb = knowledge_base()
    links = DocumentLinks(settings.session_key.get_secret_value())
    metrics = Metrics()
    services = Services(
        sessions=sessions,
        cipher=cipher,
        kb=kb,
        now=clock.now,
        today=clock.today,
        code_life=timedelta(minutes=settings.code_minutes),
        proof_life=timedelta(minutes=settings.verification_minutes),
        document_link=links.make,
    )
    client = httpx.AsyncClient(
        base_url=settings.rasa_url,
        timeout=httpx.Timeout(settings.rasa_timeout_s, connect=2.0),
        limits=httpx.Limits(max_connections=200, max_keepalive_connections=50),
    )
    dialogue = RasaDialogue(client, settings.internal_token.get_secret_value(), clock.today)
    guard = OutgoingGuard(sessions, load_forbidden(), kb.get, clock.now, clock.today, metrics.replaced)

    async def call_human(conversation_id: uuid.UUID, trigger: str) -> str:
        return await call_human_for(services, conversation_id, trigger)

    async def to_human(conversation_id: uuid.UUID) -> None:
        async with sessions() as session, session.begin():
            await taxpayer_spoke(session, conversation_id, clock.now())

    hub = Hub()
    live = Live(database_url)
    turns = Turns(
        sessions,
        dialogue,
        guard,
        call_human,
        hub,
        Patience(notice_after=3.0, give_up_after=settings.rasa_patience_s),
        metrics.turn,
        to_human,
    )
    watching = [
        asyncio.create_task(watch_stalls(metrics.stalled)),
        asyncio.create_task(sweep(sessions)),
    ]
    live.start()
    pump = WindowPump(sessions, hub, live, clock.now)
    # What is loaded here stays: full collections need not walk it while somebody waits.
    gc.collect()
    gc.freeze()
    try:
        parts = Parts(
            settings=settings,
            clock=clock,
            engine=engine,
            sessions=sessions,
            cipher=cipher,
            hub=hub,
            live=live,
            turns=turns,
            dialogue=dialogue,
            services=services,
            executor=build_executor(services),
            uploads=UploadFolder(
                settings.upload_dir, settings.upload_max_bytes, settings.upload_folder_max_bytes
            ),
            links=links,
            metrics=metrics,
            message_rate=RateLimit(settings.rate_messages_per_minute),
            address_rate=RateLimit(settings.rate_messages_per_minute * 10),
            session_rate=RateLimit(settings.rate_sessions_per_minute),
        )
        await turns.recover()
        yield parts
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        await turns.close()
        await pump.close()
        await live.close()
        await client.aclose()
        await engine.dispose()


async def _parts(connection: HTTPConnection) -> Parts:
    parts: Parts = connection.app.state.parts
    return parts


PartsDep = Annotated[Parts, Depends(_parts)]


def address(connection: HTTPConnection) -> str:
    """The caller's network address, for rate limits only."""
    return connection.client.host if connection.client else "unknown"
