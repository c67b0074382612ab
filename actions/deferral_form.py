"""The deferral form: which bill, why, how long, the money test, materials, read-back, submission."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from rasa_sdk.events import SlotSet
from sqlalchemy import func, select, update

from actions.core import Bubble, Button, Capability, Context, Reply, Turn
from actions.deferral import overdue_reply
from actions.deferral_rules import DEFERRAL_FORM, DEFERRAL_SLOTS, applicable, end_of, refusal
from actions.facts import BillFact, MoneyTestFact
from actions.forms import Filled, JourneyForm, Reading, Step, Stop, Wrong, looks_like_question
from actions.gate import require_proof
from actions.handoff import hand_off
from actions.phrases import bill_name, day, yuan
from actions.screening import LEADS, beyond, by_force_majeure
from actions.values import first_amount
from handoff.reasons import Reason
from store import audit
from store.debts import Debt, debts_of
from store.models import DeferralApplication, DeferralMaterial
from store.numbers import next_number
from tax.deferral import (
    GROUNDS,
    MATERIALS,
    MAX_MONTHS,
    Event,
    Ground,
    Status,
    advance,
    decision_due,
    late_fee_effect,
    money_test,
)

_NOTHING = re.compile(
    r"^(都)?(没有?|无|零|0|不用|不需要)(了|的|工资|社保)?[。.!！]?$|没有(工资|社保|员工)|不用(发|交)|一分(钱)?(都|也)?没"
)
_CASH = re.compile(r"钱|资金|周转|货款|账|亏|生意|收不回|现金|紧张|困难|工资|贷款|没收入|经营")
_LATER = re.compile(
    r"传(好|完)|上传(好|完)?了|(稍后|以后|回头|之后|晚点|过后)再?(补|传|交)|(暂时|现在)没有|先不传|跳过|下一步|^可以[，,]?以后|^(好|完)了$|补交"
)
_MONTHS_SAID = re.compile(r"([一二两三123])(个)?月")


def _money_from(turn: Turn) -> Decimal | None:
    if _NOTHING.search(turn.text.strip()):
        return Decimal("0.00")
    amount = first_amount(turn)
    if amount is not None:
        return amount
    number = turn.first("number")
    return Decimal(str(number)).quantize(Decimal("0.01")) if number is not None else None


async def _chosen(ctx: Context) -> Debt | None:
    who = await ctx.who()
    bill_id = ctx.turn.slot("def_bill")
    if who is None or not bill_id:
        return None
    return next((d for d in await debts_of(ctx.session, who) if str(d.bill_id) == bill_id), None)


class DeferralForm(JourneyForm):
    """``validate_deferral_form``."""

    action_name = "validate_deferral_form"
    form = DEFERRAL_FORM
    own_intents = frozenset({"cash_difficulty", "inform", "apply_deferral"})

    @property
    def steps(self) -> Mapping[str, Step]:
        """Steps by slot."""
        money = "请说一个数，比如“三万五”或者“35000”；没有就说“没有”。"
        return {
            "def_bill": Step(self._bill, "请说要延期的是第几笔，或者说税种和所属期。", "哪一笔|那笔|税种"),
            "def_reason": Step(
                self._reason, "请简单说说困难在哪里，比如“货款没收回来，账上没钱”。", "原因|理由"
            ),
            "def_months": Step(
                self._months,
                "最长可以申请三个月，请说一个月、两个月还是三个月。",
                "几个月|延期?时间|期限|月数",
            ),
            "def_cash": Step(self._cash, money, "现金|账上|货币资金|存款|余额"),
            "def_wages": Step(self._wages, money, "工资"),
            "def_social": Step(self._social, money, "社保|社会保险"),
            "def_materials": Step(
                self._materials, "材料传好了说“传好了”，现在没有就说“以后补”。", plain=_LATER
            ),
            "def_confirmed": Step(self._confirmed, "没问题请说“确认提交”，要改请说改哪一项。"),
        }

    async def _bill(self, ctx: Context) -> Reading:
        who = await ctx.who()
        if who is None:
            return Stop((Bubble("身份核实已经过期，请重新核实后再办。"),))
        choices = applicable(await debts_of(ctx.session, who), ctx.today)
        tax, period = ctx.turn.first("tax_type"), ctx.turn.first("period")
        ordinal = re.search(r"第([一二三四五1-5])", ctx.turn.text)
        if ordinal:
            at = "一二三四五".find(ordinal[1]) if ordinal[1] in "一二三四五" else int(ordinal[1]) - 1
            picked = choices[at : at + 1]
        else:
            picked = tuple(
                d
                for d in choices
                if (tax or period or d.bill_no in ctx.turn.text)
                and (not tax or d.tax_type == tax)
                and (not period or d.period == period)
                and (tax or period or d.bill_no in ctx.turn.text)
            )
        if len(picked) != 1:
            return None
        return Filled({"def_bill": str(picked[0].bill_id)})

    async def _reason(self, ctx: Context) -> Reading:
        text = ctx.turn.text.strip()
        beyond_us = Reason.FORCE_MAJEURE if by_force_majeure(text) else beyond(ctx.turn)
        if beyond_us is not None:
            return Stop((await hand_off(ctx, beyond_us, LEADS[beyond_us])).bubbles)
        stated = ctx.turn.intent in ("inform", "nlu_fallback", "out_of_scope") and len(text) >= 4
        if (
            ctx.turn.intent in ("affirm", "cash_difficulty")
            or _CASH.search(text)
            or (stated and not looks_like_question(text))
        ):
            return Filled({"def_reason": Ground.CASH_SHORTAGE.value, "def_reason_text": text[:500]})
        return None

    async def _months(self, ctx: Context) -> Reading:
        months: int | None = None
        for entity in ctx.turn.all("duration"):
            if isinstance(entity.value, dict) and entity.value.get("months"):
                months = int(entity.value["months"])
            elif isinstance(entity.value, dict) and entity.value.get("days"):
                months = -(-int(entity.value["days"]) // 30)
        if months is None and re.search(r"最长|最久|最多|越久越好", ctx.turn.text):
            months = MAX_MONTHS
        if months is None and ctx.turn.first("number") is not None:
            months = int(Decimal(str(ctx.turn.first("number"))))
        if months is None:
            said = _MONTHS_SAID.search(ctx.turn.text)
            months = {"一": 1, "1": 1, "二": 2, "两": 2, "2": 2, "三": 3, "3": 3}[said[1]] if said else None
        if months is None:
            return None
        if not 1 <= months <= MAX_MONTHS:
            return Wrong("按规定最长只能延期三个月，不能更久。请说一个月、两个月还是三个月。")
        return Filled({"def_months": months})

    async def _cash(self, ctx: Context) -> Reading:
        return self._money(ctx, "def_cash")

    async def _wages(self, ctx: Context) -> Reading:
        return self._money(ctx, "def_wages")

    async def _social(self, ctx: Context) -> Reading:
        reading = self._money(ctx, "def_social")
        return await self._with_test(ctx, reading, "def_social")

    def _money(self, ctx: Context, slot: str) -> Reading:
        if re.search(r"[-－负]\s*\d|负[一二三四五六七八九十]", ctx.turn.text):
            return Wrong("这里要填实际的金额，不能是负数。")
        amount = _money_from(ctx.turn)
        if amount is None:
            return None
        if amount > Decimal("999999999999.99"):
            return Wrong("这个数太大了，请您核对一下，以元为单位说一遍。")
        return Filled({slot: str(amount)})

    async def _with_test(self, ctx: Context, reading: Reading, slot: str) -> Reading:
        debt = await _chosen(ctx)
        if not isinstance(reading, Filled) or debt is None:
            return reading
        slots = {**ctx.turn.slots, **reading.slots}
        return Filled(reading.slots, (_test_bubble(slots, debt),))

    async def _materials(self, ctx: Context) -> Reading:
        if ctx.turn.intent in ("affirm", "deny", "inform") or _LATER.search(ctx.turn.text):
            count = await _uploads(ctx)
            told = f"收到{count}份材料。" if count else "材料可以之后再补，税务机关受理时可能会请您补齐。"
            return Filled({"def_materials": "done"}, (Bubble(told),))
        return None

    async def _confirmed(self, ctx: Context) -> Reading:
        if ctx.turn.intent == "affirm" or re.search(r"确认|提交|没问题|没错", ctx.turn.text):
            return Filled({"def_confirmed": True})
        if ctx.turn.intent == "deny" or re.search(r"不对|要改|修改|改一下", ctx.turn.text):
            return Wrong(
                "好的，要改哪一项？",
                (
                    Button("改延期时间", "延期时间改一下"),
                    Button("改账上资金", "账上现金改一下"),
                    Button("改工资", "工资那项改一下"),
                    Button("改社保", "社保那项改一下"),
                    Button("不办了", "取消办理"),
                ),
            )
        return None

    async def handle(self, ctx: Context) -> Reply:
        """Read the answer; the money test is worked out again whenever one of its numbers changes."""
        before = {n: ctx.turn.slot(n) for n in ("def_cash", "def_wages", "def_social")}
        reply = await super().handle(ctx)
        changed = {
            e["name"]: e["value"]
            for e in reply.events
            if e["event"] == "slot" and e["name"] in before and before[e["name"]] is not None
        }
        debt = await _chosen(ctx) if changed else None
        if debt is None or None in changed.values() or before["def_social"] is None:
            return reply
        return reply + Reply((_test_bubble({**ctx.turn.slots, **changed}, debt),))


def _numbers(slots: Mapping[str, Any]) -> tuple[Decimal, Decimal, Decimal]:
    return Decimal(slots["def_cash"]), Decimal(slots["def_wages"]), Decimal(slots["def_social"])


def _test_bubble(slots: Mapping[str, Any], debt: Debt) -> Bubble:
    cash, wages, social = _numbers(slots)
    test = money_test(cash, wages, social, debt.unpaid)
    words = test.explanation_zh
    if not test.passes:
        words += "您仍然可以提交，由税务机关审核；数字说错了可以改。"
    return Bubble(words, (), None, (MoneyTestFact(cash, wages, social, debt.bill_id),))


async def _uploads(ctx: Context) -> int:
    count = await ctx.session.scalar(
        select(func.count())
        .select_from(DeferralMaterial)
        .where(
            DeferralMaterial.conversation_id == ctx.turn.conversation_id,
            DeferralMaterial.application_id.is_(None),
        )
    )
    return int(count or 0)


class AskBill(Capability):
    """Asks which bill to defer."""

    action_name = "action_ask_deferral_form_def_bill"

    async def handle(self, ctx: Context) -> Reply:
        """Offer the bills whose deadline has not passed."""
        who = await ctx.who()
        if who is None:
            return Reply.say("身份核实已经过期，请说“取消”后重新开始。")
        choices = applicable(await debts_of(ctx.session, who), ctx.today)
        lines = [
            f"{i}. {bill_name(d)}，{yuan(d.unpaid)}，期限{day(d.due, ctx.today)}"
            for i, d in enumerate(choices, 1)
        ]
        return Reply.say(
            "哪一笔想延期？\n" + "\n".join(lines),
            buttons=[Button(bill_name(d), f"第{i}笔") for i, d in enumerate(choices[:5], 1)],
            facts=[BillFact(d.bill_id, ctx.today) for d in choices],
        )

    def next_event(self, turn: Turn, reply: Reply) -> list[dict[str, Any]]:
        """The form goes on by itself."""
        return []


class AskMaterials(AskBill):
    """Asks for the materials, listing them as the law does."""

    action_name = "action_ask_deferral_form_def_materials"

    async def handle(self, ctx: Context) -> Reply:
        """List the materials and open the upload."""
        lines = [
            f"{i}. {f'（{m.only_if}）' if m.only_if else ''}{m.name}" for i, m in enumerate(MATERIALS, 1)
        ]
        if ctx.turn.phone:
            named = "、".join(m.name for m in MATERIALS[1:] if not m.only_if)
            return Reply.say(
                f"申请表我替您填好。另外要{named}，以主管税务机关要求为准。电话里传不了，"
                "您以后在电子税务局或者办税服务厅补就行。材料以后补，可以吗？",
                buttons=[Button("以后补", "材料以后补")],
            )
        return Reply.say(
            "需要这些材料，以主管税务机关要求为准：\n"
            + "\n".join(lines)
            + "\n申请表由我替您填好。其他材料现在可以用左下角的回形针传照片或PDF，传完说“传好了”；也可以以后补。",
            buttons=[Button("传好了", "传好了"), Button("以后补", "材料以后补")],
            custom={"kind": "upload", "hint": "上传对账单等材料（照片或PDF）"},
        )


class AskConfirmed(AskBill):
    """Reads the whole application back before it is submitted."""

    action_name = "action_ask_deferral_form_def_confirmed"

    async def handle(self, ctx: Context) -> Reply:
        """Read back every answer."""
        debt = await _chosen(ctx)
        if debt is None:
            return Reply.say("身份核实已经过期，请说“取消”后重新开始。")
        slots = ctx.turn.slots
        cash, wages, social = _numbers(slots)
        until = end_of(debt, int(slots["def_months"]))
        count = await _uploads(ctx)
        text = (
            "请核对一下申请内容：\n"
            f"税款：{bill_name(debt)}，申请延期{yuan(debt.unpaid)}\n"
            f"原期限：{day(debt.due, ctx.today)}\n"
            f"申请延期到：{day(until, ctx.today)}（{int(slots['def_months'])}个月）\n"
            f"困难：{slots.get('def_reason_text') or GROUNDS[Ground.CASH_SHORTAGE]}\n"
            f"账上可用资金：{yuan(cash)}\n应付工资：{yuan(wages)}\n应缴社会保险费：{yuan(social)}\n"
            f"已传材料：{count}份\n"
            "都对的话说“确认提交”，要改哪一项直接说。"
        )
        if ctx.turn.phone:
            text = (
                f"我念一遍，您听听对不对。{bill_name(debt)}，{yuan(debt.unpaid)}，申请延期到{day(until, ctx.today)}。"
                f"账上可用资金{yuan(cash)}，应付工资{yuan(wages)}，社会保险费{yuan(social)}。"
                "都对的话说“确认提交”，要改哪一项直接说。现在提交吗？"
            )
        return Reply.say(
            text,
            buttons=[
                Button("确认提交", "确认提交"),
                Button("要改一下", "要修改"),
                Button("不办了", "取消办理"),
            ],
            facts=[BillFact(debt.bill_id, ctx.today), MoneyTestFact(cash, wages, social, debt.bill_id)],
        )


class SubmitDeferral(Capability):
    """Writes the application when the form is complete."""

    action_name = "action_deferral_submit"

    async def handle(self, ctx: Context) -> Reply:
        """Submit once; check again that the deadline has not passed in the meantime."""
        slots = ctx.turn.slots
        cleared = [SlotSet(name, None) for name in DEFERRAL_SLOTS]
        if not slots.get("def_confirmed"):
            return Reply(events=tuple(cleared))
        who = await require_proof(ctx, self.action_name)
        if isinstance(who, Reply):
            return who
        debt = next(
            (d for d in await debts_of(ctx.session, who) if str(d.bill_id) == slots["def_bill"]), None
        )
        made = await self._made_already(ctx)
        if made is not None:
            return self._told(ctx, made, ctx.today).then(*cleared)
        if debt is None or debt not in applicable([debt], ctx.today):
            passed = debt is not None and debt.is_overdue(ctx.today)
            told = await overdue_reply(ctx) if passed else refusal(ctx, [debt] if debt else [])
            return told.then(*cleared)
        cash, wages, social = _numbers(slots)
        months = int(slots["def_months"])
        number = await next_number(ctx.session, "YQ", ctx.today)
        application = DeferralApplication(
            id=uuid.uuid4(),
            number=number,
            taxpayer_id=who.taxpayer_id,
            bill_id=debt.bill_id,
            conversation_id=ctx.turn.conversation_id,
            said_in=ctx.turn.message_id,
            status=advance(Status.DRAFT, Event.SUBMIT).value,
            reason=str(slots["def_reason"]),
            reason_text=str(slots.get("def_reason_text") or ""),
            tax_amount=debt.unpaid,
            months=months,
            requested_until=end_of(debt, months),
            cash=cash,
            wages_payable=wages,
            social_insurance=social,
            submitted_at=ctx.now,
        )
        ctx.session.add(application)
        await ctx.session.flush()
        await ctx.session.execute(
            update(DeferralMaterial)
            .where(
                DeferralMaterial.conversation_id == ctx.turn.conversation_id,
                DeferralMaterial.application_id.is_(None),
            )
            .values(application_id=application.id)
        )
        await audit.record(
            ctx.session,
            actor="taxpayer",
            action="deferral.submitted",
            subject=f"deferral:{number}",
            detail={"bill": debt.bill_no, "months": months, "amount": str(debt.unpaid)},
        )
        return self._told(ctx, application, ctx.today).then(*cleared)

    async def _made_already(self, ctx: Context) -> DeferralApplication | None:
        """The application this very message made, when its turn runs again after a crash."""
        if ctx.turn.message_id is None:
            return None
        made: DeferralApplication | None = await ctx.session.scalar(
            select(DeferralApplication).where(DeferralApplication.said_in == ctx.turn.message_id)
        )
        return made

    def _told(self, ctx: Context, application: DeferralApplication, today: date) -> Reply:
        decided = decision_due(today)
        text = (
            f"申请已经提交，编号{application.number}。税务机关自收到申请起20日内作出决定，"
            f"大约在{day(decided.date, today)}之前。{late_fee_effect(Status.SUBMITTED).text}"
            "申报还是要按时做。随时可以问我办到哪一步，批准之前也可以撤回。"
        )
        if ctx.turn.phone:
            text = (
                f"申请已经提交，编号后四位是{application.number[-4:]}。税务机关大约在"
                f"{day(decided.date, today)}之前作出决定。申报还是要按时做。"
            )
        return Reply.say(
            text,
            buttons=[Button("查办理进度", "我的延期申请批了吗"), Button("撤回申请", "我想撤回延期申请")],
            custom={
                "kind": "links",
                "links": [
                    {
                        "title": f"延期缴纳税款申请表 {application.number}（PDF）",
                        "href": ctx.services.document_link(application.id),
                    }
                ],
            },
        )
