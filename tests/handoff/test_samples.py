"""The demonstration's logins: only into an empty store, known to this machine alone, printed while they are true."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from handoff import staff
from handoff.login import log_in
from handoff.permissions import Role
from handoff.samples import FILE, Login, sample_logins, seed_staff
from handoff.skills import Skill
from store import audit
from store.engine import SessionFactory
from tests.chat.database import CIPHER, fresh_database, opened
from tests.handoff.accounts import account
from tests.handoff.accounts import quick_hashes as quick_hashes

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("quick_hashes")]


@pytest.fixture
def url() -> str:
    return fresh_database()


@pytest_asyncio.fixture
async def sessions(url: str) -> AsyncIterator[SessionFactory]:
    async with opened(url) as factory:
        yield factory


async def start(sessions: SessionFactory, folder: Path) -> tuple[int, tuple[Login, ...]]:
    async with sessions() as session, session.begin():
        return await seed_staff(session, folder), await sample_logins(session, folder)


async def test_the_logins_open_the_console_and_are_printed_again(
    sessions: SessionFactory, tmp_path: Path
) -> None:
    added, logins = await start(sessions, tmp_path)
    assert added == len(logins) == 4
    assert await start(sessions, tmp_path) == (0, logins)
    roles: set[str] = set()
    for each in logins:
        inside = await log_in(sessions, CIPHER, each.login, each.password)
        roles |= set(inside.staff.roles)
        assert inside.staff.name in each.who
    assert roles == set(Role)
    async with sessions() as session:
        skills = {skill for who in await staff.everybody(session) for skill in who.skills}
        assert (await audit.verify(session)).ok
    assert skills == set(Skill)


async def test_passwords_are_this_installations_own_and_this_users_to_read(
    sessions: SessionFactory, tmp_path: Path
) -> None:
    (tmp_path / FILE).write_text("old\n")
    (tmp_path / FILE).chmod(0o644)
    _, logins = await start(sessions, tmp_path)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [FILE]
    (tmp_path / "other").mkdir()
    async with opened(fresh_database()) as elsewhere:
        _, others = await start(elsewhere, tmp_path / "other")
    passwords = [each.password for each in (*logins, *others)]
    assert len(set(passwords)) == 8
    assert all(len(password) >= 12 for password in passwords)


async def test_nobody_is_added_where_there_is_somebody(sessions: SessionFactory, tmp_path: Path) -> None:
    await account(sessions)
    assert await start(sessions, tmp_path) == (0, ())
    assert not (tmp_path / FILE).exists()


async def test_logins_that_no_longer_hold_are_not_printed(sessions: SessionFactory, tmp_path: Path) -> None:
    _, (changed, disabled, *others) = await start(sessions, tmp_path)
    async with sessions() as session, session.begin():
        who = await staff.by_login(session, changed.login)
        await staff.set_password(session, who.id, "dong-tian-de-xue", actor="test")
        await staff.disable(session, (await staff.by_login(session, disabled.login)).id, actor="test")
    assert await start(sessions, tmp_path) == (0, tuple(others))
    async with opened(fresh_database()) as elsewhere, elsewhere() as session:
        assert await sample_logins(session, tmp_path) == ()
