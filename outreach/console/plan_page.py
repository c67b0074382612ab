"""A strategy as text: taken from those that are shipped, changed, checked in place, previewed, kept as a draft."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path

import yaml
from fastapi import Request, Response
from nicegui import ui

from handoff.console.frame import frame
from handoff.console.parts import parts
from handoff.console.visitor import Visitor, told, visitor
from handoff.permissions import Action
from outreach import campaigns
from outreach.audience import preview
from outreach.campaigns import only_fictional
from outreach.console.links import LINK, rooms
from outreach.console.preview_view import show_preview
from outreach.plan import CAMPAIGNS, Plan, PlanError, load_plan, read_plan
from outreach.reading import Head, campaign
from outreach.risk import load_rules

LONGEST = 20_000
"""Characters of a strategy."""


def read_text(text: str) -> Plan:
    """The strategy that YAML describes. Raises :class:`PlanError`, whose words name line or field."""
    if len(text) > LONGEST:
        raise PlanError(f"方案最多{LONGEST}个字符。")
    try:
        raw = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"第{mark.line + 1}行第{mark.column + 1}个字符附近" if mark is not None else "有一处"
        raise PlanError(f"{where}不是有效的 YAML。") from error
    except yaml.YAMLError as error:
        raise PlanError("不是有效的 YAML。") from error
    return read_plan(raw)


def as_text(plan: Plan) -> str:
    """A strategy as YAML, without what is left at its default."""
    return yaml.safe_dump(
        plan.model_dump(mode="json", exclude_defaults=True), allow_unicode=True, sort_keys=False, width=120
    )


def shipped(*, demonstration: bool) -> Mapping[str, Path]:
    """The strategies that come with the product by their titles, the standard one first.

    Those that call at any hour are for a ``demonstration`` only.
    """
    files = sorted(CAMPAIGNS.glob("*.yml"), key=lambda path: (path.stem != "standard", path.stem))
    plans = {path: load_plan(path) for path in files}
    return {plan.title: path for path, plan in plans.items() if demonstration or plan.limits.workdays_only}


class PlanPage:
    """One open page; ``head`` and ``plan`` of the draft that is changed, ``None`` for a new campaign.

    ``choices``: what a new one may begin with, see :func:`shipped`.
    """

    def __init__(
        self, who: Visitor, head: Head | None, plan: Plan | None, choices: Mapping[str, Path]
    ) -> None:
        self._who = who
        self._head = head
        self._shipped = choices
        frame(who, LINK)
        with ui.element("div").classes("sl-page flex flex-col gap-3"):
            rooms("")
            with ui.element("div").classes("grid grid-cols-1 lg:grid-cols-2 gap-3 w-full items-start"):
                with ui.element("section").classes("sl-panel"):
                    self._form(plan)
                self._found = ui.element("section").classes("sl-panel").props("data-mark=preview")
                with self._found:
                    ui.label("点“检查并预览”，看看会提醒到谁。").classes("sl-empty")

    def _form(self, plan: Plan | None) -> None:
        title = "新活动" if self._head is None else f"改方案：{self._head.name}"
        ui.label(title).classes("text-lg font-bold").props("role=heading aria-level=2")
        first = next(iter(self._shipped), None)
        if self._head is None:
            self._name = ui.input("活动名称").props("outlined dense maxlength=40 data-mark=campaign-name")
            self._name.classes("w-full")
            if first is not None:
                choice = ui.select(list(self._shipped), value=first, label="从哪个方案开始").props(
                    "outlined dense"
                )
                choice.classes("w-full mt-2").on_value_change(lambda event: self._take(str(event.value)))
        self._text = (
            ui.textarea("方案（YAML）", value=as_text(plan) if plan is not None else "")
            .props("outlined data-mark=plan-text input-style='font-family: monospace; height: 26rem'")
            .classes("w-full mt-2")
        )
        self._wrong = ui.element("ul").classes("sl-warn mt-1").props("role=alert data-mark=plan-errors")
        with ui.row().classes("gap-2 mt-2"):
            ui.button("检查并预览", on_click=self._preview).props("outline no-caps data-mark=do-preview")
            ui.button("存为草稿" if self._head is None else "保存", on_click=self._save).props(
                "unelevated no-caps data-mark=save-plan"
            )
        if plan is None and first is not None:
            self._take(first)

    def _take(self, title: str) -> None:
        self._text.value = self._shipped[title].read_text(encoding="utf-8")
        self._wrong.clear()

    def _plan(self) -> Plan | None:
        self._wrong.clear()
        try:
            return read_text(self._text.value or "")
        except PlanError as error:
            with self._wrong:
                for problem in str(error).split("；"):
                    with ui.element("li"):
                        ui.label(problem)
            return None

    @told
    async def _preview(self) -> None:
        plan = self._plan()
        if plan is None:
            return
        async with self._who.acting(Action.RUN_OUTREACH) as (session, _):
            found = await preview(session, plan.audience, parts().today(), load_rules(), plan=plan)
        self._found.clear()
        with self._found:
            show_preview(found)

    @told
    async def _save(self) -> None:
        plan = self._plan()
        if plan is None:
            return
        async with self._who.acting(Action.RUN_OUTREACH) as (session, staff):
            by = f"staff:{staff.login}"
            if self._head is None:
                made = await campaigns.create(session, by, (self._name.value or "").strip(), plan)
                campaign_id = made.id
            else:
                await campaigns.edit(session, by, self._head.id, plan)
                campaign_id = self._head.id
        ui.navigate.to(f"/outreach/campaign/{campaign_id}")


@ui.page("/outreach/new", title="新活动 · 税铃工作台")
async def new_page(request: Request) -> Response | None:
    """For supervisors."""
    who = await visitor(request, Action.RUN_OUTREACH)
    if isinstance(who, Response):
        return who
    async with who.acting(Action.RUN_OUTREACH) as (session, _):
        demonstration = await only_fictional(session)
    PlanPage(who, None, None, shipped(demonstration=demonstration))
    return None


@ui.page("/outreach/campaign/{campaign_id}/plan", title="改方案 · 税铃工作台")
async def plan_page(request: Request, campaign_id: uuid.UUID) -> Response | None:
    """For supervisors; only a draft can be kept."""
    who = await visitor(request, Action.RUN_OUTREACH)
    if isinstance(who, Response):
        return who
    try:
        async with who.acting(Action.RUN_OUTREACH) as (session, _):
            head, plan = await campaign(session, campaign_id)
    except LookupError as error:
        return Response(str(error), 404, media_type="text/plain")
    PlanPage(who, head, plan, {})
    return None
