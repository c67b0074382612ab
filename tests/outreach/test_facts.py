"""What is true of a reminder when a step is due, and which contacts count."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, update

from outreach.facts import choose, facts_about, history_of, numbers_of
from outreach.plan import Tier
from outreach.terms import Facts, History
from store import calls
from store.engine import SessionFactory
from store.models import (
    Call,
    CallState,
    Case,
    ContactExclusion,
    Conversation,
    DeferralApplication,
    OutboxSms,
    Owner,
    Promise,
)
from store.outreach_models import Attempt, AttemptState, Campaign, ContactPause, Signal
from tests.chat.database import CIPHER
from tests.outreach import makers
from tests.outreach.makers import (
    DUE,
    OPEN,
    make_bill,
    make_campaign,
    make_case,
    make_step,
    make_taxpayer,
    pay,
)

pytestmark = pytest.mark.unit


@pytest.fixture
async def campaign(sessions: SessionFactory) -> Campaign:
    return await make_campaign(sessions)


async def facts(sessions: SessionFactory, case: makers.Case) -> Facts:
    async with sessions() as session:
        return await facts_about(session, case.reminder_id, OPEN)


async def history(sessions: SessionFactory, taxpayer_id: uuid.UUID, phone: str | None = None) -> History:
    async with sessions() as session:
        return await history_of(
            session, taxpayer_id, CIPHER.lookup_hash("phone", phone) if phone else None, OPEN
        )


async def add(sessions: SessionFactory, *rows: Any) -> None:
    async with sessions() as session, session.begin():
        for row in rows:
            session.add(row)
            await session.flush()


def talk(**more: Any) -> Conversation:
    return Conversation(id=uuid.uuid4(), channel="web", **more)


def application(case: makers.Case, status: str) -> DeferralApplication:
    return DeferralApplication(
        number=f"YQ{uuid.uuid4().hex}",
        taxpayer_id=case.taxpayer_id,
        bill_id=case.bill_id,
        status=status,
        reason="cash_shortage",
        reason_text="资金紧张",
        tax_amount=Decimal("1000.00"),
        months=1,
        requested_until=date(2027, 1, 15),
        cash=Decimal(1),
        wages_payable=Decimal(0),
        social_insurance=Decimal(0),
        approved_until=date(2027, 1, 15) if status == "approved" else None,
    )


async def a_call(
    sessions: SessionFactory,
    taxpayer_id: uuid.UUID | None,
    phone: str,
    *,
    carrier: bool = True,
    ended: bool = True,
    outcome: str | None = "no_answer",
    answered: bool = False,
    ago: timedelta = timedelta(hours=1),
) -> Call:
    at = OPEN - ago
    async with sessions() as session, session.begin():
        call = await calls.plan(
            session, CIPHER, phone=phone, purpose="test", carrier="standin", taxpayer_id=taxpayer_id
        )
        await calls.write_intent(session, call.id, at)
        await session.execute(
            update(Call)
            .where(Call.id == call.id)
            .values(
                carrier_id=f"CA{call.id.hex}" if carrier else None,
                state=CallState.ENDED if ended else CallState.ANSWERED,
                answered_at=at if answered else None,
                ended_at=at if ended else None,
                outcome=outcome if ended else None,
            )
        )
    return call


async def test_of_an_ordinary_reminder(sessions: SessionFactory, campaign: Campaign) -> None:
    case = await make_case(sessions, campaign)
    await pay(sessions, case.bill_id, "400.00")
    assert await facts(sessions, case) == Facts(
        due=DUE,
        tier=Tier.MIDDLE,
        region="成都市",
        unpaid=Decimal("600.00"),
        active=True,
        deferral_possible=True,
    )


async def test_a_paid_one_is_not_active(sessions: SessionFactory, campaign: Campaign) -> None:
    case = await make_case(sessions, campaign)
    await pay(sessions, case.bill_id)
    found = await facts(sessions, case)
    assert (found.active, found.unpaid) == (False, 0)


async def test_bills_of_another_day_do_not_count(sessions: SessionFactory, campaign: Campaign) -> None:
    case = await make_case(sessions, campaign)
    await make_bill(sessions, case.taxpayer_id, principal="9.00")
    assert (await facts(sessions, case)).unpaid == Decimal("1000.00")


@pytest.mark.parametrize(
    ("status", "short", "pending", "possible"),
    [
        ("draft", True, False, True),
        ("submitted", True, True, False),
        ("accepted", True, True, False),
        ("refused", True, False, True),
    ],
)
async def test_applications_for_deferral(
    sessions: SessionFactory, campaign: Campaign, status: str, short: bool, pending: bool, possible: bool
) -> None:
    case = await make_case(sessions, campaign)
    await add(sessions, application(case, status))
    found = await facts(sessions, case)
    assert (found.short_of_cash, found.deferral_pending, found.deferral_possible) == (
        short,
        pending,
        possible,
    )


async def test_after_the_deadline_no_deferral_is_possible(
    sessions: SessionFactory, campaign: Campaign
) -> None:
    on_it = await make_case(sessions, campaign, due=OPEN.date())
    after = await make_case(sessions, campaign, due=OPEN.date() - timedelta(days=1))
    assert (await facts(sessions, on_it)).deferral_possible
    assert not (await facts(sessions, after)).deferral_possible


async def test_what_they_said_and_promised(sessions: SessionFactory, campaign: Campaign) -> None:
    case = await make_case(sessions, campaign)
    said = talk(taxpayer_id=case.taxpayer_id)
    await add(
        sessions,
        said,
        Signal(taxpayer_id=case.taxpayer_id, conversation_id=said.id, kind="short_of_cash", created_at=OPEN),
        Promise(taxpayer_id=case.taxpayer_id, conversation_id=said.id, promised_on=date(2026, 12, 1)),
    )
    found = await facts(sessions, case)
    assert (found.short_of_cash, found.promised_on) == (True, date(2026, 12, 1))
    assert not found.with_human
    async with sessions() as session, session.begin():
        await session.execute(update(Signal).values(created_at=OPEN - timedelta(days=91)))
        await session.execute(update(Promise).values(status="kept"))
    found = await facts(sessions, case)
    assert (found.short_of_cash, found.promised_on) == (False, None)


@pytest.mark.parametrize("how", ["queue", "dispute", "complaint", "payment_check"])
async def test_with_a_human(sessions: SessionFactory, campaign: Campaign, how: str) -> None:
    case = await make_case(sessions, campaign)
    if how == "queue":
        await add(sessions, talk(taxpayer_id=case.taxpayer_id, owner=Owner.QUEUE))
    else:
        said = talk(taxpayer_id=case.taxpayer_id)
        opened = Case(
            number=how, kind=how, conversation_id=said.id, taxpayer_id=case.taxpayer_id, statement="核对"
        )
        await add(sessions, said, opened)
    assert (await facts(sessions, case)).with_human


async def test_a_case_that_is_settled_or_of_another_kind_is_no_human(
    sessions: SessionFactory, campaign: Campaign
) -> None:
    case = await make_case(sessions, campaign)
    said = talk(taxpayer_id=case.taxpayer_id)
    about = {"conversation_id": said.id, "taxpayer_id": case.taxpayer_id, "statement": "核对"}
    await add(
        sessions,
        said,
        Case(number="1", kind="dispute", status="done", **about),
        Case(number="2", kind="collection", **about),
    )
    assert not (await facts(sessions, case)).with_human


async def test_who_opted_out_is_left_alone_proven_or_not(
    sessions: SessionFactory, campaign: Campaign
) -> None:
    proven = await make_case(sessions, campaign)
    on_call = await make_case(sessions, campaign, phones=["13900002001"])
    sharing = await make_case(sessions, campaign, phones=["13900002001"])
    said = talk(taxpayer_id=proven.taxpayer_id)
    call = await a_call(sessions, on_call.taxpayer_id, "13900002001")
    await add(
        sessions,
        said,
        ContactExclusion(kind="opt_out", conversation_id=said.id, taxpayer_id=proven.taxpayer_id),
        ContactExclusion(kind="opt_out", conversation_id=call.conversation_id),
    )
    assert (await facts(sessions, proven)).leave_alone == "纳税人要求不再联系"
    assert (await facts(sessions, on_call)).leave_alone == "纳税人要求不再联系"
    other = await facts(sessions, sharing)
    assert (other.leave_alone, other.numbers) == ("", 0)
    assert "不能拨打" in other.no_calls


async def test_a_wrong_number_leaves_the_others(sessions: SessionFactory, campaign: Campaign) -> None:
    case = await make_case(sessions, campaign, phones=["13900003001", "13900003002"])
    call = await a_call(sessions, case.taxpayer_id, "13900003001", outcome="wrong_person")
    await add(sessions, ContactExclusion(kind="wrong_person", conversation_id=call.conversation_id))
    found = await facts(sessions, case)
    assert (found.leave_alone, found.no_calls, found.numbers) == ("", "", 1)
    async with sessions() as session:
        (number,) = await numbers_of(session, case.taxpayer_id, case.step_id, OPEN)
    assert number.phone_hash == CIPHER.lookup_hash("phone", "13900003002")


async def test_collection_that_was_stopped(sessions: SessionFactory, campaign: Campaign) -> None:
    case = await make_case(sessions, campaign)
    await add(sessions, talk(taxpayer_id=case.taxpayer_id, collection_stopped=True))
    assert (await facts(sessions, case)).leave_alone


async def test_pauses(sessions: SessionFactory, campaign: Campaign) -> None:
    whole, calls_only, over, lifted, number, second = [
        await make_case(sessions, campaign, phones=[f"1390000400{place}", f"1390000401{place}"])
        for place in range(6)
    ]
    by = {"reason": "本人要求", "by": "cli"}
    await add(
        sessions,
        ContactPause(taxpayer_id=whole.taxpayer_id, until=OPEN + timedelta(days=1), **by),
        ContactPause(taxpayer_id=calls_only.taxpayer_id, calls_only=True, **by),
        ContactPause(taxpayer_id=over.taxpayer_id, until=OPEN, **by),
        ContactPause(taxpayer_id=lifted.taxpayer_id, lifted_at=OPEN, **by),
        ContactPause(phone_hash=CIPHER.lookup_hash("phone", "13900004004"), **by),
        ContactPause(phone_hash=CIPHER.lookup_hash("phone", "13900004015"), **by),
    )
    assert (await facts(sessions, whole)).leave_alone == "税务人员已暂停联系"
    found = await facts(sessions, calls_only)
    assert (found.leave_alone, found.no_calls) == ("", "税务人员已暂停电话联系")
    for case in (over, lifted):
        found = await facts(sessions, case)
        assert (found.leave_alone, found.no_calls, found.numbers) == ("", "", 2)
    # Texts go to the primary number: whoever answers there wants to be left alone.
    assert (await facts(sessions, number)).leave_alone
    found = await facts(sessions, second)
    assert (found.leave_alone, found.numbers) == ("", 1)


async def test_without_a_number(sessions: SessionFactory, campaign: Campaign) -> None:
    case = await make_case(sessions, campaign, phones=[])
    assert (await facts(sessions, case)).no_calls == "没有登记可以拨打的电话"


async def test_a_reminder_that_is_gone(sessions: SessionFactory) -> None:
    async with sessions() as session:
        with pytest.raises(LookupError):
            await facts_about(session, uuid.uuid4(), OPEN)


async def test_calls_count_by_taxpayer_and_by_number(sessions: SessionFactory) -> None:
    one, other = [await make_taxpayer(sessions) for _ in range(2)]
    await a_call(sessions, one.id, "13900005001")
    await a_call(sessions, other.id, "13900005002")
    await a_call(sessions, None, "13900005002", ago=timedelta(hours=2))
    await a_call(sessions, one.id, "13900005001", ago=timedelta(days=7, seconds=1))
    assert (await history(sessions, one.id)).tries == (OPEN - timedelta(hours=1),)
    shared = await history(sessions, one.id, "13900005002")
    assert sorted(shared.tries) == [OPEN - timedelta(hours=hours) for hours in (2, 1, 1)]


async def test_what_was_never_dialled_is_no_try_but_what_may_have_been_is(sessions: SessionFactory) -> None:
    taxpayer = await make_taxpayer(sessions)
    await a_call(sessions, taxpayer.id, "13900005003", carrier=False, outcome="carrier_failure")
    assert (await history(sessions, taxpayer.id)).tries == ()
    async with sessions() as session, session.begin():
        call = await calls.plan(
            session, CIPHER, phone="13900005003", purpose="test", carrier="standin", taxpayer_id=taxpayer.id
        )
        await calls.write_intent(session, call.id, OPEN)
    assert (await history(sessions, taxpayer.id)).tries == (OPEN,)


@pytest.mark.parametrize(
    ("outcome", "ended", "answered", "connected"),
    [
        ("completed", True, True, True),
        ("hung_up", True, True, True),
        ("wrong_person", True, True, True),
        ("voicemail", True, True, False),
        ("fax", True, True, False),
        ("silent", True, True, False),
        ("busy", True, False, False),
        (None, False, True, True),
    ],
)
async def test_connected_is_what_a_person_answered(
    sessions: SessionFactory, outcome: str | None, ended: bool, answered: bool, connected: bool
) -> None:
    taxpayer = await make_taxpayer(sessions)
    await a_call(sessions, taxpayer.id, "13900005004", outcome=outcome, ended=ended, answered=answered)
    assert len((await history(sessions, taxpayer.id)).connected) == connected


async def test_messages_of_campaigns_count_when_they_were_decided_on(
    sessions: SessionFactory, campaign: Campaign
) -> None:
    case = await make_case(sessions, campaign, "message")
    attempt = Attempt(
        id=uuid.uuid4(),
        step_id=case.step_id,
        number=1,
        channel="sms",
        state=AttemptState.INTENT,
        token=1,
        leased_by="w",
        leased_until=OPEN,
        intent_at=OPEN - timedelta(hours=1),
    )
    text = {"phone_enc": b"", "phone_mask": "139****0000", "body_enc": b"", "taxpayer_id": case.taxpayer_id}
    await add(
        sessions,
        attempt,
        OutboxSms(purpose="notice", attempt_id=attempt.id, **text),
        OutboxSms(purpose="verify", **text),
    )
    assert (await history(sessions, case.taxpayer_id)).messages == (OPEN - timedelta(hours=1),)
    async with sessions() as session, session.begin():
        await session.execute(
            update(OutboxSms).where(OutboxSms.attempt_id == attempt.id).values(state="dropped")
        )
    assert (await history(sessions, case.taxpayer_id)).messages == ()


async def test_the_next_number_and_the_last_one(sessions: SessionFactory, campaign: Campaign) -> None:
    phones = ["13900006001", "13900006002", "13900006003"]
    case = await make_case(sessions, campaign, phones=phones)

    async def chosen(*, other: bool) -> str:
        async with sessions() as session:
            number = choose(await numbers_of(session, case.taxpayer_id, case.step_id, OPEN), other=other)
        assert number is not None
        return next(phone for phone in phones if CIPHER.lookup_hash("phone", phone) == number.phone_hash)

    async def tried(number: int, phone: str) -> None:
        async with sessions() as session, session.begin():
            contact_id = await session.scalar(
                select(makers.Contact.id).where(
                    makers.Contact.phone_hash == CIPHER.lookup_hash("phone", phone)
                )
            )
            session.add(
                Attempt(
                    step_id=case.step_id,
                    number=number,
                    channel="call",
                    contact_id=contact_id,
                    state=AttemptState.ENDED,
                    outcome="busy",
                    token=number,
                    leased_by="w",
                    leased_until=OPEN,
                    ended_at=OPEN,
                )
            )

    assert await chosen(other=False) == phones[0]
    await tried(1, phones[0])
    assert await chosen(other=False) == phones[0]
    assert await chosen(other=True) == phones[1]
    await tried(2, phones[1])
    assert await chosen(other=False) == phones[1]
    assert await chosen(other=True) == phones[2]
    await tried(3, phones[2])
    assert await chosen(other=True) == phones[2]
    assert choose((), other=True) is None


async def test_another_step_begins_with_the_primary_number(
    sessions: SessionFactory, campaign: Campaign
) -> None:
    case = await make_case(sessions, campaign, phones=["13900007001", "13900007002"])
    async with sessions() as session:
        reminder = await session.get_one(makers.om.Reminder, case.reminder_id)
    second = await make_step(sessions, reminder, "message")
    async with sessions() as session:
        numbers = await numbers_of(session, case.taxpayer_id, second.id, OPEN)
    assert [number.last_try for number in numbers] == [None, None]
