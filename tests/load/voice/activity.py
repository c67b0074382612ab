"""Compares the detectors of voice activity: ``.venv/bin/python -m tests.load.voice.activity [--json]``.

Synthetic speech (several pitches and speeds) through µ-law, with telephone noise; and a minute each of what is not
speech. What is measured is the gate as the ear uses it, on top of each detector:

- *missed*: share of the voice's 10 ms blocks, and *utterances* at whose sound the gate never opened;
- *false*: share of the blocks without voice, 300 ms clear of any, in which it holds the gate voiced;
- *end*: when the gate thinks that an utterance ended, less when it did (ms, median and 95th percentile, absolute);
- *lets go*: the same for the last voiced window;
- *openings* a minute in sound without speech; *CPU*: milliseconds per second of sound, one thread.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from telephony.events import FRAME_MS, RATE
from telephony.hearing import mulaw
from telephony.hearing.activity import Activity, SileroActivity
from telephony.hearing.gate import Gate, GateRules
from tests.load.document import grid
from tests.load.voice import sounds
from tests.load.voice.speech import Speaker
from tests.load.voice.webrtc import WebRtcActivity

FRAME = RATE * FRAME_MS // 1000
BLOCK = RATE // 100
SPEECH_LEVEL = 0.1
SENTENCES = (
    "喂", "是", "不是", "好的", "你好", "哪位呀", "对，我就是", "我知道了", "嗯，你说", "等一下", "可以", "没有",
    "我想问一下，滞纳金怎么算", "幺三八，零零二三，四五六七", "一万二千五百元", "十一月二十三号之前，我去交",
    "你是谁啊，怎么有我的电话", "我现在不方便，晚一点再打", "能不能申请延期", "公司最近没有钱，一下子交不上",
)  # fmt: skip
VOICES = ((1.0, 1.0), (1.3, 1.15), (0.85, 0.7))
DETECTORS: dict[str, tuple[Callable[[], Activity], GateRules]] = {
    "Silero": (SileroActivity, GateRules()),
    "Silero, also where it is quiet": (SileroActivity, GateRules(quiet_db=-100, silence_db=-200)),
    **{f"WebRTC {n}": (lambda n=n: WebRtcActivity(n), GateRules()) for n in (1, 2, 3)},  # type: ignore[misc]
}


@dataclass(frozen=True, slots=True)
class Row:
    detector: str
    sound: str
    missed: float | None
    utterances: str
    false: float
    end_ms: tuple[float, float] | None
    lets_go_ms: tuple[float, float] | None
    openings_per_minute: float | None
    cpu_ms_per_s: float


@dataclass(frozen=True, slots=True)
class Tape:
    """Sound, and where in it somebody speaks: first and last voiced sample of each utterance."""

    name: str
    samples: NDArray[np.int16]
    voice: NDArray[np.bool_]
    utterances: tuple[tuple[int, int], ...]


def spoken(noise: Callable[[float, np.random.Generator], sounds.Sound] | None, snr_db: float, name: str,
           speech: Sequence[sounds.Sound]) -> Tape:  # fmt: skip
    """All of the speech with 1.5 s between, over noise."""
    rng = np.random.default_rng(5)
    parts, marks, at = [sounds.silence(2)], [], 2 * RATE
    for one in speech:
        marks.append(_bounds(one, at))
        parts += [one, sounds.silence(1.5)]
        at += len(one) + round(1.5 * RATE)
    clean = np.concatenate(parts)
    blocks = clean[: len(clean) // BLOCK * BLOCK].reshape(-1, BLOCK)
    voice = np.sqrt(np.mean(blocks**2, axis=1)) > SPEECH_LEVEL / 30
    heard = clean
    if noise:
        heard = clean + noise(len(clean) / RATE, rng)[: len(clean)] * SPEECH_LEVEL / 10 ** (snr_db / 20)
    return Tape(name, sounds.to_samples(heard), voice, tuple(marks))


def _bounds(one: sounds.Sound, at: int) -> tuple[int, int]:
    blocks = one[: len(one) // BLOCK * BLOCK].reshape(-1, BLOCK)
    loud = np.flatnonzero(np.sqrt(np.mean(blocks**2, axis=1)) > SPEECH_LEVEL / 30)
    return at + int(loud[0]) * BLOCK, at + (int(loud[-1]) + 1) * BLOCK


def unspoken(name: str, sound: sounds.Sound) -> Tape:
    samples = sounds.to_samples(sound)
    return Tape(name, samples, np.zeros(len(samples) // BLOCK, np.bool_), ())


def measure(name: str, activity: Activity, rules: GateRules, tape: Tape) -> Row:
    """The gate over one tape, closed 500 ms after each voice as an ear would."""
    heard = mulaw.encode(tape.samples)
    gate = Gate(activity, rules)
    voiced = np.zeros(len(tape.voice), np.bool_)
    ends, lets_go, opened = [], [], []
    last_voiced = 0.0
    began = time.process_time()
    for at in range(0, len(heard) - FRAME, FRAME):
        was_open = gate.open
        gate.feed(at * 1000 / RATE, mulaw.decode(heard[at : at + FRAME]))
        now = (at + FRAME) * 1000 / RATE
        if gate.open and not was_open:
            opened.append(gate.began_ms)
        if gate.voiced:
            last_voiced = now
            voiced[(at // BLOCK) : (at + FRAME) // BLOCK] = gate.open
        if gate.open and now - gate.voiced_until_ms > 500:
            ends.append(gate.voiced_until_ms)
            lets_go.append(last_voiced)
            gate.close()
    cpu = (time.process_time() - began) * 1000 / (len(heard) / RATE)
    near = np.convolve(tape.voice, np.ones(61), "same") > 0
    clear = ~near
    found = [_nearest(ends, end * 1000 / RATE) for _, end in tape.utterances]
    kept = [d for d in found if d is not None and abs(d) < 400]
    went = [
        d
        for d in (_nearest(lets_go, end * 1000 / RATE) for _, end in tape.utterances)
        if d is not None and abs(d) < 400
    ]
    return Row(
        detector=name,
        sound=tape.name,
        missed=float(np.mean(~voiced[tape.voice])) if tape.utterances else None,
        utterances=f"{_unopened(tape, opened)}/{len(tape.utterances)}" if tape.utterances else "",
        false=float(np.mean(voiced[clear])),
        end_ms=_spread(kept) if kept else None,
        lets_go_ms=_spread(went) if went else None,
        openings_per_minute=None if tape.utterances else len(opened) * 60 / (len(heard) / RATE),
        cpu_ms_per_s=cpu,
    )


def _unopened(tape: Tape, opened: Sequence[float]) -> int:
    return sum(
        not any(start * 1000 / RATE - 200 <= at <= end * 1000 / RATE for at in opened)
        for start, end in tape.utterances
    )


def _nearest(times: Sequence[float], wanted: float) -> float | None:
    return min((t - wanted for t in times), key=abs, default=None)


def _spread(values: Sequence[float]) -> tuple[float, float]:
    return float(np.median(values)), float(np.quantile(np.abs(values), 0.95))


def tapes() -> list[Tape]:
    speaker = Speaker()
    said = [speaker.say(text, slow=slow, pitch=pitch) for slow, pitch in VOICES for text in SENTENCES]
    speech = [one * SPEECH_LEVEL / sounds.level(one) for one in said]
    rng = np.random.default_rng(6)
    return [
        spoken(None, 0, "speech, clean", speech),
        spoken(sounds.line_noise, 20, "speech, line noise 20 dB", speech),
        spoken(sounds.line_noise, 10, "speech, line noise 10 dB", speech),
        spoken(sounds.street, 10, "speech, street 10 dB", speech),
        unspoken("line noise alone", sounds.line_noise(60, rng) * 0.03),
        unspoken("street alone", sounds.street(60, rng) * 0.05),
        unspoken("music", sounds.music(60, rng) * 0.1),
        unspoken("ringing tone", sounds.ringing(60) * 0.1),
        unspoken("silence", sounds.silence(60)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a row instead of a table")
    wanted = parser.parse_args()
    rows = [
        measure(name, make(), rules, tape) for tape in tapes() for name, (make, rules) in DETECTORS.items()
    ]
    if wanted.json:
        for row in rows:
            print(json.dumps(asdict(row), ensure_ascii=False))
        return
    head = (
        "Sound",
        "Detector",
        "Missed",
        "Utterances missed",
        "False",
        "End, ms",
        "Lets go, ms",
        "Openings/min",
        "CPU ms/s",
    )
    print(grid(head, [_cells(row) for row in rows]))


def _cells(row: Row) -> tuple[str, ...]:
    def share(value: float | None) -> str:
        return "" if value is None else f"{value:.1%}"

    def spread(value: tuple[float, float] | None) -> str:
        return f"{value[0]:+.0f}, {value[1]:.0f}" if value else ""

    openings = "" if row.openings_per_minute is None else f"{row.openings_per_minute:.0f}"
    return (row.sound, row.detector, share(row.missed), row.utterances, share(row.false), spread(row.end_ms),
            spread(row.lets_go_ms), openings, f"{row.cpu_ms_per_s:.1f}")  # fmt: skip


if __name__ == "__main__":
    main()
