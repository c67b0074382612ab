"""People on virtual time: a bot of plain frames, a person who reacts to them, minutes in milliseconds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from telephony.hearing.mulaw import decode
from telephony.standin.person import Act, Person
from telephony.standin.sound import audible, rms
from telephony.standin.speech import Performance, Studio
from tests.telephony.standin.fakes import Hum, script

pytestmark = pytest.mark.unit


async def person(steps: str, **top: str) -> Person:
    return Person(await performance(steps, **top))


async def performance(steps: str, **top: str) -> Performance:
    hum = Hum()
    return await Studio(hum).perform(script(steps, **top), "mandarin")


def play(
    who: Person, bot: Callable[[int], bool], until_ms: int = 120_000, marks: dict[int, str] | None = None
) -> list[Act]:
    """Slots until the person hangs up; ``bot`` tells at which milliseconds the bot speaks."""
    acts: list[Act] = []
    for at in range(0, until_ms, 20):
        names = ((marks or {})[at],) if at in (marks or {}) else ()
        acts.append(who.act(bot(at), names))
        if acts[-1].hangs_up:
            break
    return acts


async def test_a_line_takes_as_long_as_its_sound_and_then_the_line_is_quiet() -> None:
    who = await person("  - wait: 100ms\n  - say: 一二三\n  - wait: 100ms\n  - hang_up")
    acts = play(who, lambda _: False)
    assert [audible(act.frame) for act in acts] == [False] * 5 + [True] * 15 + [False] * 6
    assert acts[-1].hangs_up
    assert acts[5].begins == "一二三"
    assert (who.said[0].began_ms, who.said[0].ended_ms) == (100, 400)


async def test_the_bots_turn_is_over_after_its_silence_not_in_a_pause() -> None:
    who = await person("  - wait_for: {silence: 700ms}\n  - say: 是\n  - hang_up")
    # It speaks for two seconds with a breath of 600 ms in between.
    play(who, lambda at: 500 <= at < 1500 or 2100 <= at < 3100)
    assert who.said[0].began_ms == 3100 + 700 - 20


async def test_the_next_turn_waits_for_an_answer_to_what_was_said() -> None:
    who = await person(
        "  - wait_for: bot_done\n  - say: 是\n  - wait_for: bot_done\n  - say: 好\n  - hang_up"
    )
    play(who, lambda at: at < 1000 or 5000 <= at < 6000)
    assert [one.text for one in who.said] == ["是", "好"]
    assert who.said[1].began_ms > 6000


async def test_the_rest_of_what_the_bot_broke_off_is_no_answer() -> None:
    who = await person(
        "  - interrupt_at: 800ms\n  - say: 等等\n  - wait_for: bot_done\n  - say: 好\n  - hang_up"
    )
    # It goes on for 200 ms after the interruption, and answers two seconds later.
    play(who, lambda at: 1000 <= at < 2200 or 4200 <= at < 5200)
    assert who.said[0].began_ms == 1780
    assert who.said[1].began_ms > 5200


async def test_interrupting_waits_for_the_next_talk_when_the_bot_is_silent() -> None:
    who = await person("  - say: 喂\n  - interrupt_at: 500ms\n  - say: 不\n  - hang_up")
    play(who, lambda at: 3000 <= at < 9000)
    assert who.said[1].began_ms == 3000 + 500 - 20


async def test_a_mark_can_be_waited_for() -> None:
    who = await person("  - wait_for: {mark: opening}\n  - say: 是\n  - hang_up")
    play(who, lambda _: False, marks={2000: "opening"})
    assert who.said[0].began_ms == 2000


async def test_who_waits_in_vain_says_so_and_goes_on() -> None:
    who = await person("  - wait_for: bot_done\n    within: 3s\n  - say: 喂\n  - hang_up")
    play(who, lambda _: False)
    assert who.said[0].began_ms == 3000
    assert who.notes == ["等了 3 秒：没等到对方说完"]


async def test_keys_come_one_after_the_other() -> None:
    who = await person('  - press: "12#"\n    every: 200ms\n  - hang_up')
    keyed = [(number * 20, act.keys) for number, act in enumerate(play(who, lambda _: False)) if act.keys]
    assert keyed == [(0, ("1",)), (200, ("2",)), (400, ("#",))]


async def test_after_the_last_step_they_listen_and_hang_up_when_nothing_comes() -> None:
    who = await person("  - say: 好", patience="5s")
    acts = play(who, lambda at: at < 4000)
    assert len(acts) * 20 == pytest.approx(9000, abs=40)
    assert acts[-1].hangs_up
    assert who.notes == ["对方一直没有声音，挂断了"]


async def test_background_noise_is_always_there_and_under_the_speech() -> None:
    who = await person("  - wait: 200ms\n  - say: 一二三\n  - hang_up", background="{kind: white, snr: 10}")
    acts = play(who, lambda _: False)
    quiet, loud = rms(decode(acts[2].frame)), rms(decode(acts[15].frame))
    assert 500 < quiet < 1200
    assert loud > 3 * quiet


async def test_the_bot_is_heard_talking_across_short_pauses() -> None:
    who = await person("  - wait: 10s")
    for at in range(0, 1000, 20):
        who.act(at < 500)
    assert who.bot_talking
    for _ in range(10):
        who.act(False)
    assert not who.bot_talking


TWO_ANSWERS = "  - wait_for: bot_done\n  - say: 是\n  - wait_for: bot_done\n  - say: 零零四三\n  - wait_for: bot_done\n  - say: 对\n  - hang_up"


def turns(at: int) -> bool:
    """A bot that speaks the first second of every four."""
    return at % 4000 < 1000


async def test_an_answer_that_was_not_understood_is_given_again_and_the_talk_goes_on_from_there() -> None:
    who = await person(TWO_ANSWERS)
    asks = {1000: "1:1:who", 5000: "2:1:digits", 9000: "4:1:digits:again", 13000: "5:1:read_back"}
    play(who, turns, marks=asks)
    assert [one.text for one in who.said] == ["是", "零零四三", "零零四三", "对"]
    assert who.notes == ["对方没听懂，又回答了一遍"]


async def test_a_question_put_again_for_another_reason_is_not_answered_again() -> None:
    who = await person(TWO_ANSWERS)
    play(who, turns, marks={1000: "1:1:who", 5000: "3:1:who", 9000: "4:1:read_back"})
    assert [one.text for one in who.said] == ["是", "零零四三", "对"]


async def test_a_question_whose_sound_was_held_and_came_again_is_known_by_its_name() -> None:
    who = await person(TWO_ANSWERS)
    asks = {1000: "1:1.1:who", 5000: "2:1.2:digits", 9000: "4:2.1:digits:again", 13000: "5:1:read_back"}
    play(who, turns, marks=asks)
    assert [one.text for one in who.said] == ["是", "零零四三", "零零四三", "对"]


@pytest.mark.parametrize(("repeats", "times"), [("0", 1), ("1", 2), ("2", 3)])
async def test_nobody_repeats_themselves_for_ever(repeats: str, times: int) -> None:
    who = await person(
        "  - wait_for: bot_done\n  - say: 是\n  - wait_for: bot_done\n  - hang_up", repeats=repeats
    )
    play(who, turns, marks={1000: "1:1:who", **dict.fromkeys(range(5000, 90000, 4000), "2:1:who:again")})
    assert [one.text for one in who.said] == ["是"] * times


async def test_who_has_said_all_they_had_to_say_still_answers_once_more() -> None:
    who = await person("  - wait_for: bot_done\n  - say: 没有了", patience="9s")
    acts = play(who, lambda at: turns(at) and at < 8000, marks={1000: "1:1:more", 5000: "2:1:more:again"})
    assert [one.text for one in who.said] == ["没有了", "没有了"]
    assert who.said[1].began_ms == pytest.approx(5000 + 2000, abs=40) and acts[-1].hangs_up
