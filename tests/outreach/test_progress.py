"""The figures of a campaign, counted by hand beside the query."""

from __future__ import annotations

import random
import statistics
import uuid
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import update

from outreach.plan import Tier
from outreach.progress import progress
from store.engine import SessionFactory
from store.models import Call, Conversation
from store.outreach_models import Attempt, Reminder, StepState
from tests.outreach.makers import (
    CALL_STEP,
    DUE,
    MESSAGE_STEP,
    OPEN,
    make_campaign,
    make_cases,
    make_step,
    plan_of,
)

pytestmark = pytest.mark.unit


async def test_an_empty_campaign(sessions: SessionFactory) -> None:
    campaign = await make_campaign(sessions, plan_of(CALL_STEP))
    async with sessions() as session:
        found = await progress(session, campaign.id)
        with pytest.raises(LookupError):
            await progress(session, uuid.uuid4())
    (everything,) = found.funnels
    assert (everything.tier, everything.planned, everything.paid) == (None, 0, 0)
    assert [(step.key, step.total) for step in found.steps] == [("call", 0)]
    assert (found.calls, found.messages, found.outcomes, found.closed) == (0, 0, (), {})
    assert (found.response.count, found.response.median, found.cycle.p90) == (0, None, None)


async def test_the_funnel_is_what_one_counts_by_hand(sessions: SessionFactory) -> None:
    rng = random.Random(7)
    campaign = await make_campaign(sessions)
    other = await make_campaign(sessions)
    await make_cases(sessions, other, 3)
    cases = await make_cases(sessions, campaign, 80)
    counts: Counter[tuple[Tier | None, str]] = Counter()
    hours, days = [], []
    stations = ("notified", "reached", "verified", "promised", "paid")
    async with sessions() as session, session.begin():
        for case in cases:
            tier, passed = rng.choice(list(Tier)), stations[: rng.randint(0, 5)]
            values: dict[str, object] = {"tier": tier.value, "created_at": OPEN}
            for station in passed:
                values[f"{station}_at"] = OPEN + timedelta(hours=rng.randint(1, 900))
            if "reached" in passed:
                hours.append((values["reached_at"] - OPEN).total_seconds() / 3600)
            if "paid" in passed:
                days.append((values["paid_at"].date() - DUE).days)
                values |= {"active": False, "closed_at": OPEN, "closed_reason": "paid"}
            for key in (tier, None):
                for station in ("planned", *passed, *([] if "paid" in passed else ["active"])):
                    counts[key, station] += 1
            await session.execute(update(Reminder).where(Reminder.id == case.reminder_id).values(**values))
    async with sessions() as session:
        found = await progress(session, campaign.id)
    assert [funnel.tier for funnel in found.funnels] == [None, *Tier]
    for funnel in found.funnels:
        for station in ("planned", *stations, "active"):
            assert getattr(funnel, station) == counts[funnel.tier, station]
    assert found.closed == {"paid": counts[None, "paid"]}
    assert (found.response.count, found.cycle.count) == (len(hours), len(days))
    assert found.response.median == pytest.approx(statistics.median(hours))
    assert found.cycle.median == pytest.approx(statistics.median(days))
    assert found.cycle.p90 == pytest.approx(statistics.quantiles(days, n=10, method="inclusive")[8])


async def test_steps_outcomes_and_what_was_spent(sessions: SessionFactory) -> None:
    campaign = await make_campaign(sessions, plan_of(CALL_STEP, MESSAGE_STEP))
    case, *_ = await make_cases(sessions, campaign, 3)
    async with sessions() as session:
        reminder = await session.get_one(Reminder, case.reminder_id)
    message = await make_step(sessions, reminder, "message")
    attempts = [
        (case.step_id, "call", "ended", "no_answer", True),
        (case.step_id, "call", "ended", "completed", True),
        (case.step_id, "call", "placed", None, True),
        (case.step_id, "call", "ended", "cancelled", False),
        (case.step_id, "call", "leased", None, False),
        (message.id, "inbox", "ended", "unreachable", False),
        (message.id, "sms", "ended", "failed", False),
        (message.id, "sms", "ended", "delivered", False),
        (message.id, "sms", "placed", None, False),
        (message.id, "wechat", "leased", None, False),
    ]
    async with sessions() as session, session.begin():
        for number, (step_id, channel, state, outcome, called) in enumerate(attempts):
            call_id = None
            if called:
                talk = Conversation(id=uuid.uuid4(), channel="phone")
                call_id = uuid.uuid4()
                session.add(talk)
                await session.flush()
                session.add(
                    Call(
                        id=call_id,
                        conversation_id=talk.id,
                        carrier="standin",
                        phone_enc=b"1",
                        phone_hash=b"1",
                        phone_mask="1",
                        purpose="reminder",
                        state="intent",
                        intent_at=OPEN,
                    )
                )
                await session.flush()
            session.add(
                Attempt(
                    step_id=step_id,
                    number=number,
                    channel=channel,
                    state=state,
                    outcome=outcome,
                    token=number,
                    leased_by="test",
                    leased_until=OPEN,
                    call_id=call_id,
                    ended_at=OPEN if state == "ended" else None,
                )
            )
        message.state, message.ended_at = StepState.DONE, OPEN
        await session.merge(message)
    async with sessions() as session:
        found = await progress(session, campaign.id)
    assert (found.calls, found.messages) == (3, 3)
    assert {(each.channel, each.outcome): each.count for each in found.outcomes} == {
        (channel, outcome): sum((c, o) == (channel, outcome) for _, c, _, o, _ in attempts)
        for _, channel, _, outcome, _ in attempts
    }
    assert {
        step.key: {state: many for state, many in step.states.items() if many} for step in found.steps
    } == {
        "call": {StepState.PLANNED: 3},
        "message": {StepState.DONE: 1},
    }
