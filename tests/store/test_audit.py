"""The audit trail: chained, gapless, append-only, free of raw identifiers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from store import audit
from store.audit import PersonalDataError
from store.databases import with_database
from store.embedded import EmbeddedServer
from store.engine import SessionFactory, make_engine, make_sessions
from store.models import AuditEvent

pytestmark = pytest.mark.unit


@pytest.fixture
def url(fresh_database: Callable[[], str]) -> str:
    return fresh_database()


async def add(session: AsyncSession, n: int = 1) -> None:
    for i in range(n):
        await audit.record(
            session,
            actor="officer:1",
            action="bill.viewed",
            subject="bill:SD1",
            detail={"no": i, "字": ["一", None]},
        )
    await session.commit()


@pytest.fixture
async def tamper(url: str, server: EmbeddedServer) -> AsyncIterator[Callable[..., None]]:
    def run(*statements: str) -> None:
        """What somebody with the keys to the server could do."""
        socket, name = str(server.socket_dir), url.split("/")[3].split("?")[0]
        with psycopg.connect(host=socket, user="postgres", dbname=name) as admin:
            admin.execute("set session_replication_role = replica")
            for statement in statements:
                admin.execute(statement)

    yield run


async def test_an_empty_and_a_filled_trail_hold(session: AsyncSession) -> None:
    empty = await audit.verify(session)
    assert (empty.ok, empty.count, empty.head_hash) == (True, 0, "00" * 32)
    await add(session, 3)
    report = await audit.verify(session)
    assert (report.ok, report.count, report.head_id, report.first_bad_id) == (True, 3, 3, None)
    events = (await session.scalars(select(AuditEvent).order_by(AuditEvent.id))).all()
    assert [event.id for event in events] == [1, 2, 3]
    assert events[1].prev_hash == events[0].hash
    assert report.head_hash == events[2].hash.hex()


async def test_concurrent_writers_neither_fork_nor_skip(url: str) -> None:
    engine = make_engine(url, pool_size=8)
    sessions = make_sessions(engine)

    async def one(n: int) -> None:
        async with sessions() as session:
            await audit.record(session, actor=f"a{n}", action="x", subject="y", detail={})
            if n % 4 == 0:
                await session.rollback()
            else:
                await session.commit()

    await asyncio.gather(*(one(n) for n in range(24)))
    async with sessions() as session:
        report = await audit.verify(session)
    await engine.dispose()
    assert (report.ok, report.count) == (True, 18)


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_event set actor = 'x'",
        "delete from audit_event",
        "truncate audit_event",
        "delete from audit_head",
        "truncate audit_head",
        "update audit_head set event_id = 0",
        "insert into audit_event values (9, now(), 'a', 'b', 'c', '{}', '\\x00', '\\x01')",
        "insert into audit_event values (3, now(), 'a', 'b', 'c', '{}', '\\x00', '\\x01')",
    ],
)
async def test_the_database_refuses_changes(session: AsyncSession, statement: str) -> None:
    await add(session, 2)
    with pytest.raises(DBAPIError):
        await session.execute(text(statement))
    await session.rollback()
    assert (await audit.verify(session)).ok


@pytest.mark.parametrize(
    ("statement", "bad_id", "words"),
    [
        ("update audit_event set detail = '{\"no\": 9}' where id = 2", 2, "改动"),
        ("update audit_event set at = at + interval '1 microsecond' where id = 3", 3, "改动"),
        ("update audit_event set actor = 'officer:2' where id = 1", 1, "改动"),
        ("delete from audit_event where id = 2", 2, "缺失"),
        ("delete from audit_event where id = 1", 1, "缺失"),
        ("delete from audit_event where id >= 3", 3, "截断"),
        ("delete from audit_event", 1, "截断"),
        ("update audit_event set prev_hash = '\\x00' where id = 3", 3, "接不上"),
    ],
)
async def test_tampering_past_the_triggers_is_found(
    session: AsyncSession, tamper: Callable[..., None], statement: str, bad_id: int, words: str
) -> None:
    await add(session, 4)
    tamper(statement)
    report = await audit.verify(session)
    assert (report.ok, report.first_bad_id) == (False, bad_id)
    assert words in report.reason


async def test_a_cut_with_the_head_adjusted_is_found_by_a_noted_head(
    session: AsyncSession, tamper: Callable[..., None]
) -> None:
    await add(session, 4)
    before = await audit.verify(session)
    noted = (before.head_id, before.head_hash.upper())
    await add(session, 1)
    assert (await audit.verify(session, noted)).ok
    tamper(
        "delete from audit_event where id >= 3",
        "update audit_head set event_id = 2, hash = (select hash from audit_event where id = 2)",
    )
    session.expire_all()
    assert (await audit.verify(session)).ok
    report = await audit.verify(session, noted)
    assert (report.ok, "截断" in report.reason) == (False, True)
    await add(session, 2)
    report = await audit.verify(session, noted)
    assert (report.ok, report.first_bad_id) == (False, 4)


@pytest.mark.parametrize(
    "value",
    [
        "电话13900001234已核对",
        "139 0000 1234",
        "+86-139-0000-1234",
        "１３９００００１２３４",
        "11010519491231002X",
        "id=11010519491231002x;",
        "91350100M000100Y43",
        {"nested": [{"deep": "13900001234"}]},
        {"13900001234": 1},
        13900001234,
    ],
)
async def test_raw_identifiers_are_refused_and_not_repeated(session: AsyncSession, value: Any) -> None:
    with pytest.raises(PersonalDataError) as caught:
        await audit.record(session, actor="a", action="b", subject="c", detail={"v": value})
    assert "1234" not in str(caught.value)
    with pytest.raises(PersonalDataError):
        await audit.record(session, actor="a", action="b", subject="13900001234", detail={})
    assert (await audit.verify(session)).count == 0


@pytest.mark.parametrize(
    "value",
    [
        "9135**********0Y43",
        "139****1234",
        "13900001234.00",
        "6f1c1f0e-5d0a-4c51-8b5a-13900001234a",
        "c3ab8ff13720e8ad9047dd39466b3c8974e592c2fa383d4a3960714caef0c4f2",
        "JK20261102000123",
        "2026-11-23 13:45:00",
    ],
)
async def test_masks_ids_amounts_and_hashes_pass(session: AsyncSession, value: str) -> None:
    await audit.record(session, actor="a", action="b", subject=value, detail={"v": value})
    await session.commit()
    assert (await audit.verify(session)).ok


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("回电13900001234，证件11010519491231002X。", "回电139****1234，证件110***********002X。"),
        ("税号91350100M000100Y43", "税号9135**********0Y43"),
        ("１３９００００１２３４，谢谢！", "139****1234,谢谢!"),
        ("欠12,500.30元，YQ20261123-0007！", "欠12,500.30元，YQ20261123-0007！"),
    ],
)
def test_numbers_are_masked_and_all_else_stays(said: str, shown: str) -> None:
    assert audit.mask_identifiers(said) == shown
    assert not audit.holds_identifier(shown)


@pytest.mark.parametrize("value", [1.5, Decimal("1.50"), b"x", {1: "x"}, object()])
async def test_what_would_not_survive_unchanged_is_refused(session: AsyncSession, value: Any) -> None:
    with pytest.raises(TypeError):
        await audit.record(session, actor="a", action="b", subject="c", detail={"v": value})


async def test_details_come_back_as_they_went_in(sessions: SessionFactory) -> None:
    detail = {"z": 1, "a": {"b": [True, None, "é", "\u2028", '"', 10**30]}}
    async with sessions() as session:
        await audit.record(session, actor="a", action="b", subject="c", detail=detail)
        await session.commit()
    async with sessions() as session:
        assert await session.scalar(select(AuditEvent.detail)) == detail
        assert (await audit.verify(session)).ok


async def test_a_long_trail_is_read_in_batches(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.audit._BATCH", 10)
    for _ in range(35):
        await audit.record(session, actor="a", action="b", subject="c", detail={})
    await session.commit()
    report = await audit.verify(session)
    assert (report.ok, report.count) == (True, 35)


def test_urls_of_other_databases_keep_the_socket(server: EmbeddedServer) -> None:
    assert str(server.socket_dir) in with_database(server.url, "x").replace("%2F", "/")
