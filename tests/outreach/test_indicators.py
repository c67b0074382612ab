"""The indicators of a score, counted from the store."""

from __future__ import annotations

import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from outreach.indicators import Subject, indicators_of
from outreach.terms import Indicators
from store.engine import SessionFactory
from store.models import Bill, BillStatus, Call, Case, CaseKind, Payment, Promise
from tests.outreach.enrolling import DUE, TODAY, apply_for_deferral, change_bill, conversation_of
from tests.outreach.makers import OPEN, make_bill, make_taxpayer

pytestmark = pytest.mark.unit

NOTHING = Indicators(
    unpaid=Decimal("10.00"),
    overdue_before=0,
    longest_overdue=0,
    promises_broken=0,
    promises_kept=0,
    disputes_open=0,
    reachable=False,
    unanswered=0,
    first_time=True,
    deferred_before=False,
)


@pytest.fixture
async def who(sessions: SessionFactory) -> uuid.UUID:
    return (await make_taxpayer(sessions)).id


async def of(sessions: SessionFactory, who: uuid.UUID) -> dict[str, Any]:
    """What differs from nothing."""
    async with sessions() as session:
        (found,) = await indicators_of(session, [Subject(who, DUE, Decimal("10.00"))], TODAY)
    return {
        name: getattr(found, name)
        for name in Indicators.__dataclass_fields__
        if getattr(found, name) != getattr(NOTHING, name)
    }


async def settled(sessions: SessionFactory, who: uuid.UUID, due_ago: int, late: int) -> None:
    """A bill that fell due so many days ago and was paid so many days after."""
    bill: Bill = await make_bill(sessions, who, due=TODAY - timedelta(days=due_ago))
    paid_on = bill.due_date + timedelta(days=late)
    async with sessions() as session, session.begin():
        session.add(
            Payment(
                payment_no=bill.bill_no,
                bill_id=bill.id,
                paid_on=paid_on,
                amount=bill.principal,
                channel="银行",
            )
        )
    await change_bill(sessions, bill.id, status=BillStatus.SETTLED)


async def call(sessions: SessionFactory, who: uuid.UUID, *outcomes: str) -> None:
    """Calls, the first outcome the oldest."""
    talk = await conversation_of(sessions, None, channel="phone")
    async with sessions() as session, session.begin():
        for number, outcome in enumerate(outcomes):
            session.add(
                Call(
                    conversation_id=talk,
                    taxpayer_id=who,
                    carrier="standin",
                    phone_enc=b"1",
                    phone_hash=b"1",
                    phone_mask="1",
                    purpose="reminder",
                    state="ended",
                    outcome=outcome,
                    ended_at=OPEN + timedelta(hours=number),
                )
            )


async def test_nobody_with_a_past(sessions: SessionFactory, who: uuid.UUID) -> None:
    await settled(sessions, who, 100, 0)
    assert await of(sessions, who) == {}


async def test_lateness_of_other_days_counts_paid_or_not(sessions: SessionFactory, who: uuid.UUID) -> None:
    await settled(sessions, who, 100, 12)
    await settled(sessions, who, 200, -3)
    await make_bill(sessions, who, due=TODAY - timedelta(days=40))
    await make_bill(sessions, who, due=TODAY)
    for status in (BillStatus.DISPUTED, BillStatus.WITHDRAWN):
        unclear = await make_bill(sessions, who, due=TODAY - timedelta(days=90))
        await change_bill(sessions, unclear.id, status=status)
    assert await of(sessions, who) == {"overdue_before": 2, "longest_overdue": 40, "first_time": False}


async def test_what_is_at_hand_does_not_count_against_itself(
    sessions: SessionFactory, who: uuid.UUID
) -> None:
    due = TODAY - timedelta(days=5)
    await make_bill(sessions, who, due=due)
    async with sessions() as session:
        (found,) = await indicators_of(session, [Subject(who, due, Decimal("10.00"))], TODAY)
    assert found == NOTHING


async def test_what_is_long_ago_only_ends_the_first_time(sessions: SessionFactory, who: uuid.UUID) -> None:
    await settled(sessions, who, 800, 30)
    assert await of(sessions, who) == {"first_time": False}


async def test_a_deferral_moves_the_day_from_which_it_is_late(
    sessions: SessionFactory, who: uuid.UUID
) -> None:
    bill = await make_bill(sessions, who, due=TODAY - timedelta(days=60))
    await apply_for_deferral(sessions, bill, "approved")
    assert await of(sessions, who) == {
        "overdue_before": 1,
        "longest_overdue": 10,
        "first_time": False,
        "deferred_before": True,
    }


async def test_promises_and_disputes(sessions: SessionFactory, who: uuid.UUID) -> None:
    talk = await conversation_of(sessions, None)
    async with sessions() as session, session.begin():
        for status, days in (
            ("kept", 9),
            ("broken", 8),
            ("broken", 7),
            ("replaced", 6),
            ("open", 5),
            ("broken", 900),
        ):
            session.add(
                Promise(
                    taxpayer_id=who,
                    conversation_id=talk,
                    promised_on=TODAY - timedelta(days=days),
                    status=status,
                )
            )
        for kind, status in (
            (CaseKind.DISPUTE, "open"),
            (CaseKind.DISPUTE, "done"),
            (CaseKind.COMPLAINT, "open"),
        ):
            session.add(
                Case(
                    number=uuid.uuid4().hex,
                    kind=kind,
                    conversation_id=talk,
                    taxpayer_id=who,
                    statement="税额不对",
                    status=status,
                )
            )
    assert await of(sessions, who) == {"promises_broken": 2, "promises_kept": 1, "disputes_open": 1}


@pytest.mark.parametrize(
    ("outcomes", "found"),
    [
        (("completed", "busy", "no_answer"), {"reachable": True, "unanswered": 2}),
        (("busy", "completed"), {"reachable": True}),
        (("no_answer", "our_failure", "carrier_failure", "busy"), {"unanswered": 2}),
        (("carrier_failure",), {}),
        (("completed", *["no_answer"] * 12), {"unanswered": 10}),
    ],
)
async def test_the_last_calls(
    sessions: SessionFactory, who: uuid.UUID, outcomes: tuple[str, ...], found: dict[str, Any]
) -> None:
    await call(sessions, who, *outcomes)
    assert await of(sessions, who) == found


async def test_who_chats_is_reachable(sessions: SessionFactory, who: uuid.UUID) -> None:
    await conversation_of(sessions, who, channel="notices", external_id="1")
    assert await of(sessions, who) == {}
    await conversation_of(sessions, who)
    assert await of(sessions, who) == {"reachable": True}


async def test_many_at_once_are_not_mixed_up(sessions: SessionFactory, who: uuid.UUID) -> None:
    other = (await make_taxpayer(sessions)).id
    await settled(sessions, other, 100, 12)
    await call(sessions, who, "busy")
    subjects = [
        Subject(other, DUE, Decimal(1)),
        Subject(who, DUE, Decimal(2)),
        Subject(other, TODAY, Decimal(3)),
    ]
    async with sessions() as session:
        found = await indicators_of(session, subjects, TODAY)
        assert await indicators_of(session, [], TODAY) == ()
    assert [(each.unpaid, each.overdue_before, each.unanswered) for each in found] == [
        (1, 1, 0),
        (2, 0, 1),
        (3, 1, 0),
    ]
