"""Why we call: told once the identity is proven, kindly, with the way out while there still is one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from actions.core import Bubble, Button, Capability, Context, Reply
from actions.deferral_rules import applicable
from actions.facts import BillFact, Fact, SumFact
from actions.phrases import bill_name, day, yuan
from outreach.signals import said_short_of_cash
from store.debts import Debt, debts_of

_PAY = Button("怎么缴", "怎么缴税")
_DEFER = Button("想延期", "我想申请延期缴纳")
_FEE = Button("滞纳金多少", "我的滞纳金是多少")
_PAID = Button("已经缴了", "我已经缴过了")


class Reminder(Capability):
    """The reminder itself: what is open, until when, and what can be done.

    Never without proof: a call that comes here unproven says that there is nothing it may say.
    """

    action_name = "action_reminder"

    async def handle(self, ctx: Context) -> Reply:
        """The nearest bill in full, the rest as a sum."""
        who = await ctx.who()
        if who is None:
            return Reply.say("身份没有核实，涉及您本人的信息我不能说。您可以自己拨打12366查询。")
        debts = [d for d in await debts_of(ctx.session, who) if d.is_open()]
        if not debts:
            return Reply.say("查过了，您名下目前没有未缴的税款，不用办什么，打扰您了。")
        late = [d for d in debts if d.is_overdue(ctx.today)]
        if late:
            return _overdue(late, debts, ctx.today)
        return _coming(
            debts, ctx.today, short=await said_short_of_cash(ctx.session, who.taxpayer_id, ctx.now)
        )


def _coming(debts: Sequence[Debt], today: date, *, short: bool) -> Reply:
    """``short``: they have said that money is tight, so the way out comes before the amount."""
    first = debts[0]
    left = (first.payable_until - today).days
    when = "就是今天" if left == 0 else f"还有{left}天"
    words = (
        f"给您提个醒：{bill_name(first)}，还有{yuan(first.unpaid)}没缴，"
        f"最晚{day(first.payable_until, today)}，{when}。"
    )
    more, facts = _rest(debts, today)
    if not applicable(debts, today):
        return Reply((Bubble(f"{words}{more}按时缴就没有滞纳金。", (_PAY, _PAID), None, facts),))
    if short:
        words = (
            "您之前提过资金上的难处。现在还没过缴款期限，可以申请延期缴纳，最长三个月，由税务机关审核，我可以帮您办。"
            f"{words}{more}按时缴就没有滞纳金，延期获批的，延期之内也不加收。"
        )
    else:
        words += (
            f"{more}按时缴就没有滞纳金。要是资金周转不开，期限之前可以申请延期，最长三个月，我可以帮您办。"
        )
    return Reply((Bubble(words, (_DEFER, _PAY, _PAID), None, facts),))


def _overdue(late: Sequence[Debt], debts: Sequence[Debt], today: date) -> Reply:
    first = late[0]
    days = (today - first.payable_until).days
    words = (
        f"给您提个醒：{bill_name(first)}，还有{yuan(first.unpaid)}没缴，"
        f"缴款期限是{day(first.payable_until, today)}，已经过了{days}天。"
    )
    more, facts = _rest(debts, today)
    closing = "早缴一天，滞纳金就少算一天，也可以先缴一部分。您看什么时候方便？有困难也请直接跟我说。"
    return Reply((Bubble(words + more + closing, (_FEE, _PAY, _PAID), None, facts),))


def _rest(debts: Sequence[Debt], today: date) -> tuple[str, tuple[Fact, ...]]:
    facts: list[Fact] = [BillFact(d.bill_id, today) for d in debts]
    if len(debts) == 1:
        return "", tuple(facts)
    facts.append(SumFact(tuple(d.bill_id for d in debts), today))
    total = sum((d.unpaid for d in debts), Decimal("0.00"))
    return f"您一共有{len(debts)}笔没缴，税款合计{yuan(total)}。", tuple(facts)
