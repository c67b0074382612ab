"""Virtual time for asyncio, and twins of a call's surroundings that live on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from typing import Any, TypeVar

from telephony.call.inputs import Reading, Reply, Standing, Verdict
from telephony.call.ports import DeskError, Line
from telephony.events import (
    RATE,
    AudioIn,
    AudioOut,
    Clear,
    Expectation,
    HeardEvent,
    KeyPressed,
    Mark,
    MarkReturned,
    Outcome,
    Partial,
    SpeechBegan,
    SpeechPaused,
    StreamStarted,
    StreamStopped,
    Utterance,
    WireIn,
    WireOut,
)
from telephony.voice.base import SpokenPiece, Style, VoiceError

T = TypeVar("T")
VOICE, REST, ENDS = "(voice)", "(rest)", "(ends)"
"""What a caller's frame says for a voice alone, for one that rests with the words after it recognised, and for the end of them."""
SIGN_S = 0.1
"""Seconds a character takes in the twin voice."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its clock jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self._at = 0.0
        waiting = self._selector.select  # type: ignore[attr-defined]

        def select(timeout: float | None) -> Any:
            if timeout is None:
                raise RuntimeError("everybody waits for somebody else")
            events = waiting(0)
            if not events:
                self._at += timeout
            return events

        self._selector.select = select  # type: ignore[attr-defined]

    def time(self) -> float:
        return self._at


def on_virtual_time(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, however many virtual minutes it takes."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def now() -> float:
    return asyncio.get_running_loop().time()


class TwinWire:
    """A carrier's end: plays what it gets in real (virtual) time, returns marks when they are reached."""

    def __init__(self) -> None:
        self.coming: asyncio.Queue[WireIn] = asyncio.Queue()
        self.sent: list[tuple[float, WireOut]] = []
        self.played_until = 0.0
        self._marks: list[tuple[str, asyncio.TimerHandle]] = []
        self._sequence = 0
        self.coming.put_nowait(StreamStarted("MZ1", "CA1"))

    async def receive(self) -> WireIn:
        return await self.coming.get()

    async def send(self, item: WireOut) -> None:
        self.sent.append((now(), item))
        loop = asyncio.get_running_loop()
        match item:
            case AudioOut():
                self.played_until = max(self.played_until, now()) + len(item.mulaw) / RATE
            case Mark():
                when = max(self.played_until, now())
                handle = loop.call_at(when, self.coming.put_nowait, MarkReturned(item.name))
                self._marks.append((item.name, handle))
            case Clear():
                self.played_until = now()
                for name, handle in self._marks:
                    if not handle.cancelled() and handle.when() > now():
                        handle.cancel()
                        self.coming.put_nowait(MarkReturned(name))

    def say(self, text: str) -> None:
        """The caller has said this; for the bridge, it is their sound."""
        self._sequence += 1
        self.coming.put_nowait(AudioIn(self._sequence, round(now() * 1000), text.encode()))

    def press(self, digit: str) -> None:
        self.coming.put_nowait(KeyPressed(digit))

    def hang_up(self) -> None:
        self.coming.put_nowait(StreamStopped())

    def ahead_ms(self) -> list[float]:
        """How far ahead of its playing each piece of audio was sent."""
        found, until = [], 0.0
        for at, item in self.sent:
            if isinstance(item, AudioOut):
                until = max(until, at)
                found.append((until - at) * 1000)
                until += len(item.mulaw) / RATE
            elif isinstance(item, Clear):
                until = at
        return found


class TwinVoice:
    """A sentence is as long as its characters; ``slow_s`` passes before each piece, ``fails`` cannot be said (``*``: nothing can)."""

    def __init__(self, slow_s: float = 0.0, fails: str = "") -> None:
        self.slow_s = slow_s
        self.fails = fails
        self.asked: list[str] = []

    async def say(self, text: str, style: Style) -> AsyncGenerator[SpokenPiece]:
        self.asked.append(text)
        if self.fails and (self.fails == "*" or self.fails in text):
            raise VoiceError("说不出来")
        for part in text.replace("，", "，|").split("|"):
            if self.slow_s:
                await asyncio.sleep(self.slow_s)
            yield SpokenPiece(part, b"\xff" * int(len(part) * SIGN_S * RATE))


