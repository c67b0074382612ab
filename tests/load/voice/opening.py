"""How soon a voice over the bot opens the gate, and what echo of the bot does: ``.venv/bin/python -m tests.load.voice.opening``.

- *opens*: from an utterance's first voiced sample to the end of the frame with which the gate opens (ms: median, 95th percentile, most),
  with line noise so far below the voice; *missed*: utterances that did not open it.
- *echo*: openings a minute while the bot speaks and the caller does not, with its voice so far below a caller's on their line.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from telephony.events import RATE
from telephony.hearing import mulaw
from telephony.hearing.activity import SileroActivity
from telephony.hearing.ear import RULES, RULES_OVER_BOT
from telephony.hearing.gate import Gate, GateRules
from telephony.hearing.rumble import HighPass
from telephony.standin.sound import voiced_span
from tests.load.document import grid
from tests.load.voice import sounds
from tests.load.voice.activity import FRAME, SENTENCES, SPEECH_LEVEL, VOICES
from tests.load.voice.speech import Speaker

RULES_TRIED: dict[str, GateRules] = {
    "over the bot": RULES_OVER_BOT,
    "less voice": replace(RULES_OVER_BOT, open_ms=96, open_within_ms=200),
    "less voice, surer": replace(RULES_OVER_BOT, on=0.7, open_ms=96, open_within_ms=160),
    "the bot is silent": RULES,
}
NOISE_DB = (-40, -20)
ECHO_DB = (-20, -30, -35, -40)
TOLD = (
    "给您提个醒，有一笔增值税已经过了申报期限，欠缴金额一万二千五百元三角，请您尽快登录电子税务局办理。",
    "您可以登录电子税务局，也可以到办税服务厅的窗口去交，一下子交不上的话，可以申请延期缴纳。",
)


def openings(sound: sounds.Sound, rules: GateRules, *, once: bool) -> list[float]:
    """When the gate opens, in ms; it is closed again at once."""
    heard = mulaw.encode(sounds.to_samples(sound))
    gate, high_pass, found = Gate(SileroActivity(), rules), HighPass(), []
    for at in range(0, len(heard) - FRAME, FRAME):
        gate.feed(at * 1000 / RATE, high_pass.feed(mulaw.decode(heard[at : at + FRAME])))
        if gate.open:
            found.append((at + FRAME) * 1000 / RATE)
            if once:
                break
            gate.close()
    return found


def over_noise(one: sounds.Sound, level_db: float, noise_db: float, rng: np.random.Generator) -> sounds.Sound:
    """A second and a half of the line, then this, ``level_db`` below the usual level, and noise ``noise_db`` below that level."""
    loud = one * SPEECH_LEVEL / sounds.level(one) * 10 ** (level_db / 20)
    sound = np.concatenate((sounds.silence(1.5), loud, sounds.silence(0.6)))
    noise = sounds.line_noise(len(sound) / RATE + 0.1, rng)[: len(sound)]
    return sound + noise * SPEECH_LEVEL * 10 ** (noise_db / 20)


def delays(speech: Sequence[sounds.Sound], rules: GateRules, noise_db: float) -> tuple[list[float], int]:
    rng = np.random.default_rng(1)
    found, missed = [], 0
    for one in speech:
        # Windows of the detector begin anywhere in an utterance.
        late = np.concatenate((np.zeros(int(rng.integers(0, 256)), np.float32), one))
        first, _ = voiced_span(sounds.to_samples(late * SPEECH_LEVEL / sounds.level(late))) or (0, 0)
        opened = openings(over_noise(late, 0, noise_db, rng), rules, once=True)
        found += [at - 1500 - first * 1000 / RATE for at in opened]
        missed += not opened
    return found, missed


def echoes(bot: Sequence[sounds.Sound], rules: GateRules, level_db: float) -> float:
    rng = np.random.default_rng(2)
    lines = [over_noise(one, level_db, -40, rng) for one in bot]
    found = sum(len(openings(line, rules, once=False)) for line in lines)
    return found * 60 * RATE / sum(map(len, bot))


def main() -> None:
    speaker = Speaker()
    speech = [speaker.say(text, slow=slow, pitch=pitch) for slow, pitch in VOICES for text in SENTENCES]
    bot = [speaker.say(text) for text in TOLD]
    head = ("Rules", *(f"Opens, noise {db} dB" for db in NOISE_DB), *(f"Echo {db} dB" for db in ECHO_DB))
    rows = []
    for name, rules in RULES_TRIED.items():
        cells = []
        for noise_db in NOISE_DB:
            took, missed = delays(speech, rules, noise_db)
            spread = f"{np.median(took):.0f}, {np.quantile(took, 0.95):.0f}, {max(took):.0f}"
            cells.append(spread + (f"; {missed} missed" if missed else ""))
        rows.append((name, *cells, *(f"{echoes(bot, rules, db):.0f}" for db in ECHO_DB)))
    sys.stdout.write(grid(head, rows) + "\n")


if __name__ == "__main__":
    main()
