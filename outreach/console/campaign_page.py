"""One campaign: how far it has come, when its steps will fall, whom it reminds, whether it is fair, what it is."""

from __future__ import annotations

import uuid

from fastapi import Request, Response
from fastapi.responses import PlainTextResponse
from nicegui import events, ui

from handoff.console.frame import frame
from handoff.console.parts import parts
from handoff.console.visitor import Visitor, told, visitor
from handoff.permissions import Action
from outreach.campaigns import STATUS_ZH
from outreach.console.fairness_view import show_fairness
from outreach.console.links import LINK, rooms
from outreach.console.load_view import DAYS, LoadView
from outreach.console.moves import Moves
from outreach.console.plan_page import as_text
from outreach.console.progress_view import ProgressView
from outreach.console.reminders_view import RemindersView
from outreach.console.watching import Watch
from outreach.console.words import moment
from outreach.fairness import fairness
from outreach.plan import Plan
from outreach.progress import progress
from outreach.reading import Head, campaign, planned_load
from store.outreach_models import CampaignStatus

_TABS = {"progress": "进展", "load": "负荷日历", "reminders": "名单", "fairness": "公平性", "plan": "方案"}


class CampaignPage:
    """One open page."""

    def __init__(self, who: Visitor, head: Head, plan: Plan) -> None:
        self._who = who
        self._head = head
        frame(who, LINK)
        with ui.element("div").classes("sl-page flex flex-col gap-3"):
            rooms("")
            self._top = ui.element("section").classes("sl-panel").props("data-mark=campaign-head")
            tabs = ui.tabs().props("no-caps align=left")
            with tabs:
                for name, words in _TABS.items():
                    ui.tab(name, label=words).props(f'data-mark="tab-{name}"')
            with ui.tab_panels(tabs, value="progress", animated=False).classes("w-full bg-transparent p-0"):
                with ui.tab_panel("progress").classes("p-0"):
                    self._progress = ProgressView()
                with ui.tab_panel("load").classes("p-0"):
                    self._load = LoadView()
                with ui.tab_panel("reminders").classes("p-0"):
                    self._reminders = RemindersView(who, head.id, head.name)
                with ui.tab_panel("fairness").classes("p-0"):
                    self._fairness = ui.element("section").classes("sl-panel").props("data-mark=fairness")
                with ui.tab_panel("plan").classes("p-0"), ui.element("section").classes("sl-panel"):
                    ui.label(as_text(plan)).classes("whitespace-pre-wrap font-mono text-sm").props(
                        "data-mark=plan-shown"
                    )
            tabs.on_value_change(self._chosen)
        self._draw_head()
        Watch(self._tick, self.run)

    @told
    async def run(self) -> None:
        """Show how the campaign stands."""
        async with self._who.acting(Action.SEE_OUTREACH, idle=True) as (session, _):
            head, _ = await campaign(session, self._head.id)
            now = await progress(session, self._head.id)
        if head != self._head:
            self._head = head
            self._draw_head()
        self._progress.show(now)

    async def _tick(self) -> None:
        if self._head.status is CampaignStatus.RUNNING:
            await self.run()

    def _draw_head(self) -> None:
        self._top.clear()
        head = self._head
        with self._top, ui.row().classes("items-center w-full gap-3"):
            ui.label(head.name).classes("text-lg font-bold").props("role=heading aria-level=2")
            ui.label(STATUS_ZH[head.status]).classes("sl-tag").props("data-mark=campaign-status")
            ui.label(
                f"方案：{head.title}；开始 {moment(head.started_at)}；名单更新 {moment(head.enrolled_at)}"
            ).classes("sl-keys")
            with ui.row().classes("ml-auto gap-2"):
                Moves(self._who, head, self.run).show()

    @told
    async def _chosen(
        self, event: events.ValueChangeEventArguments[ui.tab | ui.tab_panel | str | None]
    ) -> None:
        if event.value == "load":
            async with self._who.acting(Action.SEE_OUTREACH) as (session, _):
                load = await planned_load(session, self._head.id, parts().now(), DAYS)
            self._load.show(load, parts().today())
        elif event.value == "reminders":
            await self._reminders.first()
        elif event.value == "fairness":
            async with self._who.acting(Action.SEE_OUTREACH) as (session, _):
                found = await fairness(session, self._head.id, parts().today())
            self._fairness.clear()
            with self._fairness:
                show_fairness(found, self._head.name)


@ui.page("/outreach/campaign/{campaign_id}", title="活动 · 税铃工作台")
async def campaign_page(request: Request, campaign_id: uuid.UUID) -> Response | None:
    """For officers, supervisors and auditors."""
    who = await visitor(request, Action.SEE_OUTREACH)
    if isinstance(who, Response):
        return who
    try:
        async with who.acting(Action.SEE_OUTREACH) as (session, _):
            head, plan = await campaign(session, campaign_id)
    except LookupError as error:
        return PlainTextResponse(str(error), 404)
    await CampaignPage(who, head, plan).run()
    return None
