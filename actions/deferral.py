"""Deferral around the form: may I, let me apply, where does it stand, take it back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rasa_sdk.events import SlotSet
from sqlalchemy import select

from actions.core import Button, Capability, Context, Reply
from actions.deferral_rules import DEFERRAL_FORM, DEFERRAL_SLOTS, applicable, refusal
from actions.facts import BillFact
from actions.forms import Filled, JourneyForm, Reading, Step, begin
from actions.gate import require_proof
from actions.handoff import hand_off, open_ticket, queue_words
from actions.phrases import bill_name, day, yuan
from actions.quoting import article_for, quote
from actions.screening import Screened
from handoff.reasons import Reason
from outreach.signals import note_short_of_cash
from store import audit
from store.debts import debts_of
from store.models import DeferralApplication
from tax.deferral import STATUS_ZH, DeferralError, Event, Status, advance, check_window, late_fee_effect

WITHDRAW_FORM = "withdraw_form"
_GIVEN = ("def_reason", "def_reason_text", "def_months", "def_cash", "def_wages", "def_social")
"""Answers that an application taken up again after a human keeps."""


async def overdue_reply(ctx: Context) -> Reply:
    """An overdue taxpayer is told kindly that the time to apply has passed, and gets a human."""
    ticket = await open_ticket(ctx, Reason.OVERDUE_DEFERRAL)
    return Reply.say(
        "我明白您手头紧。延期缴纳要在缴款期限之前申请，您这笔已经过了期限，现在不能再按这个办法申请，"
        "我不想让您白跑一趟。能先缴一部分也好，缴掉的部分就不再算滞纳金。其他办法由人工和您商量。"
        + queue_words(ticket, ctx),
        buttons=[Button("滞纳金多少", "我的滞纳金是多少"), Button("让人工给我回电", "约个时间给我回个电话")],
        custom={"kind": "citations", "items": ["《税收征收管理法实施细则》第四十二条"]},
    )


class StartDeferral(Screened):
    """Begins an application: eligibility first, then the form."""

    action_name = "action_deferral_start"

    async def handle(self, ctx: Context) -> Reply:
        """Check the window; preset what the taxpayer has said already."""
        preset = self._said(ctx)
        who = await require_proof(ctx, self.action_name, preset)
        if isinstance(who, Reply):
            return who
        await note_short_of_cash(ctx.session, who.taxpayer_id, ctx.turn.conversation_id)
        debts = await debts_of(ctx.session, who)
        choices = applicable(debts, ctx.today)
        if not choices:
            owed = [d for d in debts if d.is_open()]
            if owed and not any(d.is_tax for d in owed):
                return await hand_off(
                    ctx, Reason.SOCIAL_INSURANCE, "社会保险费缓缴不按税款延期的规定办，我请人工来答。"
                )
            blocked = [d for d in debts if d.is_overdue(ctx.today) and d.is_tax]
            has_live = any(
                d.pending or (d.approved and ctx.today <= d.payable_until) for d in debts if d.is_open()
            )
            return await overdue_reply(ctx) if blocked and not has_live else refusal(ctx, debts)
        late = [d for d in debts if d.is_overdue(ctx.today)]
        words = "可以先申请，由税务机关审核决定。条件是：账上能用的钱，扣掉应付工资和社会保险费以后，不够缴这笔税。"
        facts = []
        if len(choices) == 1:
            preset["def_bill"] = str(choices[0].bill_id)
            facts = [BillFact(choices[0].bill_id, ctx.today)]
            window = check_window(ctx.today, choices[0].due)
            words = f"{bill_name(choices[0])}，{yuan(choices[0].unpaid)}，{window.explanation_zh}{words}"
        if late:
            words += "已经过期的那部分不能申请延期，可以另请人工商量。"
        return Reply.say(
            words + "我问您几个问题，随时可以说“取消”。",
            facts=facts,
            custom={
                "kind": "citations",
                "items": ["《税收征收管理法》第三十一条", "《税收征收管理法实施细则》第四十一条、第四十二条"],
            },
            events=begin(DEFERRAL_FORM, ctx.turn, DEFERRAL_SLOTS, preset),
        )

    def _said(self, ctx: Context) -> dict[str, Any]:
        if ctx.turn.ordered:
            return {n: v for n in _GIVEN if (v := ctx.turn.slot(n)) is not None}
        if not ctx.turn.fresh:
            kept = ctx.turn.slot("def_months")
            return {"def_months": kept} if kept is not None else {}
        for entity in ctx.turn.all("duration"):
            months = entity.value.get("months") if isinstance(entity.value, dict) else None
            if months in (1, 2, 3):
                return {"def_months": int(months)}
        return {}


class DeferralEligibility(Screened):
    """May I defer? The rule, and, once verified, which of one's own bills it could be for."""

    action_name = "action_deferral_eligibility"

    async def handle(self, ctx: Context) -> Reply:
        """Quote the rule; look at the bills only behind the proof."""
        article, _ = await article_for(ctx, "ask_deferral_eligibility")
        reply = await quote(ctx, article) if article else Reply()
        who = await ctx.who()
        if who is None:
            own = Reply.say(
                "想看您自己的情况，核实身份后我帮您对照。",
                buttons=[Button("看看我能不能办", "我要申请延期缴纳")],
            )
            return reply + own
        debts = await debts_of(ctx.session, who)
        choices = applicable(debts, ctx.today)
        if choices:
            names = "、".join(f"{bill_name(d)}（期限{day(d.due, ctx.today)}）" for d in choices)
            return reply + Reply.say(
                f"您的{names}还在期限之内，可以申请。", buttons=[Button("现在就申请", "我要申请延期缴纳")]
            )
        if any(d.is_overdue(ctx.today) and d.is_tax for d in debts):
            return reply + await overdue_reply(ctx)
        return reply + refusal(ctx, debts)


