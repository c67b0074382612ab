"""What is owed and when it is due."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from actions.core import Bubble, Button, Context, Reply
from actions.deferral_rules import applicable
from actions.facts import BillFact, Fact, SumFact
from actions.gate import require_proof
from actions.phrases import bill_name, day, yuan
from actions.screening import Screened
from store.debts import Debt, debts_of
from store.models import BillStatus


def debt_line(debt: Debt, today: date) -> str:
    """One bill in a sentence: what, how much is unpaid, until when, and what makes it special."""
    words = f"{bill_name(debt)}，未缴{yuan(debt.unpaid)}"
    if debt.unpaid != debt.principal:
        words += f"（原额{yuan(debt.principal)}，已缴{yuan(debt.principal - debt.unpaid)}）"
    if debt.approved and today <= debt.payable_until:
        words += f"，已批准延期到{day(debt.payable_until, today)}"
    elif debt.is_overdue(today):
        words += f"，缴款期限是{day(debt.payable_until, today)}，已过期"
    else:
        words += f"，缴款期限是{day(debt.payable_until, today)}，还没到期"
    if debt.status is BillStatus.DISPUTED:
        words += "，您提过异议，正在核实"
    if debt.pending:
        words += f"，延期申请{debt.pending.number}正在办理"
    return words


class Balance(Screened):
    """All open bills of the verified taxpayer, with the late fee as of today where one runs."""

    action_name = "action_balance"

    async def handle(self, ctx: Context) -> Reply:
        """List the open bills."""
        who = await require_proof(ctx, self.action_name)
        if isinstance(who, Reply):
            return who
        open_debts = [d for d in await debts_of(ctx.session, who) if d.is_open()]
        if not open_debts:
            return Reply.say("查过了，您名下目前没有未缴的税款。")
        lines = [debt_line(d, ctx.today) for d in open_debts]
        facts: list[Fact] = [BillFact(d.bill_id, ctx.today) for d in open_debts]
        text = (
            lines[0] + "。" if len(lines) == 1 else "\n".join(f"{i}. {w}。" for i, w in enumerate(lines, 1))
        )
        if len(lines) > 1:
            total = sum((d.unpaid for d in open_debts), Decimal("0.00"))
            facts.append(SumFact(tuple(d.bill_id for d in open_debts), ctx.today))
            text = f"您有{len(lines)}笔未缴，税款合计{yuan(total)}：\n{text}"
        overdue = [d for d in open_debts if d.is_overdue(ctx.today)]
        buttons = [Button("怎么缴", "怎么缴税")]
        if overdue:
            buttons.insert(0, Button("滞纳金多少", "我的滞纳金是多少"))
            buttons.append(Button("我缴过了", "我已经缴过了"))
        if applicable(open_debts, ctx.today):
            buttons.append(Button("资金紧张，想延期", "我想申请延期缴纳"))
        if any(not d.is_tax for d in open_debts):
            text += "\n社会保险费的滞纳金按社会保险法另算，我不替您算，可以转人工。"
        return Reply((Bubble(text, tuple(buttons), None, tuple(facts)),))


class DueDate(Screened):
    """Until when each open bill can be paid."""

    action_name = "action_due_date"

    async def handle(self, ctx: Context) -> Reply:
        """Say the deadlines, the nearest first."""
        who = await require_proof(ctx, self.action_name)
        if isinstance(who, Reply):
            return who
        open_debts = [d for d in await debts_of(ctx.session, who) if d.is_open()]
        if not open_debts:
            return Reply.say("您名下目前没有未缴的税款，没有要赶的期限。")
        lines = []
        for debt in open_debts:
            until = day(debt.payable_until, ctx.today)
            left = (debt.payable_until - ctx.today).days
            state = f"已经过了{-left}天" if left < 0 else "就是今天" if left == 0 else f"还有{left}天"
            deferred = "批准延期到" if debt.approved else "最晚"
            lines.append(f"{bill_name(debt)}{deferred}{until}，{state}")
        text = (
            lines[0] + "。" if len(lines) == 1 else "\n".join(f"{i}. {w}。" for i, w in enumerate(lines, 1))
        )
        buttons = [Button("欠多少", "我欠多少税"), Button("怎么缴", "怎么缴税")]
        return Reply.say(text, buttons=buttons)
