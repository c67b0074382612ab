from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from dialects.heard import Heard
from telephony.events import (
    AudioIn,
    Expectation,
    Expected,
    HeardEvent,
    MachineHeard,
    MachineSign,
    Partial,
    SpeechBegan,
    SpeechPaused,
    Utterance,
)
from telephony.hearing.ear import PAUSED_MS, RULES_OVER_BOT
from telephony.hearing.endpointing import MAX_UTTERANCE_MS, PAUSES
from telephony.hearing.passage import PRE_ROLL_MS, REST_MS, SILENCE_MS
from tests.telephony.hearing.fakes import ToneRecogniser, ear, frames, hear, pause, spoken

pytestmark = pytest.mark.unit


def said(events: Sequence[HeardEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, Utterance)]


def only(events: Sequence[HeardEvent]) -> Utterance:
    (utterance,) = (event for event in events if isinstance(event, Utterance))
    return utterance


async def test_an_utterance_passes_through_all_stages() -> None:
    recogniser = ToneRecogniser()
    events = await hear(ear(recogniser), frames(pause(1000), spoken("你好我知道了"), pause(1500)))
    began, *partials, paused, last = events
    assert began == SpeechBegan(1000)
    assert all(isinstance(event, Partial) for event in partials)
    texts = [event.text for event in partials if isinstance(event, Partial)]
    assert len(texts) >= 4 and texts == sorted(texts, key=len) and "你好我知道了".startswith(texts[0])
    assert isinstance(paused, SpeechPaused) and paused.text == "你好我知道了"
    assert isinstance(last, Utterance)
    assert (last.text, last.pack, last.began_ms) == ("你好我知道了", "mandarin", 1000)
    assert abs(last.ended_ms - 2160) <= 10
    assert 0 <= last.decided_ms - last.ended_ms - PAUSES[Expected.OPEN].complete <= 20


async def test_the_recogniser_gets_the_speech_with_a_little_before_and_silence_after() -> None:
    recogniser = ToneRecogniser()
    await hear(ear(recogniser), frames(pause(5000), spoken("你好"), pause(5000)))
    (sound,) = recogniser.utterances
    heard_ms = len(sound) / 16
    assert abs(heard_ms - (PRE_ROLL_MS + 360 + REST_MS + SILENCE_MS)) <= 40
    loud = np.flatnonzero(np.abs(sound) > 500)
    assert abs(loud[0] / 16 - PRE_ROLL_MS) <= 20


@pytest.mark.parametrize("kind", list(Expected))
async def test_the_pause_follows_what_was_asked(kind: Expected) -> None:
    listener = ear()
    listener.expect(Expectation(kind))
    utterance = only(await hear(listener, frames(spoken("打电话"), pause(2000))))
    waited = utterance.decided_ms - utterance.ended_ms
    assert PAUSES[kind].usual <= waited <= PAUSES[kind].usual + 20


async def test_digits_are_waited_for_until_there_are_enough() -> None:
    groups = (spoken("幺二三"), pause(700), spoken("四五六"), pause(1500))
    listener = ear()
    listener.expect(Expectation(Expected.DIGITS, digits=6))
    utterance = only(await hear(listener, frames(*groups)))
    assert utterance.text == "幺二三四五六"
    assert utterance.decided_ms - utterance.ended_ms <= PAUSES[Expected.DIGITS].complete + 20
    assert said(await hear(ear(), frames(*groups))) == ["幺二三", "四五六"]


async def test_who_hesitates_is_not_cut_off() -> None:
    events = await hear(ear(), frames(spoken("我知道了然后"), pause(650), spoken("你好"), pause(1500)))
    assert said(events) == ["我知道了然后你好"]


async def test_the_recogniser_is_told_what_to_expect_between_utterances_only() -> None:
    recogniser = ToneRecogniser()
    listener = ear(recogniser)
    listener.expect(Expectation(Expected.YES_NO, ("是的",)))
    assert recogniser.expected == [("yes_no", ("是的",), None)]
    sent = frames(spoken("打电话打电话"), pause(1500))
    await hear(listener, sent[:30])
    listener.expect(Expectation(Expected.DIGITS, digits=6))
    assert len(recogniser.expected) == 1
    await hear(listener, sent[30:])
    assert recogniser.expected[1:] == [("digits", (), 6)]


