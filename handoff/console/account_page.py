"""One's own account: the password, and the one-time code of an authenticator."""

from __future__ import annotations

import segno
from fastapi import Request, Response
from nicegui import ui

from handoff import totp
from handoff.console.frame import frame
from handoff.console.parts import parts
from handoff.console.visitor import SessionEnded, Visitor, to_login, told, visitor
from handoff.login import LogInRefused, change_password
from handoff.sessions import session_of


class AccountPage:
    """One open page."""

    def __init__(self, who: Visitor) -> None:
        self._who = who
        frame(who, "/console/account")
        with ui.element("div").classes("sl-page flex flex-col gap-3 max-w-2xl"):
            with ui.element("section").classes("sl-panel"):
                ui.label("修改密码").classes("text-lg font-bold")
                self._old = ui.input("现在的密码", password=True).classes("w-80").props("data-mark=old")
                self._new = ui.input(
                    "新密码（至少10位）", password=True, password_toggle_button=True
                ).classes("w-80")
                ui.button("修改", on_click=self._change).props("unelevated no-caps")
                ui.label("修改以后所有登录都会退出，请用新密码重新登录。").classes("sl-keys")
            self._codes = ui.element("section").classes("sl-panel")

    @told
    async def run(self) -> None:
        """Show whether codes are asked for."""
        async with parts().sessions() as session, session.begin():
            staff = await session_of(session, self._who.token)
            if staff is None:
                raise SessionEnded
            enrolled = staff.totp_enc is not None
        self._codes.clear()
        with self._codes:
            ui.label("动态口令").classes("text-lg font-bold")
            if enrolled:
                ui.label("已开通：登录时要输入验证器上的六位数字。").classes("text-sm")
                ui.label("手机丢了请找管理员取消。").classes("sl-keys")
                return
            ui.label("开通后，登录除了密码还要手机验证器上的六位数字。").classes("text-sm")
            ui.button("开通", on_click=self._offer).props("outline no-caps")

    @told
    async def _offer(self) -> None:
        offered = totp.offer(self._who.login)
        self._codes.clear()
        with self._codes:
            ui.label("用验证器扫这个码，再输入它显示的六位数字。").classes("text-sm")
            ui.image(segno.make(offered.uri).png_data_uri(scale=5)).classes("w-56")
            ui.label(f"不能扫码时手工输入：{offered.secret}").classes("sl-keys")
            code = ui.input("六位数字").props("outlined dense maxlength=8 inputmode=numeric").classes("w-40")

            @told
            async def confirm() -> None:
                async with parts().sessions() as session, session.begin():
                    staff = await session_of(session, self._who.token)
                    if staff is None:
                        raise SessionEnded
                    await totp.confirm(
                        session,
                        parts().cipher,
                        staff.id,
                        offered.secret,
                        code.value or "",
                        actor=f"staff:{staff.login}",
                    )
                ui.notify("已开通。", type="positive", position="top")
                await self.run()

            ui.button("确认", on_click=confirm).props("unelevated no-caps")

    @told
    async def _change(self) -> None:
        try:
            await change_password(
                parts().sessions, self._who.staff_id, self._old.value or "", self._new.value or ""
            )
        except LogInRefused as error:
            raise ValueError(str(error)) from error
        to_login()


@ui.page("/account", title="我的账号 · 税铃工作台")
async def account_page(request: Request) -> Response | None:
    """For everybody who is logged in."""
    who = await visitor(request)
    if isinstance(who, Response):
        return who
    await AccountPage(who).run()
    return None
