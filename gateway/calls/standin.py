"""The account at the stand-in carrier: derived from the internal token, so that both sides know it without a setting."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class Account:
    """Names and token as Twilio has them."""

    sid: str
    token: str


def runs_here(settings: Settings) -> bool:
    """Whether the demonstration has a carrier of its own: unless a real one is set."""
    return settings.telephone and settings.demo and not has_twilio(settings)


def has_twilio(settings: Settings) -> bool:
    """Whether an account at Twilio is set, whole."""
    return all((settings.twilio_account_sid, settings.twilio_auth_token, settings.twilio_from))


def account(internal_token: str) -> Account:
    """The account of an installation with this internal token."""

    def derived(what: str) -> str:
        return hmac.new(internal_token.encode(), what.encode(), hashlib.sha256).hexdigest()[:32]

    return Account(f"AC{derived('standin account')}", derived("standin token"))
