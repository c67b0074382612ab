"""Twilio Media Streams as JSON text, both directions: the one file that knows it.

Source: Twilio's "Media Streams - WebSocket Messages". :class:`Reader` and :func:`write` are our end of the socket;
:class:`CarrierWriter` and :func:`read_out` are the carrier's, for whoever plays the carrier. Whatever comes in, nothing
here raises: bad input is :class:`Garbage`, which says why in words that hold nothing of the input.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from telephony.events import (
    FRAME_BYTES,
    RATE,
    AudioIn,
    AudioOut,
    Clear,
    KeyPressed,
    Mark,
    MarkReturned,
    StreamStarted,
    StreamStopped,
    WireIn,
    WireOut,
)

MAX_TEXT = 16 * 1024
"""Characters of one message from the carrier."""
MAX_OUT_TEXT = 8 * 1024 * 1024
"""Characters of one message to the carrier: outbound audio may be any length."""
MAX_AUDIO = 50 * FRAME_BYTES
"""Bytes of µ-law in one message from the carrier: a second."""
GARBAGE_LIMIT = 50
"""After so many bad messages in a row the socket should be closed."""

_REMEMBERED = 1024
_FARTHEST = 3000
_MAX_NAME = 128
_MAX_PARAMETERS = 64
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NUMBER = re.compile(r"[0-9]{1,12}")
_KEYS = frozenset("0123456789*#")
_FORMAT = {"encoding": "audio/x-mulaw", "sampleRate": RATE, "channels": 1}


@dataclass(frozen=True, slots=True)
class Garbage:
    """A message that cannot be used; ``reason`` is English and safe to log."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """A proper message that means nothing to us: ``connected``, an unknown event, another track, a repetition."""

    reason: str


class _Bad(Exception):
    pass


_T = TypeVar("_T")


@dataclass(slots=True)
class Reader:
    """Reads one socket. Audio may come out of order (the jitter buffer sorts it); a number is taken only once."""

    stream_id: str = ""
    garbage_in_a_row: int = 0
    _stopped: bool = False
    _seen: deque[int] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _highest: int = 0

    @property
    def hopeless(self) -> bool:
        """Whether so much garbage has come in a row that the socket should be closed."""
        return self.garbage_in_a_row >= GARBAGE_LIMIT

    def read(self, message: str | bytes) -> WireIn | Garbage | Ignored:
        """One message of the socket; bytes stand for a binary one."""
        try:
            event = self._read(message)
        except _Bad as why:
            self.garbage_in_a_row += 1
            return Garbage(str(why))
        if not isinstance(event, Ignored):
            self.garbage_in_a_row = 0
        return event

    def _read(self, message: str | bytes) -> WireIn | Ignored:
        data = _load(message, MAX_TEXT)
        name = _get(data, "event", str)
        if name == "connected":
            return Ignored("connected")
        if name not in ("start", "media", "dtmf", "mark", "stop"):
            return Ignored("unknown event")
        number = _number(data, "sequenceNumber")
        if self._stopped:
            raise _Bad("message after stop")
        if (name == "start") == bool(self.stream_id):
            raise _Bad("second start" if self.stream_id else "message before start")
        if name == "start":
            event: WireIn | Ignored = _started(data)
        else:
            if _get(data, "streamSid", str) != self.stream_id:
                raise _Bad("message of another stream")
            event = _READERS[name](_get(data, name, dict))
        if not self._first_time(number):
            return Ignored("repeated")
        if isinstance(event, StreamStarted):
            self.stream_id = event.stream_id
        self._stopped = isinstance(event, StreamStopped)
        return event

    def _first_time(self, number: int) -> bool:
        if number > self._highest + _FARTHEST:
            raise _Bad("sequence number far ahead")
        if number <= self._highest - _REMEMBERED:
            raise _Bad("sequence number long past")
        if number <= self._highest and number in self._seen:
            return False
        self._seen.append(number)
        self._highest = max(self._highest, number)
        return True


def write(event: WireOut, stream_id: str) -> str:
    """What we send to the carrier."""
    match event:
        case AudioOut(mulaw):
            body: dict[str, Any] = {
                "event": "media",
                "streamSid": stream_id,
                "media": {"payload": _payload(mulaw)},
            }
        case Mark(name):
            body = {"event": "mark", "streamSid": stream_id, "mark": {"name": name}}
        case Clear():
            body = {"event": "clear", "streamSid": stream_id}
    return _dump(body)


def read_out(message: str | bytes, stream_id: str) -> WireOut | Garbage:
    """What the carrier gets from us."""
    try:
        data = _load(message, MAX_OUT_TEXT)
        name = _get(data, "event", str)
        if name not in ("media", "mark", "clear"):
            raise _Bad("unknown event")
        if _get(data, "streamSid", str) != stream_id:
            raise _Bad("message of another stream")
        if name == "media":
            return AudioOut(_audio(_get(data, "media", dict), MAX_OUT_TEXT))
        return Mark(_name(_get(data, "mark", dict))) if name == "mark" else Clear()
    except _Bad as why:
        return Garbage(str(why))


@dataclass(slots=True)
class CarrierWriter:
    """What the carrier sends us over one socket, numbered as Twilio numbers it."""

    stream_id: str
    call_id: str
    account_id: str
    _sequence: int = 0
    _chunk: int = 0

    def connected(self) -> str:
        """The first message."""
        return _dump({"event": "connected", "protocol": "Call", "version": "1.0.0"})

    def start(self, parameters: Mapping[str, str]) -> str:
        """The second one, with the parameters of the TwiML."""
        return self._numbered(
            "start",
            {
                "streamSid": self.stream_id,
                "accountSid": self.account_id,
                "callSid": self.call_id,
                "tracks": ["inbound"],
                "customParameters": dict(parameters),
                "mediaFormat": _FORMAT,
            },
        )

    def audio(self, mulaw: bytes, at_ms: int) -> str:
        """A piece of the caller's voice; ``at_ms`` is the time of its first sample since the start."""
        self._chunk += 1
        media = {
            "track": "inbound",
            "chunk": str(self._chunk),
            "timestamp": str(at_ms),
            "payload": _payload(mulaw),
        }
        return self._numbered("media", media)

    def key(self, digit: str) -> str:
        """A key was pressed."""
        return self._numbered("dtmf", {"track": "inbound_track", "digit": digit})

    def mark(self, name: str) -> str:
        """Everything before this mark has been played or cleared."""
        return self._numbered("mark", {"name": name})

    def stop(self) -> str:
        """The last message."""
        return self._numbered("stop", {"accountSid": self.account_id, "callSid": self.call_id})

    def _numbered(self, event: str, body: Mapping[str, Any]) -> str:
        self._sequence += 1
        head = {"event": event, "sequenceNumber": str(self._sequence), "streamSid": self.stream_id}
        return _dump({**head, event: body})


