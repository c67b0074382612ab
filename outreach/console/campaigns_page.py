"""Outreach at a glance: the red button, and every campaign with how far it has come."""

from __future__ import annotations

import uuid

from fastapi import Request, Response
from nicegui import ui

from handoff.console.frame import frame
from handoff.console.visitor import Visitor, told, visitor
from handoff.permissions import Action
from outreach.campaigns import STATUS_ZH
from outreach.console.links import LINK, rooms
from outreach.console.moves import Moves
from outreach.console.red_button import RedButton
from outreach.console.watching import Watch
from outreach.console.words import actor, moment, share
from outreach.reading import Counts, Head, counts, heads, people
from store.outreach_models import CampaignStatus

_STATIONS = {
    "reminders": "列入名单",
    "notified": "已提醒",
    "reached": "有人接听",
    "paid": "已缴清",
    "active": "还在进行",
}
"""Fields of ``Counts``, and what they are called."""


class _Tile:
    def __init__(self, key: str, name: str) -> None:
        self.key = key
        self._name = name
        with ui.element("div").classes("sl-tile"):
            self._number = ui.label("—").classes("n").props(f"data-mark=count-{key}")
            self._words = ui.label(name).classes("k")

    def show(self, count: int, whole: int) -> None:
        self._number.set_text(f"{count:,}")
        self._words.set_text(
            self._name if self.key == "reminders" or not whole else f"{self._name}，{share(count, whole)}"
        )


class CampaignsPage:
    """One open page."""

    def __init__(self, who: Visitor) -> None:
        self._who = who
        self._heads: tuple[Head, ...] = ()
        self._people: dict[str, str] = {}
        self._tiles: dict[uuid.UUID, list[_Tile]] = {}
        self._bars: dict[uuid.UUID, ui.linear_progress] = {}
        frame(who, LINK)
        with ui.element("div").classes("sl-page flex flex-col gap-3"):
            if who.may(Action.SEE_OUTREACH):
                rooms("campaigns")
            self._button = RedButton(who)
            if not who.may(Action.SEE_OUTREACH):
                self._list = None
            else:
                with ui.row().classes("items-center w-full"):
                    ui.label("外呼活动").classes("text-lg font-bold").props("role=heading aria-level=2")
                    if who.may(Action.RUN_OUTREACH):
                        ui.button("新活动", on_click=lambda: ui.navigate.to("/outreach/new")).props(
                            "unelevated no-caps data-mark=new-campaign"
                        ).classes("ml-auto")
                self._list = (
                    ui.element("div").classes("flex flex-col gap-3 w-full").props("data-mark=campaigns")
                )
        Watch(self._count, self.run)

    @told
    async def run(self) -> None:
        """Show everything as it is."""
        await self._button.show()
        if self._list is None:
            return
        async with self._who.acting(Action.SEE_OUTREACH, idle=True) as (session, _):
            found = await heads(session)
            names = await people(session, [head.created_by for head in found])
            numbers = await counts(session, [head.id for head in found])
        if (found, names) != (self._heads, self._people) or not self._tiles:
            self._heads, self._people = found, names
            self._draw()
        self._set(numbers)

    @told
    async def _count(self) -> None:
        running = [head.id for head in self._heads if head.status is CampaignStatus.RUNNING]
        if self._list is None or not running:
            return
        async with self._who.acting(Action.SEE_OUTREACH, idle=True) as (session, _):
            numbers = await counts(session, running)
        self._set(numbers)

    def _draw(self) -> None:
        assert self._list is not None
        self._list.clear()
        self._tiles.clear()
        with self._list:
            if not self._heads:
                ui.label("还没有活动。").classes("sl-empty")
            for head in self._heads:
                self._campaign(head)

    def _campaign(self, head: Head) -> None:
        with ui.element("section").classes("sl-panel").props(f'data-mark="campaign-{head.id}"'):
            with ui.row().classes("items-center w-full gap-2"):
                ui.link(head.name, f"/outreach/campaign/{head.id}").classes("text-lg font-bold").props(
                    "data-mark=open-campaign"
                )
                tag = "sl-tag unread" if head.status is CampaignStatus.RUNNING else "sl-tag"
                if head.status is CampaignStatus.PAUSED:
                    tag = "sl-tag late"
                ui.label(STATUS_ZH[head.status]).classes(tag).props("data-mark=campaign-status")
                with ui.row().classes("ml-auto gap-2"):
                    Moves(self._who, head, self.run).show()
            ui.label(f"方案：{head.title} · {_life(head, actor(head.created_by, self._people))}").classes(
                "sl-keys"
            )
            with ui.element("div").classes("sl-tiles mt-2"):
                self._tiles[head.id] = [_Tile(key, name) for key, name in _STATIONS.items()]
            self._bars[head.id] = (
                ui.linear_progress(0.0, show_value=False, size="8px")
                .classes("mt-2")
                .props('aria-label="不用再提醒的比例"')
            )

    def _set(self, numbers: dict[uuid.UUID, Counts]) -> None:
        for campaign_id, now in numbers.items():
            if campaign_id not in self._tiles:
                continue
            for tile in self._tiles[campaign_id]:
                tile.show(getattr(now, tile.key), now.reminders)
            self._bars[campaign_id].value = 1 - now.active / now.reminders if now.reminders else 0.0


def _life(head: Head, by: str) -> str:
    if head.ended_at is not None:
        return f"{moment(head.ended_at)} 结束"
    if head.paused_at is not None and head.status is CampaignStatus.PAUSED:
        return f"{moment(head.paused_at)} 暂停"
    if head.started_at is not None:
        looked = f"，名单 {moment(head.enrolled_at)} 更新" if head.enrolled_at is not None else "，正在建名单"
        return f"{moment(head.started_at)} 开始{looked}"
    return f"{by} {moment(head.created_at)} 建立"


@ui.page("/outreach", title="外呼 · 税铃工作台")
async def campaigns_page(request: Request) -> Response | None:
    """For officers, supervisors and auditors; administrators see the red button alone."""
    who = await visitor(request, Action.SEE_OUTREACH, Action.STOP_OUTREACH)
    if isinstance(who, Response):
        return who
    await CampaignsPage(who).run()
    return None
