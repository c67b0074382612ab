"""Mounts the console of agents and officers into the gateway, and hands its pages what they need."""

from __future__ import annotations

import uuid

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from nicegui import ui

from chat import threads
from chat.limits import RateLimit
from gateway.agent_guard import WrittenGuard
from gateway.calls.build import Telephone
from gateway.parts import Parts, address
from gateway.questions import question_miner
from gateway.settings import ROOT, Settings
from handoff.console import entrance, files, pages
from handoff.console.parts import ConsoleParts, install
from handoff.signing import Keys
from kb.check import load_forbidden
from outreach.console import pages as outreach_pages

CONSOLE = "/console"
TRIES_PER_MINUTE = 60
"""Logins from one address; an office may share one."""


def mount(app: FastAPI, settings: Settings) -> None:
    """Add the console's routes. Call it last: its pages answer to everything below ``/console``."""
    app.mount("/console-static", StaticFiles(directory=ROOT / "handoff" / "console" / "static"))
    app.include_router(entrance.router)
    app.include_router(files.router)
    pages.load()
    outreach_pages.load()
    ui.run_with(
        app,
        mount_path=CONSOLE,
        title="税铃工作台",
        language="zh-CN",
        storage_secret=settings.session_key.get_secret_value(),
        session_middleware_kwargs={"same_site": "strict", "https_only": _https(settings)},
        reconnect_timeout=10.0,
        show_welcome_message=False,
    )


def hand_in(parts: Parts, settings: Settings, telephone: Telephone | None) -> None:
    """Give the pages the gateway's parts; they are one set a process."""

    async def prompt(conversation_id: uuid.UUID, command: str, shown: str) -> None:
        async with parts.sessions() as session, session.begin():
            await threads.prompt(session, conversation_id, command, shown)
        parts.turns.wake(conversation_id)

    tries = RateLimit(TRIES_PER_MINUTE)
    install(
        ConsoleParts(
            sessions=parts.sessions,
            cipher=parts.cipher,
            live=parts.live,
            kb=parts.services.kb,
            guard=WrittenGuard(
                parts.sessions,
                load_forbidden(),
                parts.services.kb.articles,
                parts.clock.now,
                parts.clock.today,
            ),
            prompt=prompt,
            miner=question_miner(parts.services.kb.embedder),
            calls=telephone.agents if telephone is not None else None,
            recording=telephone.playback.links.make if telephone is not None else None,
            now=parts.clock.now,
            today=parts.clock.today,
            file_of=parts.uploads.path,
            keys=_keys(settings),
            bureau=settings.bureau,
            may_try=lambda connection: tries.allow(address(connection)),
            secure_cookie=_https(settings),
        )
    )


def _keys(settings: Settings) -> Keys:
    passphrase = settings.thread_pkcs12_passphrase
    return Keys(
        folder=settings.data_dir / "keys",
        bureau=settings.bureau,
        pkcs12=settings.thread_pkcs12,
        passphrase=passphrase.get_secret_value() if passphrase is not None else None,
    )


def _https(settings: Settings) -> bool:
    return settings.env == "production" or (settings.public_origin or "").startswith("https://")
