"""Plays scripts against the gateway: who is called with which, several at once, and whether each ended rightly."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from telephony.carriers.base import CarrierStatus
from telephony.standin.cast import Booking, Member
from telephony.standin.clients import Gateway, RunError, StandinClient
from telephony.standin.figures import percentile
from telephony.standin.person import ANSWERED_AGAIN
from telephony.standin.script import Script
from telephony.standin.table import Row

OVERDUE_S = 420.0
_LOOK_EVERY_S = 0.5
_ASK_EVERY_S = 5.0
"""The gateway is asked at least so often; a call that never reached the carrier has an outcome too."""
_SETTLE_S = 5.0
_SLOWEST = 10
"""One reply in so many is among the slowest."""
_NOT_AGAIN = frozenset({"opted_out", "wrong_person"})
_OVER = frozenset({"broken", *(status.value for status in CarrierStatus if status.terminal)})


@dataclass(frozen=True, slots=True)
class Part:
    """A script to play in the accent of a pack."""

    script: Script
    pack: str


def plan(scripts: Sequence[Script], calls: int | None) -> list[Part]:
    """Every script in every pack it names, once (``calls`` None) or over and over until there are so many."""
    parts = [Part(script, pack) for script in scripts for pack in script.packs]
    return parts if calls is None else list(itertools.islice(itertools.cycle(parts), calls))


class Runner:
    """Runs a plan. ``rows`` tell how it goes; nobody else writes them.

    ``every_s``: seconds from placing one call to placing the next at the soonest; carriers take only so many a second.

    Raises:
        CastError: a script calls somebody who does not exist.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        members: Sequence[Member],
        gateway: Gateway,
        standin: StandinClient,
        at_once: int,
        every_s: float = 0.0,
    ) -> None:
        self._parts, self._gateway, self._standin = parts, gateway, standin
        self._booking = Booking(members)
        for part in parts:
            self._booking.check(part.script.who)
        self._room = asyncio.Semaphore(at_once)
        self._placing = asyncio.Lock()
        self._every_s = every_s
        self._next_s = 0.0
        self._changed = asyncio.Condition()
        self.rows = [
            Row(part.script.name, part.script.title, part.pack, part.script.expect.outcomes) for part in parts
        ]
        self._live: dict[str, tuple[Row, asyncio.Event]] = {}
        """By number; the event says that the carrier knows of the end."""
        self._known: set[str] = set()

    async def run(self) -> None:
        """Until every call has ended.

        Raises:
            RunError: there is no stand-in.
        """
        self._known = {str(call["sid"]) for call in await self._standin.calls()}
        looking = asyncio.create_task(self._look())
        try:
            async with asyncio.TaskGroup() as group:
                for part, row in zip(self._parts, self.rows, strict=True):
                    group.create_task(self._play(part, row))
        finally:
            looking.cancel()

    async def _play(self, part: Part, row: Row) -> None:
        async with self._room:
            member = await self._somebody(part.script.who)
            row.to = member.to
            over = asyncio.Event()
            try:
                await self._standin.assign(member.to, part.script, part.pack, member.fields)
                self._live[member.to] = row, over
                await self._turn()
                row.call_id = await self._gateway.place(member.to, member.taxpayer)
                row.outcome = await self._ended(row.call_id, over)
            except RunError as error:
                row.state, row.outcome, row.notes = "broken", "broken", (str(error),)
            finally:
                await self._settled(row)
                self._live.pop(member.to, None)
                async with self._changed:
                    # Whoever asked for no more calls, or is not at this number, will not be called again.
                    if part.script.who or row.outcome not in _NOT_AGAIN:
                        self._booking.give_back(member)
                    self._changed.notify_all()

    async def _turn(self) -> None:
        """Until the carrier would take another call."""
        async with self._placing:
            now = asyncio.get_running_loop().time()
            await asyncio.sleep(max(0.0, self._next_s - now))
            self._next_s = max(self._next_s, now) + self._every_s

    async def _somebody(self, who: Sequence[str]) -> Member:
        async with self._changed:
            while (member := self._booking.take(who)) is None:
                await self._changed.wait()
            return member

    async def _ended(self, call_id: str, over: asyncio.Event) -> str:
        try:
            async with asyncio.timeout(OVERDUE_S):
                while True:
                    outcome = await self._gateway.outcome(call_id)
                    if outcome is not None:
                        return outcome
                    # The gateway may hear of the end a moment after the carrier.
                    await asyncio.sleep(_LOOK_EVERY_S)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_ASK_EVERY_S):
                            await over.wait()
        except TimeoutError:
            raise RunError(f"{OVERDUE_S:.0f} 秒后还没有结局") from None

    async def _settled(self, row: Row) -> None:
        """The carrier may hear of the end a moment after the gateway."""
        for _ in range(round(_SETTLE_S / _LOOK_EVERY_S)):
            await self._take_in()
            if row.state in _OVER:
                return
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            await self._take_in()

    async def _take_in(self) -> None:
        try:
            calls = await self._standin.calls()
        except RunError:
            # The table may lag; whether the stand-in is really gone shows in the calls.
            return
        seen: set[str] = set()
        for call in calls:
            live = self._live.get(call["to"])
            # Newest first: an earlier call to the same number belongs to another row.
            if live is None or call["sid"] in self._known or call["to"] in seen:
                continue
            seen.add(call["to"])
            row, over = live
            row.state, row.seconds = call["state"], call["seconds"]
            row.saying, row.bot_talking = call["saying"], call["bot_talking"]
            row.notes, row.figures = tuple(call["notes"]), call["figures"] or {}
            if row.state in _OVER:
                over.set()


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Share of right outcomes, and figures over all calls, in milliseconds."""
    gaps = [gap for row in rows for gap in _numbers(row.figures.get("reply_gaps_ms"))]
    replies = sorted(
        (reply for row in rows for reply in _replies(row)), key=lambda reply: -float(reply["gap_ms"])
    )
    stops = [stop for row in rows for stop in _numbers(row.figures.get("barge_ins_ms"))]
    greetings = _numbers([row.figures.get("greeting_ms") for row in rows])
    late = _numbers([row.figures.get("lateness_p99_ms") for row in rows])
    right = sum(bool(row.right) for row in rows)
    return {
        "calls": len(rows),
        "right": right,
        "right_share": round(right / len(rows), 4) if rows else None,
        "answered_again": sum(ANSWERED_AGAIN in row.notes for row in rows),
        "reply_gap_ms": _spread(gaps),
        "slowest_replies": replies[: -(-len(replies) // _SLOWEST)],
        "barge_in_ms": _spread(stops),
        "greeting_ms": _spread(greetings),
        "worst_lateness_p99_ms": max(late, default=None),
        "wrong": [
            {"script": row.script, "pack": row.pack, "expected": list(row.expected), "outcome": row.outcome,
             "notes": list(row.notes)}
            for row in rows
            if not row.right
        ],
    }  # fmt: skip


def _replies(row: Row) -> list[dict[str, Any]]:
    """The reply gaps of a call, each with the words it follows."""
    gaps, words = row.figures.get("reply_gaps_ms"), row.figures.get("answered")
    if not (isinstance(gaps, list) and isinstance(words, list)):
        return []
    return [
        {"gap_ms": gap, "script": row.script, "pack": row.pack, "after": after}
        for gap, after in zip(gaps, words, strict=True)
    ]


def _numbers(values: object) -> list[float]:
    return [float(one) for one in values if isinstance(one, int | float)] if isinstance(values, list) else []


def _spread(values: Sequence[float]) -> dict[str, float | int | None]:
    return {"count": len(values), "p50": percentile(values, 50), "p95": percentile(values, 95)}
