from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from telephony.events import RATE
from telephony.hearing.rumble import HighPass

pytestmark = pytest.mark.unit


def tone(hertz: float) -> NDArray[np.int16]:
    return (8000 * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE)).astype(np.int16)


def gain_db(hertz: float) -> float:
    passed = HighPass().feed(tone(hertz)).astype(float)
    return float(20 * np.log10(np.std(passed[RATE // 4 :]) / np.std(tone(hertz))))


def test_traffic_goes_and_speech_stays() -> None:
    assert gain_db(60) < -20
    assert gain_db(100) < -14
    assert abs(gain_db(600)) < 0.5 and abs(gain_db(2000)) < 0.2


def test_pieces_go_on_where_the_one_before_ended() -> None:
    sound = tone(170) + tone(900) // 2
    line = HighPass()
    pieces = [line.feed(sound[start : start + 160]) for start in range(0, RATE, 160)]
    assert np.array_equal(np.concatenate(pieces), HighPass().feed(sound))
    assert line.feed(np.zeros(0, np.int16)).size == 0
