"""Two hundred fictional taxpayers for an empty store, so that every journey can be tried.

Who they are never changes; their deadlines are laid around ``today``. The first ones are :data:`store.personas.PERSONAS`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from store import numbers
from store.crypto import FieldCipher
from store.fictional import MARK, REGIONS, identifier, phone
from store.locks import Lock, take
from store.models import Bill, BillStatus, Contact, DeferralApplication, Payment, Taxpayer, TaxpayerKind
from store.personas import PERSONAS, Persona
from tax.calendar import add_months, effective_deadline
from tax.identifiers import mask_identifier, mask_phone

COUNT = 200
_SEED = 20261123
_VAT, _CITY, _IIT, _SOCIAL = "增值税", "城市维护建设税", "个人所得税", "社会保险费"
_CHANNELS = ("电子税务局", "银行端查询缴税", "办税服务厅", "手机银行")


@dataclass(frozen=True)
class _Period:
    """A month's tax: its name (``2026-11``), the statutory 15th after it and the deadline that became of it."""

    name: str
    nominal: date
    due: date


@dataclass(frozen=True)
class _Plan:
    """A bill to be: ``paid`` as (day, yuan); ``deferral`` as the outcome of an application made before the deadline."""

    tax_type: str
    period: str
    principal: Decimal
    due: date
    nominal: date | None
    status: BillStatus = BillStatus.OPEN
    paid: tuple[tuple[date, Decimal], ...] = field(default=())
    deferral: str | None = None


async def seed(session: AsyncSession, cipher: FieldCipher, today: date) -> int:
    """Add the fictional taxpayers when there is no taxpayer at all; the caller commits.

    Returns how many were added: 200, or 0 when the store was not empty.
    """
    await session.execute(take(Lock.IMPORT))
    if await session.scalar(select(exists().select_from(Taxpayer))):
        return 0
    rng = random.Random(_SEED)  # noqa: S311
    serial = 0
    for persona, plans in _everybody(rng, today):
        taxpayer = _taxpayer(cipher, persona)
        session.add(taxpayer)
        for plan in plans:
            serial += 1
            await _add_bill(session, taxpayer, plan, serial)
    await session.flush()
    return COUNT


def everybody(today: date) -> tuple[Persona, ...]:
    """All who are added, those with a story first."""
    return tuple(persona for persona, _ in _everybody(random.Random(_SEED), today))  # noqa: S311


def simply_overdue(today: date) -> tuple[str, ...]:
    """Keys of those without a story whose only bill is overdue, open and untouched: whom a plain reminder fits."""
    stories = {persona.key for persona in PERSONAS}
    return tuple(
        persona.key
        for persona, plans in _everybody(random.Random(_SEED), today)  # noqa: S311
        if persona.key not in stories and len(plans) == 1 and _untouched(plans[0]) and plans[0].due < today
    )


def _untouched(plan: _Plan) -> bool:
    return plan.status is BillStatus.OPEN and not plan.paid and plan.deferral is None


def _everybody(rng: random.Random, today: date) -> Iterator[tuple[Persona, tuple[_Plan, ...]]]:
    for persona in PERSONAS:
        yield persona, _CASES[persona.key](today)
    for serial in range(len(PERSONAS) + 1, COUNT + 1):
        persona = _extra(rng, serial)
        yield persona, _extra_plans(rng, persona.kind, today)


