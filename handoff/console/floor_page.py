"""The supervisors' page: the floor as it is now, and taking over or giving out what stands still."""

from __future__ import annotations

import uuid

from fastapi import Request, Response
from nicegui import ui

from handoff import inbox
from handoff.console.frame import PRESENCE_ZH, frame
from handoff.console.parts import parts
from handoff.console.picking import on_pick
from handoff.console.redraw import Redraw
from handoff.console.visitor import Visitor, told, visitor
from handoff.console.words import ago
from handoff.floor import Floor, Seat, floor
from handoff.inbox import Listing, Row
from handoff.moves import reassign
from handoff.permissions import Action
from store.handoff_models import Presence
from store.live import RESYNC, Change

SETTLE_S = 0.5
TICK_S = 5.0
_DEFINITIONS = {
    "正在等": "状态为等待、还没有坐席接的单子数",
    "最长等待": "等待中的单子里，最早开始等的到现在有多久",
    "接待中": "坐席手上的会话数",
    "超时未答": "没有结束、应答时限已过的单子数",
    "今天转人工": "今天0点（北京时间）以来新开的单子数",
    "今天办结": "今天0点以来结束的单子数，包括对方离开排队的",
    "今天超时": "今天0点以来记录的时限超时次数",
    "今天满意度": "今天0点以来收到的评分的平均分，满分5分",
}


class FloorPage:
    """One open page."""

    def __init__(self, who: Visitor) -> None:
        self._who = who
        self._redraw = Redraw(self._refresh, SETTLE_S)
        self._seats_now: tuple[Seat, ...] = ()
        self._open: tuple[Row, ...] = ()
        frame(who, "/console/floor")
        with ui.element("div").classes("sl-page"):
            self._body = ui.element("div").classes("w-full").props("data-mark=floor")
        on_pick(self._body, "assign", self._picked)
        self._client = ui.context.client
        self._client.on_delete(parts().live.subscribe(self._heard))
        ui.timer(TICK_S, self._redraw.due)

    def _heard(self, change: Change) -> None:
        if change is RESYNC or change.kind in ("ticket", "staff"):
            self._redraw.due()

    async def run(self) -> None:
        """Show it, and go on showing changes while the page is open."""
        await self._refresh()

    @told
    async def _refresh(self) -> None:
        async with self._who.acting(Action.SEE_FLOOR, idle=True) as (session, _):
            now = await floor(session)
            waiting = await inbox.waiting(session, None)
            held = await inbox.held_by_agents(session)
        self._seats_now = now.seats
        self._open = (*waiting.rows, *held.rows)
        self._body.clear()
        with self._body:
            _tiles(now)
            ui.element("div").classes("h-3")
            with ui.element("div").classes("grid grid-cols-1 lg:grid-cols-2 gap-3 w-full items-start"):
                self._seats(now)
                with ui.element("div").classes("flex flex-col gap-3"):
                    self._tickets("正在等", waiting)
                    self._tickets("接待中", held)

    def _seats(self, now: Floor) -> None:
        with ui.element("section").classes("sl-panel"):
            ui.label("坐席").classes("text-lg font-bold")
            if now.by_skill:
                ui.label("等待的技能：" + "、".join(f"{name} {n}" for name, n in now.by_skill)).classes(
                    "sl-keys"
                )
            for seat in now.seats:
                with ui.element("div").classes("sl-fact"):
                    ui.label(f"{seat.name}（{'、'.join(seat.skills)}）").classes("k")
                    waits = f"，{seat.waiting_for_answer}个在等回复" if seat.waiting_for_answer else ""
                    ui.label(f"{PRESENCE_ZH[seat.presence]} · {seat.load}/{seat.max_load}{waits}").classes(
                        "v sl-warn" if seat.presence != Presence.ONLINE and seat.load else "v"
                    )

    def _tickets(self, title: str, listing: Listing) -> None:
        with ui.element("section").classes("sl-panel"):
            ui.label(f"{title}（{listing.total}）").classes("text-lg font-bold")
            if not listing.rows:
                ui.label("没有。").classes("sl-keys")
            for row in listing.rows[:20]:
                with ui.element("div").classes("sl-fact items-center"):
                    since = row.waiting_since or row.created_at
                    agent = f" · {row.agent}" if row.agent else ""
                    ui.label(f"{row.number} {row.reason}{agent}").classes("k")
                    with ui.element("div").classes("v flex items-center gap-1"):
                        ui.label(f"等{ago(since)}" if row.waiting_since else "已回复")
                        self._give(row)

    def _give(self, row: Row) -> None:
        ui.button("分派").props(f'flat dense no-caps data-assign="{row.number}"')

    async def _picked(self, number: str) -> None:
        for row in self._open:
            if row.number == number:
                await self._choose(row)

    @told
    async def _choose(self, row: Row) -> None:
        # At the page's root: the list is drawn anew while the dialog is open.
        with ui.context.client.content, ui.dialog() as dialog, ui.card():
            ui.label(f"{row.number} 分派给").classes("text-lg font-bold")
            ui.button("我来接", on_click=lambda: dialog.submit(self._who.staff_id)).props(
                "unelevated no-caps"
            )
            for seat in self._seats_now:
                if seat.presence == Presence.ONLINE and seat.staff_id != self._who.staff_id:
                    ui.button(
                        f"{seat.name}（{seat.load}/{seat.max_load}）",
                        on_click=lambda seat=seat: dialog.submit(seat.staff_id),
                    ).props("outline no-caps")
            ui.button("取消", on_click=lambda: dialog.submit(None)).props("flat no-caps")
        chosen = await dialog
        dialog.delete()
        if isinstance(chosen, uuid.UUID):
            await self._assign(row.ticket_id, chosen)

    @told
    async def _assign(self, ticket_id: uuid.UUID, to: uuid.UUID) -> None:
        async with self._who.acting(Action.REASSIGN) as (session, staff):
            await reassign(session, staff, ticket_id, to)
        ui.notify("已分派。", type="positive", position="top")
        self._redraw.due()


def _tiles(now: Floor) -> None:
    longest = f"{now.longest_s // 60}分{now.longest_s % 60}秒" if now.waiting else "–"
    score = f"{now.satisfaction:.1f}" if now.satisfaction is not None else "–"
    shown = (
        ("正在等", str(now.waiting)),
        ("最长等待", longest),
        ("接待中", str(now.with_agents)),
        ("超时未答", str(now.overdue)),
        ("今天转人工", str(now.entered_today)),
        ("今天办结", str(now.closed_today)),
        ("今天超时", str(now.breached_today)),
        ("今天满意度", score),
    )
    with ui.element("div").classes("sl-tiles"):
        for name, value in shown:
            with ui.element("div").classes("sl-tile"):
                ui.label(value).classes("n").props(f'data-mark="tile-{name}"')
                ui.label(name).classes("k")
                ui.tooltip(_DEFINITIONS[name])


@ui.page("/floor", title="现场 · 税铃工作台")
async def floor_page(request: Request) -> Response | None:
    """For supervisors."""
    who = await visitor(request, Action.SEE_FLOOR)
    if isinstance(who, Response):
        return who
    await FloorPage(who).run()
    return None
