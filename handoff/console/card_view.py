"""The right column of the agents' page: why they came, who they are, what they owe, what was said before."""

from __future__ import annotations

from nicegui import ui

from handoff.card import STANDING_ZH, BillToday, Card, Standing, card_of, reveal
from handoff.console.bits import fact, heading, yuan
from handoff.console.parts import parts
from handoff.console.visitor import Visitor, told
from handoff.console.words import PACK_ZH, clock
from handoff.decision_words import day
from handoff.inbox import Row
from handoff.naming import CHANNEL_ZH, PROMISE_ZH
from handoff.permissions import Action
from store.models import TaxpayerKind
from tax.deferral import STATUS_ZH

_KIND_ZH = {
    TaxpayerKind.COMPANY: "企业",
    TaxpayerKind.SOLE_TRADER: "个体工商户",
    TaxpayerKind.PERSON: "个人",
}
_CASE_ZH = {
    "dispute": "异议",
    "payment_check": "缴款核对",
    "complaint": "投诉",
    "callback": "回电",
    "review": "回访",
    "collection": "跟进任务",
}
_DONE_ZH = {"open": "办理中", "done": "已办结", "dropped": "不办"}


class CardView:
    """The column; :meth:`open` shows the card of a conversation."""

    def __init__(self, who: Visitor) -> None:
        self._who = who
        self._row: Row | None = None
        self._body = (
            ui.element("aside").classes("sl-card").props('aria-label="纳税人"').props("data-mark=card")
        )

    @told
    async def open(self, row: Row) -> None:
        """Read the card and show it."""
        self._row = row
        async with self._who.acting(Action.SEE_CONVERSATION, idle=True) as (session, _):
            card = await card_of(session, row.conversation_id, parts().now(), parts().today())
        self._body.clear()
        with self._body:
            heading("转来的原因")
            ui.label(row.summary).classes("sl-sum").props("data-mark=summary")
            if row.trigger and row.trigger not in row.summary:
                ui.label(f"触发的话：「{row.trigger}」").classes("sl-keys mt-1")
            self._person(card)
            if card.collection_stopped:
                ui.label("已停止催缴：只关心人，不谈欠税。").classes("sl-warn font-bold")
            _bills(card)
            _agreed(card)
            _before(card)

    def _person(self, card: Card) -> None:
        heading("纳税人")
        fact("身份", STANDING_ZH[card.standing], warn=card.standing is not Standing.PROVEN)
        if card.valid_until is not None:
            fact("核实有效到", clock(card.valid_until))
        person = card.person
        if person is None:
            return
        fact("名称", person.name)
        fact("类型", f"{_KIND_ZH[person.kind]} · {person.region}")
        if person.pack:
            fact("上次说的话", PACK_ZH.get(person.pack, person.pack))
        with ui.element("div").classes("sl-fact"):
            ui.label("识别号").classes("k")
            with ui.element("div").classes("v"):
                ui.label(person.identifier_mask)
                if self._who.may(Action.REVEAL_IDENTITY):
                    ui.button("查看", on_click=self._reveal).props("flat dense no-caps").props(
                        "data-mark=reveal"
                    )

    @told
    async def _reveal(self) -> None:
        if self._row is None:
            return
        with ui.context.client.content, ui.dialog() as dialog, ui.card():
            ui.label("查看完整识别号会留下记录。").classes("font-bold")
            why = (
                ui.input("查看原因")
                .props("outlined dense maxlength=100")
                .classes("w-72")
                .props("data-mark=reveal-why")
            )
            with ui.row().classes("w-full justify-end"):
                ui.button("取消", on_click=lambda: dialog.submit(None)).props("flat no-caps")
                ui.button("查看", on_click=lambda: dialog.submit(why.value or "")).props("unelevated no-caps")
        answer = await dialog
        dialog.delete()
        if not isinstance(answer, str):
            return
        async with self._who.acting(Action.REVEAL_IDENTITY) as (session, staff):
            number = await reveal(session, staff, self._row.conversation_id, parts().cipher, answer)
        ui.notify(f"识别号：{number}", position="center", timeout=8000, close_button="收起")


def _bills(card: Card) -> None:
    if card.standing is not Standing.PROVEN:
        return
    heading("账单（到今天）")
    if not card.bills:
        ui.label("没有账单。").classes("sl-keys")
    for bill in card.bills:
        _bill(bill)


def _bill(bill: BillToday) -> None:
    debt = bill.debt
    with ui.element("div").classes("sl-bill"):
        ui.label(f"{debt.tax_type} {debt.period}（{debt.bill_no}）").classes("font-bold")
        fact("未缴", yuan(debt.unpaid))
        fact("缴款期限", day(debt.payable_until), warn=bill.overdue)
        if bill.fee is not None:
            fact("滞纳金", yuan(bill.fee.late_fee), warn=bill.overdue)
            for segment in bill.fee.segments:
                ui.label(
                    f"{segment.start}至{segment.end} {segment.days}天 × {segment.base:,.2f} × {segment.rate:.2%} = {segment.fee:,.2f}"
                ).classes("sl-keys")
        elif bill.problem:
            ui.label(bill.problem).classes("sl-keys")


def _agreed(card: Card) -> None:
    if card.deferrals:
        heading("延期申请")
    for applied in card.deferrals:
        until = f"，批到{day(applied.approved_until)}" if applied.approved_until else ""
        fact(applied.number, f"{STATUS_ZH[applied.status]}{until}")
    if card.promises:
        heading("缴款承诺")
    for promise in card.promises:
        fact(day(promise.on), PROMISE_ZH.get(promise.status, promise.status))
    if card.cases:
        heading("事项")
    for case in card.cases:
        fact(f"{_CASE_ZH[case.kind]} {case.number}", _DONE_ZH.get(case.status, case.status))


def _before(card: Card) -> None:
    if not card.talks:
        return
    heading("以前的接触")
    for talk in card.talks:
        agent = f"（{talk.agent}）" if talk.agent else ""
        fact(
            f"{clock(talk.at)} {CHANNEL_ZH.get(talk.channel, talk.channel)}",
            f"{talk.about}：{talk.outcome}{agent}",
        )
