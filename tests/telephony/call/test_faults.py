"""Everything that can go wrong, in every state of a call, on virtual time: it ends or goes on politely, once, and no other call notices."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from virtual import VOICE, TwinDesk, TwinEar, TwinRecorder, TwinVoice, TwinWire, now, on_virtual_time

from telephony.call.base import Callee, Phase
from telephony.call.brain import Brain
from telephony.call.inputs import (
    AgentClaimed,
    AgentJoined,
    AgentLeft,
    Leaving,
    Reading,
    Reply,
    Standing,
    Verdict,
)
from telephony.call.mouth import Mouth
from telephony.call.ports import DeskError, Line
from telephony.call.session import Session
from telephony.call.words import shared_words
from telephony.events import MachineHeard, MachineSign, Outcome
from telephony.voice.base import Style

pytestmark = pytest.mark.unit

READINGS = {
    "我在开车": Reading("busy_now", 0.95),
    "以后别打了": Reading("opt_out", 0.85),
    "转人工": Reading("request_human", 0.95),
}
LONGEST_S = 15 * 60
"""A call that has not ended by itself so long after the fault never will."""
MATTER = "给您提个醒"


class Desk(TwinDesk):
    """A desk that can stop answering (``hangs``) or refuse everything (``fails``) in the middle of a call."""

    trouble = ""

    async def _answers(self) -> None:
        if self.trouble == "hangs":
            await asyncio.sleep(24 * 3600)
        if self.trouble == "fails":
            raise DeskError("down")

    async def understand(self, text: str) -> Reading:
        await self._answers()
        return READINGS.get(text, Reading("nlu_fallback", 0.1))

    async def open_matter(self) -> Reply:
        await self._answers()
        return await super().open_matter()

    async def answer(self, text: str) -> Reply:
        await self._answers()
        return await super().answer(text)

    async def check_digits(self, digits: str) -> tuple[Verdict, int]:
        await self._answers()
        return await super().check_digits(digits)

    async def book(self, words: str) -> tuple[str, str]:
        await self._answers()
        return await super().book(words)

    async def exclude(self, kind: str) -> None:
        await self._answers()

    async def call_human(self, reason: str, words: str) -> None:
        await self._answers()
        await super().call_human(reason, words)

    async def join_line(self, reason: str, words: str) -> Standing | None:
        await self._answers()
        return await super().join_line(reason, words)

    async def leave_line(self, *, callback: bool) -> bool:
        await self._answers()
        return await super().leave_line(callback=callback)

    async def back_in_line(self) -> None:
        await self._answers()

    async def rate(self, score: int) -> None:
        await self._answers()

    async def line(self, line: Line) -> None:
        await self._answers()
        await super().line(line)


class Call:
    """One call with twins all around."""

    def __init__(self) -> None:
        self.wire, self.ear, self.voice, self.desk = TwinWire(), TwinEar(), TwinVoice(), Desk()
        self.desk.standing = Standing(2, 1)
        self.mouth = Mouth(self.wire, self.voice, Style(), TwinRecorder(), now)
        self.brain = Brain(Callee("王建国", "某某税务局"), shared_words())
        self.session = Session(self.brain, self.wire, self.ear, self.mouth, self.desk, TwinRecorder())
        self.said: list[str] = []
        self.session.watch(lambda item: None, self.said.append)

    async def quiet(self) -> None:
        await asyncio.sleep(0.05)
        while self.mouth.busy:  # noqa: ASYNC110 - on virtual time this is no waiting
            await asyncio.sleep(0.05)

    async def say(self, *texts: str) -> None:
        for text in texts:
            await self.quiet()
            self.wire.say(text)
            await asyncio.sleep(0.05)
        await self.quiet()


Deed = Callable[[Call], Awaitable[None]]


async def _joined(call: Call) -> None:
    await call.say("转人工")
    call.session.put(AgentClaimed())
    await call.quiet()
    call.session.put(AgentJoined())
    await call.quiet()


async def _surveyed(call: Call) -> None:
    await _joined(call)
    call.session.put(AgentLeft(Leaving.DONE))
    await asyncio.sleep(0.5)


async def _held(call: Call) -> None:
    """A voice, and no words yet, while the bot asks."""
    while call.brain.floor.firm or not call.brain.floor.speaking:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.3)
    call.wire.say(VOICE)
    await asyncio.sleep(0.05)
    assert call.brain.floor.held


async def _machine(call: Call) -> None:
    await asyncio.sleep(1)
    call.session.put(MachineHeard(MachineSign.LONG_GREETING, 1000))
    await asyncio.sleep(0.1)


async def _closing(call: Call) -> None:
    await call.quiet()
    call.wire.say("不是")
    await asyncio.sleep(0.5)


WAYS: dict[str, tuple[Phase, Deed]] = {
    "the notice": (Phase.WHO, lambda call: asyncio.sleep(0.5)),
    "held": (Phase.WHO, _held),
    "who": (Phase.WHO, lambda call: call.quiet()),
    "prove": (Phase.PROVE, lambda call: call.say("是的")),
    "read back": (Phase.READ_BACK, lambda call: call.say("是的", "零零四三")),
    "callback time": (Phase.CALLBACK_TIME, lambda call: call.say("我在开车")),
    "opt out": (Phase.OPT_OUT, lambda call: call.say("以后别打了")),
    "matter": (Phase.MATTER, lambda call: call.say("是的", "零零四三", "对")),
    "in line": (Phase.WAITING, lambda call: call.say("转人工")),
    "with a human": (Phase.JOINED, _joined),
    "survey": (Phase.SURVEY, _surveyed),
    "machine": (Phase.MACHINE, _machine),
    "closing": (Phase.CLOSING, _closing),
}


async def _cut(call: Call) -> None:
    call.wire.hang_up()


async def _silence(call: Call) -> None:
    pass


async def _deaf(call: Call) -> None:
    call.wire.say("breaks")


def _desk(trouble: str) -> Deed:
    async def deed(call: Call) -> None:
        call.desk.trouble = trouble
        call.wire.say("怎么缴")

    return deed


def _voice(*, slow_s: float = 0.0, fails: str = "") -> Deed:
    async def deed(call: Call) -> None:
        call.voice.slow_s, call.voice.fails = slow_s, fails
        call.wire.say("怎么缴")

    return deed


async def _keys(call: Call) -> None:
    for digit in itertools.islice(itertools.cycle("0123456789*#"), 300):
        call.wire.press(digit)
        await asyncio.sleep(0.03)


def _talks(text: str) -> Deed:
    async def deed(call: Call) -> None:
        while True:
            call.wire.say(text)
            await asyncio.sleep(0.7)

    return deed


FAULTS: dict[str, Deed] = {
    "the socket is cut": _cut,
    "nobody says anything": _silence,
    "the ear breaks": _deaf,
    "the desk hangs": _desk("hangs"),
    "the desk fails": _desk("fails"),
    "the voice is gone": _voice(fails="*"),
    "the voice is slow": _voice(slow_s=3),
    "a flood of keys": _keys,
    "they talk throughout": _talks("哎我跟你说昨天那批货还没到"),
    "noise without words": _talks(""),
}


async def _play(call: Call, person: Callable[[], Awaitable[None]]) -> Outcome:
    acting = asyncio.ensure_future(person())
    try:
        return await call.session.run()
    finally:
        acting.cancel()
        await asyncio.gather(acting, return_exceptions=True)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("state", WAYS)
def test_whatever_breaks_the_call_ends_once_and_no_other_notices(state: str, fault: str) -> None:
    phase, way = WAYS[state]
    reached: list[Phase] = []
    saved: list[str] = []

    async def person(broken: Call) -> None:
        await way(broken)
        reached.append(broken.brain.phase)
        going = asyncio.ensure_future(FAULTS[fault](broken))
        try:
            # People who talk to each other may do so for as long as they like.
            await asyncio.sleep(60 if phase is Phase.JOINED else LONGEST_S)
            saved.append("hung up at last")
            broken.wire.hang_up()
            await asyncio.sleep(3600)
        finally:
            going.cancel()

    async def run() -> tuple[Call, Call, Outcome, Outcome]:
        broken, other = Call(), Call()
        outcomes = await asyncio.gather(
            _play(broken, lambda: person(broken)),
            _play(other, lambda: other.say("是的", "零零四三", "对", "怎么缴", "没有了")),
        )
        return broken, other, *outcomes

    broken, other, outcome, unhurt = on_virtual_time(run())
    assert reached == [phase]
    assert phase is Phase.JOINED or not saved
    assert [kept for kept, _ in broken.desk.finished] == [outcome] and broken.ear.closed
    if phase is not Phase.MATTER:
        assert MATTER not in "".join(broken.said) and outcome is not Outcome.COMPLETED
    assert unhurt is Outcome.COMPLETED and other.desk.finished == [(Outcome.COMPLETED, "")]
    assert any(MATTER in text for text in other.said)
