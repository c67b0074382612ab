"""Rewriting stored values with the newest key, and their look-up hashes with the current look-up key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Table, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from store.crypto import CipherError, FieldCipher
from store.models import Base

BATCH = 500
_FORMER = {"outbox_sms.phone": "contact.phone"}
"""Contexts that values of a column may still be bound to: texts once took the number as the contact had it."""


@dataclass(frozen=True)
class RotationReport:
    """How many values were looked at, encrypted anew, and given a new look-up hash."""

    checked: int
    reencrypted: int
    rehashed: int


@dataclass(frozen=True)
class _Field:
    table: Table
    key: Column[Any]
    enc: Column[Any]
    hash: Column[Any] | None
    stem: str

    @property
    def context(self) -> str:
        return f"{self.table.name}.{self.stem}"


def encrypted_fields() -> Iterator[tuple[str, str]]:
    """Every encrypted column as (table, column)."""
    for field in _fields():
        yield field.table.name, field.enc.name


async def rotate(
    session: AsyncSession, cipher: FieldCipher, progress: Callable[[int], None] = lambda _: None
) -> RotationReport:
    """Bring every ``*_enc`` column to the writing key and its ``*_hash`` to the current look-up key.

    Commits after each batch of 500, so it may be stopped and run again; rows that are in use wait for it only briefly.
    ``progress`` is told the number of values checked so far.

    Raises:
        CipherError: a value opens with none of the configured keys; everything before it is done.
    """
    checked = reencrypted = rehashed = 0
    for field in _fields():
        after: Any = None
        while True:
            columns = [field.key, field.enc, *([field.hash] if field.hash is not None else [])]
            query = select(*columns).order_by(field.key).limit(BATCH).with_for_update()
            if after is not None:
                query = query.where(field.key > after)
            rows = (await session.execute(query)).all()
            if not rows:
                break
            after = rows[-1][0]
            changes: list[dict[str, Any]] = []
            for row in rows:
                blob = row[1]
                text, moved = _opened(cipher, blob, field.context)
                change: dict[str, Any] = {}
                if moved or cipher.needs_rotation(blob):
                    change["enc"] = cipher.encrypt(text, field.context)
                    reencrypted += 1
                if field.hash is not None:
                    digest = cipher.lookup_hash(field.stem, text)
                    if digest != row[2]:
                        change["hash"] = digest
                        rehashed += 1
                if change:
                    changes.append({"row_key": row[0], "enc": blob, "hash": None} | change)
            checked += len(rows)
            await _write(session, field, changes)
            await session.commit()
            progress(checked)
    return RotationReport(checked, reencrypted, rehashed)


def _opened(cipher: FieldCipher, blob: bytes, context: str) -> tuple[str, bool]:
    """The text, and whether it was bound to another context."""
    try:
        return cipher.decrypt(blob, context), False
    except CipherError:
        if context not in _FORMER:
            raise
        return cipher.decrypt(blob, _FORMER[context]), True


async def _write(session: AsyncSession, field: _Field, changes: list[dict[str, Any]]) -> None:
    by_shape: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for change in changes:
        by_shape[change["hash"] is not None].append(change)
    for with_hash, group in by_shape.items():
        if not group:
            continue
        values: dict[str, Any] = {field.enc.name: bindparam("enc")}
        if with_hash and field.hash is not None:
            values[field.hash.name] = bindparam("hash")
        statement = update(field.table).where(field.key == bindparam("row_key")).values(values)
        parameters = [{k: v for k, v in change.items() if with_hash or k != "hash"} for change in group]
        connection = await session.connection()
        await connection.execute(statement, parameters)


def _fields() -> Iterator[_Field]:
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if column.name.endswith("_enc"):
                (key,) = table.primary_key.columns
                stem = column.name.removesuffix("_enc")
                yield _Field(table, key, column, table.columns.get(f"{stem}_hash"), stem)
