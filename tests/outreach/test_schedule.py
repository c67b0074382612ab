from __future__ import annotations

from datetime import date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.clock import SHANGHAI
from outreach.hours import ContactHours
from outreach.plan import CAMPAIGNS, Channel, Lane, Plan, StepPlan, Tier, When, load_plan
from outreach.schedule import plan_steps
from outreach.terms import PlannedStep

pytestmark = pytest.mark.unit

STANDARD = load_plan(CAMPAIGNS / "standard.yml")
LONG_AGO = datetime(2025, 12, 1, 9, tzinfo=SHANGHAI)
_CHANNELS = {Lane.CALL: Channel.CALL, Lane.MESSAGE: Channel.SMS, Lane.OFFICER: Channel.OFFICER}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def step(key: str, day: int, lane: Lane = Lane.CALL, **more: object) -> StepPlan:
    fields = {
        "key": key,
        "title": key,
        "day": day,
        "channels": (_CHANNELS[lane],),
        "template": "words",
        **more,
    }
    return StepPlan.model_validate(fields)


def planned(
    *steps: StepPlan, due: str = "2026-11-16", now: datetime = LONG_AGO, tier: Tier = Tier.LOW
) -> dict[str, datetime]:
    plan = Plan(title="试", steps=steps)
    return {each.key: each.due_at for each in plan_steps(plan, date.fromisoformat(due), tier, "成都市", now)}


def by_key(due: str, tier: Tier, now: datetime = LONG_AGO) -> dict[str, PlannedStep]:
    return {each.key: each for each in plan_steps(STANDARD, date.fromisoformat(due), tier, "成都市", now)}


def test_each_tier_gets_its_own_steps_of_the_shipped_campaign() -> None:
    both = ["early_notice", "early_call", "last_call", "overdue_notice"]
    assert list(by_key("2026-10-26", Tier.LOW)) == [
        "early_notice", "last_call", "overdue_notice", "overdue_message", "second_call", "to_officer",
    ]  # fmt: skip
    assert list(by_key("2026-10-26", Tier.MIDDLE)) == [*both, "overdue_call", "second_call", "to_officer"]
    assert list(by_key("2026-10-26", Tier.HIGH)) == [*both, "overdue_officer"]


def test_times_of_an_ordinary_deadline() -> None:
    steps = by_key("2026-10-26", Tier.MIDDLE)
    assert steps["early_notice"].due_at == at("2026-10-19T09:30")
    assert steps["early_call"].due_at == at("2026-10-21T09:30")
    assert steps["overdue_call"].due_at == at("2026-10-29T09:30")
    assert steps["second_call"].due_at == at("2026-11-03T14:30")
    assert steps["early_notice"].stale_at == at("2026-10-24T00:00")
    assert steps["overdue_call"].stale_at == at("2026-11-03T00:00")
    assert (steps["overdue_call"].lane, steps["overdue_call"].priority) == ("call", 3)


def test_a_step_waits_for_the_next_hour_of_contact() -> None:
    assert planned(step("noon", 1, at=time(12, 30)))["noon"] == at("2026-11-17T14:00")
    assert planned(step("weekend", 5))["weekend"] == at("2026-11-23T09:00")
    assert planned(step("holiday", 1), due="2026-09-30")["holiday"] == at("2026-10-08T09:00")
    assert planned(step("worked", 2), due="2026-10-08")["worked"] == at("2026-10-10T09:30")


def test_before_the_deadline_a_step_comes_forward_rather_than_on_its_day() -> None:
    """The deadline of February 2026 is the first day after the Spring Festival."""
    due = "2026-02-24"
    before = planned(step("week", -7, Lane.MESSAGE), step("eve", -1), due=due)
    assert before == {"week": at("2026-02-14T09:30"), "eve": at("2026-02-14T09:30")}
    assert planned(step("eve", -1), due=due, now=at("2026-02-17T10:00"))["eve"] == at("2026-02-24T09:00")


def test_what_can_only_come_after_the_deadline_is_left_out() -> None:
    """A deadline stored as a Sunday: from Friday evening on nothing can be said before it is over."""
    steps = (step("eve", -1), step("day", 0), step("after", 1))
    assert planned(*steps, due="2026-11-15") == {
        "eve": at("2026-11-13T09:30"), "day": at("2026-11-13T09:30"), "after": at("2026-11-16T09:30"),
    }  # fmt: skip
    assert list(planned(*steps, due="2026-11-15", now=at("2026-11-13T18:00"))) == ["after"]


def test_what_speaks_of_the_deadline_is_stale_when_it_has_passed() -> None:
    plan = Plan(title="试", steps=(step("eve", -1, good_for=20),))
    (only,) = plan_steps(plan, date(2026, 11, 16), Tier.LOW, "成都市", LONG_AGO)
    assert only.stale_at == at("2026-11-17T00:00")


