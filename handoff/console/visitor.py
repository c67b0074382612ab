"""Who has a page open: proven anew at every action, by the session in the store and the table of permissions."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec

import structlog
from fastapi import Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from nicegui import ui
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.bill_changes import CannotChange
from handoff.card import CannotReveal
from handoff.casework import CannotSettle
from handoff.claim import CannotClaim
from handoff.console.parts import parts
from handoff.decisions import CannotDecide
from handoff.paper.fonts import DocumentError
from handoff.permissions import Action, NotAllowed, may, require
from handoff.sessions import session_of
from handoff.signing import SigningError
from handoff.thread import BadWords, NotYours
from store.crypto import CipherError
from store.handoff_models import Presence, Staff
from tax.errors import TaxError

log = structlog.get_logger("handoff.console")
COOKIE = "shuiling_console"
LOGIN = "/console/login"
P = ParamSpec("P")
_REFUSALS = (
    CannotChange,
    CannotClaim,
    CannotDecide,
    CannotReveal,
    CannotSettle,
    NotYours,
    BadWords,
    NotAllowed,
    TaxError,
    DocumentError,
    SigningError,
    LookupError,
    ValueError,
)


class SessionEnded(Exception):
    """The login has run out or was ended elsewhere."""


@dataclass(slots=True)
class Visitor:
    """A member of staff at an open page."""

    token: str
    staff_id: uuid.UUID
    login: str
    name: str
    roles: Collection[str]
    presence: Presence

    def may(self, action: Action) -> bool:
        """Whether to show what does ``action``; doing it is checked again."""
        return may(self.roles, action)

    @asynccontextmanager
    async def acting(
        self, action: Action, *, idle: bool = False
    ) -> AsyncIterator[tuple[AsyncSession, Staff]]:
        """One transaction of somebody who is still logged in and may do ``action``.

        ``idle``: done by the page itself; it does not keep the login alive.

        Raises:
            SessionEnded: the login does not hold any more.
            NotAllowed: their roles do not include the action.
        """
        async with parts().sessions() as session, session.begin():
            staff = await session_of(session, self.token, used=not idle)
            if staff is None:
                raise SessionEnded
            self.roles = tuple(staff.roles)
            require(staff.roles, action)
            yield session, staff


async def visitor(request: Request, *actions: Action) -> Visitor | Response:
    """Who asks for a page, which one of ``actions`` opens; else what they get instead: the way to the login, or a refusal."""
    token = request.cookies.get(COOKIE, "")
    async with parts().sessions() as session, session.begin():
        staff = await session_of(session, token) if token else None
    if staff is None:
        return RedirectResponse(LOGIN, 303)
    if actions and not any(may(staff.roles, action) for action in actions):
        return PlainTextResponse(str(NotAllowed(actions[0])), 403)
    return Visitor(token, staff.id, staff.login, staff.name, tuple(staff.roles), Presence(staff.presence))


def to_login() -> None:
    """Lead an open page to the login; paths are below the console here."""
    ui.navigate.to(LOGIN.removeprefix("/console"))


def told(
    handler: Callable[P, Awaitable[None]],
) -> Callable[P, Awaitable[None]]:
    """A handler whose refusals are shown to whoever caused them."""

    @wraps(handler)
    async def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            await handler(*args, **kwargs)
        except SessionEnded:
            to_login()
        except _REFUSALS as error:
            ui.notify(str(error), type="warning", position="top")
        except CipherError as error:
            log.error("console_cannot_decrypt", error=str(error))
            ui.notify("解密失败：密钥和数据对不上，请找管理员。", type="negative", position="top")
        except (SQLAlchemyError, OSError) as error:
            log.warning("console_action_failed", error=type(error).__name__)
            ui.notify("数据库暂时连不上，刚才的操作没有成功，请再试一次。", type="negative", position="top")

    return run
