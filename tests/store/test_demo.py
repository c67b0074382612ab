"""The fictional taxpayers: the cast and their exact facts, and the crowd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from store import demo
from store.crypto import FieldCipher
from store.fictional import REGIONS, identifier
from store.models import Bill, Taxpayer, TaxpayerKind
from store.personas import PERSONAS, by_key
from tax.calendar import is_covered
from tax.identifiers import check_mobile, check_resident_id, check_uscc

pytestmark = pytest.mark.unit

D = Decimal

# tax type, period, principal, deadline, status, payments, deferral (status, approved until)
FACTS = {
    "not_due_company": [("增值税", "2026-11", D("80000.00"), date(2026, 12, 15), "open", [], [])],
    "not_due_sole_trader": [("增值税", "2026-11", D("9600.00"), date(2026, 12, 15), "open", [], [])],
    "overdue_company": [("增值税", "2026-09", D("12500.30"), date(2026, 10, 26), "open", [], [])],
    "two_bills": [
        ("增值税", "2026-09", D("12000.00"), date(2026, 10, 26), "open", [], []),
        ("城市维护建设税", "2026-09", D("840.00"), date(2026, 10, 26), "open", [], []),
    ],
    "partly_paid": [
        ("增值税", "2026-04", D("100000.00"), date(2026, 5, 22), "open",
         [(date(2026, 6, 1), D("30000.00"))], []),
    ],
    "just_overdue_person": [("个人所得税", "2026-10", D("3600.00"), date(2026, 11, 16), "open", [], [])],
    "long_overdue": [("增值税", "2019-12", D("10000.00"), date(2020, 1, 15), "open", [], [])],
    "disputed": [("增值税", "2026-09", D("45000.00"), date(2026, 10, 26), "disputed", [], [])],
    "deferred": [
        ("增值税", "2026-09", D("80000.00"), date(2026, 10, 26), "open", [], [("approved", date(2027, 1, 26))]),
    ],
    "refused": [
        ("增值税", "2026-09", D("60000.00"), date(2026, 10, 26), "open", [], [("refused", None)]),
    ],
    "settled": [
        ("增值税", "2026-09", D("26800.00"), date(2026, 10, 26), "settled",
         [(date(2026, 10, 20), D("26800.00"))], []),
        ("增值税", "2026-10", D("31500.00"), date(2026, 11, 16), "settled",
         [(date(2026, 11, 13), D("31500.00"))], []),
    ],
    "no_debt": [],
    "mixed": [
        ("增值税", "2026-08", D("15300.00"), date(2026, 9, 15), "settled",
         [(date(2026, 9, 11), D("15300.00"))], []),
        ("增值税", "2026-09", D("18600.00"), date(2026, 10, 26), "open", [], []),
        ("增值税", "2026-11", D("22400.00"), date(2026, 12, 15), "open", [], []),
    ],
    "social": [("社会保险费", "2026-10", D("2460.00"), date(2026, 11, 16), "open", [], [])],
}  # fmt: skip


@pytest.fixture(scope="module")
def url(fresh_database: Callable[[], str]) -> str:
    return fresh_database()


@pytest.fixture
async def everybody(session: AsyncSession, cipher: FieldCipher, today: date) -> list[Taxpayer]:
    await demo.seed(session, cipher, today)
    await session.commit()
    query = select(Taxpayer).options(
        selectinload(Taxpayer.contacts),
        selectinload(Taxpayer.bills).options(selectinload(Bill.payments), selectinload(Bill.deferrals)),
    )
    return list(await session.scalars(query))


def facts(taxpayer: Taxpayer) -> list[tuple[object, ...]]:
    return sorted(
        (
            bill.tax_type,
            bill.period,
            bill.principal,
            bill.due_date,
            bill.status,
            [(payment.paid_on, payment.amount) for payment in bill.payments],
            [(each.status, each.approved_until) for each in bill.deferrals],
        )
        for bill in taxpayer.bills
    )


async def test_the_cast_is_in_exactly_the_states_the_tests_rely_on(
    everybody: list[Taxpayer], cipher: FieldCipher
) -> None:
    assert [persona.key for persona in PERSONAS] == list(FACTS)
    by_hash = {taxpayer.identifier_hash: taxpayer for taxpayer in everybody}
    for persona in PERSONAS:
        taxpayer = by_hash[cipher.lookup_hash("identifier", persona.identifier)]
        assert (taxpayer.name, taxpayer.kind, taxpayer.region) == (persona.name, persona.kind, persona.region)
        assert [contact.phone_hash for contact in taxpayer.contacts] == [
            cipher.lookup_hash("phone", persona.phone)
        ]
        assert facts(taxpayer) == sorted(FACTS[persona.key]), persona.key


async def test_two_hundred_who_can_be_nobody(everybody: list[Taxpayer], cipher: FieldCipher) -> None:
    assert len(everybody) == 200
    assert {taxpayer.region for taxpayer in everybody} == set(REGIONS)
    assert min(Counter(taxpayer.kind for taxpayer in everybody).values()) >= 20
    for taxpayer in everybody:
        assert taxpayer.fictional
        assert taxpayer.name.endswith("（虚构）")
        number = cipher.decrypt(taxpayer.identifier_enc, "taxpayer.identifier")
        if taxpayer.kind == TaxpayerKind.PERSON:
            assert check_resident_id(number, date(2026, 11, 23))
            assert number.startswith("9901")
        else:
            assert check_uscc(number)
            assert number.startswith("919901" if taxpayer.kind == TaxpayerKind.COMPANY else "929901")
        phone = cipher.decrypt(taxpayer.contacts[0].phone_enc, "contact.phone")
        assert check_mobile(phone)
        assert phone.startswith("1990000")


async def test_those_with_a_trade_have_an_industry_and_a_size(everybody: list[Taxpayer]) -> None:
    for taxpayer in everybody:
        has_trade = taxpayer.kind != TaxpayerKind.PERSON
        assert (taxpayer.industry is not None, taxpayer.size is not None) == (has_trade, has_trade)
    told = {taxpayer.name: (taxpayer.industry, taxpayer.size) for taxpayer in everybody}
    assert told[by_key("overdue_company").name] == ("信息传输、软件和信息技术服务业", "small")
    assert told[by_key("not_due_sole_trader").name] == ("住宿和餐饮业", "micro")
    for taxpayer in everybody:
        if "小吃店" in taxpayer.name or "餐饮" in taxpayer.name:
            assert taxpayer.industry == "住宿和餐饮业"
    assert {size for _, size in told.values() if size} == {"micro", "small", "medium", "large"}


async def test_the_crowd_shows_every_situation(everybody: list[Taxpayer], today: date) -> None:
    crowd = [t for t in everybody if t.name not in {persona.name for persona in PERSONAS}]
    bills = [bill for taxpayer in crowd for bill in taxpayer.bills]
    unpaid = [b for b in bills if b.status == "open" and not b.deferrals and not b.payments]
    assert any(b.due_date == today for b in unpaid)
    assert any(today < b.due_date <= today + timedelta(days=7) for b in unpaid)
    assert any(b.due_date > today + timedelta(days=7) for b in unpaid)
    assert any(today - timedelta(days=7) <= b.due_date < today for b in unpaid)
    assert any(b.due_date < today - timedelta(days=365) for b in unpaid)
    assert any(b.payments and b.status == "open" for b in bills)
    assert {b.status for b in bills} == {"open", "disputed", "settled"}
    assert {d.status for b in bills for d in b.deferrals} == {"approved", "refused"}
    assert any(not taxpayer.bills for taxpayer in crowd)
    for bill in bills:
        paid = sum(payment.amount for payment in bill.payments)
        assert (paid == bill.principal) == (bill.status == "settled")
        assert all(payment.paid_on <= today for payment in bill.payments)


async def test_who_is_simply_overdue_has_one_open_bill_and_nothing_else(
    everybody: list[Taxpayer], cipher: FieldCipher, today: date
) -> None:
    keys = demo.simply_overdue(today)
    people = {persona.key: persona for persona in demo.everybody(today)}
    by_hash = {taxpayer.identifier_hash: taxpayer for taxpayer in everybody}
    assert len(set(keys)) == len(keys) >= 30
    assert not set(keys) & {persona.key for persona in PERSONAS}
    for key in keys:
        (bill,) = by_hash[cipher.lookup_hash("identifier", people[key].identifier)].bills
        assert bill.due_date < today
        assert (bill.status, bill.payments, bill.deferrals) == ("open", [], [])


async def test_seeding_again_or_into_a_used_store_adds_nothing(
    everybody: list[Taxpayer], session: AsyncSession, cipher: FieldCipher, today: date
) -> None:
    assert await demo.seed(session, cipher, today) == 0


@pytest.mark.parametrize(
    "day", [date(2025, 1, 1), date(2026, 12, 15), date(2026, 12, 16), date(2027, 2, 28), date(2028, 2, 29)]
)
async def test_another_day_lays_the_same_situations_around_it(
    fresh_database: Callable[[], str], cipher: FieldCipher, day: date
) -> None:
    from store.engine import make_engine, make_sessions

    engine = make_engine(fresh_database())
    async with make_sessions(engine)() as session:
        assert await demo.seed(session, cipher, day) == 200
        await session.commit()
        due = {
            persona.key: (
                await session.scalars(
                    select(Bill.due_date)
                    .join(Taxpayer)
                    .where(Taxpayer.identifier_hash == cipher.lookup_hash("identifier", persona.identifier))
                )
            ).all()
            for persona in PERSONAS
        }
    await engine.dispose()
    assert day < due["not_due_company"][0] <= day + timedelta(days=45)
    assert due["just_overdue_person"][0] <= day
    assert (day - due["long_overdue"][0]).days > 2000
    assert due["overdue_company"][0] < day
    assert is_covered(due["partly_paid"][0]) or due["partly_paid"][0].year > 2026


def test_personas_can_be_found_and_never_change() -> None:
    assert by_key("overdue_company").identifier == identifier(TaxpayerKind.COMPANY, "上海市", 3)
    assert by_key("overdue_company").identifier == "91990104MA0X000318"
    assert by_key("just_overdue_person").identifier == "990105196210090061"
    with pytest.raises(KeyError):
        by_key("nobody")
