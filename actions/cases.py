"""Work for officers: payment to check, dispute, complaint, callback. Each is one short form and one case number."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from rasa_sdk.events import SlotSet
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from actions.core import Button, Capability, Context, Reply
from actions.facts import BillFact
from actions.forms import Filled, JourneyForm, Reading, Step, Wrong, begin, looks_like_question
from actions.gate import require_proof
from actions.handoff import OFFICE_HOURS, Reason, open_ticket, queue_words, seat_day, staffed
from actions.phrases import bill_name, day, yuan
from actions.screening import claims_fault
from actions.values import first_date, said_impossible_date
from store import audit
from store.debts import Debt, debts_of
from store.identity import VerifiedTaxpayer
from store.models import Case, CaseKind, Secret
from store.numbers import next_number

PAID_FORM, PAID_SLOTS = "paid_form", ("paid_date", "paid_channel")
DISPUTE_FORM, DISPUTE_SLOTS = "dispute_form", ("dispute_statement",)
COMPLAINT_FORM, COMPLAINT_SLOTS = "complaint_form", ("complaint_statement",)
CALLBACK_FORM, CALLBACK_SLOTS = "callback_form", ("callback_phone", "callback_time", "callback_at")
_PREFIX = {
    CaseKind.PAYMENT_CHECK: "HC",
    CaseKind.DISPUTE: "YY",
    CaseKind.COMPLAINT: "TS",
    CaseKind.CALLBACK: "HD",
}
MAX_STATEMENT = 1000
_PAID_THROUGH = re.compile(
    r"窗口|柜台|大厅|会计|刷(的)?卡|代扣|网银|银行|微信|支付宝|电子税务局|云闪付|现金|[aA][pP][pP]"
)
_STATEMENTS = frozenset({"affirm", "deny", "nlu_fallback", "inform", "claim_already_paid"})


async def open_case(
    ctx: Context,
    kind: CaseKind,
    statement: str,
    *,
    who: VerifiedTaxpayer | None,
    bill_id: uuid.UUID | None = None,
    details: Mapping[str, Any] | None = None,
    due_at: datetime | None = None,
) -> str:
    """Write one case and its audit line; returns its number.

    A turn that runs again after a crash finds the case it opened the first time.
    """
    number = await next_number(ctx.session, _PREFIX[kind], ctx.today)
    added = await ctx.session.scalar(
        insert(Case)
        .values(
            id=uuid.uuid4(),
            number=number,
            kind=kind,
            conversation_id=ctx.turn.conversation_id,
            said_in=ctx.turn.message_id,
            taxpayer_id=who.taxpayer_id if who else None,
            bill_id=bill_id,
            statement=statement[:MAX_STATEMENT],
            details=dict(details or {}),
            due_at=due_at,
        )
        .on_conflict_do_nothing(index_elements=["kind", "said_in"])
        .returning(Case.number)
    )
    if added is None:
        again = await ctx.session.scalars(
            select(Case.number).where(Case.kind == kind, Case.said_in == ctx.turn.message_id)
        )
        return again.one()
    await audit.record(
        ctx.session, actor="taxpayer", action=f"{kind.value}.opened", subject=f"case:{number}", detail={}
    )
    return number


def _cleared(names: Sequence[str]) -> list[dict[str, Any]]:
    return [SlotSet(name, None) for name in names]


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
                self._date, "请说大概是哪天缴的，比如“上周五”。记不清就说“记不清”。", "日子|日期|哪天"
            ),
            "paid_channel": Step(
                self._channel,
                "请说是怎么缴的，比如电子税务局、银行柜台、微信。",
                "渠道|方式|怎么缴",
                plain=_PAID_THROUGH,
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
        cleared = _cleared(PAID_SLOTS)
        if ctx.turn.slot("paid_channel") is None:
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
            f"登记好了，核查单号{number}：{when}，{channel}。工作人员会对账核实。请把缴款回单或截图留好，核实后会告诉您结果。",
            buttons=[
                Button("让人工给我回电", "约个时间给我回个电话"),
                Button("没别的事了", "没别的事了，再见"),
            ],
            events=cleared,
        )


class StartDispute(Capability):
    """The amount or the debt itself is said to be wrong."""

    action_name = "action_dispute_start"

    async def handle(self, ctx: Context) -> Reply:
        """Ask what is wrong; no argument, no pressure."""
        who = await require_proof(ctx, self.action_name)
        if isinstance(who, Reply):
            return who
        return Reply.say(
            "金额有疑问就应该弄清楚，我帮您登记，由工作人员核对。",
            events=begin(DISPUTE_FORM, ctx.turn, DISPUTE_SLOTS),
        )


class DisputeForm(JourneyForm):
    """``validate_dispute_form``: what is wrong, in their own words."""

    action_name = "validate_dispute_form"
    form = DISPUTE_FORM
    own_intents = frozenset({"dispute_amount", "claim_already_paid", "inform", "complain", "cash_difficulty"})

    @property
    def steps(self) -> Mapping[str, Step]:
        """Steps by slot."""
        return {
            "dispute_statement": Step(self._words, "请用自己的话说说哪里不对，说多少都行。", free_text=True)
        }

    async def _words(self, ctx: Context) -> Reading:
        text = ctx.turn.text.strip()
        return Filled({"dispute_statement": text[:MAX_STATEMENT]}) if len(text) >= 4 else None


class SubmitDispute(Capability):
    """Writes the dispute and brings in a human."""

    action_name = "action_dispute_submit"

    async def handle(self, ctx: Context) -> Reply:
        """One case, one ticket."""
        statement = ctx.turn.slot("dispute_statement")
        cleared = _cleared(DISPUTE_SLOTS)
        if statement is None:
            return Reply(events=tuple(cleared))
        who = await require_proof(ctx, self.action_name)
        if isinstance(who, Reply):
            return who
        debts = [d for d in await debts_of(ctx.session, who) if d.is_open()]
        debt = _meant(ctx, debts)
        number = await open_case(
            ctx, CaseKind.DISPUTE, str(statement), who=who, bill_id=debt.bill_id if debt else None
        )
        fault = claims_fault(str(statement))
        ticket = await open_ticket(ctx, Reason.AUTHORITY_FAULT if fault else Reason.DISPUTE, str(statement))
        return Reply.say(
            f"登记好了，异议单号{number}。核实清楚之前，我不会再就这笔金额和您争论。{queue_words(ticket, ctx.now)}",
            buttons=[
                Button("让人工给我回电", "约个时间给我回个电话"),
                Button("复议怎么办", "对税款有争议怎么申请复议"),
            ],
            events=cleared,
        )


def _meant(ctx: Context, debts: Sequence[Debt]) -> Debt | None:
    if len(debts) == 1:
        return debts[0]
    tax = ctx.turn.first("tax_type")
    named = [d for d in debts if tax and d.tax_type == tax]
    return named[0] if len(named) == 1 else None


class StartComplaint(Capability):
    """A complaint: no defence, no verification, straight to the record."""

    action_name = "action_complaint_start"

    async def handle(self, ctx: Context) -> Reply:
        """Ask what happened, or take it if it has been said."""
        text = ctx.turn.text.strip()
        if ctx.turn.active_loop == COMPLAINT_FORM:
            return Reply()
        preset = {"complaint_statement": text[:MAX_STATEMENT]} if len(text) >= 15 else {}
        return Reply.say(
            "对不起，让您不愉快了。您的投诉我如实登记，由专人处理。",
            events=begin(
                COMPLAINT_FORM,
                ctx.turn,
                COMPLAINT_SLOTS,
                preset,
                ("action_complaint_submit", COMPLAINT_SLOTS),
            ),
        )


class ComplaintForm(DisputeForm):
    """``validate_complaint_form``: what happened, in their own words."""

    action_name = "validate_complaint_form"
    form = COMPLAINT_FORM
    own_intents = frozenset({"complain", "dispute_amount", "suspect_fraud", "inform", "wrong_person"})

    @property
    def steps(self) -> Mapping[str, Step]:
        """Steps by slot."""
        return {
            "complaint_statement": Step(
                self._complaint, "请说说是什么事，什么时候，说多少都行。", free_text=True
            )
        }

    async def _complaint(self, ctx: Context) -> Reading:
        text = ctx.turn.text.strip()
        return Filled({"complaint_statement": text[:MAX_STATEMENT]}) if len(text) >= 4 else None


class SubmitComplaint(Capability):
    """Writes the complaint and puts it first in the queue."""

    action_name = "action_complaint_submit"

    async def handle(self, ctx: Context) -> Reply:
        """One case, one ticket of the highest urgency."""
        statement = ctx.turn.slot("complaint_statement")
        cleared = _cleared(COMPLAINT_SLOTS)
        if statement is None:
            return Reply(events=tuple(cleared))
        number = await open_case(ctx, CaseKind.COMPLAINT, str(statement), who=await ctx.who())
        ticket = await open_ticket(ctx, Reason.COMPLAINT, str(statement))
        return Reply.say(
            f"投诉登记好了，单号{number}，会优先处理。{queue_words(ticket, ctx.now)}",
            buttons=[
                Button("让人工给我回电", "约个时间给我回个电话"),
                Button("别再联系我", "以后不要再联系我了"),
            ],
            events=cleared,
        )


class StartCallback(Capability):
    """A call back at a time that suits."""

    action_name = "action_callback_start"

    async def handle(self, ctx: Context) -> Reply:
        """Ask for the number and the time not yet said."""
        preset: dict[str, Any] = {}
        phone = await _typed_phone(ctx)
        if phone:
            preset["callback_phone"] = phone
        at = wanted_time(ctx)
        if at is not None and not isinstance(at, str):
            preset |= {"callback_time": _when(at, ctx.today), "callback_at": at.isoformat()}
        submit = ("action_callback_submit", CALLBACK_SLOTS)
        return Reply.say(
            "好的，登记一个回电。", events=begin(CALLBACK_FORM, ctx.turn, CALLBACK_SLOTS, preset, submit)
        )


async def _typed_phone(ctx: Context) -> str | None:
    for entity in ctx.turn.all("identity_ref"):
        secret = await ctx.session.scalar(
            select(Secret).where(
                Secret.conversation_id == ctx.turn.conversation_id,
                Secret.placeholder == str(entity.value),
                Secret.kind == "mobile",
            )
        )
        if secret is not None:
            return secret.placeholder
    return None


def _when(at: datetime, today: date) -> str:
    half = "上午" if at.hour < 12 else "下午"
    hour = at.hour if at.hour <= 12 else at.hour - 12
    return f"{day(at.date(), today)}{half}{hour}点{f'{at.minute}分' if at.minute else ''}"


def wanted_time(ctx: Context) -> datetime | str | None:
    """The instant asked for, the reason it cannot be, or ``None`` when none was said."""
    said_day = first_date(ctx.turn)
    said_time = ctx.turn.first("time")
    text = ctx.turn.text
    if (
        said_day is None
        and said_time is None
        and not re.search(r"上午|下午|随时|都行|都可以|尽快|马上", text)
    ):
        return "日历上没有这一天，您再看一下。" if said_impossible_date(ctx.turn) else None
    clock: time | None = None
    if said_time is not None:
        try:
            clock = time.fromisoformat(str(said_time))
        except ValueError:
            clock = None
    on = said_day or ctx.today
    if clock is None:
        clock = time(14) if "下午" in text else time(9)
        if said_day is None and not re.search(r"上午|下午", text):
            return next_staffed(ctx.now)
    at = datetime.combine(on, clock, tzinfo=ctx.now.tzinfo)
    if at <= ctx.now:
        if said_day is None:
            at += timedelta(days=1)
        else:
            return "这个时间已经过去了，请说一个以后的时间。"
    if not seat_day(at.date()):
        return f"{day(at.date(), ctx.today)}是休息日，没有坐席。请说一个工作日。"
    if not any(start <= at.time() < end for start, end in OFFICE_HOURS):
        return "坐席上班时间是工作日9点到12点、14点到18点，请在这里面选一个时间。"
    if at.date() - ctx.today > timedelta(days=31):
        return "请选一个月以内的时间。"
    return at


def next_staffed(now: datetime) -> datetime:
    """The next half hour at which seats are staffed."""
    at = (now + timedelta(minutes=30)).replace(second=0, microsecond=0)
    at = at.replace(minute=0 if at.minute < 30 else 30)
    for _ in range(48 * 15):
        if staffed(at):
            return at
        at += timedelta(minutes=30)
    return at


class CallbackForm(JourneyForm):
    """``validate_callback_form``: number and time."""

    action_name = "validate_callback_form"
    form = CALLBACK_FORM
    own_intents = frozenset({"request_callback", "busy_now", "inform", "promise_to_pay"})

    @property
    def steps(self) -> Mapping[str, Step]:
        """Steps by slot."""
        return {
            "callback_phone": Step(self._phone, "请把方便接听的11位手机号打给我。", "电话|手机|号码"),
            "callback_time": Step(self._time, "请说一个工作日的时间，比如“明天下午三点”。", "时间|几点|哪天"),
        }

    async def _phone(self, ctx: Context) -> Reading:
        phone = await _typed_phone(ctx)
        if phone is None:
            same = ctx.turn.intent == "affirm" or re.search(r"登记的|原来的|就这个", ctx.turn.text)
            if same and await ctx.who() is not None:
                return Filled({"callback_phone": "registered"})
            if len(re.findall(r"\d", ctx.turn.text)) >= 5:
                return Wrong("这个手机号的位数不对，手机号是11位，请您对一下。")
            return None
        slots: dict[str, Any] = {"callback_phone": phone}
        at = wanted_time(ctx)
        if isinstance(at, datetime):
            slots |= {"callback_time": _when(at, ctx.today), "callback_at": at.isoformat()}
        return Filled(slots)

    async def _time(self, ctx: Context) -> Reading:
        at = wanted_time(ctx)
        if isinstance(at, str):
            return Wrong(at)
        if at is None:
            return None
        return Filled({"callback_time": _when(at, ctx.today), "callback_at": at.isoformat()})


class SubmitCallback(Capability):
    """Writes the callback."""

    action_name = "action_callback_submit"

    async def handle(self, ctx: Context) -> Reply:
        """One case, due at the time asked for."""
        slots = ctx.turn.slots
        cleared = _cleared(CALLBACK_SLOTS)
        if slots.get("callback_at") is None or slots.get("callback_phone") is None:
            return Reply(events=tuple(cleared))
        at = datetime.fromisoformat(str(slots["callback_at"]))
        number = await open_case(
            ctx,
            CaseKind.CALLBACK,
            "请求回电",
            who=await ctx.who(),
            details={"phone": str(slots["callback_phone"])},
            due_at=at,
        )
        return Reply.say(
            f"登记好了，回电单号{number}，{slots['callback_time']}左右由人工给您打电话。"
            "来电的人不会向您要银行卡号、密码，也不会让您转账。",
            events=cleared,
        )
