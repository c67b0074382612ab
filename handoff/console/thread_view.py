"""What was said, bubble by bubble; new ones are added to those that stand there."""

from __future__ import annotations

import uuid

from nicegui import ui

from handoff.console.words import clock
from handoff.reading import Attachment, Bubble, Talk

SENDER_ZH = {"taxpayer": "纳税人", "bot": "税铃", "agent": "坐席", "note": "内部备注"}


class ThreadView:
    """The scrolling middle of a conversation."""

    def __init__(self) -> None:
        self._body = (
            ui.element("div").classes("sl-thread").props("role=log aria-live=polite data-mark=thread")
        )
        self._conversation_id: uuid.UUID | None = None
        self._shown: tuple[Bubble | Attachment, ...] = ()
        self._own: list[tuple[Bubble, ui.label]] = []

    def show_nothing(self) -> None:
        """No conversation is open."""
        with self._body:
            ui.label("左边选一个会话，或者点「接下一个」。").classes("sl-empty")

    def show(self, talk: Talk) -> None:
        """Bring the thread up to ``talk``."""
        wanted: tuple[Bubble | Attachment, ...] = (*talk.bubbles, *talk.attachments)
        known = len(self._shown)
        if talk.conversation_id != self._conversation_id or wanted[:known] != self._shown:
            self._body.clear()
            self._own.clear()
            known = 0
        self._conversation_id = talk.conversation_id
        with self._body:
            for item in wanted[known:]:
                if isinstance(item, Bubble):
                    self._bubble(item)
                else:
                    _file(item)
        self._shown = wanted
        for bubble, label in self._own:
            label.set_text(_meta(bubble, read=bubble.message_id <= talk.taxpayer_read_id))
        if len(wanted) > known:
            ui.run_javascript(f"window.shuiling.toEnd('c{self._body.id}')")

    def _bubble(self, bubble: Bubble) -> None:
        with ui.element("div").classes(f"sl-bubble {bubble.sender}"):
            if bubble.sender != "system":
                label = ui.label(_meta(bubble, read=False)).classes("meta")
                if bubble.sender == "agent":
                    self._own.append((bubble, label))
            ui.label(bubble.text)
            buttons = [str(b.get("title", "")) for b in bubble.payload.get("buttons") or ()]
            if buttons and bubble.sender == "bot":
                ui.label(f"［{'］［'.join(buttons)}］").classes("meta")


def _meta(bubble: Bubble, read: bool) -> str:
    name = bubble.by or SENDER_ZH.get(bubble.sender, "")
    return f"{name} {clock(bubble.at)}{' · 已读' if read else ''}"


def _file(item: Attachment) -> None:
    with ui.element("div").classes("sl-bubble system"):
        ui.label("对方传来的文件：")
        ui.link(f"{item.filename}（{max(item.size // 1024, 1)} KB）", f"/files/{item.id}", new_tab=True)
