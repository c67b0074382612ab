"""Text messages through Twilio, by its own library.

Sources: Twilio's pages "Message resource", "Outbound message status callbacks" and "Error and Warning Dictionary".
Twilio has no idempotency key for messages either: a request whose answer is lost ends as :class:`CarrierUnsure`, and
the message is looked up before anything is sent again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from twilio.rest import Client  # type: ignore[import-untyped]

from telephony.carriers.base import CarrierError, CarrierUnsure
from telephony.carriers.callbacks import Callbacks
from telephony.carriers.twilio_http import E164, NO_ENVIRONMENT, UNSURE, ApiClient, answered

FOUND_LIMIT = 50
"""Messages to one number looked at by :meth:`TwilioSms.find`."""
_SERVICE = re.compile(r"MG[0-9a-f]{32}")
_CLOCKS = timedelta(seconds=30)
"""How far Twilio's clock may be behind ours."""


class SmsError(CarrierError):
    """The carrier did not take the message; ``for_good``: nor will it ever."""

    def __init__(self, words: str, *, for_good: bool) -> None:
        super().__init__(words)
        self.for_good = for_good


class SmsStatus(StrEnum):
    """Where a message stands at the carrier (Twilio's MessageStatus)."""

    ACCEPTED = "accepted"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    CANCELED = "canceled"


class TwilioSms:
    """Sends texts with one Twilio account.

    Args:
        account_sid: ``AC…``.
        auth_token: the account's token.
        sender: our number in E.164, or a messaging service (``MG…``).
        callbacks: the addresses Twilio reports to.
        api_base: another host that speaks Twilio's REST, ``None`` for Twilio itself.
        timeout_s: seconds a request may take.
        name: which carrier this is, where it is not Twilio itself.
    """

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        sender: str,
        callbacks: Callbacks,
        *,
        api_base: str | None = None,
        timeout_s: float = 10.0,
        name: str = "twilio",
    ) -> None:
        service = _SERVICE.fullmatch(sender)
        if not service and not E164.fullmatch(sender):
            raise ValueError(
                "SHUILING_TWILIO_SMS_FROM 应是国际格式的号码（例如 +15005550006）或短信服务编号（MG 开头）。"
            )
        self.name = name
        self._from = {"messaging_service_sid": sender} if service else {"from_": sender}
        self._callbacks = callbacks
        self._http = ApiClient(api_base, timeout_s)
        self._client = Client(account_sid, auth_token, http_client=self._http, environment=NO_ENVIRONMENT)

    async def send(self, outbox_id: int, to: str, body: str) -> str:
        """Send; returns Twilio's message id (``SM…``). ``outbox_id`` comes back with every report.

        Raises:
            SmsError: Twilio refused. CarrierError: nothing was sent. CarrierUnsure: nobody knows.
        """
        if not E164.fullmatch(to):
            raise SmsError("收信号码应是国际格式，例如 +8613900001234。", for_good=True)
        message = await answered(
            self._client.messages.create_async(
                to=to, body=body, status_callback=self._callbacks.sms(outbox_id), **self._from
            ),
            refusal,
        )
        if not message.sid:
            raise CarrierUnsure(UNSURE)
        return str(message.sid)

    async def find(self, to: str, body: str, since: datetime) -> str | None:
        """Id of our newest message to a number with this text that Twilio has known since ``since``.

        Raises:
            CarrierError, CarrierUnsure: Twilio could not be asked.
        """
        # Twilio filters by the time of sending only, and a message still in its queue has none.
        found = await answered(
            self._client.messages.list_async(to=to, limit=FOUND_LIMIT, page_size=FOUND_LIMIT), refusal
        )
        same = [
            message
            for message in found
            if message.body == body
            and str(message.direction).startswith("outbound")
            and _made(message, since) >= since - _CLOCKS
        ]
        newest = max(same, key=lambda message: _made(message, since), default=None)
        return None if newest is None else str(newest.sid)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


_WORDS: Mapping[int, str] = {
    20003: "Twilio 的账号或令牌不对，请核对 SHUILING_TWILIO_ACCOUNT_SID 和 SHUILING_TWILIO_AUTH_TOKEN。",
    20429: "请求太频繁，Twilio 没有受理，请放慢速度。",
    21211: "收信号码无效，请核对登记的号码。",
    21212: "发信号码无效，请核对 SHUILING_TWILIO_SMS_FROM。",
    21408: "Twilio 账户没有开通向这个国家或地区发短信的权限，请在控制台的 Messaging Geo Permissions 里开通。",
    21606: "发信号码不能发短信，请核对 SHUILING_TWILIO_SMS_FROM。",
    21608: "试用账户只能发给已验证的号码，请先在控制台验证号码或升级账户。",
    21610: "对方已经回复退订，不能再发短信。",
    21611: "发信号码排队的短信太多，请放慢速度。",
    21612: "这个号码收不到从发信号码来的短信。",
    21614: "收信号码不是手机号码，收不了短信。",
    21617: "短信太长。",
    21703: "短信服务里没有发信号码，请在 Twilio 控制台添加。",
    30001: "排队的短信太多，没有发出。",
    30002: "Twilio 账户已停用，没有发出。",
    30003: "对方手机关机、停机或不在服务区。",
    30004: "对方屏蔽了短信。",
    30005: "号码不存在或已停用。",
    30006: "号码是固定电话，或网络不支持短信。",
    30007: "短信被运营商当作垃圾短信拦截。",
    30008: "没有送达，运营商没有说原因。",
    30034: "发信号码没有登记用途，被运营商拦截。",
    30410: "运营商没有及时答复。",
}
_FOR_GOOD = frozenset({21211, 21214, 21217, 21610, 21612, 21614, 21617})
"""Refusals that concern this number or this text; the others pass when a setting is put right or time has passed."""


def refusal(status: int, code: int | None) -> SmsError:
    """The error for HTTP ``status`` (4xx) and Twilio's ``code``; its words repeat no number."""
    return SmsError(in_words(code, status), for_good=code in _FOR_GOOD)


def in_words(code: int | None, status: int | None = None) -> str:
    """What an error code of a refusal or a report means, in Chinese."""
    known = _WORDS.get(code or 0)
    if known is None and status == 429:
        known = _WORDS[20429]
    if known is None and status in (401, 403):
        known = _WORDS[20003]
    number = code or status
    return f"{known or 'Twilio 没有发出，请在控制台按错误码查看说明。'}" + (
        f"（错误码 {number}）" if number else ""
    )


def _made(message: Any, otherwise: datetime) -> datetime:
    moment: datetime | None = message.date_created or message.date_sent
    if moment is None:
        return otherwise
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
