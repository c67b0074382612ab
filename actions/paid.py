"""Already paid: look at what was received, and open a check for what was not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from actions.cases import emptied, open_case
from actions.core import Button, Capability, Context, Reply
from actions.facts import BillFact
from actions.forms import (
    NOTHING_MORE,
    Filled,
    JourneyForm,
    Reading,
    Step,
    Wrong,
    begin,
    looks_like_question,
)
from actions.gate import require_proof
from actions.phrases import bill_name, day, yuan
from actions.values import first_date, said_impossible_date
from store.debts import debts_of
from store.models import CaseKind

PAID_FORM, PAID_SLOTS = "paid_form", ("paid_date", "paid_channel")
_PAID_THROUGH = re.compile(
    r"窗口|柜台|大厅|会计|刷(的)?卡|代扣|网银|银行|微信|支付宝|电子税务局|云闪付|现金|[aA][pP][pP]"
)
_STATEMENTS = frozenset({"affirm", "deny", "nlu_fallback", "inform", "claim_already_paid"})


class AlreadyPaid(Capability):
    """The taxpayer says it is paid: look at the payments before asking anything."""

    action_name = "action_already_paid"

    async def handle(self, ctx: Context) -> Reply:
        """Show what has been received; open a check for what has not."""
        said = self._said(ctx)
        who = await require_proof(ctx, self.action_name, said)
        if isinstance(who, Reply):
            return who
        debts = await debts_of(ctx.session, who)
        open_debts = [d for d in debts if d.is_open()]
        if not open_debts:
            settled = [d for d in debts if d.payments]
            if settled:
                last = max(settled, key=lambda d: d.payments[-1].paid_on)
                payment = last.payments[-1]
                return Reply.say(
                    f"查到了：{bill_name(last)}，{day(payment.paid_on, ctx.today)}收到{yuan(payment.amount)}，已经缴清。谢谢您。",
                    facts=[BillFact(last.bill_id, ctx.today)],
                )
            return Reply.say("您名下目前没有未缴的税款，不用再缴。")
        partly = [d for d in open_debts if d.payments]
        words, facts = "系统里暂时还没有查到这笔缴款。", []
        if partly:
            debt = partly[0]
            payment = debt.payments[-1]
            words = (
                f"查到{bill_name(debt)}在{day(payment.paid_on, ctx.today)}收到过{yuan(payment.amount)}，"
                f"还有{yuan(debt.unpaid)}没有到账记录。"
            )
            facts = [BillFact(debt.bill_id, ctx.today)]
        return Reply.say(
            f"{words}银行到账有时会慢一些，我帮您登记核查。",
            facts=facts,
            events=begin(PAID_FORM, ctx.turn, PAID_SLOTS, said, ("action_paid_submit", PAID_SLOTS)),
        )

    def _said(self, ctx: Context) -> dict[str, Any]:
        if not ctx.turn.fresh:
            return {name: ctx.turn.slot(name) for name in PAID_SLOTS if ctx.turn.slot(name) is not None}
        said: dict[str, Any] = {}
        paid_on = first_date(ctx.turn)
        if paid_on is not None and paid_on <= ctx.today:
            said["paid_date"] = paid_on.isoformat()
        channel = ctx.turn.first("pay_channel")
        if channel:
            said["paid_channel"] = str(channel)
        return said


class PaidForm(JourneyForm):
    """``validate_paid_form``: when and through which channel."""

    action_name = "validate_paid_form"
    form = PAID_FORM
    own_intents = frozenset({"claim_already_paid", "inform", "ask_how_to_pay"})

    @property
    def steps(self) -> Mapping[str, Step]:
        """Steps by slot."""
        return {
            "paid_date": Step(
                self._date,
                "请说大概是哪天缴的，比如“上周五”。记不清就说“记不清”。",
                "日子|日期|哪天",
                declines=NOTHING_MORE,
            ),
            "paid_channel": Step(
                self._channel,
                "请说是怎么缴的，比如电子税务局、银行柜台、微信。",
                "渠道|方式|怎么缴",
                plain=_PAID_THROUGH,
                declines=NOTHING_MORE,
            ),
        }

    async def _date(self, ctx: Context) -> Reading:
        if re.search(r"记不清|不记得|忘了|不知道|不清楚", ctx.turn.text):
            return Filled({"paid_date": "unknown"})
        said = first_date(ctx.turn)
        if said is None:
            return Wrong("日历上没有这一天，您再想一下。") if said_impossible_date(ctx.turn) else None
        if said > ctx.today:
            return Wrong(f"{day(said, ctx.today)}还没到。您是哪天缴的？")
        slots = {"paid_date": said.isoformat()}
        channel = ctx.turn.first("pay_channel")
        return Filled({**slots, "paid_channel": str(channel)} if channel else slots)

    async def _channel(self, ctx: Context) -> Reading:
        text = ctx.turn.text.strip()
        if looks_like_question(text):
            return None
        channel = ctx.turn.first("pay_channel")
        if channel:
            return Filled({"paid_channel": str(channel)})
        told = _PAID_THROUGH.search(text) or ctx.turn.intent in _STATEMENTS
        return Filled({"paid_channel": text}) if told and 1 < len(text) <= 40 else None


class SubmitPaid(Capability):
    """Opens the check."""

    action_name = "action_paid_submit"

    async def handle(self, ctx: Context) -> Reply:
        """One case, with the day and the channel as given."""
        cleared = emptied(PAID_SLOTS)
        if any(ctx.turn.slot(name) is None for name in ("paid_date", "paid_channel")):
            return Reply(events=tuple(cleared))
        who = await require_proof(ctx, self.action_name)
        if isinstance(who, Reply):
            return who
        said = str(ctx.turn.slot("paid_date"))
        when = "日期记不清" if said == "unknown" else day(date.fromisoformat(said), ctx.today)
        channel = str(ctx.turn.slot("paid_channel"))
        bills = [d for d in await debts_of(ctx.session, who) if d.is_open()]
        number = await open_case(
            ctx,
            CaseKind.PAYMENT_CHECK,
            f"称已缴款：{when}，{channel}",
            who=who,
            bill_id=bills[0].bill_id if len(bills) == 1 else None,
            details={"paid_on": said, "channel": channel},
        )
        return Reply.say(
            f"登记好了，{ctx.number('核查单号', number, end='：')}{when}，{channel}。工作人员会对账核实。请把缴款回单或截图留好，核实后会告诉您结果。",
            buttons=[
                Button("让人工给我回电", "约个时间给我回个电话"),
                Button("没别的事了", "没别的事了，再见"),
            ],
            events=cleared,
        )
