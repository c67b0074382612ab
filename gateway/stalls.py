"""How long the event loop is ever kept from turning: what delays every call and chat at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

TICK_S = 0.01


async def watch_stalls(note: Callable[[float], None]) -> None:
    """Note, in seconds, by how much each tick comes late; runs until it is cancelled."""
    due = time.monotonic() + TICK_S
    while True:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        now = time.monotonic()
        note(max(0.0, now - due))
        due = now + TICK_S
