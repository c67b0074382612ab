"""Figures from recordings made by hand, so that every number is known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from telephony.standin.figures import measure, percentile
from telephony.standin.person import Said
from telephony.standin.recording import Arrival, Recording
from tests.telephony.standin.fakes import sound

pytestmark = pytest.mark.unit
TALK, QUIET = sound(20), b"\xff" * 160


def recorded(length_ms: int, *bot: tuple[int, int], arrive_early_ms: float = 20.0) -> Recording:
    """So long, with the bot heard in these stretches and its frames on the wire a little before."""
    recording = Recording()
    for at in range(0, length_ms, 20):
        heard = any(began <= at < ended for began, ended in bot)
        recording.slot(QUIET, TALK if heard else None, bot_audible=heard)
        if heard:
            recording.arrivals.append(Arrival(at - arrive_early_ms, 160, True))
    return recording


def test_the_gap_is_from_the_last_voiced_sample_to_the_first_frame_on_the_wire() -> None:
    recording = recorded(8000, (0, 1000), (2620, 4000), (6500, 7000))
    recording.said = [Said("是我", 1500, 2200), Said("好", 5000, 6100)]
    assert measure(recording).reply_gaps == (400.0, 380.0)
    assert measure(recording).answered == ("是我", "好")


def test_the_stand_ins_own_lateness_is_not_counted_as_a_slow_reply() -> None:
    recording = recorded(5000, (0, 1000), (2620, 4000))
    recording.said = [Said("是我", 1500, 2200)]
    recording.sent_late_ms = [0.0] * 109 + [150.0] + [0.0] * 140
    assert measure(recording).reply_gaps == (250.0,)


def test_what_the_bot_goes_on_saying_is_no_reply() -> None:
    recording = recorded(8000, (0, 4000), (6000, 7000))
    recording.said = [Said("嗯", 1500, 1900), Said("好", 5000, 5400)]
    assert measure(recording).reply_gaps == (580.0,)


def test_a_turn_without_a_reply_has_no_gap() -> None:
    recording = recorded(8000, (0, 1000), (7000, 8000))
    recording.said = [
        Said("是我", 1500, 2200),
        Said("喂", 4000, 4500),
        Said("beep", 5000, 5400, speech=False),
    ]
    assert measure(recording).reply_gaps == (2480.0,)


def test_barge_in_counts_only_where_the_bot_was_cleared() -> None:
    recording = recorded(9000, (0, 1240), (4000, 6000))
    recording.clears = [1200.0]
    recording.said = [Said("等等", 1000, 1500), Said("嗯", 4500, 4800)]
    assert measure(recording).barge_ins == (240.0,)


def test_a_bot_that_is_held_and_goes_on_was_not_interrupted() -> None:
    recording = recorded(9000, (0, 1240), (1700, 4000), (4400, 4500), (6000, 7000))
    recording.clears, recording.resumed = [1200.0, 4000.0, 4480.0], [1200.0, 4000.0]
    recording.said = [Said("嗯", 1000, 1300), Said("呃，等一下", 3800, 4600)]
    # The first time for 嗯; the second time it had gone on for 100 ms when the words came.
    assert measure(recording).barge_ins == (700.0,)


def test_what_is_cut_off_later_for_another_reason_is_no_barge_in() -> None:
    recording = recorded(9000, (0, 4000), (5000, 6000))
    recording.clears, recording.keys = [3980.0, 5980.0], [(3800.0, "1")]
    recording.said = [Said("嗯", 1000, 1300)]
    assert measure(recording).barge_ins == ()
    recording.keys = []
    assert measure(recording).barge_ins == (3000.0,)
    recording.clears = [5980.0]
    assert measure(recording).barge_ins == ()


def test_a_sentence_at_once_after_the_cut_does_not_lengthen_it() -> None:
    recording = recorded(9000, (0, 1220), (1320, 4000))
    recording.clears = [1200.0]
    recording.said = [Said("等一下", 1000, 1500)]
    assert measure(recording).barge_ins == (220.0,)


def test_speech_that_comes_again_was_only_held() -> None:
    speech = np.random.default_rng(2).integers(0, 100, 16000, np.uint8).tobytes()
    recording = Recording()
    recording.cleared(100.0, speech[1600:3200])
    for at in range(800, 8000, 160):
        recording.arrived(500.0, speech[at : at + 160])
    recording.cleared(900.0, speech[8000:9000])
    for at in range(0, 8000, 160):
        recording.arrived(1500.0, speech[at : at + 160])
    recording.cleared(1600.0, b"")
    recording.cleared(1700.0, QUIET * 5)
    assert recording.clears == [100.0, 900.0, 1600.0, 1700.0]
    assert recording.resumed == [100.0] and recording.idle == [1600.0, 1700.0]


def test_speech_cleared_twice_before_it_has_come_again_is_known_all_the_same() -> None:
    speech = np.random.default_rng(2).integers(0, 100, 16000, np.uint8).tobytes()
    recording = Recording()
    recording.cleared(100.0, speech[1600:3200])
    for at in range(480, 1280, 160):
        recording.arrived(500.0, speech[at : at + 160])
    recording.cleared(600.0, speech[960:1280])
    for at in range(0, 4000, 160):
        recording.arrived(900.0, speech[at : at + 160])
    assert sorted(recording.resumed) == [100.0, 600.0]


def test_what_a_held_bot_goes_on_saying_is_no_reply() -> None:
    recording = recorded(9000, (0, 1240), (1700, 4000), (5500, 7000))
    recording.said = [Said("嗯", 1000, 1300), Said("等一下", 3760, 4800)]
    recording.clears, recording.resumed, recording.idle = [1200.0, 3980.0, 4700.0], [1200.0], [4700.0]
    figures = measure(recording)
    assert figures.reply_gaps == (680.0,) and figures.barge_ins == (240.0,)


def test_the_reply_comes_after_what_was_said_by_mistake() -> None:
    # It goes on when the voice pauses, and is stopped by the words a moment later.
    recording = recorded(9000, (0, 1240), (1900, 2000), (2600, 4000))
    recording.said = [Said("等一下", 1000, 1640)]
    recording.clears, recording.resumed = [1200.0, 1980.0], [1200.0]
    figures = measure(recording)
    assert figures.reply_gaps == (940.0,) and figures.barge_ins == (1000.0,)


def test_the_greeting_is_the_first_frame_that_can_be_heard() -> None:
    recording = recorded(2000, (500, 1000))
    recording.arrivals.insert(0, Arrival(10.0, 160, False))
    assert measure(recording).greeting == 480.0
    assert measure(Recording()).greeting is None


def test_an_even_pace_is_never_late_and_a_stall_is() -> None:
    recording = Recording()
    recording.arrivals = [Arrival(1000.0 + 20 * number, 160, True) for number in range(50)]
    assert max(measure(recording).lateness) == 0
    assert measure(recording).holes == ()
    recording.arrivals = [
        Arrival(1000.0 + 20 * number + (60 if number == 25 else 0), 160, True) for number in range(50)
    ]
    figures = measure(recording)
    assert max(figures.lateness) == 60
    assert figures.holes == (60.0,)


def test_a_head_start_covers_a_stall_and_no_hole_is_heard() -> None:
    recording = Recording()
    recording.arrivals = [Arrival(1000.0, 1600, True)]
    recording.arrivals += [
        Arrival(1020.0 + 20 * number + (60 if number == 25 else 0), 160, True) for number in range(50)
    ]
    figures = measure(recording)
    assert figures.holes == ()
    assert max(figures.lateness) == 60


def test_percentiles_are_nearest_ranks() -> None:
    assert percentile([], 50) is None
    assert percentile([3, 1, 2], 50) == 2
    assert percentile(range(1, 101), 95) == 95
    assert percentile([7], 99) == 7
