"""What the console's pages need, handed in by the gateway."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from nicegui import app
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from starlette.requests import HTTPConnection

from handoff.ports import AgentGuard, CallLine, Prompter
from handoff.questions import Miner
from handoff.signing import Keys
from kb.search import KnowledgeBase
from store.crypto import FieldCipher
from store.live import Live


@dataclass(frozen=True, slots=True)
class ConsoleParts:
    """Everything a page may use; ``file_of`` gives the path of an uploaded file by its hash."""

    sessions: async_sessionmaker[AsyncSession]
    cipher: FieldCipher
    live: Live
    kb: KnowledgeBase
    guard: AgentGuard
    prompt: Prompter
    miner: Miner
    calls: CallLine | None
    """``None`` where this gateway makes no calls."""
    recording: Callable[[uuid.UUID], str] | None
    """The path of a call's recording, good for a while; ``None`` likewise."""
    now: Callable[[], datetime]
    today: Callable[[], date]
    file_of: Callable[[str], Path]
    keys: Keys
    bureau: str
    may_try: Callable[[HTTPConnection], bool]
    """Whether this address may try a password now; an account's own lock comes on top."""
    secure_cookie: bool
    """Whether browsers come by https."""


def install(parts: ConsoleParts | None) -> None:
    """Hand the parts to the pages of this process; ``None`` takes them away."""
    app.state.shuiling = parts


def parts() -> ConsoleParts:
    """The parts. Raises :class:`RuntimeError` before the gateway has started."""
    found: ConsoleParts | None = getattr(app.state, "shuiling", None)
    if found is None:
        raise RuntimeError("the console's parts are handed in when the gateway starts")
    return found
