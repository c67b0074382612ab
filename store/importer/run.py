"""The import itself: rows stream through checks into a staging table, and from there in or nowhere."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, cast

import psycopg
from psycopg import sql
from sqlalchemy import CursorResult, text
from sqlalchemy.ext.asyncio import AsyncSession

from store import audit
from store.crypto import FieldCipher
from store.engine import SessionFactory
from store.importer.columns import Kind, Layout, lay_out
from store.importer.reader import Sheet, opened
from store.importer.report import MAX_REPORTED, ErrorLog, ImportReport, Progress, RowError
from store.importer.rows import RowReader
from store.importer.staging import STAGING, TABLE, Staging
from store.locks import Lock, take

_PROGRESS_EVERY = 500


async def import_file(
    path: Path,
    kind: Kind | None,
    sessions: SessionFactory,
    cipher: FieldCipher,
    *,
    today: date,
    actor: str = "cli",
    progress: Progress = lambda _done, _total: None,
) -> ImportReport:
    """Take the file in one transaction, or nothing at all when any row is bad.

    ``kind`` ``None`` tells it by the header. Rows already there with the same values count as unchanged, so the same
    file twice changes nothing. Memory does not grow with the number of rows (but for the strings an XLSX shares).
    Leaves an audit event when something was taken.

    Raises:
        UnreadableFileError: the file as a whole cannot be read.
    """
    with opened(path) as sheet:
        layout = lay_out(sheet.header, kind)
        staging = STAGING[layout.kind]
        reader = RowReader(layout, cipher, today)
        async with sessions() as session, session.begin():
            await session.execute(take(Lock.IMPORT))
            await _stage(session, staging, sheet, reader, progress)
            await _check(session, staging, layout, reader.errors)
            if reader.errors.count:
                await session.rollback()
                return _report(layout, 0, 0, reader.errors)
            unchanged = await session.scalar(text(staging.unchanged)) or 0
            inserted = [await _affected(session, statement) for statement in staging.inserts]
            settled = await _affected(session, staging.after) if staging.after else 0
            if any(inserted):
                await audit.record(
                    session,
                    actor=actor,
                    action=f"import.{layout.kind}",
                    subject=f"sha256:{sheet.sha256}",
                    detail={"inserted": inserted[0], "unchanged": unchanged, "settled": settled},
                )
    return _report(layout, inserted[0], unchanged, reader.errors, settled)


def _report(
    layout: Layout, inserted: int, unchanged: int, errors: ErrorLog, settled: int = 0
) -> ImportReport:
    return ImportReport(
        layout.kind, inserted, unchanged, errors.sorted(), errors.count, layout.ignored, settled
    )


async def _stage(
    session: AsyncSession, staging: Staging, sheet: Sheet, reader: RowReader, progress: Progress
) -> None:
    definitions = ", ".join(f"{name} {kind}" for name, kind in staging.columns)
    await session.execute(text(f"create temporary table {TABLE} ({definitions}) on commit drop"))
    pooled = await (await session.connection()).get_raw_connection()
    connection = cast("psycopg.AsyncConnection[Any]", pooled.driver_connection)
    done = 0
    copy_in = sql.SQL("copy {} from stdin").format(sql.Identifier(TABLE))
    async with connection.cursor() as cursor, cursor.copy(copy_in) as copy:
        for line, cells in sheet.rows:
            staged = reader.read(line, cells)
            if staged is not None:
                await copy.write_row(staged)
            done += 1
            if done % _PROGRESS_EVERY == 0:
                progress(done, max(done, sheet.total) if sheet.total else None)
    progress(done, done)
    await session.execute(text(f"analyze {TABLE}"))


async def _check(session: AsyncSession, staging: Staging, layout: Layout, errors: ErrorLog) -> None:
    for check in staging.checks:
        if check.column not in layout.places:
            continue
        found = (
            await session.execute(
                text(check.counted()),
                {"cap": MAX_REPORTED},
            )
        ).all()
        if found:
            title = layout.places[check.column][1]
            errors.add_many(
                [RowError(line, title, check.reason_zh.format(other=other)) for line, other, _ in found],
                found[0][2],
            )


async def _affected(session: AsyncSession, statement: str) -> int:
    result = cast("CursorResult[Any]", await session.execute(text(statement)))
    return result.rowcount
