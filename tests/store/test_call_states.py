"""Reports in any order, any number of times, lead to the same call."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.call_states import Report, Standing, advance, belongs
from store.models import CallState
from telephony.events import Outcome

pytestmark = pytest.mark.unit
START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
RANK = list(CallState)


def report(sequence: int, kind: str, state: CallState | None, second: int, **more: str) -> Report:
    return Report("status", sequence, kind, START + timedelta(seconds=second), "CA1", state, **more)


ANSWERED = [
    report(0, "queued", CallState.PLACED, 0),
    report(0, "initiated", CallState.PLACED, 1),
    report(1, "ringing", CallState.RINGING, 2),
    report(2, "in-progress", CallState.ANSWERED, 9),
    Report("amd", 0, "human", START + timedelta(seconds=11), "CA1", answered_by="human"),
    report(3, "completed", CallState.ENDED, 60),
]
BUSY = [*ANSWERED[:3], report(2, "busy", CallState.ENDED, 4, outcome="busy", note="SIP 486")]


def run(reports: list[Report]) -> Standing:
    standing = Standing(CallState.INTENT)
    for each in reports:
        standing = advance(standing, each)
    return standing


@given(
    st.sampled_from([ANSWERED, BUSY]).flatmap(
        lambda told: st.tuples(st.just(told), st.permutations(told * 2))
    )
)
def test_order_and_repetition_change_nothing(case: tuple[list[Report], list[Report]]) -> None:
    in_order, shuffled = case
    assert run(shuffled) == run(in_order)


def test_the_times_and_the_outcome_are_the_carriers() -> None:
    after = run(ANSWERED)
    assert (after.state, after.outcome, after.answered_by, after.carrier_id) == (
        CallState.ENDED,
        None,
        "human",
        "CA1",
    )
    seconds = [
        (at - START).seconds
        for at in (after.placed_at, after.ringing_at, after.answered_at, after.ended_at)
        if at
    ]
    assert seconds == [0, 2, 9, 60]
    assert (run(BUSY).outcome, run(BUSY).outcome_note, run(BUSY).answered_at) == ("busy", "SIP 486", None)


@given(st.lists(st.sampled_from([*ANSWERED, *BUSY]), max_size=12))
def test_a_call_never_goes_back_and_keeps_its_outcome(told: list[Report]) -> None:
    standing = Standing(CallState.INTENT)
    for each in told:
        after = advance(standing, each)
        assert RANK.index(after.state) >= RANK.index(standing.state)
        assert standing.outcome in (None, after.outcome)
        standing = after


def test_an_outcome_of_the_talk_is_not_overwritten_by_the_carrier() -> None:
    told = Standing(CallState.ANSWERED, "CA1", outcome=Outcome.COMPLETED, outcome_note="已告知")
    after = advance(told, report(3, "failed", CallState.ENDED, 60, outcome="carrier_failure", note="SIP 500"))
    assert (after.state, after.outcome, after.outcome_note) == (CallState.ENDED, "completed", "已告知")


def test_a_report_about_another_call_does_not_belong() -> None:
    ours = Standing(CallState.PLACED, "CA1")
    assert belongs(ours, ANSWERED[0])
    assert not belongs(ours, Report("status", 0, "ringing", START, "CA2", CallState.RINGING))
    assert not belongs(Standing(CallState.PLANNED), ANSWERED[0])
