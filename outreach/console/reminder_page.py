"""One reminder: why its tier, what was decided and tried, what was said, and whether the taxpayer is to be left alone."""

from __future__ import annotations

import uuid

from fastapi import Request, Response
from fastapi.responses import PlainTextResponse
from nicegui import ui

from handoff.console.bits import fact, heading, yuan
from handoff.console.frame import frame
from handoff.console.parts import parts
from handoff.console.visitor import Visitor, told, visitor
from handoff.permissions import Action
from outreach.console.links import LINK, rooms
from outreach.console.pause_view import PauseView
from outreach.console.reminders_view import shown_name
from outreach.console.step_view import show_step
from outreach.console.tables import plain_table
from outreach.console.timeline_view import show_timeline
from outreach.console.watching import Watch
from outreach.console.words import (
    STAGE_ZH,
    STANDING_ZH,
    TIER_ZH,
    event_words,
    moment,
    short_day,
)
from outreach.reminder_file import File, reminder
from outreach.timeline import Entry, timeline


class ReminderPage:
    """One open page."""

    def __init__(self, who: Visitor, reminder_id: uuid.UUID) -> None:
        self._who = who
        self._reminder_id = reminder_id
        self._shown: tuple[File, tuple[Entry, ...]] | None = None
        frame(who, LINK)
        with ui.element("div").classes("sl-page flex flex-col gap-3"):
            rooms("")
            self._body = ui.element("div").classes("grid grid-cols-1 xl:grid-cols-2 gap-3 w-full items-start")
        Watch(self.run, self.run)

    @told
    async def run(self) -> None:
        """Show it as it is; nothing is drawn anew while nothing has changed."""
        async with self._who.acting(Action.SEE_OUTREACH, idle=True) as (session, _):
            found = await reminder(session, self._reminder_id, parts().now())
            history = await timeline(session, found.line.taxpayer_id)
        if (found, history) == self._shown:
            return
        self._shown = (found, history)
        self._body.clear()
        with self._body:
            with ui.element("div").classes("flex flex-col gap-3"):
                self._head(found)
                self._score(found)
                self._steps(found)
            with ui.element("div").classes("flex flex-col gap-3"):
                PauseView(self._who, found, self.run).show()
                with ui.element("section").classes("sl-panel").props("data-mark=timeline"):
                    heading("往来（所有渠道）")
                    show_timeline(history)
                self._events(found)

    def _head(self, found: File) -> None:
        line = found.line
        with ui.element("section").classes("sl-panel").props("data-mark=reminder-head"):
            with ui.row().classes("items-center w-full gap-2"):
                ui.label(shown_name(line, self._who)).classes("text-lg font-bold").props(
                    "role=heading aria-level=2"
                )
                ui.label(STANDING_ZH[line.standing]).classes("sl-tag").props("data-mark=standing")
                ui.link(found.campaign.name, f"/outreach/campaign/{found.campaign.id}").classes("ml-auto")
            fact("识别号", line.identifier_mask)
            fact("地区", line.region)
            fact("到期", short_day(line.due))
            if self._who.may(Action.SEE_CASES):
                for bill in found.bills:
                    fact(
                        f"{bill.bill_no} {bill.tax_type} {bill.period}",
                        f"未缴{yuan(bill.unpaid)}，{short_day(bill.due)}到期",
                    )
            for stage, at in found.stations.items():
                fact(STAGE_ZH[stage], moment(at))
            if found.closed_at is not None:
                fact("关闭", f"{moment(found.closed_at)}（{STANDING_ZH[line.standing]}）")

    def _score(self, found: File) -> None:
        with ui.element("section").classes("sl-panel").props("data-mark=score"):
            heading(f"风险评分：{found.line.score}分，{TIER_ZH[found.line.tier]}")
            if not found.reasons:
                ui.label("没有加分或减分的情形。").classes("sl-keys")
            else:
                plain_table(
                    ("理由", "分"),
                    [(each.words, f"{each.points:+d}") for each in found.reasons],
                    "score-reasons",
                )

    def _steps(self, found: File) -> None:
        with ui.element("section").classes("sl-panel").props("data-mark=steps"):
            heading("步骤和每次尝试")
            if not found.steps:
                ui.label("没有步骤。").classes("sl-keys")
            for step in found.steps:
                show_step(self._who, step)

    def _events(self, found: File) -> None:
        with ui.element("section").classes("sl-panel").props("data-mark=events"):
            heading("经过")
            if not found.events:
                ui.label("还没有。").classes("sl-keys")
            for each in found.events:
                with ui.element("div").classes("sl-fact sl-line"):
                    ui.label(moment(each.at)).classes("k")
                    ui.label(event_words(each)).classes("v")


@ui.page("/outreach/reminder/{reminder_id}", title="提醒 · 税铃工作台")
async def reminder_page(request: Request, reminder_id: uuid.UUID) -> Response | None:
    """For officers, supervisors and auditors."""
    who = await visitor(request, Action.SEE_OUTREACH)
    if isinstance(who, Response):
        return who
    try:
        async with who.acting(Action.SEE_OUTREACH) as (session, _):
            await reminder(session, reminder_id, parts().now())
    except LookupError as error:
        return PlainTextResponse(str(error), 404)
    await ReminderPage(who, reminder_id).run()
    return None
