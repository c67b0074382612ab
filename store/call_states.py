"""How reports about a call change its row: a pure step whose result does not depend on the order of arrival.

Carriers send reports late, twice and out of order. Each of the fields below is joined in a way that is indifferent to
that: the furthest state wins, the earliest time of each kind is kept. Only where two reports contradict each other
(two outcomes) the first to arrive stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from store.models import CallState

_ORDER = {state: place for place, state in enumerate(CallState)}


@dataclass(frozen=True, slots=True)
class Report:
    """What a carrier says about a call.

    ``(source, sequence, kind)`` names the report: the same one again is ignored. ``at`` is when it happened, by the
    carrier's clock if it said so. ``state`` is ``None`` for a report that says nothing about how far the call is.
    ``detail`` holds no personal data.
    """

    source: str
    sequence: int
    kind: str
    at: datetime
    carrier_id: str
    state: CallState | None = None
    outcome: str | None = None
    note: str | None = None
    answered_by: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


class Applied(StrEnum):
    """What became of a report."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    STRANGE = "strange"
    """It speaks of another call of the carrier's than ours, or of a call that was never to be dialled."""
    UNKNOWN = "unknown"
    """No call has this id."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The part of a call's row that reports change."""

    state: CallState
    carrier_id: str | None = None
    outcome: str | None = None
    outcome_note: str | None = None
    answered_by: str | None = None
    placed_at: datetime | None = None
    ringing_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None


def advance(standing: Standing, report: Report) -> Standing:
    """The standing after a report that is about this call."""
    after = replace(
        standing,
        carrier_id=standing.carrier_id or report.carrier_id,
        answered_by=standing.answered_by or report.answered_by,
    )
    if standing.outcome is None and report.outcome is not None:
        after = replace(after, outcome=report.outcome, outcome_note=report.note)
    match report.state:
        case CallState.PLACED:
            after = replace(after, placed_at=earlier(after.placed_at, report.at))
        case CallState.RINGING:
            after = replace(after, ringing_at=earlier(after.ringing_at, report.at))
        case CallState.ANSWERED:
            after = replace(after, answered_at=earlier(after.answered_at, report.at))
        case CallState.ENDED:
            after = replace(after, ended_at=earlier(after.ended_at, report.at))
        case _:
            return after
    return replace(after, state=further(after.state, report.state))


def belongs(standing: Standing, report: Report) -> bool:
    """Whether the report can be about this call: one that we meant to dial, under the carrier id that we know."""
    return standing.state is not CallState.PLANNED and standing.carrier_id in (None, report.carrier_id)


def further(one: CallState, other: CallState) -> CallState:
    """Whichever of two states is further on."""
    return max(one, other, key=_ORDER.__getitem__)


def earlier(known: datetime | None, at: datetime) -> datetime:
    """The earlier of two times."""
    return at if known is None else min(known, at)
