"""Real detectors on real sound."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from telephony.events import HeardEvent, MachineHeard, MachineSign, SpeechBegan, SpeechPaused, Utterance
from telephony.hearing import activity as module
from telephony.hearing.activity import Activity, ModelMissing, SileroActivity
from telephony.hearing.ear import PAUSED_MS, Ear
from telephony.standin.sound import voiced_span
from tests.load.voice import sounds
from tests.load.voice.speech import Speaker
from tests.load.voice.webrtc import WebRtcActivity
from tests.telephony.hearing.fakes import Inline, ToneRecogniser, frames, hear

pytestmark = pytest.mark.audio
RNG = np.random.default_rng(3)


@pytest.fixture(scope="module")
def sentence() -> np.ndarray:
    sound = Speaker().say("你好，我是王老板")
    return sound * 0.1 / sounds.level(sound)


async def heard(sound: np.ndarray) -> list[HeardEvent]:
    ear = Ear(ToneRecogniser(), ToneRecogniser, SileroActivity(), Inline())
    return await hear(ear, frames(sounds.to_samples(sound)))


@pytest.mark.parametrize("noise_db", [-60, -40, -30])
async def test_speech_is_found_with_its_bounds(sentence: np.ndarray, noise_db: float) -> None:
    sound = np.concatenate((sounds.silence(1.5), sentence, sounds.silence(1.5)))
    sound = sound + 10 ** (noise_db / 20) * sounds.line_noise(len(sound) / 8000, RNG)[: len(sound)]
    loud = 1500 + np.flatnonzero(np.abs(sentence) > 0.02)[[0, -1]] / 8
    utterances = [event for event in await heard(sound) if isinstance(event, Utterance)]
    assert abs(utterances[0].began_ms - loud[0]) < 150 and abs(utterances[-1].ended_ms - loud[1]) < 150


@pytest.mark.parametrize("words", ["等一下", "不是", "我知道了", "你是谁啊"])
async def test_over_the_bot_a_voice_is_heard_in_time_to_hold_it(words: str) -> None:
    sound = Speaker().say(words)
    sound = sound * 0.1 / sounds.level(sound)
    first, after = voiced_span(sounds.to_samples(sound)) or (0, 0)
    line = np.concatenate((sounds.silence(1), sound, sounds.silence(0.4)))
    sent = frames(sounds.to_samples(line + 0.001 * sounds.line_noise(len(line) / 8000 + 1, RNG)[: len(line)]))
    ear = Ear(ToneRecogniser(), ToneRecogniser, SileroActivity(), Inline())
    ear.bot_speaking(True)
    told: dict[type, int] = {}
    for frame in sent:
        for event in await ear.feed(frame):
            told.setdefault(type(event), frame.at_ms + 20)
    assert told[SpeechBegan] - 1000 - first / 8 <= 260
    assert abs(told[SpeechPaused] - 1000 - after / 8 - PAUSED_MS) <= 100


@pytest.mark.parametrize(
    "make",
    [
        lambda: 0.03 * sounds.line_noise(20, RNG),
        lambda: 0.05 * sounds.street(20, RNG),
        lambda: 0.1 * sounds.ringing(20),
        lambda: np.concatenate(
            [np.concatenate((0.2 * sounds.tone(770, 0.08, 1336), sounds.silence(0.08)))] * 60
        ),
        lambda: sounds.silence(20),
    ],
    ids=["line", "street", "ringing", "keys", "silence"],
)
async def test_what_is_no_voice_is_nothing(make: Callable[[], np.ndarray]) -> None:
    assert await heard(make()) == []


async def test_music_and_fax_are_told_and_are_no_speech() -> None:
    tune = await heard(0.1 * sounds.music(11, RNG))
    assert [event.sign for event in tune if isinstance(event, MachineHeard)] == [MachineSign.MUSIC]
    fax = await heard(np.concatenate((sounds.silence(1), 0.2 * sounds.tone(2100, 3))))
    assert [event.sign for event in fax if isinstance(event, MachineHeard)] == [MachineSign.FAX]
    assert not any(isinstance(event, SpeechBegan) for event in [*tune, *fax])


async def test_an_answering_machine_beeps(sentence: np.ndarray) -> None:
    greeting = np.concatenate(
        (sounds.silence(0.5), sentence, sounds.silence(0.2), sentence, sounds.silence(0.6))
    )
    events = await heard(np.concatenate((greeting, 0.2 * sounds.tone(1000, 0.5), sounds.silence(0.5))))
    assert MachineSign.BEEP in [event.sign for event in events if isinstance(event, MachineHeard)]


@pytest.mark.parametrize("make", [SileroActivity, WebRtcActivity])
def test_a_detector_hears_speech_and_forgets_it(make: Callable[[], Activity], sentence: np.ndarray) -> None:
    detector = make()
    samples = sounds.to_samples(sentence)
    windows = [
        samples[at : at + detector.window] for at in range(0, len(samples) - detector.window, detector.window)
    ]
    first = [detector.hear(window) for window in windows]
    assert max(first) > 0.9 and all(0 <= likely <= 1 for likely in first)
    detector.reset()
    assert [detector.hear(window) for window in windows] == first


def test_two_calls_keep_their_own_state(sentence: np.ndarray) -> None:
    alone, one, other = SileroActivity(), SileroActivity(), SileroActivity()
    samples = sounds.to_samples(sentence)
    windows = [samples[at : at + 256] for at in range(0, len(samples) - 256, 256)]
    expected = [alone.hear(window) for window in windows]
    together = [(one.hear(window), other.hear(window[::-1]))[0] for window in windows]
    assert together == expected


def test_missing_weights_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    module._silero.cache_clear()
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(ModelMissing, match="make setup"):
        SileroActivity()