class CashDifficulty(Screened):
    """Somebody says they are short of money: listen first, then what can be done."""

    action_name = "action_cash_difficulty"

    async def handle(self, ctx: Context) -> Reply:
        """Offer the deferral where it is still open, a human where it is not."""
        who = await ctx.who()
        sorry = "做生意难免有周转不开的时候，我理解。"
        if who is None:
            return Reply.say(
                f"{sorry}如果缴款期限还没到，账上的钱扣掉工资和社保后不够缴税，可以申请延期缴纳，最长三个月，要税务机关批准。",
                buttons=[
                    Button("看看我能不能办", "我要申请延期缴纳"),
                    Button("要什么条件", "什么情况可以延期缴税"),
                    Button("转人工", "转人工"),
                ],
            )
        await note_short_of_cash(ctx.session, who.taxpayer_id, ctx.turn.conversation_id)
        debts = await debts_of(ctx.session, who)
        choices = applicable(debts, ctx.today)
        if choices:
            names = "、".join(bill_name(d) for d in choices)
            return Reply.say(
                f"{sorry}您的{names}还没到期，可以申请延期缴纳，最长三个月，由税务机关审核。要现在办吗？",
                buttons=[Button("现在就申请", "我要申请延期缴纳"), Button("先不用", "先不用了")],
            )
        if any(d.is_overdue(ctx.today) and d.is_tax for d in debts):
            return Reply.say(sorry) + await overdue_reply(ctx)
        return Reply.say(f"{sorry}您名下目前没有未缴的税款，不用担心。")


