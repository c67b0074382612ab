"""What came of it: proofs of identity, tickets and ratings, cases, deferrals, promises."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import select

from handoff.events import Kind
from handoff.moves import DISPOSITION_ZH, Disposition
from handoff.naming import PROMISE_ZH
from handoff.reasons import reason_zh
from handoff.skills import skill_zh
from handoff.sla import CLOCK_ZH, Clock
from handoff.story.model import Item, Thread
from store.audit import mask_identifiers
from store.handoff_models import HandoffTicket, Survey, TicketEvent
from store.models import Case, CaseKind, DeferralApplication, Promise
from tax.money import format_yuan

_CASE_ZH: Mapping[CaseKind, str] = {
    CaseKind.DISPUTE: "异议",
    CaseKind.PAYMENT_CHECK: "缴款核对",
    CaseKind.COMPLAINT: "投诉",
    CaseKind.CALLBACK: "回电",
    CaseKind.REVIEW: "服务复核",
    CaseKind.COLLECTION: "跟进任务",
}
_OUR_OWN = (CaseKind.REVIEW, CaseKind.COLLECTION)
"""Kinds that the house opens itself."""
_EVENT_ZH: Mapping[Kind, str] = {
    Kind.ENTERED: "进入排队",
    Kind.RAISED: "改为更紧急",
    Kind.CLAIMED: "坐席接入",
    Kind.FIRST_ANSWER: "坐席首次回话",
    Kind.TRANSFERRED: "转接",
    Kind.INVITED: "邀请同事加入",
    Kind.RETURNED: "坐席断线，回到排队",
    Kind.RELEASED: "放回排队",
    Kind.HANDED_BACK: "交回税铃",
    Kind.LEFT: "纳税人离开排队",
    Kind.CLOSED: "结束",
    Kind.WARNED: "时限将到",
    Kind.BREACHED: "超过时限",
    Kind.OVERRIDDEN: "坐席坚持发送被提醒的内容",
}
_DECIDED_ZH: Mapping[str, str] = {"approved": "批准", "expired": "批准（延期已到期）", "refused": "未批准"}


def proofs_of(thread: Thread) -> Iterator[Item]:
    """When the taxpayer was proven in which conversation."""
    for talk, proofs in thread.proofs.items():
        for at, who in proofs.proven:
            if who == thread.taxpayer_id:
                yield Item(at, "系统", thread.names[talk], "身份核实通过")


async def tickets_of(thread: Thread, ids: Sequence[uuid.UUID]) -> list[Item]:
    """Tickets with all that happened to them, and the ratings given for them."""
    rows = await thread.session.scalars(
        select(HandoffTicket)
        .where(HandoffTicket.conversation_id.in_(ids))
        .order_by(HandoffTicket.created_at, HandoffTicket.id)
    )
    tickets = {
        each.id: each
        for each in rows
        if thread.theirs(each.conversation_id, each.created_at, each.taxpayer_id)
    }
    found = [
        Item(
            each.created_at,
            "税铃",
            thread.names[each.conversation_id],
            mask_identifiers(
                f"人工服务单{each.number}：{reason_zh(each.reason)}（{skill_zh(each.skill)}）\n{each.summary}"
            ),
        )
        for each in tickets.values()
    ]
    events = await thread.session.scalars(
        select(TicketEvent).where(TicketEvent.ticket_id.in_(tickets)).order_by(TicketEvent.id)
    )
    for event in events:
        ticket = tickets[event.ticket_id]
        text = f"人工服务单{ticket.number}：{_event(event, ticket)}"
        where = thread.names[ticket.conversation_id]
        found.append(Item(event.at, thread.colleague(event.staff_id), where, mask_identifiers(text)))
    surveys = await thread.session.scalars(
        select(Survey).where(Survey.ticket_id.in_(tickets)).order_by(Survey.created_at)
    )
    for survey in surveys:
        text = f"评分{survey.score}分{f'：{survey.word}' if survey.word else ''}"
        where = thread.names[survey.conversation_id]
        found.append(Item(survey.created_at, "纳税人", where, mask_identifiers(text)))
    return found


def _event(event: TicketEvent, ticket: HandoffTicket) -> str:
    words = _EVENT_ZH[Kind(event.kind)]
    if clock := event.detail.get("clock"):
        words += f"（{CLOCK_ZH[Clock(clock)]}）"
    if disposition := event.detail.get("disposition"):
        words += f"（{DISPOSITION_ZH[Disposition(disposition)]}）"
    ended = event.kind in (Kind.CLOSED, Kind.HANDED_BACK)
    note = ticket.closing_note if ended else event.detail.get("note")
    return f"{words}。备注：{note}" if note else words


async def cases_of(thread: Thread, ids: Sequence[uuid.UUID]) -> list[Item]:
    """Disputes, payment checks, complaints, callbacks, reviews and collection tasks, and their results."""
    rows = await thread.session.scalars(
        select(Case).where(Case.conversation_id.in_(ids)).order_by(Case.created_at, Case.id)
    )
    found = []
    for case in rows:
        if not thread.theirs(case.conversation_id, case.created_at, case.taxpayer_id):
            continue
        where, title = thread.names[case.conversation_id], f"{_CASE_ZH[CaseKind(case.kind)]}{case.number}"
        who = "系统" if case.kind in _OUR_OWN else "纳税人"
        found.append(Item(case.created_at, who, where, mask_identifiers(f"登记{title}：{case.statement}")))
        if case.closed_at is not None:
            how = "办结" if case.status == "done" else "不再办理"
            text = f"{title}{how}{f'：{case.result}' if case.result else ''}"
            found.append(
                Item(case.closed_at, thread.colleague(case.closed_by), where, mask_identifiers(text))
            )
    return found


async def deferrals_of(thread: Thread) -> list[Item]:
    """Applications for deferral and each step of theirs that has a time."""
    rows = await thread.session.scalars(
        select(DeferralApplication)
        .where(DeferralApplication.taxpayer_id == thread.taxpayer_id)
        .order_by(DeferralApplication.created_at, DeferralApplication.id)
    )
    found = []
    for each in rows:
        where = thread.names[each.conversation_id] if each.conversation_id else ""
        officer, title = thread.colleague(each.officer_id), f"延期缴纳申请{each.number}"
        asked = (
            f"提交{title}：税款{format_yuan(each.tax_amount)}，延期{each.months}个月，到{each.requested_until}。"
            f"理由：{each.reason_text}{'（后来撤回）' if each.status == 'withdrawn' else ''}"
        )
        decided = f"{title}：{_DECIDED_ZH.get(each.status, '已决定')}"
        if each.approved_until is not None:
            decided += f"，延期到{each.approved_until}"
        if each.decision_note:
            decided += f"。{each.decision_note}"
        steps = (
            (each.submitted_at, "纳税人", asked),
            (each.accepted_at, officer, f"{title}：受理"),
            (each.more_wanted_at, officer, f"{title}：要求补充材料。{each.more_wanted or '（已补充）'}"),
            (each.decided_at, officer, decided),
        )
        found += [Item(at, who, where, mask_identifiers(text)) for at, who, text in steps if at is not None]
    return found


async def promises_of(thread: Thread) -> list[Item]:
    """Days the taxpayer named for paying."""
    rows = await thread.session.scalars(
        select(Promise)
        .where(Promise.taxpayer_id == thread.taxpayer_id)
        .order_by(Promise.created_at, Promise.id)
    )
    return [
        Item(
            each.created_at,
            "纳税人",
            thread.names[each.conversation_id],
            f"约定{each.promised_on}缴款（{PROMISE_ZH[each.status]}）",
        )
        for each in rows
    ]
