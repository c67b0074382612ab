"""Deferral applications on real PostgreSQL: who decides, what the taxpayer hears, what becomes of the late fee."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.guard import amounts_in
from handoff import applications, decision_words, decisions
from handoff.decisions import CannotDecide, Decided
from handoff.permissions import NotAllowed, Role
from handoff.thread import BadWords
from kb.check import load_forbidden
from store import audit
from store.debts import debt_by_id, debts_of
from store.engine import SessionFactory
from store.handoff_models import Staff
from store.identity import proof
from store.models import Bill, BillStatus, Contact, ContactExclusion, DeferralApplication, Taxpayer
from tax.deferral import Deferral, DeferralError, Event, Status, deferral_for_late_fee, latest_end
from tax.late_fee import FlagCode
from tests.chat.database import CIPHER, fresh_database, opened
from tests.handoff import desk
from tests.handoff.desk import at

pytestmark = pytest.mark.unit

DUE = date(2026, 7, 15)
RECEIVED = date(2026, 7, 3)
DECIDED = date(2026, 7, 10)
VECTORS = yaml.safe_load((Path(__file__).parents[1] / "tax/late_fee_vectors.yml").read_text())["deferral"]


@pytest.fixture(scope="module")
def url() -> str:
    return fresh_database()


@pytest_asyncio.fixture
async def sessions(url: str) -> AsyncIterator[SessionFactory]:
    async with opened(url) as factory:
        yield factory


@dataclass
class Matter:
    """An application and everything around it."""

    sessions: SessionFactory
    who: Taxpayer
    bill: Bill
    conversation: uuid.UUID
    application: uuid.UUID
    officer: Staff

    async def do(
        self,
        what: str,
        *args: Any,
        seen: Status,
        by: Staff | None = None,
        on: date = DECIDED,
        **named: Any,
    ) -> Decided:
        async with self.sessions() as session, session.begin():
            step: Decided = await getattr(decisions, what)(
                session,
                by or self.officer,
                self.application,
                *args,
                seen=seen,
                cipher=CIPHER,
                now=at(on),
                **named,
            )
        return step

    async def accept(self, on: date = DECIDED) -> Decided:
        return await self.do("accept", seen=Status.SUBMITTED, on=on)

    async def row(self) -> DeferralApplication:
        async with self.sessions() as session:
            return await session.get_one(DeferralApplication, self.application)

    async def heard(self) -> list[str]:
        async with self.sessions() as session:
            return await desk.thread(session, self.conversation)

    async def texts(self) -> list[str]:
        async with self.sessions() as session:
            return await desk.texts_to(session, self.who)

    async def trail(self) -> list[str]:
        row = await self.row()
        async with self.sessions() as session:
            return [action for _, action in await desk.trail(session, f"deferral:{row.number}")]

    async def fee(self, on: date) -> Decimal:
        async with self.sessions() as session:
            debt = await debt_by_id(session, self.bill.id)
        assert debt is not None
        return debt.late_fee(on).late_fee


async def matter(
    sessions: SessionFactory,
    *,
    principal: str = "80000.00",
    due: date = DUE,
    received: date = RECEIVED,
    tax_type: str = "增值税",
    **conversation: Any,
) -> Matter:
    who = await desk.taxpayer(sessions)
    bill = await desk.bill(sessions, who.id, Decimal(principal), due, tax_type=tax_type)
    talk = await desk.conversation(sessions, who.id, **conversation)
    application = await desk.apply(sessions, bill, received, talk)
    return Matter(sessions, who, bill, talk, application, await desk.officer(sessions))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["id"])
async def test_the_decision_alone_makes_the_late_fee_of_the_worked_examples(
    sessions: SessionFactory, vector: dict[str, Any]
) -> None:
    due, paid_on = date.fromisoformat(vector["original_deadline"]), date.fromisoformat(vector["paid_on"])
    m = await matter(sessions, principal=vector["principal"], due=due, received=due - timedelta(days=12))
    await m.accept()
    if vector["approved_deadline"]:
        until = date.fromisoformat(vector["approved_deadline"])
        await m.do("approve", until, seen=Status.ACCEPTED)
    else:
        await m.do("refuse", "账上资金足够", seen=Status.ACCEPTED, on=date(2026, 8, 4))
    await desk.pay(sessions, m.bill, m.bill.principal, paid_on)
    async with sessions() as session:
        debt = await debt_by_id(session, m.bill.id)
    assert debt is not None
    result = debt.late_fee(date(2026, 11, 23))
    assert (result.days, result.late_fee) == (vector["days"], Decimal(vector["late_fee"]))


async def test_a_late_approval_takes_back_the_fee_that_had_run_meanwhile(sessions: SessionFactory) -> None:
    m = await matter(sessions)
    await m.accept()
    today = date(2026, 7, 25)
    assert await m.fee(today) == Decimal("400.00")
    await m.do("approve", date(2026, 10, 15), seen=Status.ACCEPTED, on=today)
    assert await m.fee(today) == Decimal("0.00")
    await desk.prove(sessions, m.conversation, m.who.id, at(today))
    async with sessions() as session:
        who = await proof(session, m.conversation, at(today))
        assert who is not None
        (debt,) = await debts_of(session, who)
    assert debt.payable_until == date(2026, 10, 15)
    assert FlagCode.DEFERRAL_IN_FORCE in {flag.code for flag in debt.late_fee(today).flags}


async def test_accepting_and_asking_for_more_move_no_late_fee(sessions: SessionFactory) -> None:
    m = await matter(sessions)
    await m.accept()
    await m.do("ask_more", "全部账户的对账单", seen=Status.ACCEPTED)
    assert await m.fee(date(2026, 8, 5)) == Decimal("840.00")


@given(
    st.dates(date(2026, 1, 1), date(2026, 12, 31)).flatmap(
        lambda due: st.tuples(
            st.just(due),
            st.dates(due - timedelta(days=40), due + timedelta(days=140)),
            st.dates(due - timedelta(days=20), due + timedelta(days=140)),
        )
    )
)
def test_what_may_be_granted_is_what_the_late_fee_can_use(days: tuple[date, date, date]) -> None:
    due, until, today = days
    row = DeferralApplication(
        bill=Bill(due_date=due, tax_type="增值税", status=BillStatus.OPEN),
        submitted_at=at(due - timedelta(days=3)),
    )
    lawful = due < until <= latest_end(due)
    if lawful and until >= min(today, latest_end(due)):
        decisions._check_grant(row, until, at(today))
        assert Deferral(due, until) == deferral_for_late_fee(Status.APPROVED, due, until)
    else:
        with pytest.raises(CannotDecide if lawful else DeferralError):
            decisions._check_grant(row, until, at(today))


async def test_an_authority_that_is_later_than_three_months_may_still_grant_the_whole_time(
    sessions: SessionFactory,
) -> None:
    m = await matter(sessions)
    late = date(2026, 11, 1)
    await m.accept()
    with pytest.raises(CannotDecide, match="已经过去"):
        await m.do("approve", date(2026, 10, 14), seen=Status.ACCEPTED, on=late)
    await m.do("approve", date(2026, 10, 15), seen=Status.ACCEPTED, on=late)
    assert await m.fee(date(2026, 10, 25)) == Decimal("400.00")
    assert "请尽快缴纳" in (await m.heard())[-1]


@pytest.mark.parametrize("until", [date(2026, 7, 15), date(2026, 10, 16), date(2027, 7, 15)])
async def test_no_day_outside_the_three_months_can_be_granted(sessions: SessionFactory, until: date) -> None:
    m = await matter(sessions)
    await m.accept()
    heard = await m.heard()
    with pytest.raises(DeferralError):
        await m.do("approve", until, seen=Status.ACCEPTED)
    assert (await m.row()).status == Status.ACCEPTED
    assert await m.heard() == heard


async def test_what_came_in_after_the_deadline_cannot_be_granted(sessions: SessionFactory) -> None:
    m = await matter(sessions, received=DUE + timedelta(days=1))
    await m.accept(on=date(2026, 7, 17))
    with pytest.raises(CannotDecide, match="第四十二条"):
        await m.do("approve", date(2026, 10, 15), seen=Status.ACCEPTED, on=date(2026, 7, 17))


async def test_social_insurance_is_not_deferred_by_this_law(sessions: SessionFactory) -> None:
    m = await matter(sessions, tax_type="社会保险费")
    await m.accept()
    with pytest.raises(CannotDecide, match="社会保险费"):
        await m.do("approve", date(2026, 10, 15), seen=Status.ACCEPTED)


async def test_of_many_officers_at_once_exactly_one_decides(sessions: SessionFactory) -> None:
    m = await matter(sessions)
    await m.accept()
    others = [await desk.officer(sessions, name=f"同事{n}") for n in range(6)]
    done = await asyncio.gather(
        *(
            m.do("approve", date(2026, 9, 1) + timedelta(days=n), seen=Status.ACCEPTED, by=who)
            if n % 2
            else m.do("refuse", "账上资金足够", seen=Status.ACCEPTED, by=who)
            for n, who in enumerate(others)
        ),
        return_exceptions=True,
    )
    won = [result for result in done if isinstance(result, Decided)]
    lost = [result for result in done if isinstance(result, CannotDecide)]
    assert (len(won), len(lost)) == (1, 5)
    row = await m.row()
    winner = next(who for who in others if who.id == row.officer_id)
    assert all(f"刚才由{winner.name}办理" in str(error) for error in lost)
    assert len(await m.heard()) == 2
    assert len([a for a in await m.trail() if a in ("deferral.approved", "deferral.refused")]) == 1


async def test_a_double_click_decides_once(sessions: SessionFactory) -> None:
    m = await matter(sessions, channel="phone")
    first, second = await asyncio.gather(m.accept(), m.accept())
    assert sorted((first.reached is None, second.reached is None)) == [False, True]
    for _ in range(2):
        await m.do("ask_more", "全部账户的对账单", seen=Status.ACCEPTED)
    for _ in range(2):
        done = await m.do("approve", date(2026, 10, 15), seen=Status.ACCEPTED)
    assert (done.status, done.reached) == (Status.APPROVED, None)
    assert len(await m.heard()) == len(await m.texts()) == 3
    assert await m.trail() == ["deferral.accepted", "deferral.more_wanted", "deferral.approved"]


async def test_a_decision_on_an_outdated_page_is_refused(sessions: SessionFactory) -> None:
    m = await matter(sessions)
    await m.accept()
    colleague = await desk.officer(sessions, name="方正")
    with pytest.raises(CannotDecide, match="已受理"):
        await m.do("refuse", "材料不全", seen=Status.SUBMITTED, by=colleague)
    async with sessions() as session, session.begin():
        row = await session.get_one(DeferralApplication, m.application)
        row.status = Status.WITHDRAWN.value
    with pytest.raises(CannotDecide, match="申请人撤回"):
        await m.do("approve", date(2026, 10, 15), seen=Status.ACCEPTED)


async def test_only_what_was_accepted_can_be_approved(sessions: SessionFactory) -> None:
    m = await matter(sessions)
    with pytest.raises(DeferralError):
        await m.do("approve", date(2026, 10, 15), seen=Status.SUBMITTED)
    await m.do("refuse", "申请书没有盖章", seen=Status.SUBMITTED)
    assert (await m.row()).status == Status.REFUSED


@pytest.mark.parametrize("role", [r for r in Role if r is not Role.OFFICER])
async def test_nobody_but_officers_decides(sessions: SessionFactory, role: Role) -> None:
    m = await matter(sessions)
    other = await desk.staff(sessions, role)
    for what, args in (
        ("accept", ()),
        ("ask_more", ("对账单",)),
        ("approve", (date(2026, 10, 15),)),
        ("refuse", ("不够",)),
    ):
        with pytest.raises(NotAllowed):
            await m.do(what, *args, seen=Status.SUBMITTED, by=other)
    assert (await m.row()).status == Status.SUBMITTED
    async with sessions() as session:
        for reading in (
            applications.open_applications(session, other, at(DECIDED)),
            applications.application(session, other, m.application, at(DECIDED)),
        ):
            if role is Role.SUPERVISOR:
                await reading
            else:
                with pytest.raises(NotAllowed):
                    await reading


async def test_an_open_window_is_told_in_its_thread_alone(sessions: SessionFactory) -> None:
    m = await matter(sessions)
    await m.accept()
    done = await m.do("approve", date(2026, 10, 15), seen=Status.ACCEPTED)
    assert done.reached is not None
    assert (done.reached.thread, done.reached.sms) == (True, False)
    assert await m.texts() == []
    told = (await m.heard())[-1]
    assert "已经批准" in told and "2026年10月15日" in told


@pytest.mark.parametrize("conversation", [{"channel": "phone"}, {"silent": True}])
async def test_where_nobody_looks_a_text_message_follows_that_gives_nothing_away(
    sessions: SessionFactory, conversation: dict[str, Any]
) -> None:
    m = await matter(sessions, **conversation)
    await m.accept()
    await m.do("refuse", "账上资金足够", seen=Status.ACCEPTED)
    texts = await m.texts()
    assert len(texts) == 2
    for body in texts:
        assert (await m.row()).number in body
        assert not amounts_in(body)
        assert not re.search(r"税款|欠|增值|滞纳|延期|批准|缴|80000", body)
        assert m.who.name not in body and m.who.contacts[0].name not in body


async def test_an_application_without_a_thread_is_told_by_text_message(sessions: SessionFactory) -> None:
    m = await matter(sessions)
    async with sessions() as session, session.begin():
        (await session.get_one(DeferralApplication, m.application)).conversation_id = None
    done = await m.accept()
    assert done.reached is not None and not done.reached.thread
    assert len(await m.texts()) == 1


async def test_no_text_goes_to_a_number_that_somebody_else_answered(sessions: SessionFactory) -> None:
    m = await matter(sessions, channel="phone")
    async with sessions() as session, session.begin():
        session.add(
            ContactExclusion(kind="wrong_person", conversation_id=m.conversation, taxpayer_id=m.who.id)
        )
    done = await m.accept()
    assert done.reached is not None and not done.reached.sms
    async with sessions() as session, session.begin():
        contact = await session.get_one(Contact, m.who.contacts[0].id)
        contact.created_at = contact.created_at + timedelta(days=1)
    await m.do("refuse", "账上资金足够", seen=Status.ACCEPTED)
    assert len(await m.texts()) == 1


async def test_a_refusal_names_reason_deadline_and_remedies(sessions: SessionFactory) -> None:
    m = await matter(sessions)
    await m.accept()
    await m.do("refuse", "扣除工资和社保后余额仍够缴纳。", seen=Status.ACCEPTED, on=date(2026, 8, 4))
    told = (await m.heard())[-1]
    assert "原因：扣除工资和社保后余额仍够缴纳。" in told
    assert "从原缴款期限2026年7月15日的次日起" in told
    assert re.search(r"60日内.*行政复议.*6个月内.*行政诉讼", told)


def test_before_the_deadline_a_refusal_says_that_there_is_still_time() -> None:
    told = decision_words.refused("YQ2026-000001", "材料不全", DUE, DUE).words
    assert "在这一天或之前缴清没有滞纳金" in told


@pytest.mark.parametrize(
    "notice",
    [
        decision_words.accepted("YQ2026-000001", date(2026, 7, 23), DECIDED),
        decision_words.accepted("YQ2026-000001", date(2026, 7, 23), date(2026, 8, 1)),
        decision_words.more_wanted("YQ2026-000001", "对账单", upload=True),
        decision_words.more_wanted("YQ2026-000001", "对账单", upload=False),
        decision_words.approved("YQ2026-000001", date(2026, 10, 15), DECIDED),
        decision_words.refused("YQ2026-000001", "余额足够", DUE, DECIDED),
        decision_words.refused("YQ2026-000001", "余额足够", DUE, date(2026, 8, 4)),
    ],
)
def test_no_notice_names_an_amount_or_threatens(notice: decision_words.Notice) -> None:
    for words in (notice.words, notice.about):
        assert not amounts_in(words)
        assert not any(pattern.search(words) for pattern in load_forbidden())


@pytest.mark.parametrize(
    "words",
    [
        "",
        "   ",
        "长" * 501,
        "账上还有80000元",
        "账上还有八万块钱",
        "余额￥5",
        "您必须补齐，否则不办",
        "联系人手机13900001234",
        "税号91350100M000100Y43不对",
    ],
    ids=range(9),
)
async def test_what_must_not_go_out_stops_the_decision(sessions: SessionFactory, words: str) -> None:
    m = await matter(sessions)
    await m.accept()
    heard = await m.heard()
    for what in ("refuse", "ask_more"):
        with pytest.raises(BadWords):
            await m.do(what, words, seen=Status.ACCEPTED)
    row = await m.row()
    assert (row.status, row.more_wanted) == (Status.ACCEPTED, None)
    assert await m.heard() == heard


async def test_materials_that_were_asked_for_reach_the_application(sessions: SessionFactory) -> None:
    m = await matter(sessions)
    early = await desk.upload(sessions, m.conversation, "早传的.pdf")
    async with sessions() as session, session.begin():
        assert await decisions.material_came(session, m.conversation) is None
    async with sessions() as session:
        seen = await applications.application(session, m.officer, m.application, at(DECIDED))
    assert [file.id for file in seen.loose] == [early]
    await m.do("ask_more", "全部账户的对账单", seen=Status.SUBMITTED)
    assert (await m.row()).status == Status.SUBMITTED
    assert "全部账户的对账单" in (await m.heard())[-1]
    number = (await m.row()).number
    for name in ("对账单一.pdf", "对账单二.pdf"):
        await desk.upload(sessions, m.conversation, name)
        async with sessions() as session, session.begin():
            assert await decisions.material_came(session, m.conversation) == number
    async with sessions() as session:
        seen = await applications.application(session, m.officer, m.application, at(DECIDED))
    assert seen.head.more_wanted is None
    assert [file.filename for file in seen.materials] == ["早传的.pdf", "对账单一.pdf", "对账单二.pdf"]
    assert seen.loose == ()
    async with sessions() as session, session.begin():
        assert await decisions.material_came(session, m.conversation) is None
    assert (await m.trail()).count("deferral.supplemented") == 2


async def test_materials_come_from_another_thread_only_of_the_same_taxpayer(sessions: SessionFactory) -> None:
    m = await matter(sessions, channel="phone")
    await m.do("ask_more", "委托书", seen=Status.SUBMITTED)
    assert "税铃网上对话" in (await m.heard())[-1]
    stranger = await desk.conversation(sessions, (await desk.taxpayer(sessions)).id)
    nobody = await desk.conversation(sessions)
    for elsewhere in (stranger, nobody):
        await desk.upload(sessions, elsewhere, "别人的.pdf")
        async with sessions() as session, session.begin():
            assert await decisions.material_came(session, elsewhere) is None
    web = await desk.conversation(sessions, m.who.id)
    await desk.upload(sessions, web, "委托书.pdf")
    async with sessions() as session, session.begin():
        assert await decisions.material_came(session, web) is not None
    assert (await m.row()).more_wanted is None


async def test_the_list_begins_with_what_must_be_decided_first(sessions: SessionFactory) -> None:
    later = await matter(sessions, received=date(2026, 7, 6))
    sooner = await matter(sessions, received=date(2026, 6, 22))
    decided = await matter(sessions, received=date(2026, 6, 20))
    await decided.do("refuse", "材料不全", seen=Status.SUBMITTED)
    await sooner.accept()
    async with sessions() as session:
        rows = await applications.open_applications(session, later.officer, at(date(2026, 7, 7)))
    by_id = {row.id: row for row in rows}
    assert decided.application not in by_id
    assert list(by_id).index(sooner.application) < list(by_id).index(later.application)
    assert [row.decide_by.date for row in rows] == sorted(row.decide_by.date for row in rows)
    first, second = by_id[sooner.application], by_id[later.application]
    assert (first.accept_by, first.decide_by.date, first.officer) == (None, date(2026, 7, 13), "何清")
    assert second.accept_by is not None and second.accept_by.date == date(2026, 7, 8)
    assert second.decide_by.date == date(2026, 7, 27)
    assert not second.is_late(date(2026, 7, 8)) and second.is_late(date(2026, 7, 9))
    assert not first.is_late(date(2026, 7, 9)) and first.is_late(date(2026, 7, 14))


async def test_the_dossier_works_the_money_test_out_again(sessions: SessionFactory) -> None:
    m = await matter(sessions)
    old = await desk.bill(sessions, m.who.id, Decimal("5000.00"), date(2026, 4, 20))
    await desk.apply(
        sessions,
        old,
        date(2026, 4, 1),
        None,
        status="refused",
        decision_note="余额足够",
        decided_at=at(DECIDED),
    )
    await m.accept()
    async with sessions() as session:
        seen = await applications.application(session, m.officer, m.application, at(date(2026, 8, 5)))
    assert (seen.money.disposable, seen.money.passes) == (Decimal("21000.00"), True)
    assert seen.money.shortfall == Decimal("59000.00")
    assert seen.fee is not None and seen.fee.late_fee == Decimal("840.00")
    assert [(e.status, e.bill_no) for e in seen.earlier] == [(Status.REFUSED, old.bill_no)]
    assert [b.bill_no for b in seen.other_bills] == [old.bill_no]
    assert seen.latest_end == date(2026, 10, 15)
    assert seen.may == (Event.APPROVE, Event.REFUSE, Event.WITHDRAW)
    cited = {str(citation) for point in seen.law for citation in point.citations}
    assert {"《税收征收管理法》第三十一条", "《税收征收管理法实施细则》第四十二条"} <= cited
    assert any("在期限届满前提出" in point.text for point in seen.law)


async def test_an_unknown_application_is_nobodys(sessions: SessionFactory) -> None:
    m = await matter(sessions)
    m.application = uuid.uuid4()
    with pytest.raises(CannotDecide, match="没有这份申请"):
        await m.accept()
    async with sessions() as session:
        with pytest.raises(CannotDecide):
            await applications.application(session, m.officer, m.application, at(DECIDED))


async def test_the_trail_holds(sessions: SessionFactory) -> None:
    m = await matter(sessions)
    await m.accept()
    await m.do("refuse", "账上资金足够", seen=Status.ACCEPTED)
    row = await m.row()
    async with sessions() as session:
        assert {actor for actor, _ in await desk.trail(session, f"deferral:{row.number}")} == {
            f"staff:{m.officer.login}"
        }
        assert (await audit.verify(session)).ok
