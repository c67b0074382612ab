"""Whom a campaign finds, whom it leaves out and why, and that a preview counts what enrolment then does."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, update

from outreach.audience import LeftOut, Preview, mask_name, preview
from outreach.pauses import pause_contact
from outreach.plan import Audience
from outreach.risk import load_rules
from store.engine import SessionFactory
from store.models import BillStatus, Call, ContactExclusion, Taxpayer, TaxpayerKind
from store.outreach_models import Reminder
from tests.outreach.enrolling import (
    DUE,
    MORNING,
    STANDARD,
    TODAY,
    apply_for_deferral,
    change_bill,
    conversation_of,
    enrolled,
    looking_at,
    started,
)
from tests.outreach.makers import make_bill, make_taxpayer, pay

pytestmark = pytest.mark.unit


async def look(sessions: SessionFactory, **audience: Any) -> Preview:
    async with sessions() as session:
        return await preview(session, Audience.model_validate(audience), TODAY, load_rules(), plan=STANDARD)


async def exclude(
    sessions: SessionFactory, taxpayer_id: uuid.UUID | None, talk: uuid.UUID, kind: str
) -> None:
    async with sessions() as session, session.begin():
        session.add(ContactExclusion(kind=kind, conversation_id=talk, taxpayer_id=taxpayer_id))


async def test_only_what_is_claimed_unpaid_and_due_in_the_window_counts(sessions: SessionFactory) -> None:
    who = (await make_taxpayer(sessions)).id
    await make_bill(sessions, who, due=TODAY + timedelta(days=7), principal="700.00")
    await make_bill(sessions, who, due=TODAY - timedelta(days=30), principal="30.00")
    for days in (8, -31):
        await make_bill(sessions, who, due=TODAY + timedelta(days=days))
    for status in (BillStatus.DISPUTED, BillStatus.SETTLED, BillStatus.WITHDRAWN):
        await change_bill(sessions, (await make_bill(sessions, who, due=DUE)).id, status=status)
    await pay(sessions, (await make_bill(sessions, who, due=DUE)).id, "1000.00")
    part = await make_bill(sessions, who, due=DUE)
    await pay(sessions, part.id, "999.50")
    async with sessions() as session:
        found = await preview(session, Audience(), TODAY, load_rules())
    assert (found.taxpayers, found.reminders, found.bills) == (1, 2, 3)
    assert found.unpaid == Decimal("730.50")
    assert {each.due: each.bills for each in found.sample} == {DUE: 2, TODAY - timedelta(days=30): 1}


async def test_an_approved_deferral_moves_a_bill_in_and_out_of_the_window(sessions: SessionFactory) -> None:
    who = (await make_taxpayer(sessions)).id
    await apply_for_deferral(sessions, await make_bill(sessions, who, due=DUE), "approved")
    assert (await look(sessions)).reminders == 0
    late = await make_bill(sessions, who, due=DUE - timedelta(days=50), principal="50.00")
    assert (await look(sessions)).reminders == 0
    await apply_for_deferral(sessions, late, "approved")
    assert [(each.due, each.unpaid) for each in (await look(sessions)).sample] == [(DUE, Decimal("50.00"))]


@pytest.mark.parametrize(
    ("audience", "found"),
    [
        ({}, 2),
        ({"regions": ["广州市"]}, 1),
        ({"kinds": ["person"]}, 1),
        ({"kinds": ["company", "person"]}, 2),
        ({"industries": ["餐饮业"]}, 1),
        ({"sizes": ["large"]}, 0),
        ({"tax_types": ["增值税"]}, 2),
        ({"tax_types": ["契税"]}, 0),
        ({"min_unpaid": "1500"}, 1),
        ({"max_unpaid": "1499.99"}, 1),
        ({"due_within": 6}, 0),
    ],
)
async def test_each_filter_narrows(sessions: SessionFactory, audience: dict[str, Any], found: int) -> None:
    shop = await make_taxpayer(sessions, region="成都市")
    person = await make_taxpayer(sessions, region="广州市", kind=TaxpayerKind.PERSON)
    async with sessions() as session, session.begin():
        await session.execute(
            update(Taxpayer).where(Taxpayer.id == shop.id).values(industry="餐饮业", size="small")
        )
    await make_bill(sessions, shop.id, due=DUE, principal="1000.00")
    await make_bill(sessions, shop.id, due=DUE, principal="500.00")
    await make_bill(sessions, person.id, due=DUE, principal="1000.00")
    assert (await look(sessions, **audience)).reminders == found


async def test_who_is_left_out_and_why(sessions: SessionFactory) -> None:
    people = {name: (await make_taxpayer(sessions)).id for name in ("fine", *(why.value for why in LeftOut))}
    people["no_phone"] = (await make_taxpayer(sessions, phones=[])).id
    for name, who in people.items():
        await make_bill(sessions, who, due=TODAY - timedelta(days=20 if name == "too_late" else -5))
    await exclude(
        sessions, people["opted_out"], await conversation_of(sessions, people["opted_out"]), "opt_out"
    )
    await conversation_of(sessions, people["stopped"], collection_stopped=True)
    async with sessions() as session, session.begin():
        await pause_contact(session, "cli", taxpayer_id=people["paused"], until=None, reason="本人住院")
    other = await started(
        sessions, "别的活动", looking_at(regions=["成都市"], due_within=5, overdue_within=0)
    )
    only = {name: who for name, who in people.items() if name != "other_campaign"}
    async with sessions() as session, session.begin():
        await session.execute(update(Taxpayer).where(Taxpayer.id.in_(only.values())).values(region="郑州市"))
    assert (await enrolled(sessions, other)).reminders == 1
    plan = STANDARD.model_copy(update={"steps": STANDARD.steps[:3]})
    async with sessions() as session:
        found = await preview(session, STANDARD.audience, TODAY, load_rules(), plan=plan)
    assert found.left_out == dict.fromkeys(LeftOut, 1)
    assert (found.taxpayers, found.reminders) == (1, 1)
    async with sessions() as session:
        own = await preview(session, STANDARD.audience, TODAY, load_rules(), plan=plan, campaign_id=other.id)
    assert (LeftOut.OTHER_CAMPAIGN in own.left_out, own.reminders) == (False, 2)


async def test_who_opted_out_on_an_unverified_call_is_left_out_too(sessions: SessionFactory) -> None:
    who = (await make_taxpayer(sessions)).id
    await make_bill(sessions, who, due=DUE)
    talk = await conversation_of(sessions, None, channel="phone")
    async with sessions() as session, session.begin():
        session.add(
            Call(
                conversation_id=talk,
                taxpayer_id=who,
                carrier="standin",
                phone_enc=b"1",
                phone_hash=b"1",
                phone_mask="1",
                purpose="reminder",
            )
        )
    await exclude(sessions, None, talk, "opt_out")
    assert (await look(sessions)).left_out == {LeftOut.OPTED_OUT: 1}


@pytest.mark.parametrize("how", ["calls_only", "over", "lifted"])
async def test_a_pause_that_does_not_hold_leaves_nobody_out(sessions: SessionFactory, how: str) -> None:
    who = (await make_taxpayer(sessions)).id
    await make_bill(sessions, who, due=DUE)
    async with sessions() as session, session.begin():
        pause = await pause_contact(
            session, "cli", taxpayer_id=who, until=None, reason="出国", calls_only=how == "calls_only"
        )
        if how == "over":
            pause.until = MORNING - timedelta(days=1)
        elif how == "lifted":
            pause.lifted_at = MORNING
    assert (await look(sessions)).reminders == 1


async def test_a_preview_counts_what_enrolment_then_makes(sessions: SessionFactory) -> None:
    for number in range(40):
        who = await make_taxpayer(sessions, region=("成都市", "广州市")[number % 2])
        for days in range(number % 4):
            await make_bill(
                sessions, who.id, due=TODAY + timedelta(days=3 * days - 2), principal=f"{900 * number + 1}.10"
            )
    async with sessions() as session:
        found = await preview(session, STANDARD.audience, TODAY, load_rules(), plan=STANDARD)
    campaign = await started(sessions)
    made = await enrolled(sessions, campaign)
    assert (made.reminders, made.left_out) == (found.reminders, found.left_out)
    assert (found.reminders, len(found.sample), found.taxpayers) == (60, 20, 30)
    assert sum(found.first_days.values()) == found.reminders
    async with sessions() as session:
        after = await preview(
            session, STANDARD.audience, TODAY, load_rules(), plan=STANDARD, campaign_id=campaign.id
        )
    assert after == found
    async with sessions() as session:
        tiers = Counter(await session.scalars(select(Reminder.tier)))
    assert tiers == {tier.value: count for tier, count in found.tiers.items() if count}


async def test_the_sample_shows_neither_names_nor_numbers(sessions: SessionFactory) -> None:
    who = await make_taxpayer(sessions, phones=["19912345678"])
    await make_bill(sessions, who.id, due=DUE)
    shown = str((await look(sessions)).sample)
    assert "19912345678" not in shown and who.name not in shown and "199****5678" in shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("王芳", "王*"),
        ("欧阳文静（虚构）", "欧***"),
        ("成都望舒餐饮管理有限公司（虚构）", "成都***公司"),
        ("（虚构）", "（***"),
    ],
)
def test_masked_names(name: str, shown: str) -> None:
    assert mask_name(name) == shown