def _started(data: Mapping[str, Any]) -> StreamStarted:
    start = _get(data, "start", dict)
    form = _get(start, "mediaFormat", dict)
    if any(form.get(key) != value for key, value in _FORMAT.items()):
        raise _Bad("wrong codec, rate or number of channels")
    given = start.get("customParameters") or {}
    if not isinstance(given, dict) or len(given) > _MAX_PARAMETERS:
        raise _Bad("customParameters is no object or too large")
    if not all(isinstance(value, str) for value in given.values()):
        raise _Bad("a parameter is no string")
    stream, call = _get(start, "streamSid", str), _get(start, "callSid", str)
    if not _ID.fullmatch(stream) or not _ID.fullmatch(call):
        raise _Bad("malformed id")
    return StreamStarted(stream, call, given)


def _media(body: Mapping[str, Any]) -> AudioIn | Ignored:
    if _get(body, "track", str) != "inbound":
        return Ignored("another track")
    return AudioIn(_number(body, "chunk"), _number(body, "timestamp"), _audio(body, MAX_AUDIO))


def _dtmf(body: Mapping[str, Any]) -> KeyPressed:
    digit = _get(body, "digit", str)
    if digit not in _KEYS:
        raise _Bad("no such key")
    return KeyPressed(digit)


_READERS: dict[str, Any] = {
    "media": _media,
    "dtmf": _dtmf,
    "mark": lambda body: MarkReturned(_name(body)),
    "stop": lambda body: StreamStopped(),
}


def _load(message: str | bytes, limit: int) -> Mapping[str, Any]:
    if isinstance(message, bytes):
        raise _Bad("binary message")
    if len(message) > limit:
        raise _Bad("message too long")
    try:
        data = json.loads(message)
    except (ValueError, RecursionError):
        raise _Bad("no JSON") from None
    if not isinstance(data, dict):
        raise _Bad("no object")
    return data


def _get(data: Mapping[str, Any], key: str, kind: type[_T]) -> _T:
    value = data.get(key)
    if not isinstance(value, kind):
        raise _Bad(f"{key} is missing or of another type")
    return value


def _number(data: Mapping[str, Any], key: str) -> int:
    text = _get(data, key, str)
    if not _NUMBER.fullmatch(text):
        raise _Bad(f"{key} is no number")
    return int(text)


def _name(body: Mapping[str, Any]) -> str:
    name = _get(body, "name", str)
    if not 0 < len(name) <= _MAX_NAME:
        raise _Bad("name is empty or too long")
    return name


def _audio(body: Mapping[str, Any], limit: int) -> bytes:
    try:
        mulaw = base64.b64decode(_get(body, "payload", str), validate=True)
    except (binascii.Error, ValueError):
        raise _Bad("payload is no base64") from None
    if not 0 < len(mulaw) <= limit:
        raise _Bad("payload is empty or too long")
    return mulaw


def _payload(mulaw: bytes) -> str:
    return base64.b64encode(mulaw).decode("ascii")


def _dump(body: Mapping[str, Any]) -> str:
    return json.dumps(body, separators=(",", ":"))
