"""What a sound of the caller's does to a bot that speaks: held at once, then decided, on virtual time."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from talk import SIGN_MS, Talk, proven

from telephony.call.base import Pace, Phase
from telephony.call.floor import HOLD, IN_VAIN
from telephony.call.inputs import Alarm, Choice, Lined, Played, Replied, Reply, Standing
from telephony.events import (
    KeyPressed,
    MachineHeard,
    MachineSign,
    Outcome,
    Partial,
    SpeechBegan,
    SpeechPaused,
    Utterance,
)

pytestmark = pytest.mark.unit
LONG = "您可以登录电子税务局缴，也可以到银行柜台缴，还可以到办税服务厅缴。"
HOW = {"怎么缴": Reply((LONG,))}


def telling(replies: dict[str, Reply | None] | None = None) -> Talk:
    """A bot in the middle of a long answer."""
    talk = proven(Talk(replies=replies or HOW))  # type: ignore[arg-type]
    return talk.say("怎么缴").wait(1000)


def utterance(talk: Talk, text: str, ms: int = 400) -> Utterance:
    return Utterance(text, text, 0.9, "mandarin", talk.now - ms - 300, talk.now - 300, talk.now)


def test_a_sound_holds_the_bot_and_a_pause_after_it_lets_it_go_on() -> None:
    talk = telling()
    began = talk.now
    talk.put(SpeechBegan(talk.now))
    assert talk.held_ms == began and talk.brain.floor.speaking
    talk.wait(350).put(SpeechPaused("", talk.now))
    assert talk.holds == [(began, began + 350)] and not talk.cut
    talk.put(utterance(talk, ""))
    assert talk.holds == [(began, began + 350)]
    talk.hear_out()
    assert talk.asked == ["怎么缴"] and not talk.cut


@pytest.mark.parametrize("words", ["嗯", "好的", "对对", "哦好"])
def test_listening_words_are_no_interruption(words: str) -> None:
    talk = telling().sound(300, words)
    talk.put(utterance(talk, words))
    talk.hear_out()
    assert len(talk.holds) == 1 and not talk.cut and talk.asked == ["怎么缴"]


@pytest.mark.parametrize("scrap", ["一", "去", "帮"])
def test_a_scrap_of_sound_is_no_interruption(scrap: str) -> None:
    """A hum is often recognised as one character that answers nothing."""
    talk = telling().sound(300, scrap)
    talk.put(utterance(talk, scrap))
    talk.hear_out()
    assert len(talk.holds) == 1 and not talk.cut and talk.asked == ["怎么缴"]


def test_words_in_a_hold_take_the_turn() -> None:
    talk = telling()
    talk.put(SpeechBegan(talk.now))
    talk.wait(700).put(Partial("我不", talk.now))
    assert talk.cut == [LONG] and not talk.holds and HOLD not in talk.alarms
    talk.put(SpeechPaused("我不会弄", talk.now))
    talk.put(utterance(talk, "我不会弄"))
    assert talk.asked == ["怎么缴", "我不会弄"] and not talk.holds


def test_words_that_come_with_the_utterance_do_too() -> None:
    talk = telling()
    talk.put(SpeechBegan(talk.now))
    talk.wait(500).put(Partial("不", talk.now))
    # One character may be the beginning of anything: no early going on.
    talk.wait(200).put(SpeechPaused("不", talk.now))
    assert talk.held_ms is not None
    talk.put(utterance(talk, "不"))
    assert talk.cut == [LONG] and talk.asked == ["怎么缴", "不"]


def test_a_voice_that_goes_on_in_a_hold_makes_it_no_longer() -> None:
    talk = telling()
    began = talk.now
    talk.put(SpeechBegan(began))
    talk.wait(400).put(SpeechPaused("不", talk.now))
    talk.wait(300).put(SpeechBegan(talk.now))
    talk.wait(3000)
    assert talk.holds == [(began, began + Pace().hold)]


def test_words_after_a_pause_still_interrupt() -> None:
    talk = telling().sound(200, "嗯")
    assert len(talk.holds) == 1
    talk.wait(300).put(SpeechBegan(talk.now))
    assert talk.held_ms is not None
    talk.wait(500).put(Partial("嗯我想", talk.now))
    assert talk.cut == [LONG] and talk.held_ms is None


def test_an_utterance_without_a_pause_before_it_lets_the_bot_go_on() -> None:
    talk = telling()
    talk.put(SpeechBegan(talk.now))
    talk.wait(400).put(utterance(talk, "嗯"))
    assert len(talk.holds) == 1 and not talk.cut


@pytest.mark.parametrize("so_far", ["", "嗯", "的"])
def test_a_voice_that_goes_on_holds_the_bot_for_so_long_only(so_far: str) -> None:
    talk = telling()
    began = talk.now
    talk.put(SpeechBegan(began))
    if so_far:
        talk.wait(400).put(Partial(so_far, talk.now))
    talk.wait(5000)
    assert talk.holds == [(began, began + Pace().hold)] and not talk.cut
    talk.put(Partial("等一下我", talk.now))
    assert talk.cut == [LONG]


def test_after_two_holds_in_vain_only_words_stop_the_bot() -> None:
    talk = telling()
    for _ in range(4):
        talk.sound(200).put(utterance(talk, ""))
        talk.wait(300)
    assert len(talk.holds) == IN_VAIN == 2
    talk.put(SpeechBegan(talk.now))
    assert talk.held_ms is None
    talk.wait(700).put(Partial("等一下", talk.now))
    assert talk.cut == [LONG]


def test_an_interruption_makes_sound_count_again() -> None:
    talk = telling({**HOW, "等一下": Reply((LONG,))})
    for _ in range(3):
        talk.sound(200).put(utterance(talk, ""))
    talk.put(SpeechBegan(talk.now))
    assert talk.held_ms is None
    talk.wait(700).put(Partial("等一下", talk.now))
    talk.put(utterance(talk, "等一下"))
    assert talk.brain.floor.speaking
    talk.wait(500).put(SpeechBegan(talk.now))
    assert talk.held_ms is not None


def test_one_in_vain_before_an_interruption_is_forgotten() -> None:
    talk = telling({**HOW, "等一下": Reply((LONG * 2,))}).sound(200)
    talk.wait(100).put(SpeechBegan(talk.now))
    talk.wait(500).put(Partial("等一下", talk.now))
    talk.put(utterance(talk, "等一下"))
    for _ in range(3):
        talk.wait(500).sound(200).put(utterance(talk, ""))
    assert len(talk.holds) == 3


def test_what_cannot_be_interrupted_is_not_held() -> None:
    talk = Talk().answer().wait(500)
    talk.put(SpeechBegan(talk.now))
    assert talk.held_ms is None
    machine = Talk().answer()
    machine.put(MachineHeard(MachineSign.BEEP, 900))
    machine.put(SpeechBegan(machine.now))
    assert machine.saying and machine.held_ms is None
    closing = Talk().answer().say("打错了")
    assert closing.brain.phase is Phase.CLOSING
    closing.put(SpeechBegan(closing.now))
    assert closing.held_ms is None
    line = Talk(standing=Standing(2, 1)).answer().hear_out().press("0").wait(200)
    assert line.brain.phase is Phase.WAITING and line.saying
    line.put(SpeechBegan(line.now))
    assert line.held_ms is None


def test_a_silent_bot_is_not_held() -> None:
    talk = telling().hear_out()
    talk.put(SpeechBegan(talk.now))
    talk.put(SpeechPaused("", talk.now))
    talk.put(Alarm(HOLD))
    assert not talk.holds and talk.held_ms is None


def test_no_ladder_begins_in_a_hold() -> None:
    talk = telling()
    said = len(talk.said)
    talk.put(SpeechBegan(talk.now))
    talk.put(Alarm("silence"))
    assert len(talk.said) == said and "silence" not in talk.alarms
    talk.put(utterance(talk, "", 1400))
    assert len(talk.said) == said and "silence" not in talk.alarms
    talk.hear_out()
    assert "silence" in talk.alarms


def test_a_yes_near_the_end_of_a_question_still_answers_it() -> None:
    talk = Talk().answer()
    disclosure, question = talk.said
    # What is left of the question, and the pause for the 对, would be too long were the pause counted.
    talk.wait((len(disclosure) + len(question)) * SIGN_MS - 1500)
    talk.put(SpeechBegan(talk.now))
    talk.wait(200).put(Partial("对", talk.now))
    ended = talk.now
    talk.wait(200).put(SpeechPaused("对", talk.now))
    talk.wait(80).put(Utterance("对", "对", 0.9, "mandarin", ended - 200, ended, talk.now))
    assert talk.brain.phase is Phase.WHO
    talk.hear_out()
    assert talk.brain.phase is Phase.PROVE and len(talk.holds) == 1


def test_a_yes_at_the_beginning_of_a_question_does_not() -> None:
    talk = Talk().answer().say("是的").say("零零四三")
    assert len(talk.last) * SIGN_MS > 2300
    talk.wait(len(talk.last) * SIGN_MS - 2200).sound(200, "对")
    talk.put(utterance(talk, "对", 200))
    talk.hear_out()
    assert talk.brain.phase is Phase.READ_BACK and len(talk.holds) == 1 and not talk.checked


def test_what_was_let_out_during_a_hold_ends_it() -> None:
    talk = Talk().answer()
    talk.wait(len(talk.said[0]) * SIGN_MS + 300)
    talk.put(SpeechBegan(talk.now))
    talk.wait(80).put(Played(2, talk.now))
    assert len(talk.holds) == 1 and not talk.brain.floor.held and "silence" in talk.alarms
    # That was no hold in vain: the next two are still held.
    talk.saying.clear()
    talk.put(utterance(talk, "是的"))
    for _ in range(IN_VAIN):
        talk.wait(200).sound(200).put(utterance(talk, ""))
    assert len(talk.holds) == 1 + IN_VAIN


def test_the_first_of_two_sentences_may_end_in_a_hold() -> None:
    talk = telling({"怎么缴": Reply((LONG, "还有别的问题吗？"))})
    talk.put(SpeechBegan(talk.now))
    say, _ = talk.saying.pop(0)
    talk.put(Played(say.say, talk.now))
    assert talk.held_ms is not None and talk.brain.floor.held
    talk.wait(300).put(SpeechPaused("", talk.now))
    assert talk.held_ms is None and talk.brain.floor.speaking


@pytest.mark.parametrize("key", ["0", "*", "1"])
def test_keys_act_in_a_hold_as_while_the_bot_speaks(key: str) -> None:
    choices = (Choice("网上", "网上怎么缴"), Choice("柜台", "柜台怎么缴"))
    results = []
    for holds in (False, True):
        talk = telling({"怎么缴": Reply((LONG,), choices)})
        if holds:
            talk.put(SpeechBegan(talk.now))
            talk.wait(100)
        talk.put(KeyPressed(key))
        assert talk.cut[0] == LONG and talk.held_ms is None and HOLD not in talk.alarms
        results.append((talk.cut, talk.said, talk.asked, talk.humans))
    assert results[0] == results[1]


def test_a_key_that_means_nothing_leaves_the_hold_alone() -> None:
    talk = telling()
    talk.put(SpeechBegan(talk.now))
    talk.put(KeyPressed("7"))
    assert talk.held_ms is not None
    talk.wait(Pace().hold)
    assert len(talk.holds) == 1


def test_an_answer_that_comes_in_a_hold_waits_behind_it() -> None:
    talk = proven(Talk(replies={"怎么缴": None}))
    talk.say("怎么缴").wait(2200)
    assert "稍等" in talk.last
    talk.put(SpeechBegan(talk.now))
    talk.put(Replied(talk.brain.turn, Reply((LONG,))))
    assert talk.held_ms is not None and talk.last == LONG
    talk.wait(300).put(SpeechPaused("", talk.now))
    talk.hear_out()
    assert not talk.cut and len(talk.holds) == 1


@pytest.mark.parametrize("words", ["我不想活了", "再见"])
def test_a_hold_ends_with_the_call_or_the_turn(words: str) -> None:
    talk = telling()
    talk.put(SpeechBegan(talk.now))
    talk.put(utterance(talk, words))
    assert talk.held_ms is None and talk.cut == [LONG]


def test_hanging_up_and_the_last_alarm_in_a_hold_end_the_call_once() -> None:
    talk = telling()
    talk.put(SpeechBegan(talk.now))
    talk.hang_up()
    assert talk.ended is not None and talk.ended.outcome is Outcome.COMPLETED
    talk = proven(Talk()).wait(12_000).say("没有了").wait(500)
    assert talk.brain.phase is Phase.CLOSING
    talk.put(SpeechBegan(talk.now))
    assert talk.held_ms is not None
    talk.put(Alarm("end"))
    assert talk.ended is not None and talk.held_ms is None


def test_a_place_in_line_given_in_a_hold_is_told_after_it() -> None:
    talk = proven(Talk(deaf_queue=True, standing=Standing(2, 1)))
    talk.replies["转人工"] = Reply((LONG,), action="action_human")
    talk.say("转人工").wait(300)
    assert talk.brain.phase is Phase.WAITING
    # In line the bot is not held; what had been held before is let go by the next pause all the same.
    talk.brain.floor.hold()
    talk.put(Lined(talk.brain.turn, talk.standing))
    talk.put(SpeechPaused("", talk.now))
    assert not talk.brain.floor.held
