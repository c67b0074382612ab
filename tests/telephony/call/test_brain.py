"""What a call says when, and how it ends, on virtual time."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from talk import RIGHT, Talk, proven

from telephony.call.inputs import Choice, MachineSaid, Reading, Replied, Reply, VoiceFailed
from telephony.events import Expected, MachineHeard, MachineSign, Outcome

pytestmark = pytest.mark.unit

PRIVATE = ("税没缴", "欠", "滞纳", "元")


def told(talk: Talk) -> str:
    return "".join(talk.said)


def test_it_says_first_what_it_is_and_that_it_records() -> None:
    talk = Talk().answer()
    assert "不是真人" in talk.said[0] and "录音" in talk.said[0] and "成都市税务局" in talk.said[0]
    assert "请问是王建国吗" in talk.said[1]


def test_the_disclosure_cannot_be_interrupted() -> None:
    talk = Talk().answer().speak("你是谁啊要干什么")
    assert not talk.cut
    talk.hear_out()
    assert talk.expected is not None and talk.expected.kind is Expected.YES_NO


def test_the_question_after_it_can() -> None:
    talk = Talk().answer().wait(len(Talk().answer().said[0]) * 200 + 300)
    talk.speak("我就是王建国")
    assert talk.cut == [talk.said[1]]


def test_nothing_of_the_matter_before_the_proof() -> None:
    talk = Talk().answer().say("是的")
    assert talk.expected is not None and talk.expected.kind is Expected.DIGITS
    assert not any(word in told(talk) for word in PRIVATE)
    talk.say("零零四三")
    assert "零，零，四，三" in talk.last and not talk.checked
    talk.say("对")
    assert talk.checked == [RIGHT]
    assert "税没缴" in told(talk)


def test_keyed_digits_need_no_reading_back() -> None:
    talk = Talk().answer().say("是").hear_out().press("0043")
    assert talk.checked == [RIGHT]
    assert "税没缴" in told(talk)


def test_a_wrong_key_can_be_taken_back() -> None:
    talk = Talk().answer().say("是").hear_out().press("009#0043")
    assert talk.checked == [RIGHT]


def test_digits_may_come_in_two_breaths() -> None:
    talk = Talk().answer().say("是").say("零零").say("四三").say("对")
    assert talk.checked == [RIGHT]


@pytest.mark.parametrize(
    "groups",
    [
        ("五一零一零七", "一九六零零一零一", "零零四三"),
        ("五一零", "一零七", "一九六零", "零一零一", "零零四三"),
        ("五一零一", "零七一九六零", "零一零一零零四三"),
        ("五一零一零七一九六零零一零一零零四三",),
    ],
)
def test_who_reads_the_whole_number_group_by_group_means_its_end(groups: tuple[str, ...]) -> None:
    talk = Talk().answer().say("是").hear_out()
    for group in groups:
        talk.speak(group).wait(700)
    assert "零，零，四，三" in talk.last and "没听清" not in told(talk)
    talk.say("对")
    assert talk.checked == [RIGHT]


def test_a_whole_number_that_ends_too_soon_is_asked_for_again() -> None:
    short = Talk().answer().say("是").hear_out().speak("五一零一零七").wait(2500)
    assert "没听清" in told(short)
    half = Talk().answer().say("是").hear_out().speak("五一零一零七").speak("六零零一零四三").wait(2500)
    assert "没听清" in told(half)
    without_x = (
        Talk().answer().say("是").hear_out().speak("五一零一零七").speak("一九六零零一零零四三").wait(2500)
    )
    assert "零，零，四，三" in without_x.last


@pytest.mark.parametrize(
    "said", ["那四零零四三", "五一零一零七一九六零零一零零四三", "五一零一零七一九六零零一零一零零零零四三"]
)
def test_digits_with_one_too_many_or_too_few_before_them_are_read_back(said: str) -> None:
    talk = Talk().answer().say("是").say(said)
    assert "零，零，四，三" in talk.last and not talk.checked
    talk.say("对")
    assert talk.checked == [RIGHT]


@pytest.mark.parametrize("said", ["等一下哈我翻一下本子", "你等会我去找找", "稍等", "我看看"])
def test_who_goes_to_look_for_the_number_is_given_the_time(said: str) -> None:
    talk = Talk().answer().say("是").say(said).hear_out()
    assert "慢慢找" in talk.last
    talk.wait(15_000)
    assert "慢慢找" in talk.last
    talk.say("零零四三").say("对")
    assert talk.checked == [RIGHT]
    lost = Talk().answer().say("是").say(said).hear_out().wait(40_000)
    assert "还在听吗" in told(lost)


@pytest.mark.parametrize("yes", ["对对对", "对，这回对了", "嗯对的就是这个", "没错没错"])
def test_a_yes_with_words_behind_it_confirms_the_digits(yes: str) -> None:
    assert Talk().answer().say("是").say("零零四三").say(yes).checked == [RIGHT]


@pytest.mark.parametrize("no", ["对不起不是", "对什么对不对的", "没错了错了"])
def test_a_no_that_begins_like_a_yes_does_not(no: str) -> None:
    assert not Talk().answer().say("是").say("零零四三").say(no).checked


@pytest.mark.parametrize("yes", ["利", "被", "递", "四"])
def test_one_syllable_that_is_no_no_confirms_the_digits(yes: str) -> None:
    talk = Talk().answer().say("是").say("零零四三").say(yes, confidence=0.2)
    assert talk.checked == [RIGHT]


@pytest.mark.parametrize("other", ["部", "没", "喂", "啊", "三", "一"])
def test_a_no_a_question_or_a_digit_alone_does_not(other: str) -> None:
    assert not Talk().answer().say("是").say("零零四三").say(other).checked


@pytest.mark.parametrize(
    "me", ["我师你说", "我是", "对我事啊", "就是我", "我世本人", "是我呀你说", "是我啦啥五大只"]
)
def test_who_sounds_like_me_is_asked_for_the_proof(me: str) -> None:
    talk = Talk().answer().say(me, confidence=0.2)
    assert talk.expected is not None and talk.expected.kind is Expected.DIGITS


@pytest.mark.parametrize("other", ["我是他老婆", "我不是", "我是会计", "是我爸爸的电话", "我是说你打错了"])
def test_who_says_who_else_they_are_is_not(other: str) -> None:
    talk = Talk().answer().say(other)
    assert talk.expected is None or talk.expected.kind is not Expected.DIGITS


def test_who_keys_the_digits_before_being_asked_is_heard() -> None:
    assert Talk().answer().hear_out().press("1043").wait(5000).checked == ["1043"]
    assert Talk().answer().hear_out().press("10043").checked == [RIGHT]
    again = Talk().answer().say("是").say("零零四四").hear_out().press("9043")
    assert again.checked == ["9043"]


def test_a_key_that_answers_and_keys_that_come_later_are_two_things() -> None:
    talk = Talk().answer().hear_out().press("1").wait(1500).press("0043")
    assert talk.checked == [RIGHT]
    less = Talk().answer().hear_out().press("1").wait(1500).press("043").wait(5000)
    assert not less.checked and "没听清" in told(less)


def test_digits_that_stop_half_way_are_asked_for_again() -> None:
    talk = Talk().answer().say("是").say("零零").wait(5000)
    assert "没听清" in told(talk) and not talk.checked


def test_misheard_digits_are_no_try() -> None:
    talk = Talk().answer().say("是").say("零零四四").say("不对").say("零零四三").say("对")
    assert talk.checked == [RIGHT]


def test_a_correction_in_the_answer_is_read_back() -> None:
    talk = Talk().answer().say("是").say("零零四四").say("不对，是零零四三").say("对")
    assert talk.checked == [RIGHT]


def test_three_wrong_tries_end_it_without_a_word_of_the_matter() -> None:
    talk = Talk().answer().say("是")
    for digits in ("一一一一", "二二二二", "三三三三"):
        talk.say(digits).say("对")
    talk.wait(60_000)
    assert len(talk.checked) == 3
    assert talk.ended is not None and talk.ended.outcome is Outcome.NOT_VERIFIED
    assert "12366" in told(talk) and "税没缴" not in told(talk)


@pytest.mark.parametrize(
    ("words", "outcome", "excluded"),
    [
        ("打错了", Outcome.WRONG_PERSON, ["wrong_person"]),
        ("我不认识这个人", Outcome.WRONG_PERSON, ["wrong_person"]),
        ("不是", Outcome.WRONG_PERSON, []),
        ("他不在，我是他老婆", Outcome.NOT_VERIFIED, []),
    ],
)
def test_strangers_learn_nothing(words: str, outcome: Outcome, excluded: list[str]) -> None:
    talk = Talk().answer().say(words).wait(60_000)
    assert talk.ended is not None and talk.ended.outcome is outcome
    assert talk.excluded == excluded
    assert not any(word in told(talk) for word in PRIVATE)


def test_who_asks_what_it_is_about_hears_that_it_comes_after_the_proof() -> None:
    talk = Talk().answer().say("什么事你说").hear_out()
    assert "核对" in told(talk) and talk.ended is None
    assert not any(word in told(talk) for word in PRIVATE)


def test_doubt_is_answered_with_how_to_check_us_and_never_pressed() -> None:
    doubt = Reading("suspect_fraud", 0.97)
    talk = Talk(readings={"你是骗子吧": doubt}).answer()
    talk.say("你是骗子吧").hear_out()
    assert "12366" in told(talk) and talk.ended is None
    talk.say("你是骗子吧").say("你是骗子吧").wait(60_000)
    assert talk.ended is not None and talk.ended.outcome is Outcome.NOT_VERIFIED


def test_no_time_now_books_a_call_back() -> None:
    talk = Talk(readings={"我在开车": Reading("busy_now", 0.95)}).answer()
    talk.say("我在开车").say("明天下午三点").wait(60_000)
    assert talk.ended is not None and talk.ended.outcome is Outcome.CALLBACK
    assert "明天下午3点" in told(talk)


def test_a_time_that_cannot_be_is_asked_for_again() -> None:
    times = iter([("", "星期天没有人上班。"), ("星期一上午9点", "")])
    talk = Talk(readings={"我在开会": Reading("busy_now", 0.95)}, book=lambda words: next(times)).answer()
    talk.say("我在开会").say("星期天").hear_out()
    assert "星期天没有人上班" in told(talk)
    talk.say("星期一上午").wait(60_000)
    assert talk.ended is not None and talk.ended.outcome is Outcome.CALLBACK


def test_an_unsure_wish_for_no_more_calls_is_asked_about() -> None:
    talk = Talk(readings={"别老打来": Reading("opt_out", 0.7)}).answer().say("别老打来").hear_out()
    assert not talk.excluded
    talk.say("对").wait(60_000)
    assert talk.excluded == ["opt_out"]
    assert talk.ended is not None and talk.ended.outcome is Outcome.OPTED_OUT


def test_despair_gets_a_human_and_no_more_questions() -> None:
    talk = Talk(readings={"我不想活了": Reading("distress", 0.9)}).answer().say("我不想活了").wait(60_000)
    assert talk.humans == ["distress"]
    assert talk.ended is not None and talk.ended.outcome is Outcome.HUMAN
    assert "12356" in told(talk)


def test_silence_has_three_steps_and_a_goodbye() -> None:
    talk = Talk().answer().wait(120_000)
    assert talk.ended is not None and talk.ended.outcome is Outcome.SILENT
    assert sum("请问是王建国吗" in said for said in talk.said) == 3


def test_the_idle_clock_starts_when_the_bot_has_stopped() -> None:
    talk = Talk().answer()
    spoken_ms = sum(len(text) for text in talk.said) * 200
    talk.wait(spoken_ms + 5_900)
    assert len(talk.said) == 2
    talk.wait(200)
    assert len(talk.said) > 2


def test_what_makes_no_sense_three_times_goes_to_a_human() -> None:
    talk = Talk().answer().say("呜噜呜噜").say("呜噜呜噜").say("呜噜呜噜").wait(60_000)
    assert talk.humans == ["not_understood"]
    assert talk.ended is not None and talk.ended.outcome is Outcome.CALLBACK


def test_a_cough_is_no_answer() -> None:
    talk = Talk().answer().noise(300)
    assert "没听清" not in told(talk)
    talk.noise(2000)
    assert "没听清" in told(talk)


def test_listening_sounds_do_not_stop_the_bot() -> None:
    talk = proven(Talk(replies={"怎么缴": Reply(("您可以登录电子税务局缴，也可以到银行柜台缴。",))}))
    talk.say("怎么缴").speak("嗯")
    assert not talk.cut
    talk.speak("好的")
    assert not talk.cut
    talk.speak("我不会用电脑怎么办")
    assert talk.cut
    assert talk.asked == ["怎么缴", "我不会用电脑怎么办"]


def test_a_yes_near_the_end_of_a_question_answers_it() -> None:
    talk = Talk().answer()
    disclosure, question = talk.said
    talk.wait(len(disclosure) * 200 + len(question) * 200 - 500)
    talk.speak("对").hear_out()
    assert talk.expected is not None and talk.expected.kind is Expected.DIGITS


def test_a_form_goes_on_by_keys() -> None:
    ask = Reply(("现在账上能用的钱一共大约多少？",), asks="def_cash")
    confirm = Reply(("现在提交吗？",), asks="def_confirmed")
    talk = proven(Talk(replies={"我想延期": ask, "12000元": confirm, "是的": Reply(("提交了。",))}))
    talk.say("我想延期")
    assert talk.expected is not None and talk.expected.kind is Expected.AMOUNT
    talk.hear_out().press("12000#")
    assert talk.expected is not None and talk.expected.kind is Expected.YES_NO
    talk.hear_out().press("1")
    assert talk.asked == ["我想延期", "12000元", "是的"]


def test_choices_are_offered_and_can_be_keyed() -> None:
    matter = Reply(("有一笔税没缴。",), (Choice("想延期", "我想申请延期缴纳"), Choice("怎么缴", "怎么缴税")))
    talk = proven(Talk(matter=matter))
    assert "想延期" in talk.last and "怎么缴" in talk.last
    talk.press("2")
    assert talk.asked == ["怎么缴税"]


def test_after_the_matter_a_farewell_says_how_to_check_us() -> None:
    talk = proven(Talk()).wait(120_000)
    assert talk.ended is not None and talk.ended.outcome is Outcome.COMPLETED
    assert "还有什么要问的吗" in told(talk) and "12366" in talk.last


def test_nothing_more_ends_it_at_once() -> None:
    talk = proven(Talk()).wait(12_000).say("没有了").wait(30_000)
    assert talk.ended is not None and talk.ended.outcome is Outcome.COMPLETED
    assert not talk.asked


def test_they_may_come_back_while_we_say_goodbye() -> None:
    talk = proven(Talk()).wait(12_000).say("没有了").speak("等一下我还想问怎么缴")
    assert talk.asked == ["等一下我还想问怎么缴"]
    assert talk.ended is None


def test_goodbye_ends_the_call() -> None:
    talk = proven(Talk(replies={"再见": Reply(("好的。",), intent="goodbye", action="action_courtesy")}))
    talk.say("再见").wait(30_000)
    assert talk.ended is not None and talk.ended.outcome is Outcome.COMPLETED


def test_a_wish_for_a_human_is_booked_and_said() -> None:
    talk = proven(Talk(replies={"转人工": Reply(("好的，我给您转人工。",), action="action_human")}))
    talk.say("转人工").wait(30_000)
    assert talk.ended is not None and talk.ended.outcome is Outcome.HUMAN
    assert "明天下午3点" in told(talk)


def test_an_opt_out_that_is_asked_about_does_not_end_the_call() -> None:
    asking = Reply(("是希望以后不再打，对吗？",), (Choice("对", "对"),), action="action_opt_out")
    done = Reply(("好的，已经记下。",), action="action_opt_out")
    talk = proven(Talk(replies={"别打了": asking, "对别打了": done}))
    talk.say("别打了").hear_out()
    assert talk.ended is None
    talk.say("对别打了").wait(30_000)
    assert talk.ended is not None and talk.ended.outcome is Outcome.OPTED_OUT


def test_a_slow_dialogue_is_announced_and_a_dead_one_ends_kindly() -> None:
    talk = proven(Talk(replies={"怎么缴": None}))
    talk.say("怎么缴").wait(3_000)
    assert "稍等" in talk.last
    talk.wait(60_000)
    assert talk.ended is not None and talk.humans == ["unavailable"]
    assert "联系" in told(talk)


def test_a_late_answer_of_a_dead_dialogue_counts_no_more() -> None:
    talk = proven(Talk(replies={"怎么缴": None}))
    talk.say("怎么缴").wait(13_000)
    said = len(talk.said)
    talk.broke()
    assert len(talk.said) == said


def test_words_said_while_the_dialogue_thinks_are_not_lost() -> None:
    talk = proven(Talk(replies={"怎么缴": None}))
    talk.say("怎么缴").speak("还有滞纳金多少")
    assert talk.asked == ["怎么缴"]
    from telephony.call.inputs import Replied

    talk.put(Replied(talk.brain.turn, Reply(("可以网上缴。",))))
    assert talk.asked == ["怎么缴", "还有滞纳金多少"]


def test_a_machine_hears_the_neutral_words_only() -> None:
    talk = Talk().answer()
    talk.put(MachineHeard(MachineSign.LONG_GREETING, 3000))
    assert talk.cut and talk.ended is None
    talk.put(MachineHeard(MachineSign.BEEP, 9000))
    talk.hear_out()
    assert talk.ended is not None and talk.ended.outcome is Outcome.VOICEMAIL
    assert "王建国" not in talk.last and not any(word in talk.last for word in (*PRIVATE, "录音"))


def test_a_machine_without_a_beep_is_not_waited_for_forever() -> None:
    talk = Talk().answer()
    talk.put(MachineSaid("machine_start"))
    talk.wait(40_000)
    assert talk.ended is not None and talk.ended.outcome is Outcome.VOICEMAIL


def test_no_machine_where_a_person_has_answered() -> None:
    talk = Talk().answer().say("是的").hear_out()
    talk.put(MachineSaid("machine_start"))
    talk.put(MachineHeard(MachineSign.LONG_GREETING, 9000))
    assert talk.ended is None and not talk.cut


def test_a_fax_is_left_alone() -> None:
    talk = Talk().answer()
    talk.put(MachineHeard(MachineSign.FAX, 2000))
    assert talk.ended is not None and talk.ended.outcome is Outcome.FAX


@pytest.mark.parametrize(
    ("so_far", "outcome"),
    [
        (lambda: Talk().answer(), Outcome.HUNG_UP),
        (lambda: Talk().answer().say("是的"), Outcome.HUNG_UP),
        (lambda: proven(Talk()), Outcome.COMPLETED),
    ],
)
def test_hanging_up_counts_by_what_was_told(so_far, outcome: Outcome) -> None:  # type: ignore[no-untyped-def]
    talk = so_far().hang_up()
    assert talk.ended is not None and talk.ended.outcome is outcome


def test_a_call_without_a_voice_ends() -> None:
    talk = Talk().answer()
    talk.put(VoiceFailed(1))
    talk.put(VoiceFailed(2))
    assert talk.ended is not None and talk.ended.outcome is Outcome.OUR_FAILURE


def test_nothing_happens_after_the_end() -> None:
    talk = Talk().answer().hang_up()
    said = len(talk.said)
    talk.speak("喂喂喂").press("123")
    assert len(talk.said) == said


def test_the_longest_call_comes_to_an_end() -> None:
    talk = proven(Talk())
    for _ in range(40):
        talk.say("怎么缴").wait(14_000)
        if talk.ended:
            break
    talk.wait(60_000)
    assert talk.ended is not None


def test_zero_pressed_during_the_disclosure_is_obeyed_after_it() -> None:
    talk = Talk().answer().press("0")
    assert talk.cut == [] and talk.humans == []
    talk.hear_out()
    assert talk.humans == ["asked"]
    assert talk.ended is not None and talk.ended.outcome is Outcome.HUMAN


def test_zero_pressed_while_an_answer_is_awaited_is_obeyed_after_it() -> None:
    talk = proven(Talk(replies={"我欠了多少": None}))
    talk.say("我欠了多少").press("0")
    assert talk.asked == ["我欠了多少"]
    talk.put(Replied(talk.brain.turn, Reply(("先说这个。",))))
    assert talk.asked == ["我欠了多少", "转人工"]


@pytest.mark.parametrize("before", ["打错了", "别再打了", "再见"])
def test_despair_is_heard_even_while_the_call_is_being_ended(before: str) -> None:
    readings = {"别再打了": Reading("opt_out", 0.99), "再见": Reading("goodbye", 0.9)}
    talk = Talk(readings=readings).answer().say(before).speak("我真的不想活了")
    assert talk.humans == ["distress"]
    assert any("12356" in text for text in talk.said)
    talk.wait(60_000)
    assert talk.ended is not None and talk.ended.outcome is Outcome.HUMAN


def test_despair_needs_no_reading() -> None:
    talk = proven(Talk()).say("店关了我活不下去了")
    assert talk.humans == ["distress"] and talk.asked == []


def test_star_repeats_slowly() -> None:
    talk = Talk().answer().hear_out().press("*")
    assert any("慢一点" in text for text in talk.said)
    assert talk.brain.slow


def test_one_is_read_back_as_yao() -> None:
    assert "幺，二，三，四" in Talk().answer().say("是").say("一二三四").last


def test_a_plain_yes_or_no_takes_the_choice_it_answers() -> None:
    asking = Reply(
        ("您是希望以后不再打，对吗？",),
        (Choice("对，别再联系我", "以后不要再打了"), Choice("不是", "不是这个意思")),
    )
    talk = proven(Talk(replies={"那个": asking}))
    talk.say("那个").say("对")
    assert talk.asked[-1] == "以后不要再打了"
    talk = proven(Talk(replies={"那个": asking}))
    talk.say("那个").say("不是")
    assert talk.asked[-1] == "不是这个意思"


def test_a_no_to_a_read_back_is_no_wish_to_leave_the_form() -> None:
    confirm = Reply(
        ("现在提交吗？",),
        (Choice("确认提交", "确认提交"), Choice("不办了", "取消办理")),
        asks="def_confirmed",
    )
    talk = proven(Talk(replies={"那个": confirm}))
    talk.say("那个").say("不对")
    assert talk.asked[-1] == "不对"


def test_questions_are_named_and_say_when_the_answer_was_not_understood() -> None:
    talk = Talk(readings={"你是哪个": Reading("ask_identity_of_bureau", 0.9)}).answer()
    talk.say("你是哪个").say("呜噜呜噜").say("是").say("零零四四").say("不对").say("零零四三").say("对")
    assert talk.questions[:-1] == [
        "who", "who", "who:again", "digits", "read_back", "digits:again", "read_back",
    ]  # fmt: skip
    assert talk.questions[-1].startswith("open_")


def test_a_form_that_asks_the_same_again_says_so_too() -> None:
    asks = Reply(("账上还有多少钱？",), asks="def_cash")
    puzzled = Reply(("没太听明白。",), action="action_default_fallback")
    talk = proven(Talk(replies={"想延期": asks, "两个": asks, "唔": puzzled, "两万": Reply(("记下了。",))}))
    talk.say("想延期").say("两个").say("唔").say("两万").hear_out()
    first, *rest = [name for name in talk.questions if name.startswith(("def", "open"))]
    assert first.startswith("open_") and rest[-1].startswith("open_") and rest[-1] != first
    assert rest[:-1] == ["def_cash", "def_cash:again", "def_cash:again"]
