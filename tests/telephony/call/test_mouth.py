"""The mouth against a carrier that plays frame by frame: held and gone on, nothing is skipped, said often or marked wrongly."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from carrier import Carrier, Counting, repeats_ms, sizes, whole
from virtual import TwinRecorder, now, on_virtual_time

from telephony.call.mouth import AHEAD_MS, LET_OUT_MS, STEP_BACK_MS, Mouth
from telephony.call.ports import Line
from telephony.voice.base import Style

pytestmark = pytest.mark.unit
MS = 8
"""Bytes a millisecond."""
LONG, SHORT = f"1|{MS * 900},{MS * 1100}", f"2|{MS * 700}"


class Call:
    """A mouth and what it talks to."""

    def __init__(self, slow_s: float = 0.0, late_s: Callable[[], float] = lambda: 0.03) -> None:
        self.carrier = Carrier(late_s)
        self.recorder = TwinRecorder()
        self.mouth = Mouth(self.carrier, Counting(slow_s), Style(), self.recorder, now)  # type: ignore[arg-type]
        self.carrier.back = self.mouth.returned
        self.played: list[int] = []
        self.failed: list[int] = []
        self.lines: list[Line] = []
        self.mouth.attach(self.played.append, self.failed.append, self.lines.append)
        self.texts: list[str] = []

    def say(self, *texts: str, asks: str = "") -> None:
        for text in texts:
            self.texts.append(text)
            self.mouth.say(int(text.partition("|")[0]), text, asks=asks)

    async def hold(self, ms: int) -> None:
        await self.mouth.hold()
        await asyncio.sleep(ms / 1000)
        self.mouth.resume()

    async def quiet(self) -> None:
        async with asyncio.timeout(60):
            while self.mouth.busy:  # noqa: ASYNC110 - on virtual time this is no waiting
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.5)

    def repeats(self) -> list[float]:
        """All was heard; how much was said again at each step back."""
        said = [one for text in self.texts for one in whole(text)]
        heard = self.carrier.heard()
        assert sorted(set(heard)) == sorted(said)
        return repeats_ms(heard, said)


def play(work: Callable[[Call], Awaitable[None]], call_of: Callable[[], Call] = Call) -> Call:
    async def run() -> Call:
        call = call_of()
        playing = asyncio.ensure_future(call.carrier.run())
        await work(call)
        await call.mouth.close()
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left
        return call

    return on_virtual_time(run())


@pytest.mark.parametrize("at_ms", [1, 130, 450, 700, 890, 910, 1000, 1500])
def test_a_hold_is_silent_at_once_and_goes_on_where_the_caller_stopped_hearing(at_ms: int) -> None:
    async def work(call: Call) -> None:
        call.say(LONG)
        await asyncio.sleep(at_ms / 1000)
        began = now()
        await call.hold(600)
        # A frame already in its slot, and the way of the clear.
        assert call.carrier.falls_silent(began) - began <= 0.06
        assert call.carrier.silent_ms(began, now()) >= 500
        await call.quiet()

    call = play(work)
    assert all(0 <= again <= STEP_BACK_MS + 20 for again in call.repeats())
    assert call.played == [1]
    (line,) = call.lines
    assert line.heard == "<0><1>"


def test_it_holds_twice_within_a_sentence() -> None:
    async def work(call: Call) -> None:
        call.say(LONG, SHORT)
        await asyncio.sleep(0.5)
        await call.hold(300)
        await asyncio.sleep(0.06)
        await call.hold(300)
        await asyncio.sleep(0.9)
        await call.hold(300)
        await call.quiet()

    call = play(work)
    assert len(call.carrier.clears) == 3
    assert len(call.repeats()) == 3 and max(call.repeats()) <= STEP_BACK_MS + 20
    assert call.played == [1, 2]


def test_speech_of_the_next_sentence_that_was_sent_ahead_is_kept() -> None:
    async def work(call: Call) -> None:
        call.say(SHORT, LONG)
        await asyncio.sleep(0.63)
        await call.hold(400)
        await call.quiet()

    call = play(work)
    assert call.repeats() and call.played == [2, 1]
    assert [line.heard for line in call.lines] == ["<0>", "<0><1>"]


def test_a_mark_that_was_cleared_proves_nothing_and_is_sent_again() -> None:
    async def work(call: Call) -> None:
        call.say(LONG, asks="digits")
        # All of the first piece has been sent, not all of it has been heard.
        await asyncio.sleep(0.8)
        await call.mouth.hold()
        await asyncio.sleep(0.2)
        assert call.carrier.returned == [("1:1:digits", True)]
        await call.mouth.hush()
        await asyncio.sleep(0.2)

    call = play(work)
    assert [line.heard for line in call.lines] == [""] and call.played == []

    async def resumed(call: Call) -> None:
        call.say(LONG, asks="digits")
        await asyncio.sleep(0.8)
        await call.hold(200)
        await call.quiet()

    call = play(resumed)
    assert call.carrier.returned == [
        ("1:1:digits", True),
        ("1:1.1:digits", False),
        ("1:2.1:digits", False),
    ]
    assert [line.heard for line in call.lines] == ["<0><1>"] and call.played == [1]


def test_what_was_heard_before_a_hold_stays_heard() -> None:
    async def work(call: Call) -> None:
        call.say(LONG)
        await asyncio.sleep(1.1)
        await call.mouth.hold()
        await asyncio.sleep(0.3)
        await call.mouth.hush()

    call = play(work)
    assert [line.heard for line in call.lines] == ["<0>"] and call.carrier.marks == ["1:1"]


def test_a_mark_on_its_way_when_the_line_is_cleared_is_not_taken_for_a_later_one() -> None:
    async def work(call: Call) -> None:
        call.say(LONG)
        # The first piece was heard 100 ms ago; its mark comes 200 ms after that, when the line has been cleared.
        await asyncio.sleep(0.9 + 0.2 + 0.1)
        await call.mouth.hold()
        await asyncio.sleep(0.5)
        assert call.carrier.returned[0] == ("1:1", False)
        assert call.lines == []
        await call.mouth.hush()

    call = play(work, lambda: Call(late_s=lambda: 0.2))
    assert [line.heard for line in call.lines] == [""]


def test_a_slow_line_loses_no_mark_for_good() -> None:
    async def work(call: Call) -> None:
        call.say(LONG)
        await asyncio.sleep(0.9 + 0.2 + 0.1)
        await call.hold(500)
        await call.quiet()

    call = play(work, lambda: Call(late_s=lambda: 0.2))
    assert call.played == [1] and [line.heard for line in call.lines] == ["<0><1>"]


def test_the_last_words_are_let_out() -> None:
    async def work(call: Call) -> None:
        call.say(SHORT)
        await asyncio.sleep(0.7 - LET_OUT_MS / 1000 + 0.005)
        await call.hold(700)

    call = play(work)
    assert not call.carrier.clears and not call.repeats() and call.played == [2]
    assert not call.recorder.cuts


def test_a_pause_for_the_renderer_is_no_loss() -> None:
    # Each piece takes a second to render: the second one comes while the first one, heard before, is held.
    async def work(call: Call) -> None:
        call.say(LONG)
        await asyncio.sleep(1.0 + 0.7)
        await call.hold(150)
        await asyncio.sleep(0.05)
        await call.hold(900)
        await call.quiet()

    call = play(work, lambda: Call(slow_s=1.0))
    assert call.repeats() and call.played == [1]


def test_what_is_said_in_a_hold_waits_as_well() -> None:
    async def work(call: Call) -> None:
        call.say(LONG)
        await asyncio.sleep(0.4)
        await call.mouth.hold()
        call.say(SHORT)
        await asyncio.sleep(2)
        heard = len(call.carrier.heard())
        await asyncio.sleep(1)
        assert len(call.carrier.heard()) == heard
        call.mouth.resume()
        await call.quiet()

    call = play(work)
    assert call.played == [1, 2] and len(call.repeats()) == 1


def test_after_a_hush_in_a_hold_the_next_sentence_is_said_at_once() -> None:
    async def work(call: Call) -> None:
        call.say(LONG)
        await asyncio.sleep(0.4)
        await call.mouth.hold()
        await asyncio.sleep(0.3)
        await call.mouth.hush()
        call.texts.clear()
        call.say(SHORT)
        began = now()
        await asyncio.sleep(0.1)
        assert call.carrier.heard()[-1][0] == 2 and now() - began < 0.11
        await call.quiet()

    call = play(work)
    assert call.played == [2]
    assert [line.heard for line in call.lines] == ["", "<0>"]


def test_what_never_began_is_in_no_transcript() -> None:
    async def work(call: Call) -> None:
        call.say(SHORT, LONG)
        # The first frames of the second sentence have been sent ahead.
        await asyncio.sleep(0.7 - 0.12)
        await call.mouth.hold()
        await call.mouth.hush()

    assert [line.text for line in play(work).lines] == [SHORT]


def test_closing_in_a_hold_leaves_nothing_behind() -> None:
    async def work(call: Call) -> None:
        call.say(LONG, SHORT)
        await asyncio.sleep(0.4)
        await call.mouth.hold()

    call = play(work, lambda: Call(slow_s=0.3))
    assert [line.text for line in call.lines] == [LONG] and call.played == []


def test_the_recording_holds_what_was_heard() -> None:
    async def work(call: Call) -> None:
        call.say(LONG)
        await asyncio.sleep(0.5)
        await call.hold(400)
        await call.quiet()

    call = play(work)
    assert call.recorder.cuts == [500]
    again = [at for at in call.recorder.bot_ms if at >= 900]
    assert again[0] == 900 and [after - before for before, after in pairwise(again)] == [20] * (
        len(again) - 1
    )


def test_resuming_what_is_not_held_does_nothing() -> None:
    async def work(call: Call) -> None:
        call.mouth.resume()
        call.say(LONG)
        await asyncio.sleep(0.3)
        call.mouth.resume()
        await call.quiet()

    assert play(work).repeats() == []


STEP = st.tuples(st.integers(0, 700), st.sampled_from(["hold", "resume", "hush", "say"]))
PIECES = st.lists(st.integers(1, 200).map(lambda n: n * 40), min_size=1, max_size=4)


@settings(deadline=None, max_examples=40)
@given(
    speeches=st.lists(PIECES, min_size=1, max_size=5),
    steps=st.lists(STEP, max_size=14),
    slow_s=st.sampled_from([0.0, 0.02, 0.25]),
    late_ms=st.sampled_from([0, 5, 40, 150]),
    jitter_ms=st.integers(0, 60),
    seed=st.integers(0, 99),
)
def test_whatever_is_held_every_frame_is_heard_in_order(
    speeches: list[list[int]],
    steps: list[tuple[int, str]],
    slow_s: float,
    late_ms: int,
    jitter_ms: int,
    seed: int,
) -> None:
    rng = Random(seed)
    texts = [f"{n}|{','.join(map(str, pieces))}" for n, pieces in enumerate(speeches, 1)]
    hushed: set[int] = set()

    async def work(call: Call) -> None:
        left = list(texts)
        call.say(left.pop(0))
        for ms, step in steps:
            await asyncio.sleep(ms / 1000)
            match step:
                case "hold":
                    await call.mouth.hold()
                case "resume":
                    call.mouth.resume()
                case "hush":
                    hushed.update({int(text.partition("|")[0]) for text in call.texts} - set(call.played))
                    await call.mouth.hush()
                case _ if left:
                    call.say(left.pop(0))
        call.mouth.resume()
        if left:
            call.say(*left)
        await call.quiet()

    call = play(work, lambda: Call(slow_s, lambda: (late_ms + rng.uniform(0, jitter_ms)) / 1000))
    # Each one is played to its end, or hushed, and once.
    assert sorted([*call.played, *hushed]) == list(range(1, len(texts) + 1)) and not call.failed
    heard = call.carrier.heard()
    for number, text in enumerate(texts, 1):
        mine = [one for one in heard if one[0] == number]
        said = whole(text)
        # A clear that the network delays lets more be heard, and a slot that has begun.
        assert all(again <= STEP_BACK_MS + 40 + jitter_ms for again in repeats_ms(mine, said))
        if number not in hushed:
            assert set(mine) == set(said)
        # What the transcript calls heard was heard.
        for line in [line for line in call.lines if line.text == text]:
            proven = sum(sizes(text)[: line.heard.count("<")]) // 4
            assert set(said[:proven]) <= set(mine)
    order = [number for number, _ in heard]
    assert [n for at, n in enumerate(order) if n not in order[:at]] == sorted(set(order))


def test_speech_is_never_sent_further_ahead_than_before() -> None:
    async def work(call: Call) -> None:
        call.say(LONG)
        await asyncio.sleep(0.5)
        await call.hold(400)
        while call.mouth.busy:
            assert call.carrier.buffer.ahead_ms <= AHEAD_MS + 20
            await asyncio.sleep(0.01)

    play(work)
