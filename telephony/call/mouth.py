"""The bot's voice on the wire: rendered ahead, paced, marked, held or cut off when interrupted, and what was truly heard of it."""

from __future__ import annotations

import asyncio
from collections import deque
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
STEP_BACK_MS = 120
"""So much of what was heard before a hold is said again after it, and what is left of a frame: the carrier plays later than our clock
thinks, by its own frames and by what the network delays, and no syllable may be lost."""
LET_OUT_MS = 100
"""What has been sent is let out when it is no more than this: silence would not come sooner by much, and taken back it would be said
twice, as the last syllable of a question that is being answered already."""
SLOW = 0.85
"""Speed for those who asked to hear it again slowly."""
_RENDERED_AHEAD = 3


@dataclass(slots=True, eq=False)
class _Speech:
    """One thing being said; ``asks`` is the question it puts.

    ``pieces`` are those rendered by now, ``whole`` when there are no more. The next frame to be sent begins at ``offset`` of
    ``pieces[piece]``. Of the pieces before it ``marked`` have their mark on the wire, ``heard`` have had it back. ``taken_back``
    counts how often part of it was: it is in the names of later marks, as a mark from before proves nothing.
    """

    say: int
    text: str
    asked_ms: int
    asks: str = ""
    renderer: asyncio.Task[None] | None = None
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_RENDERED_AHEAD))
    pieces: list[SpokenPiece] = field(default_factory=list)
    whole: bool = False
    failed: bool = False
    began_ms: int | None = None
    begun: int = 0
    piece: int = 0
    offset: int = 0
    marked: int = 0
    heard: int = 0
    taken_back: int = 0
    sent: bool = False
    """Whether all of it and its last mark have been sent."""

    @property
    def ready(self) -> bool:
        """Whether there is something to be done for it now."""
        return self.marked < self.piece or self.piece < len(self.pieces) or self.whole

    def mark(self) -> Mark:
        """The next mark: ``12:3``, with the question ``12:3:digits``; ``12:3.1`` when some of it had been taken back."""
        self.marked += 1
        again = f".{self.taken_back}" if self.taken_back else ""
        asks = f":{self.asks}" if self.asks else ""
        return Mark(f"{self.say}:{self.marked}{again}{asks}")

    def next_frame(self) -> bytes:
        """The next frame, which counts as sent from now on; nothing of a piece without sound."""
        sound = self.pieces[self.piece].mulaw
        if self.piece == self.begun:
            self.begun += 1
            self.room.release()
        frame = sound[self.offset : self.offset + FRAME_BYTES]
        self.offset += len(frame)
        if self.offset >= len(sound):
            self.piece, self.offset = self.piece + 1, 0
        return frame