def test_steps_of_one_lane_that_are_days_apart_do_not_fall_together_after_a_weekend() -> None:
    """A deadline on a Friday: the first and the third day after it are both carried out from Monday on."""
    steps = by_key("2026-05-22", Tier.LOW)
    assert steps["overdue_notice"].due_at == at("2026-05-25T09:00")
    assert steps["overdue_message"].due_at == at("2026-05-26T09:00")


def test_two_steps_of_one_day_move_on_together() -> None:
    """Saturday's step waits for Monday, so both of Sunday's wait for Tuesday."""
    steps = (step("saturday", 12), step("sunday", 13), step("later", 13, at=time(15)))
    assert planned(*steps, due="2026-11-16") == {
        "saturday": at("2026-11-30T09:00"),
        "sunday": at("2026-12-01T09:00"),
        "later": at("2026-12-01T09:00"),
    }


def test_catching_up_takes_the_latest_fresh_step_of_each_lane() -> None:
    steps = by_key("2026-10-26", Tier.LOW, now=at("2026-10-30T15:00"))
    assert list(steps) == ["overdue_message", "second_call", "to_officer"]
    assert steps["overdue_message"].due_at == at("2026-10-29T10:00")
    two = (step("first", 1, good_for=9), step("second", 2, good_for=9), step("told", 1, Lane.MESSAGE))
    assert set(planned(*two, now=at("2026-11-18T15:00"))) == {"second", "told"}


def test_a_past_step_that_cannot_go_out_before_it_is_stale_is_left_out() -> None:
    """Friday evening, and the step is of no use after Saturday."""
    weekend = step("weekend", 4, good_for=1)
    assert list(planned(weekend, now=at("2026-11-20T17:00"))) == ["weekend"]
    assert list(planned(weekend, now=at("2026-11-20T18:00"))) == []


def test_the_regions_hours_are_kept() -> None:
    plan = Plan.model_validate(
        {
            "title": "试",
            "steps": [step("call", 1)],
            "limits": {"region_hours": {"新疆": [{"starts": "10:30", "ends": "13:00"}]}},
        }
    )
    (only,) = plan_steps(plan, date(2026, 11, 16), Tier.LOW, "新疆伊犁州", LONG_AGO)
    assert only.due_at == at("2026-11-17T10:30")


STEPS = st.lists(
    st.builds(
        lambda day, hour, lane, good_for, tiers: (day, time(hour, 15), lane, good_for, tiers),
        st.integers(-10, 20),
        st.integers(6, 22),
        st.sampled_from(Lane),
        st.integers(0, 6),
        st.sampled_from([(), (Tier.LOW,), (Tier.MIDDLE, Tier.HIGH)]),
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None)
@given(
    STEPS,
    st.dates(date(2026, 1, 5), date(2027, 6, 30)),
    st.integers(-30 * 24, 25 * 24),
    st.sampled_from(Tier),
)
def test_what_is_planned_keeps_hours_deadline_and_order(
    wishes: list[tuple[int, time, Lane, int, tuple[Tier, ...]]], due: date, hours_from_due: int, tier: Tier
) -> None:
    steps = tuple(
        step(f"s{number}", day, lane, at=when, good_for=good_for, when=When(tiers=tiers))
        for number, (day, when, lane, good_for, tiers) in enumerate(wishes)
    )
    plan = Plan(title="试", steps=steps)
    now = datetime.combine(due, time(8), SHANGHAI) + timedelta(hours=hours_from_due)
    result = plan_steps(plan, due, tier, "成都市", now)

    assert [each.due_at for each in result] == sorted(each.due_at for each in result)
    for each in result:
        own = plan.step(each.key)
        hours = ContactHours.of(plan.limits, own.lane)
        assert not own.when.tiers or tier in own.when.tiers
        assert hours.open_at(each.due_at, "成都市")
        assert each.stale_at > each.due_at
        assert each.stale_at > hours.next_open(now, "成都市")
        if own.day <= 0:
            assert each.due_at.date() <= due
            assert each.stale_at <= datetime.combine(due + timedelta(days=1), time(), SHANGHAI)
        else:
            assert each.due_at >= datetime.combine(due + timedelta(days=own.day), own.at, SHANGHAI)
    for lane in Lane:
        own_lane = [each for each in result if each.lane == lane]
        assert sum(each.due_at <= now for each in own_lane) <= 1
        after = sorted(
            (each for each in own_lane if plan.step(each.key).day > 0),
            key=lambda each: plan.step(each.key).day,
        )
        for one, next_one in pairwise(after):
            if plan.step(one.key).day < plan.step(next_one.key).day:
                assert one.due_at.date() < next_one.due_at.date()
