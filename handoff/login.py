"""Logging in to the console: the same answer and the same work whatever was wrong, and a lock after five failures."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.passwords import hashed, matches, outdated, weakness
from handoff.sessions import begin
from handoff.staff import BadAccount, clean_login, locked, put_password_hash, shut_out
from handoff.totp import accepted_step, open_secret
from store import audit
from store.crypto import FieldCipher
from store.engine import SessionFactory
from store.handoff_models import Staff

FAILURES = 5
LOCKED_FOR = timedelta(minutes=15)
_HINT = f"连续错{FAILURES}次会锁定{int(LOCKED_FOR.total_seconds() // 60)}分钟。"
REFUSED = f"账号、密码或动态口令不对。{_HINT}"
OLD_WRONG = f"原来的密码不对。{_HINT}"
DISABLED = "这个账号已停用，请联系管理员。"
CODE_WANTED = "请再填验证器上的6位动态口令。"


class LogInRefused(Exception):
    """Nobody was let in; the words are for whoever tried and tell no login from another."""


class CodeWanted(LogInRefused):
    """The password is right and the account needs a one-time code besides."""


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A new session; ``token`` belongs into the cookie and nowhere else."""

    token: str
    staff: Staff


async def log_in(
    sessions: SessionFactory, cipher: FieldCipher, login: str, password: str, code: str = ""
) -> LoggedIn:
    """Open a session for whoever knows the password and, where the account needs one, a fresh one-time code.

    It has transactions of its own: a failure must be counted although it raises, and no connection waits while the
    hash is worked out. Raises :class:`LogInRefused`, :class:`CodeWanted`, :class:`store.crypto.CipherError`.
    """
    try:
        name = clean_login(login)
    except BadAccount:
        name = ""
    async with sessions() as session:
        stored = await session.scalar(select(Staff.password_hash).where(Staff.login == name))
    right = await matches(stored, password)
    renewed = await hashed(password) if right and stored is not None and outdated(stored) else None
    async with sessions() as session, session.begin():
        # Read again and locked: of a hundred attempts at once, no more than five may count as tried.
        who = await session.scalar(select(Staff).where(Staff.login == name).with_for_update(key_share=True))
        right = right and who is not None and who.password_hash == stored
        outcome = await _judge(session, cipher, who, right, code)
        if isinstance(outcome, LoggedIn) and renewed is not None:
            outcome.staff.password_hash = renewed
    if isinstance(outcome, LogInRefused):
        raise outcome
    return outcome


async def change_password(sessions: SessionFactory, staff_id: uuid.UUID, old: str, new: str) -> None:
    """Somebody's own new password; all their sessions end. A wrong ``old`` one counts like a failed login.

    Raises:
        BadAccount: the new password will not do.
        LogInRefused: the old one is wrong, or the account is locked.
    """
    async with sessions() as session:
        who = await session.get(Staff, staff_id)
    if who is None:
        raise BadAccount("没有这个账号。")
    problem = weakness(new, who.login) or ("新密码不能和原来的一样。" if new == old else None)
    if problem:
        raise BadAccount(problem)
    right = await matches(who.password_hash, old)
    fresh = await hashed(new)
    async with sessions() as session, session.begin():
        owner = await (shut_out if right else locked)(session, staff_id)
        now = await _clock(session)
        refused = _is_locked(owner, now) or not right or owner.password_hash != who.password_hash
        if refused:
            await _failed(session, owner, now, "old_password")
        else:
            await put_password_hash(session, owner, fresh, actor=f"staff:{owner.login}")
    if refused:
        raise LogInRefused(OLD_WRONG)


async def _judge(
    session: AsyncSession, cipher: FieldCipher, who: Staff | None, right: bool, code: str
) -> LoggedIn | LogInRefused:
    if who is None:
        # What was typed stays out of the trail: it may be a password, or somebody's number.
        await _note(session, "?", "staff.login_failed", "unknown")
        return LogInRefused(REFUSED)
    now = await _clock(session)
    if _is_locked(who, now) or not right:
        await _failed(session, who, now, "password")
        return LogInRefused(REFUSED)
    if who.disabled:
        await _note(session, who.login, "staff.login_failed", "disabled")
        return LogInRefused(DISABLED)
    if who.totp_enc is not None:
        if not code.strip():
            await _note(session, who.login, "staff.login_code_wanted")
            return CodeWanted(CODE_WANTED)
        step = accepted_step(open_secret(cipher, who.totp_enc), code, now, who.totp_used)
        if step is None:
            await _failed(session, who, now, "code")
            return LogInRefused(REFUSED)
        who.totp_used = step
    who.failed_logins, who.locked_until = 0, None
    token = await begin(session, who.id)
    await _note(session, who.login, "staff.login", actor=f"staff:{who.login}")
    return LoggedIn(token, who)


async def _failed(session: AsyncSession, who: Staff, now: datetime, why: str) -> None:
    """Count a failure. While the account is locked nothing is counted, so that the lock ends when it was said to."""
    if _is_locked(who, now):
        await _note(session, who.login, "staff.login_failed", "locked")
        return
    who.failed_logins += 1
    if who.failed_logins < FAILURES:
        await _note(session, who.login, "staff.login_failed", why)
        return
    who.failed_logins, who.locked_until = 0, now + LOCKED_FOR
    await _note(session, who.login, "staff.locked", why)


def _is_locked(who: Staff, now: datetime) -> bool:
    return who.locked_until is not None and who.locked_until > now


async def _clock(session: AsyncSession) -> datetime:
    """The database's clock, the same for all gateways."""
    now: datetime = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    return now


async def _note(
    session: AsyncSession, login: str, action: str, why: str | None = None, *, actor: str = "system"
) -> None:
    await audit.record(
        session,
        actor=actor,
        action=action,
        subject=f"staff:{login}",
        detail={"why": why} if why is not None else {},
    )
