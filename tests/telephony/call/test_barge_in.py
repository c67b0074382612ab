"""A caller who speaks while the bot does, on virtual time: real ear, brain and mouth, a carrier frame by frame."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from carrier import FRAME_MS, Carrier
from virtual import TwinDesk, TwinRecorder, TwinVoice, now, on_virtual_time

from telephony.call.base import Callee
from telephony.call.brain import Brain
from telephony.call.inputs import Reply
from telephony.call.mouth import Mouth
from telephony.call.session import Session
from telephony.call.words import shared_words
from telephony.events import (
    FRAME_BYTES,
    AudioIn,
    KeyPressed,
    MarkReturned,
    Outcome,
    StreamStarted,
    StreamStopped,
    WireIn,
)
from telephony.hearing import mulaw
from telephony.voice.base import Style
from tests.telephony.hearing.fakes import ear, spoken

pytestmark = pytest.mark.unit
GOAL_MS = 300
MATTER = "给您提个醒，有一笔税没缴，请您这个月月底以前到网上或者柜台去缴。"
WAY_S = 0.03
"""What the network takes each way."""


class Desk(TwinDesk):
    async def open_matter(self) -> Reply:
        return Reply((MATTER,))


class Line(Carrier):
    """The carrier as the call's wire; the caller's side is silent unless they :meth:`say` something."""

    def __init__(self) -> None:
        super().__init__(lambda: WAY_S)
        self.coming: asyncio.Queue[WireIn] = asyncio.Queue()
        self.coming.put_nowait(StreamStarted("MZ1", "CA1"))
        self.back = lambda name: self.coming.put_nowait(MarkReturned(name))
        self._mouth = np.zeros(0, np.int16)

    async def receive(self) -> WireIn:
        return await self.coming.get()

    def say(self, *sounds: np.ndarray) -> None:
        self._mouth = np.concatenate((self._mouth, *sounds))

    def press(self, key: str) -> None:
        self.coming.put_nowait(KeyPressed(key))

    async def speak(self) -> None:
        """Frame after frame, each when it is complete."""
        start, number = now(), 0
        while True:
            await asyncio.sleep(start + (number + 1) * FRAME_MS / 1000 - now())
            frame, self._mouth = self._mouth[:FRAME_BYTES], self._mouth[FRAME_BYTES:]
            sound = np.pad(frame, (0, FRAME_BYTES - len(frame)))
            item = AudioIn(number + 1, number * FRAME_MS, mulaw.encode(sound))
            asyncio.get_running_loop().call_later(WAY_S, self.coming.put_nowait, item)
            number += 1


class Stage:
    """A call with a person on the line."""

    def __init__(self) -> None:
        self.line, self.desk, self.recorder = Line(), Desk(), TwinRecorder()
        self.mouth = Mouth(self.line, TwinVoice(), Style(), self.recorder, now)
        self.brain = Brain(Callee("王建国", "某某税务局"), shared_words())
        self.session = Session(self.brain, self.line, ear(), self.mouth, self.desk, self.recorder)
        self.said: list[str] = []
        self.session.watch(lambda item: None, self.said.append)

    async def quiet(self) -> None:
        await asyncio.sleep(0.2)
        while self.mouth.busy:  # noqa: ASYNC110 - on virtual time this is no waiting
            await asyncio.sleep(0.02)

    async def matter(self) -> None:
        """Until the bot has begun to tell why it calls."""
        await self.quiet()
        self.line.say(spoken("是的"))
        await asyncio.sleep(1.5)
        for key in "0043":
            self.line.press(key)
        while self.said[-1] != MATTER:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        while not any(at > now() - 0.03 and frame for at, frame in self.line.slots):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await asyncio.sleep(1.0)

    async def heard_no_more_after(self, sound: np.ndarray) -> float:
        """The caller makes this sound now: how long until they hear the bot no more, in ms from its first voiced sample."""
        began = now()
        self.line.say(sound)
        await asyncio.sleep(0.6)
        return (self.line.falls_silent(began) - began) * 1000

    def heard_of_the_matter(self) -> float:
        """How much of it the transcript calls heard, 0 to 1."""
        (line,) = [line for line in self.desk.lines if line.text == MATTER]
        return len(line.heard) / len(MATTER)


def play(person: Callable[[Stage], Awaitable[None]]) -> tuple[Stage, Outcome]:
    """A call with this person on the line, who says nothing more after that, until it is over; nothing is left behind."""

    async def run() -> tuple[Stage, Outcome]:
        stage = Stage()
        running = [asyncio.ensure_future(stage.line.run()), asyncio.ensure_future(stage.line.speak())]
        acting = asyncio.ensure_future(person(stage))
        outcome = await stage.session.run()
        for task in (acting, *running):
            task.cancel()
        ended = await asyncio.gather(acting, *running, return_exceptions=True)
        broken = [one for one in ended if isinstance(one, Exception)]
        assert not broken and asyncio.all_tasks() == {asyncio.current_task()}
        return stage, outcome

    return on_virtual_time(run())


@pytest.mark.parametrize("offset_ms", [0, 7, 13])
def test_who_speaks_up_hears_the_bot_no_more_within_the_goal(offset_ms: int) -> None:
    took: list[float] = []

    async def person(stage: Stage) -> None:
        await stage.matter()
        await asyncio.sleep(offset_ms / 1000)
        took.append(await stage.heard_no_more_after(spoken("我知道了然后我打电话")))

    stage, _ = play(person)
    assert took[0] <= GOAL_MS
    assert [asked[:4] for asked in stage.desk.asked] == ["我知道了"]
    assert stage.heard_of_the_matter() < 0.5


@pytest.mark.parametrize("sound", ["好", "对", "cough"])
def test_listening_and_coughing_only_make_a_pause(sound: str) -> None:
    cough = (np.random.default_rng(1).standard_normal(8 * 200) * 9000).astype(np.int16)
    slots: list[bytes | None] = []
    clears: list[int] = []

    async def person(stage: Stage) -> None:
        await stage.matter()
        clears.append(len(stage.line.clears))
        at = len(stage.line.slots)
        stage.line.say(cough if sound == "cough" else spoken(sound))
        await asyncio.sleep(1.0)
        slots.extend(frame for _, frame in stage.line.slots[at:])
        await stage.quiet()
        clears.append(len(stage.line.clears))

    stage, outcome = play(person)
    # The pause lasts until the voice has stopped and rested, and what the network takes.
    assert 0 < FRAME_MS * slots.count(None) <= 400 and slots[-1] is not None
    assert clears[1] - clears[0] == 1
    assert stage.heard_of_the_matter() == 1 and not stage.desk.asked
    assert outcome is Outcome.COMPLETED


def test_after_two_pauses_for_nothing_the_bot_speaks_on() -> None:
    clears: list[int] = []

    async def person(stage: Stage) -> None:
        await stage.matter()
        for _ in range(5):
            clears.append(len(stage.line.clears))
            stage.line.say(spoken("好"))
            await asyncio.sleep(0.9)

    stage, _ = play(person)
    assert [clear - clears[0] for clear in clears] == [0, 1, 2, 2, 2]
    assert stage.heard_of_the_matter() == 1


def test_who_hangs_up_in_a_hold_leaves_nothing_behind() -> None:
    held: list[bool] = []

    async def person(stage: Stage) -> None:
        await stage.matter()
        stage.line.say(spoken("我知道了"))
        await asyncio.sleep(0.3)
        held.append(stage.brain.floor.held)
        stage.line.coming.put_nowait(StreamStopped())

    stage, outcome = play(person)
    assert held == [True] and len(stage.desk.finished) == 1
    assert outcome is Outcome.HUNG_UP and stage.heard_of_the_matter() < 0.5
