"""The agents' page: who waits, the conversation, the taxpayer's card; everything by keyboard."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime

from fastapi import Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from nicegui import events, ui

from handoff import inbox
from handoff.claim import claim, claim_next
from handoff.console.frame import PAGES, frame
from handoff.console.parts import parts
from handoff.console.picking import on_pick
from handoff.console.redraw import Redraw
from handoff.console.talk_view import TalkView
from handoff.console.visitor import Visitor, told, visitor
from handoff.console.words import PACK_ZH, ago
from handoff.inbox import Listing, Row
from handoff.naming import CHANNEL_ZH
from handoff.permissions import Action
from store.handoff_models import Presence
from store.live import RESYNC, Change

SETTLE_S = 0.15
"""Changes that come together are shown together."""
TICK_S = 15.0
KEYS = "Alt+N 接下一个 · Alt+↑/↓ 换会话 · Enter 发送 · Alt+1/2/3 插入文章 · Alt+R 常用语 · Alt+T 转接 · Alt+I 邀请 · Alt+B 交回税铃 · Alt+E 结束"


class InboxPage:
    """One open page."""

    def __init__(self, who: Visitor) -> None:
        self._who = who
        self._tab = "waiting"
        self._listings: dict[str, Listing] = {}
        self._known: set[uuid.UUID] = set()
        self._seen_once = False
        self._redraw = Redraw(self._refresh, SETTLE_S)
        frame(who, "/console/", self._presence_changed)
        with ui.element("div").classes("sl-desk"):
            with ui.element("section").classes("sl-list").props('aria-label="会话列表"'):
                self._build_list()
            self.talk = TalkView(who, self._changed)
        ui.keyboard(self._key, ignore=[], repeating=False)
        self._client = ui.context.client
        self._unsubscribe = parts().live.subscribe(self._heard)
        self._client.on_delete(self._unsubscribe)
        ui.timer(TICK_S, self._redraw.due)

    def _build_list(self) -> None:
        with ui.row().classes("items-center w-full p-2 gap-2"):
            ui.button("接下一个", on_click=self._next).props("unelevated no-caps").props(
                "data-mark=claim-next"
            )
            self._hint = ui.label().classes("sl-keys")
        self._tabs = ui.tabs(on_change=self._tab_changed).props("dense no-caps align=justify")
        with self._tabs:
            self._heads = {
                name: ui.tab(name, label=label).props(f'data-mark="tab-{name}"')
                for name, label in (
                    ("waiting", "等待"),
                    ("mine", "我的"),
                    ("invited", "受邀"),
                    ("closed", "已结束"),
                )
            }
        self._tabs.value = "waiting"
        self._rows = ui.element("div").props("data-mark=rows")
        on_pick(self._rows, "ticket", self._picked)
        ui.label(KEYS).classes("sl-keys p-3")

    async def run(self) -> None:
        """Show what there is, and go on showing changes while the page is open."""
        await self._refresh()

    def _heard(self, change: Change) -> None:
        if change is RESYNC or change.kind in ("ticket", "staff") or self._lists(change):
            self._redraw.due()
        self.talk.heard(change)

    def _lists(self, change: Change) -> bool:
        """Whether somebody spoke in a conversation that stands in a list; those of everybody else go on unseen."""
        return change.kind == "message" and any(
            str(row.conversation_id) == change.ids[0]
            for listing in self._listings.values()
            for row in listing.rows
        )

    def _changed(self) -> None:
        self._redraw.due()

    def _presence_changed(self, presence: Presence) -> None:
        self._redraw.due()

    @told
    async def _refresh(self) -> None:
        async with self._who.acting(Action.SEE_QUEUE, idle=True) as (session, staff):
            self._listings = {
                "waiting": await inbox.waiting(session, staff),
                "mine": await inbox.mine(session, staff),
                "invited": await inbox.invited(session, staff),
                "closed": await inbox.closed(session, staff),
            }
        self._announce()
        for name, label in (("waiting", "等待"), ("mine", "我的"), ("invited", "受邀"), ("closed", "已结束")):
            count = self._listings[name].total
            shown = f"{label} {count}" if count and name != "closed" else label
            if self._heads[name].props.get("label") != shown:
                self._heads[name].props(f'label="{shown}"')
        self._hint.set_text("" if self._who.presence == Presence.ONLINE else "先切到「在线接待」才能接")
        self._show_rows()

    def _announce(self) -> None:
        """Ring for who has newly come to wait, and for new words in one's own conversations."""
        waiting = {row.ticket_id for row in self._listings["waiting"].rows if self._for_me(row)}
        fresh = waiting - self._known
        self._known = waiting
        if self._seen_once and fresh and self._who.presence == Presence.ONLINE:
            first = next(row for row in self._listings["waiting"].rows if row.ticket_id in fresh)
            ui.run_javascript(f"window.shuiling.alert({_js('有人在等人工')}, {_js(first.reason)})")
        self._seen_once = True

    def _for_me(self, row: Row) -> bool:
        return row.kept_for is None or row.kept_for == self._who.staff_id

    def _show_rows(self) -> None:
        listing = self._listings.get(self._tab)
        if listing is None:
            return
        self._rows.clear()
        with self._rows:
            if not listing.rows:
                ui.label(_EMPTY[self._tab]).classes("sl-empty")
            for row in listing.rows:
                self._show_row(row)
            if listing.total > len(listing.rows):
                ui.label(f"还有{listing.total - len(listing.rows)}个，先接前面的。").classes("sl-count")

    def _show_row(self, row: Row) -> None:
        here = row.conversation_id == self.talk.conversation_id
        line = (
            ui.element("div")
            .classes("sl-row here" if here else "sl-row")
            .props(f'role=button tabindex=0 data-ticket="{row.number}"')
            .props(f'data-mark="row-{row.number}"')
        )
        with line:
            with ui.element("div").classes("top"):
                ui.label(row.name or "未核实身份")
                ui.label(ago(row.waiting_since or row.created_at) if row.closed_at is None else "").classes(
                    "sl-keys"
                )
            ui.label(row.last).classes("last")
            with ui.element("div").classes("tags"):
                if row.unread and self._tab == "mine":
                    ui.label(f"{row.unread}条未读").classes("sl-tag unread")
                ui.label(row.reason).classes("sl-tag urgent" if row.priority == 1 else "sl-tag")
                ui.label(row.skill).classes("sl-tag")
                ui.label(CHANNEL_ZH.get(row.channel, row.channel)).classes("sl-tag")
                if row.pack and row.pack != "mandarin":
                    ui.label(PACK_ZH.get(row.pack, row.pack)).classes("sl-tag")
                if _late(row):
                    ui.label("超时").classes("sl-tag late")
                if row.kept_for == self._who.staff_id:
                    ui.label("留给您").classes("sl-tag unread")

    async def _picked(self, number: str) -> None:
        for row in self._listings[self._tab].rows:
            if row.number == number:
                await self.open(row)

    @told
    async def open(self, row: Row) -> None:
        """Show a conversation."""
        await self.talk.open(row)
        self._show_rows()

    def _tab_changed(
        self, event: events.ValueChangeEventArguments[ui.tab | ui.tab_panel | str | None]
    ) -> None:
        self._tab = str(event.value)
        self._show_rows()

    @told
    async def _next(self) -> None:
        async with self._who.acting(Action.CLAIM) as (session, staff):
            claimed = await claim_next(session, staff.id)
        if claimed is None:
            ui.notify("现在没有人在等。", position="top")
            return
        await self._took(claimed.conversation_id)

    @told
    async def take(self, ticket_id: uuid.UUID, conversation_id: uuid.UUID) -> None:
        """Claim one that was chosen."""
        async with self._who.acting(Action.CLAIM) as (session, staff):
            await claim(session, staff.id, ticket_id)
        await self._took(conversation_id)

    async def _took(self, conversation_id: uuid.UUID) -> None:
        self._tab = "mine"
        self._tabs.value = "mine"
        await self._refresh()
        async with self._who.acting(Action.SEE_CONVERSATION) as (session, _):
            row = await inbox.one(session, conversation_id)
        if row is not None:
            await self.open(row)
            self.talk.focus()

    async def _key(self, event: events.KeyEventArguments) -> None:
        if not event.action.keydown or not event.modifiers.alt:
            return
        if event.key == "n" or event.key.code == "KeyN":
            await self._next()
        elif event.key.arrow_down or event.key.arrow_up:
            await self._step(1 if event.key.arrow_down else -1)
        else:
            await self.talk.key(event.key.code)

    async def _step(self, by: int) -> None:
        rows = self._listings[self._tab].rows if self._tab in self._listings else ()
        if not rows:
            return
        places = [i for i, row in enumerate(rows) if row.conversation_id == self.talk.conversation_id]
        place = (places[0] + by) % len(rows) if places else 0
        await self.open(rows[place])


_EMPTY = {
    "waiting": "没有人在等。有新的会响一声。",
    "mine": "您手上没有会话。点「接下一个」。",
    "invited": "没有同事邀请您。",
    "closed": "还没有结束过会话。",
}


def _late(row: Row) -> bool:
    return row.closed_at is None and row.due_at is not None and row.due_at < datetime.now(UTC)


def _js(words: str) -> str:
    return json.dumps(words, ensure_ascii=False)


@ui.page("/", title="接待 · 税铃工作台")
async def inbox_page(request: Request) -> Response | None:
    """The first page of whoever may see the queue; others are led to theirs."""
    who = await visitor(request)
    if isinstance(who, Response):
        return who
    if not who.may(Action.SEE_QUEUE):
        first = next((page.path for page in PAGES if page.open_to(who)), None)
        return (
            PlainTextResponse("您还没有角色，请找管理员。", 403)
            if first is None
            else RedirectResponse(first, 303)
        )
    await InboxPage(who).run()
    return None
