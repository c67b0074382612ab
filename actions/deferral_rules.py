"""Which bills can be deferred now, and what to say when none can."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from actions.core import Button, Context, Reply
from actions.facts import BillFact
from actions.phrases import bill_name, day
from store.debts import Debt
from store.models import BillStatus
from tax.calendar import add_months
from tax.deferral import check_window

DEFERRAL_FORM = "deferral_form"
DEFERRAL_SLOTS = (
    "def_bill", "def_reason", "def_reason_text", "def_months", "def_cash", "def_wages", "def_social",
    "def_materials", "def_confirmed",
)  # fmt: skip


def applicable(debts: Iterable[Debt], today: date) -> tuple[Debt, ...]:
    """Bills for which an application may still be handed in: open tax, deadline not passed, none pending."""
    return tuple(
        d
        for d in debts
        if d.is_open()
        and d.is_tax
        and d.status is BillStatus.OPEN
        and d.approved is None
        and d.pending is None
        and check_window(today, d.due).open
    )


def end_of(debt: Debt, months: int) -> date:
    """The day a deferral of ``months`` calendar months ends."""
    return add_months(debt.due, months)


def refusal(ctx: Context, debts: Sequence[Debt]) -> Reply:
    """Why nothing can be applied for now, kindly, without a verdict on the taxpayer."""
    open_debts = [d for d in debts if d.is_open()]
    pending = next((d for d in open_debts if d.pending), None)
    if pending and pending.pending:
        return Reply.say(
            f"{bill_name(pending)}的延期申请{pending.pending.number}正在办理，不用再申请一次。",
            buttons=[Button("查办理进度", "我的延期申请批了吗"), Button("撤回申请", "我想撤回延期申请")],
        )
    granted = next((d for d in open_debts if d.approved and ctx.today <= d.payable_until), None)
    if granted:
        return Reply.say(
            f"{bill_name(granted)}已经批准延期到{day(granted.payable_until, ctx.today)}，这天当天或之前缴都没有滞纳金。",
            buttons=[Button("怎么缴", "怎么缴税")],
            facts=[BillFact(granted.bill_id, ctx.today)],
        )
    return Reply.say(
        "您名下目前没有可以申请延期的税款。",
        buttons=[Button("查欠税", "我欠多少税"), Button("转人工", "转人工")],
    )
