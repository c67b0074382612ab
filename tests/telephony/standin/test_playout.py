"""The play-out buffer, slot by slot: no clock is needed to see its pace."""

from __future__ import annotations

import pytest

from telephony.standin.playout import LIMIT_S, PlayoutBuffer

pytestmark = pytest.mark.unit
FRAME = b"\x10" * 160


def test_a_second_of_speech_takes_fifty_slots_and_its_mark_comes_with_the_next() -> None:
    buffer = PlayoutBuffer()
    buffer.put(FRAME * 50)
    buffer.mark("end")
    played = [buffer.pull() for _ in range(50)]
    assert all(one.frame == FRAME and not one.marks for one in played)
    after = buffer.pull()
    assert after.frame is None
    assert after.marks == ("end",)


def test_marks_between_pieces_come_back_one_by_one() -> None:
    buffer = PlayoutBuffer()
    for name in ("a", "b"):
        buffer.put(FRAME * 2)
        buffer.mark(name)
    assert [buffer.pull().marks for _ in range(5)] == [(), (), ("a",), (), ("b",)]


def test_a_mark_on_an_empty_buffer_comes_with_the_next_slot() -> None:
    buffer = PlayoutBuffer()
    buffer.mark("now")
    assert buffer.pull().marks == ("now",)


def test_a_short_piece_is_filled_with_silence_and_heard_like_a_frame() -> None:
    buffer = PlayoutBuffer()
    buffer.put(b"\x10" * 200)
    buffer.mark("end")
    assert buffer.pull().frame == FRAME
    assert buffer.pull().frame == b"\x10" * 40 + b"\xff" * 120
    assert buffer.pull().marks == ("end",)


def test_clear_gives_back_every_pending_mark_at_once_and_silence_follows() -> None:
    buffer = PlayoutBuffer()
    buffer.put(FRAME * 100)
    buffer.mark("a")
    buffer.put(FRAME * 100)
    buffer.mark("b")
    buffer.pull()
    assert buffer.clear() == ("a", "b")
    assert buffer.pull().frame is None
    assert buffer.pending_marks == ()
    assert buffer.ahead_ms == 0


def test_after_a_clear_marks_count_from_what_was_really_played() -> None:
    buffer = PlayoutBuffer()
    buffer.put(FRAME * 100)
    buffer.pull()
    buffer.clear()
    buffer.put(FRAME)
    buffer.mark("new")
    assert [buffer.pull().marks for _ in range(2)] == [(), ("new",)]


def test_far_too_much_is_thrown_away_and_counted() -> None:
    buffer = PlayoutBuffer()
    buffer.put(b"\x10" * (LIMIT_S * 8000 + 5))
    assert buffer.overflowed == 5
