"""Cases on real PostgreSQL: lists, hands, results, and what becomes of bill and late fee."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from gateway.guard import amounts_in
from handoff import casework, worklist
from handoff.bill_changes import CannotChange, Finding, FoundPayment
from handoff.casework import CannotSettle, Settled, Settlement
from handoff.permissions import NotAllowed, Role
from handoff.thread import BadWords
from store import audit
from store.debts import Debt, debt_by_id
from store.engine import SessionFactory
from store.handoff_models import Staff
from store.identity import proof
from store.models import AuditEvent, Bill, BillStatus, Case, CaseKind, Payment, Secret, Taxpayer
from tax.money import MoneyError
from tests.chat.database import CIPHER, fresh_database, opened
from tests.handoff import desk
from tests.handoff.desk import at

pytestmark = pytest.mark.unit

TODAY = date(2026, 11, 23)
DUE = date(2026, 5, 22)


@pytest.fixture(scope="module")
def url() -> str:
    return fresh_database()


@pytest_asyncio.fixture
async def sessions(url: str) -> AsyncIterator[SessionFactory]:
    async with opened(url) as factory:
        yield factory


class Desk:
    """One taxpayer with a bill, a conversation and officers."""

    def __init__(
        self, sessions: SessionFactory, who: Taxpayer, bill: Bill, talk: uuid.UUID, officer: Staff
    ) -> None:
        self.sessions, self.who, self.bill, self.talk, self.officer = sessions, who, bill, talk, officer

    async def open(self, kind: CaseKind, *, named: bool = True, **more: Any) -> uuid.UUID:
        return await desk.case(
            self.sessions, kind, self.talk, self.who.id, self.bill if named else None, **more
        )

    async def settle(self, case: uuid.UUID, *, by: Staff | None = None, **values: Any) -> Settled:
        settlement = Settlement(**({"result": "已经核实清楚"} | values))
        async with self.sessions() as session, session.begin():
            return await casework.settle(
                session, by or self.officer, case, settlement, cipher=CIPHER, now=at(TODAY)
            )

    async def take(self, case: uuid.UUID, by: Staff | None = None, **more: Any) -> str:
        async with self.sessions() as session, session.begin():
            return await casework.take(session, by or self.officer, case, **more)

    async def debt(self) -> Debt:
        async with self.sessions() as session:
            found = await debt_by_id(session, self.bill.id)
        assert found is not None
        return found

    async def row(self, case: uuid.UUID) -> Case:
        async with self.sessions() as session:
            return await session.get_one(Case, case)

    async def heard(self) -> list[str]:
        async with self.sessions() as session:
            return await desk.thread(session, self.talk)

    async def trail(self, case: uuid.UUID) -> list[tuple[str, str]]:
        row = await self.row(case)
        async with self.sessions() as session:
            return await desk.trail(session, f"case:{row.number}")


async def desk_of(
    sessions: SessionFactory, *, principal: str = "100000.00", due: date = DUE, **more: Any
) -> Desk:
    who = await desk.taxpayer(sessions)
    bill = await desk.bill(sessions, who.id, Decimal(principal), due, **more)
    talk = await desk.conversation(sessions, who.id)
    return Desk(sessions, who, bill, talk, await desk.officer(sessions))


def paid(amount: str, on: date, number: str = "", kind: str = "tax") -> FoundPayment:
    return FoundPayment(number or f"JK-{uuid.uuid4().hex[:12]}", on, Decimal(amount), "银行柜台", kind)


async def test_a_payment_found_changes_bill_and_late_fee_as_in_the_worked_example(
    sessions: SessionFactory,
) -> None:
    """P02 of the law notes: 30,000.00 on 1 June, the rest as of 30 June."""
    d = await desk_of(sessions)
    assert (await d.debt()).late_fee(date(2026, 6, 30)).late_fee == Decimal("1950.00")
    case = await d.open(CaseKind.PAYMENT_CHECK)
    await d.settle(case, result="已在银行回单中查到", payment=paid("30000.00", date(2026, 6, 1)))
    debt = await d.debt()
    assert debt.unpaid == Decimal("70000.00")
    assert debt.late_fee(date(2026, 6, 30)).late_fee == Decimal("1515.00")
    assert debt.status is BillStatus.OPEN
    (told,) = await d.heard()
    assert "已在银行回单中查到" in told and not amounts_in(told)


async def test_a_bill_paid_in_full_is_settled_and_its_fee_stops(sessions: SessionFactory) -> None:
    """P05: paid 20 days late; the fee stays."""
    d = await desk_of(sessions, principal="5000.00", due=date(2026, 8, 17))
    await d.settle(
        await d.open(CaseKind.PAYMENT_CHECK, named=False),
        payment=paid("5000.00", date(2026, 9, 6)),
        bill_id=d.bill.id,
    )
    debt = await d.debt()
    assert (debt.status, debt.unpaid) == (BillStatus.SETTLED, Decimal("0.00"))
    assert debt.late_fee(TODAY).late_fee == Decimal("50.00")


async def test_a_late_fee_found_leaves_the_tax_unpaid(sessions: SessionFactory) -> None:
    d = await desk_of(sessions, principal="50.00")
    await d.settle(
        await d.open(CaseKind.PAYMENT_CHECK), payment=paid("50.00", date(2026, 6, 1), kind="late_fee")
    )
    debt = await d.debt()
    assert (debt.status, debt.unpaid, debt.late_fee_paid) == (
        BillStatus.OPEN,
        Decimal("50.00"),
        Decimal("50.00"),
    )


async def test_without_the_voucher_no_payment_is_written(sessions: SessionFactory) -> None:
    d = await desk_of(sessions)
    await d.settle(await d.open(CaseKind.PAYMENT_CHECK), result="没有查到这笔缴款，请提供回单")
    assert (await d.debt()).payments == ()


@pytest.mark.parametrize(
    ("payment", "error"),
    [
        (paid("0.00", DUE), MoneyError),
        (paid("-5.00", DUE), MoneyError),
        (paid("5.005", DUE), MoneyError),
        (paid("5.00", TODAY + timedelta(days=1)), BadWords),
        (paid("5.00", DUE - timedelta(days=1200)), BadWords),
        (FoundPayment("", DUE, Decimal(5), "银行"), BadWords),
        (FoundPayment("甲'; drop", DUE, Decimal(5), "银行"), BadWords),
        (FoundPayment("JK1", DUE, Decimal(5), " "), BadWords),
        (FoundPayment("JK1", DUE, Decimal(5), "银行", "fine"), BadWords),
    ],
)
async def test_particulars_that_cannot_be_right_leave_the_case_open(
    sessions: SessionFactory, payment: FoundPayment, error: type[Exception]
) -> None:
    d = await desk_of(sessions)
    case = await d.open(CaseKind.PAYMENT_CHECK)
    with pytest.raises(error):
        await d.settle(case, payment=payment)
    assert (await d.row(case)).status == casework.OPEN
    assert (await d.debt()).payments == () and await d.heard() == []


async def test_one_voucher_is_one_payment(sessions: SessionFactory) -> None:
    d, other = await desk_of(sessions), await desk_of(sessions)
    payment = paid("30000.00", date(2026, 6, 1), number="344026060100001234")
    await d.settle(await d.open(CaseKind.PAYMENT_CHECK), payment=payment)
    await d.settle(await d.open(CaseKind.PAYMENT_CHECK), payment=payment)
    assert (await d.debt()).unpaid == Decimal("70000.00")
    with pytest.raises(CannotChange, match="已经登记过"):
        await other.settle(await other.open(CaseKind.PAYMENT_CHECK), payment=payment)
    assert (await other.debt()).payments == ()


async def test_a_payment_goes_to_the_taxpayers_own_bill_only(sessions: SessionFactory) -> None:
    d, other = await desk_of(sessions), await desk_of(sessions)
    case = await d.open(CaseKind.PAYMENT_CHECK, named=False)
    with pytest.raises(CannotChange, match="不属于"):
        await d.settle(case, payment=paid("1.00", DUE), bill_id=other.bill.id)
    with pytest.raises(CannotSettle, match="哪一张税单"):
        await d.settle(case, payment=paid("1.00", DUE))
    anonymous = await desk.case(sessions, CaseKind.PAYMENT_CHECK, d.talk)
    with pytest.raises(CannotChange):
        await d.settle(anonymous, payment=paid("1.00", DUE), bill_id=other.bill.id)
    assert (await other.debt()).payments == ()


async def test_a_fault_of_the_authority_bears_no_late_fee(sessions: SessionFactory) -> None:
    """F01."""
    d = await desk_of(sessions, principal="20000.00", due=date(2025, 4, 18), status="disputed")
    assert (await d.debt()).late_fee(TODAY).late_fee > 0
    await d.settle(await d.open(CaseKind.DISPUTE), finding=Finding.AUTHORITY_FAULT)
    debt = await d.debt()
    assert (debt.status, debt.unpaid) == (BillStatus.OPEN, Decimal("20000.00"))
    assert debt.late_fee(TODAY).late_fee == Decimal("0.00")
    assert "不加收滞纳金" in (await d.heard())[0]


async def test_a_withdrawn_bill_is_owed_no_more(sessions: SessionFactory) -> None:
    d = await desk_of(sessions, status="disputed")
    await d.settle(await d.open(CaseKind.DISPUTE), finding=Finding.WITHDRAWN)
    debt = await d.debt()
    assert (debt.status, debt.unpaid, debt.authority_fault) == (
        BillStatus.WITHDRAWN,
        Decimal("0.00"),
        False,
    )
    again = await d.open(CaseKind.DISPUTE)
    with pytest.raises(CannotChange, match="已经撤销"):
        await d.settle(again, finding=Finding.STANDS)
    await d.settle(again, finding=Finding.WITHDRAWN)


async def test_words_alone_change_no_bill(sessions: SessionFactory) -> None:
    d = await desk_of(sessions, status="disputed")
    case = await d.open(CaseKind.DISPUTE)
    with pytest.raises(CannotSettle, match="核实结论"):
        await d.settle(case, result="税单撤销，责任在我们")
    await d.settle(case, result="税单撤销，责任在我们", finding=Finding.STANDS)
    debt = await d.debt()
    assert (debt.status, debt.authority_fault) == (BillStatus.OPEN, False)
    assert "申请行政复议" in (await d.heard())[0]
    assert debt.late_fee(date(2026, 6, 30)).late_fee == Decimal("1950.00")


async def test_a_bill_stays_disputed_while_another_dispute_of_it_is_open(sessions: SessionFactory) -> None:
    d = await desk_of(sessions, status="disputed")
    first, second = await d.open(CaseKind.DISPUTE), await d.open(CaseKind.DISPUTE)
    await d.settle(first, finding=Finding.STANDS)
    assert (await d.debt()).status is BillStatus.DISPUTED
    await desk.pay(sessions, d.bill, d.bill.principal, DUE)
    await d.settle(second, finding=Finding.STANDS)
    assert (await d.debt()).status is BillStatus.SETTLED


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (CaseKind.COMPLAINT, {"finding": Finding.WITHDRAWN}),
        (CaseKind.PAYMENT_CHECK, {"finding": Finding.AUTHORITY_FAULT}),
        (CaseKind.DISPUTE, {"finding": Finding.STANDS, "payment": paid("1.00", DUE)}),
        (CaseKind.CALLBACK, {"payment": paid("1.00", DUE)}),
    ],
)
async def test_each_kind_can_change_only_what_it_is_about(
    sessions: SessionFactory, kind: CaseKind, values: dict[str, Any]
) -> None:
    d = await desk_of(sessions)
    case = await d.open(kind)
    with pytest.raises(CannotSettle):
        await d.settle(case, **values)
    assert (await d.row(case)).status == casework.OPEN
    assert (await d.debt()).status is BillStatus.OPEN


async def test_of_many_officers_one_has_the_case(sessions: SessionFactory) -> None:
    d = await desk_of(sessions)
    case = await d.open(CaseKind.COMPLAINT)
    others = [await desk.officer(sessions, name=f"同事{n}") for n in range(6)]
    done = await asyncio.gather(*(d.take(case, by) for by in others), return_exceptions=True)
    lost = [result for result in done if isinstance(result, CannotSettle)]
    assert len(lost) == 5
    row = await d.row(case)
    winner = next(by for by in others if by.id == row.assigned_to)
    assert all(str(error).startswith(winner.name) for error in lost)
    assert await d.trail(case) == [(f"staff:{winner.login}", "complaint.taken")]
    loser = next(by for by in others if by is not winner)
    with pytest.raises(CannotSettle, match="接过来"):
        await d.settle(case, by=loser)
    await d.take(case, loser, instead_of=winner.id)
    await d.settle(case, by=loser)
    assert (await d.row(case)).closed_by == loser.id


async def test_a_double_click_settles_once(sessions: SessionFactory) -> None:
    d = await desk_of(sessions)
    case = await d.open(CaseKind.PAYMENT_CHECK)
    payment = paid("30000.00", date(2026, 6, 1))
    done = await asyncio.gather(*(d.settle(case, payment=payment) for _ in range(4)))
    assert sorted(result.reached is not None for result in done) == [False, False, False, True]
    assert len(await d.heard()) == 1
    assert len(await d.trail(case)) == 1
    async with sessions() as session:
        count = await session.scalar(
            select(func.count()).select_from(Payment).where(Payment.payment_no == payment.number)
        )
    assert count == 1
    with pytest.raises(CannotSettle, match="已经办结"):
        await d.settle(case, result="又有新情况")


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (CaseKind.COMPLAINT, True),
        (CaseKind.PAYMENT_CHECK, True),
        (CaseKind.CALLBACK, False),
        (CaseKind.REVIEW, False),
        (CaseKind.COLLECTION, False),
    ],
)
async def test_who_waits_for_a_result_in_writing_gets_it(
    sessions: SessionFactory, kind: CaseKind, told: bool
) -> None:
    d = await desk_of(sessions)
    case = await d.open(kind)
    done = await d.settle(case, result="已经当面说明")
    assert (done.reached is not None) is told
    assert len(await d.heard()) == int(told)


async def test_what_is_sent_holds_no_amount_and_what_is_kept_no_number(sessions: SessionFactory) -> None:
    d = await desk_of(sessions)
    complaint, callback = await d.open(CaseKind.COMPLAINT), await d.open(CaseKind.CALLBACK)
    with pytest.raises(BadWords, match="金额"):
        await d.settle(complaint, result="还差3000元")
    await d.settle(callback, result="对方说还差3000元，月底缴")
    other = await d.open(CaseKind.CALLBACK)
    with pytest.raises(BadWords):
        await d.settle(other, result="打13900001234接通")


async def test_a_result_reaches_a_silent_thread_by_text_message(sessions: SessionFactory) -> None:
    d = await desk_of(sessions)
    d.talk = await desk.conversation(sessions, d.who.id, silent=True)
    done = await d.settle(await d.open(CaseKind.COMPLAINT))
    assert done.reached is not None and done.reached.sms
    async with sessions() as session:
        (body,) = await desk.texts_to(session, d.who)
    assert "投诉" not in body and d.who.name not in body


async def test_dropping_and_reopening_keep_what_was_written(sessions: SessionFactory) -> None:
    d = await desk_of(sessions)
    case = await d.open(CaseKind.COMPLAINT, details={"ticket": "x"})
    for _ in range(2):
        async with sessions() as session, session.begin():
            await casework.drop(session, d.officer, case, "重复登记", now=at(TODAY))
    assert (await d.row(case)).status == casework.DROPPED
    with pytest.raises(CannotSettle, match="撤销"):
        await d.settle(case)
    for _ in range(2):
        async with sessions() as session, session.begin():
            await casework.reopen(session, d.officer, case, "不是重复的")
    row = await d.row(case)
    assert (row.status, row.result, row.closed_at, row.closed_by) == (casework.OPEN, None, None, None)
    await d.settle(case)
    async with sessions() as session:
        seen = await worklist.case_file(session, d.officer, case, TODAY)
    assert seen.former == ({"status": "dropped", "result": "重复登记", "reopened_for": "不是重复的"},)
    assert seen.details["ticket"] == "x" and seen.closed_by == d.officer.name
    assert [action for _, action in await d.trail(case)] == [
        "complaint.dropped",
        "complaint.reopened",
        "complaint.settled",
    ]
    assert len(await d.heard()) == 1


@pytest.mark.parametrize("role", [r for r in Role if r is not Role.OFFICER])
async def test_nobody_but_officers_works_on_cases(sessions: SessionFactory, role: Role) -> None:
    d = await desk_of(sessions)
    case = await d.open(CaseKind.CALLBACK, details={"phone": "registered"})
    other = await desk.staff(sessions, role)
    async with sessions() as session:
        for step in (
            casework.take(session, other, case),
            casework.settle(session, other, case, Settlement("好"), cipher=CIPHER, now=at(TODAY)),
            casework.drop(session, other, case, "重复", now=at(TODAY)),
            casework.reopen(session, other, case, "再看"),
            worklist.callback_number(session, other, case, CIPHER, "回电"),
        ):
            with pytest.raises(NotAllowed):
                await step
        for reading in (
            worklist.work_list(session, other),
            worklist.case_file(session, other, case, TODAY),
        ):
            if role is Role.SUPERVISOR:
                await reading
            else:
                with pytest.raises(NotAllowed):
                    await reading
    assert (await d.row(case)).status == casework.OPEN


async def test_the_list_begins_with_what_is_due() -> None:
    async with opened(fresh_database()) as sessions:
        d = await desk_of(sessions)
        now = at(TODAY)
        old = await d.open(CaseKind.DISPUTE, created_at=now - timedelta(days=9))
        late = await d.open(CaseKind.CALLBACK, due_at=now - timedelta(hours=1))
        soon = await d.open(CaseKind.CALLBACK, due_at=now + timedelta(hours=1))
        new = await d.open(CaseKind.COMPLAINT, created_at=now)
        done = await d.open(CaseKind.REVIEW)
        await d.settle(done)
        await d.take(new)
        async with sessions() as session:

            async def ids(**more: Any) -> list[uuid.UUID]:
                return [row.id for row in (await worklist.work_list(session, d.officer, **more)).rows]

            assert await ids() == [late, soon, old, new]
            assert await ids(kinds=[CaseKind.DISPUTE, CaseKind.COMPLAINT]) == [old, new]
            assert await ids(mine=True) == [new]
            assert await ids(status=casework.DONE) == [done]
            first = await worklist.work_list(session, d.officer, limit=2)
            assert ([row.id for row in first.rows], first.total) == ([late, soon], 4)
            assert [row.is_late(now) for row in first.rows] == [True, False]
            assert (first.rows[0].name, first.rows[0].bill_no) == (d.who.name, d.bill.bill_no)


async def test_the_number_to_call_is_shown_once_asked_for_and_only_its_mask_is_kept(
    sessions: SessionFactory,
) -> None:
    d = await desk_of(sessions)
    registered = await d.open(CaseKind.CALLBACK, details={"phone": "registered"})
    async with sessions() as session, session.begin():
        session.add(
            Secret(
                conversation_id=d.talk,
                placeholder="〔手机号1〕",
                kind="mobile",
                value_enc=CIPHER.encrypt("19900009999", "secret.value"),
                value_mask="199****9999",
            )
        )
    typed = await d.open(CaseKind.CALLBACK, details={"phone": "〔手机号1〕"})
    complaint = await d.open(CaseKind.COMPLAINT)
    clear = CIPHER.decrypt(d.who.contacts[0].phone_enc, "contact.phone")
    async with sessions() as session, session.begin():
        assert await worklist.callback_number(session, d.officer, registered, CIPHER, "回电") == clear
    async with sessions() as session, session.begin():
        assert await worklist.callback_number(session, d.officer, typed, CIPHER, "回电") == "19900009999"
        with pytest.raises(BadWords):
            await worklist.callback_number(session, d.officer, typed, CIPHER, " ")
        with pytest.raises(CannotSettle):
            await worklist.callback_number(session, d.officer, complaint, CIPHER, "回电")
    row = await d.row(registered)
    async with sessions() as session:
        (event,) = (
            await session.scalars(select(AuditEvent).where(AuditEvent.subject == f"case:{row.number}"))
        ).all()
        seen = await worklist.case_file(session, d.officer, registered, TODAY)
    assert event.detail == {"mask": d.who.contacts[0].phone_mask, "why": "回电"}
    assert seen.phone_mask == d.who.contacts[0].phone_mask


async def test_a_case_in_full_has_the_bills_with_their_fee(sessions: SessionFactory) -> None:
    d = await desk_of(sessions)
    await desk.bill(sessions, d.who.id, Decimal("15000.00"), DUE, tax_type="社会保险费")
    case = await d.open(CaseKind.DISPUTE)
    async with sessions() as session:
        seen = await worklist.case_file(session, d.officer, case, date(2026, 6, 30))
        assert await proof(session, d.talk, at(TODAY)) is None
    fees = {own.debt.tax_type: own.fee.late_fee if own.fee else None for own in seen.bills}
    assert fees == {"增值税": Decimal("1950.00"), "社会保险费": None}
    assert seen.identifier_mask == d.who.identifier_mask
    with pytest.raises(CannotSettle):
        async with sessions() as session:
            await worklist.case_file(session, d.officer, uuid.uuid4(), TODAY)


async def test_the_trail_of_casework_holds(sessions: SessionFactory) -> None:
    d = await desk_of(sessions)
    await d.settle(await d.open(CaseKind.DISPUTE), finding=Finding.STANDS)
    async with sessions() as session:
        assert (await audit.verify(session)).ok
