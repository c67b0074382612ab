"""Who carries text messages: Twilio where an account is set, the stand-in in the demonstration, else nobody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.calls.outbound import callbacks_of
from gateway.calls.standin import account as standin_account
from gateway.calls.standin import runs_here
from gateway.parts import Parts
from gateway.routes.sms import SmsHooks
from gateway.settings import Settings
from outreach.ports import SentSms, SmsRefused, SmsUnsure
from telephony.carriers.base import CarrierError, CarrierUnsure
from telephony.carriers.signature import SignatureCheck
from telephony.carriers.twilio_sms import SmsError, TwilioSms

_STANDIN_FROM = "+8657112366000"


@dataclass(frozen=True, slots=True)
class _Account:
    """An account at whoever speaks Twilio's REST; ``sender``: our number or messaging service."""

    sid: str
    token: str
    sender: str
    name: str
    api_base: str | None = None


class TwilioTexts:
    """Implements ``outreach.ports.SmsCarrier`` over Twilio's API."""

    def __init__(self, carrier: TwilioSms) -> None:
        self._carrier = carrier
        self.name = carrier.name

    async def send(self, outbox_id: int, to: str, body: str) -> SentSms:
        try:
            return SentSms(await self._carrier.send(outbox_id, to, body))
        except CarrierUnsure as error:
            raise SmsUnsure from error
        except SmsError as error:
            raise SmsRefused(str(error), for_good=error.for_good) from error
        except CarrierError as error:
            raise SmsRefused(str(error), for_good=False) from error

    async def find(self, to: str, body: str, since: datetime) -> SentSms | None:
        try:
            found = await self._carrier.find(to, body, since)
        except CarrierError as error:
            raise SmsUnsure from error
        return None if found is None else SentSms(found)

    async def aclose(self) -> None:
        """Close its connections."""
        await self._carrier.aclose()


def sms_carrier(settings: Settings) -> TwilioTexts | None:
    """Who sends texts; ``None``: they are shown on the demonstration's page only. Connects on first use."""
    account = _account(settings)
    if account is None:
        return None
    return TwilioTexts(
        TwilioSms(
            account.sid,
            account.token,
            account.sender,
            callbacks_of(settings),
            api_base=account.api_base,
            name=account.name,
        )
    )


def sms_hooks(settings: Settings, parts: Parts) -> SmsHooks | None:
    """What the routes need to take the carrier's reports; ``None`` without a carrier."""
    account = _account(settings)
    if account is None:
        return None
    return SmsHooks(
        parts.sessions,
        parts.cipher,
        SignatureCheck(account.token, callbacks_of(settings)),
        parts.clock.now,
    )


def _account(settings: Settings) -> _Account | None:
    sender = settings.twilio_sms_from or settings.twilio_from
    if settings.twilio_account_sid and settings.twilio_auth_token and sender:
        return _Account(
            settings.twilio_account_sid,
            settings.twilio_auth_token.get_secret_value(),
            sender,
            "twilio",
            settings.twilio_api_base,
        )
    if not runs_here(settings):
        return None
    own = standin_account(settings.internal_token.get_secret_value())
    return _Account(own.sid, own.token, _STANDIN_FROM, "standin", f"http://127.0.0.1:{settings.standin_port}")
