"""What outreach needs from elsewhere, as protocols: the gateway hands them in."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession


class PlaceResult(StrEnum):
    """What became of asking the carrier."""

    PLACED = "placed"
    REFUSED = "refused"
    """The carrier refused, and the call has its outcome."""
    UNSURE = "unsure"
    """Nobody knows: the call is looked up at the carrier later, never dialled again."""
    ABANDONED = "abandoned"
    """It was given up meanwhile, and hung up if it rang."""


class Dialler(Protocol):
    """Dials calls whose intent is in the store."""

    name: str
    """The carrier's, as ``call.carrier`` has it."""

    async def dial(self, call_id: uuid.UUID) -> PlaceResult:
        """Ask the carrier to place the call, and note its id or the outcome in the store."""


class CallPlacer(Protocol):
    """Places single calls within lines and pace."""

    async def place(self, taxpayer_id: uuid.UUID, contact_id: uuid.UUID, purpose: str) -> uuid.UUID | None:
        """Dial; returns the call's id, ``None`` when no line is free now. Raises :class:`store.phones.PhoneError`."""


@dataclass(frozen=True, slots=True)
class SentSms:
    """What the carrier said of a text: its id there."""

    carrier_id: str


class MessageRefused(Exception):
    """The carrier did not take the text; the words (Chinese) say why. ``for_good``: trying again is of no use."""

    def __init__(self, words: str, *, for_good: bool = True) -> None:
        super().__init__(words)
        self.for_good = for_good


class MessageUnsure(Exception):
    """Nobody knows whether the carrier took the text."""


class SmsCarrier(Protocol):
    """Sends text messages."""

    name: str

    async def send(self, outbox_id: int, to: str, body: str) -> SentSms:
        """Send; raises :class:`MessageRefused` or :class:`MessageUnsure`. ``to`` in E.164."""

    async def find(self, to: str, body: str, since: datetime) -> SentSms | None:
        """A text to this number with this body sent at or after ``since``. Raises :class:`MessageUnsure`."""


class WechatGone(MessageRefused):
    """They do not follow the account."""


class WechatClosed(MessageRefused):
    """Only their next word lets us write to them freely again."""


class WechatCarrier(Protocol):
    """Writes to followers of the Official Account. Raises :class:`MessageRefused` or :class:`MessageUnsure`."""

    async def template(self, openid: str, about: str, outbox_id: int) -> str:
        """Send the reminder template; returns the message id there. The same ``outbox_id`` is sent once within ten minutes."""

    async def text(self, openid: str, text: str) -> None:
        """Send a free text within 48 hours of the follower's last word. Raises :class:`WechatClosed` too."""


class Clock(Protocol):
    """The present. A worker's own clock is not to be trusted: the store's is."""

    async def now(self, session: AsyncSession) -> datetime:
        """The instant, in Asia/Shanghai."""
