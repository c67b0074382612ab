"""Deferral of tax payment (延期缴纳税款): who, when, how long, what papers, its effect on the late fee.

征管法第三十一条, 实施细则第四十一、四十二条. Nothing here decides an application: the tax authority does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from tax.calendar import Deadline, add_months, add_workdays, after_days
from tax.citations import (
    LAW_31,
    LAW_32,
    NOTICE_2022_20,
    RULES_41,
    RULES_42,
    RULES_75,
    Citation,
)
from tax.errors import TaxError
from tax.money import ZERO, check_amount, format_yuan

MAX_MONTHS = 3
DECISION_DAYS = 20
ACCEPTANCE_WORKDAYS = 2


class DeferralError(TaxError):
    """A step of an application that the rules or its state do not allow."""


@dataclass(frozen=True, slots=True)
class Deferral:
    """An approved deferral as printed in the approval: both days counted, ``to`` is the last day to pay."""

    from_: date
    to: date


class Ground(StrEnum):
    """The two kinds of special hardship of 实施细则第四十一条."""

    FORCE_MAJEURE = "force_majeure"
    CASH_SHORTAGE = "cash_shortage"


GROUNDS: dict[Ground, str] = {
    Ground.FORCE_MAJEURE: "因不可抗力导致发生较大损失，正常生产经营活动受到较大影响",
    Ground.CASH_SHORTAGE: "当期货币资金在扣除应付职工工资、社会保险费后，不足以缴纳税款",
}
GROUND_CITATIONS: tuple[Citation, ...] = (LAW_31, RULES_41)


@dataclass(frozen=True, slots=True)
class WindowResult:
    """Whether an application can still be handed in. ``days_left``: from today to the deadline, 0 on it."""

    open: bool
    days_left: int
    needs_human: bool
    explanation_zh: str
    citations: tuple[Citation, ...]


def check_window(today: date, due: date) -> WindowResult:
    """An application must come in before the period expires (实施细则第四十二条).

    The period ends with the deadline day, so that day itself still counts ("届满" includes the number,
    实施细则第一百零八条); the text then advises to apply at once. From the next day it is too late.
    """
    left = (due - today).days
    end = _day(due)
    cites = (LAW_31, RULES_42)
    if left < 0:
        text = (
            f"缴款期限是{end}，已经过了。延期缴纳需要在期限届满前申请，现在不能再按这个方式办理。"
            "您的情况可以由工作人员进一步了解，我可以为您转人工。"
        )
        return WindowResult(False, 0, True, text, cites)
    if left == 0:
        text = f"今天（{end}）就是缴款期限的最后一天，还可以提交申请，请尽早办理。"
    else:
        text = f"缴款期限是{end}，还有{left}天。申请需要在期限届满前提交，建议尽早办理。"
    return WindowResult(True, left, False, text, cites)


@dataclass(frozen=True, slots=True)
class MoneyTest:
    """The second ground on the taxpayer's own figures, in yuan.

    ``disposable`` = cash − wages − social insurance, may be negative. ``passes``: it is less than the tax.
    ``shortfall`` is the part of the tax it does not reach, 0.00 to the whole tax.
    """

    disposable: Decimal
    passes: bool
    shortfall: Decimal
    explanation_zh: str


def money_test(cash: Decimal, wages: Decimal, social_insurance: Decimal, tax_due: Decimal) -> MoneyTest:
    """Cash after wages payable and social insurance against the tax due (实施细则第四十一条第一款第二项).

    Yuan, to the fen. MoneyError on a negative or over-precise figure. An appearance, not a verdict.
    """
    cash = check_amount(cash, name="货币资金")
    wages = check_amount(wages, name="应付职工工资")
    social_insurance = check_amount(social_insurance, name="社会保险费")
    tax_due = check_amount(tax_due, name="应缴税款", allow_zero=False)
    disposable = cash - wages - social_insurance
    passes = disposable < tax_due
    shortfall = min(tax_due, tax_due - disposable) if passes else ZERO
    sums = (
        f"按您提供的数字，货币资金{format_yuan(cash)}，减去应付职工工资{format_yuan(wages)}"
        f"和社会保险费{format_yuan(social_insurance)}"
    )
    rest = (
        f"，余额为{format_yuan(disposable)}"
        if disposable >= 0
        else f"，还差{format_yuan(-disposable)}，没有余额"
    )
    if passes:
        verdict = (
            f"，不足以缴纳{format_yuan(tax_due)}的税款，缺口{format_yuan(shortfall)}，"
            "看起来符合申请条件。最终由税务机关审核决定。"
        )
    else:
        verdict = (
            f"，够缴纳{format_yuan(tax_due)}的税款，看起来不符合“货币资金不足”这一条件。"
            "如果还有其他困难，可以转人工了解。"
        )
    return MoneyTest(disposable, passes, shortfall, sums + rest + verdict)


@dataclass(frozen=True, slots=True)
class Eligibility:
    """A first look before the form: may the taxpayer go on to apply, or does a human take over?"""

    may_apply: bool
    needs_human: bool
    explanation_zh: str
    citations: tuple[Citation, ...]


def assess(today: date, due: date, ground: Ground, test: MoneyTest | None = None) -> Eligibility:
    """Window first, then the ground. Force majeure always goes to a human, who can weigh the loss.

    ``test`` None under CASH_SHORTAGE: the window alone is judged. Never a promise of approval.
    """
    window = check_window(today, due)
    cites = (LAW_31, RULES_41, RULES_42)
    if not window.open:
        return Eligibility(False, True, window.explanation_zh, cites)
    if ground is Ground.FORCE_MAJEURE:
        text = f"{window.explanation_zh}因不可抗力受到较大损失的，可以申请，损失情况由工作人员与您核实。"
        return Eligibility(True, True, text, cites)
    if test is None:
        return Eligibility(True, False, window.explanation_zh, cites)
    return Eligibility(test.passes, not test.passes, f"{window.explanation_zh}{test.explanation_zh}", cites)


def latest_end(due: date) -> date:
    """The last day a deferral may run to: three calendar months after the deadline (征管法第三十一条).

    31 May → 31 August, 30 November → the last day of February. Not moved by days off: the approval's own
    date counts.
    """
    return add_months(due, MAX_MONTHS)


def check_end(due: date, to: date) -> None:
    """DeferralError unless ``to`` lies after ``due`` and within three months of it."""
    last = latest_end(due)
    if to <= due:
        raise DeferralError(f"延期的截止日要晚于缴款期限{_day(due)}，请重新选择日期。")
    if to > last:
        raise DeferralError(f"延期最长不超过三个月，最晚到{_day(last)}，请重新选择日期。")


def acceptance_due(received_on: date) -> Deadline:
    """By when the authority says whether it accepts the application: 2 working days (公告2022年第20号)."""
    found = add_workdays(received_on, ACCEPTANCE_WORKDAYS)
    return Deadline(found.date, received_on, found.provisional, found.basis, (NOTICE_2022_20,))


def decision_due(received_on: date) -> Deadline:
    """By when it decides: 20 days from receipt (实施细则第四十二条), moved by days off."""
    found = after_days(received_on, DECISION_DAYS)
    return Deadline(found.date, received_on, found.provisional, found.basis, (RULES_42, *found.citations))


@dataclass(frozen=True, slots=True)
class Material:
    """One paper to hand in. ``only_if`` is empty when everybody needs it."""

    name: str
    copies: int
    note: str
    only_if: str
    citations: tuple[Citation, ...]


MATERIALS: tuple[Material, ...] = (
    Material("《延期缴纳税款申请表》", 1, "可以由我协助填写并生成打印件", "", (RULES_42, NOTICE_2022_20)),
    Material("所有银行存款账户的对账单复印件", 1, "包括全部开户银行", "", (RULES_42, NOTICE_2022_20)),
    Material("经办人身份证件", 1, "查验后退回", "", (NOTICE_2022_20,)),
    Material("代理委托书和代理人身份证件", 1, "身份证件查验后退回", "由代理人办理的", (NOTICE_2022_20,)),
    Material(
        "资产负债表，应付职工工资和社会保险费等支出预算",
        1,
        "以主管税务机关要求为准",
        "主管税务机关要求的",
        (RULES_42,),
    ),
)


class Status(StrEnum):
    """Where an application stands. EXPIRED: it had been approved and the approved period has run out."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Event(StrEnum):
    """What may happen to an application. SUBMIT and WITHDRAW are the taxpayer's, EXPIRE the calendar's."""

    SUBMIT = "submit"
    ACCEPT = "accept"
    APPROVE = "approve"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"


