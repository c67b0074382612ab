"""Articles that may answer what was asked, each inserted on one key, with its source."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nicegui import ui

from handoff.console.parts import parts
from kb.search import Hit

SHOWN = 3
LIKELY = 0.1
"""Below this certainty an article is more in the way than of help; the bot itself needs far more."""


class Suggestions:
    """The strip above the composer; ``insert`` takes the words of the one chosen."""

    def __init__(self, insert: Callable[[str], None]) -> None:
        self._insert = insert
        self._hits: tuple[Hit, ...] = ()
        self._strip = ui.element("div").classes("sl-suggest").props("data-mark=suggestions")
        self._strip.set_visibility(False)

    async def about(self, question: str) -> None:
        """Look for articles on a question; the search runs off the event loop."""
        if not question.strip():
            self._hits = ()
        else:
            found = await asyncio.to_thread(parts().kb.search, question)
            self._hits = found.hits[:SHOWN] if found.certainty >= LIKELY else ()
        self._show()

    def choose(self, place: int) -> None:
        """Insert the suggestion at ``place``."""
        if place < len(self._hits):
            self._insert(_words(self._hits[place]))

    def _show(self) -> None:
        self._strip.clear()
        self._strip.set_visibility(bool(self._hits))
        with self._strip:
            ui.label("可以引用的条目（Alt+1/2/3 插入）").classes("hint")
            for place, hit in enumerate(self._hits):
                entry = ui.element("div").classes("sl-article").props("role=button tabindex=0")
                entry.on("click", lambda place=place: self.choose(place))
                entry.on("keydown.enter", lambda place=place: self.choose(place))
                with entry:
                    ui.label(f"{place + 1}. {hit.article.title}：{hit.article.short}")
                    ui.label(_sources(hit)).classes("cite")


def _sources(hit: Hit) -> str:
    return "；".join(parts().kb.references(hit.article))


def _words(hit: Hit) -> str:
    return f"{hit.article.short}（依据：{_sources(hit)}）"
