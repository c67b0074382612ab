"""Both directions of a call as the carrier hears them, with everything needed to measure it."""

from __future__ import annotations

from dataclasses import dataclass, field

from telephony.events import FRAME_BYTES, FRAME_MS, RATE
from telephony.standin.person import Said
from telephony.standin.sound import SILENCE, audible, wav

_KNOWN_BYTES = RATE * 60 // 1000
"""So much sound is enough to know it again."""
_FOLLOWS_BYTES = RATE * 800 // 1000
"""So soon after a clear speech that was thrown away comes again, if it does: a few syllables may be repeated before it, or that be cleared
once more."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message with bot audio: when it came, how much it held, and whether anything in it can be heard."""

    at_ms: float
    bytes: int
    audible: bool


@dataclass(slots=True)
class _Lost:
    """Speech that a clear threw away, its beginning, and what has come since."""

    at_ms: float
    speech: bytes
    since: bytearray = field(default_factory=bytearray)

    @property
    def found(self) -> bool:
        """Whether it has come again."""
        return self.speech in self.since


@dataclass(slots=True)
class Recording:
    """Times are milliseconds since the stream began; a frame of the caller is sent when it is complete.

    ``sent_late_ms``: for each caller frame, how much later than due it was written. ``heard_ms`` counts the bot's frames
    as the caller heard them, so frame *n* of either track lies at *n* · 20 ms.
    """

    caller: bytearray = field(default_factory=bytearray)
    bot: bytearray = field(default_factory=bytearray)
    bot_audible: list[bool] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    sent_late_ms: list[float] = field(default_factory=list)
    marks: list[tuple[float, str, bool]] = field(default_factory=list)
    """When a mark went back, its name, and whether its audio had been cleared."""
    clears: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    """Those of the clears that threw nothing away that could be heard."""
    resumed: list[float] = field(default_factory=list)
    """Those after which the bot went on with what had been thrown away: it had only been held."""
    keys: list[tuple[float, str]] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    _lost: list[_Lost] = field(default_factory=list)

    def arrived(self, at_ms: float, mulaw: bytes) -> None:
        """A message with bot audio."""
        self.arrivals.append(Arrival(at_ms, len(mulaw), audible(mulaw)))
        for one in self._lost:
            one.since += mulaw
        self.resumed += [one.at_ms for one in self._lost if one.found]
        self._lost = [one for one in self._lost if not one.found and len(one.since) < _FOLLOWS_BYTES]

    def cleared(self, at_ms: float, ahead: bytes) -> None:
        """A clear that threw this speech away."""
        self.clears.append(at_ms)
        frames = range(0, len(ahead), FRAME_BYTES)
        sound = next((at for at in frames if audible(ahead[at : at + FRAME_BYTES])), len(ahead))
        if sound < len(ahead):
            self._lost.append(_Lost(at_ms, ahead[sound : sound + _KNOWN_BYTES]))
        else:
            self.idle.append(at_ms)

    def slot(self, caller: bytes, bot: bytes | None, *, bot_audible: bool) -> None:
        """One slot of 20 ms of both."""
        self.caller += caller
        self.bot += bot or SILENCE
        self.bot_audible.append(bot_audible)

    @property
    def length_ms(self) -> int:
        """How long it is."""
        return len(self.caller) // FRAME_BYTES * FRAME_MS

    def stereo(self) -> bytes:
        """A WAV: the caller left, the bot right."""
        return wav(bytes(self.caller), bytes(self.bot))

    def timeline(self) -> dict[str, object]:
        """Everything but the sound, for JSON."""
        return {
            "length_ms": self.length_ms,
            "said": [
                {"text": one.text, "began_ms": one.began_ms, "ended_ms": one.ended_ms, "speech": one.speech}
                for one in self.said
            ],
            "keys": [{"at_ms": at, "key": key} for at, key in self.keys],
            "marks": [{"at_ms": at, "name": name, "cleared": cleared} for at, name, cleared in self.marks],
            "clears_ms": self.clears,
            "idle_clears_ms": self.idle,
            "resumed_clears_ms": self.resumed,
            "arrivals": [[one.at_ms, one.bytes, one.audible] for one in self.arrivals],
            "bot_heard_ms": self.heard_spans(),
        }

    def heard_spans(self, join_ms: int = 200) -> list[tuple[int, int]]:
        """Stretches in which the caller heard the bot; gaps up to ``join_ms`` do not end one."""
        spans: list[tuple[int, int]] = []
        for index, heard in enumerate(self.bot_audible):
            if not heard:
                continue
            at = index * FRAME_MS
            if spans and at - spans[-1][1] <= join_ms:
                spans[-1] = (spans[-1][0], at + FRAME_MS)
            else:
                spans.append((at, at + FRAME_MS))
        return spans
