from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.clock import SHANGHAI
from outreach.hours import ContactHours
from outreach.plan import CAMPAIGNS, Channel, Lane, Plan, Retry, StepPlan, Then, load_plan
from outreach.retry import MESSAGES, delivered, following, reached
from outreach.terms import Again, Finished, Following, Receipt
from telephony.events import Outcome

pytestmark = pytest.mark.unit

STANDARD = load_plan(CAMPAIGNS / "standard.yml")
CALL, MESSAGE, VISIT = (STANDARD.step(key) for key in ("overdue_call", "overdue_message", "overdue_officer"))
OUTCOMES = [each.value for each in Outcome] + [each.value for each in Receipt if each is not Receipt.QUEUED]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


NOW = at("2026-11-23T10:00")


def after(
    outcome: str,
    tries: int = 1,
    step: StepPlan = CALL,
    now: datetime = NOW,
    untried: int = 0,
    plan: Plan = STANDARD,
) -> Following:
    return following(outcome, step, tries, now, plan, "成都市", numbers=1 + untried, untried=untried)


@pytest.mark.parametrize("outcome", ["completed", "human", "callback", "opted_out", "delivered"])
def test_what_has_done_its_work_is_finished(outcome: str) -> None:
    assert after(outcome) == Finished(reached=True)


def test_the_same_again_after_a_pause_within_the_hours() -> None:
    assert after("busy") == Again(at("2026-11-23T10:30"))
    assert after("no_answer") == Again(at("2026-11-23T14:00"))
    assert after("no_answer", now=at("2026-11-20T16:00")) == Again(at("2026-11-23T09:00"))
    assert after("failed", step=MESSAGE) == Again(at("2026-11-23T11:00"))


def test_tried_often_enough_it_goes_on_as_a_message_at_once() -> None:
    assert after("busy", 3) == Again(NOW, channels=MESSAGES)
    assert after("no_answer", 3, now=at("2026-11-23T12:30")) == Again(
        at("2026-11-23T12:30"), channels=MESSAGES
    )
    assert after("rejected", 2, now=at("2026-11-23T20:30")) == Again(
        at("2026-11-24T09:00"), channels=MESSAGES
    )


def test_another_number_once_each_then_a_message() -> None:
    assert after("invalid_number", 1, untried=1) == Again(NOW, other_number=True)
    assert after("wrong_person", 1, untried=1, now=at("2026-11-23T12:30")) == Again(
        at("2026-11-23T14:00"), other_number=True
    )
    assert after("invalid_number", 2) == Again(NOW, channels=MESSAGES)
    assert after("invalid_number", 1) == Again(NOW, channels=MESSAGES)


def test_a_message_that_cannot_be_delivered_goes_to_an_officer() -> None:
    assert after("unreachable", step=MESSAGE) == Again(NOW, channels=(Channel.OFFICER,))
    assert after("failed", 3, step=MESSAGE, now=at("2026-11-23T19:00")) == Again(
        at("2026-11-24T09:00"), channels=(Channel.OFFICER,)
    )


def test_a_call_that_became_a_message_stays_one() -> None:
    """One call, then a message that failed: not a call again."""
    assert after("failed", 2) == Again(at("2026-11-23T11:00"), channels=MESSAGES)


@pytest.mark.parametrize(
    ("outcome", "step"),
    [("cancelled", CALL), ("something new", CALL), ("failed", VISIT), ("unreachable", VISIT)],
)
def test_what_has_no_rule_or_nobody_to_go_to_is_finished_without_success(
    outcome: str, step: StepPlan
) -> None:
    assert after(outcome, 3, step) == Finished(reached=False)


def test_again_after_the_last_try_means_the_end() -> None:
    plan = STANDARD.model_copy(update={"retries": {"busy": Retry(most=2, then=Then.AGAIN)}})
    assert after("busy", 1, plan=plan) == Again(NOW)
    assert after("busy", 2, plan=plan) == Finished(reached=False)


def test_an_officers_task_that_fails_again_and_again_comes_to_an_end() -> None:
    """The tries of a call step: four calls, a message, a task."""
    assert after("failed", 5) == Again(NOW, channels=(Channel.OFFICER,))
    assert after("failed", 6) == Finished(reached=False)


def test_who_was_reached() -> None:
    answered = {"completed", "human", "callback", "opted_out", "not_verified"}
    assert {outcome for outcome in OUTCOMES if reached(outcome)} == answered
    assert {outcome for outcome in OUTCOMES if delivered(outcome)} == {"delivered"}


def test_the_shipped_campaign_has_a_rule_for_every_outcome_that_settles_nothing() -> None:
    assert not {each for each in OUTCOMES if after(each) == Finished(reached=False)}


RETRIES = st.dictionaries(
    st.sampled_from(OUTCOMES),
    st.builds(
        Retry,
        after_minutes=st.integers(0, 3000),
        most=st.integers(1, 6),
        then=st.sampled_from(Then),
    ),
)


@settings(deadline=None)
@given(
    RETRIES,
    st.sampled_from([CALL, MESSAGE, VISIT]),
    st.lists(st.sampled_from(OUTCOMES), min_size=20, max_size=20),
    st.integers(0, 4),
)
def test_no_step_is_tried_for_ever(
    retries: dict[str, Retry], step: StepPlan, outcomes: list[str], numbers: int
) -> None:
    plan = STANDARD.model_copy(update={"retries": retries})
    now, tries, way = NOW, 0, step.lane
    ways = [way]
    while True:
        # A message has a receipt, a call an outcome.
        tries += 1
        possible = [each for each in outcomes if (each in list(Receipt)) == (way is not Lane.CALL)]
        if not possible:
            return
        outcome = possible[tries % len(possible)]
        found = following(
            outcome, step, tries, now, plan, "成都市", numbers=numbers, untried=max(numbers - tries, 0)
        )
        if isinstance(found, Finished):
            break
        rule = retries[outcome]
        next_way = {(): way, MESSAGES: Lane.MESSAGE, (Channel.OFFICER,): Lane.OFFICER}[found.channels]
        assert found.at >= now
        assert ContactHours.of(plan.limits, next_way).open_at(found.at, "成都市") or way is Lane.OFFICER
        if next_way is way and not found.other_number and way is Lane.CALL:
            assert tries < rule.most
        if found.other_number:
            assert tries < numbers
        now, way = found.at, next_way
        ways.append(way)
    most = max((rule.most for rule in retries.values()), default=1)
    assert tries <= max(most, numbers) + 2
    assert not (Lane.MESSAGE in ways and Lane.CALL in ways[ways.index(Lane.MESSAGE) :])
