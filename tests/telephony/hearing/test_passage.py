from __future__ import annotations

import numpy as np
import pytest

from telephony.hearing.passage import ONSET_MS, PRE_ROLL_MS, REST_MS, SILENCE_MS, Passage

pytestmark = pytest.mark.unit


def piece(value: int) -> np.ndarray:
    return np.full(160, value, np.int16)


def given(passage: Passage, pauses: list[int], first: int = 1000) -> list[np.ndarray | None]:
    return [passage.more(piece(first + n), pause) for n, pause in enumerate(pauses)]


def test_what_came_before_the_voice_is_given_with_it() -> None:
    passage = Passage()
    for n in range(200):
        passage.before(piece(n))
    sound = passage.begin(ago_ms=100)
    assert len(sound) == (PRE_ROLL_MS + 100) * 8 and sound[-1] == 199


def test_at_the_very_beginning_there_is_less() -> None:
    passage = Passage()
    passage.before(piece(1))
    assert len(passage.begin(ago_ms=20)) == 160


def test_silence_takes_the_place_of_the_room() -> None:
    passage = Passage()
    out = given(passage, [0, 20, 40, 60, 80, 100, 120, 140])
    assert [sound is not None for sound in out] == [True] * 5 + [False] * 3
    last = out[4]
    assert last is not None and len(last) == 160 + SILENCE_MS * 8
    assert last[0] == 1004 and not last[159:].any() and passage.resting


def test_who_goes_on_soon_loses_no_sound_of_the_onset() -> None:
    passage = Passage()
    given(passage, [0, REST_MS])
    out = given(passage, [100, 120, 140, 160, 20])
    assert (
        out[-1] is not None
        and out[-1].tolist() == np.concatenate([piece(1000 + n) for n in range(5)]).tolist()
    )
    assert not passage.resting and given(passage, [0])[0] is not None


def test_after_a_long_pause_time_is_kept() -> None:
    passage = Passage()
    given(passage, [0, REST_MS])
    rested = list(range(REST_MS + 20, SILENCE_MS + 400, 20))
    resumed = given(passage, [*rested, 0])[-1]
    assert resumed is not None
    assert len(resumed) + SILENCE_MS * 8 == 160 * (len(rested) + 1)
    assert len(resumed) >= ONSET_MS * 8
