"""The bot's voice on the wire: rendered ahead, paced, marked, cut off when interrupted, and what was truly heard of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field

import structlog

from telephony.call.ports import Line, Recorder, Stage, Timed, Wire
from telephony.events import FRAME_BYTES, RATE, AudioOut, Clear, Mark
from telephony.voice.base import SpokenPiece, Style, Voice, VoiceError

log = structlog.get_logger("telephony.mouth")

AHEAD_MS = 200
"""Speech sent before it is due; more would only have to be cleared."""
SLOW = 0.85
"""Speed for those who asked to hear it again slowly."""
_RENDERED_AHEAD = 3


@dataclass(slots=True)
class _Speech:
    """One thing being said; ``heard`` are the pieces whose marks have come back, ``asks`` the question it puts."""

    say: int
    text: str
    pieces: asyncio.Queue[SpokenPiece | None]
    asked_ms: int
    asks: str = ""
    renderer: asyncio.Task[None] | None = None
    began_ms: int | None = None
    sent: list[SpokenPiece] = field(default_factory=list)
    heard: int = 0
    complete: bool = False
    failed: bool = False


class Mouth:
    """Says things one after the other."""

    def __init__(
        self,
        wire: Wire,
        voice: Voice,
        style: Style,
        recorder: Recorder,
        clock: Callable[[], float],
        timed: Timed = lambda stage, seconds: None,
    ) -> None:
        """``clock`` gives seconds of any monotonic clock; the call's own begins now."""
        self._wire = wire
        self._voice = voice
        self._style = style
        self._recorder = recorder
        self._clock = clock
        self._zero = clock()
        self._timed = timed
        self._speeches: list[_Speech] = []
        self._wanted = asyncio.Event()
        self._player: asyncio.Task[None] | None = None
        self._due_ms = 0.0
        self._on_played: Callable[[int], None] = lambda say: None
        self._on_failed: Callable[[int], None] = lambda say: None
        self._on_said: Callable[[Line], None] = lambda line: None

    def attach(
        self,
        played: Callable[[int], None],
        failed: Callable[[int], None],
        said: Callable[[Line], None],
    ) -> None:
        """Whom to tell: what was played to its end, what could not be said, and each line of the transcript."""
        self._on_played, self._on_failed, self._on_said = played, failed, said

    @property
    def busy(self) -> bool:
        """Whether something is being said."""
        return bool(self._speeches)

    def now_ms(self) -> int:
        """Milliseconds since the call began."""
        return round((self._clock() - self._zero) * 1000)

    def say(self, say: int, text: str, *, slow: bool = False, asks: str = "") -> None:
        """Say this after what is being said; rendering begins at once. ``asks``, as in :class:`Say`, is on its marks."""
        speech = _Speech(say, text, asyncio.Queue(_RENDERED_AHEAD), self.now_ms(), asks)
        style = Style(self._style.voice, self._style.speed * SLOW) if slow else self._style
        speech.renderer = asyncio.create_task(self._render(speech, style))
        self._speeches.append(speech)
        self._wanted.set()
        if self._player is None or self._player.done():
            self._player = asyncio.create_task(self._play())

    async def hush(self) -> None:
        """Fall silent at once; marks that come back from now on prove nothing."""
        cut, self._speeches = self._speeches, []
        for speech in cut:
            if speech.renderer is not None:
                speech.renderer.cancel()
        if self._player is not None:
            self._player.cancel()
            self._player = None
        await self._wire.send(Clear())
        now = self.now_ms()
        self._recorder.cut(now)
        self._due_ms = now
        for speech in cut:
            self._write(speech, now)

    def returned(self, name: str) -> None:
        """A mark has come back."""
        say, place, *_ = [*name.split(":", 2), ""]
        speech = next((s for s in self._speeches if str(s.say) == say), None)
        if speech is None or not place.isdigit():
            return
        speech.heard = max(speech.heard, int(place))
        if speech.complete and speech.heard >= len(speech.sent):
            self._over(speech)

    async def close(self) -> None:
        """Stop, and write down what was said."""
        left, self._speeches = self._speeches, []
        tasks = [t for t in (self._player, *(s.renderer for s in left)) if t is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for speech in left:
            self._write(speech, self.now_ms())

    async def _render(self, speech: _Speech, style: Style) -> None:
        try:
            # Closed when this is cancelled, so that nothing more is rendered for nobody.
            async with aclosing(self._voice.say(speech.text, style)) as pieces:
                async for piece in pieces:
                    await speech.pieces.put(piece)
        except VoiceError:
            log.warning("not_said", say=speech.say)
            speech.failed = True
        except Exception:
            log.exception("voice_broke", say=speech.say)
            speech.failed = True
        await speech.pieces.put(None)

    async def _play(self) -> None:
        done: set[int] = set()
        while True:
            speech = next((s for s in self._speeches if s.say not in done), None)
            if speech is None:
                self._wanted.clear()
                await self._wanted.wait()
                continue
            while (piece := await speech.pieces.get()) is not None:
                await self._send(speech, piece)
            done.add(speech.say)
            speech.complete = True
            if speech.failed and speech.heard >= len(speech.sent):
                self._speeches.remove(speech)
                self._write(speech, self.now_ms())
                self._on_failed(speech.say)
            elif speech.heard >= len(speech.sent):
                self._over(speech)

    async def _send(self, speech: _Speech, piece: SpokenPiece) -> None:
        if speech.began_ms is None:
            now = self.now_ms()
            speech.began_ms = max(now, round(self._due_ms))
            if self._due_ms <= speech.asked_ms:
                self._timed(Stage.VOICE, (now - speech.asked_ms) / 1000)
        speech.sent.append(piece)
        for start in range(0, len(piece.mulaw), FRAME_BYTES):
            now = self.now_ms()
            self._due_ms = max(self._due_ms, now)
            if self._due_ms - now > AHEAD_MS:
                await asyncio.sleep((self._due_ms - now - AHEAD_MS) / 1000)
            frame = piece.mulaw[start : start + FRAME_BYTES]
            self._recorder.bot(round(self._due_ms), frame)
            await self._wire.send(AudioOut(frame))
            self._due_ms += len(frame) * 1000 / RATE
        asks = f":{speech.asks}" if speech.asks else ""
        await self._wire.send(Mark(f"{speech.say}:{len(speech.sent)}{asks}"))

    def _over(self, speech: _Speech) -> None:
        if speech not in self._speeches:
            return
        self._speeches.remove(speech)
        self._write(speech, self.now_ms())
        self._on_played(speech.say)

    def _write(self, speech: _Speech, now: int) -> None:
        if speech.began_ms is None:
            return
        heard = "".join(piece.text for piece in speech.sent[: speech.heard])
        self._on_said(Line("bot", speech.text, speech.began_ms, max(now, speech.began_ms), heard))
