"""``python -m tests.load.voice.rumble``: short answers with a street behind them, with the line's rumble and without.

Characters wrong of what the reference model hears through the whole ear, in quiet and at 10 dB. Prints what
``telephony.hearing.rumble`` and the pre-roll are built on; no figure makes it fail.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import get_args
from unittest.mock import patch

import numpy as np
import vosk
from numpy.typing import NDArray

from dialects.acoustic import Models
from dialects.align import distance
from dialects.pack import DEFAULT, all_packs
from dialects.recogniser import PackRecogniser
from telephony.events import FRAME_BYTES, FRAME_MS, RATE, AudioIn, Utterance
from telephony.hearing import mulaw, passage
from telephony.hearing.activity import SileroActivity
from telephony.hearing.ear import Ear
from telephony.hearing.rumble import HighPass
from telephony.standin import tones
from tests.load.voice.sounds import to_samples
from tests.load.voice.speech import Speaker

SAID = (
    "喂你好",
    "对是我你说",
    "对",
    "没错",
    "好我回头去交",
    "没有了",
    "是我",
    "滞纳金怎么算",
    "我上礼拜已经交了",
    "明天我就去交",
    "我想问一下怎么缴",
    "不是",
    "好的",
    "我知道了",
    "你是哪位",
    "说吧",
    "是去年的那笔吗",
    "十五号之前可以",
)
SNR_DB = 10.0
LOUDER = 1.4


async def heard(sound: NDArray[np.int16], models: Models, pool: Executor) -> str:
    """What the whole ear makes of one answer."""

    def recogniser() -> PackRecogniser:
        return PackRecogniser(all_packs()[DEFAULT], models)

    ear = Ear(recogniser(), recogniser, SileroActivity(), pool)
    text = ""
    for number, start in enumerate(range(0, len(sound) - FRAME_BYTES, FRAME_BYTES)):
        frame = mulaw.encode(sound[start : start + FRAME_BYTES])
        for event in await ear.feed(AudioIn(number, number * FRAME_MS, frame)):
            text += event.raw if isinstance(event, Utterance) else ""
        # Partials must keep up with a clock that runs faster than the wall's.
        await asyncio.sleep(0.002)
    return text


def rate(noise: tones.NoiseKind | None, speech: dict[str, NDArray[np.int16]], models: Models) -> float:
    """Characters wrong, 0 to 1."""
    wrong = 0
    with ThreadPoolExecutor(2) as pool:
        for seed, (text, said) in enumerate(speech.items()):
            sound = np.concatenate((np.zeros(RATE), said, np.zeros(3 * RATE // 2)))
            if noise is not None:
                ms = len(sound) * 1000 // RATE + 1
                sound = sound * LOUDER + tones.noise(noise, ms, SNR_DB, seed)[: len(sound)]
            line = np.clip(sound, -32768, 32767).astype(np.int16)
            wrong += distance(text, asyncio.run(heard(line, models, pool)))
    return wrong / sum(map(len, speech))


def main() -> None:
    """Measure and print."""
    vosk.SetLogLevel(-1)
    speaker, models = Speaker(), Models()
    speech = {text: to_samples(speaker.say(text)) for text in SAID}
    noises: tuple[tones.NoiseKind | None, ...] = (None, *get_args(tones.NoiseKind))
    for pre_roll in (300, passage.PRE_ROLL_MS):
        for high_pass in (False, True):
            rates = []
            for noise in noises:
                with patch.object(passage, "PRE_ROLL_MS", pre_roll):
                    if high_pass:
                        rates.append(rate(noise, speech, models))
                    else:
                        with patch.object(HighPass, "feed", lambda self, samples: samples):
                            rates.append(rate(noise, speech, models))
            told = ", ".join(
                f"{noise or 'quiet'} {100 * r:.0f} %" for noise, r in zip(noises, rates, strict=True)
            )
            print(f"pre-roll {pre_roll} ms, high-pass {'yes' if high_pass else 'no '}: {told}", flush=True)


if __name__ == "__main__":
    main()
