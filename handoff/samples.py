"""The demonstration's staff: logins anybody may try, with passwords of this installation alone."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.passwords import matches
from handoff.permissions import ROLE_ZH, Role
from handoff.skills import Skill
from handoff.staff import create
from store.handoff_models import Staff
from store.locks import Lock, take

FILE = "console-logins.txt"
_HEAD = "# 演示用的工作台账号：登录名、密码、是谁，以制表符分开。每次安装都不同。"


@dataclass(frozen=True, slots=True)
class Login:
    """A sample login as it is printed; ``who``: name and roles in Chinese."""

    login: str
    password: str
    who: str


@dataclass(frozen=True, slots=True)
class _Person:
    login: str
    name: str
    roles: tuple[Role, ...]
    skills: tuple[Skill, ...]


_PEOPLE = (
    _Person("xiaowang", "王敏", (Role.AGENT,), tuple(Skill)),
    _Person(
        "laoli",
        "李卫东",
        (Role.OFFICER, Role.AGENT),
        (Skill.POLICY, Skill.DISPUTE, Skill.DEFERRAL, Skill.ENFORCEMENT),
    ),
    _Person("zhang", "张岚", (Role.SUPERVISOR,), (Skill.COMPLAINT, Skill.HARDSHIP)),
    _Person("guanli", "陈静", (Role.ADMIN, Role.AUDITOR), ()),
)


async def seed_staff(session: AsyncSession, data_dir: Path) -> int:
    """Add the sample staff when there is no account at all; the caller commits. Returns how many were added.

    The passwords are written to :data:`FILE` under ``data_dir``, readable for this system user alone, before anything
    is committed: accounts whose passwords nobody knows would be worse than a file without accounts.
    """
    await session.execute(take(Lock.IMPORT))
    if await session.scalar(select(exists().select_from(Staff))):
        return 0
    logins = [
        Login(person.login, secrets.token_urlsafe(9), f"{person.name}（{_roles(person)}）")
        for person in _PEOPLE
    ]
    _write(data_dir / FILE, logins)
    for person, login in zip(_PEOPLE, logins, strict=True):
        await create(
            session,
            login=person.login,
            name=person.name,
            password=login.password,
            roles=person.roles,
            skills=person.skills,
            actor="system",
        )
    return len(logins)


async def sample_logins(session: AsyncSession, data_dir: Path) -> tuple[Login, ...]:
    """The logins of the file that still open this store: passwords change, and stores are exchanged."""
    file = data_dir / FILE
    if not file.is_file():
        return ()
    lines = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines()]
    noted = [Login(*parts) for parts in lines if len(parts) == 3]
    stored = {
        who.login: who.password_hash
        for who in await session.scalars(
            select(Staff).where(Staff.login.in_([login.login for login in noted]), ~Staff.disabled)
        )
    }
    return tuple(
        [
            login
            for login in noted
            if login.login in stored and await matches(stored[login.login], login.password)
        ]
    )


def _write(file: Path, logins: Iterable[Login]) -> None:
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    lines = [_HEAD, *("\t".join((each.login, each.password, each.who)) for each in logins)]
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")
    fresh.replace(file)


def _roles(person: _Person) -> str:
    return "、".join(ROLE_ZH[role] for role in person.roles)
