from __future__ import annotations

import pytest

from chat.limits import RateLimit

pytestmark = pytest.mark.unit


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def burst(limit: RateLimit, key: str, tries: int = 200) -> int:
    return sum(limit.allow(key) for _ in range(tries))


def test_a_burst_then_the_steady_rate() -> None:
    time = Time()
    limit = RateLimit(60, clock=time)
    assert burst(limit, "a") == 15
    time.now += 1
    assert burst(limit, "a") == 1
    time.now += 3600
    assert burst(limit, "a") == 15


def test_a_small_limit_still_lets_five_through_at_once() -> None:
    assert burst(RateLimit(1, clock=Time()), "a") == 5


def test_refused_tries_cost_nothing() -> None:
    time = Time()
    limit = RateLimit(60, clock=time)
    burst(limit, "a")
    for _ in range(10):
        time.now += 0.1
        limit.allow("a")
    assert not limit.allow("a")
    time.now += 1
    assert limit.allow("a")


def test_keys_do_not_share() -> None:
    limit = RateLimit(60, clock=Time())
    burst(limit, "a")
    assert burst(limit, "b") == 15


def test_memory_is_bounded_by_the_longest_unused() -> None:
    limit = RateLimit(60, keys=3, clock=Time())
    burst(limit, "a")
    for key in "bcd":
        limit.allow(key)
    assert len(limit._buckets) == 3
    assert burst(limit, "a") == 15
