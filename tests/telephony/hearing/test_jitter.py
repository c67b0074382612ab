from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.events import AudioIn
from telephony.hearing import mulaw
from telephony.hearing.jitter import MAX_HOLD_MS, Jitter, Piece

pytestmark = pytest.mark.unit


def frame(number: int, at_ms: int | None = None) -> AudioIn:
    return AudioIn(number, number * 20 if at_ms is None else at_ms, bytes((number % 100,)) * 160)


def pushed(jitter: Jitter, *numbers: int) -> list[Piece]:
    return [piece for number in numbers for piece in jitter.push(frame(number))]


def test_what_is_in_order_passes_at_once() -> None:
    jitter = Jitter()
    for number in range(1, 50):
        assert jitter.push(frame(number)) == [Piece(number * 20, frame(number).mulaw)]


def test_swapped_frames_are_put_right() -> None:
    jitter = Jitter()
    assert [p.at_ms for p in pushed(jitter, 1, 3, 2, 5, 4)] == [20, 40, 60, 80, 100]
    assert not any(p.lost for p in pushed(jitter, 6))


def test_doubled_and_late_frames_are_dropped() -> None:
    jitter = Jitter()
    assert len(pushed(jitter, 1, 1, 2, 1, 4, 4, 3, 2)) == 4
    assert jitter.dropped == 4


def test_a_gap_is_filled_when_enough_has_come_after_it() -> None:
    jitter = Jitter()
    pieces = pushed(jitter, 1, 2)
    later = range(6, 6 + MAX_HOLD_MS // 20 + 1)
    for number in later:
        held = pushed(jitter, number)
        assert bool(held) == (number == later[-1])
        pieces += held
    assert [p.at_ms for p in pieces] == list(range(20, 20 * (later[-1] + 1), 20))
    assert [p.at_ms // 20 for p in pieces if p.lost] == [3, 4, 5]
    first, second, third = [np.abs(mulaw.decode(p.mulaw).astype(int)).max() for p in pieces if p.lost]
    whole = np.abs(mulaw.decode(frame(2).mulaw).astype(int)).max()
    assert whole > first > second > third == 0
    assert jitter.filled_ms == 60


def test_what_the_carrier_itself_lost_is_filled_without_waiting() -> None:
    jitter = Jitter()
    jitter.push(frame(1, 20))
    assert [(p.at_ms, p.lost) for p in jitter.push(frame(2, 80))] == [(40, True), (60, True), (80, False)]


def test_numbers_with_holes_but_times_without_are_in_order() -> None:
    jitter = Jitter()
    jitter.push(frame(1, 20))
    assert len(jitter.push(frame(3, 40))) == 1


def test_a_long_hole_is_left_open() -> None:
    jitter = Jitter()
    jitter.push(frame(1, 20))
    assert jitter.push(frame(2, 60_000)) == [Piece(60_000, frame(2).mulaw)]


def test_at_the_end_what_is_held_comes_out() -> None:
    jitter = Jitter()
    pushed(jitter, 1, 3, 4)
    assert [(p.at_ms, p.lost) for p in jitter.drain()] == [(40, True), (60, False), (80, False)]
    assert jitter.drain() == []


def test_clocks_that_stand_still_or_go_back_do_no_harm() -> None:
    jitter = Jitter()
    pieces = [p for n, at in enumerate((0, 0, 0, 500, 20, 40)) for p in jitter.push(frame(n, at))]
    assert all(a.ends_ms == b.at_ms for a, b in pairwise(pieces))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 10_000), st.integers(1, 400)), max_size=80))
def test_whatever_comes_time_only_goes_forward(sent: list[tuple[int, int, int]]) -> None:
    jitter = Jitter()
    pieces = [p for s, at, size in sent for p in jitter.push(AudioIn(s, at, b"\x10" * size))] + jitter.drain()
    assert all(a.ends_ms <= b.at_ms for a, b in pairwise(pieces))
    assert sum(not p.lost for p in pieces) + jitter.dropped == len(sent)


def test_a_rough_line_loses_only_what_was_lost() -> None:
    rng = random.Random(2)
    sent = [frame(n) for n in range(1, 1000) if rng.random() > 0.2]
    shaken = sorted(sent, key=lambda f: f.sequence + rng.uniform(0, 4))
    jitter = Jitter()
    pieces = [p for f in shaken for p in jitter.push(f)] + jitter.drain()
    kept = [p.at_ms // 20 for p in pieces if not p.lost]
    assert kept == sorted(kept) and len(kept) == len(sent)
    assert [p.at_ms for p in pieces] == list(range(pieces[0].at_ms, pieces[-1].at_ms + 20, 20))
