"""The red button: everything outreach does stands still, for a reason, until somebody releases it."""

from __future__ import annotations

from nicegui import ui

from handoff.console.visitor import Visitor, told
from handoff.permissions import Action
from outreach.console.asking import ask_reason, ask_sure
from outreach.console.words import actor, moment
from outreach.reading import Switch, people, switch
from outreach.switches import release, stop_all


class RedButton:
    """The panel at the head of the page; it is drawn anew only when the button has moved."""

    def __init__(self, who: Visitor) -> None:
        self._who = who
        self._shown: Switch | None = None
        self._body = ui.element("section").classes("w-full").props('data-mark=red-button aria-live="polite"')

    async def show(self) -> None:
        """Read how it stands and show it."""
        seen_by = Action.STOP_OUTREACH if self._who.may(Action.STOP_OUTREACH) else Action.SEE_OUTREACH
        async with self._who.acting(seen_by, idle=True) as (session, _):
            now = await switch(session)
            names = await people(session, [now.by])
        if now == self._shown:
            return
        self._shown = now
        self._body.clear()
        with self._body:
            if now.stopped:
                self._stopped(now, actor(now.by, names))
            else:
                self._running()

    def _running(self) -> None:
        with ui.row().classes("sl-panel items-center gap-4 no-wrap"):
            with ui.element("div").classes("grow"):
                ui.label("外呼正常").classes("text-lg font-bold")
                ui.label(
                    "按下急停，一秒内所有活动都不再拨打和发送；已接通的电话会说完，验证码照常发。"
                ).classes("sl-keys")
            if self._who.may(Action.STOP_OUTREACH):
                ui.button("全部急停", on_click=self._stop).props(
                    "unelevated no-caps size=xl color=red-9 data-mark=stop-all"
                )

    def _stopped(self, now: Switch, by: str) -> None:
        with (
            ui.row()
            .classes("sl-panel items-center gap-4 no-wrap")
            .style("background: #b3261e; color: #fff; border-color: #b3261e")
        ):
            with ui.element("div").classes("grow").props("role=alert"):
                ui.label("外呼已全部停下").classes("text-2xl font-bold")
                ui.label(f"{by} 于 {moment(now.at)} 停下。原因：{now.reason or '没有写'}").props(
                    "data-mark=stopped-by"
                )
            if self._who.may(Action.STOP_OUTREACH):
                ui.button("恢复外呼", on_click=self._release).props(
                    "unelevated no-caps size=lg color=white text-color=red-9 data-mark=release"
                )

    @told
    async def _stop(self) -> None:
        why = await ask_reason(
            "停下全部外呼？",
            "所有活动立即停止拨打和发送，直到有人恢复。",
            "停下的原因",
            "全部停下",
            danger=True,
        )
        if why is None:
            return
        async with self._who.acting(Action.STOP_OUTREACH) as (session, staff):
            await stop_all(session, f"staff:{staff.login}", why)
        await self.show()

    @told
    async def _release(self) -> None:
        if not await ask_sure(
            "恢复外呼？", "到时间的步骤会马上开始拨打和发送；过时的会重新判断，不会照发。", "恢复"
        ):
            return
        async with self._who.acting(Action.STOP_OUTREACH) as (session, staff):
            await release(session, f"staff:{staff.login}")
        ui.notify("已恢复外呼。", type="positive", position="top")
        await self.show()
