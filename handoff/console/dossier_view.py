"""One deferral application as an officer reads it."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui

from handoff.applications import Dossier
from handoff.console.bits import fact, heading, yuan
from handoff.decision_words import day
from handoff.naming import PROMISE_ZH
from tax.deferral import STATUS_ZH, Ground

_GROUND_ZH = {Ground.CASH_SHORTAGE: "货币资金不足", Ground.FORCE_MAJEURE: "不可抗力"}


def show_dossier(dossier: Dossier, buttons: Callable[[Dossier], None] | None) -> None:
    """Everything on one page; ``buttons`` adds what may be done."""
    head = dossier.head
    with ui.row().classes("items-center w-full gap-2"):
        ui.label(f"{head.number} {head.name}").classes("text-lg font-bold")
        ui.label(STATUS_ZH[head.status]).classes("sl-tag").props("data-mark=application-status")
        if buttons is not None:
            with ui.row().classes("ml-auto gap-2"):
                buttons(dossier)
    with ui.element("div").classes("grid grid-cols-1 xl:grid-cols-2 gap-x-8 w-full"):
        with ui.element("div"):
            _applied(dossier)
            _bill(dossier)
        with ui.element("div"):
            _money(dossier)
            _papers(dossier)
            _history(dossier)
    heading("法律依据")
    for point in dossier.law:
        ui.label(f"{point.text}（{'；'.join(str(c) for c in point.citations)}）").classes("text-sm")


def _applied(dossier: Dossier) -> None:
    head = dossier.head
    heading("申请")
    fact("识别号", dossier.identifier_mask)
    fact("理由", _GROUND_ZH[dossier.ground])
    fact("申请延到", f"{day(head.requested_until)}（{dossier.months}个月）")
    fact("最晚可批到", day(dossier.latest_end))
    fact("收到", day(head.received_on))
    if head.accept_by is not None:
        fact("受理时限", day(head.accept_by.date))
    fact("决定时限", day(head.decide_by.date))
    if dossier.approved_until is not None:
        fact("批准到", day(dossier.approved_until))
    if head.more_wanted:
        fact("等补", head.more_wanted, warn=True)
    if dossier.decision_note:
        fact("意见", dossier.decision_note)
    ui.label(dossier.reason_text).classes("sl-sum mt-2")


def _bill(dossier: Dossier) -> None:
    bill = dossier.bill
    heading("账单")
    fact("账单", f"{bill.bill_no} {bill.tax_type} {bill.period}")
    fact("应缴", yuan(bill.principal))
    fact("未缴", yuan(bill.unpaid))
    fact("缴款期限", day(bill.due))
    if dossier.fee is not None:
        fact("到今天的滞纳金", yuan(dossier.fee.late_fee))
    for other in dossier.other_bills:
        fact("同户其他", f"{other.tax_type} {other.period} 未缴{yuan(other.unpaid)}")


def _money(dossier: Dossier) -> None:
    if dossier.ground is not Ground.CASH_SHORTAGE:
        return
    money = dossier.money
    heading("资金测算（实施细则第四十一条）")
    fact("货币资金", yuan(dossier.cash))
    fact("应付工资", yuan(dossier.wages_payable))
    fact("社会保险费", yuan(dossier.social_insurance))
    fact("扣除后可用", yuan(money.disposable))
    fact("税款", yuan(dossier.head.tax_amount))
    fact("差额", yuan(money.shortfall), warn=not money.passes)
    ui.label(money.explanation_zh).classes("text-sm" if money.passes else "text-sm sl-warn")


def _papers(dossier: Dossier) -> None:
    heading("材料")
    if not dossier.materials and not dossier.loose:
        ui.label("还没有材料。").classes("sl-keys")
    for item in (*dossier.materials, *dossier.loose):
        ui.link(f"{item.filename}（{max(item.size // 1024, 1)} KB）", f"/files/{item.id}", new_tab=True)


def _history(dossier: Dossier) -> None:
    heading("历史")
    if not dossier.earlier and not dossier.promises:
        ui.label("没有其他申请和承诺。").classes("sl-keys")
    for earlier in dossier.earlier:
        fact(earlier.number, STATUS_ZH[earlier.status])
    for promise in dossier.promises:
        fact(f"承诺{day(promise.on)}缴", PROMISE_ZH.get(promise.status, promise.status))
