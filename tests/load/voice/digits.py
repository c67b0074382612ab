"""``python -m tests.load.voice.digits``: four digits through the telephone band, heard freely and as digits.

The product's own voice says them, at eight pitches and speeds, in a row or two and two, and behind words; and other short
answers, which must not become digits. Prints what ``dialects.digits_ear`` is built on; no figure makes it fail.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import vosk

from dialects.acoustic import Models
from dialects.digits_ear import MOST_LOST, DigitsAgain
from dialects.ears import digit_ear_maker, ear_maker
from dialects.evalset import DEV, read_set
from dialects.finishing import Expectation, finish
from dialects.pack import DEFAULT, all_packs
from telephony.hearing import mulaw
from telephony.hearing.resample import Upsampler
from tests.load.voice.sounds import to_samples
from tests.load.voice.speech import Speaker

SETS = 240
READ = "零幺二三四五六七八九"
OTHERS = "我不知道 等一下 记不清了 你是哪里的 什么号码 没有啊 我忘了 打错了 我找找 稍等一下 不想说 什么意思 你们是骗子 我不说"
LEADS = "我想想，是 那是 号码是 后四位是 嗯， 呃， 你记一下啊， 是"
BEHIND = 80
ASKED = Expectation("digits", (), 4)


def behind_words(rng: random.Random) -> Iterator[tuple[str, str, float, float]]:
    """The same, behind words that lead up to them."""
    for n in range(BEHIND):
        digits = "".join(rng.choice("0123456789") for _ in range(4))
        words = "".join(READ[int(digit)] for digit in digits)
        yield (
            digits,
            LEADS.split()[n % 8] + words,
            rng.choice((0.85, 0.92, 1.0, 1.1)),
            rng.choice((0.9, 1.0, 1.2)),
        )


def cases(rng: random.Random) -> Iterator[tuple[str, str, float, float]]:
    """The digits (none of other answers), the words, pitch and slowness."""
    for n in range(SETS):
        digits = "".join(rng.choice("0123456789") for _ in range(4))
        words = "".join(READ[int(digit)] for digit in digits)
        yield (
            digits,
            f"{words[:2]}，{words[2:]}" if n % 3 == 1 else words,
            rng.choice((0.85, 0.92, 1.0, 1.1, 1.2)),
            rng.choice((0.9, 1.0, 1.15)),
        )
    short = [u.text for u in read_set(DEV) if 2 <= len(u.text) <= 8 and not set(u.text) & set(READ + "一")]
    for words in (*short, *OTHERS.split()):
        yield "", words, rng.choice((0.9, 1.0, 1.1)), 1.0


def main() -> None:
    """Measure and print."""
    vosk.SetLogLevel(-1)
    speaker, models, pack = Speaker(), Models(), all_packs()[DEFAULT]
    free, as_digits = ear_maker(models)(DEFAULT), digit_ear_maker(models)
    again = DigitsAgain(digit_ear_maker(models), ear_maker(models))
    right_freely = right = 0
    lost: dict[bool, list[float]] = {True: [], False: []}

    def spoken(words: str, pitch: float, slow: float) -> bytes:
        line = mulaw.decode(mulaw.encode(to_samples(speaker.say(words, pitch=pitch, slow=slow))))
        up = Upsampler()
        pause = np.zeros(5600, np.int16)
        return up.feed(np.concatenate((pause, line, pause))) + up.end()

    for digits, words, pitch, slow in cases(random.Random(5)):
        sound = spoken(words, pitch, slow)
        free.accept(sound)
        freely = free.finish()
        ear = as_digits(DEFAULT)
        ear.accept(sound)
        heard = ear.finish()
        lost[bool(digits)].append((freely.score - heard.score) * 1000 / max(1, heard.voiced_ms))
        if digits:
            again.accept(sound, 4)
            right_freely += finish(freely, pack, ASKED).text == digits
            right += finish(freely, pack, ASKED, digits=again.hear(DEFAULT, freely)).text == digits
    behind_freely = behind = 0
    for digits, words, pitch, slow in behind_words(random.Random(6)):
        sound = spoken(words, pitch, slow)
        free.accept(sound)
        freely = free.finish()
        again.accept(sound, 4)
        behind_freely += _digits(finish(freely, pack, ASKED).text) == digits
        found = finish(freely, pack, ASKED, digits=again.hear(DEFAULT, freely)).text
        behind += _digits(found) == digits
        if _digits(found) != digits:
            print(f"  {words}: {freely.text} -> {found}")
    print(
        f"{SETS} sets of four digits: right {right_freely} heard freely, {right} with the second hearing as digits"
    )
    print(f"{BEHIND} behind words: right {behind_freely} heard freely, {behind} with the second hearing")
    print(
        f"digits score at most {np.percentile(lost[True], 99):.0f} nats a second (99 of 100) below free speech"
    )
    print(f"{len(lost[False])} other answers at least {min(lost[False]):.0f}; the border is {MOST_LOST:.0f}")


def _digits(text: str) -> str:
    return "".join(sign for sign in text if sign.isdigit())


if __name__ == "__main__":
    main()
