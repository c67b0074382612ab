"""Calling a human: one open ticket per conversation, with reason and summary, and the honest state of the queue."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum

from rasa_sdk.events import ActiveLoop, SlotSet
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert

from actions.core import Button, Context, Reply, Services, Turn
from store import audit
from store.models import HandoffTicket
from store.numbers import next_number
from tax.calendar import is_covered, is_workday

OFFICE_HOURS = ((time(9), time(12)), (time(14), time(18)))
"""Seats are staffed on official workdays in these hours (Asia/Shanghai)."""


class Reason(StrEnum):
    """Why a human is needed (the hand-over list of the rules of contact)."""

    ASKED = "asked"
    NOT_UNDERSTOOD = "not_understood"
    COMPLAINT = "complaint"
    DISPUTE = "dispute"
    AUTHORITY_FAULT = "authority_fault"
    FEE_REACHES_TAX = "fee_reaches_tax"
    SMALL_AMOUNT = "small_amount"
    SEVERAL_DEBTS = "several_debts"
    OVERDUE_DEFERRAL = "overdue_deferral"
    FORCE_MAJEURE = "force_majeure"
    SOCIAL_INSURANCE = "social_insurance"
    ENFORCEMENT = "enforcement"
    APPEAL = "appeal"
    CRIMINAL = "criminal"
    BANKRUPTCY = "bankruptcy"
    DISTRESS = "distress"
    LOCKED = "locked"
    NO_ARTICLE = "no_article"
    JUDGEMENT = "judgement"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Routing:
    """Which skill takes a reason, how urgent (1 first), and how the summary names it."""

    skill: str
    priority: int
    label: str


ROUTES: dict[Reason, Routing] = {
    Reason.ASKED: Routing("general", 5, "要求人工服务"),
    Reason.NOT_UNDERSTOOD: Routing("general", 4, "多次没有听懂"),
    Reason.COMPLAINT: Routing("complaint", 1, "投诉"),
    Reason.DISPUTE: Routing("dispute", 3, "对金额或税款有异议"),
    Reason.AUTHORITY_FAULT: Routing("dispute", 3, "认为责任在税务机关"),
    Reason.FEE_REACHES_TAX: Routing("policy", 4, "滞纳金达到或超过税款"),
    Reason.SMALL_AMOUNT: Routing("policy", 5, "金额不足一元"),
    Reason.SEVERAL_DEBTS: Routing("policy", 4, "多笔欠税的缴纳顺序"),
    Reason.OVERDUE_DEFERRAL: Routing("deferral", 3, "已过缴款期限，想延期"),
    Reason.FORCE_MAJEURE: Routing("deferral", 3, "因不可抗力申请延期"),
    Reason.SOCIAL_INSURANCE: Routing("policy", 4, "社会保险费问题"),
    Reason.ENFORCEMENT: Routing("enforcement", 3, "涉及已采取的措施"),
    Reason.APPEAL: Routing("policy", 3, "具体案件的复议或诉讼"),
    Reason.CRIMINAL: Routing("enforcement", 3, "涉及刑事责任的问题"),
    Reason.BANKRUPTCY: Routing("enforcement", 3, "涉及破产的税务问题"),
    Reason.DISTRESS: Routing("hardship", 1, "处境困难，需要关怀"),
    Reason.LOCKED: Routing("general", 3, "身份核验多次未通过"),
    Reason.JUDGEMENT: Routing("policy", 4, "需要人工判断的政策问题"),
    Reason.NO_ARTICLE: Routing("policy", 4, "知识库没有可靠答案"),
    Reason.UNAVAILABLE: Routing("general", 2, "系统故障时转来"),
}


@dataclass(frozen=True, slots=True)
class Ticket:
    """An open ticket and its place: ``ahead`` counts waiting tickets of the same or a higher urgency before it."""

    number: str
    ahead: int
    new: bool


def staffed(at: datetime) -> bool:
    """Whether seats are staffed at this local instant."""
    return seat_day(at.date()) and any(start <= at.time() < end for start, end in OFFICE_HOURS)


def seat_day(day: date) -> bool:
    """Whether seats are staffed on this day.

    In a year whose official calendar is not out yet, Monday to Friday: this decides an offer, not a deadline.
    """
    return is_workday(day) if is_covered(day) else day.weekday() < 5


async def open_ticket(ctx: Context, reason: Reason, trigger: str | None = None) -> Ticket:
    """Put the conversation into the queue; a second call finds the ticket already there."""
    route = ROUTES[reason]
    who = await ctx.who()
    number = await next_number(ctx.session, "RG", ctx.today)
    summary = f"{route.label}。" + (f"已核实：{who.name}（{who.region}）。" if who else "未核实身份。")
    added = await ctx.session.execute(
        insert(HandoffTicket)
        .values(
            id=uuid.uuid4(),
            number=number,
            conversation_id=ctx.turn.conversation_id,
            taxpayer_id=who.taxpayer_id if who else None,
            reason=reason.value,
            skill=route.skill,
            priority=route.priority,
            summary=summary,
            trigger_text=trigger if trigger is not None else ctx.turn.text,
        )
        .on_conflict_do_nothing(index_elements=["conversation_id"], index_where=text("status <> 'closed'"))
        .returning(HandoffTicket.id)
    )
    new = added.first() is not None
    ticket = (
        await ctx.session.scalars(
            select(HandoffTicket).where(
                HandoffTicket.conversation_id == ctx.turn.conversation_id, HandoffTicket.status != "closed"
            )
        )
    ).one()
    if not new and route.priority < ticket.priority:
        ticket.priority, ticket.skill, ticket.reason = route.priority, route.skill, reason.value
        ticket.summary = f"{ticket.summary}\n{summary}"
    ahead = await ctx.session.scalar(
        select(func.count())
        .select_from(HandoffTicket)
        .where(
            HandoffTicket.status == "waiting",
            HandoffTicket.id != ticket.id,
            (HandoffTicket.priority < ticket.priority)
            | ((HandoffTicket.priority == ticket.priority) & (HandoffTicket.created_at < ticket.created_at)),
        )
    )
    if new:
        await audit.record(
            ctx.session,
            actor="bot",
            action="handoff.requested",
            subject=f"conversation:{ctx.turn.conversation_id}",
            detail={"ticket": number, "reason": reason.value, "skill": route.skill},
        )
    return Ticket(ticket.number, int(ahead or 0), new)


def queue_words(ticket: Ticket, ctx: Context) -> str:
    """The state of the queue as it is: place, office hours, no promise of a waiting time."""
    number = ctx.number("人工服务单号", ticket.number, end="")
    if not ticket.new:
        place = "排在最前面" if ticket.ahead == 0 else f"前面还有{ticket.ahead}位"
        return f"{number or '您'}已经在排队，{place}。"
    place = f"{number}{'，' if number else ''}{'您排在最前面' if ticket.ahead == 0 else f'您前面还有{ticket.ahead}位'}"
    if staffed(ctx.now):
        return f"{place}，坐席会按顺序接进来。要等多久我说不准。"
    return f"{place}。现在不在人工服务时间（工作日9点到12点、14点到18点），坐席上班后会按顺序处理。"


async def hand_off(ctx: Context, reason: Reason, lead: str = "好的，我给您转人工。") -> Reply:
    """Open (or find) the ticket, say where it stands, offer a callback; any form is left."""
    ticket = await open_ticket(ctx, reason)
    if not ticket.new and reason is Reason.ASKED:
        lead = "好的，不用重新排队。"
    elif not ticket.new and reason is Reason.NOT_UNDERSTOOD:
        lead = "这句我也没听明白，人工接进来以后会帮您。"
    seen = "刚才的对话坐席都能看到，不用再说一遍。等候时您可以接着问我。" if ticket.new else ""
    return Reply.say(
        f"{lead}{queue_words(ticket, ctx)}{seen}",
        buttons=[Button("让人工给我回电", "约个时间给我回个电话"), Button("继续问税铃", "我还想问别的")],
        events=[ActiveLoop(None), SlotSet("requested_slot", None)],
    )


async def call_human_for(services: Services, conversation_id: uuid.UUID, trigger: str) -> str:
    """Open a ticket when the dialogue itself is down; returns the words for the taxpayer."""
    turn = Turn(conversation_id, trigger, "nlu_fallback", 0.0, (), (), {}, None)
    async with services.sessions() as session, session.begin():
        ctx = Context(turn, session, services, services.now(), services.today())
        ticket = await open_ticket(ctx, Reason.UNAVAILABLE)
    return (
        "对不起，系统暂时出了故障，没能答上您这句话。您的话已经记下，不会丢。"
        f"{queue_words(ticket, ctx)}您也可以过一会儿再问我，或者拨打12366。"
    )
