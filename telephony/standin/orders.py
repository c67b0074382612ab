"""The REST parameters of a call, checked, and Twilio's error answers.

Sources: Twilio's pages "Call resource" and "Error and Warning Dictionary".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from telephony.standin.twiml import TwimlError, parse

Event = Literal["initiated", "ringing", "answered", "completed"]
EVENTS: tuple[Event, ...] = ("initiated", "ringing", "answered", "completed")
E164 = re.compile(r"\+[1-9]\d{6,14}")
MAX_RING_S, MAX_LIMIT_S = 600, 86_400


class RestError(Exception):
    """An error answer: HTTP ``status``, Twilio's ``code``, and its message."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def as_json(self) -> dict[str, object]:
        """The body, in Twilio's shape."""
        info = f"https://www.twilio.com/docs/errors/{self.code}"
        return {"code": self.code, "message": self.message, "more_info": info, "status": self.status}


@dataclass(frozen=True, slots=True)
class CallOrder:
    """What ``POST Calls.json`` asked for. ``twiml`` or ``url`` is set."""

    to: str
    from_: str
    url: str | None
    twiml: str | None
    status_callback: str | None
    events: tuple[Event, ...]
    ring_s: int
    limit_s: int
    detection: Literal["Enable", "DetectMessageEnd"] | None
    async_amd: bool
    amd_callback: str | None


class Form:
    """Form fields, each of which may come more than once."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._pairs = tuple(pairs)

    def one(self, name: str) -> str | None:
        """The last value that is not empty."""
        return next((value for key, value in reversed(self._pairs) if key == name and value), None)

    def all(self, name: str) -> tuple[str, ...]:
        """Every value; a value may hold several, separated by spaces."""
        return tuple(word for key, value in self._pairs if key == name for word in value.split())

    def whole(self, name: str, default: int, highest: int) -> int:
        """A whole number from 1 on, cut at ``highest`` as Twilio does."""
        value = self.one(name)
        if value is None:
            return default
        if not value.isdecimal() or int(value) < 1:
            raise RestError(400, 20001, f"Invalid {name}: {value}")
        return min(int(value), highest)


def read_order(form: Form) -> CallOrder:
    """The order in a form.

    Raises:
        RestError: 400 with Twilio's code.
    """
    to, from_ = form.one("To"), form.one("From")
    if to is None:
        raise RestError(400, 21201, "No 'To' number is specified")
    if from_ is None:
        raise RestError(400, 21213, "No 'From' number is specified")
    if not E164.fullmatch(to):
        raise RestError(400, 21211, "The phone number you are attempting to call is not valid.")
    if not E164.fullmatch(from_):
        raise RestError(400, 21212, "The source phone number provided is not valid.")
    url, twiml = form.one("Url"), form.one("Twiml")
    if url is None and twiml is None:
        raise RestError(400, 21205, "Url parameter is required.")
    check_instructions(url, twiml)
    return CallOrder(
        to=to,
        from_=from_,
        url=None if twiml else url,
        twiml=twiml,
        status_callback=web_address(form, "StatusCallback", 21609),
        events=_events(form.all("StatusCallbackEvent")),
        ring_s=form.whole("Timeout", 60, MAX_RING_S),
        limit_s=form.whole("TimeLimit", 4 * 3600, MAX_LIMIT_S),
        detection=_detection(form.one("MachineDetection")),
        async_amd=(form.one("AsyncAmd") or "").lower() == "true",
        amd_callback=web_address(form, "AsyncAmdStatusCallback", 21609),
    )


def check_instructions(url: str | None, twiml: str | None) -> None:
    """Refuse an address that is no web address, and TwiML that cannot be run."""
    if twiml is not None:
        try:
            parse(twiml, plain=True)
        except TwimlError as error:
            raise RestError(400, error.code, str(error)) from error
    elif url is not None and not _web(url):
        raise RestError(400, 21205, f"Url is not a valid URL: {url}")


def web_address(form: Form, name: str, code: int) -> str | None:
    """A field that holds a web address. Raises :class:`RestError` with ``code`` for anything else."""
    value = form.one(name)
    if value is not None and not _web(value):
        raise RestError(400, code, f"{name} is not a valid URL: {value}")
    return value


def _web(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _events(names: Sequence[str]) -> tuple[Event, ...]:
    wanted = tuple(event for event in EVENTS if event in names)
    if len(wanted) != len(set(names)):
        raise RestError(400, 21626, "Invalid StatusCallbackEvent")
    return wanted or ("completed",)


def _detection(value: str | None) -> Literal["Enable", "DetectMessageEnd"] | None:
    match value:
        case None | "none":
            return None
        case "Enable":
            return "Enable"
        case "DetectMessageEnd":
            return "DetectMessageEnd"
        case _:
            raise RestError(400, 21248, f"Invalid MachineDetection: {value}")