STATUS_ZH: dict[Status, str] = {
    Status.DRAFT: "草稿",
    Status.SUBMITTED: "已提交",
    Status.ACCEPTED: "已受理",
    Status.APPROVED: "已批准",
    Status.REFUSED: "未批准",
    Status.WITHDRAWN: "已撤回",
    Status.EXPIRED: "延期已到期",
}
EVENT_ZH: dict[Event, str] = {
    Event.SUBMIT: "提交",
    Event.ACCEPT: "受理",
    Event.APPROVE: "批准",
    Event.REFUSE: "不予批准",
    Event.WITHDRAW: "撤回",
    Event.EXPIRE: "到期",
}

_STEPS: dict[tuple[Status, Event], Status] = {
    (Status.DRAFT, Event.SUBMIT): Status.SUBMITTED,
    (Status.DRAFT, Event.WITHDRAW): Status.WITHDRAWN,
    (Status.SUBMITTED, Event.ACCEPT): Status.ACCEPTED,
    (Status.SUBMITTED, Event.REFUSE): Status.REFUSED,
    (Status.SUBMITTED, Event.WITHDRAW): Status.WITHDRAWN,
    (Status.ACCEPTED, Event.APPROVE): Status.APPROVED,
    (Status.ACCEPTED, Event.REFUSE): Status.REFUSED,
    (Status.ACCEPTED, Event.WITHDRAW): Status.WITHDRAWN,
    (Status.APPROVED, Event.EXPIRE): Status.EXPIRED,
}


