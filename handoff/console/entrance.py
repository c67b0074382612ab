"""In and out: plain pages without scripts, so that the session's cookie never meets any."""

from __future__ import annotations

import html
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from handoff.console.parts import parts
from handoff.console.visitor import COOKIE, LOGIN
from handoff.login import LogInRefused, log_in
from handoff.sessions import log_out
from store.crypto import CipherError

router = APIRouter()
HOME = "/console/"
_PAGE = """<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>登录 · 税铃工作台</title>
<link rel="stylesheet" href="/console-static/login.css"></head><body><main>
<h1>税铃工作台</h1><p class="bureau">{bureau}</p>{refused}
<form method="post" action="/console/login" autocomplete="on">
<label>账号<input name="login" required maxlength="40" autocomplete="username" autofocus value="{login}"></label>
<label>密码<input name="password" type="password" required maxlength="200" autocomplete="current-password"></label>
<label>动态口令<input name="code" inputmode="numeric" maxlength="8" autocomplete="one-time-code"
 placeholder="没有开通的不用填"></label>
<button>登录</button></form>
<p class="hint">连续输错会暂时锁定。忘记密码请找管理员重设。</p></main></body></html>"""


def _page(status: int = 200, refused: str = "", login: str = "") -> HTMLResponse:
    words = f'<p class="refused" role="alert">{html.escape(refused)}</p>' if refused else ""
    body = _PAGE.format(
        bureau=html.escape(parts().bureau), refused=words, login=html.escape(login, quote=True)
    )
    return HTMLResponse(
        body,
        status,
        headers={
            "Cache-Control": "no-store",
            "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; "
            "frame-ancestors 'none'; base-uri 'none'",
        },
    )


@router.get(LOGIN)
async def entrance() -> HTMLResponse:
    """The form."""
    return _page()


@router.post(LOGIN)
async def enter(
    request: Request,
    login: Annotated[str, Form(max_length=40)] = "",
    password: Annotated[str, Form(max_length=200)] = "",
    code: Annotated[str, Form(max_length=8)] = "",
) -> Response:
    """Log in; the session's token lies in a cookie no script can read and no other site can send."""
    held = parts()
    if not held.may_try(request):
        return _page(429, "试得太多了，请过一分钟再来。", login)
    refused = ""
    token = ""
    try:
        token = (await log_in(held.sessions, held.cipher, login, password, code)).token
    except LogInRefused as error:
        refused = str(error)
    except CipherError:
        return _page(500, "动态口令的密钥打不开，请找管理员取消后重新开通。", login)
    if refused:
        return _page(403, refused, login)
    response = RedirectResponse(HOME, 303)
    response.set_cookie(
        COOKIE, token, httponly=True, samesite="strict", secure=held.secure_cookie, path="/console"
    )
    return response


@router.post("/console/logout")
async def leave(request: Request) -> RedirectResponse:
    """Log out; the cookie of another site's form would not come along."""
    held = parts()
    async with held.sessions() as session, session.begin():
        await log_out(session, request.cookies.get(COOKIE, ""))
    response = RedirectResponse(LOGIN, 303)
    response.delete_cookie(COOKIE, path="/console")
    return response
