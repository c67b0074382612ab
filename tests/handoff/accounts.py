"""Accounts that can log in, for tests of the console's door and of its administration."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from handoff import passwords, staff
from handoff.login import LoggedIn, log_in
from handoff.permissions import Role
from handoff.sessions import session_of
from store.engine import SessionFactory
from store.handoff_models import Staff
from store.models import AuditEvent
from tests.chat.database import CIPHER

PASSWORD = "qiu-tian-de-yu"


@pytest.fixture
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost next to nothing."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


async def account(
    sessions: SessionFactory, *roles: str, skills: Sequence[str] = (), login: str | None = None
) -> Staff:
    """A fresh account with :data:`PASSWORD`."""
    async with sessions() as session, session.begin():
        return await staff.create(
            session,
            login=login or f"u{secrets.token_hex(5)}",
            name="王敏",
            password=PASSWORD,
            roles=roles or (Role.AGENT,),
            skills=skills,
            actor="test",
        )


async def enter(sessions: SessionFactory, who: Staff, password: str = PASSWORD, code: str = "") -> LoggedIn:
    """Log in as ``who``."""
    return await log_in(sessions, CIPHER, who.login, password, code)


async def now(sessions: SessionFactory, who: Staff) -> Staff:
    """The account as it is stored."""
    async with sessions() as session:
        found = await session.get(Staff, who.id)
    assert found is not None
    return found


async def holder(sessions: SessionFactory, token: str) -> uuid.UUID | None:
    """Whose session it is."""
    async with sessions() as session, session.begin():
        found = await session_of(session, token)
    return found.id if found else None


async def trail(sessions: SessionFactory, who: Staff) -> list[tuple[str, str]]:
    """Actor and action of what is on record about an account, after its making."""
    async with sessions() as session:
        rows = await session.execute(
            select(AuditEvent.actor, AuditEvent.action)
            .where(AuditEvent.subject == f"staff:{who.login}", AuditEvent.action != "staff.added")
            .order_by(AuditEvent.id)
        )
        return [(actor, action) for actor, action in rows]
