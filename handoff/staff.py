"""Accounts of the console: made, changed, disabled. Who may do so is asked in ``handoff.administration``."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.locking import locked_staff
from handoff.passwords import hashed, weakness
from handoff.permissions import Action, Role, may
from handoff.presence import give_back
from handoff.sessions import end_sessions
from handoff.skills import Skill
from store import audit
from store.handoff_models import Presence, Staff

LOADS = range(1, 51)
"""How many conversations at once somebody may be given."""
USUAL_LOAD = 4
_LOGIN = re.compile(r"[a-z][a-z0-9._-]{1,39}")
_LONGEST_NAME = 20


class BadAccount(ValueError):
    """An account cannot be as wanted; the words (Chinese) say why."""


async def create(
    session: AsyncSession,
    *,
    login: str,
    name: str,
    password: str,
    roles: Collection[str],
    skills: Collection[str] = (),
    max_load: int = USUAL_LOAD,
    actor: str,
) -> Staff:
    """A new account, as ``actor`` wants it. Raises :class:`BadAccount`."""
    login = clean_login(login)
    values = {
        "name": _name(name),
        "roles": _roles(roles),
        "skills": _skills(skills),
        "max_load": _load(max_load),
        "password_hash": await _hash(password, login),
    }
    who: Staff | None = await session.scalar(
        insert(Staff)
        .values(id=uuid.uuid4(), login=login, **values)
        .on_conflict_do_nothing(index_elements=["login"])
        .returning(Staff)
    )
    if who is None:
        raise BadAccount(f"登录名{login}已经有人用了。")
    await _record(session, who, "staff.added", actor, {"roles": who.roles, "skills": who.skills})
    return who


async def change(
    session: AsyncSession,
    staff_id: uuid.UUID,
    *,
    actor: str,
    name: str | None = None,
    roles: Collection[str] | None = None,
    skills: Collection[str] | None = None,
    max_load: int | None = None,
) -> Staff:
    """Change what is given and leave the rest. Raises :class:`BadAccount`.

    Somebody who may no longer talk with taxpayers goes offline, and what they held waits again.
    """
    who = await locked(session, staff_id)
    wanted: dict[str, Any] = {}
    if name is not None:
        wanted["name"] = _name(name)
    if roles is not None:
        wanted["roles"] = _roles(roles)
    if skills is not None:
        wanted["skills"] = _skills(skills)
    if max_load is not None:
        wanted["max_load"] = _load(max_load)
    changes = {key: value for key, value in wanted.items() if getattr(who, key) != value}
    if not changes:
        return who
    for key, value in changes.items():
        setattr(who, key, value)
    if not may(who.roles, Action.TALK):
        await _send_home(session, who)
    named = {"name": True} if "name" in changes else {}
    await _record(session, who, "staff.changed", actor, changes | named)
    return who


async def set_password(session: AsyncSession, staff_id: uuid.UUID, password: str, *, actor: str) -> None:
    """Give a new password, end all sessions and any lock. Raises :class:`BadAccount`."""
    login = await session.scalar(select(Staff.login).where(Staff.id == staff_id))
    fresh = await _hash(password, login or "")
    await put_password_hash(session, await shut_out(session, staff_id), fresh, actor=actor)


async def put_password_hash(session: AsyncSession, who: Staff, fresh: str, *, actor: str) -> None:
    """The end of :func:`set_password`; ``who`` comes from :func:`shut_out`."""
    who.password_hash = fresh
    who.failed_logins, who.locked_until = 0, None
    await _record(session, who, "staff.password", actor)


async def disable(session: AsyncSession, staff_id: uuid.UUID, *, actor: str) -> None:
    """Log somebody out everywhere and for good; what they held waits again. Raises :class:`BadAccount`."""
    who = await shut_out(session, staff_id)
    if who.disabled:
        return
    who.disabled = True
    await _send_home(session, who)
    await _record(session, who, "staff.disabled", actor)


async def enable(session: AsyncSession, staff_id: uuid.UUID, *, actor: str) -> None:
    """Let somebody log in again, whether they were disabled or locked out. Raises :class:`BadAccount`."""
    who = await locked(session, staff_id)
    if not who.disabled and who.locked_until is None and not who.failed_logins:
        return
    who.disabled, who.failed_logins, who.locked_until = False, 0, None
    await _record(session, who, "staff.enabled", actor)


async def everybody(session: AsyncSession) -> list[Staff]:
    """All accounts, the disabled ones last."""
    return list((await session.scalars(select(Staff).order_by(Staff.disabled, Staff.login))).all())


async def by_login(session: AsyncSession, login: str) -> Staff:
    """The account with this login. Raises :class:`BadAccount`."""
    who = await session.scalar(select(Staff).where(Staff.login == clean_login(login)))
    if who is None:
        raise BadAccount(f"没有登录名为{login.strip().lower()}的账号。")
    return who


async def locked(session: AsyncSession, staff_id: uuid.UUID) -> Staff:
    """The account's newest state, nobody else's to change until the transaction ends. Raises :class:`BadAccount`."""
    who: Staff | None = await session.scalar(locked_staff(staff_id))
    if who is None:
        raise BadAccount("没有这个账号。")
    return who


async def shut_out(session: AsyncSession, staff_id: uuid.UUID) -> Staff:
    """Like :func:`locked`, with all sessions ended.

    Sessions are locked before the account, as by anybody who acts in one, and ended once more behind that lock for a
    login that came between.
    """
    await end_sessions(session, staff_id)
    who = await locked(session, staff_id)
    await end_sessions(session, staff_id)
    return who


def clean_login(login: str) -> str:
    """The login as it is stored. Raises :class:`BadAccount`."""
    clean = login.strip().lower()
    # The audit trail names people by their login and takes nothing that looks like somebody's number.
    if not _LOGIN.fullmatch(clean) or audit.holds_identifier(f"staff:{clean}"):
        raise BadAccount("登录名要用2到40个小写字母、数字或 . _ -，以字母开头，也不要用手机号、证件号。")
    return clean


async def _send_home(session: AsyncSession, who: Staff) -> None:
    who.presence = Presence.OFFLINE
    await session.flush()
    await give_back(session, who.id)


async def _hash(password: str, login: str) -> str:
    if problem := weakness(password, login):
        raise BadAccount(problem)
    return await hashed(password)


async def _record(
    session: AsyncSession, who: Staff, action: str, actor: str, detail: dict[str, Any] | None = None
) -> None:
    await audit.record(session, actor=actor, action=action, subject=f"staff:{who.login}", detail=detail or {})


def _name(name: str) -> str:
    clean = " ".join(name.split())
    if not clean or len(clean) > _LONGEST_NAME or not clean.isprintable():
        raise BadAccount(f"姓名要写1到{_LONGEST_NAME}个字。")
    if audit.holds_identifier(clean):
        raise BadAccount("姓名里不要写手机号、证件号。")
    return clean


def _roles(roles: Collection[str]) -> list[str]:
    unknown = sorted(set(roles) - set(Role))
    if unknown:
        raise BadAccount(f"没有这样的角色：{'、'.join(unknown)}。可以用：{'、'.join(Role)}。")
    if not roles:
        raise BadAccount("请至少给一个角色。")
    return [role.value for role in Role if role in roles]


def _skills(skills: Collection[str]) -> list[str]:
    unknown = sorted(set(skills) - set(Skill))
    if unknown:
        raise BadAccount(f"没有这样的技能：{'、'.join(unknown)}。可以用：{'、'.join(Skill)}。")
    return [skill.value for skill in Skill if skill in skills]


def _load(load: int) -> int:
    if load not in LOADS:
        raise BadAccount(f"同时接待的会话数要在{LOADS.start}到{LOADS.stop - 1}之间。")
    return load
