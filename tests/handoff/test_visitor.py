"""What an open page may do: every action for every role, asked anew each time, and nothing after the login has ended."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import pytest_asyncio

from handoff import sessions as staff_sessions
from handoff import staff as accounts
from handoff.console.parts import ConsoleParts, install
from handoff.console.visitor import SessionEnded, Visitor
from handoff.permissions import ALLOWED, Action, NotAllowed, Role
from store.engine import SessionFactory
from store.handoff_models import Presence
from tests.chat.database import fresh_database, opened

pytestmark = pytest.mark.unit
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def url() -> str:
    return fresh_database()


@pytest_asyncio.fixture
async def sessions(url: str) -> AsyncIterator[SessionFactory]:
    async with opened(url) as factory:
        install(cast(ConsoleParts, SimpleNamespace(sessions=factory)))
        yield factory
        install(None)


async def somebody(sessions: SessionFactory, role: Role) -> Visitor:
    async with sessions() as session, session.begin():
        login = f"{role.value}-{secrets.token_hex(4)}"
        who = await accounts.create(
            session,
            login=login,
            name="某人",
            password="long-enough-for-a-test",
            roles=[role.value],
            actor="system",
        )
        token = await staff_sessions.begin(session, who.id)
        return Visitor(token, who.id, login, who.name, (role.value,), Presence.OFFLINE)


@pytest.mark.parametrize("role", list(Role))
async def test_every_action_for_every_role(sessions: SessionFactory, role: Role) -> None:
    who = await somebody(sessions, role)
    for action in Action:
        allowed = role in ALLOWED[action]
        assert who.may(action) == allowed
        if allowed:
            async with who.acting(action) as (_, staff):
                assert staff.id == who.staff_id
        else:
            with pytest.raises(NotAllowed):
                async with who.acting(action):
                    pytest.fail("let through")


async def test_a_role_taken_away_counts_at_the_next_action(sessions: SessionFactory) -> None:
    who = await somebody(sessions, Role.OFFICER)
    async with who.acting(Action.DECIDE_DEFERRAL):
        pass
    async with sessions() as session, session.begin():
        await accounts.change(session, who.staff_id, roles=[Role.AGENT.value], actor="system")
    with pytest.raises(NotAllowed):
        async with who.acting(Action.DECIDE_DEFERRAL):
            pytest.fail("let through")
    assert not who.may(Action.DECIDE_DEFERRAL)


async def test_nothing_can_be_done_after_logging_out(sessions: SessionFactory) -> None:
    who = await somebody(sessions, Role.AGENT)
    async with sessions() as session, session.begin():
        await staff_sessions.log_out(session, who.token)
    with pytest.raises(SessionEnded):
        async with who.acting(Action.SEE_QUEUE):
            pytest.fail("let through")


async def test_a_forged_token_opens_nothing(sessions: SessionFactory) -> None:
    who = await somebody(sessions, Role.ADMIN)
    who.token = "x" * 43
    with pytest.raises(SessionEnded):
        async with who.acting(Action.MANAGE_STAFF):
            pytest.fail("let through")


def test_every_action_is_asked_for_somewhere() -> None:
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for room in ("handoff", "outreach")
        for path in (ROOT / room).rglob("*.py")
    )
    asked: set[Any] = set(
        re.findall(r"(?:require\([\w.]+, |acting\(|visitor\(request, |may\([\w.]+, )Action\.(\w+)", code)
    )
    asked |= set(re.findall(r'"[^"]+", Action\.(\w+)\)', code))
    assert {action.name for action in Action} - asked == set()
