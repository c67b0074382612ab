from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from telephony.events import MachineSign
from telephony.hearing.machine import MachineDetector
from telephony.hearing.machine_words import of_a_machine, of_a_person
from tests.load.voice import sounds

pytestmark = pytest.mark.unit


def signs(*parts: tuple[np.ndarray, bool], words: Sequence[tuple[int, str]] = ()) -> list[MachineSign]:
    """What is told of sounds, each a voice or not, with words heard at their times (ms)."""
    detector, at, waiting = MachineDetector(), 0, list(words)
    told: list[MachineSign] = []
    for sound, voiced in parts:
        samples = sounds.to_samples(sound)
        for start in range(0, len(samples) - 159, 160):
            told += [event.sign for event in detector.hear(at, samples[start : start + 160], voiced)]
            at += 20
            while waiting and waiting[0][0] <= at:
                told += [event.sign for event in detector.words(waiting.pop(0)[1], at)]
    return told


def voice(seconds: float) -> tuple[np.ndarray, bool]:
    """Something like a vowel whose pitch moves."""
    t = np.arange(round(seconds * 8000)) / 8000
    pitch = 140 + 30 * np.sin(2 * np.pi * 2 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / 8000
    return (0.05 * sum(np.sin(k * phase) / k for k in range(1, 12))).astype(np.float32), True


def still(seconds: float) -> tuple[np.ndarray, bool]:
    return sounds.silence(seconds), False


def tone(hertz: float, seconds: float, second: float = 0.0) -> tuple[np.ndarray, bool]:
    return 0.2 * sounds.tone(hertz, seconds, second), False


def noise(seconds: float, loud: float = 0.05) -> tuple[np.ndarray, bool]:
    return loud * sounds.line_noise(seconds, np.random.default_rng(1)), False


def test_a_long_greeting_is_a_machine() -> None:
    assert signs(still(0.5), voice(7)) == [MachineSign.LONG_GREETING]
    assert signs(still(0.5), voice(3), still(0.4), voice(3)) == [MachineSign.LONG_GREETING]


def test_a_person_who_answers_slowly_is_none() -> None:
    """喂？喂？你好，哪位呀, with the pauses of an old person, and again."""
    slow = (voice(0.7), still(0.9), voice(0.8), still(0.7), voice(1.0), still(0.65), voice(1.3), still(1.0))
    assert signs(still(1), *slow, *slow, words=[(4000, "喂喂你好"), (5500, "喂喂你好哪位呀")]) == []


def test_a_person_who_leaves_no_pause_is_known_by_the_words() -> None:
    assert signs(still(0.5), voice(9), words=[(2000, "喂"), (4000, "喂你们怎么又打电话来了")]) == []


def test_long_talk_later_in_the_call_is_no_greeting() -> None:
    assert signs(voice(0.6), still(5), voice(9)) == []


@pytest.mark.parametrize(
    ("hertz", "seconds"), [(440, 0.2), (1000, 0.5), (1400, 1.0), (800, 1.4), (1900, 0.3)]
)
def test_a_beep_after_a_greeting_is_heard(hertz: float, seconds: float) -> None:
    assert signs(voice(2), still(0.5), tone(hertz, seconds), still(1)) == [MachineSign.BEEP]
    noisy = 0.2 * sounds.tone(hertz, seconds)
    noisy = noisy + 0.02 * sounds.line_noise(seconds, np.random.default_rng(3))[: len(noisy)]
    assert signs(voice(2), noise(0.5, 0.02), (noisy, False), noise(1, 0.02)) == [MachineSign.BEEP]


@pytest.mark.parametrize(
    "parts",
    [
        (still(1), tone(1000, 0.5), still(1)),
        (voice(2), still(0.5), tone(1000, 0.08), still(1)),
        (voice(2), still(0.5), tone(1000, 4), still(1)),
        (voice(2), still(0.5), tone(2600, 0.5), still(1)),
        (voice(2), still(0.5), tone(770, 0.4, 1336), still(1)),
        (voice(2), still(8), tone(1000, 0.5), still(1)),
        (voice(2), still(0.3), voice(0.5), still(1), noise(3)),
    ],
    ids=["no greeting", "a click", "no end", "too high", "a key", "long after", "more voice"],
)
def test_other_tones_are_no_beep(parts: tuple[tuple[np.ndarray, bool], ...]) -> None:
    assert MachineSign.BEEP not in signs(*parts)


def test_a_vowel_held_long_is_no_beep() -> None:
    hum = (0.1 * sounds.tone(330, 0.8), True)
    assert signs(voice(2), still(0.5), hum, still(1)) == []


def test_a_fax_that_answers_is_heard() -> None:
    assert signs(still(1.5), tone(2100, 3)) == [MachineSign.FAX]


def test_a_fax_that_calls_is_heard_by_its_rhythm() -> None:
    call = (tone(1100, 0.5), still(3))
    assert signs(*call, *call) == [MachineSign.FAX]
    assert signs(tone(1100, 0.5), still(1), tone(1100, 0.5), still(1)) == []


def test_a_short_tone_at_the_height_of_a_fax_is_none() -> None:
    assert signs(still(1), tone(2100, 0.5), still(1)) == []


def test_waiting_music_is_heard() -> None:
    tune = (0.1 * sounds.music(12, np.random.default_rng(2)), False)
    assert signs(still(1), tune) == [MachineSign.MUSIC]


@pytest.mark.parametrize("kind", [sounds.line_noise, sounds.street])
def test_noise_is_no_music(kind: object) -> None:
    sound = 0.1 * kind(30, np.random.default_rng(2))  # type: ignore[operator]
    assert signs((sound, False)) == []


def test_music_while_somebody_talks_is_none() -> None:
    tune = (0.1 * sounds.music(12, np.random.default_rng(2)), False)
    assert signs(tune, words=[(3000, "你等一下"), (7000, "我找一下"), (11000, "找到了")]) == []
    assert signs((tune[0], True)) == [MachineSign.LONG_GREETING]


@pytest.mark.parametrize(
    "text",
    [
        "您好您拨打的电话已关机",
        "您拨打的用户正在通话中请稍后再拨",
        "您好我现在无法接听您的电话请在滴声后留言",
        "请在低声后留言",
        "已转接到语音信箱",
        "对不起您呼叫的用户不在服务区",
        "您好我是机主的智能助理请问您找他有什么事",
        "sorrythesubscriberyoudialedispoweredoff",
        "该号码是空号暂停服务",
    ],
)
def test_what_machines_say(text: str) -> None:
    assert of_a_machine(text)
    assert signs(still(3), words=[(1000, text[:2]), (2000, text)]) == [MachineSign.MACHINE_WORDS]


@pytest.mark.parametrize(
    "text",
    [
        "喂喂你好哪位呀",
        "他手机已关机了你晚点再打",
        "我正在通话中等会儿打给你",
        "我没有时间你给我留言吧",
        "你们是税务局的吗怎么用语音打电话",
        "您好请问您是哪里",
        "你要我拨打什么电话",
        "我是财务的助理",
    ],
)
def test_what_people_say(text: str) -> None:
    assert not of_a_machine(text)


def test_greetings_of_people_are_told_from_those_of_machines() -> None:
    assert of_a_person("喂你好") and of_a_person("请问你是哪位")
    assert not of_a_person("您好请听到提示音后留言")


def test_a_person_telling_of_a_machine_later_is_none() -> None:
    assert signs(still(60), words=[(50_000, "我打过去说您拨打的电话已关机")]) == []


def test_each_sign_is_told_once() -> None:
    words = [(1000, "您拨打的电话"), (1200, "您拨打的电话已关机"), (1400, "您拨打的电话已关机请稍后再拨")]
    assert signs(still(3), words=words) == [MachineSign.MACHINE_WORDS]
