"""The way from the caller's phone to the stream: everything goes through in order, unless a fault says otherwise."""

from __future__ import annotations

import json
import random
import re
from collections import deque
from functools import cache

from telephony.media.twilio_stream import CarrierWriter
from telephony.standin.faults import Faults

_HUGE = 2_000_000
_NONSENSE = ("0", "-7", "99999999999", "x", "")
_SEQUENCE = re.compile(r'"sequenceNumber":"\d+"')


class Uplink:
    """Knows the call's clock only as an argument; what happens is reproducible by ``seed``."""

    def __init__(self, writer: CarrierWriter, faults: Faults, seed: int = 0) -> None:
        self._writer, self._faults = writer, faults
        self._random = random.Random(seed)  # noqa: S311  reproducible faults, no secret
        self._flying: deque[tuple[float, str | bytes]] = deque()
        self._held: str | None = None
        self._latest = 0.0

    def frame(self, mulaw: bytes, at_ms: int, now_ms: float) -> None:
        """The caller's next 20 ms, complete at ``now_ms``."""
        message = self._writer.audio(mulaw, at_ms)
        if self._hit(self._faults.loss):
            return
        if self._hit(self._faults.wrong_sequence):
            nonsense = f'"sequenceNumber":"{self._random.choice(_NONSENSE)}"'
            message = _SEQUENCE.sub(nonsense, message, count=1)
        if self._held is None and self._hit(self._faults.swap):
            self._held = message
            return
        self.send(message, now_ms)
        if self._held is not None:
            self.send(self._held, now_ms)
            self._held = None
        if self._hit(self._faults.garbage):
            self.send(self._garbage(), now_ms)

    def send(self, message: str | bytes, now_ms: float) -> None:
        """Any other message; it does not overtake."""
        delay = self._random.uniform(0, self._faults.jitter_ms) if self._faults.jitter_ms else 0.0
        self._latest = max(self._latest, now_ms + delay)
        self._flying.append((self._latest, message))

    def due(self, now_ms: float) -> list[str | bytes]:
        """What has arrived by ``now_ms``."""
        out: list[str | bytes] = []
        while self._flying and self._flying[0][0] <= now_ms:
            out.append(self._flying.popleft()[1])
        return out

    def _hit(self, share: float) -> bool:
        return share > 0 and self._random.random() < share

    def _garbage(self) -> str | bytes:
        return self._random.choice(_garbage())


@cache
def _garbage() -> tuple[str | bytes, ...]:
    return (
        '{"event":"media","media":{',
        "[]",
        "null",
        '{"event":"media"}',
        '{"event":"media","sequenceNumber":"5","media":{"track":"inbound","payload":"%%%"}}',
        '{"event":"dtmf","dtmf":{"digit":"12345678901234567890"}}',
        '{"event":"mark"}',
        '{"event":"party","sequenceNumber":"7"}',
        json.dumps({"event": "media", "media": {"payload": "A" * _HUGE}}),
        b"\x00\x01\x02\x03",
    )
