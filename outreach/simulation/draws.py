"""Chance that can be asked for by name: the same person, purpose and number give the same draw under every strategy.

Two strategies so face the same people, and what differs between them is the strategies' doing (common random numbers).
SplitMix64 (Steele, Lea, Flood 2014) as a hash of person, purpose and number: no state, no order, the same anywhere.
"""

from __future__ import annotations

from enum import IntEnum
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

_ALL = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_OTHER = 0xD1B54A32D192ED03
_UNIT = 2.0**-53
_NORMAL = NormalDist()

Reals = npt.NDArray[np.float64]
Seeds = npt.NDArray[np.uint64]


class For(IntEnum):
    """What a draw is for."""

    REGION = 1
    INDUSTRY = 2
    SEGMENT = 3
    SIZE = 4
    AMOUNT = 5
    DEADLINE = 6
    DILIGENCE = 7
    PAYING = 8
    PAYING_MINUTE = 9
    SHORT_OF_CASH = 10
    CASH_AGAIN = 11
    INBOX = 12
    WECHAT = 13
    MOBILE = 14
    NUMBERS = 15
    NUMBER_KIND = 16
    PAST_OVERDUE = 17
    PAST_DAYS = 18
    PAST_PROMISES = 19
    PAST_KEPT = 20
    PAST_DISPUTE = 21
    PAST_DEFERRAL = 22
    PAST_REACHED = 23
    PAST_UNANSWERED = 24
    ANSWERED = 30
    UNANSWERED = 31
    TALK = 32
    PROOF = 33
    AFTER_PROOF = 34
    RING_TIME = 35
    TALK_TIME = 36
    DELIVERED = 40
    DELIVERY_TIME = 41
    SAYS_SO = 50
    APPLIES = 51
    APPROVED = 52
    PROMISES = 53
    PROMISED_DAY = 54
    KEEPS = 55
    VISIT_MET = 60
    VISIT_TIME = 61
    COMPLAINS = 70
    OPTS_OUT = 71


def people_seeds(seed: int, people: int) -> Seeds:
    """A stream for each of ``people``."""
    start = np.full(people, (seed * _OTHER) & _ALL, dtype=np.uint64)
    return _mixed(start + np.arange(1, people + 1, dtype=np.uint64) * np.uint64(_GOLDEN))


def draws(seeds: Seeds, what: For, number: int = 0) -> Reals:
    """A draw in [0, 1) for each stream."""
    moved = seeds + np.uint64((what * _GOLDEN + number * _OTHER) & _ALL)
    bits: Reals = (_mixed(moved) >> np.uint64(11)).astype(np.float64)
    return bits * _UNIT


def draw(seed: int, what: int, number: int = 0) -> float:
    """The same for one stream."""
    z = (seed + what * _GOLDEN + number * _OTHER) & _ALL
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _ALL
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _ALL
    return ((z ^ (z >> 31)) >> 11) * _UNIT


def normal(u: float) -> float:
    """The standard normal quantile of ``u``, cut off at six sigma."""
    return max(-6.0, min(6.0, _NORMAL.inv_cdf(min(max(u, 1e-12), 1 - 1e-12))))


def _mixed(z: Seeds) -> Seeds:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
