"""The officers' desk: deferral applications with all that is weighed, and the work lists, decided without leaving the page."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import date

from fastapi import Request, Response
from nicegui import events, ui

from handoff.applications import Dossier, Listed, application, open_applications
from handoff.console.case_view import CaseList
from handoff.console.dossier_view import show_dossier
from handoff.console.frame import frame
from handoff.console.parts import parts
from handoff.console.picking import on_pick
from handoff.console.redraw import Redraw
from handoff.console.visitor import Visitor, told, visitor
from handoff.decision_words import day
from handoff.decisions import accept, approve, ask_more, refuse
from handoff.permissions import Action
from store.live import RESYNC, Change
from store.models import CaseKind
from tax.deferral import STATUS_ZH, Event

SETTLE_S = 0.3
DEFERRALS = "deferrals"
_TABS = {
    DEFERRALS: "延期申请",
    CaseKind.DISPUTE.value: "异议",
    CaseKind.PAYMENT_CHECK.value: "缴款核对",
    CaseKind.COMPLAINT.value: "投诉",
    CaseKind.CALLBACK.value: "回电",
    CaseKind.REVIEW.value: "回访",
    CaseKind.COLLECTION.value: "跟进任务",
}


class WorkPage:
    """One open page."""

    def __init__(self, who: Visitor) -> None:
        self._who = who
        self._tab = DEFERRALS
        self._applications: tuple[Listed, ...] = ()
        self._open: Dossier | None = None
        self._redraw = Redraw(self._refresh, SETTLE_S)
        frame(who, "/console/work")
        with ui.element("div").classes("sl-page"):
            tabs = ui.tabs(on_change=self._tab_changed).props("no-caps align=left")
            with tabs:
                for name, words in _TABS.items():
                    ui.tab(name, label=words).props(f'data-mark="work-{name}"')
            tabs.value = DEFERRALS
            with ui.element("div").classes(
                "grid grid-cols-1 lg:grid-cols-[22rem_1fr] gap-3 w-full mt-3 items-start"
            ):
                self._list = ui.element("section").classes("sl-panel").props("data-mark=work-list")
                self._detail = ui.element("section").classes("sl-panel").props("data-mark=work-detail")
            on_pick(self._list, "work", self._picked)
            self._cases = CaseList(who, self._list, self._detail)
        self._client = ui.context.client
        self._client.on_delete(parts().live.subscribe(self._heard))

    def _heard(self, change: Change) -> None:
        if change is RESYNC or change.kind in ("deferral_application", "case"):
            self._redraw.due()

    async def run(self) -> None:
        """Show it, and go on showing changes while the page is open."""
        await self._refresh()
        with self._detail:
            ui.label("左边选一件。").classes("sl-empty")

    async def _tab_changed(
        self, event: events.ValueChangeEventArguments[ui.tab | ui.tab_panel | str | None]
    ) -> None:
        self._tab = str(event.value)
        self._open = None
        self._detail.clear()
        await self._refresh()

    @told
    async def _refresh(self) -> None:
        if self._tab != DEFERRALS:
            await self._cases.show(CaseKind(self._tab))
            return
        async with self._who.acting(Action.SEE_CASES, idle=True) as (session, staff):
            self._applications = await open_applications(session, staff, parts().now())
        self._list.clear()
        with self._list:
            if not self._applications:
                ui.label("没有待办的延期申请。").classes("sl-empty")
            for listed in self._applications:
                self._show_line(listed)

    def _show_line(self, listed: Listed) -> None:
        here = self._open is not None and self._open.head.id == listed.id
        line = (
            ui.element("div")
            .classes("sl-row here" if here else "sl-row")
            .props("role=button tabindex=0")
            .props(f'data-mark="application-{listed.number}" data-work="{listed.id}"')
        )
        today = parts().today()
        with line:
            with ui.element("div").classes("top"):
                ui.label(listed.name)
                ui.label(STATUS_ZH[listed.status]).classes("sl-tag")
            ui.label(f"{listed.tax_type} {listed.period}，申请到{day(listed.requested_until)}").classes(
                "last"
            )
            with ui.element("div").classes("tags"):
                limit = listed.next_limit()
                what = "受理" if listed.accept_by is not None else "决定"
                ui.label(f"{day(limit.date)}前{what}").classes(
                    "sl-tag late" if listed.is_late(today) else "sl-tag"
                )
                ui.label(f"材料{listed.materials}份").classes("sl-tag")
                if listed.more_wanted:
                    ui.label("等补材料").classes("sl-tag late")

    @told
    async def _picked(self, chosen: str) -> None:
        if self._tab == DEFERRALS:
            await self._show(uuid.UUID(chosen))
        else:
            await self._cases.choose(uuid.UUID(chosen))

    @told
    async def _show(self, application_id: uuid.UUID) -> None:
        async with self._who.acting(Action.SEE_CASES) as (session, staff):
            self._open = await application(session, staff, application_id, parts().now())
        self._detail.clear()
        with self._detail:
            show_dossier(self._open, self._buttons if self._who.may(Action.DECIDE_DEFERRAL) else None)
        await self._refresh()

    def _buttons(self, dossier: Dossier) -> None:
        if Event.ACCEPT in dossier.may:
            ui.button("受理", on_click=lambda: self._accept(dossier)).props("unelevated no-caps").props(
                "data-mark=accept"
            )
        if dossier.may:
            ui.button("要求补材料", on_click=lambda: self._ask_more(dossier)).props("outline no-caps").props(
                "data-mark=ask-more"
            )
        if Event.APPROVE in dossier.may:
            ui.button("批准", on_click=lambda: self._approve(dossier)).props("unelevated no-caps").props(
                "data-mark=approve"
            )
        if Event.REFUSE in dossier.may:
            ui.button("不予批准", on_click=lambda: self._refuse(dossier)).props(
                "outline no-caps color=negative"
            ).props("data-mark=refuse")

    @told
    async def _accept(self, dossier: Dossier) -> None:
        async with self._who.acting(Action.DECIDE_DEFERRAL) as (session, staff):
            await accept(
                session,
                staff,
                dossier.head.id,
                seen=dossier.head.status,
                cipher=parts().cipher,
                now=parts().now(),
            )
        await self._done(dossier, "已受理，已告知申请人。")

    @told
    async def _ask_more(self, dossier: Dossier) -> None:
        async def do(words: str) -> None:
            async with self._who.acting(Action.DECIDE_DEFERRAL) as (session, staff):
                await ask_more(
                    session,
                    staff,
                    dossier.head.id,
                    words,
                    seen=dossier.head.status,
                    cipher=parts().cipher,
                    now=parts().now(),
                )
            await self._done(dossier, "已告知申请人要补什么。")

        await _ask_words("还缺什么材料？申请人会看到这些话。", do)

    @told
    async def _approve(self, dossier: Dossier) -> None:
        head = dossier.head
        with ui.context.client.content, ui.dialog() as dialog, ui.card().classes("w-[28rem] max-w-full"):
            ui.label("批准延期到哪一天").classes("text-lg font-bold")
            ui.label(
                f"缴款期限{day(head.due)}，最晚可以到{day(dossier.latest_end)}（征管法第三十一条：不超过三个月）。"
            ).classes("sl-keys")
            until = (
                ui.input(value=head.requested_until.isoformat())
                .props("type=date outlined")
                .props("data-mark=until")
            )
            note = ui.input("审批意见（存档）").props("maxlength=300").classes("w-full")

            @told
            async def do() -> None:
                async with self._who.acting(Action.DECIDE_DEFERRAL) as (session, staff):
                    await approve(
                        session,
                        staff,
                        head.id,
                        _day(until.value),
                        seen=head.status,
                        cipher=parts().cipher,
                        now=parts().now(),
                        note=note.value or "",
                    )
                dialog.submit(True)

            with ui.row().classes("w-full justify-end"):
                ui.button("取消", on_click=lambda: dialog.submit(False)).props("flat no-caps")
                ui.button("批准", on_click=do).props("unelevated no-caps").props("data-mark=do-approve")
        done = await dialog
        dialog.delete()
        if done:
            await self._done(dossier, "已批准，已告知申请人，滞纳金随之调整。")

    @told
    async def _refuse(self, dossier: Dossier) -> None:
        async def do(words: str) -> None:
            async with self._who.acting(Action.DECIDE_DEFERRAL) as (session, staff):
                await refuse(
                    session,
                    staff,
                    dossier.head.id,
                    words,
                    seen=dossier.head.status,
                    cipher=parts().cipher,
                    now=parts().now(),
                )
            await self._done(dossier, "已告知申请人原因和救济途径。")

        await _ask_words("不予批准的原因。申请人会看到，后面附上复议和诉讼的途径。", do)

    async def _done(self, dossier: Dossier, words: str) -> None:
        ui.notify(words, type="positive", position="top")
        await self._show(dossier.head.id)


async def _ask_words(title: str, do: Callable[[str], Awaitable[None]]) -> None:
    with ui.context.client.content, ui.dialog() as dialog, ui.card().classes("w-[30rem] max-w-full"):
        ui.label(title).classes("font-bold")
        words = (
            ui.textarea().props("outlined autogrow maxlength=500").classes("w-full").props("data-mark=words")
        )

        @told
        async def run() -> None:
            await do(words.value or "")
            dialog.submit(True)

        with ui.row().classes("w-full justify-end"):
            ui.button("取消", on_click=lambda: dialog.submit(False)).props("flat no-caps")
            ui.button("确定", on_click=run).props("unelevated no-caps").props("data-mark=do-words")
    await dialog
    dialog.delete()


def _day(text: str | None) -> date:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        raise ValueError("请选一个日期。") from None


@ui.page("/work", title="办理 · 税铃工作台")
async def work_page(request: Request) -> Response | None:
    """For officers, and for supervisors to read."""
    who = await visitor(request, Action.SEE_CASES)
    if isinstance(who, Response):
        return who
    await WorkPage(who).run()
    return None