async def test_who_never_stops_is_taken_in_parts() -> None:
    listener = ear()
    events = await hear(listener, frames(spoken("打电话" * 37), pause(2000)))
    first, second = (event for event in events if isinstance(event, Utterance))
    assert abs(first.decided_ms - first.began_ms - MAX_UTTERANCE_MS) <= 20
    assert second.began_ms == first.decided_ms
    assert abs(len(first.text + second.text) - 3 * 37) <= 1


async def test_silence_is_nothing() -> None:
    assert await hear(ear(), frames(pause(20_000))) == []


async def test_a_sound_without_a_word_is_an_empty_utterance() -> None:
    knock = (np.random.default_rng(1).standard_normal(8 * 100) * 9000).astype(np.int16)
    utterance = only(await hear(ear(), frames(pause(500), knock, pause(1500))))
    assert (utterance.text, utterance.raw) == ("", "")


async def test_a_click_is_nothing() -> None:
    click = np.full(8 * 20, 20000, np.int16)
    assert await hear(ear(), frames(pause(500), click, pause(1500))) == []


async def test_a_short_echo_of_the_bot_opens_nothing_while_it_speaks() -> None:
    echo = frames(pause(500), spoken("好")[: 8 * 80], pause(1500))
    listener = ear()
    listener.bot_speaking(True)
    assert await hear(listener, echo) == []
    assert await hear(ear(), echo) != []
    speech = frames(spoken("打错了"), pause(1500), start_ms=5000, sequence=1000)
    assert said(await hear(listener, speech)) == ["打错了"]


async def test_a_pause_is_told_once_with_the_words_so_far() -> None:
    events = await hear(ear(), frames(spoken("我知道了然后"), pause(650), spoken("你好"), pause(1500)))
    pauses = [event for event in events if isinstance(event, SpeechPaused)]
    assert [one.text for one in pauses] == ["我知道了然后", "我知道了然后你好"]
    for one, ended in zip(pauses, (1160, 1160 + 690 + 360), strict=True):
        assert PAUSED_MS <= one.at_ms - ended <= PAUSED_MS + 30
    assert only(events).text == "我知道了然后你好"


async def test_gaps_between_words_are_no_pause() -> None:
    sounds = [spoken("你好"), pause(100), spoken("我知道了"), pause(120), spoken("好的")]
    events = await hear(ear(), frames(*sounds, pause(1500)))
    assert sum(isinstance(event, SpeechPaused) for event in events) == 1


@pytest.mark.parametrize("speaks", [False, True])
async def test_a_voice_that_goes_on_after_a_pause_is_told(speaks: bool) -> None:
    listener = ear()
    listener.bot_speaking(speaks)
    events = await hear(listener, frames(spoken("我知道了然后"), pause(350), spoken("你好"), pause(1500)))
    began = [event for event in events if isinstance(event, SpeechBegan)]
    assert len(began) == 2 and abs(began[1].at_ms - (1200 + 350)) <= 40


async def test_a_click_after_a_pause_is_no_voice_that_goes_on() -> None:
    listener = ear()
    listener.bot_speaking(True)
    click = spoken("你")[: 8 * (int(RULES_OVER_BOT.open_ms) - 40)]
    events = await hear(listener, frames(spoken("我知道了然后"), pause(350), click, pause(1500)))
    kinds = [type(event) for event in events if not isinstance(event, Partial)]
    assert kinds == [SpeechBegan, SpeechPaused, Utterance]


async def test_a_pause_in_one_utterance_says_nothing_about_the_next() -> None:
    two = frames(spoken("我知道了"), pause(1500), spoken("你好"), pause(1500))
    kinds = [type(event) for event in await hear(ear(), two) if not isinstance(event, Partial)]
    assert kinds == [SpeechBegan, SpeechPaused, Utterance] * 2


async def test_frames_out_of_order_and_doubled_change_nothing() -> None:
    sent = frames(pause(1000), spoken("你好我知道了"), pause(1500))
    rng = random.Random(3)
    mixed: list[AudioIn] = []
    for start in range(0, len(sent), 4):
        group = sent[start : start + 4]
        rng.shuffle(group)
        mixed += group + rng.sample(group, min(2, len(group)))
    straight, crooked = await hear(ear(), sent), await hear(ear(), mixed)
    assert said(crooked) == said(straight) == ["你好我知道了"]
    assert only(crooked).ended_ms == only(straight).ended_ms


