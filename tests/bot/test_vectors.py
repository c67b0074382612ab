"""The memory of sentence vectors: each sentence computed once while it is remembered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest

from bot.components.vectors import DIMENSIONS, SentenceVectors

pytestmark = pytest.mark.unit


class Counting:
    """Stands for the model; a sentence's vector begins with its length."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def query(self, texts: list[str]) -> list[np.ndarray]:
        self.asked += texts
        return [np.full(DIMENSIONS, len(text), dtype=np.float32) for text in texts]


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting()
    monkeypatch.setattr(SentenceVectors, "_open", lambda self: counting)
    return counting


def test_remembers_the_last_ones(model: Counting) -> None:
    vectors = SentenceVectors(remember=2)
    vectors.encode(["一"])
    vectors.encode(["一", "二二"])
    vectors.encode(["三三三"])
    vectors.encode(["二二", "三三三"])
    assert model.asked == ["一", "二二", "三三三"]
    vectors.encode(["一"])
    assert model.asked[-1] == "一"


def test_a_batch_larger_than_the_memory_is_whole(model: Counting) -> None:
    vectors = SentenceVectors(remember=3)
    vectors.encode(["甲乙丙丁"])
    found = vectors.encode(["一", "二二", "三三三", "甲乙丙丁", "", "一"])
    assert [int(row[0]) for row in found] == [1, 2, 3, 4, 0, 1]


def test_what_was_set_aside_is_back_afterwards(model: Counting) -> None:
    vectors = SentenceVectors()
    vectors.encode(["一"])
    with vectors.nothing_remembered():
        vectors.encode(["一"])
    vectors.encode(["一"])
    assert model.asked == ["一", "一"]


def test_what_is_remembered_is_there_while_another_thread_computes(model: Counting) -> None:
    vectors = SentenceVectors()
    vectors.encode(["一"])
    computing, go_on = Event(), Event()

    def slowly(texts: list[str]) -> list[np.ndarray]:
        computing.set()
        assert go_on.wait(10)
        return [np.full(DIMENSIONS, len(text), dtype=np.float32) for text in texts]

    model.query = slowly  # type: ignore[method-assign]
    with ThreadPoolExecutor(2) as threads:
        first, second = (threads.submit(vectors.encode, ["二二"]) for _ in range(2))
        assert computing.wait(10)
        assert vectors.encode(["一"])[0][0] == 1
        computing.clear()
        go_on.set()
        assert first.result(10)[0][0] == second.result(10)[0][0] == 2
        assert not computing.is_set(), (
            "the second waits for the first one's vector instead of making it again"
        )
