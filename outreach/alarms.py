"""Setting alarms: jobs that look at the ledger at a given time (``outreach.jobs``)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_SET = text(
    "select outreach_alarm(:task, :key, cast(:arguments as jsonb), clock_timestamp() + cast(:wait as interval))"
)


async def set_alarm(
    session: AsyncSession, task: str, key: str, arguments: Mapping[str, object], wait: timedelta
) -> None:
    """Run ``task`` after ``wait``, once for ``key``: while one waits, another is not set.

    A wait, not an instant: the store keeps alarms by its own time, which a clock set for a demonstration differs from.
    """
    await session.execute(
        _SET,
        {
            "task": task,
            "key": key,
            "arguments": json.dumps({name: str(value) for name, value in arguments.items()}),
            "wait": wait,
        },
    )
