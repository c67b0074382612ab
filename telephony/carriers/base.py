"""The seam to whoever carries the calls; nothing above it knows which carrier it is."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from telephony.events import Outcome


class CarrierError(Exception):
    """The carrier refused or failed; the text says what to do, in Chinese. Nothing was dialled.

    ``outcome`` is how such a call has ended.
    """

    def __init__(self, words: str, outcome: Outcome = Outcome.CARRIER_FAILURE) -> None:
        super().__init__(words)
        self.outcome = outcome


class CarrierUnsure(CarrierError):
    """Nobody knows whether the call was placed (time-out, cut connection): look with ``find`` before dialling again."""


class CarrierStatus(StrEnum):
    """Where a call stands at the carrier (Twilio's CallStatus)."""

    QUEUED = "queued"
    INITIATED = "initiated"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    FAILED = "failed"
    NO_ANSWER = "no-answer"
    CANCELED = "canceled"

    @property
    def terminal(self) -> bool:
        """Whether nothing can follow."""
        return self in _TERMINAL


_TERMINAL = frozenset(
    {
        CarrierStatus.COMPLETED,
        CarrierStatus.BUSY,
        CarrierStatus.FAILED,
        CarrierStatus.NO_ANSWER,
        CarrierStatus.CANCELED,
    }
)


@dataclass(frozen=True, slots=True)
class Order:
    """A call to place: our id, the number in E.164 (``+86…``), how long to let it ring and how long it may last."""

    call_id: uuid.UUID
    to: str
    ring_s: int = 30
    limit_s: int = 900
    detect_machine: bool = True


@dataclass(frozen=True, slots=True)
class CarrierCall:
    """A call as the carrier knows it."""

    carrier_id: str
    to: str
    status: CarrierStatus
    started_at: datetime | None


class Carrier(Protocol):
    """Places calls. Status, machine detection and recordings come back as signed callbacks to the gateway."""

    name: str

    async def place(self, order: Order) -> str:
        """Dial; returns the carrier's id of the call. Raises :class:`CarrierError` or :class:`CarrierUnsure`."""

    async def hang_up(self, carrier_id: str) -> None:
        """End the call; nothing happens if it has ended already."""

    async def transfer(self, carrier_id: str, to: str) -> None:
        """Connect the caller with ``to`` (a number or a conference's name) once our stream is closed."""

    async def find(self, to: str, since: datetime) -> Sequence[CarrierCall]:
        """Calls to a number that began at or after ``since``, newest first."""