class TwinEar:
    """The caller's frames carry the words themselves."""

    pack = "mandarin"

    def __init__(self) -> None:
        self.expected: list[Expectation] = []
        self.closed = False

    async def feed(self, frame: AudioIn) -> Sequence[HeardEvent]:
        text = frame.mulaw.decode()
        if text == "breaks":
            raise ValueError("the ear is broken")
        if text == VOICE:
            return [SpeechBegan(frame.at_ms)]
        if text.startswith(REST):
            return [SpeechPaused(text.removeprefix(REST), frame.at_ms)]
        began = [] if text.startswith(ENDS) else [SpeechBegan(frame.at_ms), Partial(text, frame.at_ms)]
        text = text.removeprefix(ENDS)
        ended = Utterance(text, text, 0.9, "mandarin", frame.at_ms, frame.at_ms + 500, frame.at_ms + 800)
        return [*began, ended]

    def expect(self, expectation: Expectation) -> None:
        self.expected.append(expectation)

    def bot_speaking(self, speaking: bool) -> None:
        pass

    async def close(self) -> None:
        self.closed = True


class TwinRecorder:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.bot_ms: list[int] = []
        self.bot_sound: list[bytes] = []
        self.cuts: list[int] = []

    def caller(self, at_ms: int, mulaw: bytes) -> None:
        pass

    def bot(self, at_ms: int, mulaw: bytes) -> None:
        self.bot_ms.append(at_ms)
        self.bot_sound.append(mulaw)

    def cut(self, at_ms: int) -> None:
        self.cuts.append(at_ms)


class TwinDesk:
    """Answers at once; ``dead`` never answers, ``broken`` fails."""

    def __init__(self, *, dead: bool = False, broken: bool = False) -> None:
        self.dead = dead
        self.broken = broken
        self.lines: list[Line] = []
        self.finished: list[tuple[Outcome, str]] = []
        self.humans: list[str] = []
        self.asked: list[str] = []
        self.standing: Standing | None = None
        self.line_calls: list[str] = []

    async def understand(self, text: str) -> Reading:
        return Reading("nlu_fallback", 0.1)

    async def foresee(self, text: str) -> None:
        pass

    async def open_matter(self) -> Reply:
        return Reply(("给您提个醒，有一笔税没缴。",))

    async def answer(self, text: str) -> Reply:
        self.asked.append(text)
        if self.dead:
            await asyncio.sleep(3600)
        if self.broken:
            raise DeskError("down")
        return Reply((f"您问的是：{text}。",))

    async def check_digits(self, digits: str) -> tuple[Verdict, int]:
        return (Verdict.RIGHT, 0) if digits == "0043" else (Verdict.WRONG, 2)

    async def book(self, words: str) -> tuple[str, str]:
        return "明天下午3点", ""

    async def exclude(self, kind: str) -> None:
        pass

    async def call_human(self, reason: str, words: str) -> None:
        self.humans.append(reason)

    async def join_line(self, reason: str, words: str) -> Standing | None:
        self.humans.append(reason)
        return self.standing

    async def leave_line(self, *, callback: bool) -> bool:
        self.line_calls.append("callback" if callback else "bot")
        return True

    async def back_in_line(self) -> None:
        self.line_calls.append("back")

    async def rate(self, score: int) -> None:
        self.line_calls.append(f"rated {score}")

    async def line(self, line: Line) -> None:
        self.lines.append(line)

    async def finish(self, outcome: Outcome, note: str, pack: str) -> None:
        self.finished.append((outcome, note))
