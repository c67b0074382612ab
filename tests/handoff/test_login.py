"""Logging in on real PostgreSQL: what is refused and how, the lock, one-time codes, and sessions that end."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
import pytest_asyncio
from argon2 import PasswordHasher
from sqlalchemy import func, select, text, update

from handoff import login, passwords, staff, totp
from handoff.login import (
    DISABLED,
    FAILURES,
    OLD_WRONG,
    REFUSED,
    CodeWanted,
    LogInRefused,
    change_password,
    log_in,
)
from handoff.sessions import IDLE, LONGEST, log_out, session_of
from handoff.staff import BadAccount
from store import audit
from store.engine import SessionFactory
from store.handoff_models import Staff, StaffSession
from store.models import AuditEvent
from tests.chat.database import CIPHER, fresh_database, opened
from tests.handoff.accounts import PASSWORD, account, enter, holder, now, trail
from tests.handoff.accounts import quick_hashes as quick_hashes

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("quick_hashes")]


@pytest.fixture(scope="module")
def url() -> str:
    return fresh_database()


@pytest_asyncio.fixture
async def sessions(url: str) -> AsyncIterator[SessionFactory]:
    async with opened(url) as factory:
        yield factory


async def refused(
    sessions: SessionFactory, who: Staff | str, password: str = PASSWORD, code: str = ""
) -> str:
    name = who if isinstance(who, str) else who.login
    with pytest.raises(LogInRefused) as caught:
        await log_in(sessions, CIPHER, name, password, code)
    return str(caught.value)


async def fail(sessions: SessionFactory, who: Staff, times: int) -> None:
    for _ in range(times):
        await refused(sessions, who, "not-the-password")


async def enrolled(sessions: SessionFactory, who: Staff) -> pyotp.TOTP:
    """The account with an authenticator whose last accepted code lies some time back."""
    offered = totp.offer(who.login)
    async with sessions() as session, session.begin():
        clock = (await session.execute(select(func.clock_timestamp()))).scalar_one()
        generator = pyotp.TOTP(offered.secret)
        await totp.confirm(
            session, CIPHER, who.id, offered.secret, generator.at(clock), actor=f"staff:{who.login}"
        )
    async with sessions() as session, session.begin():
        await session.execute(update(Staff).where(Staff.id == who.id).values(totp_used=1))
    return generator


async def test_the_right_password_opens_a_session_whose_token_is_not_stored(sessions: SessionFactory) -> None:
    who = await account(sessions)
    inside = await log_in(sessions, CIPHER, f" {who.login.upper()} ", PASSWORD)
    assert await holder(sessions, inside.token) == who.id
    async with sessions() as session:
        kept = (await session.scalars(select(StaffSession).where(StaffSession.staff_id == who.id))).one()
        stored = await session.scalar(
            text(
                "select string_agg(row_to_json(s)::text || row_to_json(a)::text, ' ') "
                "from staff_session s, audit_event a"
            )
        )
    assert kept.token_hash == hashlib.sha256(inside.token.encode()).digest()
    assert inside.token not in stored
    assert PASSWORD not in stored
    assert await trail(sessions, who) == [(f"staff:{who.login}", "staff.login")]


async def test_wrong_and_unknown_get_the_same_words_and_the_same_work(
    sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = await account(sessions)
    worked: list[bytes] = []
    real = passwords._verify

    def seen(stored: str, password: bytes) -> bool:
        worked.append(password)
        return real(stored, password)

    monkeypatch.setattr(passwords, "_verify", seen)
    for name in (who.login, "nobody-here", "", "x" * 5000, "坏\0名", "13900001234"):
        assert await refused(sessions, name, "not-the-password") == REFUSED
    assert worked == [b"not-the-password"] * 6


async def test_what_an_unknown_typed_stays_out_of_the_trail(sessions: SessionFactory) -> None:
    await refused(sessions, "13900001234")
    await refused(sessions, "my-password-by-mistake")
    async with sessions() as session:
        rows = (
            await session.execute(
                select(AuditEvent.subject, AuditEvent.detail).order_by(AuditEvent.id.desc()).limit(2)
            )
        ).all()
        whole = await audit.verify(session)
    assert [(subject, detail) for subject, detail in rows] == [("staff:?", {"why": "unknown"})] * 2
    assert whole.ok


async def test_five_failures_lock_for_fifteen_minutes(sessions: SessionFactory) -> None:
    who = await account(sessions)
    await fail(sessions, who, FAILURES - 1)
    assert (await now(sessions, who)).locked_until is None
    await fail(sessions, who, 1)
    until = (await now(sessions, who)).locked_until
    assert until is not None
    assert timedelta(minutes=14) < until - datetime.now(UTC) <= timedelta(minutes=15)
    assert await refused(sessions, who) == REFUSED
    assert (await now(sessions, who)).locked_until == until
    assert [action for _, action in await trail(sessions, who)] == [
        *["staff.login_failed"] * (FAILURES - 1),
        "staff.locked",
        "staff.login_failed",
    ]

    async with sessions() as session, session.begin():
        await session.execute(
            update(Staff).where(Staff.id == who.id).values(locked_until=func.clock_timestamp())
        )
    await fail(sessions, who, FAILURES - 1)
    assert await holder(sessions, (await enter(sessions, who)).token) == who.id


async def test_a_good_login_forgets_the_failures_before_it(sessions: SessionFactory) -> None:
    who = await account(sessions)
    await fail(sessions, who, FAILURES - 1)
    await enter(sessions, who)
    await fail(sessions, who, FAILURES - 1)
    assert (await now(sessions, who)).locked_until is None


async def test_many_guesses_at_once_count_one_by_one(sessions: SessionFactory) -> None:
    who = await account(sessions)
    guesses = [log_in(sessions, CIPHER, who.login, f"wrong-guess-{n}") for n in range(12)]
    outcomes = await asyncio.gather(*guesses, return_exceptions=True)
    assert all(isinstance(outcome, LogInRefused) for outcome in outcomes)
    tried = [action for _, action in await trail(sessions, who)]
    assert tried.count("staff.locked") == 1
    assert len(tried) == 12
    assert await refused(sessions, who) == REFUSED


async def test_the_right_password_among_guesses_that_locked_it_is_refused(
    sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = await account(sessions)
    real = login.matches

    async def slow(stored: str | None, password: str) -> bool:
        right = await real(stored, password)
        if right:
            await fail(sessions, who, FAILURES)
        return right

    monkeypatch.setattr(login, "matches", slow)
    assert await refused(sessions, who) == REFUSED


async def test_a_password_changed_while_the_old_one_was_checked_lets_nobody_in(
    sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = await account(sessions)
    real = login.matches

    async def slow(stored: str | None, password: str) -> bool:
        right = await real(stored, password)
        async with sessions() as session, session.begin():
            await staff.set_password(session, who.id, "a-new-password", actor="test")
        return right

    monkeypatch.setattr(login, "matches", slow)
    assert await refused(sessions, who) == REFUSED


async def test_a_disabled_account_is_refused_and_only_its_owner_learns_why(sessions: SessionFactory) -> None:
    who = await account(sessions)
    inside = await enter(sessions, who)
    async with sessions() as session, session.begin():
        await staff.disable(session, who.id, actor="test")
    assert await holder(sessions, inside.token) is None
    assert await refused(sessions, who, "not-the-password") == REFUSED
    assert await refused(sessions, who) == DISABLED
    async with sessions() as session, session.begin():
        await staff.enable(session, who.id, actor="test")
    assert await holder(sessions, inside.token) is None
    await enter(sessions, who)


async def test_a_hash_of_old_parameters_is_renewed_at_the_next_login(sessions: SessionFactory) -> None:
    who = await account(sessions)
    old = PasswordHasher(time_cost=2, memory_cost=64, parallelism=1).hash(PASSWORD)
    async with sessions() as session, session.begin():
        await session.execute(update(Staff).where(Staff.id == who.id).values(password_hash=old))
    await refused(sessions, who, "not-the-password")
    assert (await now(sessions, who)).password_hash == old
    await enter(sessions, who)
    fresh = (await now(sessions, who)).password_hash
    assert fresh != old
    assert not passwords.outdated(fresh)
    await enter(sessions, who)


async def test_a_code_is_wanted_and_is_good_once(sessions: SessionFactory) -> None:
    who = await account(sessions)
    generator = await enrolled(sessions, who)
    with pytest.raises(CodeWanted):
        await enter(sessions, who)
    assert (await now(sessions, who)).failed_logins == 0
    code = generator.now()
    await enter(sessions, who, code=f" {code[:3]} {code[3:]} ")
    assert await refused(sessions, who, code=code) == REFUSED
    assert (await now(sessions, who)).failed_logins == 1


async def test_the_same_code_from_two_browsers_at_once_opens_one_session(sessions: SessionFactory) -> None:
    who = await account(sessions)
    code = (await enrolled(sessions, who)).now()
    outcomes = await asyncio.gather(
        *(enter(sessions, who, code=code) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(outcome, LogInRefused) for outcome in outcomes) == 3


async def test_wrong_codes_lock_like_wrong_passwords(sessions: SessionFactory) -> None:
    who = await account(sessions)
    generator = await enrolled(sessions, who)
    near = {generator.at(datetime.now(UTC) + timedelta(seconds=30 * shift)) for shift in range(-3, 4)}
    wrong = next(code for code in (f"{n:06d}" for n in range(10)) if code not in near)
    for code in (wrong, "", "abcdef", "１２", wrong, wrong, wrong):
        with pytest.raises(LogInRefused):
            await enter(sessions, who, code=code)
    assert [action for _, action in await trail(sessions, who)][-1] == "staff.login_failed"
    assert (await now(sessions, who)).locked_until is not None
    assert await refused(sessions, who, code=generator.now()) == REFUSED


def test_codes_of_the_neighbouring_steps_are_taken_and_older_than_the_last_are_not() -> None:
    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    at = datetime(2026, 11, 23, 10, 0, 15, tzinfo=UTC)
    step = int(at.timestamp()) // 30
    codes = {shift: pyotp.TOTP(secret).at(at + timedelta(seconds=30 * shift)) for shift in range(-3, 4)}
    assert len(set(codes.values())) == 7
    taken = {shift: totp.accepted_step(secret, code, at, None) for shift, code in codes.items()}
    assert taken == {-3: None, -2: None, -1: step - 1, 0: step, 1: step + 1, 2: None, 3: None}
    assert totp.accepted_step(secret, codes[-1], at, step - 1) is None
    assert totp.accepted_step(secret, codes[0], at, step - 1) == step
    assert totp.accepted_step(secret, codes[0], at, step + 1) is None


async def test_the_secret_is_stored_encrypted_and_only_with_a_code_that_fits(
    sessions: SessionFactory,
) -> None:
    who = await account(sessions)
    offered = totp.offer(who.login)
    assert who.login in offered.uri
    assert offered.secret in offered.uri
    generator = pyotp.TOTP(offered.secret)
    async with sessions() as session, session.begin():
        with pytest.raises(BadAccount, match="动态口令不对"):
            await totp.confirm(session, CIPHER, who.id, offered.secret, "12345", actor="test")
    assert (await now(sessions, who)).totp_enc is None
    code = generator.now()
    async with sessions() as session, session.begin():
        await totp.confirm(session, CIPHER, who.id, offered.secret, code, actor="test")
    kept = (await now(sessions, who)).totp_enc
    assert kept is not None
    assert offered.secret.encode() not in kept
    assert CIPHER.decrypt(kept, "staff.totp") == offered.secret
    assert await refused(sessions, who, code=code) == REFUSED, "the code that enrolled is used up"

    other = totp.offer(who.login)
    async with sessions() as session, session.begin():
        with pytest.raises(BadAccount, match="已经启用"):
            await totp.confirm(
                session, CIPHER, who.id, other.secret, pyotp.TOTP(other.secret).now(), actor="test"
            )
    async with sessions() as session, session.begin():
        await totp.remove(session, who.id, actor="test")
    await enter(sessions, who)
    assert [action for _, action in await trail(sessions, who)] == [
        "staff.totp_on",
        "staff.login_failed",
        "staff.totp_off",
        "staff.login",
    ]


async def _age(sessions: SessionFactory, who: Staff, **columns: timedelta) -> None:
    async with sessions() as session, session.begin():
        await session.execute(
            update(StaffSession)
            .where(StaffSession.staff_id == who.id)
            .values({name: func.clock_timestamp() - by for name, by in columns.items()})
        )


async def test_an_idle_session_is_over_and_one_in_use_is_not(sessions: SessionFactory) -> None:
    who = await account(sessions)
    token = (await enter(sessions, who)).token
    almost = IDLE - timedelta(minutes=2)
    for _ in range(3):
        await _age(sessions, who, seen_at=almost)
        assert await holder(sessions, token) == who.id
    await _age(sessions, who, seen_at=almost)
    async with sessions() as session, session.begin():
        assert await session_of(session, token, used=False) is not None
        seen = await session.scalar(select(StaffSession.seen_at).where(StaffSession.staff_id == who.id))
    assert seen is not None
    assert datetime.now(UTC) - seen > almost - timedelta(minutes=1), "a heartbeat is no use"
    await _age(sessions, who, seen_at=IDLE)
    assert await holder(sessions, token) is None


async def test_no_session_outlives_half_a_day_however_busy(sessions: SessionFactory) -> None:
    who = await account(sessions)
    token = (await enter(sessions, who)).token
    async with sessions() as session:
        kept = (await session.scalars(select(StaffSession).where(StaffSession.staff_id == who.id))).one()
    assert timedelta(0) <= kept.expires_at - kept.created_at - LONGEST < timedelta(minutes=1)
    await _age(sessions, who, expires_at=timedelta(0))
    assert await holder(sessions, token) is None


async def test_logging_out_ends_one_session_once(sessions: SessionFactory) -> None:
    who = await account(sessions)
    first, second = (await enter(sessions, who)).token, (await enter(sessions, who)).token
    for token in (first, first, "forged", "", "\ud800"):
        async with sessions() as session, session.begin():
            await log_out(session, token)
    assert await holder(sessions, first) is None
    assert await holder(sessions, second) == who.id
    assert [action for _, action in await trail(sessions, who)].count("staff.logout") == 1


@pytest.mark.parametrize("token", ["", "forged", "坏", "\ud800", "x" * 100_000])
async def test_a_forged_token_is_nobodys(sessions: SessionFactory, token: str) -> None:
    await enter(sessions, await account(sessions))
    assert await holder(sessions, token) is None


async def test_two_tabs_of_one_session_do_not_wait_for_each_other(sessions: SessionFactory) -> None:
    who = await account(sessions)
    token = (await enter(sessions, who)).token
    async with sessions() as one, one.begin(), sessions() as two, two.begin():
        assert await session_of(one, token) is not None
        await two.execute(text("set local lock_timeout = '2s'"))
        assert await session_of(two, token) is not None


async def test_ones_own_new_password_ends_all_sessions(sessions: SessionFactory) -> None:
    who = await account(sessions)
    tokens = [(await enter(sessions, who)).token for _ in range(2)]
    await change_password(sessions, who.id, PASSWORD, "dong-tian-de-xue")
    assert [await holder(sessions, token) for token in tokens] == [None, None]
    assert await refused(sessions, who) == REFUSED
    await enter(sessions, who, "dong-tian-de-xue")
    assert (f"staff:{who.login}", "staff.password") in await trail(sessions, who)


async def test_guessing_the_old_password_locks_too_and_changes_nothing(sessions: SessionFactory) -> None:
    who = await account(sessions)
    token = (await enter(sessions, who)).token
    for old in [*["not-the-password"] * FAILURES, PASSWORD]:
        with pytest.raises(LogInRefused, match=OLD_WRONG):
            await change_password(sessions, who.id, old, "dong-tian-de-xue")
    assert (await now(sessions, who)).password_hash == who.password_hash
    with pytest.raises(BadAccount, match="一样"):
        await change_password(sessions, who.id, PASSWORD, PASSWORD)
    with pytest.raises(BadAccount, match="至少"):
        await change_password(sessions, who.id, PASSWORD, "short")
    assert "staff.locked" in [action for _, action in await trail(sessions, who)]
    assert token


async def test_somebody_acting_and_somebody_disabling_them_do_not_lock_each_other(
    sessions: SessionFactory,
) -> None:
    who = await account(sessions)
    token = (await enter(sessions, who)).token
    await _age(sessions, who, seen_at=timedelta(minutes=5))

    async def disable() -> None:
        async with sessions() as session, session.begin():
            await staff.disable(session, who.id, actor="test")

    async with sessions() as session, session.begin():
        assert await session_of(session, token) is not None
        disabling = asyncio.create_task(disable())
        await asyncio.sleep(0.2)
        await staff.locked(session, who.id)
    await disabling
    assert (await now(sessions, who)).disabled
    assert await holder(sessions, token) is None
