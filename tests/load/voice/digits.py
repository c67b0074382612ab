"""``python -m tests.load.voice.digits``: four digits through the telephone band, heard freely and as digits.

The product's own voice says them, at eight pitches and speeds, in a row or two and two, with twins, and behind words; and fewer
digits and other short answers, which must not become four. Prints what ``dialects.digits_ear`` is built on; no figure makes it fail.
"""

from __future__ import annotations

import random
from collections import defaultdict
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
TWINS = 120
FEWER = 120
ASKED = Expectation("digits", (), 4)


def read_out(digits: str) -> str:
    """One by one."""
    return "".join(READ[int(digit)] for digit in digits)


def behind_words(rng: random.Random) -> Iterator[tuple[str, str, float, float]]:
    """The same, behind words that lead up to them."""
    for n in range(BEHIND):
        digits = "".join(rng.choice("0123456789") for _ in range(4))
        yield (
            digits,
            LEADS.split()[n % 8] + read_out(digits),
            rng.choice((0.85, 0.92, 1.0, 1.1)),
            rng.choice((0.9, 1.0, 1.2)),
        )


def with_twins(rng: random.Random) -> Iterator[tuple[str, str, float, float]]:
    """Four digits of which two that are neighbours are the same."""
    for _ in range(TWINS):
        row = [rng.choice("0123456789") for _ in range(4)]
        at = rng.randrange(3)
        row[at + 1] = row[at]
        yield (
            "".join(row),
            read_out("".join(row)),
            rng.choice((0.85, 0.92, 1.0, 1.1)),
            rng.choice((0.9, 1.0, 1.15, 1.3, 1.5)),
        )


def fewer(rng: random.Random) -> Iterator[tuple[str, str, float, float]]:
    """Two or three digits, no twins: the others are still to come."""
    for n in range(FEWER):
        row = rng.sample("0123456789", 2 + n % 2)
        yield (
            "".join(row),
            read_out("".join(row)),
            rng.choice((0.85, 0.92, 1.0, 1.1)),
            rng.choice((0.9, 1.0, 1.15, 1.3, 1.5)),
        )


def cases(rng: random.Random) -> Iterator[tuple[str, str, float, float]]:
    """The digits (none of other answers), the words, pitch and slowness."""
    for n in range(SETS):
        digits = "".join(rng.choice("0123456789") for _ in range(4))
        words = read_out(digits)
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
    lengths: defaultdict[tuple[str, bool], list[int]] = defaultdict(list)
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
            if finish(heard, pack, ASKED).text == digits:
                for at, word in enumerate(heard.words):
                    lengths[word.text, at == 3].append(word.ended_ms - word.began_ms)
            again.accept(sound, 4)
            right_freely += finish(freely, pack, ASKED).text == digits
            right += finish(freely, pack, ASKED, digits=again.hear(DEFAULT, freely)).text == digits

    def both(words: str, pitch: float, slow: float) -> tuple[str, str]:
        """The digits of what was heard freely, and with the second hearing."""
        sound = spoken(words, pitch, slow)
        free.accept(sound)
        freely = free.finish()
        again.accept(sound, 4)
        heard = finish(freely, pack, ASKED), finish(freely, pack, ASKED, digits=again.hear(DEFAULT, freely))
        return _digits(heard[0].text), _digits(heard[1].text)

    found: dict[str, tuple[int, int]] = {}
    for name, cases_of in (("behind words", behind_words), ("with twins", with_twins)):
        pairs = [(each[0], both(*each[1:])) for each in cases_of(random.Random(6))]
        found[name] = sum(d == f for d, (f, _) in pairs), sum(d == a for d, (_, a) in pairs)
    too_many = sum(len(both(*each[1:])[1]) == 4 for each in fewer(random.Random(7)))
    print(
        f"{SETS} sets of four digits: right {right_freely} heard freely, {right} with the second hearing as digits"
    )
    for name, count in (("behind words", BEHIND), ("with twins", TWINS)):
        print(
            f"{count} {name}: right {found[name][0]} heard freely, {found[name][1]} with the second hearing"
        )
    for where, last in (("within a row", False), ("at its end", True)):
        told = (f"{sign} {np.mean(lengths[sign, last]):.0f}" for sign in READ if lengths[sign, last])
        print(f"ms a digit lasts {where}: {', '.join(told)}")
    print(f"{FEWER} of two or three digits: {too_many} were taken for four")
    print(
        f"digits score at most {np.percentile(lost[True], 99):.0f} nats a second (99 of 100) below free speech"
    )
    print(f"{len(lost[False])} other answers at least {min(lost[False]):.0f}; the border is {MOST_LOST:.0f}")


def _digits(text: str) -> str:
    return "".join(sign for sign in text if sign.isdigit())


if __name__ == "__main__":
    main()
