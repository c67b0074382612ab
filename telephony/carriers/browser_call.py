"""A call to a browser page: what is known of it while it rings, is answered, talks and ends."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from telephony.carriers.base import CarrierStatus, Order

GOODBYE_S = 2.0
"""How long a page may take to close its media socket once the call is over."""


class Page(Protocol):
    """An open phone page. ``send`` never waits and never fails; a page that is gone takes nothing."""

    number: str | None
    """The number it stands for; ``None`` is a page for any call, where that is allowed."""

    def send(self, message: dict[str, Any]) -> None:
        """Hand over one message, see :mod:`gateway.routes.phone`."""


@dataclass(eq=False, slots=True)
class BrowserCall:
    """One call; the events are set once each: somebody decided, media opened, it is to end, media is gone."""

    id: uuid.UUID
    carrier_id: str
    order: Order
    started: datetime
    token: str = ""
    status: CarrierStatus = CarrierStatus.QUEUED
    ringing: set[Page] = field(default_factory=set)
    page: Page | None = None
    decided: asyncio.Event = field(default_factory=asyncio.Event)
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    refused: str = ""
    """Why it was not answered, once that is decided."""


async def within(event: asyncio.Event, seconds: float) -> bool:
    """Whether ``event`` is set within that time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
