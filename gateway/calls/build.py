"""Builds the telephone: voices, hearing, carriers, recordings and their upkeep, from the settings."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog
from fastapi import WebSocket

from gateway.calls.agents import AgentCalls
from gateway.calls.archive import CallArchive
from gateway.calls.desk import House
from gateway.calls.hearing import build_hearing
from gateway.calls.ledger import CallLedger
from gateway.calls.outbound import call_limits, callbacks_of, outbound_carrier
from gateway.calls.presence import announce_lines
from gateway.calls.service import CallService
from gateway.calls.speech import SPEECH, start_voice
from gateway.calls.tokens import AgentTokens, StreamTokens
from gateway.operators import OperatorAccess
from gateway.parts import Parts
from gateway.routes.calls import Playback, RecordingLinks
from gateway.routes.phone import Phone
from gateway.routes.voice import VoiceHooks
from gateway.settings import Settings
from store import call_upkeep, calls
from store.crypto import derived_keys
from store.models import Call
from telephony.call.words import shared_words
from telephony.carriers.base import Carrier
from telephony.carriers.browser import BrowserCarrier
from telephony.carriers.reconcile import reconcile
from telephony.carriers.signature import SignatureCheck
from telephony.recording import Recordings
from telephony.recording_format import RecordingKeys
from telephony.recording_retention import expire
from telephony.voice.speaker import open_speaker

log = structlog.get_logger("gateway.calls")
_UPKEEP_S = 60.0
_RETENTION_TURNS = 60
"""Every so many rounds of upkeep all recordings are looked at."""
_DECODERS = 2
"""Threads that recognise speech; decoding leaves the interpreter's lock, so one a core."""


@dataclass(frozen=True, slots=True)
class Telephone:
    """What the routes of the telephone need."""

    service: CallService
    phone: Phone
    playback: Playback
    hooks: VoiceHooks | None
    """``None`` without a carrier that calls back."""
    access: OperatorAccess
    usual_carrier: str
    internal_token: str
    agents: AgentCalls
    """Calls that humans take in the console."""


@asynccontextmanager
async def build_telephone(settings: Settings, parts: Parts) -> AsyncIterator[Telephone]:
    """Build it, keep it in order while it is used, and put it away in the end."""
    house = House(
        parts.sessions,
        parts.cipher,
        parts.services,
        parts.turns,
        parts.dialogue,
        parts.clock.now,
        parts.clock.today,
        timedelta(minutes=settings.verification_minutes),
    )
    callbacks = callbacks_of(settings)
    access = OperatorAccess(settings.demo, settings.operator_token)
    recordings = Recordings(
        settings.recording_dir,
        RecordingKeys(*derived_keys(settings.field_keys.get_secret_value(), "recording")),
    )
    speaker = open_speaker(SPEECH, settings.voice_workers)
    pool = ThreadPoolExecutor(_DECODERS, thread_name_prefix="hearing")
    rivals = ThreadPoolExecutor(_DECODERS, thread_name_prefix="rival")
    hearing = build_hearing(pool, rivals, settings.mandarin_model)
    agents = AgentCalls(AgentTokens(settings.session_key.get_secret_value()), house.sessions, speaker)
    carriers: dict[str, Carrier] = {}
    service = CallService(
        house,
        carriers,
        speaker,
        hearing,
        recordings,
        shared_words(),
        settings.bureau,
        call_limits(settings),
        agents,
        parts.live,
        parts.metrics.call_stage,
        at_any_time=settings.demo,
    )
    browser = BrowserCarrier(service.browser_status, house.now, any_page=settings.demo)
    carriers["browser"] = browser
    dialled = outbound_carrier(settings, callbacks)
    if dialled is not None:
        carriers[dialled.carrier.name] = dialled.carrier
    if settings.carrier not in carriers:
        raise ValueError(
            f"SHUILING_CARRIER 设为 {settings.carrier}，但没有这条线路。现在可用的是：{'、'.join(carriers)}。"
        )
    hooks = None
    if dialled is not None:
        hooks = VoiceHooks(
            house.sessions,
            SignatureCheck(dialled.auth_token, callbacks),
            StreamTokens(settings.session_key.get_secret_value()),
            callbacks.stream,
            house.now,
            service.live.answered_by,
        )

    async def serve_browser(socket: WebSocket, call_id: uuid.UUID) -> None:
        async with house.sessions() as session, session.begin():
            row = await session.get(Call, call_id)
            carrier_id = browser.carrier_id(call_id)
            taken = carrier_id and await calls.take_stream(session, call_id, carrier_id, house.now())
        if row is None or not taken:
            return
        await service.serve(
            socket,
            taken,
            lambda speaker, text, final: browser.line(call_id, speaker, text, final=final),
        )

    await CallLedger(house.sessions, house.cipher, browser.name, house.now).forget()
    shorts = [article.short for article in parts.services.kb.articles]
    starting = asyncio.create_task(start_voice(speaker, shared_words(), settings.bureau, shorts))
    warming = asyncio.create_task(asyncio.to_thread(hearing.warm))
    upkeep = asyncio.create_task(_upkeep(settings, house, carriers))
    present = asyncio.create_task(announce_lines(house.sessions, settings.call_lines))
    try:
        yield Telephone(
            service=service,
            phone=Phone(browser, serve_browser, access, settings.public_origin),
            playback=Playback(
                CallArchive(house.sessions, recordings),
                access,
                RecordingLinks(settings.session_key.get_secret_value()),
            ),
            hooks=hooks,
            access=access,
            usual_carrier=settings.carrier,
            internal_token=settings.internal_token.get_secret_value(),
            agents=agents,
        )
    finally:
        for task in (starting, warming, upkeep, present):
            task.cancel()
        await asyncio.gather(starting, warming, upkeep, present, return_exceptions=True)
        await browser.close()
        if dialled is not None:
            await dialled.carrier.aclose()
        await speaker.close()
        for threads in (pool, rivals):
            threads.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(recordings.close)


async def _upkeep(settings: Settings, house: House, carriers: Mapping[str, Carrier]) -> None:
    """Find out about calls nobody reported on, and settle those that broke; now and then delete old recordings."""
    for turn in itertools.count(1):
        await asyncio.sleep(_UPKEEP_S)
        for name, carrier in carriers.items():
            ledger = CallLedger(house.sessions, house.cipher, name, house.now)
            try:
                await reconcile(carrier, ledger, house.now())
                await ledger.settle()
            except Exception:
                log.exception("upkeep_failed", carrier=name)
        if turn % _RETENTION_TURNS == 0:
            try:
                await _forget_recordings(settings, house)
            except Exception:
                log.exception("retention_failed")


async def _forget_recordings(settings: Settings, house: House) -> None:
    """Delete recordings whose time is over, and note it with their calls."""
    kept = timedelta(days=settings.recording_days)
    gone = await asyncio.to_thread(expire, settings.recording_dir, kept, house.now())
    if gone.failed:
        log.error("recordings_not_deleted", count=len(gone.failed))
    for call_id in gone.deleted:
        async with house.sessions() as session, session.begin():
            await call_upkeep.recording_deleted(session, call_id, house.now())