async def test_a_fifth_of_the_frames_lost_leaves_an_utterance_with_its_times() -> None:
    rng = random.Random(4)
    sent = frames(pause(1000), spoken("你好我知道了" * 3), pause(2000))
    listener = ear()
    events = await hear(listener, [frame for frame in sent if rng.random() > 0.2])
    utterances = [event for event in events if isinstance(event, Utterance)]
    assert utterances
    assert abs(utterances[0].began_ms - 1000) <= 60 and abs(utterances[-1].ended_ms - 4560) <= 200
    assert listener.jitter.filled_ms > 500


async def test_a_hole_in_the_stream_ends_the_utterance() -> None:
    later = frames(pause(200), spoken("对"), pause(1500), start_ms=31_000, sequence=2000)
    events = await hear(ear(), [*frames(spoken("打电话"), pause(100)), *later])
    assert said(events) == ["打电话", "对"]


async def test_closing_gives_what_had_been_said() -> None:
    listener = ear()
    await hear(listener, frames(spoken("打错了")))
    assert said(await listener.close()) == ["打错了"]
    assert await listener.close() == [] and await hear(listener, frames(spoken("喂"))) == []


async def test_machine_words_are_told_while_they_are_spoken() -> None:
    events = await hear(ear(), frames(pause(300), spoken("您好您拨打的电话"), pause(1500)))
    signs = [event for event in events if isinstance(event, MachineHeard)]
    assert [sign.sign for sign in signs] == [MachineSign.MACHINE_WORDS]
    assert signs[0].at_ms < only(events).decided_ms


class Broken(ToneRecogniser):
    """Raises after the third piece."""

    def __init__(self) -> None:
        super().__init__()
        self.accepted = 0

    def accept(self, pcm: bytes) -> None:
        self.accepted += 1
        if self.accepted > 2:
            raise RuntimeError("decoder state lost")
        super().accept(pcm)


async def test_a_recogniser_that_raises_is_replaced() -> None:
    sent = frames(spoken("你好我知道了"), pause(1500), spoken("打错了"), pause(1500))
    fresh = ToneRecogniser()
    listener = ear(Broken(), lambda: fresh)
    listener.expect(Expectation(Expected.OPEN, ("打错了",)))
    events = await hear(listener, sent)
    assert said(events) == ["", "打错了"]
    assert fresh.expected == [("open", ("打错了",), None)]


async def test_without_any_recogniser_utterances_are_still_told() -> None:
    def none() -> Any:
        raise OSError("no model")

    sent = frames(spoken("你好我知道了"), pause(1500), spoken("打错了"), pause(1500))
    assert said(await hear(ear(Broken(), none), sent)) == ["", ""]


class Stuck(ToneRecogniser):
    def __init__(self, until: threading.Event) -> None:
        super().__init__()
        self._until = until

    def finish(self) -> Heard:
        self._until.wait(30)
        return super().finish()


async def test_a_recogniser_that_hangs_is_given_up() -> None:
    until = threading.Event()
    sent = frames(spoken("你好"), pause(1500), spoken("打错了"), pause(1500))
    with ThreadPoolExecutor(2) as pool:
        try:
            events = await hear(ear(Stuck(until), executor=pool, patience_s=0.05), sent)
        finally:
            until.set()
    assert said(events) == ["", "打错了"]


class Slow(ToneRecogniser):
    """Lets the test hold it, and watches that it is never used by two threads."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self._busy = threading.Lock()

    def accept(self, pcm: bytes) -> None:
        assert self._busy.acquire(blocking=False)
        self.gate.wait(30)
        super().accept(pcm)
        self._busy.release()


async def test_decoding_neither_blocks_the_loop_nor_loses_its_order() -> None:
    slow = Slow()
    sent = frames(spoken("你好我知道了打错"), pause(1500))
    with ThreadPoolExecutor(4) as pool:
        listener = ear(slow, executor=pool)
        call = asyncio.create_task(hear(listener, sent))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not call.done() and slow.utterances == []
        slow.gate.set()
        events = await call
    assert said(events) == ["你好我知道了打错"]


async def test_many_calls_share_a_pool_and_keep_apart() -> None:
    texts = ["你好", "打错了", "我知道了", "幺二三四", "可以可以", "哪位呀"] * 4
    with ThreadPoolExecutor(2) as pool:
        calls = [
            hear(ear(executor=pool), frames(pause(20 * n), spoken(text), pause(1500)))
            for n, text in enumerate(texts)
        ]
        heard = await asyncio.gather(*calls)
    assert [said(events) for events in heard] == [[text] for text in texts]
