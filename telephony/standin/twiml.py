"""The TwiML verbs we use, read into frozen values.

Source: Twilio's pages "TwiML Voice: <Connect>, <Stream>, <Dial>, <Redirect>, <Pause>, <Reject>, <Hangup>".
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

MAX_BYTES = 64 * 1024  # Twilio's own limit for a TwiML document
MAX_PAUSE_S = 180


class TwimlError(ValueError):
    """TwiML the carrier does not run; ``code`` is Twilio's (12100 no document, 12200 schema, 11100 bad URL)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code


@dataclass(frozen=True, slots=True)
class ConnectStream:
    """Open a media stream; what follows runs when the server closes it. ``action`` is asked then, if there is one."""

    url: str
    parameters: tuple[tuple[str, str], ...] = ()
    status_callback: str | None = None
    action: str | None = None


@dataclass(frozen=True, slots=True)
class Dial:
    """Connect the caller with a number or a conference, for at most ``limit_s`` seconds."""

    kind: Literal["number", "conference"]
    target: str
    limit_s: int = 4 * 3600
    action: str | None = None


@dataclass(frozen=True, slots=True)
class Hangup:
    """End the call."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Ask this URL what to do next."""

    url: str


@dataclass(frozen=True, slots=True)
class Say:
    """The carrier's own voice says this; the stand-in has none and lets the time pass that it would take."""

    text: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait."""

    seconds: int = 1


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse an incoming call; on an answered one it ends it."""

    reason: str = "rejected"


Verb = ConnectStream | Dial | Hangup | Redirect | Say | Pause | Reject


def parse(document: str | bytes, *, plain: bool = False) -> tuple[Verb, ...]:
    """The verbs in order. ``plain`` allows ``ws://`` streams, which Twilio does not: for a gateway on this machine.

    Raises:
        TwimlError: too long, not XML, a document type (entities), an unknown verb, a stream that is not ``wss://``.
    """
    text = document.decode(errors="replace") if isinstance(document, bytes) else document
    if len(text.encode()) > MAX_BYTES:
        raise TwimlError(11750, "the document is larger than 64 KB")
    if "<!DOCTYPE" in text.upper() or "<!ENTITY" in text.upper():
        raise TwimlError(12100, "document types are not read")
    try:
        root = ET.fromstring(text)  # noqa: S314  no document type gets here, and no more than 64 KB
    except ET.ParseError as error:
        raise TwimlError(12100, f"not XML: {error}") from error
    if root.tag != "Response":
        raise TwimlError(12102, f"the root must be <Response>, not <{root.tag}>")
    return tuple(_verb(element, plain) for element in root)


def _verb(element: ET.Element, plain: bool) -> Verb:
    match element.tag:
        case "Connect":
            return _connect(element, plain)
        case "Dial":
            return _dial(element)
        case "Hangup":
            return Hangup()
        case "Redirect":
            return Redirect(_text(element))
        case "Say":
            return Say(_text(element))
        case "Pause":
            return Pause(min(MAX_PAUSE_S, _seconds(element, "length", 1)))
        case "Reject":
            return Reject(element.get("reason", "rejected"))
        case other:
            raise TwimlError(12200, f"the stand-in has no verb <{other}>")


def _connect(element: ET.Element, plain: bool) -> ConnectStream:
    children = list(element)
    if [child.tag for child in children] != ["Stream"]:
        raise TwimlError(12200, "<Connect> must hold one <Stream>")
    stream = children[0]
    url = stream.get("url", "")
    parts = urlsplit(url)
    if parts.scheme not in ("wss", "ws" if plain else "wss") or not parts.netloc:
        raise TwimlError(11100, "the stream's url must begin with wss://")
    if parts.query:
        raise TwimlError(31920, "the stream's url may hold no query: use <Parameter>")
    parameters = []
    for child in stream:
        if child.tag != "Parameter" or not child.get("name"):
            raise TwimlError(12200, "<Stream> may hold only <Parameter name=… value=…>")
        parameters.append((child.get("name", ""), child.get("value", "")))
    return ConnectStream(url, tuple(parameters), stream.get("statusCallback"), element.get("action"))


def _dial(element: ET.Element) -> Dial:
    limit, action = _seconds(element, "timeLimit", 4 * 3600), element.get("action")
    children = list(element)
    if not children:
        return Dial("number", _text(element), limit, action)
    if len(children) > 1 or children[0].tag not in ("Number", "Conference"):
        raise TwimlError(12200, "<Dial> must hold one <Number> or one <Conference>")
    kind: Literal["number", "conference"] = "number" if children[0].tag == "Number" else "conference"
    return Dial(kind, _text(children[0]), limit, action)


def _text(element: ET.Element) -> str:
    text = (element.text or "").strip()
    if not text:
        raise TwimlError(12200, f"<{element.tag}> is empty")
    return text


def _seconds(element: ET.Element, name: str, default: int) -> int:
    value = element.get(name)
    if value is None:
        return default
    if not value.isdecimal():
        raise TwimlError(12200, f"{name} must be whole seconds, not {value!r}")
    return int(value)
