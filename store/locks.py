"""Numbers of the advisory locks, each held until its transaction ends."""

from __future__ import annotations

from enum import IntEnum

from sqlalchemy import Executable, text

_NAMESPACE = 0x5348


class Lock(IntEnum):
    """What only one transaction at a time may do."""

    MIGRATE = 1
    NUMBER = 2
    AUDIT = 3
    IMPORT = 4
    ENROL = 5
    OUTREACH = 6


def take(lock: Lock) -> Executable:
    """The statement that waits for ``lock`` and holds it to the end of the transaction."""
    return text("select pg_advisory_xact_lock(:space, :lock)").bindparams(space=_NAMESPACE, lock=int(lock))


def share(lock: Lock) -> Executable:
    """The statement that waits for whoever holds ``lock`` alone; any number may share it, to the end of the transaction."""
    return text("select pg_advisory_xact_lock_shared(:space, :lock)").bindparams(
        space=_NAMESPACE, lock=int(lock)
    )
