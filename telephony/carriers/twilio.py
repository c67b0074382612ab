"""Twilio as the carrier, through its own library.

Source: Twilio's pages "Call resource" and "Answering Machine Detection". Twilio has no idempotency key for placing a
call, so a request whose answer is lost ends as :class:`CarrierUnsure` and is looked up, never repeated.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from twilio.rest import Client  # type: ignore[import-untyped]

from telephony.carriers import twiml
from telephony.carriers.base import CarrierCall, CarrierError, CarrierStatus, CarrierUnsure, Order
from telephony.carriers.callbacks import Callbacks
from telephony.carriers.twilio_errors import ALREADY_ENDED, refusal
from telephony.carriers.twilio_http import E164, NO_ENVIRONMENT, UNSURE, ApiClient, answered
from telephony.events import Outcome

EVENTS = ("initiated", "ringing", "answered", "completed")
FOUND_LIMIT = 50
"""Calls looked at by :meth:`TwilioCarrier.find`."""
T = TypeVar("T")


class TwilioCarrier:
    """Places calls with one Twilio account and one caller id.

    Args:
        account_sid: ``AC…``.
        auth_token: the account's token.
        caller_id: our number in E.164, owned by or verified for the account.
        callbacks: the addresses Twilio reports to.
        api_base: another host that speaks Twilio's REST, ``None`` for Twilio itself.
        timeout_s: seconds a request may take.
        name: which carrier this is, where it is not Twilio itself.
    """

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        caller_id: str,
        callbacks: Callbacks,
        *,
        api_base: str | None = None,
        timeout_s: float = 10.0,
        name: str = "twilio",
    ) -> None:
        if not E164.fullmatch(caller_id):
            raise ValueError("SHUILING_TWILIO_FROM 应是国际格式的号码，例如 +15005550006。")
        self.name = name
        self._caller_id = caller_id
        self._callbacks = callbacks
        self._http = ApiClient(api_base, timeout_s)
        self._client = Client(account_sid, auth_token, http_client=self._http, environment=NO_ENVIRONMENT)

    async def place(self, order: Order) -> str:
        """Dial; returns Twilio's call id (``CA…``). We record ourselves, so Twilio does not."""
        if not E164.fullmatch(order.to):
            raise CarrierError("被叫号码应是国际格式，例如 +8613900001234。", Outcome.INVALID_NUMBER)
        call_id = order.call_id
        detection: dict[str, Any] = {}
        if order.detect_machine:
            detection = {
                "machine_detection": "DetectMessageEnd",
                "async_amd": "true",
                "async_amd_status_callback": self._callbacks.amd(call_id),
                "async_amd_status_callback_method": "POST",
            }
        call = await _answer(
            self._client.calls.create_async(
                to=order.to,
                from_=self._caller_id,
                url=self._callbacks.twiml(call_id),
                method="POST",
                status_callback=self._callbacks.status(call_id),
                status_callback_event=list(EVENTS),
                status_callback_method="POST",
                timeout=order.ring_s,
                time_limit=order.limit_s,
                record=False,
                recording_status_callback=self._callbacks.recording(call_id),
                recording_status_callback_method="POST",
                **detection,
            )
        )
        if not call.sid:
            raise CarrierUnsure(UNSURE)
        return str(call.sid)

    async def hang_up(self, carrier_id: str) -> None:
        """End the call, ringing or answered; nothing happens if it has ended already."""
        try:
            await self._update(carrier_id, status="completed")
        except _Ended:
            return

    async def transfer(self, carrier_id: str, to: str) -> None:
        """Take the call away from our stream and connect it with ``to``; say the last words before.

        Raises:
            CarrierError: the caller has hung up, or Twilio refused.
            ValueError: ``to`` is neither a number nor a conference's name.
        """
        await self._update(carrier_id, twiml=twiml.transfer(twiml.Target(to, self._caller_id)))

    async def find(self, to: str, since: datetime) -> Sequence[CarrierCall]:
        """Calls of ours to a number that Twilio has known since ``since``, newest first."""
        # Twilio filters by the day of dialling only, and a call still in its queue has none.
        found = await _answer(
            self._client.calls.list_async(
                to=to, from_=self._caller_id, limit=FOUND_LIMIT, page_size=FOUND_LIMIT
            )
        )
        calls = [_known(call) for call in found]
        recent = [call for call in calls if call.started_at is None or call.started_at >= since]
        return sorted(recent, key=lambda call: call.started_at or since, reverse=True)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _update(self, carrier_id: str, **values: str) -> None:
        await _answer(self._client.calls(carrier_id).update_async(**values))


class _Ended(CarrierError):
    """The call is over already."""


def _refused(status: int, code: int | None) -> CarrierError:
    words = refusal(status, code)
    return _Ended(str(words)) if code == ALREADY_ENDED else words


async def _answer(asked: Awaitable[T]) -> T:
    return await answered(asked, _refused)


def _known(call: Any) -> CarrierCall:
    return CarrierCall(
        carrier_id=str(call.sid),
        to=str(call.to),
        status=CarrierStatus(call.status),
        started_at=call.date_created or call.start_time,
    )
