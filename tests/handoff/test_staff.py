"""Accounts on real PostgreSQL: how they are made and changed, and what becomes of somebody's work when they go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from handoff import staff
from handoff.permissions import Role
from handoff.presence import set_presence
from handoff.skills import Skill
from handoff.staff import BadAccount
from store.engine import SessionFactory
from store.handoff_models import Presence, Staff, TicketStatus
from store.models import AuditEvent, Owner
from tests.chat.database import fresh_database, opened
from tests.handoff.accounts import PASSWORD, account, enter, holder, now, trail
from tests.handoff.accounts import quick_hashes as quick_hashes
from tests.handoff.makers import make_talk, owner_of, ticket_of

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("quick_hashes")]


@pytest.fixture(scope="module")
def url() -> str:
    return fresh_database()


@pytest_asyncio.fixture
async def sessions(url: str) -> AsyncIterator[SessionFactory]:
    async with opened(url) as factory:
        yield factory


async def make(sessions: SessionFactory, **wanted: Any) -> Staff:
    usual: dict[str, Any] = {
        "login": "wang.min",
        "name": "王敏",
        "password": PASSWORD,
        "roles": ["agent"],
        "actor": "staff:boss",
    }
    async with sessions() as session, session.begin():
        return await staff.create(session, **usual | wanted)


async def change(sessions: SessionFactory, who: Staff, **wanted: Any) -> Staff:
    async with sessions() as session, session.begin():
        return await staff.change(session, who.id, actor="staff:boss", **wanted)


async def test_an_account_is_made_as_wanted_and_on_record(sessions: SessionFactory) -> None:
    who = await make(
        sessions,
        login=" Xiao-Wang ",
        name=" 王  敏 ",
        roles={Role.OFFICER, Role.AGENT},
        skills=[Skill.DEFERRAL, Skill.GENERAL],
    )
    kept = await now(sessions, who)
    assert (kept.login, kept.name, kept.max_load) == ("xiao-wang", "王 敏", 4)
    assert kept.roles == ["agent", "officer"]
    assert kept.skills == ["general", "deferral"]
    assert (kept.presence, kept.disabled) == (Presence.OFFLINE, False)
    async with sessions() as session:
        event = await session.get(AuditEvent, 1)
    assert event is not None
    assert (event.actor, event.action, event.subject) == ("staff:boss", "staff.added", "staff:xiao-wang")
    assert event.detail == {"roles": ["agent", "officer"], "skills": ["general", "deferral"]}


@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        ({"login": "a"}, "登录名"),
        ({"login": "1wang"}, "登录名"),
        ({"login": "王敏"}, "登录名"),
        ({"login": "wang min"}, "登录名"),
        ({"login": "w" * 41}, "登录名"),
        ({"login": "wang-13900001234"}, "登录名"),
        ({"name": "  "}, "姓名"),
        ({"name": "王" * 21}, "姓名"),
        ({"name": "王\0敏"}, "姓名"),
        ({"name": "王敏 13900001234"}, "姓名"),
        ({"password": "short"}, "密码"),
        ({"roles": []}, "角色"),
        ({"roles": ["king"]}, "king"),
        ({"skills": ["magic"]}, "magic"),
        ({"max_load": 0}, "会话数"),
        ({"max_load": 51}, "会话数"),
    ],
)
async def test_an_account_that_cannot_be_is_refused_with_a_reason(
    sessions: SessionFactory, wanted: dict[str, Any], word: str
) -> None:
    with pytest.raises(BadAccount, match=word):
        await make(sessions, **{"login": "refused"} | wanted)
    async with sessions() as session:
        assert "refused" not in [who.login for who in await staff.everybody(session)]


async def test_a_login_belongs_to_one_also_when_two_are_made_at_once(sessions: SessionFactory) -> None:
    made = await asyncio.gather(*(make(sessions, login="twice") for _ in range(3)), return_exceptions=True)
    assert sum(isinstance(each, Staff) for each in made) == 1
    assert sum(isinstance(each, BadAccount) for each in made) == 2


async def test_what_is_not_given_stays(sessions: SessionFactory) -> None:
    who = await account(sessions, Role.AGENT, skills=[Skill.POLICY])
    await change(sessions, who, max_load=9)
    await change(sessions, who, name="王小敏", skills=[])
    await change(sessions, who, roles=["agent"])
    kept = await now(sessions, who)
    assert (kept.name, kept.roles, kept.skills, kept.max_load) == ("王小敏", ["agent"], [], 9)
    assert await trail(sessions, who) == [("staff:boss", "staff.changed")] * 2
    with pytest.raises(BadAccount, match="没有这样的角色"):
        await change(sessions, who, roles=["king"])


async def at_work(sessions: SessionFactory, who: Staff) -> None:
    async with sessions() as session, session.begin():
        await set_presence(session, who, Presence.ONLINE)


async def test_who_is_disabled_is_out_at_once_and_their_talks_wait_again(sessions: SessionFactory) -> None:
    who = await account(sessions, skills=tuple(Skill))
    token = (await enter(sessions, who)).token
    await at_work(sessions, who)
    talk = await make_talk(sessions, who)
    assert await owner_of(sessions, talk) == (Owner.AGENT, who.id)
    async with sessions() as session, session.begin():
        await staff.disable(session, who.id, actor="staff:boss")
    assert await holder(sessions, token) is None
    assert await owner_of(sessions, talk) == (Owner.QUEUE, None)
    assert (await ticket_of(sessions, talk)).status == TicketStatus.WAITING
    assert (await now(sessions, who)).presence == Presence.OFFLINE
    assert (await trail(sessions, who))[-1] == ("staff:boss", "staff.disabled")


async def test_who_may_no_longer_talk_gives_back_and_stays_logged_in(sessions: SessionFactory) -> None:
    who = await account(sessions, skills=tuple(Skill))
    token = (await enter(sessions, who)).token
    await at_work(sessions, who)
    talk = await make_talk(sessions, who)
    await change(sessions, who, roles=[Role.SUPERVISOR])
    assert await owner_of(sessions, talk) == (Owner.AGENT, who.id)
    await change(sessions, who, roles=[Role.AUDITOR])
    assert await owner_of(sessions, talk) == (Owner.QUEUE, None)
    assert (await now(sessions, who)).presence == Presence.OFFLINE
    assert await holder(sessions, token) == who.id


async def test_a_password_set_for_somebody_ends_their_sessions_and_their_lock(
    sessions: SessionFactory,
) -> None:
    who = await account(sessions)
    token = (await enter(sessions, who)).token
    async with sessions() as session, session.begin():
        kept = await staff.locked(session, who.id)
        kept.failed_logins = 3
        await staff.set_password(session, who.id, "dong-tian-de-xue", actor="staff:boss")
    assert await holder(sessions, token) is None
    assert (await now(sessions, who)).failed_logins == 0
    await enter(sessions, who, "dong-tian-de-xue")
    with pytest.raises(BadAccount, match="登录名"):
        async with sessions() as session, session.begin():
            await staff.set_password(session, who.id, f"{who.login}!", actor="staff:boss")


async def test_accounts_are_found_by_login_and_listed_with_the_disabled_last(
    sessions: SessionFactory,
) -> None:
    first, last = await account(sessions, login="zz.active"), await account(sessions, login="aa.gone")
    async with sessions() as session, session.begin():
        await staff.disable(session, last.id, actor="staff:boss")
        await staff.disable(session, last.id, actor="staff:boss")
        assert (await staff.by_login(session, " ZZ.active")).id == first.id
        with pytest.raises(BadAccount, match="没有登录名为nobody的账号"):
            await staff.by_login(session, "nobody")
        listed = [who.login for who in await staff.everybody(session)]
    assert listed.index("zz.active") < listed.index("aa.gone")
    assert [action for _, action in await trail(sessions, last)] == ["staff.disabled"]
