"""Turn latency: side by side with bare Rasa at several widths, and early against late in a long conversation."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from store.engine import SessionFactory
from tests.load.routes import Route, Said, WrongAnswer
from tests.load.talks import PROBE, SCRIPT, Talk, left_the_bot, open_talks

EARLY = 3
"""Number of the first early turn that is measured."""
LATE = 198
"""Number of the first late turn that is measured."""

Note = Callable[[str], None]


@dataclass(slots=True)
class Side:
    """What one route took at one width: seconds of every turn, and of all its rounds together."""

    turns: list[float] = field(default_factory=list)
    wall: float = 0.0

    @property
    def p50(self) -> float:
        return quantile(self.turns, 0.50)

    @property
    def p95(self) -> float:
        return quantile(self.turns, 0.95)

    @property
    def per_second(self) -> float:
        return len(self.turns) / self.wall


@dataclass(slots=True)
class Comparison:
    """Both routes with ``width`` conversations at once; ``differing`` turns were answered in other words."""

    width: int
    gateway: Side = field(default_factory=Side)
    bare: Side = field(default_factory=Side)
    rounds: int = 0
    differing: int = 0


@dataclass(frozen=True, slots=True)
class LongTalk:
    """Seconds of early turns and of the same words said late; ``late_turn`` is the first late one."""

    early: tuple[float, ...]
    late: tuple[float, ...]
    late_turn: int
    talks: int

    @property
    def ratio(self) -> float:
        return statistics.median(self.late) / statistics.median(self.early)


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of ``values`` do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, -int(-share * len(ranked) // 1) - 1)]


async def compare(
    gateway: Route,
    bare: Route,
    sessions: SessionFactory,
    width: int,
    turns: int,
    budget_s: float,
    step: int = 2,
) -> Comparison:
    """Rounds of ``width`` conversations of ``turns`` turns each, gateway and bare Rasa taking turns to go first.

    Rounds are made ``step`` by ``step`` until ``budget_s`` seconds are over; an even step lets each route go first as
    often as the other.
    """
    result = Comparison(width)
    deadline = time.perf_counter() + budget_s
    while not result.rounds or result.rounds % step or time.perf_counter() < deadline:
        ours, theirs = await open_talks(sessions, width), await open_talks(sessions, width)
        pair = [(gateway, ours, result.gateway), (bare, theirs, result.bare)]
        heard: list[list[list[Said]]] = []
        for route, talks, side in pair if result.rounds % 2 == 0 else reversed(pair):
            began = time.perf_counter()
            said = await asyncio.gather(*(_converse(route, talk, turns) for talk in talks))
            side.wall += time.perf_counter() - began
            side.turns += [one.seconds for conversation in said for one in conversation]
            heard.append(said)
        if gone := await left_the_bot(sessions, ours + theirs):
            raise WrongAnswer(f"{gone} conversations were handed to a human")
        result.differing += sum(
            one.texts != other.texts
            for left, right in zip(*heard, strict=True)
            for one, other in zip(left, right, strict=True)
        )
        result.rounds += 1
    return result


async def _converse(route: Route, talk: Talk, turns: int) -> list[Said]:
    return [await route.say(talk, talk.line(number)) for number in range(turns)]


async def lengthen(
    route: Route, sessions: SessionFactory, count: int, note: Note, budget_s: float
) -> LongTalk:
    """Lead ``count`` conversations to their turn :data:`LATE`, then compare them with as many young ones.

    Old and young speak alternately and alone, saying :data:`PROBE`. When ``budget_s`` is over before that turn is
    reached, the comparison is made at the turn that was.
    """
    old, young = await open_talks(sessions, count), await open_talks(sessions, count)
    deadline = time.perf_counter() + budget_s
    said = 0
    while said < LATE - 2 and time.perf_counter() < deadline:
        step = min(len(SCRIPT), LATE - 2 - said)
        for number in range(said, said + step):
            await asyncio.gather(*(route.say(talk, talk.line(number)) for talk in old))
        said += step
        note(f"long conversations: turn {said}")
    for talk in young:
        for _ in range(EARLY - 2):
            await route.say(talk, "你好")
    for talk in old + young:
        # Nobody may start the measured turns inside a form that the other is not in.
        await route.say(talk, "取消")
    early: list[float] = []
    late: list[float] = []
    for number, (aged, fresh) in enumerate(zip(old, young, strict=True)):
        for text in PROBE:
            pair = [(aged, late), (fresh, early)]
            for talk, times in pair if number % 2 == 0 else reversed(pair):
                times.append((await route.say(talk, text)).seconds)
    if gone := await left_the_bot(sessions, old + young):
        raise WrongAnswer(f"{gone} conversations were handed to a human")
    return LongTalk(tuple(early), tuple(late), said + 2, count)
