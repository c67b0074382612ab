"""The auditors' page: search and export of the trail, the check of its chain, one taxpayer's whole thread as a signed PDF."""

from __future__ import annotations

import json
from datetime import date

from fastapi import Request, Response
from nicegui import ui

from handoff.console.frame import frame
from handoff.console.thread_export import ThreadExport
from handoff.console.visitor import Visitor, told, visitor
from handoff.console.words import clock
from handoff.exports import to_csv, to_xlsx
from handoff.permissions import Action
from handoff.trail import Entry, Wanted, check, export, more, search


class AuditPage:
    """One open page."""

    def __init__(self, who: Visitor) -> None:
        self._who = who
        self._wanted = Wanted()
        self._before: int | None = None
        frame(who, "/console/audit")
        with ui.element("div").classes("sl-page flex flex-col gap-3"):
            with ui.element("section").classes("sl-panel"):
                ui.label("审计记录").classes("text-lg font-bold")
                with ui.row().classes("items-end gap-3 w-full"):
                    self._first = ui.input("从").props("type=date outlined dense")
                    self._last = ui.input("到").props("type=date outlined dense")
                    self._actor = ui.input("操作者，如 staff:li").props("outlined dense")
                    self._action = (
                        ui.input("动作开头，如 ticket.").props("outlined dense").props("data-mark=action")
                    )
                    self._subject = ui.input("对象，如 ticket:RG2026-000001").props("outlined dense")
                    ui.button("查", on_click=self._search).props("unelevated no-caps").props(
                        "data-mark=search"
                    )
                    ui.button("导出 CSV", on_click=lambda: self._export(False)).props("flat no-caps")
                    ui.button("导出 XLSX", on_click=lambda: self._export(True)).props("flat no-caps")
                    ui.button("校验整条链", on_click=self._check).props("outline no-caps").props(
                        "data-mark=verify"
                    )
                self._verdict = ui.label().props("data-mark=verdict")
                self._rows = ui.element("div").classes("w-full mt-2").props("data-mark=trail")
                self._more = ui.button("更早的", on_click=self._show_more).props("flat no-caps")
                self._more.set_visibility(False)
            ThreadExport(who)

    @told
    async def _search(self) -> None:
        self._wanted = Wanted(
            _day(self._first.value),
            _day(self._last.value),
            (self._actor.value or "").strip(),
            (self._action.value or "").strip(),
            (self._subject.value or "").strip(),
        )
        async with self._who.acting(Action.READ_AUDIT) as (session, staff):
            found = await search(session, staff, self._wanted)
        self._rows.clear()
        with self._rows:
            if not found.entries:
                ui.label("没有这样的记录。").classes("sl-keys")
        self._add(found.entries, found.before)

    @told
    async def _show_more(self) -> None:
        async with self._who.acting(Action.READ_AUDIT) as (session, staff):
            found = await more(session, staff, self._wanted, self._before)
        self._add(found.entries, found.before)

    def _add(self, entries: tuple[Entry, ...], before: int | None) -> None:
        self._before = before
        self._more.set_visibility(before is not None)
        with self._rows:
            for entry in entries:
                with ui.element("div").classes(
                    "grid grid-cols-[5rem_8rem_10rem_12rem_16rem_1fr] gap-2 text-sm sl-line py-1"
                ):
                    ui.label(str(entry.id))
                    ui.label(clock(entry.at))
                    ui.label(entry.actor)
                    ui.label(entry.action)
                    ui.label(entry.subject).classes("break-all")
                    ui.label(json.dumps(entry.detail, ensure_ascii=False) if entry.detail else "").classes(
                        "sl-keys break-all"
                    )

    @told
    async def _export(self, xlsx: bool) -> None:
        async with self._who.acting(Action.READ_AUDIT) as (session, staff):
            found = await export(session, staff, self._wanted)
        if found.cut:
            ui.notify("记录太多，只导出了最早的一部分，请缩小日期范围。", type="warning", position="top")
        ui.download(
            to_xlsx(found.table) if xlsx else to_csv(found.table), f"审计记录.{'xlsx' if xlsx else 'csv'}"
        )

    @told
    async def _check(self) -> None:
        async with self._who.acting(Action.READ_AUDIT) as (session, staff):
            report = await check(session, staff)
        words = (
            f"整条链完好，共{report.count}条。链头 {report.head_hash[:16]}…"
            if report.ok
            else f"链在第{report.first_bad_id}条处断开：{report.reason}"
        )
        self._verdict.set_text(words)
        self._verdict.classes(replace="text-sm" if report.ok else "text-sm sl-warn")


def _day(text: str | None) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("日期写法不对，请在日历里选。") from None


@ui.page("/audit", title="审计 · 税铃工作台")
async def audit_page(request: Request) -> Response | None:
    """For auditors."""
    who = await visitor(request, Action.READ_AUDIT)
    if isinstance(who, Response):
        return who
    AuditPage(who)
    return None
