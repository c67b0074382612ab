"""The officers' work lists: what is to be done, one case in full, and what came of it."""

from __future__ import annotations

import uuid
from datetime import date
from decimal import Decimal, InvalidOperation

from nicegui import ui

from handoff.bill_changes import FINDING_ZH, Finding, FoundPayment
from handoff.casework import DONE, OPEN, TOLD, Settlement, drop, reopen, settle, take
from handoff.console.bits import fact, heading, yuan
from handoff.console.parts import parts
from handoff.console.visitor import Visitor, told
from handoff.console.words import clock
from handoff.decision_words import day
from handoff.naming import CHANNEL_ZH
from handoff.permissions import Action
from handoff.worklist import CaseFile, Work, callback_number, case_file, work_list
from store.models import CaseKind

_STATES = {OPEN: "待办", DONE: "已办结"}
_KINDS = {"tax": "税款", "late_fee": "滞纳金"}


class CaseList:
    """The list and the case on the officers' page, drawn into two panels of it."""

    def __init__(self, who: Visitor, listing: ui.element, detail: ui.element) -> None:
        self._who = who
        self._list = listing
        self._detail = detail
        self._kind = CaseKind.DISPUTE
        self._mine = False
        self._state = OPEN
        self._open: CaseFile | None = None

    async def show(self, kind: CaseKind) -> None:
        """Show the cases of a kind."""
        if kind != self._kind:
            self._kind, self._open = kind, None
        async with self._who.acting(Action.SEE_CASES, idle=True) as (session, staff):
            found = await work_list(session, staff, kinds=(kind,), mine=self._mine, status=self._state)
        self._list.clear()
        with self._list:
            with ui.row().classes("w-full items-center"):
                ui.toggle(_STATES, value=self._state, on_change=lambda e: self._filter(state=e.value)).props(
                    "dense no-caps unelevated"
                )
                ui.checkbox("只看我的", value=self._mine, on_change=lambda e: self._filter(mine=e.value))
            if not found.rows:
                ui.label("没有。").classes("sl-empty")
            for work in found.rows:
                self._show_line(work)
            if found.total > len(found.rows):
                ui.label(f"还有{found.total - len(found.rows)}件，先办前面的。").classes("sl-count")

    @told
    async def _filter(self, state: str | None = None, mine: bool | None = None) -> None:
        self._state = self._state if state is None else state
        self._mine = self._mine if mine is None else mine
        await self.show(self._kind)

    def _show_line(self, work: Work) -> None:
        here = self._open is not None and self._open.head.id == work.id
        line = (
            ui.element("div")
            .classes("sl-row here" if here else "sl-row")
            .props(f'role=button tabindex=0 data-mark="case-{work.number}" data-work="{work.id}"')
        )
        with line:
            with ui.element("div").classes("top"):
                ui.label(work.name or "未核实身份")
                ui.label(work.number).classes("sl-keys")
            ui.label(work.statement).classes("last")
            with ui.element("div").classes("tags"):
                ui.label(CHANNEL_ZH.get(work.channel, work.channel)).classes("sl-tag")
                if work.due_at is not None:
                    late = work.is_late(parts().now())
                    ui.label(f"{clock(work.due_at)}前").classes("sl-tag late" if late else "sl-tag")
                if work.officer:
                    ui.label(f"{work.officer}在办").classes("sl-tag")

    @told
    async def choose(self, case_id: uuid.UUID) -> None:
        """Show one case."""
        async with self._who.acting(Action.SEE_CASES) as (session, staff):
            self._open = await case_file(session, staff, case_id, parts().today())
        self._draw(self._open)
        await self.show(self._kind)

    def _draw(self, case: CaseFile) -> None:
        head = case.head
        self._detail.clear()
        with self._detail:
            with ui.row().classes("items-center w-full gap-2"):
                ui.label(f"{head.number} {head.name or '未核实身份'}").classes("text-lg font-bold")
                ui.label(_STATES.get(head.status, "不办")).classes("sl-tag").props("data-mark=case-status")
                if self._who.may(Action.SETTLE_CASE):
                    with ui.row().classes("ml-auto gap-2"):
                        self._buttons(case)
            if case.identifier_mask:
                fact("识别号", case.identifier_mask)
            fact("登记", clock(head.created_at))
            if head.due_at is not None:
                fact("时间", clock(head.due_at))
            if case.phone_mask:
                fact("回拨号码", case.phone_mask)
            if "score" in case.details:
                fact("评分", f"{case.details['score']}分（{case.details.get('number', '')}）")
            if "handed_over" in case.details:
                fact("系统回电", str(case.details["handed_over"]))
            ui.label(head.statement).classes("sl-sum mt-2")
            if case.result:
                heading("结果")
                ui.label(
                    f"{case.result}（{case.closed_by or ''} {clock(case.closed_at) if case.closed_at else ''}）"
                )
            for former in case.former:
                ui.label(f"以前：{former.get('result') or ''}").classes("sl-keys")
            if case.bills:
                heading("账单（到今天）")
            for bill in case.bills:
                fee = f"，滞纳金{yuan(bill.fee.late_fee)}" if bill.fee is not None else ""
                debt = bill.debt
                here = "（本件所指）" if debt.bill_no == head.bill_no else ""
                fact(
                    f"{debt.bill_no} {debt.tax_type} {debt.period}{here}",
                    f"未缴{yuan(debt.unpaid)}{fee}，{day(debt.due)}到期",
                )

    def _buttons(self, case: CaseFile) -> None:
        head = case.head
        if head.status != OPEN:
            ui.button("重新办理", on_click=lambda: self._reopen(case)).props("outline no-caps")
            return
        if head.assigned_to != self._who.staff_id:
            words = "接过来" if head.assigned_to else "我来办"
            ui.button(words, on_click=lambda: self._take(case)).props("outline no-caps data-mark=take")
        if case.phone_mask:
            ui.button("看号码", on_click=lambda: self._number(case)).props("outline no-caps")
        ui.button("办结", on_click=lambda: self._settle(case)).props("unelevated no-caps data-mark=settle")
        ui.button("不办", on_click=lambda: self._drop(case)).props("flat no-caps color=negative")

    @told
    async def _take(self, case: CaseFile) -> None:
        async with self._who.acting(Action.SETTLE_CASE) as (session, staff):
            await take(session, staff, case.head.id, instead_of=case.head.assigned_to)
        await self.choose(case.head.id)

    @told
    async def _number(self, case: CaseFile) -> None:
        why = await _words("查看完整号码会留下记录。", "查看原因")
        if why is None:
            return
        async with self._who.acting(Action.SETTLE_CASE) as (session, staff):
            number = await callback_number(session, staff, case.head.id, parts().cipher, why)
        ui.notify(f"回拨号码：{number}", position="center", timeout=8000, close_button="收起")

    @told
    async def _drop(self, case: CaseFile) -> None:
        why = await _words("不办这件事，对方不会收到通知。", "原因")
        if why is None:
            return
        async with self._who.acting(Action.SETTLE_CASE) as (session, staff):
            await drop(session, staff, case.head.id, why, now=parts().now())
        await self.choose(case.head.id)

    @told
    async def _reopen(self, case: CaseFile) -> None:
        why = await _words("重新办理。", "原因")
        if why is None:
            return
        async with self._who.acting(Action.SETTLE_CASE) as (session, staff):
            await reopen(session, staff, case.head.id, why)
        await self.choose(case.head.id)

    @told
    async def _settle(self, case: CaseFile) -> None:
        dispute = case.head.kind is CaseKind.DISPUTE
        check = case.head.kind is CaseKind.PAYMENT_CHECK
        with ui.context.client.content, ui.dialog() as dialog, ui.card().classes("w-[30rem] max-w-full"):
            ui.label(f"办结 {case.head.number}").classes("text-lg font-bold")
            read_by = "对方会看到" if case.head.kind in TOLD else "只有同事看到"
            result = ui.textarea(f"处理结果（{read_by}）").props(
                "outlined autogrow maxlength=500 data-mark=result"
            )
            result.classes("w-full")
            finding = (
                ui.select({f.value: words for f, words in FINDING_ZH.items()}, label="核实结论").classes(
                    "w-full"
                )
                if dispute
                else None
            )
            bill = (
                ui.select(
                    {str(b.debt.bill_id): f"{b.debt.bill_no} {b.debt.tax_type}" for b in case.bills},
                    label="税单",
                    clearable=True,
                ).classes("w-full")
                if (dispute or check) and case.head.bill_no is None and case.bills
                else None
            )
            form = _PaymentForm() if check else None

            @told
            async def do() -> None:
                settlement = Settlement(
                    result=result.value or "",
                    finding=Finding(finding.value) if finding is not None and finding.value else None,
                    payment=form.found() if form is not None else None,
                    bill_id=_bill_of(case, bill.value) if bill is not None and bill.value else None,
                )
                async with self._who.acting(Action.SETTLE_CASE) as (session, staff):
                    await settle(
                        session, staff, case.head.id, settlement, cipher=parts().cipher, now=parts().now()
                    )
                dialog.submit(True)

            with ui.row().classes("w-full justify-end"):
                ui.button("取消", on_click=lambda: dialog.submit(False)).props("flat no-caps")
                ui.button("办结", on_click=do).props("unelevated no-caps data-mark=do-settle")
        done = await dialog
        dialog.delete()
        if done:
            ui.notify("已办结。", type="positive", position="top")
            await self.choose(case.head.id)


