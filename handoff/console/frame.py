"""What every page has: the head with its links, presence, the heartbeat, and the way out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from nicegui import ui
from sqlalchemy.exc import SQLAlchemyError

from handoff.console.parts import parts
from handoff.console.visitor import SessionEnded, Visitor, to_login, told
from handoff.permissions import ROLE_ZH, Action, NotAllowed, Role
from handoff.presence import BEAT_S, beat, set_presence
from store.handoff_models import Presence

log = structlog.get_logger("handoff.console")
PRESENCE_ZH = {Presence.ONLINE: "在线接待", Presence.AWAY: "小休", Presence.OFFLINE: "离线"}


@dataclass(frozen=True, slots=True)
class Link:
    """A page in the head: its path, its name, and what one must be allowed to see it (one of ``actions``)."""

    path: str
    name: str
    actions: tuple[Action, ...]

    def open_to(self, who: Visitor) -> bool:
        """Whether ``who`` may go there."""
        return any(who.may(action) for action in self.actions)


PAGES: list[Link] = [
    Link("/console/", "接待", (Action.SEE_QUEUE,)),
    Link("/console/work", "办理", (Action.SEE_CASES,)),
    Link("/console/floor", "现场", (Action.SEE_FLOOR,)),
    Link("/console/reports", "报表", (Action.SEE_REPORTS,)),
    Link("/console/admin", "管理", (Action.MANAGE_STAFF,)),
    Link("/console/audit", "审计", (Action.READ_AUDIT,)),
]
"""What the head links to, in this order."""


def add_page(path: str, name: str, *actions: Action) -> None:
    """Link to a page of another room, once a process; ``path`` as the browser sees it."""
    link = Link(path, name, actions)
    if link not in PAGES:
        PAGES.append(link)


def frame(who: Visitor, here: str, changed: Callable[[Presence], None] = lambda presence: None) -> None:
    """Build the head of a page; ``here`` is its path. ``changed`` hears of a new presence."""
    ui.add_head_html(
        '<link rel="stylesheet" href="/console-static/console.css"><script src="/console-static/console.js"></script>'
    )
    if parts().calls is not None:
        ui.add_head_html('<script type="module" src="/console-static/agent-call.js"></script>')
    ui.colors(primary="#146c57")
    with ui.element("header").classes("sl-header"):
        ui.label("税铃工作台").classes("brand")
        with ui.element("nav").props('aria-label="页面"'):
            for page in PAGES:
                if page.open_to(who):
                    link = ui.link(page.name, page.path.removeprefix("/console") or "/")
                    if page.path == here:
                        link.classes("here").props("aria-current=page")
        with ui.element("div").classes("who"):
            if who.may(Action.SET_PRESENCE):
                _presence(who, changed)
            ui.link("我的账号", "/account")
            ui.label(f"{who.name}（{'、'.join(_role(role) for role in who.roles)}）")
            with ui.element("form").props("method=post action=/console/logout"):
                ui.element("button").props("type=submit").classes("cursor-pointer underline").add_slot(
                    "default", "退出"
                )


def _role(role: str) -> str:
    return ROLE_ZH[Role(role)] if role in ROLE_ZH else role


def _presence(who: Visitor, changed: Callable[[Presence], None]) -> None:
    @told
    async def choose() -> None:
        wanted = Presence(choice.value)
        if wanted == who.presence:
            return
        ui.run_javascript("window.shuiling && window.shuiling.ask()")
        async with who.acting(Action.SET_PRESENCE) as (session, staff):
            await set_presence(session, staff, wanted)
        who.presence = wanted
        changed(wanted)
        ui.notify(f"您现在：{PRESENCE_ZH[wanted]}", type="positive", position="top")

    async def say_so() -> None:
        """The console is open. Whatever another tab or a long silence made of the presence is shown here too."""
        try:
            async with who.acting(Action.SET_PRESENCE, idle=True) as (session, staff):
                await beat(session, staff.id)
                found = Presence(staff.presence)
        except SessionEnded:
            to_login()
            return
        except (SQLAlchemyError, OSError, NotAllowed) as error:
            # The next beat tries again; after four silent ones the conversations go to others.
            log.warning("beat_failed", error=type(error).__name__)
            return
        if found != who.presence:
            who.presence = found
            choice.value = found.value
            changed(found)

    choice = (
        ui.toggle({p.value: words for p, words in PRESENCE_ZH.items()}, value=who.presence.value)
        .props(
            "no-caps unelevated color=white text-color=primary toggle-color=amber-6 toggle-text-color=black"
        )
        .props("data-mark=presence")
    )
    choice.on_value_change(choose)
    ui.timer(BEAT_S, say_so)
