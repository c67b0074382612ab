"""The late fee (滞纳金) on one unpaid tax, to the fen, with the segments and articles that explain it.

fee = unpaid tax × daily rate × days; days run from the day after the deadline to the day of payment, both
counted (征管法第三十二条, 实施细则第七十五条). Payments go to the tax first (公告2019年第48号); each
part of the tax bears the fee up to its own day of payment; no fee on the fee.

Rounding: each segment (one part of the tax under one rate) is rounded to the fen, halves up, as each part is
paid on its own voucher; the fee is the sum of the segments as shown. Parts paid on one day are one segment.
Each segment is at most half a fen away from its exact product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TypedDict

from tax.calendar import EARLIEST, LATEST, effective_deadline
from tax.citations import (
    COERCION_45_2,
    LAW_31,
    LAW_32,
    LAW_52_1,
    NOTICE_2012_25,
    NOTICE_2019_48_1,
    PENALTY_72,
    RULES_75,
    RULES_80,
    SOCIAL_86,
    Citation,
)
from tax.deferral import Deferral, latest_end
from tax.errors import TaxError
from tax.money import ZERO, check_amount, format_yuan, to_fen
from tax.rates import RATES, RateRow, rate_spans, rate_zh

ONE_YUAN = Decimal("1.00")
_ONE_DAY = timedelta(days=1)
_PAID_TOO_EARLY = timedelta(days=3 * 366)


class Levy(StrEnum):
    """What is owed. Only TAX follows this formula; the others are named so that they reach a human."""

    TAX = "tax"
    SOCIAL_INSURANCE = "social_insurance"
    FINE = "fine"
    CUSTOMS = "customs"


class FlagCode(StrEnum):
    FEE_REACHES_TAX = "fee_reaches_tax"
    BELOW_ONE_YUAN = "below_one_yuan"
    PROVISIONAL_CALENDAR = "provisional_calendar"
    AUTHORITY_FAULT_CLAIMED = "authority_fault_claimed"
    AUTHORITY_FAULT_CONFIRMED = "authority_fault_confirmed"
    PAYMENT_AFTER_ON = "payment_after_on"
    OVERPAID = "overpaid"
    DEFERRAL_IN_FORCE = "deferral_in_force"
    ORDER_BETWEEN_DEBTS = "order_between_debts"
    OTHER_REGIME = "other_regime"


@dataclass(frozen=True, slots=True)
class Flag:
    """Something the figure alone does not say. ``needs_human``: the law is open here, so a person answers."""

    code: FlagCode
    text: str
    needs_human: bool
    citations: tuple[Citation, ...] = ()


class LateFeeError(TaxError):
    """A query the rule cannot answer. ``flag`` is set when a human has to (another regime)."""

    def __init__(self, message: str, flag: Flag | None = None) -> None:
        super().__init__(message)
        self.flag = flag


_FEE_REACHES_TAX = Flag(
    FlagCode.FEE_REACHES_TAX,
    "滞纳金已经达到或超过税款本身，是否有上限目前存在不同意见，需要由工作人员为您核对。",
    True,
    (COERCION_45_2,),
)
_BELOW_ONE_YUAN = Flag(
    FlagCode.BELOW_ONE_YUAN,
    "金额在一元以下，是否需要缴纳以税务机关核对为准。",
    True,
    (NOTICE_2012_25,),
)
_PROVISIONAL = Flag(
    FlagCode.PROVISIONAL_CALENDAR,
    "缴款期限是推算的，还没有官方公布的日期可以核对，请以税务机关公布的期限为准。",
    True,
)
_FAULT_CLAIMED = Flag(
    FlagCode.AUTHORITY_FAULT_CLAIMED,
    "您提到是税务机关的原因，这需要由工作人员核实，核实之前先按一般规则计算。",
    True,
    (LAW_52_1, RULES_80),
)
_FAULT_CONFIRMED = Flag(
    FlagCode.AUTHORITY_FAULT_CONFIRMED,
    "已确认属于税务机关的责任，不加收滞纳金。",
    False,
    (LAW_52_1, RULES_80),
)
_PAYMENT_AFTER_ON = Flag(
    FlagCode.PAYMENT_AFTER_ON,
    "有付款日期晚于计算日期，这部分没有计入。",
    False,
)
_OVERPAID = Flag(
    FlagCode.OVERPAID,
    "已付金额超过税款，超出部分没有计入，可能是缴纳的滞纳金或多缴的税款，请由工作人员核对。",
    True,
)
_DEFERRAL_IN_FORCE = Flag(
    FlagCode.DEFERRAL_IN_FORCE,
    "正在批准的延期内，延期内不加收滞纳金。",
    False,
    (LAW_31,),
)
_ORDER = Flag(
    FlagCode.ORDER_BETWEEN_DEBTS,
    "有多笔税款未缴，先缴哪一笔没有明确规定，可以由工作人员为您说明。",
    True,
)
_SPOKEN = frozenset({FlagCode.FEE_REACHES_TAX, FlagCode.BELOW_ONE_YUAN, FlagCode.PROVISIONAL_CALENDAR})
_OTHER_REGIMES: dict[Levy, tuple[str, tuple[Citation, ...]]] = {
    Levy.SOCIAL_INSURANCE: ("社会保险费的滞纳金适用社会保险法，这里不能计算，请转人工办理。", (SOCIAL_86,)),
    Levy.FINE: ("罚款逾期的加处罚款适用行政处罚法，这里不能计算，请转人工办理。", (PENALTY_72,)),
    Levy.CUSTOMS: ("海关征收的税款适用海关的规定，这里不能计算，请向海关咨询或转人工办理。", ()),
}


@dataclass(frozen=True, slots=True)
class Payment:
    """Tax paid on ``paid_on``; ``amount`` in yuan, > 0."""

    paid_on: date
    amount: Decimal


@dataclass(frozen=True, slots=True)
class LateFeeQuery:
    """One tax debt as of the day ``on``.

    ``due`` is the deadline stored with the debt and wins; ``nominal`` a statutory date the calendar moves;
    one of them is needed. ``deferral`` is an approved one only. ``authority_fault`` is a finding by the tax
    authority, ``authority_fault_claimed`` merely the taxpayer's word.
    """

    principal: Decimal
    due: date | None
    nominal: date | None
    on: date
    payments: tuple[Payment, ...] = ()
    deferral: Deferral | None = None
    authority_fault: bool = False
    authority_fault_claimed: bool = False
    levy: Levy = Levy.TAX


@dataclass(frozen=True, slots=True)
class Segment:
    """``base`` yuan unpaid from ``start`` to ``end``, both counted: ``fee`` = base × rate × days."""

    start: date
    end: date
    days: int
    base: Decimal
    rate: Decimal
    fee: Decimal
    note: str


@dataclass(frozen=True, slots=True)
class LateFeeResult:
    """The answer, with what is needed to explain it.

    ``days``: calendar days up to the last day on which tax was still unpaid, at most ``on``; 0 when in time.
    ``effective_due``: the day the count starts after, i.e. the end of an approved deferral where there is
    one; ``original_due``: the deadline without it. ``basis`` says in Chinese where the deadline comes from.
    """

    days: int
    late_fee: Decimal
    effective_due: date
    unpaid_principal: Decimal
    segments: tuple[Segment, ...]
    citations: tuple[Citation, ...]
    flags: tuple[Flag, ...]
    principal: Decimal
    on: date
    original_due: date
    basis: str

    @property
    def total(self) -> Decimal:
        """Tax still unpaid plus the late fee, yuan."""
        return self.unpaid_principal + self.late_fee

    @property
    def payable(self) -> Decimal:
        """``total``, or 0.00 when the whole tax and its fee together stay below one yuan (公告2012年第25号).

        A fee below one yuan on a larger tax stays as it is, with a flag: how far the rule goes is open.
        """
        return ZERO if self.principal + self.late_fee < ONE_YUAN else self.total

    @property
    def needs_human(self) -> bool:
        return any(flag.needs_human for flag in self.flags)


class SegmentRow(TypedDict):
    """One row of the table shown to the taxpayer; every value is text ready to print."""

    起: str
    止: str
    天数: str
    计费税款: str
    日率: str
    金额: str


def compute(q: LateFeeQuery, *, rates: Sequence[RateRow] = RATES) -> LateFeeResult:
    """The late fee of ``q``. LateFeeError, MoneyError, RateError, CalendarError (all TaxError) if bad."""
    _refuse_other_regimes(q.levy)
    principal = check_amount(q.principal, name="税款", allow_zero=False)
    _check_day(q.on, "计算日期")
    flags: list[Flag] = []
    cites: list[Citation] = [LAW_32, RULES_75]

    original, basis, provisional = _original_due(q, cites)
    if provisional:
        flags.append(_PROVISIONAL)
    effective = original
    if q.deferral is not None:
        effective = _deferred_due(q.deferral, original)
        basis = f"经批准的延期，截止日{_zh(effective)}"
        cites.append(LAW_31)

    credited, unpaid = _credit(q, principal, original, flags)
    if q.payments:
        cites.append(NOTICE_2019_48_1)
    parts = list(credited)
    if unpaid:
        parts.append((q.on, unpaid))
    last = parts[-1][0]
    days = max(0, (last - effective).days)

    if q.authority_fault:
        segments: tuple[Segment, ...] = _fault_segments(parts, effective)
        flags.append(_FAULT_CONFIRMED)
    else:
        segments = _segments(parts, effective, rates, unpaid_on=q.on if unpaid else None)
    late_fee = sum((s.fee for s in segments), ZERO)

    if q.authority_fault_claimed and not q.authority_fault:
        flags.append(_FAULT_CLAIMED)
    if q.deferral is not None and unpaid and q.on <= effective:
        flags.append(_DEFERRAL_IN_FORCE)
    if late_fee >= principal or (late_fee and _reaches_tax(last, effective, rates)):
        flags.append(_FEE_REACHES_TAX)
    if ZERO < late_fee <= ONE_YUAN or principal + late_fee < ONE_YUAN:
        flags.append(_BELOW_ONE_YUAN)
    for flag in flags:
        cites += flag.citations
    return LateFeeResult(
        days=days,
        late_fee=late_fee,
        effective_due=effective,
        unpaid_principal=unpaid,
        segments=segments,
        citations=tuple(dict.fromkeys(cites)),
        flags=tuple(flags),
        principal=principal,
        on=q.on,
        original_due=original,
        basis=basis,
    )


def what_if(q: LateFeeQuery, pay_on: date, *, rates: Sequence[RateRow] = RATES) -> LateFeeResult:
    """The same debt if the rest were paid on ``pay_on``. LateFeeError when that day is before ``q.on``."""
    if pay_on < q.on:
        raise LateFeeError(f"{_zh(pay_on)}已经过去了，请告诉我今天或以后的日期。")
    return compute(replace(q, on=pay_on), rates=rates)


@dataclass(frozen=True, slots=True)
class DebtsResult:
    """Several debts: the fee is rounded per debt, then added."""

    results: tuple[LateFeeResult, ...]
    late_fee: Decimal
    unpaid_principal: Decimal
    flags: tuple[Flag, ...]

    @property
    def total(self) -> Decimal:
        return self.unpaid_principal + self.late_fee


def compute_many(queries: Sequence[LateFeeQuery]) -> DebtsResult:
    """Each debt by itself, added. Flags are merged; two or more unpaid debts raise the question of order."""
    results = tuple(compute(q) for q in queries)
    flags = {flag.code: flag for result in results for flag in result.flags}
    if sum(result.unpaid_principal > 0 for result in results) > 1:
        flags[FlagCode.ORDER_BETWEEN_DEBTS] = _ORDER
    return DebtsResult(
        results,
        sum((r.late_fee for r in results), ZERO),
        sum((r.unpaid_principal for r in results), ZERO),
        tuple(flags.values()),
    )


def explain_spoken(result: LateFeeResult) -> str:
    """One to three short Chinese sentences a voice can say; amounts and dates stand in digits."""
    due = _zh(result.effective_due)
    kind = "延期截止日" if result.effective_due != result.original_due else "缴款期限"
    codes = {flag.code for flag in result.flags}
    if FlagCode.AUTHORITY_FAULT_CONFIRMED in codes:
        text = (
            f"因税务机关的责任未缴的税款，不加收滞纳金，只需缴纳税款{format_yuan(result.unpaid_principal)}。"
        )
        if not result.unpaid_principal:
            text = "因税务机关的责任未缴的税款，不加收滞纳金，税款已经缴清。"
    elif not result.days:
        text = (
            f"{kind}是{due}，在这一天或之前缴清，没有滞纳金。"
            if result.unpaid_principal
            else f"税款已在{kind}{due}或之前缴清，没有滞纳金。"
        )
    elif len(result.segments) == 1:
        (seg,) = result.segments
        text = (
            f"{kind}是{due}，从次日算到{_zh(seg.end)}共{seg.days}天，"
            f"税款{format_yuan(seg.base)}每天按{rate_zh(seg.rate)}计算，滞纳金是{format_yuan(result.late_fee)}。"
        )
    else:
        text = (
            f"{kind}是{due}，从次日算到{_zh(result.segments[-1].end)}共{result.days}天，"
            f"分{len(result.segments)}段计算，滞纳金合计{format_yuan(result.late_fee)}。"
        )
    if result.days and result.late_fee and result.unpaid_principal:
        text += f"加上未缴的税款{format_yuan(result.unpaid_principal)}，一共{format_yuan(result.total)}。"
    return text + "".join(flag.text for flag in result.flags if flag.code in _SPOKEN)


def explain_table(result: LateFeeResult) -> list[SegmentRow]:
    """The segments as rows of text, in order. Empty when no day counts."""
    return [
        SegmentRow(
            起=s.start.isoformat(),
            止=s.end.isoformat(),
            天数=f"{s.days}天",
            计费税款=format_yuan(s.base),
            日率=rate_zh(s.rate),
            金额=format_yuan(s.fee),
        )
        for s in result.segments
    ]


def _original_due(q: LateFeeQuery, cites: list[Citation]) -> tuple[date, str, bool]:
    if q.due is not None:
        _check_day(q.due, "缴款期限")
        return q.due, "这笔税款登记的缴款期限", False
    if q.nominal is None:
        raise LateFeeError("缺少缴款期限，请填写这笔税款登记的缴款期限，或者法定的缴款日期。")
    deadline = effective_deadline(q.nominal)
    cites += deadline.citations
    return deadline.date, deadline.basis, deadline.provisional


def _deferred_due(deferral: Deferral, original: date) -> date:
    _check_day(deferral.from_, "延期起始日")
    _check_day(deferral.to, "延期截止日")
    if deferral.to < deferral.from_:
        raise LateFeeError("延期的截止日早于起始日，请按批准文书核对后重新填写。")
    if deferral.from_ > original + _ONE_DAY:
        raise LateFeeError(f"延期应当接在缴款期限{_zh(original)}之后，请按批准文书核对起始日，或转人工办理。")
    if deferral.to < original:
        raise LateFeeError(f"延期的截止日早于缴款期限{_zh(original)}，请按批准文书核对后重新填写。")
    if deferral.to > latest_end(original):
        raise LateFeeError(f"延期最长三个月，最晚到{_zh(latest_end(original))}，请按批准文书核对后重新填写。")
    return deferral.to


def _credit(
    q: LateFeeQuery, principal: Decimal, original: date, flags: list[Flag]
) -> tuple[list[tuple[date, Decimal]], Decimal]:
    """(day, tax credited that day) ascending, and the tax left on ``q.on``."""
    by_day: dict[date, Decimal] = {}
    later = False
    for payment in sorted(q.payments, key=lambda p: p.paid_on):
        _check_day(payment.paid_on, "付款日期")
        amount = check_amount(payment.amount, name="付款金额", allow_zero=False)
        if payment.paid_on < original - _PAID_TOO_EARLY:
            raise LateFeeError(
                f"付款日期{_zh(payment.paid_on)}比缴款期限早了三年以上，请核对年份后重新填写。"
            )
        if payment.paid_on > q.on:
            later = True
            continue
        by_day[payment.paid_on] = by_day.get(payment.paid_on, ZERO) + amount
    if later:
        flags.append(_PAYMENT_AFTER_ON)
    credited: list[tuple[date, Decimal]] = []
    left, overpaid = principal, False
    for day, paid in by_day.items():
        overpaid |= paid > left
        if left:
            credited.append((day, min(paid, left)))
        left -= min(paid, left)
    if overpaid:
        flags.append(_OVERPAID)
    return credited, left


def _segments(
    parts: list[tuple[date, Decimal]], effective: date, rates: Sequence[RateRow], *, unpaid_on: date | None
) -> tuple[Segment, ...]:
    start = effective + _ONE_DAY
    found = []
    for index, (day, base) in enumerate(parts):
        open_end = unpaid_on is not None and index == len(parts) - 1
        note = f"截至{_zh(day)}未缴的税款" if open_end else f"{_zh(day)}缴纳的税款"
        for span in rate_spans(start, day, rates):
            fee = to_fen(base * span.row.daily * span.days)
            found.append(Segment(span.start, span.end, span.days, base, span.row.daily, fee, note))
    return tuple(found)


def _fault_segments(parts: list[tuple[date, Decimal]], effective: date) -> tuple[Segment, ...]:
    start = effective + _ONE_DAY
    note = "经确认属于税务机关的责任，不加收滞纳金"
    return tuple(
        Segment(start, day, (day - effective).days, base, Decimal(0), ZERO, note)
        for day, base in parts
        if day > effective
    )


def _reaches_tax(last: date, effective: date, rates: Sequence[RateRow]) -> bool:
    """Whether the fee on the part unpaid longest reaches that part: there the cap comes into question."""
    return sum((s.row.daily * s.days for s in rate_spans(effective + _ONE_DAY, last, rates)), ZERO) >= 1


def _refuse_other_regimes(levy: Levy) -> None:
    if levy is Levy.TAX:
        return
    text, citations = _OTHER_REGIMES[levy]
    raise LateFeeError(text, Flag(FlagCode.OTHER_REGIME, text, True, citations))


def _check_day(d: date, name: str) -> None:
    if not EARLIEST <= d <= LATEST:
        raise LateFeeError(f"{name} {d.isoformat()} 不在可以计算的范围内，请核对年份。")


def _zh(d: date) -> str:
    return f"{d.year}年{d.month}月{d.day}日"
