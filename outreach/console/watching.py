"""Reading again and again while a page is open, but never so often that the store has little else to do."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from nicegui import ui

from handoff.console.parts import parts
from handoff.console.redraw import Redraw
from store.live import RESYNC, Change

TICK_S = 2.0
SETTLE_S = 0.2
_REST = 9.0
"""Rest for so many times as long as the last reading took: one page keeps a tenth of one connection busy at most."""


class Watch:
    """Calls ``read`` every :data:`TICK_S` seconds and ``changed`` when outreach says that something was decided.

    Made while a page is built; both run in the page's context until it is closed.
    """

    def __init__(self, read: Callable[[], Awaitable[None]], changed: Callable[[], Awaitable[None]]) -> None:
        self._read = read
        self._not_before = 0.0
        redraw = Redraw(changed, SETTLE_S)

        def heard(change: Change) -> None:
            if change is RESYNC or change.kind == "outreach":
                redraw.due()

        ui.context.client.on_delete(parts().live.subscribe(heard))
        ui.timer(TICK_S, self._tick, immediate=False)

    async def _tick(self) -> None:
        began = time.monotonic()
        if began < self._not_before:
            return
        await self._read()
        ended = time.monotonic()
        self._not_before = ended + _REST * (ended - began)
