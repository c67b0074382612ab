"""A running call on virtual time: pacing, marks, interruptions, the transcript, and what breaks."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from virtual import (
    ENDS,
    REST,
    VOICE,
    TwinDesk,
    TwinEar,
    TwinRecorder,
    TwinVoice,
    TwinWire,
    now,
    on_virtual_time,
)

from telephony.call.base import Callee
from telephony.call.brain import Brain
from telephony.call.mouth import AHEAD_MS, Mouth
from telephony.call.session import Session
from telephony.call.words import shared_words
from telephony.events import AudioOut, Clear, Mark, Outcome
from telephony.voice.base import Style

pytestmark = pytest.mark.unit


class Stage:
    """A call with twins all around."""

    def __init__(self, voice: TwinVoice | None = None, desk: TwinDesk | None = None) -> None:
        self.wire = TwinWire()
        self.ear = TwinEar()
        self.voice = voice or TwinVoice()
        self.desk = desk or TwinDesk()
        self.recorder = TwinRecorder()
        self.mouth = Mouth(self.wire, self.voice, Style(), self.recorder, now)
        brain = Brain(Callee("王建国", "某某税务局"), shared_words())
        self.session = Session(brain, self.wire, self.ear, self.mouth, self.desk, self.recorder)

    async def quiet(self) -> None:
        """Until the bot has nothing more to say."""
        await asyncio.sleep(0.05)
        while self.mouth.busy:  # noqa: ASYNC110 - on virtual time this is no waiting
            await asyncio.sleep(0.05)

    async def say(self, text: str) -> None:
        await self.quiet()
        self.wire.say(text)
        await asyncio.sleep(0.05)

    async def prove(self) -> None:
        await self.say("是的")
        await self.say("零零四三")
        await self.say("对")


def play(stage_of: Callable[[], Stage], person: Callable[[Stage], Awaitable[None]]) -> Stage:
    """Run a call with somebody on the other side until it is over."""

    async def run() -> Stage:
        stage = stage_of()
        acting = asyncio.ensure_future(person(stage))
        await stage.session.run()
        acting.cancel()
        await asyncio.gather(acting, return_exceptions=True)
        return stage

    return on_virtual_time(run())


async def nobody(stage: Stage) -> None:
    await asyncio.sleep(600)


def spoken(stage: Stage, speaker: str = "bot") -> list[str]:
    return [line.text for line in stage.desk.lines if line.speaker == speaker]


def test_a_whole_call_ends_with_its_outcome_stored_once() -> None:
    async def person(stage: Stage) -> None:
        await stage.prove()
        await stage.say("怎么缴")

    stage = play(Stage, person)
    assert stage.desk.finished == [(Outcome.COMPLETED, "")]
    assert "给您提个醒，有一笔税没缴。" in spoken(stage)
    assert "您问的是：怎么缴。" in spoken(stage)
    assert stage.ear.closed


def test_speech_is_sent_as_it_is_due_and_a_little_ahead() -> None:
    stage = play(Stage, nobody)
    ahead = stage.wire.ahead_ms()
    assert max(ahead) <= AHEAD_MS + 20
    first = next(at for at, item in stage.wire.sent if isinstance(item, AudioOut))
    assert first < 0.01


def test_digits_of_the_proof_are_in_no_transcript() -> None:
    async def person(stage: Stage) -> None:
        await stage.say("是的")
        await stage.say("零零四三")
        await stage.quiet()
        stage.wire.press("1")

    stage = play(Stage, person)
    everything = "".join(line.text + line.heard for line in stage.desk.lines)
    assert "零零四三" not in everything and "零，零，四，三" not in everything
    assert "****" in spoken(stage, "caller")


def test_an_interruption_clears_the_line_and_the_transcript_holds_what_was_heard() -> None:
    async def person(stage: Stage) -> None:
        await stage.prove()
        await stage.say("怎么缴啊，我不大会弄，能不能，慢一点说")
        await asyncio.sleep(1.0)
        stage.wire.say("等一下等一下")

    stage = play(Stage, person)
    (line,) = [x for x in stage.desk.lines if x.speaker == "bot" and x.text.startswith("您问的是：怎么缴啊")]
    assert line.heard == "您问的是：怎么缴啊，"
    cleared = next(at for at, item in stage.wire.sent if isinstance(item, Clear) and at > 5)
    assert stage.recorder.cuts
    later = [at for at, item in stage.wire.sent if isinstance(item, AudioOut) and at > cleared]
    assert later and later[0] >= cleared


def test_marks_that_come_back_after_a_clear_prove_nothing() -> None:
    async def person(stage: Stage) -> None:
        await stage.prove()
        await stage.say("说说看")
        await asyncio.sleep(0.3)
        stage.wire.say("先别说了")

    stage = play(Stage, person)
    (line,) = [x for x in stage.desk.lines if x.text == "您问的是：说说看。"]
    assert line.heard == ""


TELL = "怎么缴啊，我不大会弄，能不能，慢一点说"


def told(stage: Stage) -> tuple[str, str]:
    (line,) = [x for x in stage.desk.lines if x.speaker == "bot" and x.text.startswith("您问的是：怎么缴啊")]
    return line.text, line.heard


def test_a_listening_word_makes_a_pause_and_all_is_heard() -> None:
    async def person(stage: Stage) -> None:
        await stage.prove()
        await stage.say(TELL)
        await asyncio.sleep(1.0)
        stage.wire.say(VOICE)
        await asyncio.sleep(0.3)
        stage.wire.say(f"{REST}嗯")
        await asyncio.sleep(0.2)
        stage.wire.say(f"{ENDS}嗯")

    stage = play(Stage, person)
    text, heard = told(stage)
    assert heard == text and stage.desk.asked == [TELL]
    assert len([line for line in stage.desk.lines if line.text == text]) == 1


def test_words_in_a_hold_cut_it_off_and_what_was_cleared_was_not_heard() -> None:
    async def person(stage: Stage) -> None:
        await stage.prove()
        await stage.say(TELL)
        # The first piece is 900 ms long: sent whole, not quite heard.
        await asyncio.sleep(0.7)
        stage.wire.say(VOICE)
        await asyncio.sleep(0.6)
        stage.wire.say("等一下等一下")

    stage = play(Stage, person)
    assert told(stage)[1] == "" and stage.desk.asked == [TELL, "等一下等一下"]


def test_a_hold_that_nobody_ends_is_ended_by_the_clock() -> None:
    async def person(stage: Stage) -> None:
        await stage.prove()
        await stage.say(TELL)
        await asyncio.sleep(1.0)
        stage.wire.say(VOICE)

    stage = play(Stage, person)
    text, heard = told(stage)
    assert heard == text and stage.desk.finished == [(Outcome.COMPLETED, "")]


def test_marks_name_the_question_and_still_count_as_heard() -> None:
    async def person(stage: Stage) -> None:
        await stage.prove()

    stage = play(Stage, person)
    names = [item.name for _, item in stage.wire.sent if isinstance(item, Mark)]
    assert [name.split(":")[2] for name in names if name.count(":") == 2][:2] == ["who", "digits"]
    (line,) = [x for x in stage.desk.lines if x.text.startswith("请问是")]
    assert line.heard == line.text


def test_a_dead_dialogue_ends_the_call_kindly() -> None:
    async def person(stage: Stage) -> None:
        await stage.prove()
        await stage.say("怎么缴")

    stage = play(lambda: Stage(desk=TwinDesk(dead=True)), person)
    assert stage.desk.humans == ["unavailable"]
    assert len(stage.desk.finished) == 1
    assert any("工作人员" in text for text in spoken(stage))


def test_a_failing_dialogue_does_too() -> None:
    async def person(stage: Stage) -> None:
        await stage.prove()
        await stage.say("怎么缴")

    stage = play(lambda: Stage(desk=TwinDesk(broken=True)), person)
    assert stage.desk.humans == ["unavailable"] and len(stage.desk.finished) == 1


def test_a_sentence_that_cannot_be_said_does_not_stop_the_call() -> None:
    async def person(stage: Stage) -> None:
        await stage.prove()

    stage = play(lambda: Stage(voice=TwinVoice(fails="给您提个醒")), person)
    assert stage.desk.finished[0][0] is Outcome.COMPLETED


def test_no_voice_at_all_ends_it() -> None:
    stage = play(lambda: Stage(voice=TwinVoice(fails="*")), nobody)
    assert stage.desk.finished == [(Outcome.OUR_FAILURE, "no voice")]


def test_a_slow_voice_leaves_no_sentence_out() -> None:
    async def person(stage: Stage) -> None:
        await stage.prove()

    stage = play(lambda: Stage(voice=TwinVoice(slow_s=0.7)), person)
    assert "给您提个醒，有一笔税没缴。" in spoken(stage)
    assert stage.desk.finished[0][0] is Outcome.COMPLETED


@pytest.mark.parametrize("after", [0.0, 0.5, 4.0, 12.0, 25.0])
def test_hanging_up_at_any_moment_stores_an_outcome(after: float) -> None:
    async def person(stage: Stage) -> None:
        await asyncio.sleep(after)
        stage.wire.hang_up()

    stage = play(Stage, person)
    assert len(stage.desk.finished) == 1
    assert stage.desk.finished[0][0] is Outcome.HUNG_UP
    assert stage.ear.closed


def test_a_broken_ear_ends_the_call_as_hung_up_and_nothing_hangs() -> None:
    async def person(stage: Stage) -> None:
        await stage.say("breaks")

    stage = play(Stage, person)
    assert len(stage.desk.finished) == 1


def test_an_outcome_that_cannot_be_stored_still_lets_go_of_the_ear() -> None:
    class Broken(TwinDesk):
        async def finish(self, outcome: Outcome, note: str, pack: str) -> None:
            raise OSError("the database is gone")

    async def person(stage: Stage) -> None:
        stage.wire.hang_up()

    assert play(lambda: Stage(desk=Broken()), person).ear.closed
