"""Faults: reading them, and what they do to the caller's frames."""

from __future__ import annotations

import itertools
import json

import pytest

from telephony.media.twilio_stream import CarrierWriter
from telephony.standin.faults import NO_FAULTS, FaultError, Faults, parse
from telephony.standin.uplink import Uplink

pytestmark = pytest.mark.unit
FRAME = b"\x20" * 160


def sent(faults: Faults, frames: int = 200, seed: int = 1) -> list[tuple[int, str | bytes]]:
    """(slot in which it arrived, message) of so many frames."""
    uplink = Uplink(CarrierWriter("MZ1", "CA1", "AC1"), faults, seed)
    out: list[tuple[int, str | bytes]] = []
    for slot in range(frames + 20):
        now = (slot + 1) * 20.0
        if slot < frames:
            uplink.frame(FRAME, slot * 20, now)
        out += [(slot, message) for message in uplink.due(now)]
    return out


def sequences(messages: list[tuple[int, str | bytes]]) -> list[str]:
    return [json.loads(message)["sequenceNumber"] for _, message in messages]


def test_without_faults_every_frame_leaves_in_its_own_slot() -> None:
    messages = sent(NO_FAULTS)
    assert [slot for slot, _ in messages] == list(range(200))
    assert sequences(messages) == [str(number) for number in range(1, 201)]
    assert [json.loads(text)["media"]["timestamp"] for _, text in messages[:3]] == ["0", "20", "40"]


def test_jitter_delays_but_never_reorders_or_loses() -> None:
    messages = sent(Faults(jitter_ms=100))
    assert sequences(messages) == [str(number) for number in range(1, 201)]
    late = [slot - at for at, (slot, _) in enumerate(messages)]
    assert min(late) >= 0
    assert 2 <= max(late) <= 5


def test_loss_leaves_gaps_in_the_numbers() -> None:
    numbers = [int(number) for number in sequences(sent(Faults(loss=0.2)))]
    assert 120 < len(numbers) < 190
    assert numbers == sorted(set(numbers))
    assert numbers[-1] > 190


def test_swapped_frames_come_after_their_successors() -> None:
    numbers = [int(number) for number in sequences(sent(Faults(swap=0.3)))]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert any(second == first - 1 for first, second in itertools.pairwise(numbers))


def test_wrong_numbers_make_no_sense() -> None:
    assert {"x", "-7"} & set(sequences(sent(Faults(wrong_sequence=0.5))))


def test_garbage_of_every_kind_comes_beside_the_frames() -> None:
    messages = [message for _, message in sent(Faults(garbage=0.5))]
    assert any(isinstance(message, bytes) for message in messages)
    assert any(len(message) > 1_000_000 for message in messages)
    assert sum('"payload":"ICAg' in str(message) for message in messages) == 200


def test_the_same_seed_is_the_same_trouble() -> None:
    faults = Faults(jitter_ms=60, loss=0.1, swap=0.1)
    assert sent(faults) == sent(faults)
    assert sent(faults) != sent(faults, seed=2)


def test_faults_are_read_from_text_and_json() -> None:
    assert parse({"jitter_ms": "80", "callback_twice": "true", "cut_at_s": 3}) == Faults(
        jitter_ms=80, callback_twice=True, cut_at_s=3.0
    )
    assert parse({"forged": True}).names() == ("forged",)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"jiter": 1}, "没有“jiter”这种故障"),
        ({"loss": 2}, "0 到 1 之间"),
        ({"loss": "many"}, "要写成数字"),
        ({"forged": "maybe"}, "true 或 false"),
        ({"cut_at_s": -1}, "0 到"),
        ({"cut_at_s": "nan"}, "0 到"),
    ],
)
def test_wrong_faults_are_explained(data: dict[str, object], says: str) -> None:
    with pytest.raises(FaultError, match=says):
        parse(data)


def test_a_scripts_own_faults_go_before_those_of_everybody() -> None:
    assert Faults(jitter_ms=10).over(Faults(jitter_ms=50, loss=0.1)) == Faults(jitter_ms=10, loss=0.1)
