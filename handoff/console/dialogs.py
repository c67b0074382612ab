"""The questions asked before a conversation changes hands, and before words go out against the guard's advice."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from nicegui import ui
from sqlalchemy import select

from handoff.console.asking import answer, question
from handoff.console.parts import parts
from handoff.console.visitor import Visitor, told
from handoff.invite import invite
from handoff.moves import DISPOSITION_ZH, Disposition, close, hand_back, release, transfer
from handoff.permissions import Action
from handoff.ports import Finding
from handoff.resume import BY_KEY, POINTS
from handoff.skills import SKILL_ZH, Skill
from store.handoff_models import Presence, Staff

_ENDINGS = {d.value: words for d, words in DISPOSITION_ZH.items() if d is not Disposition.LEFT}
_PRESENCE = {Presence.ONLINE: "在线", Presence.AWAY: "小休", Presence.OFFLINE: "离线"}


async def ask_override(findings: Sequence[Finding]) -> str | None:
    """Why to send it all the same, or ``None``: not to."""
    with question("发送前请再看一眼", "w-[28rem]") as dialog:
        for finding in findings:
            ui.label(finding.words).classes("sl-warn")
        why = (
            ui.input("坚持发送的理由（会记录）")
            .props("outlined dense maxlength=200")
            .classes("w-full")
            .props("data-mark=why")
        )
        with ui.row().classes("w-full justify-end"):
            ui.button("改一改", on_click=lambda: dialog.submit(None)).props("unelevated no-caps").props(
                "data-mark=rewrite"
            )
            send = ui.button("仍然发送", on_click=lambda: dialog.submit(why.value)).props(
                "outline no-caps color=negative"
            )
            send.props("data-mark=send-anyway").bind_enabled_from(
                why, "value", lambda value: bool((value or "").strip())
            )
    why_all_the_same = await answer(dialog)
    return why_all_the_same if isinstance(why_all_the_same, str) else None


async def ask_transfer(who: Visitor, conversation_id: uuid.UUID) -> bool:
    """To a skill, to a colleague, or back into the queue; whether it was done."""
    colleagues = await _colleagues(who)
    with question("转接", "w-[28rem]") as dialog:
        skill = ui.select(
            {s.value: words for s, words in SKILL_ZH.items()}, label="转给技能组", clearable=True
        ).classes("w-full")
        person = ui.select(colleagues, label="或者转给同事", clearable=True).classes("w-full")
        note = ui.input("给同事的话").props("maxlength=200").classes("w-full")

        @told
        async def do(back: bool = False) -> None:
            async with who.acting(Action.TRANSFER) as (session, staff):
                if back:
                    await release(session, staff, conversation_id)
                else:
                    await transfer(
                        session,
                        staff,
                        conversation_id,
                        skill=Skill(skill.value) if skill.value else None,
                        to=uuid.UUID(person.value) if person.value else None,
                        note=note.value or "",
                    )
            dialog.submit(True)

        with ui.row().classes("w-full justify-end"):
            ui.button("取消", on_click=lambda: dialog.submit(False)).props("flat no-caps")
            ui.button("放回队列", on_click=lambda: do(True)).props("outline no-caps")
            ui.button("转接", on_click=do).props("unelevated no-caps").props("data-mark=do-transfer")
    return bool(await answer(dialog))


async def ask_invite(who: Visitor, conversation_id: uuid.UUID) -> bool:
    """An officer to look at it; whether somebody was invited."""
    colleagues = await _colleagues(who)
    with question("邀请同事看一下", "w-[28rem]") as dialog:
        person = ui.select(colleagues, label="同事").classes("w-full")
        why = ui.input("请他看什么").props("maxlength=200").classes("w-full")

        @told
        async def do() -> None:
            async with who.acting(Action.TRANSFER) as (session, staff):
                whom = uuid.UUID(person.value) if person.value else uuid.UUID(int=0)
                await invite(session, staff, conversation_id, whom, why.value or "")
            dialog.submit(True)

        with ui.row().classes("w-full justify-end"):
            ui.button("取消", on_click=lambda: dialog.submit(False)).props("flat no-caps")
            ui.button("邀请", on_click=do).props("unelevated no-caps")
    return bool(await answer(dialog))


async def ask_hand_back(who: Visitor, conversation_id: uuid.UUID) -> bool:
    """How it ended and where the bot goes on; whether it was handed back."""
    with question("交回税铃", "w-[28rem]") as dialog:
        ending = ui.select(_ENDINGS, label="结果", value=Disposition.SOLVED.value).classes("w-full")
        point = ui.select(
            {p.key: p.label for p in POINTS}, label="税铃从哪里接着（可不选）", clearable=True
        ).classes("w-full")
        note = ui.input("备注").props("maxlength=500").classes("w-full")

        @told
        async def do() -> None:
            async with who.acting(Action.HAND_BACK) as (session, staff):
                await hand_back(session, staff, conversation_id, Disposition(ending.value), note.value or "")
            chosen = BY_KEY.get(point.value)
            if chosen is not None:
                await parts().prompt(conversation_id, chosen.command, chosen.shown)
            dialog.submit(True)

        with ui.row().classes("w-full justify-end"):
            ui.button("取消", on_click=lambda: dialog.submit(False)).props("flat no-caps")
            ui.button("交回", on_click=do).props("unelevated no-caps").props("data-mark=do-hand-back")
    return bool(await answer(dialog))


async def ask_close(who: Visitor, conversation_id: uuid.UUID) -> bool:
    """How it ended; whether it was closed."""
    with question("结束会话", "w-[28rem]") as dialog:
        ending = ui.select(_ENDINGS, label="结果", value=Disposition.SOLVED.value).classes("w-full")
        note = ui.input("备注").props("maxlength=500").classes("w-full")

        @told
        async def do() -> None:
            async with who.acting(Action.CLOSE) as (session, staff):
                await close(session, staff, conversation_id, Disposition(ending.value), note.value or "")
            dialog.submit(True)

        with ui.row().classes("w-full justify-end"):
            ui.button("取消", on_click=lambda: dialog.submit(False)).props("flat no-caps")
            ui.button("结束", on_click=do).props("unelevated no-caps color=negative").props(
                "data-mark=do-close"
            )
    return bool(await answer(dialog))


async def _colleagues(who: Visitor) -> dict[str, str]:
    """Everybody else, those online first."""
    async with who.acting(Action.SEE_CONVERSATION) as (session, staff):
        others = (
            await session.scalars(
                select(Staff).where(Staff.id != staff.id, ~Staff.disabled).order_by(Staff.name)
            )
        ).all()
    others = sorted(others, key=lambda s: s.presence != Presence.ONLINE)
    return {str(s.id): f"{s.name}（{_PRESENCE[Presence(s.presence)]}）" for s in others}
