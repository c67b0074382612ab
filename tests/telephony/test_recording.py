"""Recordings: what goes in comes out, sealed; crashes, full disks and broken clocks cost no more than they must."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import struct
import threading
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import wavfile

from telephony.recording import LIMIT_MS, Recorded, Recordings, Write
from telephony.recording_format import (
    CHUNK_BYTES,
    SEALED_CHUNK,
    SEALED_END,
    Problem,
    RecordingDamaged,
    RecordingError,
    RecordingKeys,
    locate,
)
from telephony.recording_reader import WAV_HEADER, RecordingReader
from telephony.recording_retention import expire
from telephony.recording_timeline import Timeline

pytestmark = pytest.mark.unit

KEYS = RecordingKeys("a", {"a": bytes(range(32)), "b": bytes(32)})
STARTED = datetime(2026, 11, 23, 9, 30, tzinfo=timezone(timedelta(hours=8)))
QUIET = b"\xff"
HEADER_BYTES = 4 + 1 + 1 + 16 + 16 + 8 + 4 + 1 + 1 + 4
Piece = tuple[str, int, bytes]


async def record(
    folder: Path, pieces: Sequence[Piece], ended_ms: int | None = None, write: Write = os.write
) -> Recorded:
    recordings = Recordings(folder, KEYS, write)
    recording = recordings.start(uuid.uuid4(), STARTED)
    for side, at_ms, sound in pieces:
        if side == "cut":
            recording.cut(at_ms)
        else:
            getattr(recording, side)(at_ms, sound)
    done = await recording.close(ended_ms)
    recordings.close()
    return done


def sides(reader: RecordingReader) -> tuple[bytes, bytes]:
    audio = b"".join(reader.wav(WAV_HEADER))
    return audio[::2], audio[1::2]


def played(done: Recorded) -> tuple[bytes, bytes]:
    assert done.path is not None
    return sides(RecordingReader(done.path, KEYS))


def frames(side: str, sound: bytes, at_ms: int = 0) -> list[Piece]:
    return [(side, at_ms + i // 8, sound[i : i + 160]) for i in range(0, len(sound), 160)]


def straight(pieces: Sequence[Piece]) -> tuple[bytes, bytes]:
    """The same by the simplest means: two long strips."""
    strips = {"caller": bytearray(), "bot": bytearray()}
    for side, at_ms, sound in pieces:
        strip = strips[side]
        strip.extend(QUIET * (at_ms * 8 + len(sound) - len(strip)))
        strip[at_ms * 8 : at_ms * 8 + len(sound)] = sound
    longest = max(len(strip) for strip in strips.values())
    return tuple(bytes(strip.ljust(longest, QUIET)) for strip in strips.values())  # type: ignore[return-value]


@st.composite
def talks(draw: st.DrawFn) -> list[Piece]:
    """Both sides, each in order, with pauses of whole frames; never a frame behind the other by more than a second."""
    pieces: list[Piece] = []
    for side in ("caller", "bot"):
        at = 0
        for _ in range(draw(st.integers(0, 40))):
            at += 20 * draw(st.sampled_from([0, 0, 0, 1, 7, 60]))
            sound = draw(st.binary(min_size=1, max_size=8)) * 160
            sound = sound[: 160 * draw(st.integers(1, 8))]
            pieces.append((side, at, sound))
            at += len(sound) // 8
    return sorted(pieces, key=lambda piece: piece[1])


@settings(max_examples=40, deadline=None)
@given(talks())
async def test_what_goes_in_comes_out(tmp_path_factory: pytest.TempPathFactory, talk: list[Piece]) -> None:
    done = await record(tmp_path_factory.mktemp("r"), talk)
    if not talk:
        assert done.duration_ms == 0
        return
    assert played(done) == straight(talk)
    assert done.complete
    assert done.duration_ms == len(straight(talk)[0]) // 8


async def test_left_is_the_caller_and_right_the_bot(tmp_path: Path) -> None:
    done = await record(tmp_path, [("bot", 0, b"b" * 1600), ("caller", 0, b"c" * 1600)])
    assert played(done) == (b"c" * 1600, b"b" * 1600)


async def test_words_taken_back_are_not_in_it(tmp_path: Path) -> None:
    told_ahead = frames("bot", b"b" * 24000)
    heard = frames("caller", b"c" * 8000)
    done = await record(
        tmp_path, [*told_ahead, *heard, ("cut", 1000, b""), *frames("caller", b"d" * 8000, 1000)]
    )
    caller, bot = played(done)
    assert bot == b"b" * 8000 + QUIET * 8000
    assert caller == b"c" * 8000 + b"d" * 8000


async def test_the_bot_speaks_again_after_words_were_taken_back(tmp_path: Path) -> None:
    talk = [*frames("bot", b"b" * 16000), ("cut", 500, b""), *frames("bot", b"n" * 800, 700)]
    assert played(await record(tmp_path, talk))[1] == b"b" * 4000 + QUIET * 1600 + b"n" * 800


async def test_words_after_the_end_were_not_heard(tmp_path: Path) -> None:
    done = await record(tmp_path, [*frames("caller", b"c" * 8000), ("bot", 500, b"b" * 16000)], ended_ms=1100)
    assert done.duration_ms == 1100
    assert played(done)[1] == QUIET * 4000 + b"b" * 4800


async def test_jitter_of_the_pacing_leaves_no_seam(tmp_path: Path) -> None:
    sound = bytes(range(160)) * 50
    shaken = [(side, at + (i * 7) % 19, part) for i, (side, at, part) in enumerate(frames("bot", sound))]
    assert played(await record(tmp_path, shaken))[1] == sound


async def test_late_frames_find_their_place(tmp_path: Path) -> None:
    sound = os.urandom(24000)
    parts = frames("caller", sound)
    parts[10], parts[14] = parts[14], parts[10]
    assert played(await record(tmp_path, parts))[0] == sound


async def test_it_is_written_while_people_talk(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path, KEYS)
    call = uuid.uuid4()
    recording = recordings.start(call, STARTED)
    for _, at_ms, sound in frames("caller", b"c" * 80000):
        recording.caller(at_ms, sound)
    recordings.close()
    path = locate(tmp_path, call)
    assert path is not None
    assert path == tmp_path / "2026-11" / f"{call}.slr"
    assert path.stat().st_mode & 0o777 == 0o600
    reader = RecordingReader(path, KEYS)
    assert not reader.complete
    assert sides(reader)[0] == b"c" * 8000 * 9


@given(st.integers(0, 3 * SEALED_CHUNK + SEALED_END))
@settings(max_examples=40, deadline=None)
async def test_whatever_a_crash_leaves_can_be_read(
    tmp_path_factory: pytest.TempPathFactory, kept: int
) -> None:
    folder = tmp_path_factory.mktemp("r")
    sound = os.urandom(8000 * 3)
    done = await record(folder, frames("caller", sound))
    assert done.path is not None
    with done.path.open("r+b") as file:
        file.truncate(HEADER_BYTES + kept)
    reader = RecordingReader(done.path, KEYS)
    assert reader.complete == (kept == 3 * SEALED_CHUNK + SEALED_END)
    assert sides(reader)[0] == sound[: kept // SEALED_CHUNK * 8000]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    done = asyncio.run(record(tmp_path_factory.mktemp("whole"), frames("caller", b"c" * 16000 + b"d" * 100)))
    assert done.path is not None
    return done.path.read_bytes()


def reading(data: bytes, folder: Path, keys: RecordingKeys = KEYS) -> RecordingReader:
    path = folder / "x.slr"
    path.write_bytes(data)
    return RecordingReader(path, keys)


@given(place=st.integers(0, HEADER_BYTES + 3 * SEALED_CHUNK + SEALED_END - 1), bit=st.integers(0, 7))
@settings(max_examples=150, deadline=None)
def test_any_changed_bit_is_noticed(
    whole: bytes, tmp_path_factory: pytest.TempPathFactory, place: int, bit: int
) -> None:
    data = bytearray(whole)
    data[place] ^= 1 << bit
    try:
        reader = reading(bytes(data), tmp_path_factory.mktemp("r"))
        if place >= HEADER_BYTES + 3 * SEALED_CHUNK:
            assert not reader.complete
        else:
            list(reader.wav())
            pytest.fail("the change went unnoticed")
    except RecordingError:
        pass


def test_every_byte_of_the_header_is_bound(whole: bytes, tmp_path: Path) -> None:
    for place in range(HEADER_BYTES):
        data = bytearray(whole)
        data[place] ^= 1
        with pytest.raises(RecordingError):
            list(reading(bytes(data), tmp_path).wav())


def test_seconds_cannot_be_exchanged_repeated_or_removed(whole: bytes, tmp_path: Path) -> None:
    head, body, end = whole[:HEADER_BYTES], whole[HEADER_BYTES:-SEALED_END], whole[-SEALED_END:]
    one, two, three = (body[i : i + SEALED_CHUNK] for i in range(0, len(body), SEALED_CHUNK))
    for forged in (
        two + one + three + end,
        one + one + three + end,
        one + two + end,
        one + two + three + three + end,
    ):
        with pytest.raises(RecordingDamaged):
            list(reading(head + forged, tmp_path).wav())


def test_nothing_said_can_be_seen(whole: bytes) -> None:
    assert b"c" * 8 not in whole


def test_the_same_words_are_sealed_differently_each_time(whole: bytes, tmp_path: Path) -> None:
    again = asyncio.run(record(tmp_path, frames("caller", b"c" * 16000 + b"d" * 100)))
    assert again.path is not None
    assert again.path.read_bytes()[HEADER_BYTES:][:64] != whole[HEADER_BYTES:][:64]


def test_another_key_opens_nothing(whole: bytes, tmp_path: Path) -> None:
    with pytest.raises(RecordingDamaged):
        list(reading(whole, tmp_path, RecordingKeys("a", {"a": bytes(32)})).wav())
    with pytest.raises(RecordingError, match="密钥 a"):
        reading(whole, tmp_path, RecordingKeys("b", {"b": bytes(32)}))


def test_an_old_recording_opens_after_the_writing_key_changed(whole: bytes, tmp_path: Path) -> None:
    assert reading(whole, tmp_path, RecordingKeys("b", KEYS.keys)).complete


@pytest.mark.parametrize("data", [b"", b"RIFF", b"SLR\x02" + bytes(80), b"SLR\x01\x40", os.urandom(200)])
def test_other_files_are_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(RecordingDamaged):
        reading(data, tmp_path)


@pytest.mark.parametrize("keys", [("a", {}), ("a", {"a": b"short"}), ("a b", {"a b": bytes(32)})])
def test_bad_keys_are_refused(keys: tuple[str, dict[str, bytes]]) -> None:
    with pytest.raises(RecordingError):
        RecordingKeys(*keys)


class SmallDisk:
    """Takes ``room`` bytes, the last write in part, then refuses; ``freed`` lets it write again."""

    def __init__(self, room: int, reason: int = errno.ENOSPC) -> None:
        self.room = room
        self.reason = reason
        self.stays_full = True

    def write(self, handle: int, data: bytes) -> int:
        if not self.room:
            self.room = 0 if self.stays_full else 10**9
            raise OSError(self.reason, os.strerror(self.reason))
        taken = os.write(handle, data[: self.room])
        self.room -= taken
        return taken


async def test_a_full_disk_ends_the_recording_and_not_the_call(tmp_path: Path) -> None:
    sound = os.urandom(80000)
    disk = SmallDisk(HEADER_BYTES + 2 * SEALED_CHUNK + 5000)
    done = await record(tmp_path, frames("caller", sound), write=disk.write)
    assert done.problem is Problem.DISK_FULL and not done.complete
    assert done.lost_ms == 8000
    assert done.path is not None
    reader = RecordingReader(done.path, KEYS)
    assert not reader.complete
    assert sides(reader)[0] == sound[:16000]


async def test_the_end_says_what_is_missing_when_the_disk_has_room_again(tmp_path: Path) -> None:
    disk = SmallDisk(HEADER_BYTES + SEALED_CHUNK)
    disk.stays_full = False
    done = await record(tmp_path, frames("caller", b"c" * 40000), write=disk.write)
    assert done.path is not None
    reader = RecordingReader(done.path, KEYS)
    assert (reader.problem, reader.lost_ms, reader.duration_ms) == (Problem.DISK_FULL, 4000, 1000)
    assert "没有录完整" in reader.problem.words


async def test_no_folder_no_recording(tmp_path: Path) -> None:
    (tmp_path / "2026-11").write_text("a file where the folder should be")
    done = await record(tmp_path, frames("caller", b"c" * 16000))
    assert done == Recorded(None, "a", 0, 2000, Problem.DISK)


async def test_a_slow_disk_costs_silence_but_keeps_the_time(tmp_path: Path) -> None:
    released = threading.Event()

    def slow(handle: int, data: bytes) -> int:
        released.wait()
        return os.write(handle, data)

    recordings = Recordings(tmp_path, KEYS, slow)
    recording = recordings.start(uuid.uuid4(), STARTED)
    sound = b"c" * 8000
    for second in range(100):
        recording.caller(second * 1000, sound)
    closing = asyncio.create_task(recording.close())
    await asyncio.sleep(0)
    released.set()
    done = await closing
    recordings.close()
    assert done.problem is Problem.TOO_SLOW and done.duration_ms == 100_000
    assert done.lost_ms == 40_000
    caller = played(done)[0]
    assert caller[: 60 * 8000] == b"c" * 60 * 8000
    assert caller[60 * 8000 : 70 * 8000] == QUIET * 80000


async def test_closing_twice_changes_nothing(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path, KEYS)
    recording = recordings.start(uuid.uuid4(), STARTED)
    recording.caller(0, b"c" * 8000)
    first = await recording.close()
    recording.caller(1000, b"d" * 80000)
    assert await recording.close() == first
    recordings.close()


async def test_a_second_recording_of_one_call_never_overwrites_the_first(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path, KEYS)
    call = uuid.uuid4()
    first, second = (recordings.start(call, STARTED) for _ in range(2))
    first.caller(0, b"c" * 8000)
    assert (await first.close()).complete
    second.caller(0, b"d" * 8000)
    assert (await second.close()).path is None
    recordings.close()
    assert sides(recordings.open(call))[0] == b"c" * 8000


def test_a_broken_clock_neither_fills_the_disk_nor_memory() -> None:
    timeline = Timeline(limit_ms=60_000)
    assert timeline.caller(10**15, b"c" * 160) == []
    assert timeline.caller(-(10**15), b"c" * 160) == []
    assert timeline.caller(59_990, b"c" * 160) == [None] * 59
    rest = timeline.finish(None)
    assert rest.samples == 60_000 * 8
    assert rest.lost_ms == 50


def test_a_bot_far_ahead_stays_within_bounds() -> None:
    timeline = Timeline(LIMIT_MS)
    given_away = [second for at in range(0, 600_000, 1000) for second in timeline.bot(at, b"b" * 8000)]
    assert len(given_away) >= 600 - 31


def test_the_wav_is_one_that_others_read(whole: bytes, tmp_path: Path) -> None:
    wav = b"".join(reading(whole, tmp_path).wav())
    assert wav[:4] == b"RIFF" and wav[8:16] == b"WAVEfmt "
    assert struct.unpack("<I", wav[4:8])[0] == len(wav) - 8
    tag, channels, rate = struct.unpack("<HHI", wav[20:28])
    assert (tag, channels, rate) == (7, 2, 8000)
    assert struct.unpack("<I", wav[WAV_HEADER - 4 : WAV_HEADER])[0] == len(wav) - WAV_HEADER
    with pytest.raises(ValueError, match="MULAW"):
        wavfile.read(io.BytesIO(wav))


@given(st.integers(0, WAV_HEADER + 2 * CHUNK_BYTES + 300), st.integers(0, WAV_HEADER + 2 * CHUNK_BYTES + 300))
def test_any_range_is_that_part_of_the_whole(
    whole: bytes, tmp_path_factory: pytest.TempPathFactory, start: int, stop: int
) -> None:
    reader = reading(whole, tmp_path_factory.mktemp("r"))
    assert b"".join(reader.wav(start, stop)) == b"".join(reader.wav())[start:stop]


def test_levels_show_who_spoke_when(tmp_path: Path) -> None:
    loud, soft = b"\x80\x00" * 4000, b"\xf0\x70" * 2000
    done = asyncio.run(record(tmp_path, [("caller", 0, loud), ("bot", 1000, soft)]))
    assert done.path is not None
    caller, bot = RecordingReader(done.path, KEYS).levels(10)
    assert caller == [100] * 10 + [0] * 5
    assert bot[:10] == [0] * 10
    assert all(0 < level < 50 for level in bot[10:])


async def test_only_old_recordings_expire(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path, KEYS)
    calls: dict[str, uuid.UUID] = {}
    for name, days in [("old", 400), ("kept", 10), ("damaged", 400)]:
        calls[name] = uuid.uuid4()
        recording = recordings.start(calls[name], STARTED - timedelta(days=days))
        recording.caller(0, b"c" * 160)
        await recording.close()
    recordings.close()
    damaged = locate(tmp_path, calls["damaged"])
    assert damaged is not None
    damaged.write_bytes(b"not a recording")
    foreign = tmp_path / "2025-10" / "notes.slr"
    foreign.write_bytes(b"")
    now = datetime.now(UTC)
    assert expire(tmp_path, timedelta(days=180), STARTED).deleted == (calls["old"],)
    assert locate(tmp_path, calls["kept"]) is not None
    # A file whose beginning is damaged is as old as its last change.
    later = expire(tmp_path, timedelta(days=180), now + timedelta(days=181))
    assert set(later.deleted) == {calls["kept"], calls["damaged"]}
    assert later.failed == (foreign,)
    assert not (tmp_path / "2026-11").exists()
