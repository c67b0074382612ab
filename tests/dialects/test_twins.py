from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialects.heard import Word
from dialects.nbest import Hypothesis
from dialects.twins import with_twins

pytestmark = pytest.mark.unit


def _heard(row: str, *lengths: int) -> Hypothesis:
    words, at = [], 200
    for sign, length in zip(row, lengths, strict=True):
        words.append(Word(sign, 0.9, at, at + length))
        at += length
    return Hypothesis(row, (0.9,) * len(row), tuple(words), (), 100.0, sum(lengths))


@pytest.mark.parametrize(
    ("row", "lengths", "said"),
    [
        ("九零六", (360, 450, 240), None),
        ("三零三", (330, 420, 150), "三零零三"),
        ("七四五", (300, 520, 150), "七四四五"),
        ("四七五", (390, 270, 450), "四七五五"),
        ("五八", (690, 210), "五五五八"),
        ("八五", (660, 120), "八八八五"),
        ("零幺三", (250, 270, 170), None),
        ("四三", (250, 170), None),
        ("六", (780,), None),
        ("零零四三", (250, 250, 250, 170), None),
        ("零零四三五", (250, 250, 250, 170, 170), None),
    ],
)
def test_a_digit_too_long_for_one_is_two(row: str, lengths: tuple[int, ...], said: str | None) -> None:
    found = with_twins(_heard(row, *lengths), 4)
    assert (found and found.text) == said
    if found is not None:
        assert len(found.signs) == len(found.text)


@given(
    st.text("零幺二三四五六七八九", min_size=1, max_size=6),
    st.lists(st.integers(0, 2000), min_size=6, max_size=6),
)
def test_what_comes_out_is_as_long_as_asked_for_and_the_same_without_twins(
    row: str, lengths: list[int]
) -> None:
    found = with_twins(_heard(row, *lengths[: len(row)]), 4)
    if found is not None:
        assert len(found.text) == 4
        assert [sign for sign, _ in groupby(found.text)] == [sign for sign, _ in groupby(row)]
