"""The late fee: of one's own bills, today or on a day one might pay, and examples on numbers one gives."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from rasa_sdk.events import SlotSet

from actions.core import Bubble, Button, Context, Reply, Turn
from actions.facts import BillFact, ExampleFact, Fact, SumFact
from actions.gate import require_proof
from actions.handoff import open_ticket, queue_words
from actions.phrases import bill_name, day, yuan
from actions.screening import Screened
from actions.values import as_date, first_amount, first_date
from handoff.reasons import Reason
from store.debts import Debt, debts_of
from store.models import BillStatus
from tax.late_fee import LateFeeQuery, LateFeeResult, compute
from tax.rates import rate_zh

ASKED_ON = "asked_on"
MAX_EXAMPLE_DAYS = 3650


class LateFeeAmount(Screened):
    """Own late fee, or an example when the taxpayer names a sum and a number of days."""

    action_name = "action_late_fee"

    async def handle(self, ctx: Context) -> Reply:
        """Answer from the bills, or from the numbers given."""
        made_up = _example(ctx.turn, ctx.today) if ctx.turn.fresh else None
        if made_up is not None:
            return made_up
        asked = first_date(ctx.turn) if ctx.turn.fresh else as_date(ctx.turn.slot(ASKED_ON))
        on = asked or ctx.today
        who = await require_proof(ctx, self.action_name, {ASKED_ON: asked.isoformat() if asked else None})
        if isinstance(who, Reply):
            return who
        reply = await self._own(ctx, await debts_of(ctx.session, who), on)
        return reply.then(SlotSet(ASKED_ON, None))

    async def _own(self, ctx: Context, debts: Sequence[Debt], on: date) -> Reply:
        open_debts = [d for d in debts if d.is_open()]
        if not open_debts:
            unpaid_fee = [d for d in debts if d.is_tax and _fee_left(d, ctx.today) > 0]
            if not unpaid_fee:
                return Reply.say("您名下目前没有未缴的税款，也没有在计算的滞纳金。")
            open_debts = unpaid_fee
        if on < ctx.today:
            on = ctx.today
        taxes = [d for d in open_debts if d.is_tax]
        late = [d for d in taxes if d.late_fee(on).late_fee > 0]
        replies: list[Bubble] = []
        if len(taxes) < len(open_debts):
            ticket = await open_ticket(ctx, Reason.SOCIAL_INSURANCE)
            replies.append(
                Bubble(
                    "社会保险费的滞纳金按社会保险法另算，我不替您算，已经请人工来答。"
                    + queue_words(ticket, ctx)
                )
            )
        if not taxes:
            return Reply(tuple(replies))
        if not late:
            nearest = min(taxes, key=lambda d: d.payable_until)
            words = (
                f"到{day(on, ctx.today)}为止没有滞纳金。{bill_name(nearest)}在"
                f"{day(nearest.payable_until, ctx.today)}当天或之前缴，都不产生滞纳金。"
            )
            return Reply((Bubble(words, (Button("怎么缴", "怎么缴税"),)), *replies))
        capped = [d for d in late if _has(d.late_fee(on), "fee_reaches_tax")]
        told = [d for d in late if d not in capped]
        if any(_has(d.late_fee(on), "below_one_yuan") for d in told):
            ticket = await open_ticket(ctx, Reason.SMALL_AMOUNT)
            replies.append(
                Bubble(f"不足一元的怎么处理，要由税务机关确认，我已经请人工核实。{queue_words(ticket, ctx)}")
            )
        if capped:
            ticket = await open_ticket(ctx, Reason.FEE_REACHES_TAX)
            names = "、".join(bill_name(d) for d in capped)
            replies.append(
                Bubble(
                    f"{names}拖的时间很长，按天数推算，滞纳金已经达到税款本身。这种情况最后按多少算，"
                    f"现在各方看法不一，我不能下结论，已经请人工核实后答复您。{queue_words(ticket, ctx)}"
                )
            )
        replies = [_fee_bubble(d, on, ctx.today) for d in told] + replies
        if len(told) > 1:
            fees = sum((d.late_fee(on).late_fee for d in told), Decimal("0.00"))
            total = fees + sum((d.unpaid for d in told), Decimal("0.00"))
            replies.insert(
                len(told),
                Bubble(
                    f"这{len(told)}笔的滞纳金合计{yuan(fees)}，连税款一共{yuan(total)}。",
                    (Button("怎么缴", "怎么缴税"), Button("滞纳金怎么算的", "滞纳金是怎么算的")),
                    None,
                    (SumFact(tuple(d.bill_id for d in told), on),),
                ),
            )
        return Reply(tuple(replies))


def _fee_left(debt: Debt, on: date) -> Decimal:
    return debt.late_fee(on).late_fee - debt.late_fee_paid


def _has(result: LateFeeResult, code: str) -> bool:
    return any(flag.code == code for flag in result.flags)


def _fee_bubble(debt: Debt, on: date, today: date) -> Bubble:
    result = debt.late_fee(on)
    when = "到今天" if on == today else f"如果{day(on, today)}缴，"
    total = debt.unpaid + result.late_fee - debt.late_fee_paid
    words = (
        f"{bill_name(debt)}，{when}滞纳{result.days}天，滞纳金{yuan(result.late_fee)}，"
        f"加上未缴税款{yuan(debt.unpaid)}，一共{yuan(total)}。"
    )
    if debt.late_fee_paid > 0:
        words += f"其中已缴滞纳金{yuan(debt.late_fee_paid)}。"
    if debt.status is BillStatus.DISPUTED:
        words += "这笔您提过异议，以核实结果为准。"
    elif debt.unpaid > 0:
        words += "税款早缴一天，就少算一天。"
    if _has(result, "provisional_calendar"):
        words += "这个期限涉及的节假日安排还没公布，先按现有信息推算。"
    table = fee_table(bill_name(debt), result, today)
    cites = {"kind": "citations", "items": [str(c) for c in result.citations]}
    facts: tuple[Fact, ...] = (BillFact(debt.bill_id, on),)
    buttons = (Button("怎么缴", "怎么缴税"), Button("月底缴是多少", "月底缴的话滞纳金是多少"))
    return Bubble(words, buttons, {"kind": "group", "items": [table, cites]}, facts)


def fee_table(name: str, result: LateFeeResult, today: date) -> dict[str, Any]:
    """The segments as a table narrow enough for a phone; amounts in yuan, the rate in the title if it is one."""
    rates = sorted({s.rate for s in result.segments})
    several = len(rates) > 1
    rows = [
        [
            f"{_short(s.start, today)}至{_short(s.end, today)}",
            str(s.days),
            yuan(s.base).removesuffix("元"),
            yuan(s.fee).removesuffix("元"),
            *([rate_zh(s.rate)] if several else []),
        ]
        for s in result.segments
    ]
    return {
        "kind": "late_fee_table",
        "title": name if several or not rates else f"{name}，每天{rate_zh(rates[0])}",
        "columns": ["起止", "天数", "税款", "滞纳金", *(["日率"] if several else [])],
        "rows": rows,
        "total": f"合计{yuan(result.late_fee)}",
    }


def _short(value: date, today: date) -> str:
    return (
        f"{value.month}.{value.day}"
        if value.year == today.year
        else f"{value.year}.{value.month}.{value.day}"
    )


def example(principal: Decimal, days: int, today: date) -> LateFeeResult:
    """The late fee on ``principal`` yuan of tax that was due ``days`` days before ``today``."""
    query = LateFeeQuery(principal=principal, due=today - timedelta(days=days), nominal=None, on=today)
    return compute(query)


def _example(turn: Turn, today: date) -> Reply | None:
    """A worked example if the taxpayer named a sum and how many days late."""
    principal = first_amount(turn)
    days = _days(turn, today)
    if principal is None or principal <= 0 or days is None or not 0 < days <= MAX_EXAMPLE_DAYS:
        return None
    result = example(principal, days, today)
    if _has(result, "fee_reaches_tax"):
        return Reply.say(
            f"晚{days}天的话，按天数推算滞纳金会达到税款本身。这种情况最后按多少算，现在各方看法不一，我不能下结论，可以转人工。",
            buttons=[Button("转人工", "转人工")],
        )
    return Reply.say(
        f"按您说的数举个例子：税款{yuan(principal)}，晚{days}天，每天万分之五，"
        f"滞纳金就是{yuan(result.late_fee)}。这是举例，不代表您的实际情况。",
        buttons=[Button("查我自己的", "查一下我自己的滞纳金")],
        facts=[ExampleFact(principal, days, today)],
        custom={"kind": "citations", "items": [str(c) for c in result.citations]},
    )


_DUE = re.compile(r"到期|截止|该(交|缴)|应(交|缴)|期限")


def _days(turn: Turn, today: date) -> int | None:
    """How late: a number of days or months said, or a deadline in the past."""
    for entity in turn.all("duration"):
        value = entity.value
        if isinstance(value, dict):
            if value.get("days"):
                return int(value["days"])
            if value.get("months"):
                return int(value["months"]) * 30
    due = first_date(turn)
    if due is not None and due < today and _DUE.search(turn.text):
        return (today - due).days
    return None
