from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from telephony.voice import cache as module
from telephony.voice.cache import Cache, key_of

pytestmark = pytest.mark.unit

KEYS = [key_of("mandarin", "1", {"words": str(number)}) for number in range(4)]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_the_key_depends_on_voice_version_and_request() -> None:
    keys = {
        key_of("a", "1", {"words": "x", "speed": 1.0}),
        key_of("b", "1", {"words": "x", "speed": 1.0}),
        key_of("a", "2", {"words": "x", "speed": 1.0}),
        key_of("a", "1", {"words": "y", "speed": 1.0}),
        key_of("a", "1", {"words": "x", "speed": 0.85}),
    }
    assert len(keys) == 5
    assert key_of("a", "1", {"speed": 1.0, "words": "x"}) in keys


def test_lasting_speech_survives_a_restart_and_other_speech_never_reaches_the_disk(tmp_path: Path) -> None:
    first = Cache(tmp_path)
    first.put(KEYS[0], b"fixed", lasting=True)
    first.put(KEYS[1], b"somebody's sum")
    assert first.recall(KEYS[1]) == b"somebody's sum"
    again = Cache(tmp_path)
    assert again.get(KEYS[0]) == b"fixed"
    assert again.get(KEYS[1]) is None
    assert not any(b"sum" in path.read_bytes() for path in files(tmp_path))


@pytest.mark.parametrize("damage", [b"", b"SLV1", b"garbage that is no cache entry at all"])
def test_a_damaged_entry_is_dropped(tmp_path: Path, damage: bytes) -> None:
    Cache(tmp_path).put(KEYS[0], b"fixed", lasting=True)
    (path,) = files(tmp_path)
    path.write_bytes(damage)
    assert Cache(tmp_path).get(KEYS[0]) is None
    assert files(tmp_path) == []


def test_one_flipped_bit_is_noticed(tmp_path: Path) -> None:
    Cache(tmp_path).put(KEYS[0], b"fixed", lasting=True)
    (path,) = files(tmp_path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert Cache(tmp_path).get(KEYS[0]) is None


def test_the_least_recently_used_goes_when_the_disk_share_is_full(tmp_path: Path) -> None:
    store = Cache(tmp_path, disk_bytes=200, memory_bytes=0)
    for key in KEYS[:2]:
        store.put(key, bytes(90), lasting=True)
    assert store.get(KEYS[0]) is not None
    store.put(KEYS[2], bytes(90), lasting=True)
    assert store.get(KEYS[1]) is None
    assert store.get(KEYS[0]) is not None and store.get(KEYS[2]) is not None


def test_memory_is_bounded_too() -> None:
    store = Cache(None, memory_bytes=250)
    for key in KEYS:
        store.put(key, bytes(100))
    assert [store.recall(key) is not None for key in KEYS] == [False, False, True, True]


def test_a_full_disk_costs_nothing_but_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int, mode: str) -> object:
        os.close(_)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "fdopen", full)
    store = Cache(tmp_path)
    store.put(KEYS[0], b"fixed", lasting=True)
    assert store.get(KEYS[0]) == b"fixed"
    assert files(tmp_path) == []


def test_an_interrupted_write_leaves_no_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise OSError(errno.EIO, "I/O error")

    monkeypatch.setattr(module.os, "replace", interrupted)
    Cache(tmp_path).put(KEYS[0], b"fixed", lasting=True)
    assert files(tmp_path) == []
    assert Cache(tmp_path).get(KEYS[0]) is None