def _period(today: date, back: int) -> _Period:
    """The monthly tax whose deadline is the first after ``today`` (``back`` 0), or that many months earlier."""
    month = today.replace(day=15)
    if effective_deadline(month).date <= today:
        month = add_months(month, 1)
    index = month.year * 12 + month.month - 1 - back
    nominal = date(index // 12, index % 12 + 1, 15)
    return _Period(
        f"{(index - 1) // 12}-{(index - 1) % 12 + 1:02d}", nominal, effective_deadline(nominal).date
    )


def _plan(
    today: date,
    back: int,
    principal: str,
    tax_type: str = _VAT,
    status: BillStatus = BillStatus.OPEN,
    paid: tuple[tuple[int, str], ...] = (),
    deferral: str | None = None,
) -> _Plan:
    """A monthly bill; ``paid`` counts its days from the deadline."""
    period = _period(today, back)
    payments = tuple((period.due + timedelta(days=days), Decimal(amount)) for days, amount in paid)
    return _Plan(
        tax_type, period.name, Decimal(principal), period.due, period.nominal, status, payments, deferral
    )


def _settled(today: date, back: int, principal: str, days: int, tax_type: str = _VAT) -> _Plan:
    return _plan(today, back, principal, tax_type, BillStatus.SETTLED, ((days, principal),))


_CASES: dict[str, Callable[[date], tuple[_Plan, ...]]] = {
    "not_due_company": lambda day: (_plan(day, 0, "80000.00"),),
    "not_due_sole_trader": lambda day: (_plan(day, 0, "9600.00"),),
    "overdue_company": lambda day: (_plan(day, 2, "12500.30"),),
    "two_bills": lambda day: (_plan(day, 2, "12000.00"), _plan(day, 2, "840.00", _CITY)),
    "partly_paid": lambda day: (_plan(day, 7, "100000.00", paid=((10, "30000.00"),)),),
    "just_overdue_person": lambda day: (_plan(day, 1, "3600.00", _IIT),),
    "long_overdue": lambda day: (_plan(day, 83, "10000.00"),),
    "disputed": lambda day: (_plan(day, 2, "45000.00", status=BillStatus.DISPUTED),),
    "deferred": lambda day: (_plan(day, 2, "80000.00", deferral="approved"),),
    "refused": lambda day: (_plan(day, 2, "60000.00", deferral="refused"),),
    "settled": lambda day: (_settled(day, 2, "26800.00", -6), _settled(day, 1, "31500.00", -3)),
    "no_debt": lambda _: (),
    "mixed": lambda day: (
        _plan(day, 2, "18600.00"),
        _plan(day, 0, "22400.00"),
        _settled(day, 3, "15300.00", -4),
    ),
    "social": lambda day: (_plan(day, 1, "2460.00", _SOCIAL),),
}


def _extra(rng: random.Random, serial: int) -> Persona:
    kind = rng.choices(tuple(TaxpayerKind), weights=(50, 30, 20))[0]
    region = rng.choice(REGIONS)
    person = rng.choice(_SURNAMES) + rng.choice(_GIVEN)
    city = region.removesuffix("市")
    industry: str | None = None
    size: str | None = None
    if kind is TaxpayerKind.COMPANY:
        word, trade = rng.choice(_WORDS), rng.choice(tuple(_TRADES))
        name, industry, size = f"{city}{word}{trade}有限公司", _TRADES[trade], _SIZES[serial % len(_SIZES)]
    elif kind is TaxpayerKind.SOLE_TRADER:
        word, shop = rng.choice(_WORDS), rng.choice(tuple(_SHOPS))
        name, industry, size = f"{region}{word}{shop}", _SHOPS[shop], "micro"
    else:
        name = person
    return Persona(
        key=f"extra_{serial}",
        name=name + MARK,
        kind=kind,
        region=region,
        contact=person + MARK,
        identifier=identifier(kind, region, serial),
        phone=phone(serial),
        situation_zh="",
        industry=industry,
        size=size,
    )


def _extra_plans(rng: random.Random, kind: TaxpayerKind, today: date) -> tuple[_Plan, ...]:
    tax_type = _IIT if kind is TaxpayerKind.PERSON else _VAT
    top = {
        TaxpayerKind.COMPANY: 30_000_000,
        TaxpayerKind.SOLE_TRADER: 2_000_000,
        TaxpayerKind.PERSON: 800_000,
    }
    fen = rng.randint(60_000, top[kind])
    principal = f"{fen // 100}.{fen % 100:02d}"
    part = f"{fen // 300}.00"
    situation = rng.choices(
        ("not_due", "due_soon", "just_overdue", "overdue", "long_overdue", "partly_paid",
         "disputed", "deferred", "refused", "settled", "several", "none"),
        weights=(24, 10, 14, 14, 5, 8, 3, 4, 3, 8, 4, 3),
    )[0]  # fmt: skip
    match situation:
        case "not_due":
            return (_plan(today, 0, principal, tax_type),)
        case "due_soon":
            due = effective_deadline(today + timedelta(days=rng.randint(0, 6))).date
            levy = rng.choice(("印花税", "契税", "资源税"))
            return (_Plan(levy, f"{due:%Y-%m}", Decimal(principal), due, None),)
        case "just_overdue":
            return (_plan(today, 1, principal, tax_type),)
        case "overdue":
            return (_plan(today, rng.randint(2, 9), principal, tax_type),)
        case "long_overdue":
            return (_plan(today, rng.randint(14, 80), principal, tax_type),)
        case "partly_paid":
            return (_plan(today, rng.randint(3, 9), principal, tax_type, paid=((rng.randint(1, 40), part),)),)
        case "disputed":
            return (_plan(today, rng.randint(2, 4), principal, tax_type, BillStatus.DISPUTED),)
        case "deferred" | "refused":
            return (
                _plan(
                    today, 2, principal, tax_type, deferral={"deferred": "approved"}.get(situation, situation)
                ),
            )
        case "settled":
            return (_settled(today, rng.randint(1, 6), principal, -rng.randint(1, 10), tax_type),)
        case "several":
            return (
                _plan(today, 2, principal, tax_type),
                _plan(today, 1, part, tax_type),
                _plan(today, 0, principal, tax_type),
            )
        case _:
            return ()


def _taxpayer(cipher: FieldCipher, persona: Persona) -> Taxpayer:
    is_person = persona.kind is TaxpayerKind.PERSON
    return Taxpayer(
        kind=persona.kind,
        name=persona.name,
        region=persona.region,
        identifier_kind="resident_id" if is_person else "uscc",
        identifier_enc=cipher.encrypt(persona.identifier, "taxpayer.identifier"),
        identifier_hash=cipher.lookup_hash("identifier", persona.identifier),
        identifier_mask=mask_identifier(persona.identifier),
        fictional=True,
        industry=persona.industry,
        size=persona.size,
        contacts=[
            Contact(
                role="本人" if is_person else "财务负责人",
                name=persona.contact,
                phone_enc=cipher.encrypt(persona.phone, "contact.phone"),
                phone_hash=cipher.lookup_hash("phone", persona.phone),
                phone_mask=mask_phone(persona.phone),
                is_primary=True,
            )
        ],
    )


async def _add_bill(session: AsyncSession, taxpayer: Taxpayer, plan: _Plan, serial: int) -> None:
    bill = Bill(
        bill_no=f"SD{plan.period.replace('-', '')}{serial:06d}",
        taxpayer=taxpayer,
        tax_type=plan.tax_type,
        period=plan.period,
        principal=plan.principal,
        due_date=plan.due,
        nominal_due=plan.nominal,
        status=plan.status,
        payments=[
            Payment(
                payment_no=f"JK{paid_on:%Y%m%d}{serial:06d}",
                paid_on=paid_on,
                amount=amount,
                kind="tax",
                channel=_CHANNELS[serial % len(_CHANNELS)],
            )
            for paid_on, amount in plan.paid
        ],
    )
    session.add(bill)
    if plan.deferral is None:
        return
    until = add_months(plan.due, 3)
    submitted = plan.due - timedelta(days=18)
    approved = plan.deferral == "approved"
    session.add(
        DeferralApplication(
            number=await numbers.next_number(session, numbers.DEFERRAL, submitted),
            taxpayer=taxpayer,
            bill=bill,
            status=plan.deferral,
            reason="cash_shortage",
            reason_text="货款回收较慢，账上资金在发放工资和缴纳社会保险费后不足以缴纳税款。",
            tax_amount=plan.principal,
            months=3,
            requested_until=until,
            cash=plan.principal if approved else plan.principal * 3,
            wages_payable=(plan.principal * Decimal("0.60")).quantize(Decimal("0.01")),
            social_insurance=(plan.principal * Decimal("0.15")).quantize(Decimal("0.01")),
            submitted_at=_at(submitted, 2),
            decided_at=_at(plan.due - timedelta(days=4), 7),
            approved_until=until if approved else None,
            decision_note=None if approved else "扣除应付职工工资和社会保险费后，账户余额仍足以缴纳税款。",
        )
    )


def _at(day: date, hour_utc: int) -> datetime:
    return datetime.combine(day, time(hour_utc), UTC)


_SURNAMES = tuple("王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗")
_GIVEN = ("安然", "晓峰", "雨晴", "建国", "思远", "文静", "子墨", "海燕", "志远", "佳怡",
          "明轩", "秀兰", "俊杰", "若溪", "国华", "春梅", "博文", "丽华", "天宇", "静怡")  # fmt: skip
_WORDS = ("望舒", "青禾", "远山", "云起", "长风", "晨曦", "知行", "听雨", "星野", "白露",
          "清和", "朝阳", "金穗", "蓝岸", "松间", "若水", "百川", "启明", "锦程", "北斗")  # fmt: skip
_TRADES = {
    "餐饮管理": "住宿和餐饮业",
    "信息技术": "信息传输、软件和信息技术服务业",
    "建筑装饰": "建筑业",
    "机械制造": "制造业",
    "商贸": "批发和零售业",
    "物流": "交通运输、仓储和邮政业",
    "纺织": "制造业",
    "食品": "制造业",
    "医疗器械": "制造业",
    "文化传播": "文化、体育和娱乐业",
}
_SHOPS = {
    "小吃店": "住宿和餐饮业",
    "便利店": "批发和零售业",
    "理发店": "居民服务、修理和其他服务业",
    "五金店": "批发和零售业",
    "水果店": "批发和零售业",
    "服装店": "批发和零售业",
    "汽修店": "居民服务、修理和其他服务业",
    "茶叶店": "批发和零售业",
}
_SIZES = ("small", "micro", "small", "medium", "small", "micro", "small", "large", "medium", "micro")
