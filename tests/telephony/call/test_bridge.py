"""Sound between a caller and a human: order, length, delay, and who hears whom when, on virtual time."""

from __future__ import annotations

import asyncio
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from virtual import TwinDesk, TwinEar, TwinRecorder, TwinVoice, TwinWire, now, on_virtual_time

from telephony.call.base import Callee
from telephony.call.brain import Brain
from telephony.call.bridge import MOST_FRAMES, Bridge, Lane, beats
from telephony.call.inputs import AgentClaimed, AgentJoined, AgentLeft, Leaving, Standing
from telephony.call.mouth import Mouth
from telephony.call.session import Session
from telephony.call.words import shared_words
from telephony.events import FRAME_BYTES, AudioOut, Outcome
from telephony.voice.base import Style

pytestmark = pytest.mark.unit


def frame(number: int) -> bytes:
    return bytes((number,)) * FRAME_BYTES


@given(st.lists(st.binary(min_size=1, max_size=400), max_size=60))
def test_frames_come_out_whole_in_order_and_never_late(pieces: list[bytes]) -> None:
    lane, sent, got = Lane(), b"", b""
    for piece in pieces:
        lane.push(piece)
        sent += piece
        if (out := lane.pop()) is not None:
            assert len(out) == FRAME_BYTES
            got += out
    rest = []
    while (out := lane.pop()) is not None:
        rest.append(out)
    assert len(rest) <= MOST_FRAMES
    got += b"".join(rest)
    if lane.dropped == 0:
        assert sent.startswith(got)
    assert len(got) + lane.dropped * FRAME_BYTES <= len(sent)


def test_a_stall_loses_the_oldest_sound_and_not_the_newest() -> None:
    lane = Lane()
    for number in range(20):
        lane.push(frame(number))
    assert [lane.pop() for _ in range(MOST_FRAMES + 1)] == [*(frame(n) for n in range(15, 20)), None]
    assert lane.dropped == 15


def test_sound_begins_with_a_little_kept_back() -> None:
    lane = Lane()
    lane.push(frame(1))
    assert lane.pop() is None
    lane.push(frame(2))
    assert lane.pop() == frame(1)


def test_beats_are_even_and_start_anew_after_a_stall() -> None:
    async def run() -> list[float]:
        at = []
        async for beat in beats():
            at.append(round(beat, 3))
            if len(at) == 4:
                await asyncio.sleep(1.0)
            if len(at) == 8:
                return at
        return at

    at = on_virtual_time(run())
    assert at[:4] == [0, 0.02, 0.04, 0.06]
    assert at[4] > 1.0 and [round(b - a, 3) for a, b in pairwise(at[4:])] == [0.02] * 3


def test_the_humans_voice_is_paced_recorded_and_silent_before_and_after() -> None:
    async def run() -> None:
        wire, recorder = TwinWire(), TwinRecorder()
        bridge = Bridge(wire, recorder)
        bridge.from_agent(frame(9))
        bridge.connect(1000)
        for number in range(10):
            bridge.from_agent(frame(number))
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
        heard = [item.mulaw for _, item in wire.sent if isinstance(item, AudioOut)]
        assert heard == [frame(n) for n in range(10)] == recorder.bot_sound
        times = [at for at, _ in wire.sent]
        assert max(b - a for a, b in pairwise(times)) < 0.03
        assert recorder.bot_ms[0] >= 1000
        assert {b - a for a, b in pairwise(recorder.bot_ms)} == {20}
        await bridge.disconnect()
        bridge.from_agent(frame(9) * 3)
        await asyncio.sleep(0.2)
        assert len(wire.sent) == 10

    on_virtual_time(run())


def test_the_caller_is_heard_while_connected_only() -> None:
    async def run() -> None:
        bridge = Bridge(TwinWire(), TwinRecorder())
        bridge.from_caller(frame(1) * 3)
        assert bridge.to_agent.pop() is None
        bridge.connect(0)
        bridge.from_caller(frame(2) * 3)
        assert bridge.to_agent.pop() == frame(2)
        await bridge.disconnect()
        assert bridge.to_agent.pop() is None

    on_virtual_time(run())


def test_a_call_with_a_human_from_line_to_rating() -> None:
    """The session as a whole: connected after 工作人员来了, the transcript goes on, disconnected before the survey."""

    async def run() -> None:
        wire, desk, recorder = TwinWire(), TwinDesk(), TwinRecorder()
        desk.standing = Standing(0, 1)
        mouth = Mouth(wire, TwinVoice(), Style(), recorder, now)
        session = Session(
            Brain(Callee("王建国", "税务局"), shared_words()), wire, TwinEar(), mouth, desk, recorder
        )

        async def quiet() -> None:
            await asyncio.sleep(0.05)
            while mouth.busy:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.05)

        async def person() -> None:
            await quiet()
            wire.say("我真的不想活了")
            await quiet()
            assert desk.humans == ["distress"]
            session.put(AgentClaimed())
            await asyncio.sleep(1.0)
            session.put(AgentJoined())
            await asyncio.sleep(0.2)
            assert not session.bridge.connected
            await quiet()
            assert session.bridge.connected
            for number in range(1, 6):
                session.bridge.from_agent(frame(number))
                await asyncio.sleep(0.02)
            wire.say("您好，我听着呢")
            wire.press("8")
            await asyncio.sleep(0.2)
            session.put(AgentLeft(Leaving.DONE))
            await quiet()
            assert not session.bridge.connected
            wire.press("5")

        async with asyncio.timeout(300), asyncio.TaskGroup() as both:
            ending = both.create_task(session.run())
            both.create_task(person())
        assert ending.result() is Outcome.HUMAN
        assert desk.line_calls == ["rated 5"]
        assert frame(3) in [item.mulaw for _, item in wire.sent if isinstance(item, AudioOut)]
        assert frame(3) in recorder.bot_sound
        assert "您好，我听着呢" in [line.text for line in desk.lines if line.speaker == "caller"]
        assert [line.text for line in desk.lines if line.speaker == "key"] == ["*", "5"]
        assert desk.finished == [(Outcome.HUMAN, "talked")]

    on_virtual_time(run())
