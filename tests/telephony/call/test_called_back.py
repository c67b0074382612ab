"""A call that was asked for: after the proof a human takes it, or another time is found."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from talk import Talk, proven

from telephony.call.base import Phase, Purpose
from telephony.call.commands import Connect
from telephony.call.inputs import AgentClaimed, AgentJoined, Reading, Standing
from telephony.events import Outcome

pytestmark = pytest.mark.unit


def called_back(**more: object) -> Talk:
    return Talk(purpose=Purpose.CALLBACK, **more)  # type: ignore[arg-type]


def told(talk: Talk) -> str:
    return "".join(talk.said)


def test_nothing_is_said_of_the_wish_before_the_proof() -> None:
    talk = called_back(standing=Standing(0, 1)).answer()
    talk.say("是的").hear_out()
    assert "不是真人" in talk.said[0]
    assert "约了" not in told(talk) and not talk.humans


def test_after_the_proof_they_hear_why_and_wait_for_a_human_at_once() -> None:
    talk = proven(called_back(standing=Standing(0, 1))).hear_out()
    assert "您之前约了这个时间" in told(talk) and "正在为您接通工作人员" in told(talk)
    assert "税没缴" not in told(talk)
    assert talk.humans == ["asked"] and talk.brain.phase is Phase.WAITING


def test_a_human_takes_it() -> None:
    talk = proven(called_back(standing=Standing(0, 1))).hear_out()
    talk.put(AgentClaimed())
    talk.hear_out()
    talk.put(AgentJoined())
    talk.hear_out()
    assert talk.line == [Connect()]
    talk.hang_up()
    assert talk.ended is not None and talk.ended.outcome is Outcome.HUMAN


def test_where_nobody_is_there_another_time_is_found() -> None:
    talk = proven(called_back()).hear_out()
    assert "没安排好" in told(talk) and talk.brain.phase is Phase.CALLBACK_TIME
    talk.say("明天下午三点").wait(60_000)
    assert "明天下午3点" in told(talk)
    assert talk.ended is not None and talk.ended.outcome is Outcome.CALLBACK


@pytest.mark.parametrize("answer", ["不用打了", ""])
def test_nobody_has_to_name_one(answer: str) -> None:
    talk = proven(called_back()).hear_out()
    if answer:
        talk.say(answer)
    talk.wait(120_000)
    assert talk.ended is not None and talk.ended.outcome is Outcome.COMPLETED


def test_whoever_would_rather_talk_to_the_bot_may() -> None:
    talk = proven(called_back(standing=Standing(3, 1))).hear_out().press("2").hear_out()
    assert talk.brain.phase is Phase.MATTER and "想问什么" in talk.last
    talk.say("怎么缴").hear_out()
    assert talk.asked == ["怎么缴"]


def test_a_stranger_learns_nothing() -> None:
    talk = called_back(standing=Standing(0, 1)).answer().say("他不在").wait(60_000)
    assert "约了" not in told(talk) and not talk.humans
    assert talk.ended is not None and talk.ended.outcome is Outcome.NOT_VERIFIED


def test_who_asks_who_we_are_is_not_told_of_a_reminder() -> None:
    readings = {"你是哪个": Reading("ask_identity_of_bureau", 0.95)}
    talk = called_back(readings=readings).answer().say("你是哪个").hear_out()
    assert "提醒" not in told(talk) and "12366" in told(talk)
