"""Text messages of the stand-in: taken, sent at once, reported on by signed callbacks.

Source: Twilio's pages "Message resource" and "Outbound message status callbacks".
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlsplit, urlunsplit

import httpx

from telephony.carriers.callbacks import SMS_REPLY
from telephony.standin.call import API_VERSION, new_sid
from telephony.standin.callbacks import Callbacks
from telephony.standin.faults import Faults
from telephony.standin.orders import E164, Form, RestError, web_address
from telephony.standin.signing import Signer

KEEP = 2000
"""Messages that are remembered."""
LONGEST = 1600
_UNREACHABLE = "30003"


@dataclass(frozen=True, slots=True)
class TextOrder:
    """What ``POST Messages.json`` asked for."""

    to: str
    from_: str
    body: str
    status_callback: str | None


@dataclass(slots=True)
class TextMessage:
    """A message; ``status`` as Twilio names it."""

    account_sid: str
    order: TextOrder
    created: datetime
    sid: str = field(default_factory=lambda: new_sid("SM"))
    status: str = "queued"
    sent: datetime | None = None
    error: str | None = None

    def resource(self) -> dict[str, object]:
        """The JSON of ``GET …/Messages/{sid}.json``."""
        base = f"/{API_VERSION}/Accounts/{self.account_sid}/Messages/{self.sid}"
        return {
            "sid": self.sid,
            "account_sid": self.account_sid,
            "messaging_service_sid": None,
            "to": self.order.to,
            "from": self.order.from_,
            "body": self.order.body,
            "status": self.status,
            "num_segments": "1",
            "num_media": "0",
            "direction": "outbound-api",
            "api_version": API_VERSION,
            "price": None,
            "price_unit": "USD",
            "error_code": int(self.error) if self.error else None,
            "error_message": None,
            "date_created": format_datetime(self.created),
            "date_updated": format_datetime(self.sent or self.created),
            "date_sent": format_datetime(self.sent) if self.sent else None,
            "uri": f"{base}.json",
            "subresource_uris": {"media": f"{base}/Media.json"},
        }

    def report(self) -> dict[str, str]:
        """The parameters of a status callback."""
        return {
            "MessageSid": self.sid,
            "SmsSid": self.sid,
            "AccountSid": self.account_sid,
            "MessageStatus": self.status,
            "SmsStatus": self.status,
            "From": self.order.from_,
            "To": self.order.to,
            "ApiVersion": API_VERSION,
            **({"ErrorCode": self.error} if self.error else {}),
        }

    def view(self) -> dict[str, object]:
        """What the control address shows."""
        return {
            "sid": self.sid,
            "to": self.order.to,
            "body": self.order.body,
            "status": self.status,
            "error": self.error,
            "at": self.created.isoformat(),
        }


class MessageBook:
    """All messages. ``numbers`` that stopped take no more (Twilio: error 21610)."""

    def __init__(self, account_sid: str, client: httpx.AsyncClient, signer: Signer) -> None:
        self._account_sid, self._client, self._signer = account_sid, client, signer
        self._messages: dict[str, TextMessage] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped: set[str] = set()

    def take(self, order: TextOrder, faults: Faults) -> TextMessage:
        """Take a message; what becomes of it is reported later.

        Raises:
            RestError: the number has stopped.
        """
        if order.to in self._stopped:
            raise RestError(400, 21610, "Attempt to send to unsubscribed recipient")
        message = TextMessage(self._account_sid, order, datetime.now(UTC))
        self._messages[message.sid] = message
        while len(self._messages) > KEEP:
            del self._messages[next(iter(self._messages))]
        task = asyncio.create_task(self._carry(message, faults))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return message

    def message(self, sid: str) -> TextMessage:
        """A message by its id.

        Raises:
            RestError: 404.
        """
        found = self._messages.get(sid)
        if found is None:
            raise RestError(404, 20404, f"The requested resource /Messages/{sid}.json was not found")
        return found

    def messages(self, to: str | None = None) -> list[TextMessage]:
        """Newest first."""
        return [each for each in self._messages.values() if to is None or each.order.to == to][::-1]

    async def answer(self, message: TextMessage, body: str) -> None:
        """Whoever got a message writes back; the words that stop everything stop this number.

        Raises:
            CallbackError: the gateway did not take it. RestError: nobody listens for answers.
        """
        if message.order.status_callback is None:
            raise RestError(400, 21609, "The message has no status callback to tell the gateway by")
        if body.strip().upper() in ("STOP", "TD", "退订"):
            self._stopped.add(message.order.to)
        parts = urlsplit(message.order.status_callback)
        told = {
            "MessageSid": new_sid("SM"),
            "AccountSid": self._account_sid,
            "From": message.order.to,
            "To": message.order.from_,
            "Body": body,
            "NumMedia": "0",
            "ApiVersion": API_VERSION,
        }
        url = urlunsplit((parts.scheme, parts.netloc, SMS_REPLY, "", ""))
        await Callbacks(self._client, self._signer, Faults()).ask(url, told)

    async def settle(self) -> None:
        """Wait until every report has been sent or given up."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Send no more reports."""
        for task in tuple(self._tasks):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _carry(self, message: TextMessage, faults: Faults) -> None:
        callbacks = Callbacks(self._client, self._signer, faults)
        message.status, message.sent = "sent", datetime.now(UTC)
        self._tell(callbacks, message)
        if faults.undelivered:
            message.status, message.error = "undelivered", _UNREACHABLE
        else:
            message.status = "delivered"
        self._tell(callbacks, message, last=True)
        await callbacks.settle()

    def _tell(self, callbacks: Callbacks, message: TextMessage, *, last: bool = False) -> None:
        if message.order.status_callback is not None:
            callbacks.tell(message.order.status_callback, message.report(), last=last)


def read_text(form: Form) -> TextOrder:
    """The order in a form.

    Raises:
        RestError: 400 with Twilio's code.
    """
    to, from_ = form.one("To"), form.one("From") or form.one("MessagingServiceSid")
    body = form.one("Body")
    if to is None:
        raise RestError(400, 21604, "A 'To' phone number is required.")
    if from_ is None:
        raise RestError(400, 21603, "A 'From' phone number is required.")
    if not E164.fullmatch(to):
        raise RestError(400, 21211, "Invalid 'To' Phone Number")
    if body is None:
        raise RestError(400, 21602, "Message body is required.")
    if len(body) > LONGEST:
        raise RestError(400, 21617, "The concatenated message body exceeds the 1600 character limit")
    return TextOrder(to, from_, body, web_address(form, "StatusCallback", 21609))
