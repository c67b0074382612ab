"""Drawing anew what has changed: changes that come together are drawn once, and nothing goes on after the page is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from nicegui import background_tasks, ui


class Redraw:
    """Calls ``draw`` in the page's context after :meth:`due`, ``settle_s`` seconds later; made while a page is built."""

    def __init__(self, draw: Callable[[], Awaitable[None]], settle_s: float) -> None:
        self._draw = draw
        self._settle_s = settle_s
        self._due = asyncio.Event()
        self._client = ui.context.client
        task = background_tasks.create(self._run(), name="redraw")
        self._client.on_delete(lambda: task.cancel())

    def due(self) -> None:
        """Something that is shown has changed."""
        self._due.set()

    async def _run(self) -> None:
        while True:
            await self._due.wait()
            await asyncio.sleep(self._settle_s)
            self._due.clear()
            with self._client:
                await self._draw()
