"""What an import says: rows taken, rows already there, and every reason against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from store.importer.columns import Kind

MAX_REPORTED = 1000

Progress = Callable[[int, int | None], None]
"""Told the rows read so far and how many there are, ``None`` when unknown."""


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a row cannot be taken. ``line`` as the file's own program counts (the header is 1); never holds the value."""

    line: int
    column: str
    reason_zh: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The outcome. With any error nothing was taken.

    Attributes:
        kind: what the file held.
        inserted: rows that are new.
        unchanged: rows that were there already, the same.
        errors: the first 1,000, by line.
        error_count: all of them.
        ignored_columns: headers nobody asked for.
        settled: bills that the new payments completed.
    """

    kind: Kind
    inserted: int
    unchanged: int
    errors: tuple[RowError, ...]
    error_count: int
    ignored_columns: tuple[str, ...]
    settled: int = 0

    @property
    def ok(self) -> bool:
        """Whether the file was taken."""
        return self.error_count == 0


@dataclass
class ErrorLog:
    """Keeps the errors that are shown and counts the rest."""

    kept: list[RowError] = field(default_factory=list)
    count: int = 0

    def add(self, line: int, column: str, reason_zh: str) -> None:
        """Note one."""
        self.count += 1
        if len(self.kept) < MAX_REPORTED:
            self.kept.append(RowError(line, column, reason_zh))

    def add_many(self, errors: list[RowError], total: int) -> None:
        """Note the first ones of ``total``."""
        self.count += total
        self.kept.extend(errors[: MAX_REPORTED - len(self.kept)])

    def sorted(self) -> tuple[RowError, ...]:
        """By line, then column."""
        return tuple(sorted(self.kept, key=lambda error: (error.line, error.column)))