class DeferralStatus(Capability):
    """Where the taxpayer's applications stand, with what that means for the late fee."""

    action_name = "action_deferral_status"

    async def handle(self, ctx: Context) -> Reply:
        """Read the latest application."""
        who = await require_proof(ctx, self.action_name)
        if isinstance(who, Reply):
            return who
        latest = await ctx.session.scalar(
            select(DeferralApplication)
            .where(DeferralApplication.taxpayer_id == who.taxpayer_id)
            .order_by(DeferralApplication.created_at.desc(), DeferralApplication.number.desc())
            .limit(1)
        )
        if latest is None:
            return Reply.say("没有查到您的延期申请。", buttons=[Button("申请延期", "我要申请延期缴纳")])
        status = Status(latest.status)
        words = f"申请{latest.number}，目前是“{STATUS_ZH[status]}”。"
        if status is Status.APPROVED and latest.approved_until:
            words += f"批准延期到{day(latest.approved_until, ctx.today)}。"
        if latest.decision_note and status is Status.REFUSED:
            words += f"原因：{latest.decision_note.rstrip('。')}。对结果有疑问可以转人工。"
        words += late_fee_effect(status).text
        buttons = [Button("转人工", "转人工")]
        if status in (Status.SUBMITTED, Status.ACCEPTED):
            buttons.insert(0, Button("撤回申请", "我想撤回延期申请"))
        link = {"title": f"申请表 {latest.number}（PDF）", "href": ctx.services.document_link(latest.id)}
        return Reply.say(words, buttons=buttons, custom={"kind": "links", "links": [link]})


class WithdrawDeferral(Capability):
    """Asks before taking an application back."""

    action_name = "action_deferral_withdraw"

    async def handle(self, ctx: Context) -> Reply:
        """Find the application and ask for a yes."""
        who = await require_proof(ctx, self.action_name)
        if isinstance(who, Reply):
            return who
        live = await _live(ctx)
        if live is None:
            return Reply.say("没有查到正在办理、可以撤回的延期申请。")
        return Reply.say(
            f"要撤回的是申请{live.number}。撤回以后缴款期限不变，过了期限会按天计算滞纳金。",
            events=begin(WITHDRAW_FORM, ctx.turn, ("withdraw_confirmed",)),
        )


async def _live(ctx: Context) -> DeferralApplication | None:
    who = await ctx.who()
    if who is None:
        return None
    live: DeferralApplication | None = await ctx.session.scalar(
        select(DeferralApplication)
        .where(
            DeferralApplication.taxpayer_id == who.taxpayer_id,
            DeferralApplication.status.in_([Status.SUBMITTED.value, Status.ACCEPTED.value]),
        )
        .order_by(DeferralApplication.created_at.desc())
        .limit(1)
        .with_for_update()
    )
    return live


class WithdrawForm(JourneyForm):
    """``validate_withdraw_form``: one yes or no."""

    action_name = "validate_withdraw_form"
    form = WITHDRAW_FORM
    own_intents = frozenset({"withdraw_deferral"})

    @property
    def steps(self) -> Mapping[str, Step]:
        """Steps by slot."""
        return {"withdraw_confirmed": Step(self._yes_no, "要撤回请说“确认撤回”，不撤回请说“不撤了”。")}

    async def _yes_no(self, ctx: Context) -> Reading:
        if ctx.turn.intent == "deny" or re.search(r"不撤|别撤|不用", ctx.turn.text):
            return Filled({"withdraw_confirmed": "no"})
        if ctx.turn.intent in ("affirm", "withdraw_deferral"):
            return Filled({"withdraw_confirmed": "yes"})
        return None


class WithdrawSubmit(Capability):
    """Takes the application back."""

    action_name = "action_withdraw_submit"

    async def handle(self, ctx: Context) -> Reply:
        """Withdraw if confirmed and still possible."""
        answer = ctx.turn.slot("withdraw_confirmed")
        cleared = SlotSet("withdraw_confirmed", None)
        if answer is None:
            return Reply(events=(cleared,))
        if answer != "yes":
            return Reply.say("好的，申请照常办理。", events=[cleared])
        live = await _live(ctx)
        if live is None:
            return Reply.say("没有查到还可以撤回的申请，可能已经撤回或者办结了。", events=[cleared])
        try:
            live.status = advance(Status(live.status), Event.WITHDRAW).value
        except DeferralError as error:
            return Reply.say(str(error), events=[cleared])
        await audit.record(
            ctx.session,
            actor="taxpayer",
            action="deferral.withdrawn",
            subject=f"deferral:{live.number}",
            detail={},
        )
        return Reply.say(
            f"申请{live.number}已经撤回。{late_fee_effect(Status.WITHDRAWN).text}",
            buttons=[Button("怎么缴", "怎么缴税")],
            events=[cleared],
        )
