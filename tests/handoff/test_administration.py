"""What an admin may do, what nobody else may, and what not even an admin can do to themselves."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, time

import pytest
import pytest_asyncio
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from handoff import administration, office
from handoff.administration import BadHours, checked_hours
from handoff.permissions import NotAllowed, Role
from handoff.staff import BadAccount
from store.engine import SessionFactory
from store.handoff_models import Staff
from store.models import AuditEvent
from tests.chat.database import fresh_database, opened
from tests.handoff.accounts import PASSWORD, account, enter, now, trail
from tests.handoff.accounts import quick_hashes as quick_hashes

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("quick_hashes")]

NINE, TWELVE, TWO, SIX = time(9), time(12), time(14), time(18)
NOBODY = uuid.uuid4()
Deed = Callable[[AsyncSession, Staff], Awaitable[object]]

DEEDS: dict[str, Deed] = {
    "list_staff": lambda s, by: administration.list_staff(s, by),
    "add_staff": lambda s, by: administration.add_staff(
        s, by, login="newcomer", name="新来的", password=PASSWORD, roles=["agent"]
    ),
    "change_staff": lambda s, by: administration.change_staff(s, by, NOBODY, max_load=3),
    "disable_staff": lambda s, by: administration.disable_staff(s, by, NOBODY),
    "enable_staff": lambda s, by: administration.enable_staff(s, by, NOBODY),
    "reset_password": lambda s, by: administration.reset_password(s, by, NOBODY, PASSWORD),
    "remove_totp": lambda s, by: administration.remove_totp(s, by, NOBODY),
    "set_office_hours": lambda s, by: administration.set_office_hours(s, by, [(NINE, TWELVE)]),
    "list_canned": lambda s, by: administration.list_canned(s, by),
    "add_canned": lambda s, by: administration.add_canned(s, by, title="新的", text="您好。"),
    "rewrite_canned": lambda s, by: administration.rewrite_canned(s, by, NOBODY, title="新", text="您好。"),
    "retire_canned": lambda s, by: administration.retire_canned(s, by, NOBODY),
}


@pytest.fixture(scope="module")
def url() -> str:
    return fresh_database()


@pytest_asyncio.fixture
async def sessions(url: str) -> AsyncIterator[SessionFactory]:
    async with opened(url) as factory:
        yield factory


@pytest_asyncio.fixture
async def admin(sessions: SessionFactory) -> Staff:
    return await account(sessions, Role.ADMIN)


async def test_every_deed_is_in_the_table() -> None:
    deeds = {
        name
        for name, found in vars(administration).items()
        if callable(found)
        and getattr(found, "__module__", "") == administration.__name__
        and not name.startswith("_")
    }
    assert deeds - {"BadHours", "checked_hours"} == set(DEEDS)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
@pytest.mark.parametrize("deed", DEEDS)
async def test_nobody_but_an_admin_administers(deed: str, role: Role) -> None:
    by = Staff(id=uuid.uuid4(), login="somebody", roles=[role.value])
    # A session without a database: a refusal that came later than the first statement would be another error.
    with pytest.raises(NotAllowed):
        await DEEDS[deed](AsyncSession(), by)


async def test_an_admin_makes_and_changes_accounts_and_is_on_record(
    sessions: SessionFactory, admin: Staff
) -> None:
    async with sessions() as session, session.begin():
        made = await administration.add_staff(
            session, admin, login="li.weidong", name="李卫东", password=PASSWORD, roles=[Role.OFFICER]
        )
        await administration.change_staff(session, admin, made.id, skills=["deferral"], max_load=6)
        await administration.reset_password(session, admin, made.id, "dong-tian-de-xue")
        await administration.disable_staff(session, admin, made.id)
        await administration.enable_staff(session, admin, made.id)
        assert made.id in [who.id for who in await administration.list_staff(session, admin)]
    actor = f"staff:{admin.login}"
    assert await trail(sessions, made) == [
        (actor, "staff.changed"),
        (actor, "staff.password"),
        (actor, "staff.disabled"),
        (actor, "staff.enabled"),
    ]
    await enter(sessions, made, "dong-tian-de-xue")


async def test_an_admin_stays_one_and_keeps_the_account(sessions: SessionFactory, admin: Staff) -> None:
    async with sessions() as session, session.begin():
        with pytest.raises(BadAccount, match="自己的管理员角色"):
            await administration.change_staff(session, admin, admin.id, roles=[Role.AUDITOR])
        with pytest.raises(BadAccount, match="自己的账号"):
            await administration.disable_staff(session, admin, admin.id)
        with pytest.raises(BadAccount, match="自己的密码"):
            await administration.reset_password(session, admin, admin.id, "dong-tian-de-xue")
        await administration.change_staff(session, admin, admin.id, roles=[Role.ADMIN, Role.AUDITOR])
    kept = await now(sessions, admin)
    assert (kept.roles, kept.disabled) == (["admin", "auditor"], False)
    await enter(sessions, admin)


async def test_another_admin_may_be_demoted(sessions: SessionFactory, admin: Staff) -> None:
    other = await account(sessions, Role.ADMIN)
    async with sessions() as session, session.begin():
        await administration.change_staff(session, admin, other.id, roles=[Role.AGENT])
    assert (await now(sessions, other)).roles == ["agent"]


async def test_office_hours_are_replaced_and_on_record(sessions: SessionFactory, admin: Staff) -> None:
    async with sessions() as session, session.begin():
        await administration.set_office_hours(session, admin, [(TWO, SIX), (time(8, 30), TWELVE)])
        await administration.set_office_hours(session, admin, [(time(8, 30), TWELVE), (TWO, SIX)])
    async with sessions() as session:
        assert (await office.hours(session)).in_words() == "工作日8点30分到12点、14点到18点"
        events = (await session.scalars(select(AuditEvent).where(AuditEvent.action == "office.hours"))).all()
    (event,) = events
    assert event.actor == f"staff:{admin.login}"
    assert event.detail == {"before": ["09:00-12:00", "14:00-18:00"], "after": ["08:30-12:00", "14:00-18:00"]}
    async with sessions() as session, session.begin():
        await administration.set_office_hours(session, admin, [])
        assert (await office.hours(session)).in_words() == "暂不开放"


async def test_hours_that_cannot_be_leave_the_old_ones(sessions: SessionFactory, admin: Staff) -> None:
    async with sessions() as session, session.begin():
        await administration.set_office_hours(session, admin, [(NINE, SIX)])
        with pytest.raises(BadHours):
            await administration.set_office_hours(session, admin, [(SIX, NINE)])
        assert (await office.hours(session)).stretches == ((NINE, SIX),)


@pytest.mark.parametrize(
    ("stretches", "word"),
    [
        ([(TWELVE, NINE)], "晚于"),
        ([(NINE, NINE)], "晚于"),
        ([(time(22), time(6))], "午夜"),
        ([(NINE, TWO), (TWELVE, SIX)], "重叠"),
        ([(NINE, SIX), (TWELVE, TWO)], "重叠"),
        ([(NINE, TWELVE), (NINE, TWELVE)], "重叠"),
        ([(NINE, TWELVE), (TWELVE, SIX)], "合成一段"),
        ([(time(9, 0, 30), TWELVE)], "分钟"),
        ([(NINE.replace(tzinfo=UTC), TWELVE.replace(tzinfo=UTC))], "分钟"),
        ([(time(hour), time(hour, 30)) for hour in range(8, 15)], "最多"),
    ],
)
def test_nonsense_is_refused_with_a_reason(stretches: list[tuple[time, time]], word: str) -> None:
    with pytest.raises(BadHours, match=word):
        checked_hours(stretches)


def test_stretches_come_out_in_order() -> None:
    assert checked_hours([(TWO, SIX), (NINE, TWELVE)]).stretches == ((NINE, TWELVE), (TWO, SIX))
