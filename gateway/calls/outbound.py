"""The carrier that campaigns dial through, and dialling by it as outreach knows it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.calls.dialling import DialResult, Limits, place_intended
from gateway.calls.standin import account as standin_account
from gateway.calls.standin import runs_here
from gateway.settings import Settings
from outreach.ports import PlaceResult
from store.crypto import FieldCipher
from store.engine import SessionFactory
from telephony.carriers.base import Carrier
from telephony.carriers.callbacks import Callbacks
from telephony.carriers.twilio import TwilioCarrier

HUMAN_S = 3600
"""How long a caller may talk with a human before the carrier ends the call."""
_STANDIN_SENDER = "+8657112366000"
_RESULTS = {
    DialResult.PLACED: PlaceResult.PLACED,
    DialResult.REFUSED: PlaceResult.REFUSED,
    DialResult.UNSURE: PlaceResult.UNSURE,
    DialResult.TAKEN: PlaceResult.ABANDONED,
}


@dataclass(frozen=True, slots=True)
class Account:
    """An account at whoever speaks Twilio's REST; ``sender``: the number, or for texts the messaging service, we use."""

    sid: str
    token: str
    sender: str
    name: str
    api_base: str | None = None


def account_of(settings: Settings, sender: str | None) -> Account | None:
    """Twilio's where its keys and a sender are set, else the stand-in's where the demonstration runs one."""
    if settings.twilio_account_sid and settings.twilio_auth_token and sender:
        token = settings.twilio_auth_token.get_secret_value()
        return Account(settings.twilio_account_sid, token, sender, "twilio", settings.twilio_api_base)
    if not runs_here(settings):
        return None
    own = standin_account(settings.internal_token.get_secret_value())
    api_base = f"http://127.0.0.1:{settings.standin_port}"
    return Account(own.sid, own.token, _STANDIN_SENDER, "standin", api_base)


@dataclass(frozen=True, slots=True)
class Outbound:
    """A carrier that speaks Twilio's REST, with the token that signs its callbacks."""

    carrier: TwilioCarrier
    auth_token: str


def callbacks_of(settings: Settings) -> Callbacks:
    """Where the carrier reaches the gateway."""
    return Callbacks(settings.voice_origin or f"http://127.0.0.1:{settings.port}")


def outbound_carrier(settings: Settings, callbacks: Callbacks) -> Outbound | None:
    """Whoever carries campaigns' calls; connects on first use."""
    account = account_of(settings, settings.twilio_from)
    if account is None:
        return None
    carrier = TwilioCarrier(
        account.sid, account.token, account.sender, callbacks, api_base=account.api_base, name=account.name
    )
    return Outbound(carrier, account.token)


def call_limits(settings: Settings) -> Limits:
    """How long calls may ring and last."""
    return Limits(settings.call_ring_s, settings.call_limit_s, wait_s=settings.call_wait_s, human_s=HUMAN_S)


class CallDialler:
    """Implements ``outreach.ports.Dialler``."""

    def __init__(
        self,
        sessions: SessionFactory,
        cipher: FieldCipher,
        carrier: Carrier,
        now: Callable[[], datetime],
        limits: Limits,
    ) -> None:
        self._sessions, self._cipher, self._carrier, self._now = sessions, cipher, carrier, now
        self._limits = limits
        self.name = carrier.name

    async def dial(self, call_id: uuid.UUID) -> PlaceResult:
        """Ask the carrier for a call whose intent is committed."""
        dialled = await place_intended(
            self._sessions, self._cipher, self._carrier, call_id, self._now, self._limits
        )
        return _RESULTS[dialled.result]
