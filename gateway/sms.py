"""Who carries text messages: Twilio where an account is set, the stand-in in the demonstration, else nobody."""

from __future__ import annotations

from datetime import datetime

from gateway.calls.outbound import Account, account_of, callbacks_of
from gateway.parts import Parts
from gateway.routes.sms import SmsHooks
from gateway.settings import Settings
from outreach.ports import MessageRefused, MessageUnsure, SentSms
from telephony.carriers.base import CarrierError, CarrierUnsure
from telephony.carriers.signature import SignatureCheck
from telephony.carriers.twilio_sms import SmsError, TwilioSms


class TwilioTexts:
    """Implements ``outreach.ports.SmsCarrier`` over Twilio's API."""

    def __init__(self, carrier: TwilioSms) -> None:
        self._carrier = carrier
        self.name = carrier.name

    async def send(self, outbox_id: int, to: str, body: str) -> SentSms:
        try:
            return SentSms(await self._carrier.send(outbox_id, to, body))
        except CarrierUnsure as error:
            raise MessageUnsure from error
        except SmsError as error:
            raise MessageRefused(str(error), for_good=error.for_good) from error
        except CarrierError as error:
            raise MessageRefused(str(error), for_good=False) from error

    async def find(self, to: str, body: str, since: datetime) -> SentSms | None:
        try:
            found = await self._carrier.find(to, body, since)
        except CarrierError as error:
            raise MessageUnsure from error
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


def _account(settings: Settings) -> Account | None:
    return account_of(settings, settings.twilio_sms_from or settings.twilio_from)