def advance(status: Status, event: Event) -> Status:
    """The state after ``event``. DeferralError when it cannot happen in ``status``."""
    after = _STEPS.get((status, event))
    if after is None:
        raise DeferralError(
            f"申请目前的状态是“{STATUS_ZH[status]}”，不能{EVENT_ZH[event]}，请核对申请编号或转人工处理。"
        )
    return after


def allowed_events(status: Status) -> tuple[Event, ...]:
    """What can still happen, in the order of Event."""
    return tuple(event for event in Event if (status, event) in _STEPS)


@dataclass(frozen=True, slots=True)
class LateFeeEffect:
    """What a state of the application means for the late fee, in words for the taxpayer."""

    text: str
    citations: tuple[Citation, ...]


_PENDING = "申请还没有得到批准，缴款期限暂时不变。"
_EFFECTS: dict[Status, LateFeeEffect] = {
    Status.DRAFT: LateFeeEffect("申请还没有提交，缴款期限不变，期限过后按日计算滞纳金。", (LAW_32, RULES_75)),
    Status.SUBMITTED: LateFeeEffect(
        f"{_PENDING}如果没有批准，滞纳金从原缴款期限届满次日起计算。", (RULES_42, RULES_75)
    ),
    Status.ACCEPTED: LateFeeEffect(
        f"{_PENDING}如果没有批准，滞纳金从原缴款期限届满次日起计算。", (RULES_42, RULES_75)
    ),
    Status.APPROVED: LateFeeEffect(
        "批准的延期内不加收滞纳金；过了批准的截止日还没有缴清的部分，从次日起按日计算。",
        (LAW_31, LAW_32, RULES_75),
    ),
    Status.REFUSED: LateFeeEffect(
        "申请没有获得批准，滞纳金从原缴款期限届满次日起计算。", (RULES_42, RULES_75)
    ),
    Status.WITHDRAWN: LateFeeEffect(
        "申请已经撤回，缴款期限不变，期限过后按日计算滞纳金。", (LAW_32, RULES_75)
    ),
    Status.EXPIRED: LateFeeEffect(
        "批准的延期已经到期。延期内不加收滞纳金，没有缴清的部分从延期截止日的次日起按日计算。",
        (LAW_31, LAW_32, RULES_75),
    ),
}


def late_fee_effect(status: Status) -> LateFeeEffect:
    """The text and articles for ``status``. A pending application moves nothing."""
    return _EFFECTS[status]


def deferral_for_late_fee(status: Status, due: date, approved_to: date | None) -> Deferral | None:
    """What the late fee may take into account: an approved period (running or run out), else None.

    A refused, withdrawn or pending application leaves the original deadline ``due`` (实施细则第四十二条).
    DeferralError when an approval comes without its end date or with one that check_end refuses.
    """
    if status not in (Status.APPROVED, Status.EXPIRED):
        return None
    if approved_to is None:
        raise DeferralError("批准文书上的延期截止日缺失，请补录后再计算。")
    check_end(due, approved_to)
    return Deferral(due, approved_to)


def _day(d: date) -> str:
    return f"{d.year}年{d.month}月{d.day}日"
