"""Ready replies, filled in for the conversation at hand, found by a few letters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from nicegui import ui

from handoff.canned import Filling, fill, replies
from handoff.console.parts import parts
from handoff.console.visitor import Visitor, told
from handoff.inbox import Row
from handoff.office import hours
from handoff.permissions import Action
from store.identity import proof


class CannedMenu:
    """The button 常用语 and its dialog; ``row`` gives the open conversation, ``insert`` takes the words chosen."""

    def __init__(self, who: Visitor, row: Callable[[], Row | None], insert: Callable[[str], None]) -> None:
        self._who = who
        self._row = row
        self._insert = insert
        self._button = ui.button("常用语", on_click=self.open).props("flat no-caps").props("data-mark=canned")

    def set_enabled(self, enabled: bool) -> None:
        """Whether there is anybody to say something to."""
        self._button.set_enabled(enabled)

    @told
    async def open(self) -> None:
        """Let one be chosen."""
        row = self._row()
        if row is None:
            return
        async with self._who.acting(Action.TALK) as (session, staff):
            filling = Filling(
                agent=staff.name,
                number=row.number,
                hours=await hours(session),
                who=await proof(session, row.conversation_id, parts().now()),
            )
            ready = [(r.title, fill(r.text, filling)) for r in await replies(session)]
        with ui.context.client.content, ui.dialog() as dialog, ui.card().classes("w-[34rem] max-w-full"):
            wanted = (
                ui.input("找一句")
                .props("outlined dense autofocus")
                .classes("w-full")
                .props("data-mark=find-canned")
            )
            wanted.on("keydown.enter", lambda: dialog.submit(_first(ready, wanted.value)))
            with ui.element("div").classes("w-full max-h-96 overflow-auto"):
                for title, words in ready:
                    entry = ui.element("div").classes("sl-article mb-1").props("role=button tabindex=0")
                    entry.on("click", lambda words=words: dialog.submit(words))
                    entry.on("keydown.enter", lambda words=words: dialog.submit(words))
                    entry.bind_visibility_from(wanted, "value", partial(_fits, title + words))
                    with entry:
                        ui.label(title).classes("font-bold")
                        ui.label(words)
        chosen = await dialog
        dialog.delete()
        if isinstance(chosen, str):
            self._insert(chosen)


def _first(ready: Sequence[tuple[str, str]], typed: str | None) -> str | None:
    return next((words for title, words in ready if _fits(title + words, typed)), None)


def _fits(reply: str, typed: str | None) -> bool:
    return (typed or "").strip() in reply
