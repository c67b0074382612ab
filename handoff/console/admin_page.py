"""The administrators' page: accounts, skills, office hours, ready replies."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, time

from fastapi import Request, Response
from nicegui import ui

from handoff import administration
from handoff.canned import VARIABLES
from handoff.console.bits import heading
from handoff.console.frame import PRESENCE_ZH, frame
from handoff.console.visitor import Visitor, told, visitor
from handoff.console.words import clock
from handoff.office import Hours, hours
from handoff.permissions import ROLE_ZH, Action
from handoff.skills import SKILL_ZH
from store.handoff_models import CannedReply, Presence, Staff

_ROLES = {role.value: words for role, words in ROLE_ZH.items()}
_SKILLS = {skill.value: words for skill, words in SKILL_ZH.items()}


class AdminPage:
    """One open page."""

    def __init__(self, who: Visitor) -> None:
        self._who = who
        frame(who, "/console/admin")
        with ui.element("div").classes("sl-page flex flex-col gap-3"):
            self._staff = ui.element("section").classes("sl-panel").props("data-mark=staff")
            self._office = ui.element("section").classes("sl-panel").props("data-mark=office")
            self._replies = ui.element("section").classes("sl-panel").props("data-mark=replies")

    @told
    async def run(self) -> None:
        """Show everything as it is."""
        async with self._who.acting(Action.MANAGE_STAFF) as (session, staff):
            everybody = await administration.list_staff(session, staff)
            opening = await hours(session)
            replies = await administration.list_canned(session, staff)
        self._show_staff(everybody)
        self._show_office(opening)
        self._show_replies(replies)

    def _show_staff(self, everybody: Sequence[Staff]) -> None:
        self._staff.clear()
        with self._staff:
            with ui.row().classes("items-center w-full"):
                ui.label("账号").classes("text-lg font-bold")
                ui.button("新账号", on_click=self._new).props("unelevated no-caps").classes("ml-auto").props(
                    "data-mark=new-staff"
                )
            for staff in everybody:
                with ui.element("div").classes("sl-fact items-center sl-line"):
                    roles = "、".join(_ROLES.get(r, r) for r in staff.roles)
                    skills = "、".join(_SKILLS.get(s, s) for s in staff.skills) or "无技能"
                    off = "（已停用）" if staff.disabled else ""
                    ui.label(f"{staff.name} {staff.login}{off}").classes("k")
                    ui.label(f"{roles} · {skills} · 同时{staff.max_load}个 · {_seen(staff)}").classes("v")
                    with ui.row().classes("gap-0 no-wrap"):
                        ui.button("改", on_click=lambda staff=staff: self._change(staff)).props(
                            "flat dense no-caps"
                        )
                        ui.button("重设密码", on_click=lambda staff=staff: self._password(staff)).props(
                            "flat dense no-caps"
                        )
                        if staff.totp_enc is not None:
                            ui.button(
                                "取消动态口令", on_click=lambda staff=staff: self._drop_totp(staff.id)
                            ).props("flat dense no-caps")
                        if _locked(staff):
                            ui.button(
                                "解锁", on_click=lambda staff=staff: self._switch(staff.id, True)
                            ).props("flat dense no-caps")
                        ui.button(
                            "启用" if staff.disabled else "停用",
                            on_click=lambda staff=staff: self._switch(staff.id, staff.disabled),
                        ).props("flat dense no-caps color=negative")

    @told
    async def _new(self) -> None:
        with ui.context.client.content, ui.dialog() as dialog, ui.card().classes("w-[28rem] max-w-full"):
            ui.label("新账号").classes("text-lg font-bold")
            login = ui.input("账号（小写字母和数字）").classes("w-full").props("data-mark=new-login")
            name = ui.input("姓名（纳税人会看到）").classes("w-full").props("data-mark=new-name")
            password = ui.input("初始密码（至少10位）", password=True, password_toggle_button=True).classes(
                "w-full"
            )
            roles = ui.select(_ROLES, label="角色", multiple=True).classes("w-full")
            skills = ui.select(_SKILLS, label="技能", multiple=True).classes("w-full")
            load = ui.number("同时接待", value=4, min=1, max=50, precision=0).classes("w-full")

            @told
            async def do() -> None:
                async with self._who.acting(Action.MANAGE_STAFF) as (session, staff):
                    await administration.add_staff(
                        session,
                        staff,
                        login=login.value or "",
                        name=name.value or "",
                        password=password.value or "",
                        roles=roles.value or [],
                        skills=skills.value or [],
                        max_load=int(load.value or 0),
                    )
                dialog.submit(True)

            _buttons(dialog, "建立", do)
        await self._after(dialog)

    @told
    async def _change(self, account: Staff) -> None:
        with ui.context.client.content, ui.dialog() as dialog, ui.card().classes("w-[28rem] max-w-full"):
            ui.label(f"修改 {account.login}").classes("text-lg font-bold")
            name = ui.input("姓名", value=account.name).classes("w-full")
            roles = ui.select(_ROLES, label="角色", multiple=True, value=list(account.roles)).classes(
                "w-full"
            )
            skills = ui.select(_SKILLS, label="技能", multiple=True, value=list(account.skills)).classes(
                "w-full"
            )
            load = ui.number("同时接待", value=account.max_load, min=1, max=50, precision=0).classes("w-full")

            @told
            async def do() -> None:
                async with self._who.acting(Action.MANAGE_STAFF) as (session, staff):
                    await administration.change_staff(
                        session,
                        staff,
                        account.id,
                        name=name.value or "",
                        roles=roles.value or [],
                        skills=skills.value or [],
                        max_load=int(load.value or 0),
                    )
                dialog.submit(True)

            _buttons(dialog, "保存", do)
        await self._after(dialog)

    @told
    async def _password(self, account: Staff) -> None:
        with ui.context.client.content, ui.dialog() as dialog, ui.card():
            ui.label(f"给 {account.login} 重设密码，对方要重新登录。").classes("font-bold")
            fresh = ui.input("新密码（至少10位）", password=True, password_toggle_button=True).classes("w-72")

            @told
            async def do() -> None:
                async with self._who.acting(Action.MANAGE_STAFF) as (session, staff):
                    await administration.reset_password(session, staff, account.id, fresh.value or "")
                dialog.submit(True)

            _buttons(dialog, "重设", do)
        await self._after(dialog)

    @told
    async def _drop_totp(self, staff_id: uuid.UUID) -> None:
        async with self._who.acting(Action.MANAGE_STAFF) as (session, staff):
            await administration.remove_totp(session, staff, staff_id)
        await self.run()

    @told
    async def _switch(self, staff_id: uuid.UUID, disabled: bool) -> None:
        async with self._who.acting(Action.MANAGE_STAFF) as (session, staff):
            if disabled:
                await administration.enable_staff(session, staff, staff_id)
            else:
                await administration.disable_staff(session, staff, staff_id)
        await self.run()

    def _show_office(self, opening: Hours) -> None:
        self._office.clear()
        with self._office:
            ui.label("人工服务时间").classes("text-lg font-bold")
            ui.label("官方工作日（含调休上班日），北京时间。每行一段，例如 09:00-12:00。").classes("sl-keys")
            written = "\n".join(f"{a:%H:%M}-{b:%H:%M}" for a, b in opening.stretches)
            area = (
                ui.textarea(value=written).props("outlined autogrow").classes("w-72").props("data-mark=hours")
            )

            @told
            async def save() -> None:
                async with self._who.acting(Action.MANAGE_OFFICE) as (session, staff):
                    await administration.set_office_hours(session, staff, stretches(area.value or ""))
                ui.notify("已保存。", type="positive", position="top")

            ui.button("保存", on_click=save).props("unelevated no-caps").props("data-mark=save-hours")

    def _show_replies(self, replies: Sequence[CannedReply]) -> None:
        self._replies.clear()
        with self._replies:
            with ui.row().classes("items-center w-full"):
                ui.label("常用语").classes("text-lg font-bold")
                ui.button("新常用语", on_click=lambda: self._reply(None)).props("unelevated no-caps").classes(
                    "ml-auto"
                )
            for reply in replies:
                with ui.element("div").classes("sl-fact items-center sl-line"):
                    ui.label(reply.title + ("（已收起）" if reply.retired else "")).classes("k")
                    ui.label(reply.text).classes("v")
                    with ui.row().classes("gap-0 no-wrap"):
                        ui.button("改", on_click=lambda reply=reply: self._reply(reply)).props(
                            "flat dense no-caps"
                        )
                        ui.button(
                            "恢复" if reply.retired else "收起",
                            on_click=lambda reply=reply: self._retire(reply.id, not reply.retired),
                        ).props("flat dense no-caps")
            heading("可以用的变量")
            for name, meaning in VARIABLES.items():
                ui.label(f"{{{name}}}：{meaning}").classes("sl-keys")

    @told
    async def _reply(self, reply: CannedReply | None) -> None:
        with ui.context.client.content, ui.dialog() as dialog, ui.card().classes("w-[30rem] max-w-full"):
            title = ui.input("标题", value=reply.title if reply else "").classes("w-full")
            text = ui.textarea("内容", value=reply.text if reply else "").props("autogrow").classes("w-full")
            skill = ui.select(
                _SKILLS, label="只给这个技能（可不选）", value=reply.skill if reply else None, clearable=True
            ).classes("w-full")

            @told
            async def do() -> None:
                async with self._who.acting(Action.MANAGE_OFFICE) as (session, staff):
                    words = {"title": title.value or "", "text": text.value or "", "skill": skill.value}
                    if reply is None:
                        await administration.add_canned(session, staff, **words)
                    else:
                        await administration.rewrite_canned(session, staff, reply.id, **words)
                dialog.submit(True)

            _buttons(dialog, "保存", do)
        await self._after(dialog)

    @told
    async def _retire(self, reply_id: uuid.UUID, retired: bool) -> None:
        async with self._who.acting(Action.MANAGE_OFFICE) as (session, staff):
            await administration.retire_canned(session, staff, reply_id, retired)
        await self.run()

    async def _after(self, dialog: ui.dialog) -> None:
        done = await dialog
        dialog.delete()
        if done:
            await self.run()


def stretches(written: str) -> list[tuple[time, time]]:
    """``09:00-12:00``, one a line. Raises :class:`ValueError` with what is wrong."""
    found = []
    for line in filter(None, (line.strip() for line in written.replace("：", ":").splitlines())):
        starts, dash, ends = line.replace("—", "-").replace("到", "-").partition("-")
        try:
            found.append(
                (time.fromisoformat(starts.strip().zfill(5)), time.fromisoformat(ends.strip().zfill(5)))
            )
        except ValueError:
            raise ValueError(f"「{line}」看不懂，请写成 09:00-12:00。") from None
        if not dash:
            raise ValueError(f"「{line}」看不懂，请写成 09:00-12:00。")
    return found


def _locked(staff: Staff) -> bool:
    return staff.locked_until is not None and staff.locked_until > datetime.now(UTC)


def _seen(staff: Staff) -> str:
    if staff.presence != Presence.OFFLINE:
        return PRESENCE_ZH[Presence(staff.presence)]
    return f"上次在线{clock(staff.seen_at)}" if staff.seen_at else "没有登录过"


def _buttons(dialog: ui.dialog, words: str, do: Callable[[], Awaitable[None]]) -> None:
    with ui.row().classes("w-full justify-end"):
        ui.button("取消", on_click=lambda: dialog.submit(False)).props("flat no-caps")
        ui.button(words, on_click=do).props("unelevated no-caps").props("data-mark=do-save")


@ui.page("/admin", title="管理 · 税铃工作台")
async def admin_page(request: Request) -> Response | None:
    """For administrators."""
    who = await visitor(request, Action.MANAGE_STAFF)
    if isinstance(who, Response):
        return who
    await AdminPage(who).run()
    return None
