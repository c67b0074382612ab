from __future__ import annotations

import numpy as np
import pytest

from telephony.hearing.gate import Gate, GateRules
from tests.telephony.hearing.fakes import pause, spoken

pytestmark = pytest.mark.unit


class Scripted:
    """Says what it is told, and notes what it was asked."""

    window = 160

    def __init__(self, *answers: float) -> None:
        self.answers = list(answers)
        self.asked = 0

    def hear(self, samples: np.ndarray) -> float:
        self.asked += 1
        return self.answers.pop(0) if self.answers else 0.0

    def reset(self) -> None:
        pass


def loud(ms: int = 20) -> np.ndarray:
    return np.full(8 * ms, 6000, np.int16)


def test_one_window_alone_does_not_open() -> None:
    gate = Gate(Scripted(0.9, 0.1, 0.9, 0.1, 0.1, 0.1))
    for n in range(6):
        gate.feed(20 * n, loud())
    assert not gate.open


def test_it_opens_at_the_first_of_the_windows_that_count() -> None:
    gate = Gate(Scripted(0.1, 0.9, 0.9, 0.9))
    for n in range(4):
        gate.feed(1000 + 20 * n, loud())
    assert gate.open and gate.began_ms == 1020


def test_a_voice_goes_on_at_less_than_what_it_began_with() -> None:
    gate = Gate(Scripted(0.4, 0.9, 0.9, 0.9, 0.4, 0.4, 0.2, 0.4))
    voiced = []
    for n in range(8):
        gate.feed(20 * n, loud())
        voiced.append(gate.voiced)
    assert voiced == [False, True, True, True, True, True, False, False]


def test_the_end_is_that_of_the_sound_not_of_the_detector() -> None:
    gate = Gate(Scripted(*[0.9] * 20))
    for n, sound in enumerate([loud()] * 10 + [pause(20)] * 6):
        gate.feed(20 * n, sound)
    assert gate.voiced and gate.voiced_until_ms == 200


def test_no_more_is_taken_back_than_the_rules_allow() -> None:
    rules = GateRules(let_go_ms=40)
    gate = Gate(Scripted(*[0.9] * 20), rules)
    for n, sound in enumerate([loud()] * 10 + [pause(20)] * 6):
        gate.feed(20 * n, sound)
    assert gate.voiced_until_ms == 320 - 40


def test_where_it_is_quiet_nobody_is_asked() -> None:
    activity = Scripted()
    gate = Gate(activity)
    noise = (np.random.default_rng(1).standard_normal(8 * 20_000) * 60).astype(np.int16)
    gate.feed(0, np.concatenate((noise, pause(5000))))
    before = activity.asked
    assert before < 60
    gate.feed(25_000, spoken("你好"))
    assert activity.asked >= before + 15


def test_windows_keep_their_times_whatever_the_pieces() -> None:
    sound = np.concatenate((pause(500), spoken("你好"), pause(300)))
    ends = []
    for size in (160, 37, 900):
        gate = Gate(Scripted(*[0.9] * 200))
        for at in range(0, len(sound), size):
            gate.feed(at / 8, sound[at : at + size])
        ends.append((round(gate.began_ms), round(gate.voiced_until_ms)))
    assert len(set(ends)) == 1