class _PaymentForm:
    """A payment that was found; empty when none was."""

    def __init__(self) -> None:
        ui.label("查到的缴款（没有查到就空着）").classes("sl-keys")
        self._number = ui.input("凭证号").props("dense outlined").classes("w-full")
        self._day = ui.input("缴款日期").props("type=date dense outlined stack-label").classes("w-full")
        self._amount = ui.input("金额（元）").props("dense outlined inputmode=decimal").classes("w-full")
        self._channel = ui.input("缴款渠道", value="电子税务局").props("dense outlined").classes("w-full")
        self._kind = ui.toggle(_KINDS, value="tax").props("dense no-caps unelevated")

    def found(self) -> FoundPayment | None:
        """The payment. Raises :class:`ValueError` where it is half filled in."""
        given = [(field.value or "").strip() for field in (self._number, self._day, self._amount)]
        if not any(given):
            return None
        try:
            return FoundPayment(
                given[0],
                date.fromisoformat(given[1]),
                Decimal(given[2].replace(",", "")),
                (self._channel.value or "").strip(),
                str(self._kind.value),
            )
        except (ValueError, InvalidOperation):
            raise ValueError("查到的缴款要把凭证号、日期和金额都填对。") from None


async def _words(title: str, label: str) -> str | None:
    with ui.context.client.content, ui.dialog() as dialog, ui.card():
        ui.label(title).classes("font-bold")
        words = ui.input(label).props("outlined dense maxlength=200").classes("w-80")
        with ui.row().classes("w-full justify-end"):
            ui.button("取消", on_click=lambda: dialog.submit(None)).props("flat no-caps")
            ui.button("确定", on_click=lambda: dialog.submit(words.value or "")).props("unelevated no-caps")
    answer = await dialog
    dialog.delete()
    return answer if isinstance(answer, str) else None


def _bill_of(case: CaseFile, chosen: str) -> uuid.UUID:
    return next(b.debt.bill_id for b in case.bills if str(b.debt.bill_id) == chosen)
