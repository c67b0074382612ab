"""Leaving a taxpayer alone for a while or for good, and taking that back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime, time, timedelta

from nicegui import ui

from handoff.console.asking import answer, question
from handoff.console.bits import heading
from handoff.console.visitor import Visitor, told
from handoff.console.words import SHANGHAI
from handoff.permissions import Action
from handoff.thread import for_the_record
from outreach.console.asking import ask_sure
from outreach.console.words import actor, moment
from outreach.pauses import lift, pause_contact
from outreach.reminder_file import File, PauseLine


class PauseView:
    """The panel; ``done`` is called after each change."""

    def __init__(
        self,
        who: Visitor,
        file: File,
        done: Callable[[], Awaitable[None]],
    ) -> None:
        self._who = who
        self._file = file
        self._done = done

    def show(self) -> None:
        """Draw it where the page is being built."""
        may = self._who.may(Action.RUN_OUTREACH)
        with ui.element("section").classes("sl-panel").props("data-mark=pauses"):
            with ui.row().classes("items-center w-full"):
                heading("暂停联系")
                if may:
                    ui.button("暂停这位纳税人", on_click=self._pause).props(
                        "outline no-caps data-mark=pause-contact"
                    ).classes("ml-auto")
            if not self._file.pauses:
                ui.label("没有暂停。").classes("sl-keys")
            for each in self._file.pauses:
                with ui.row().classes("items-center w-full gap-2"):
                    by = actor(each.by, self._file.people)
                    what = "只停电话" if each.calls_only else "电话和消息都停"
                    ui.label(
                        f"{what}，{until_words(each.until)}。原因：{each.reason}（{by} {moment(each.created_at)}）"
                    ).classes("grow")
                    if may:
                        ui.button("解除", on_click=lambda each=each: self._lift(each)).props(
                            "flat dense no-caps data-mark=lift"
                        )

    @told
    async def _pause(self) -> None:
        with question("暂停联系这位纳税人") as dialog:
            ui.label("暂停期间所有活动都不联系。对方来找我们，照常接待；依法要送达的文书不受影响。")
            why = ui.input("原因").props("outlined dense autofocus maxlength=200 data-mark=pause-reason")
            why.classes("w-full")
            until = ui.input("到哪一天为止（含当天，空着就一直停）").props(
                "type=date outlined dense stack-label data-mark=pause-until"
            )
            until.classes("w-full")
            calls_only = ui.checkbox("只停电话，消息照发")

            @told
            async def do() -> None:
                reason = for_the_record(why.value or "")
                if not reason:
                    raise ValueError("请写原因。")
                ends = end_of(until.value)
                async with self._who.acting(Action.RUN_OUTREACH) as (session, staff):
                    await pause_contact(
                        session,
                        f"staff:{staff.login}",
                        taxpayer_id=self._file.line.taxpayer_id,
                        until=ends,
                        reason=reason,
                        calls_only=bool(calls_only.value),
                    )
                dialog.submit(True)

            with ui.row().classes("w-full justify-end"):
                ui.button("取消", on_click=lambda: dialog.submit(False)).props("flat no-caps")
                ui.button("暂停联系", on_click=do).props("unelevated no-caps data-mark=do-pause")
        if await answer(dialog):
            ui.notify("已暂停联系。", type="positive", position="top")
            await self._done()

    @told
    async def _lift(self, pause: PauseLine) -> None:
        if not await ask_sure(
            "解除暂停？", f"原因是：{pause.reason}。解除以后到时间的步骤会照常做。", "解除"
        ):
            return
        async with self._who.acting(Action.RUN_OUTREACH) as (session, staff):
            await lift(session, f"staff:{staff.login}", pause.id)
        ui.notify("已解除。", type="positive", position="top")
        await self._done()


def end_of(day: str | None) -> datetime | None:
    """The end of a day in Asia/Shanghai, ``None`` for none. Raises :class:`ValueError`."""
    if not day:
        return None
    try:
        return datetime.combine(date.fromisoformat(day) + timedelta(days=1), time(), SHANGHAI)
    except ValueError:
        raise ValueError("请选一个日期。") from None


def until_words(until: datetime | None) -> str:
    """How long it lasts; a pause that ends at midnight is said with its last day."""
    if until is None:
        return "一直"
    local = until.astimezone(SHANGHAI)
    if local.time() == time():
        return f"到 {local.date() - timedelta(days=1)}（含当天）"
    return f"到 {moment(until)}"
