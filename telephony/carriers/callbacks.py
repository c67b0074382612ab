"""The addresses at which a carrier reaches us, all below one public origin."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from urllib.parse import urlsplit

TWIML = "/voice/twiml"
STATUS = "/voice/status"
AMD = "/voice/amd"
RECORDING = "/voice/recording"
STREAM = "/voice/stream"
SMS_STATUS = "/sms/status"
SMS_REPLY = "/sms/reply"
"""Set at the carrier, for the number or messaging service that texts are sent from."""


class OriginError(ValueError):
    """The origin is none; the message says what to set, in Chinese."""


@dataclass(frozen=True, slots=True)
class Callbacks:
    """``origin`` as the carrier sees it, e.g. ``https://voice.example.gov.cn``; nothing may follow the port.

    Each address names our call, so that a report finds its row even before the carrier's answer to the dialling does.
    """

    origin: str

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.origin)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            usable = False
        if not usable or "@" in self.origin or self.origin != f"{parts.scheme}://{parts.netloc}":
            raise OriginError(
                "SHUILING_VOICE_ORIGIN 应是运营商访问得到的地址，例如 https://voice.example.gov.cn，后面不带路径和斜杠。"
            )

    def twiml(self, call_id: uuid.UUID) -> str:
        """What to do with the call once it is answered."""
        return f"{self.origin}{TWIML}?call={call_id}"

    def status(self, call_id: uuid.UUID) -> str:
        """How far the call has come."""
        return f"{self.origin}{STATUS}?call={call_id}"

    def amd(self, call_id: uuid.UUID) -> str:
        """Whether a person or a machine answered."""
        return f"{self.origin}{AMD}?call={call_id}"

    def recording(self, call_id: uuid.UUID) -> str:
        """That the carrier has recorded something."""
        return f"{self.origin}{RECORDING}?call={call_id}"

    def sms(self, outbox_id: int) -> str:
        """What became of a text message."""
        return f"{self.origin}{SMS_STATUS}?sms={outbox_id}"

    @property
    def socket_origin(self) -> str:
        """The origin of WebSockets: ``wss://…``, or ``ws://…`` where the origin is plain HTTP."""
        return "ws" + self.origin.removeprefix("http")

    @property
    def stream(self) -> str:
        """The media WebSocket; carriers take no query string in it."""
        return f"{self.socket_origin}{STREAM}"
