"""While a pause makes it certain that somebody has ended, the dialogue may begin to think about what they said."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from talk import Talk, proven
from test_session import Stage, play
from virtual import TwinDesk

from telephony.call.inputs import Reading
from telephony.events import SpeechPaused

pytestmark = pytest.mark.unit


def test_what_the_dialogue_will_be_asked_is_foreseen() -> None:
    talk = Talk().answer().hear_out()
    talk.sound(900, "你们是干什么的")
    assert talk.foreseen == ["你们是干什么的"] and not talk.asked
    talk = proven(Talk())
    talk.sound(900, "滞纳金怎么算")
    assert talk.foreseen == ["滞纳金怎么算"] and not talk.asked


@pytest.mark.parametrize("so_far", ["", "嗯", "是的", "不是", "一"])
def test_what_nobody_needs_to_read_is_not(so_far: str) -> None:
    assert not Talk().answer().hear_out().sound(500, so_far).foreseen


def test_the_digits_of_the_proof_go_no_further() -> None:
    talk = Talk().answer().say("是的").hear_out()
    talk.sound(900, "零零四三")
    assert not talk.foreseen
    talk.speak("零零四三").hear_out().sound(900, "不对是零零四二")
    assert not talk.foreseen


def test_nothing_is_foreseen_while_an_answer_is_awaited() -> None:
    talk = proven(Talk(replies={"怎么缴": None})).say("怎么缴")
    talk.put(SpeechPaused("在手机上缴行不行", talk.now))
    assert not talk.foreseen


def test_a_reading_that_was_foreseen_is_still_asked_for() -> None:
    talk = Talk(readings={"你们是干什么的": Reading("who_are_you", 0.9)}).answer().hear_out()
    talk.sound(900, "你们是干什么的")
    before = len(talk.said)
    talk.speak("你们是干什么的")
    assert len(talk.said) > before


class Foreseeing(TwinDesk):
    """Notes what it may begin to think of, and fails at it."""

    def __init__(self) -> None:
        super().__init__()
        self.foreseen: list[str] = []

    async def foresee(self, text: str) -> None:
        self.foreseen.append(text)
        raise RuntimeError("no time")


def test_a_desk_that_cannot_foresee_answers_all_the_same() -> None:
    async def person(stage: Stage) -> None:
        await stage.prove()
        await stage.quiet()
        stage.session.put(SpeechPaused("怎么缴", 0))
        await asyncio.sleep(0.1)
        await stage.say("怎么缴")

    desk = Foreseeing()
    stage = play(lambda: Stage(desk=desk), person)
    assert desk.foreseen == ["怎么缴"]
    assert desk.asked == ["怎么缴"]
    assert any("您问的是：怎么缴。" in line.text for line in stage.desk.lines)
