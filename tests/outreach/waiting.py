"""Waiting for what others do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE_S = 200.0
"""A busy machine takes its time; only what never happens takes this long."""


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Ask again and again. Raises AssertionError, naming ``what``, when it does not come true."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await condition():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{what}: not within {PATIENCE_S:g} s") from None
