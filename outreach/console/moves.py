"""The buttons that start, pause, resume and stop a campaign, each with what it means said first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui

from handoff.console.parts import parts
from handoff.console.visitor import Visitor, told
from handoff.permissions import Action
from outreach import campaigns
from outreach.audience import preview
from outreach.console.asking import ask_reason, ask_sure
from outreach.console.preview_view import show_preview
from outreach.reading import Head, campaign
from outreach.risk import load_rules
from store.outreach_models import CampaignStatus


class Moves:
    """The row of buttons for one campaign; ``done`` is called after each change."""

    def __init__(self, who: Visitor, head: Head, done: Callable[[], Awaitable[None]]) -> None:
        self._who = who
        self._head = head
        self._done = done

    def show(self) -> None:
        """Draw what can be done now, for whoever may."""
        if not self._who.may(Action.RUN_OUTREACH):
            return
        match self._head.status:
            case CampaignStatus.DRAFT:
                ui.button("预览并开始", on_click=self._start).props("unelevated no-caps data-mark=start")
                ui.button("改方案", on_click=self._edit).props("flat no-caps data-mark=edit-plan")
            case CampaignStatus.RUNNING:
                ui.button("暂停", on_click=self._pause).props("outline no-caps data-mark=pause")
                self._stop_button()
            case CampaignStatus.PAUSED:
                ui.button("继续", on_click=self._resume).props("unelevated no-caps data-mark=resume")
                self._stop_button()
            case CampaignStatus.ENDED:
                pass

    def _stop_button(self) -> None:
        ui.button("停止", on_click=self._stop).props("flat no-caps color=negative data-mark=stop")

    def _edit(self) -> None:
        ui.navigate.to(f"/outreach/campaign/{self._head.id}/plan")

    @told
    async def _start(self) -> None:
        async with self._who.acting(Action.RUN_OUTREACH) as (session, _):
            _, plan = await campaign(session, self._head.id)
            found = await preview(
                session,
                plan.audience,
                parts().today(),
                load_rules(),
                plan=plan,
                campaign_id=self._head.id,
            )
        sure = await ask_sure(
            f"开始“{self._head.name}”？",
            "名单按下面的条件现查现建，之后每天早上补上新到期的。",
            "开始",
            more=lambda: show_preview(found),
        )
        if sure:
            await self._do(campaigns.start, "已开始，正在建名单。")

    @told
    async def _pause(self) -> None:
        if await ask_sure(
            f"暂停“{self._head.name}”？", "这个活动不再拨打和发送，已接通的电话会说完。可以随时继续。", "暂停"
        ):
            await self._do(campaigns.pause, "已暂停。")

    @told
    async def _resume(self) -> None:
        if await ask_sure(
            f"继续“{self._head.name}”？", "到时间的步骤会接着做；过时的重新判断，不会照发。", "继续"
        ):
            await self._do(campaigns.resume, "已继续。")

    @told
    async def _stop(self) -> None:
        why = await ask_reason(
            f"停止“{self._head.name}”？",
            "没做的步骤全部取消，提醒全部关闭，不能再继续。",
            "停止的原因",
            "停止",
            danger=True,
        )
        if why is not None:
            async with self._who.acting(Action.RUN_OUTREACH) as (session, staff):
                await campaigns.stop(session, f"staff:{staff.login}", self._head.id, why)
            await self._told("已停止。")

    async def _do(self, move: Callable[..., Awaitable[object]], words: str) -> None:
        async with self._who.acting(Action.RUN_OUTREACH) as (session, staff):
            await move(session, f"staff:{staff.login}", self._head.id)
        await self._told(words)

    async def _told(self, words: str) -> None:
        ui.notify(words, type="positive", position="top")
        await self._done()
