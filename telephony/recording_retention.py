"""Deletes recordings whose time is over."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from telephony.recording_format import SUFFIX, Header, RecordingDamaged


@dataclass(frozen=True, slots=True)
class Expired:
    """Calls whose recordings are gone now, and files that should be but could not be deleted."""

    deleted: tuple[uuid.UUID, ...]
    failed: tuple[Path, ...]


def expire(folder: Path, older_than: timedelta, now: datetime) -> Expired:
    """Delete recordings of calls that began more than ``older_than`` before ``now`` (with a time zone).

    When a file's beginning is damaged, its last change counts as the beginning. Needs no key.
    """
    deleted: list[uuid.UUID] = []
    failed: list[Path] = []
    for path in sorted(folder.glob(f"????-??/*{SUFFIX}")):
        try:
            call_id = uuid.UUID(path.stem)
            if now - _began(path) <= older_than:
                continue
            path.unlink()
        except (OSError, ValueError):
            failed.append(path)
        else:
            deleted.append(call_id)
    _remove_empty_months(folder, now)
    return Expired(tuple(deleted), tuple(failed))


def _began(path: Path) -> datetime:
    try:
        with path.open("rb") as file:
            return Header.read(file).started
    except RecordingDamaged:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _remove_empty_months(folder: Path, now: datetime) -> None:
    # The present month stays: a recording may be about to begin in it.
    for month in folder.glob("????-??"):
        if month.name < f"{now:%Y-%m}":
            with contextlib.suppress(OSError):
                month.rmdir()
