"""The words of messages: listed, changed, and checked while they are written."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import Request, Response
from nicegui import ui

from handoff.console.bits import heading
from handoff.console.frame import frame
from handoff.console.picking import on_pick
from handoff.console.visitor import Visitor, told, visitor
from handoff.permissions import Action
from outreach import templates
from outreach.console.links import LINK, rooms
from outreach.console.words import actor, moment
from outreach.reading import people
from store.outreach_models import Template

_ONE_TEXT = 66
"""Characters that go out as one text message (UCS-2, with the signature)."""


class TemplatesPage:
    """One open page."""

    def __init__(self, who: Visitor) -> None:
        self._who = who
        self._templates: Sequence[Template] = ()
        self._people: dict[str, str] = {}
        self._open: str | None = None
        frame(who, LINK)
        with ui.element("div").classes("sl-page flex flex-col gap-3"):
            rooms("templates")
            with ui.element("div").classes(
                "grid grid-cols-1 lg:grid-cols-[20rem_1fr] gap-3 w-full items-start"
            ):
                with ui.element("section").classes("sl-panel"):
                    with ui.row().classes("items-center w-full"):
                        ui.label("模板").classes("text-lg font-bold").props("role=heading aria-level=2")
                        if who.may(Action.SAVE_TEMPLATE):
                            ui.button("新模板", on_click=self._new).props(
                                "flat no-caps data-mark=new-template"
                            ).classes("ml-auto")
                    self._list = ui.element("div").props("data-mark=templates")
                self._detail = ui.element("section").classes("sl-panel").props("data-mark=template")
            on_pick(self._list, "template", self._picked)

    async def run(self) -> None:
        """Show the list."""
        await self._refresh()
        with self._detail:
            ui.label("左边选一个模板。").classes("sl-empty")

    @told
    async def _refresh(self) -> None:
        async with self._who.acting(Action.SEE_OUTREACH) as (session, _):
            self._templates = await templates.listed(session)
            self._people = await people(session, [each.saved_by for each in self._templates])
        self._list.clear()
        with self._list:
            if not self._templates:
                ui.label("还没有模板。").classes("sl-empty")
            for each in self._templates:
                line = (
                    ui.element("div")
                    .classes("sl-row here" if each.key == self._open else "sl-row")
                    .props(f'role=button tabindex=0 data-template="{each.key}"')
                    .props(f'data-mark="template-{each.key}"')
                )
                with line:
                    ui.label(each.title).classes("font-bold")
                    ui.label(each.key).classes("sl-keys")

    async def _picked(self, key: str) -> None:
        found = next((each for each in self._templates if each.key == key), None)
        if found is not None:
            self._open = key
            self._show(found)
            await self._refresh()

    def _new(self) -> None:
        self._open = None
        self._show(None)

    def _show(self, found: Template | None) -> None:
        may = self._who.may(Action.SAVE_TEMPLATE)
        locked = "" if may else "readonly "
        self._detail.clear()
        with self._detail:
            ui.label(found.title if found is not None else "新模板").classes("text-lg font-bold")
            if found is not None:
                ui.label(
                    f"{actor(found.saved_by, self._people)} {moment(found.saved_at)} 保存；发出去的旧消息不变。"
                ).classes("sl-keys")
            key = ui.input("编号（方案里用的 template）", value=found.key if found is not None else "")
            key.props(
                f"outlined dense maxlength=40 data-mark=template-key {'' if found is None else 'readonly'}"
            )
            title = ui.input("标题", value=found.title if found is not None else "")
            title.props(f"{locked}outlined dense maxlength={templates.LONGEST_TITLE}").classes("w-full mt-2")
            words = ui.textarea(
                "站内文字（核实过身份的人看）", value=found.words if found is not None else ""
            )
            words.props(f"{locked}outlined autogrow maxlength=500 data-mark=template-words").classes(
                "w-full mt-2"
            )
            about = ui.textarea(
                "短信和微信文字（谁都可能看到）", value=found.about if found is not None else ""
            )
            about.props(f"{locked}outlined autogrow maxlength=300 data-mark=template-about").classes(
                "w-full mt-2"
            )
            length = ui.label().classes("sl-keys")
            heading("检查")
            problems = ui.element("ul").props('data-mark=template-problems role=status aria-live="polite"')

            def check() -> bool:
                said = (about.value or "").strip()
                parts = "一条短信" if len(said) <= _ONE_TEXT else "会拆成两条短信"
                length.set_text(f"短信文字{len(said)}个字，{parts}。")
                found_wrong = templates.lint((words.value or "").strip(), said)
                problems.clear()
                with problems:
                    for problem in found_wrong:
                        with ui.element("li").classes("sl-warn"):
                            ui.label(problem)
                    if not found_wrong:
                        ui.label("没有问题。").classes("text-primary")
                return not found_wrong

            for field in (words, about):
                field.on_value_change(lambda: check())
            check()

            @told
            async def save() -> None:
                wanted = (key.value or "").strip()
                async with self._who.acting(Action.SAVE_TEMPLATE) as (session, staff):
                    saved = await templates.save(
                        session, staff, wanted, title.value or "", words.value or "", about.value or ""
                    )
                ui.notify("已保存，之后的消息用新的文字。", type="positive", position="top")
                self._open = saved.key
                await self._refresh()

            if may:
                ui.button("保存", on_click=save).props("unelevated no-caps data-mark=save-template").classes(
                    "mt-2"
                )


@ui.page("/outreach/templates", title="模板 · 税铃工作台")
async def templates_page(request: Request) -> Response | None:
    """For whoever may see outreach; supervisors write."""
    who = await visitor(request, Action.SEE_OUTREACH)
    if isinstance(who, Response):
        return who
    await TemplatesPage(who).run()
    return None
