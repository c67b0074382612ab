"""The conversation in the middle of the agents' page: thread, suggestions, composer, and what can be done with it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable

from nicegui import background_tasks, events, ui

from handoff import inbox, reading
from handoff.claim import claim
from handoff.console.call_view import CallView
from handoff.console.canned_menu import CannedMenu
from handoff.console.card_view import CardView
from handoff.console.dialogs import ask_close, ask_hand_back, ask_invite, ask_override, ask_transfer
from handoff.console.parts import parts
from handoff.console.redraw import Redraw
from handoff.console.suggestions import Suggestions
from handoff.console.thread_view import ThreadView
from handoff.console.visitor import Visitor, told
from handoff.inbox import Row
from handoff.naming import CHANNEL_ZH
from handoff.permissions import Action
from handoff.reading import Talk
from handoff.sending import send
from handoff.thread import read_by_agent, write_note
from store.handoff_models import TicketStatus
from store.live import RESYNC, Change, announce
from store.models import Owner

SETTLE_S = 0.03
TYPING_S = 2.0
"""How often the taxpayer is told at most that the agent is typing."""


class TalkView:
    """The middle and right columns; ``changed`` is called after something was done to the conversation."""

    def __init__(self, who: Visitor, changed: Callable[[], None]) -> None:
        self._who = who
        self._changed = changed
        self._row: Row | None = None
        self._talk: Talk | None = None
        self._bar_shown: tuple[object, ...] = ()
        self._redraw = Redraw(self._reload, SETTLE_S)
        self._last_typing = 0.0
        self._client_id = str(uuid.uuid4())
        with ui.element("section").classes("sl-talk").props('aria-label="会话"'):
            self._bar = ui.element("div").classes("bar")
            self._call = CallView(who)
            self._thread = ThreadView()
            self._typing = ui.label("").classes("sl-keys px-3")
            self._suggestions = Suggestions(self._insert)
            with ui.element("div").classes("sl-composer"):
                self._composer = (
                    ui.textarea(placeholder="回复纳税人，Enter 发送，Shift+Enter 换行")
                    .props("outlined dense autogrow input-class=max-h-40 maxlength=2000")
                    .classes("w-full")
                    .props("data-mark=composer")
                )
                self._composer.on("keydown.enter.exact.prevent", self._send)
                self._composer.on_value_change(self._typed)
                with ui.row().classes("w-full items-center gap-2 mt-1"):
                    self._send_button = (
                        ui.button("发送", on_click=self._send)
                        .props("unelevated no-caps")
                        .props("data-mark=send")
                    )
                    ui.button("写内部备注", on_click=self._note).props("flat no-caps").props("data-mark=note")
                    self._canned = CannedMenu(who, lambda: self._row, self._insert)
                    self._note_hint = ui.label().classes("sl-keys")
        self._card = CardView(who)
        self._show_nothing()
        self._client = ui.context.client

    @property
    def conversation_id(self) -> uuid.UUID | None:
        """Which conversation is shown."""
        return self._row.conversation_id if self._row is not None else None

    def focus(self) -> None:
        """Put the cursor into the composer."""
        self._composer.run_method("focus")

    def heard(self, change: Change) -> None:
        """A change somewhere; what concerns this conversation is read again."""
        if change is RESYNC:
            self._redraw.due()
        elif self._row is not None and change.ids and change.ids[0] == str(self._row.conversation_id):
            if change.kind == "typing":
                if change.ids[1:] == ("taxpayer",):
                    self._show_typing()
            elif change.kind in ("message", "conversation", "ticket"):
                self._redraw.due()

    def _show_typing(self) -> None:
        async def shown() -> None:
            with self._client:
                self._typing.set_text("对方正在输入…")
                await asyncio.sleep(3)
                self._typing.set_text("")

        background_tasks.create(shown(), name="typing")

    async def open(self, row: Row) -> None:
        """Show a conversation from its newest words."""
        self._row = row
        self._composer.value = ""
        self._client_id = str(uuid.uuid4())
        await self._reload()
        await self._card.open(row)

    @told
    async def _reload(self) -> None:
        if self._row is None:
            return
        async with self._who.acting(Action.SEE_CONVERSATION, idle=True) as (session, staff):
            fresh = await inbox.one(session, self._row.conversation_id)
            self._row = fresh or self._row
            talk = await reading.talk(session, self._row.conversation_id)
            await read_by_agent(session, staff.id, talk.conversation_id, talk.newest)
        asked_anew = self._talk is None or self._talk.last_asked != talk.last_asked
        self._talk = talk
        self._show_bar(talk)
        self._call.show(self._row, self._is_mine)
        self._thread.show(talk)
        self._composer.set_enabled(self._is_mine)
        self._send_button.set_enabled(self._is_mine)
        self._canned.set_enabled(self._is_mine)
        if asked_anew:
            await self._suggestions.about(talk.last_asked)

    @property
    def _is_mine(self) -> bool:
        talk = self._talk
        return talk is not None and talk.owner == Owner.AGENT and talk.agent_id == self._who.staff_id

    def _show_nothing(self) -> None:
        self._composer.set_enabled(False)
        self._send_button.set_enabled(False)
        self._canned.set_enabled(False)
        self._thread.show_nothing()

    def _show_bar(self, talk: Talk) -> None:
        row = self._row
        if row is None:
            return
        shown = (row.name, row.channel, row.number, row.status, _owner_words(talk, row), self._is_mine)
        if shown == self._bar_shown:
            # A button drawn anew would lose the click that is just on its way.
            return
        self._bar_shown = shown
        self._bar.clear()
        with self._bar:
            ui.label(
                f"{row.name or '未核实身份'} · {CHANNEL_ZH.get(row.channel, row.channel)} · {row.number}"
            ).classes("title")
            ui.label(_owner_words(talk, row)).classes("sl-tag")
            if row.status == TicketStatus.WAITING and self._who.may(Action.CLAIM):
                ui.button("接这个", on_click=self._claim).props("unelevated no-caps dense").props(
                    "data-mark=claim-this"
                )
            if self._is_mine:
                ui.button("邀请", on_click=self._invite).props("outline no-caps dense").props(
                    "data-mark=invite"
                )
                ui.button("转接", on_click=self._transfer).props("outline no-caps dense").props(
                    "data-mark=transfer"
                )
                ui.button("交回税铃", on_click=self._hand_back).props("outline no-caps dense").props(
                    "data-mark=hand-back"
                )
                ui.button("结束", on_click=self._close).props("outline no-caps dense color=negative").props(
                    "data-mark=close"
                )

    def _insert(self, words: str) -> None:
        if not self._is_mine:
            return
        before = (self._composer.value or "").rstrip()
        self._composer.value = f"{before}\n{words}" if before else words
        self.focus()

    @told
    async def _typed(self, event: events.ValueChangeEventArguments[str | None]) -> None:
        now = asyncio.get_running_loop().time()
        if not event.value or not self._is_mine or now - self._last_typing < TYPING_S:
            return
        self._last_typing = now
        async with self._who.acting(Action.TALK) as (session, _):
            await announce(session, "typing", str(self.conversation_id), "agent")

    @told
    async def _send(self) -> None:
        text = (self._composer.value or "").strip()
        row = self._row
        if row is None or not text or not self._is_mine:
            return
        findings = await parts().guard.review(row.conversation_id, text)
        why = ""
        if findings:
            answer = await ask_override(findings)
            if answer is None:
                return
            why = answer
        async with self._who.acting(Action.TALK) as (session, staff):
            await send(
                session,
                staff,
                row.conversation_id,
                text,
                client_id=self._client_id,
                findings=findings,
                why=why,
            )
        # Only what was stored leaves the composer; the same text sent twice by a double click is one message.
        self._client_id = str(uuid.uuid4())
        self._composer.value = ""
        self.focus()

    @told
    async def _note(self) -> None:
        text = (self._composer.value or "").strip()
        if self._row is None:
            return
        async with self._who.acting(Action.WRITE_NOTE) as (session, staff):
            await write_note(session, staff, self._row.conversation_id, text)
        self._composer.value = ""

    @told
    async def _claim(self) -> None:
        if self._row is None:
            return
        async with self._who.acting(Action.CLAIM) as (session, staff):
            await claim(session, staff.id, self._row.ticket_id)
        self._changed()
        await self._reload()
        self.focus()

    @told
    async def _transfer(self) -> None:
        if self._row is not None and await ask_transfer(self._who, self._row.conversation_id):
            self._changed()

    @told
    async def _invite(self) -> None:
        if self._row is not None:
            await ask_invite(self._who, self._row.conversation_id)

    @told
    async def _hand_back(self) -> None:
        if self._row is not None and await ask_hand_back(self._who, self._row.conversation_id):
            self._changed()

    @told
    async def _close(self) -> None:
        if self._row is not None and await ask_close(self._who, self._row.conversation_id):
            self._changed()

    async def key(self, code: str) -> None:
        """A key pressed with Alt."""
        if code in ("Digit1", "Digit2", "Digit3"):
            self._suggestions.choose(int(code[-1]) - 1)
        elif code == "KeyT" and self._is_mine:
            await self._transfer()
        elif code == "KeyB" and self._is_mine:
            await self._hand_back()
        elif code == "KeyE" and self._is_mine:
            await self._close()
        elif code == "KeyI" and self._is_mine:
            await self._invite()
        elif code == "KeyR" and self._is_mine:
            await self._canned.open()


def _owner_words(talk: Talk, row: Row) -> str:
    if talk.owner == Owner.AGENT:
        return f"{row.agent or '坐席'}接待中"
    if row.status == TicketStatus.WAITING:
        return "等待人工"
    return "税铃接待中" if talk.owner == Owner.BOT else "已结束"
