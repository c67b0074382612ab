"""What the caller says, of one call: audio frames in, typed events out.

Order, µ-law, voice activity; the recogniser gets what is speech; the pause that ends an utterance depends on what was
asked and what has been said. Time is the clock of the frames, never the wall's, so a call can be heard faster than it
was spoken.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace

from dialects.heard import Recogniser
from telephony.events import AudioIn, Expectation, HeardEvent, Partial, SpeechBegan, SpeechPaused, Utterance
from telephony.hearing import mulaw
from telephony.hearing.activity import Activity
from telephony.hearing.decoding import PATIENCE_S, Decoder
from telephony.hearing.endpointing import MAX_UTTERANCE_MS, pause_needed
from telephony.hearing.gate import Gate, GateRules
from telephony.hearing.jitter import Jitter, Piece
from telephony.hearing.machine import MachineDetector
from telephony.hearing.passage import Passage
from telephony.hearing.rumble import HighPass

RULES = GateRules()
RULES_OVER_BOT = replace(RULES, on=0.6, open_ms=120, open_within_ms=250)
"""While the bot speaks its echo must not open the gate.

Measured by ``python -m tests.load.voice.opening``: it opens 140 to 150 ms after the first voiced sample (95th percentile: 190 to 270), in
time to be silent after 300; less voice would open it 30 ms sooner, and a third more often for an echo.
"""
PAUSED_MS = 200
"""After so long without voice it rests: longer than the stops within words, and the last word is recognised by then."""


class Ear:
    """One per call; not to be used by two tasks at once.

    ``renew`` makes a fresh recogniser when the present one fails; it is called in ``executor``, where decoding runs
    too. Several calls may share the executor, none the recogniser or the detector of activity.
    """

    def __init__(
        self,
        recogniser: Recogniser,
        renew: Callable[[], Recogniser],
        activity: Activity,
        executor: Executor,
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.jitter = Jitter()
        self._decoder = Decoder(recogniser, renew, executor, patience_s=patience_s)
        self._gate = Gate(activity, RULES)
        self._machine = MachineDetector()
        self._expectation = Expectation()
        self._passage = Passage()
        self._high_pass = HighPass()
        self._partial = ""
        self._rests = False
        self._goes_on_ms: float | None = None
        """When a voice that had rested was heard again."""
        self._now_ms = 0
        self._closed = False

    @property
    def pack(self) -> str:
        """The dialect pack that hears now."""
        return self._decoder.pack

    def expect(self, expectation: Expectation) -> None:
        """What the bot has just asked."""
        self._expectation = expectation
        self._decoder.expect(expectation)

    def bot_speaking(self, speaking: bool) -> None:
        """Whether the caller hears the bot just now."""
        self._gate.rules = RULES_OVER_BOT if speaking else RULES

    async def feed(self, frame: AudioIn) -> list[HeardEvent]:
        """The next frame, in whatever order they come. Waits only where an utterance ends, for its last words."""
        if self._closed:
            return []
        events: list[HeardEvent] = []
        for piece in self.jitter.push(frame):
            events += await self._hear(piece)
        return events

    async def close(self) -> list[HeardEvent]:
        """The call is over; an utterance that had begun ends with it. Feeding afterwards does nothing."""
        if self._closed:
            return []
        events: list[HeardEvent] = []
        for piece in self.jitter.drain():
            events += await self._hear(piece)
        if self._gate.open:
            events += await self._end()
        self._closed = True
        await self._decoder.close()
        return events

    async def _hear(self, piece: Piece) -> list[HeardEvent]:
        events: list[HeardEvent] = []
        line = mulaw.decode(piece.mulaw)
        samples = self._high_pass.feed(line)
        was_open = self._gate.open
        self._gate.feed(piece.at_ms, samples)
        self._now_ms = piece.ends_ms
        pause = self._now_ms - self._gate.voiced_until_ms
        if was_open:
            if (sound := self._passage.more(samples, pause)) is not None:
                self._decoder.add(sound, at_once=self._passage.resting)
            else:
                self._decoder.look()
            events += self._grown()
        else:
            self._passage.before(samples)
        if self._gate.open and not was_open:
            events.append(SpeechBegan(round(self._gate.began_ms)))
            self._decoder.add(self._passage.begin(self._now_ms - self._gate.began_ms))
        events += self._machine.hear(piece.at_ms, line, self._gate.voiced)
        if self._gate.open:
            events += self._rested(pause)
            if pause >= pause_needed(self._expectation, self._decoder.partial):
                events += await self._end()
            elif self._now_ms - self._gate.began_ms >= MAX_UTTERANCE_MS:
                events += await self._end(goes_on=True)
        return events

    def _grown(self) -> list[HeardEvent]:
        text = self._decoder.partial
        if not text or text == self._partial:
            return []
        self._partial = text
        return [Partial(text, self._now_ms), *self._machine.words(text, self._now_ms)]

    def _rested(self, pause: float) -> list[HeardEvent]:
        """Whether the voice has just come to rest, or goes on after that: as much of it as opens the gate."""
        until = self._gate.voiced_until_ms
        if pause >= PAUSED_MS:
            self._goes_on_ms = None
            if not self._rests:
                self._rests = True
                return [SpeechPaused(self._decoder.partial, self._now_ms)]
        elif self._rests:
            if self._goes_on_ms is None:
                self._goes_on_ms = until
            elif until - self._goes_on_ms >= self._gate.rules.open_ms:
                began, self._rests, self._goes_on_ms = self._goes_on_ms, False, None
                return [SpeechBegan(round(began))]
        return []

    async def _end(self, *, goes_on: bool = False) -> list[HeardEvent]:
        began, ended = round(self._gate.began_ms), round(self._gate.voiced_until_ms)
        if goes_on:
            self._gate.cut(self._now_ms)
        else:
            self._gate.close()
        self._partial, self._rests, self._goes_on_ms = "", False, None
        pack = self._decoder.pack
        heard = await self._decoder.finish()
        utterance = Utterance(
            text=heard.text if heard else "",
            raw=heard.raw if heard else "",
            confidence=heard.confidence if heard else 0.0,
            pack=heard.pack if heard else pack,
            began_ms=began,
            ended_ms=ended,
            decided_ms=self._now_ms,
            alternatives=heard.alternatives if heard else (),
        )
        return [utterance, *self._machine.words(utterance.raw, self._now_ms)]
