"""Runs one call: wire, ear and voice on one side, the brain in the middle, the desk on the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any

import structlog

from telephony.call.brain import Brain
from telephony.call.bridge import Bridge
from telephony.call.commands import (
    Ask,
    BackInLine,
    Book,
    CallHuman,
    CheckDigits,
    Command,
    Connect,
    Disconnect,
    End,
    Exclude,
    Foresee,
    Hold,
    Hush,
    JoinLine,
    LeaveLine,
    Listen,
    OpenMatter,
    Rate,
    Resume,
    Say,
    SetAlarm,
    StopAlarm,
    Understand,
)
from telephony.call.inputs import (
    Alarm,
    Answered,
    Booked,
    Broke,
    Checked,
    HungUp,
    Input,
    Lined,
    LineLeft,
    Played,
    Read,
    Replied,
    VoiceFailed,
)
from telephony.call.mouth import Mouth
from telephony.call.plain import without_numbers
from telephony.call.ports import Desk, Ear, Line, Recorder, Stage, Timed, Wire
from telephony.events import (
    AudioIn,
    KeyPressed,
    MarkReturned,
    Outcome,
    StreamStarted,
    StreamStopped,
    Utterance,
)

log = structlog.get_logger("telephony.call")

_DRAIN_S = 5.0
"""How long what must still end or be written may take after the call: its outcome does not wait for ever."""
_Asked = Understand | OpenMatter | Ask | CheckDigits | Book | JoinLine | LeaveLine
_STAGES: dict[type[Command], Stage] = {
    Understand: Stage.UNDERSTAND,
    OpenMatter: Stage.DIALOGUE,
    Ask: Stage.DIALOGUE,
}


class Session:
    """One call from its first frame to its stored outcome."""

    def __init__(
        self,
        brain: Brain,
        wire: Wire,
        ear: Ear,
        mouth: Mouth,
        desk: Desk,
        recorder: Recorder,
        timed: Timed = lambda stage, seconds: None,
    ) -> None:
        self._brain = brain
        self._wire = wire
        self._ear = ear
        self._mouth = mouth
        self._desk = desk
        self._recorder = recorder
        self._timed = timed
        self.bridge = Bridge(wire, recorder)
        """Where a human's end of the call is joined to it."""
        self._seen: Callable[[Input], None] = lambda item: None
        self._saying: Callable[[str], None] = lambda text: None
        self._inputs: asyncio.Queue[Input] = asyncio.Queue()
        self._alarms: dict[str, asyncio.TimerHandle] = {}
        self._asking: set[asyncio.Task[None]] = set()
        self._lines: asyncio.Queue[Line | None] = asyncio.Queue()
        self._ended: tuple[Outcome, str] | None = None
        mouth.attach(self._played, self._voice_failed, self._note)

    def watch(self, seen: Callable[[Input], None], saying: Callable[[str], None]) -> None:
        """Who sees every input before the brain does, and every sentence as it is begun: live pages, benches."""
        self._seen, self._saying = seen, saying

    @property
    def proving(self) -> bool:
        """Whether the digits of the proof are being spoken of."""
        return self._brain.proving

    def put(self, item: Input) -> None:
        """Bring something to the brain from outside, such as the carrier's machine detection."""
        self._inputs.put_nowait(item)

    async def run(self) -> Outcome:
        """Run until the call is over; the outcome is stored whatever breaks."""
        receiving = asyncio.create_task(self._receive())
        writing = asyncio.create_task(self._write_lines())
        try:
            while self._ended is None:
                item = await self._inputs.get()
                self._seen(item)
                for command in self._brain.handle(item):
                    await self._perform(command)
        except Exception:
            log.exception("call_broke")
            self._ended = (self._brain.outcome_so_far(Outcome.OUR_FAILURE), "our failure")
        finally:
            await self._put_away(receiving, writing)
        assert self._ended is not None
        return self._ended[0]

    async def _put_away(self, receiving: asyncio.Task[None], writing: asyncio.Task[None]) -> None:
        outcome, note = self._ended or (self._brain.outcome_so_far(Outcome.OUR_FAILURE), "stopped")
        self._ended = (outcome, note)
        for handle in self._alarms.values():
            handle.cancel()
        receiving.cancel()
        await self.bridge.disconnect()
        await self._mouth.close()
        await asyncio.wait({receiving}, timeout=_DRAIN_S)
        if self._asking:
            await asyncio.wait(self._asking, timeout=_DRAIN_S)
        self._lines.put_nowait(None)
        await asyncio.wait({writing}, timeout=_DRAIN_S)
        writing.cancel()
        try:
            await self._desk.finish(outcome, note, self._ear.pack)
        except Exception:
            log.exception("outcome_not_stored", outcome=outcome.value)
        finally:
            await self._ear.close()

    # --- from the wire ---

    async def _receive(self) -> None:
        try:
            while True:
                item = await self._wire.receive()
                match item:
                    case StreamStarted():
                        self.put(Answered())
                    case AudioIn():
                        await self._hear(item)
                    case KeyPressed():
                        now = self._mouth.now_ms()
                        shown = "*" if self._brain.keys_are_private else item.digit
                        self._note(Line("key", shown, now, now))
                        self.put(item)
                    case MarkReturned():
                        self._mouth.returned(item.name)
                    case StreamStopped():
                        break
        except Exception:
            log.exception("wire_broke")
        self.put(HungUp())

    async def _hear(self, frame: AudioIn) -> None:
        self._recorder.caller(frame.at_ms, frame.mulaw)
        self.bridge.from_caller(frame.mulaw)
        began_s = time.perf_counter()
        for event in await self._ear.feed(frame):
            if isinstance(event, Utterance) and event.text:
                self._timed(Stage.PAUSE, (event.decided_ms - event.ended_ms) / 1000)
                self._timed(Stage.RECOGNISE, time.perf_counter() - began_s)
                text, began, ended = event.text, event.began_ms, event.ended_ms
                self._note(Line("caller", text, began, ended, text, event.confidence, event.pack))
            self.put(event)

    # --- the brain's commands ---

    async def _perform(self, command: Command) -> None:
        match command:
            case Say():
                self._saying(command.text)
                self._ear.bot_speaking(True)
                self._mouth.say(command.say, command.text, slow=command.slow, asks=command.asks)
            case Hush():
                self._ear.bot_speaking(False)
                await self._mouth.hush()
            case Hold():
                await self._mouth.hold()
            case Resume():
                self._mouth.resume()
            case Listen():
                self._ear.expect(command.expectation)
            case SetAlarm():
                self._set_alarm(command)
            case StopAlarm():
                if (handle := self._alarms.pop(command.name, None)) is not None:
                    handle.cancel()
            case End():
                self._ended = (command.outcome, command.note)
            case Foresee():
                self._start(self._told(self._desk.foresee(command.text)))
            case Exclude():
                self._start(self._told(self._desk.exclude(command.kind)))
            case CallHuman():
                self._start(self._told(self._desk.call_human(command.reason, command.words)))
            case BackInLine():
                self._start(self._told(self._desk.back_in_line()))
            case Rate():
                self._start(self._told(self._desk.rate(command.score)))
            case Connect():
                self.bridge.connect(self._mouth.now_ms())
            case Disconnect():
                await self.bridge.disconnect()
            case _:
                self._start(self._asked(command))

    def _set_alarm(self, command: SetAlarm) -> None:
        if (old := self._alarms.pop(command.name, None)) is not None:
            old.cancel()
        loop = asyncio.get_running_loop()
        self._alarms[command.name] = loop.call_later(command.after_ms / 1000, self.put, Alarm(command.name))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _told(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception:
            log.exception("desk_refused")

    async def _asked(self, command: _Asked) -> None:
        began_s = time.perf_counter()
        try:
            self.put(await self._answer_to(command))
            self._timed(_STAGES.get(type(command), Stage.CHECK), time.perf_counter() - began_s)
        except Exception:
            log.exception("desk_failed", asked=type(command).__name__)
            self.put(Broke(command.turn))

    async def _answer_to(self, command: _Asked) -> Input:
        match command:
            case Understand():
                return Read(command.turn, await self._desk.understand(command.text))
            case OpenMatter():
                return Replied(command.turn, await self._desk.open_matter())
            case Ask():
                return Replied(command.turn, await self._desk.answer(command.text))
            case CheckDigits():
                return Checked(command.turn, *await self._desk.check_digits(command.digits))
            case Book():
                return Booked(command.turn, *await self._desk.book(command.words))
            case JoinLine():
                return Lined(command.turn, await self._desk.join_line(command.reason, command.words))
            case LeaveLine():
                return LineLeft(command.turn, await self._desk.leave_line(callback=command.callback))

    # --- from the mouth ---

    def _played(self, say: int) -> None:
        if not self._mouth.busy:
            self._ear.bot_speaking(False)
        self.put(Played(say, self._mouth.now_ms()))

    def _voice_failed(self, say: int) -> None:
        self.put(VoiceFailed(say))

    def _note(self, line: Line) -> None:
        """Into the transcript; while the digits of the proof are spoken of, without any number."""
        if self._brain.proving:
            every = line.speaker != "bot"
            line = replace(
                line,
                text=without_numbers(line.text, every=every),
                heard=without_numbers(line.heard, every=every),
            )
        self._lines.put_nowait(line)

    async def _write_lines(self) -> None:
        while (line := await self._lines.get()) is not None:
            await self._told(self._desk.line(line))