@dataclass(frozen=True, slots=True)
class _Frame:
    """A frame on its way: where it begins, and when the caller begins and ends to hear it."""

    speech: _Speech
    piece: int
    offset: int
    due_ms: float
    ends_ms: float


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
        self._frames: deque[_Frame] = deque()
        """Those that may have to be sent again."""
        self._held = False
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
        """Whether something is being said, or held."""
        return bool(self._speeches)

    def now_ms(self) -> int:
        """Milliseconds since the call began."""
        return round((self._clock() - self._zero) * 1000)

    def say(self, say: int, text: str, *, slow: bool = False, asks: str = "") -> None:
        """Say this after what is being said; rendering begins at once. ``asks``, as in :class:`Say`, is on its marks."""
        speech = _Speech(say, text, self.now_ms(), asks)
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
        now = self.now_ms()
        self._held = False
        await self._clear(now)
        for speech in cut:
            self._write(speech, now)

    async def hold(self) -> None:
        """Fall silent at once, to :meth:`resume` or :meth:`hush` later; what is said meanwhile waits as well."""
        now = self.now_ms()
        self._held = True
        if self._due_ms - now <= LET_OUT_MS:
            return
        self._take_back(now)
        await self._clear(now)

    def resume(self) -> None:
        """Go on from a little before where the caller stopped hearing it."""
        if not self._held:
            return
        self._held = False
        for speech in self._speeches:
            if speech.began_ms is None:
                speech.asked_ms = self.now_ms()
        self._wanted.set()

    def returned(self, name: str) -> None:
        """A mark has come back."""
        say, place, *_ = [*name.split(":", 2), ""]
        piece, _, taken_back = place.partition(".")
        speech = next((s for s in self._speeches if str(s.say) == say), None)
        if speech is None or not piece.isdigit() or (taken_back or "0") != str(speech.taken_back):
            return
        speech.heard = max(speech.heard, int(piece))
        if speech.whole and speech.heard >= len(speech.pieces):
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
                    await speech.room.acquire()
                    speech.pieces.append(piece)
                    self._wanted.set()
        except VoiceError:
            log.warning("not_said", say=speech.say)
            speech.failed = True
        except Exception:
            log.exception("voice_broke", say=speech.say)
            speech.failed = True
        speech.whole = True
        self._wanted.set()

    async def _play(self) -> None:
        """Step by step, each from what there is to be done by then: between two of them anything may be held or taken back."""
        while True:
            speech = None if self._held else next((s for s in self._speeches if not s.sent), None)
            if speech is None or not speech.ready:
                self._wanted.clear()
                await self._wanted.wait()
            elif speech.marked < speech.piece:
                await self._wire.send(speech.mark())
            elif speech.piece < len(speech.pieces):
                await self._send(speech)
            else:
                self._all_sent(speech)

    async def _send(self, speech: _Speech) -> None:
        """The next frame, or the wait until it is time for it."""
        now = self.now_ms()
        due = max(self._due_ms, now)
        if due - now > AHEAD_MS:
            await asyncio.sleep((due - now - AHEAD_MS) / 1000)
            return
        if speech.began_ms is None:
            speech.began_ms = round(due)
            if self._due_ms <= speech.asked_ms:
                self._timed(Stage.VOICE, (now - speech.asked_ms) / 1000)
        piece, offset = speech.piece, speech.offset
        if frame := speech.next_frame():
            # All is noted before it is sent: whoever holds meanwhile takes this frame back as well.
            self._due_ms = due + len(frame) * 1000 / RATE
            self._frames.append(_Frame(speech, piece, offset, due, self._due_ms))
            while self._frames[0].ends_ms <= now - STEP_BACK_MS:
                self._frames.popleft()
            self._recorder.bot(round(due), frame)
            await self._wire.send(AudioOut(frame))

    def _all_sent(self, speech: _Speech) -> None:
        speech.sent = True
        if speech.failed and speech.heard >= len(speech.pieces):
            self._speeches.remove(speech)
            self._write(speech, self.now_ms())
            self._on_failed(speech.say)
        elif speech.heard >= len(speech.pieces):
            self._over(speech)

    def _take_back(self, now: int) -> None:
        """Whatever has been sent and not been heard is still to be sent, and a little of what has been heard."""
        first: dict[int, _Frame] = {}
        for frame in self._frames:
            if frame.ends_ms > now - STEP_BACK_MS:
                first.setdefault(frame.speech.say, frame)
        for speech in self._speeches:
            if speech.began_ms is None:
                continue
            speech.taken_back += 1
            speech.marked, speech.sent = speech.heard, False
            if (again := first.get(speech.say)) is not None:
                speech.piece, speech.offset = again.piece, again.offset
                if again.due_ms >= now and again.piece == again.offset == 0:
                    speech.began_ms = None

    async def _clear(self, now: int) -> None:
        self._frames.clear()
        self._due_ms = now
        await self._wire.send(Clear())
        self._recorder.cut(now)

    def _over(self, speech: _Speech) -> None:
        if speech not in self._speeches:
            return
        self._speeches.remove(speech)
        self._write(speech, self.now_ms())
        self._on_played(speech.say)

    def _write(self, speech: _Speech, now: int) -> None:
        if speech.began_ms is None:
            return
        heard = "".join(piece.text for piece in speech.pieces[: speech.heard])
        self._on_said(Line("bot", speech.text, speech.began_ms, max(now, speech.began_ms), heard))
