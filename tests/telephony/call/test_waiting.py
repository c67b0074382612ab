"""A caller who wants a human: in line, with a human, and after, on virtual time."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from talk import Talk, proven

from telephony.call.base import Pace, Phase
from telephony.call.commands import BackInLine, Connect, Disconnect, Rate
from telephony.call.inputs import (
    AgentClaimed,
    AgentJoined,
    AgentLeft,
    Choice,
    Leaving,
    PlaceChanged,
    Reading,
    Reply,
    Standing,
)
from telephony.events import Outcome

pytestmark = pytest.mark.unit

PACE = Pace()
HUMAN = Reply(("好的，我给您转人工。您前面还有2位。",), action="action_human", intent="request_human")


def in_line(ahead: int = 2, minutes: int | None = None) -> Talk:
    """Somebody who asked for a human after the proof and stands in line."""
    talk = Talk(replies={"转人工": HUMAN}, standing=Standing(ahead, 1, minutes))
    return proven(talk).say("转人工").hear_out()


def with_human(talk: Talk | None = None) -> Talk:
    """The same, talking with a human."""
    talk = talk or in_line()
    talk.put(AgentClaimed())
    talk.hear_out()
    talk.put(AgentJoined())
    return talk.hear_out()


def since(talk: Talk, count: int) -> str:
    return "".join(talk.said[count:])


def test_whoever_asks_for_a_human_keeps_the_line_and_hears_the_keys() -> None:
    talk = in_line()
    assert talk.humans == ["asked"] and talk.brain.phase is Phase.WAITING
    assert "请按1" in talk.last and "请按2" in talk.last
    assert talk.wait(5 * 60_000 - 60_000).ended is None


def test_before_the_proof_too_and_the_place_is_said_at_once() -> None:
    talk = Talk(readings={"转人工": Reading("request_human", 0.95)}, standing=Standing(2, 1, 4)).answer()
    talk.say("转人工").hear_out()
    assert "前面还有2位" in "".join(talk.said) and "4分钟" in "".join(talk.said)
    assert "税" not in "".join(talk.said[1:])


@pytest.mark.parametrize("standing", [Standing(0, 1), Standing(3, 2), Standing(3, 2, 6), Standing(3, 0)])
def test_the_place_is_announced_again_and_again_as_it_is_then(standing: Standing) -> None:
    talk = in_line()
    before = len(talk.said)
    talk.put(PlaceChanged(standing))
    talk.wait(PACE.announce + 1000)
    said = since(talk, before)
    if standing.agents == 0:
        assert "都不在线" in said and "请按1" in said
    elif standing.ahead == 0:
        assert "下一位就是您" in said
    else:
        assert "前面还有3位" in said and ("6分钟" in said) == (standing.minutes is not None)
    count = len(talk.said)
    assert len(talk.wait(2 * PACE.announce + 20_000).said) >= count + 2


def test_nobody_there_means_a_call_back_as_ever() -> None:
    talk = proven(Talk(replies={"转人工": HUMAN})).say("转人工").wait(60_000)
    assert talk.ended is not None and talk.ended.outcome is Outcome.HUMAN
    assert "明天下午3点" in "".join(talk.said)


@pytest.mark.parametrize("how", ["1", "给我回电吧", "算我不等了", "一"])
def test_a_call_back_instead_of_waiting(how: str) -> None:
    talk = in_line()
    if how == "1":
        talk.press(how)
    else:
        talk.speak(how)
    talk.wait(60_000)
    assert talk.left == ["callback"]
    assert talk.ended is not None and talk.ended.outcome is Outcome.CALLBACK
    assert "明天下午3点给您回电话" in "".join(talk.said)


def test_waiting_has_an_end_and_then_a_call_back_is_booked() -> None:
    talk = in_line()
    talk.wait(PACE.in_line + 60_000)
    assert talk.left == ["callback"] and "让您久等了" in "".join(talk.said)
    assert talk.ended is not None and talk.ended.outcome is Outcome.CALLBACK


@pytest.mark.parametrize("how", ["2", "我接着问你吧", "不用转了"])
def test_on_with_the_bot(how: str) -> None:
    talk = in_line()
    if how == "2":
        talk.press(how)
    else:
        talk.speak(how)
    talk.hear_out()
    assert talk.left == ["bot"] and talk.brain.phase is Phase.MATTER
    talk.say("怎么缴").hear_out()
    assert talk.asked[-1] == "怎么缴"
    talk.wait(60_000)
    assert talk.ended is not None and talk.ended.outcome is Outcome.COMPLETED


def test_before_the_proof_the_bot_goes_on_with_its_question() -> None:
    talk = Talk(readings={"转人工": Reading("request_human", 0.95)}, standing=Standing(2, 1)).answer()
    talk.say("转人工").hear_out().press("2").hear_out()
    assert talk.brain.phase is Phase.WHO and "请问是王建国吗" in talk.last
    talk.say("是的").hear_out()
    assert "最后四个数字" in talk.last


def test_a_human_who_is_quicker_than_the_callers_wish_to_leave() -> None:
    talk = in_line()
    talk.quicker = True
    talk.press("1").hear_out()
    assert "工作人员正在接" in talk.last and talk.ended is None
    talk.put(AgentJoined())
    talk.hear_out()
    assert talk.line == [Connect()]


@pytest.mark.parametrize("words", ["妈你先吃吧", "嗯", "这个音乐挺好听的", "好的"])
def test_what_is_said_to_somebody_else_changes_nothing(words: str) -> None:
    talk = in_line()
    before = list(talk.said)
    talk.speak(words)
    assert talk.said == before and talk.brain.phase is Phase.WAITING and not talk.asked[1:]


def test_background_talk_does_not_cut_an_announcement() -> None:
    talk = in_line()
    talk.wait(PACE.announce + 500)
    assert talk.saying
    cut = list(talk.cut)
    talk.speak("老王把那个箱子搬过来")
    assert talk.cut == cut and talk.brain.phase is Phase.WAITING


def test_how_long_still_is_answered() -> None:
    talk = in_line()
    talk.put(PlaceChanged(Standing(1, 1)))
    assert "前面还有1位" in "".join(talk.speak("还要等多久啊").hear_out().said[-2:])
    assert "前面还有1位" in "".join(talk.press("0").hear_out().said[-2:])


def test_despair_in_line_is_answered_and_makes_it_urgent() -> None:
    talk = in_line()
    talk.speak("我真的不想活了").hear_out()
    assert talk.humans[-1] == "distress" and "12356" in talk.last and talk.brain.phase is Phase.WAITING
    count = len(talk.humans)
    talk.speak("我不想活了")
    assert len(talk.humans) == count


def test_despair_leads_to_a_human_on_the_line_where_one_is_there() -> None:
    talk = Talk(standing=Standing(0, 1)).answer().say("我真的不想活了").hear_out()
    told = "".join(talk.said)
    assert "12356" in told and "请您先别挂" in told and "再见" not in told
    assert talk.humans == ["distress"] and talk.brain.phase is Phase.WAITING


def test_without_anybody_despair_ends_as_kindly_as_ever() -> None:
    talk = Talk().answer().say("我真的不想活了").wait(60_000)
    assert talk.ended is not None and talk.ended.outcome is Outcome.HUMAN and "保重" in talk.last


def test_whoever_is_not_understood_three_times_may_wait_for_a_human() -> None:
    talk = proven(Talk(standing=Standing(0, 1)))
    for _ in range(3):
        talk.say("呜哩哇啦", confidence=0.1)
    talk.hear_out()
    assert talk.humans == ["not_understood"] and talk.brain.phase is Phase.WAITING


def test_a_dialogue_that_puts_the_caller_in_the_queue_leads_into_line() -> None:
    queued = Reply(("这件事要人工来办，已经转过去了。",), queued=True)
    talk = proven(Talk(replies={"金额不对": queued}, standing=Standing(1, 1))).say("金额不对").hear_out()
    assert talk.brain.phase is Phase.WAITING and "请按2" in talk.last


def test_but_not_out_of_a_form_and_not_where_nobody_is() -> None:
    asks = Reply(("哪一天缴的？",), queued=True, asks="paid_date")
    talk = proven(Talk(replies={"金额不对": asks}, standing=Standing(1, 1))).say("金额不对").hear_out()
    assert talk.brain.phase is Phase.MATTER and not talk.humans
    queued = Reply(("已经转过去了。",), (Choice("继续问", "我还想问别的"),), queued=True)
    talk = proven(Talk(replies={"金额不对": queued})).say("金额不对").hear_out()
    assert talk.brain.phase is Phase.MATTER and talk.ended is None
    talk.say("金额不对").hear_out()
    assert talk.humans == ["asked"]


# --- with a human ---


def test_the_human_hears_first_and_then_both_are_connected() -> None:
    talk = in_line()
    talk.put(AgentClaimed())
    talk.hear_out()
    assert "正在接您的电话" in talk.last and not talk.line
    talk.put(AgentJoined())
    assert not talk.line
    talk.hear_out()
    assert "工作人员来了" in talk.last and talk.line == [Connect()]


def test_while_they_talk_the_bot_says_and_does_nothing() -> None:
    talk = with_human()
    before = list(talk.said)
    talk.speak("我要转人工，怎么还要等").press("12").noise(3000).wait(20 * 60_000)
    assert talk.said == before and talk.ended is None and talk.line == [Connect()]


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        ("4", 4),
        ("五分", 5),
        ("很不满意", 1),
        ("不太满意", 2),
        ("一般吧", 3),
        ("挺满意的", 4),
        ("非常满意", 5),
    ],
)
def test_after_the_talk_the_caller_is_asked_how_it_was(answer: str, score: int) -> None:
    talk = with_human()
    talk.put(AgentLeft(Leaving.DONE))
    talk.hear_out()
    assert "打个分" in talk.last
    if answer.isdigit():
        talk.press(answer)
    else:
        talk.speak(answer)
    talk.wait(30_000)
    assert talk.line == [Connect(), Disconnect(), Rate(score)]
    assert talk.ended is not None and (talk.ended.outcome, talk.ended.note) == (Outcome.HUMAN, "talked")


def test_nobody_has_to_rate() -> None:
    talk = with_human()
    talk.put(AgentLeft(Leaving.DONE))
    talk.speak("我还有事").wait(60_000)
    assert talk.line == [Connect(), Disconnect()]
    assert talk.ended is not None and talk.ended.outcome is Outcome.HUMAN


def test_handed_back_to_the_bot_the_talk_goes_on() -> None:
    talk = with_human()
    talk.put(AgentLeft(Leaving.TO_BOT))
    talk.hear_out().press("5").hear_out()
    assert talk.brain.phase is Phase.MATTER and "想问什么" in talk.last
    talk.say("怎么缴").wait(60_000)
    assert talk.asked[-1] == "怎么缴"
    assert talk.ended is not None and talk.ended.outcome is Outcome.HUMAN


def test_handing_back_may_be_said_after_hanging_up() -> None:
    talk = with_human()
    talk.put(AgentLeft(Leaving.DONE))
    talk.put(AgentLeft(Leaving.TO_BOT))
    talk.hear_out().press("5").hear_out()
    assert talk.brain.phase is Phase.MATTER


def test_a_human_who_vanishes_may_come_back() -> None:
    talk = with_human()
    talk.put(AgentLeft(Leaving.VANISHED))
    talk.hear_out()
    assert "断线" in talk.last and talk.line == [Connect(), Disconnect()]
    talk.put(AgentJoined())
    talk.hear_out()
    assert talk.line == [Connect(), Disconnect(), Connect()]


def test_else_the_caller_is_back_in_line_and_somebody_else_comes() -> None:
    talk = with_human()
    talk.put(AgentLeft(Leaving.VANISHED))
    talk.wait(PACE.accept + 1000)
    assert talk.line[-1] == BackInLine() and "还在为您接通" in talk.last
    talk.put(AgentLeft(Leaving.IN_LINE))
    talk.put(PlaceChanged(Standing(0, 1)))
    assert "下一位就是您" in talk.wait(PACE.announce + 20_000).last
    with_human(talk)
    assert talk.line[-1] == Connect()


@pytest.mark.parametrize("how", [None, Leaving.DECLINED, Leaving.IN_LINE])
def test_a_claim_that_comes_to_nothing(how: Leaving | None) -> None:
    talk = in_line()
    talk.put(AgentClaimed())
    if how is None:
        talk.wait(PACE.accept + 1000)
    else:
        talk.put(AgentLeft(how))
    given_back = talk.line == [BackInLine()]
    assert given_back == (how is not Leaving.IN_LINE)
    count = len(talk.said)
    talk.hear_out().wait(PACE.announce + 1000)
    assert "请再等一等" in since(talk, count)
    assert talk.brain.phase is Phase.WAITING


def test_passed_on_to_a_colleague() -> None:
    talk = with_human()
    talk.put(AgentLeft(Leaving.IN_LINE))
    talk.put(AgentClaimed())
    talk.put(AgentJoined())
    talk.hear_out()
    assert talk.line == [Connect(), Disconnect(), Connect()]


def test_a_human_may_take_the_call_while_the_bot_still_talks() -> None:
    talk = proven(Talk())
    talk.say("怎么缴")
    talk.put(AgentClaimed())
    assert "工作人员正在接" in talk.last and talk.cut
    talk.put(AgentJoined())
    talk.hear_out()
    assert talk.line == [Connect()]


def test_a_ticket_closed_without_a_word_needs_no_rating() -> None:
    talk = in_line()
    talk.put(AgentClaimed())
    talk.put(AgentLeft(Leaving.DONE))
    talk.wait(30_000)
    assert talk.ended is not None and "打个分" not in "".join(talk.said)


@pytest.mark.parametrize("moment", ["waiting", "claimed", "joined", "survey"])
def test_hanging_up_at_any_moment_is_an_outcome(moment: str) -> None:
    talk = in_line()
    if moment != "waiting":
        talk.put(AgentClaimed())
    if moment in ("joined", "survey"):
        talk.put(AgentJoined())
        talk.hear_out()
    if moment == "survey":
        talk.put(AgentLeft(Leaving.DONE))
    talk.hang_up()
    assert talk.ended is not None and talk.ended.outcome is Outcome.HUMAN


def test_a_queue_that_cannot_be_asked_falls_back_to_a_call_back() -> None:
    talk = proven(Talk(replies={"转人工": HUMAN}, deaf_queue=True)).say("转人工")
    assert talk.brain.phase is Phase.WAITING
    talk.broke()
    talk.wait(60_000)
    assert talk.ended is not None and talk.ended.outcome is Outcome.HUMAN
    assert "明天下午3点" in "".join(talk.said)


def test_time_in_line_and_with_a_human_is_not_the_bots() -> None:
    talk = with_human()
    assert "longest" not in talk.alarms
    talk.put(AgentLeft(Leaving.TO_BOT))
    talk.hear_out().press("5").hear_out()
    assert "longest" in talk.alarms


def test_what_is_keyed_for_a_human_is_private() -> None:
    assert with_human().brain.keys_are_private
    assert not in_line().brain.keys_are_private


def test_before_the_proof_not_being_understood_costs_no_humans_time() -> None:
    talk = Talk(standing=Standing(0, 1)).answer()
    for _ in range(3):
        talk.say("呜哩哇啦", confidence=0.1)
    talk.wait(60_000)
    assert talk.ended is not None and talk.brain.phase is Phase.OVER and not talk.line


def test_despair_at_the_goodbye_of_somebody_unproven_never_leads_to_the_matter() -> None:
    talk = Talk(standing=Standing(0, 1)).answer().say("不是").speak("我不想活了").hear_out()
    assert talk.brain.phase is Phase.WAITING
    talk.wait(60_000)
    assert talk.ended is None
    talk.press("2").wait(60_000)
    assert talk.ended is not None and not talk.asked


def test_despair_at_the_goodbye_after_the_matter_keeps_the_line() -> None:
    talk = proven(Talk(standing=Standing(0, 1), replies={"再见": Reply(("再见。",), intent="goodbye")}))
    talk.say("再见").speak("我不想活了").hear_out().wait(60_000)
    assert talk.brain.phase is Phase.WAITING and talk.ended is None
