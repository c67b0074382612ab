"""What an admin does in the console. Each function asks for the permission itself and writes down who did it.

``by`` is what :func:`handoff.sessions.session_of` gave for this very action, never a copy kept by a page: roles change.
Every function raises :class:`handoff.permissions.NotAllowed`; beside it :class:`handoff.staff.BadAccount` for accounts,
:class:`handoff.thread.BadWords` for ready replies and :class:`BadHours` for office hours.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from datetime import time
from itertools import pairwise

from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncSession

from handoff import canned, staff, totp
from handoff.office import Hours, hours
from handoff.permissions import Action, Role, require
from handoff.staff import BadAccount
from store import audit
from store.handoff_models import CannedReply, OfficeHours, Staff

_MOST_STRETCHES = 6


class BadHours(ValueError):
    """Office hours that cannot be; the words (Chinese) say why."""


async def list_staff(session: AsyncSession, by: Staff) -> list[Staff]:
    """All accounts, the disabled ones last."""
    require(by.roles, Action.MANAGE_STAFF)
    return await staff.everybody(session)


async def add_staff(
    session: AsyncSession,
    by: Staff,
    *,
    login: str,
    name: str,
    password: str,
    roles: Collection[str],
    skills: Collection[str] = (),
    max_load: int = staff.USUAL_LOAD,
) -> Staff:
    """A new account."""
    require(by.roles, Action.MANAGE_STAFF)
    return await staff.create(
        session,
        login=login,
        name=name,
        password=password,
        roles=roles,
        skills=skills,
        max_load=max_load,
        actor=_actor(by),
    )


async def change_staff(
    session: AsyncSession,
    by: Staff,
    staff_id: uuid.UUID,
    *,
    name: str | None = None,
    roles: Collection[str] | None = None,
    skills: Collection[str] | None = None,
    max_load: int | None = None,
) -> Staff:
    """Change what is given; nobody takes the admin's role from themselves."""
    require(by.roles, Action.MANAGE_STAFF)
    if staff_id == by.id and roles is not None and Role.ADMIN not in roles:
        raise BadAccount("不能取消自己的管理员角色，请由另一位管理员操作。")
    return await staff.change(
        session, staff_id, name=name, roles=roles, skills=skills, max_load=max_load, actor=_actor(by)
    )


async def disable_staff(session: AsyncSession, by: Staff, staff_id: uuid.UUID) -> None:
    """Shut an account, not one's own; its sessions end and its conversations wait again."""
    require(by.roles, Action.MANAGE_STAFF)
    if staff_id == by.id:
        raise BadAccount("不能停用自己的账号，请由另一位管理员操作。")
    await staff.disable(session, staff_id, actor=_actor(by))


async def enable_staff(session: AsyncSession, by: Staff, staff_id: uuid.UUID) -> None:
    """Open an account again; also ends the lock after wrong passwords."""
    require(by.roles, Action.MANAGE_STAFF)
    await staff.enable(session, staff_id, actor=_actor(by))


async def reset_password(session: AsyncSession, by: Staff, staff_id: uuid.UUID, password: str) -> None:
    """Give somebody else a new password; for one's own :func:`handoff.login.change_password` asks for the old one."""
    require(by.roles, Action.MANAGE_STAFF)
    if staff_id == by.id:
        raise BadAccount("自己的密码请在“我的账号”里修改。")
    await staff.set_password(session, staff_id, password, actor=_actor(by))


async def remove_totp(session: AsyncSession, by: Staff, staff_id: uuid.UUID) -> None:
    """Let somebody in by password alone, as when their telephone is gone."""
    require(by.roles, Action.MANAGE_STAFF)
    await totp.remove(session, staff_id, actor=_actor(by))


async def set_office_hours(session: AsyncSession, by: Staff, stretches: Iterable[tuple[time, time]]) -> Hours:
    """Staff the seats in these stretches of every workday; none at all closes them until further notice."""
    require(by.roles, Action.MANAGE_OFFICE)
    wanted = checked_hours(stretches)
    # Two admins at once would otherwise leave a mixture of both.
    await session.execute(text("lock table office_hours in exclusive mode"))
    before = await hours(session)
    if wanted == before:
        return wanted
    await session.execute(delete(OfficeHours))
    session.add_all(OfficeHours(starts=starts, ends=ends) for starts, ends in wanted.stretches)
    await session.flush()
    await audit.record(
        session,
        actor=_actor(by),
        action="office.hours",
        subject="office",
        detail={"before": _spelt(before), "after": _spelt(wanted)},
    )
    return wanted


def checked_hours(stretches: Iterable[tuple[time, time]]) -> Hours:
    """The stretches in order. Raises :class:`BadHours`."""
    found = sorted(stretches)
    if len(found) > _MOST_STRETCHES:
        raise BadHours(f"一天最多分{_MOST_STRETCHES}段。")
    for starts, ends in found:
        if any(at.second or at.microsecond or at.tzinfo for at in (starts, ends)):
            raise BadHours("时间只写到分钟。")
        if starts >= ends:
            raise BadHours(f"{starts:%H:%M}到{ends:%H:%M}：结束时间要晚于开始时间，不能跨过午夜。")
    for (_, ends), (starts, _) in pairwise(found):
        if starts < ends:
            raise BadHours(f"{starts:%H:%M}开始的一段和前一段重叠了。")
        if starts == ends:
            raise BadHours(f"两段在{starts:%H:%M}首尾相接，请合成一段。")
    return Hours(tuple(found))


async def list_canned(session: AsyncSession, by: Staff) -> list[CannedReply]:
    """All ready replies, those put away included."""
    require(by.roles, Action.MANAGE_OFFICE)
    return await canned.replies(session, retired=True)


async def add_canned(
    session: AsyncSession, by: Staff, *, title: str, text: str, skill: str | None = None
) -> CannedReply:
    """Keep a new ready reply."""
    require(by.roles, Action.MANAGE_OFFICE)
    return await canned.add(session, title=title, text=text, skill=skill, actor=_actor(by))


async def rewrite_canned(
    session: AsyncSession, by: Staff, reply_id: uuid.UUID, *, title: str, text: str, skill: str | None = None
) -> CannedReply:
    """Change a ready reply."""
    require(by.roles, Action.MANAGE_OFFICE)
    return await canned.rewrite(session, reply_id, title=title, text=text, skill=skill, actor=_actor(by))


async def retire_canned(session: AsyncSession, by: Staff, reply_id: uuid.UUID, retired: bool = True) -> None:
    """Put a ready reply away, or take it out again."""
    require(by.roles, Action.MANAGE_OFFICE)
    await canned.set_retired(session, reply_id, retired, actor=_actor(by))


def _actor(by: Staff) -> str:
    return f"staff:{by.login}"


def _spelt(found: Hours) -> list[str]:
    return [f"{starts:%H:%M}-{ends:%H:%M}" for starts, ends in found.stretches]
