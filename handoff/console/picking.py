"""Clicks and Enter on rows that may be drawn anew at any moment: heard by what contains them, so none is lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import events, ui


def on_pick(container: ui.element, attribute: str, picked: Callable[[str], Awaitable[None]]) -> None:
    """Call ``picked`` with the value of ``data-<attribute>`` of the row that was clicked, or on which Enter was pressed."""
    emit = f"{{ const row = event.target.closest('[data-{attribute}]'); if (row) emit(row.dataset.{attribute}); }}"

    async def heard(event: events.GenericEventArguments) -> None:
        if isinstance(event.args, str):
            await picked(event.args)

    container.on("click", heard, js_handler=f"(event) => {emit}")
    container.on("keydown", heard, js_handler=f"(event) => {{ if (event.key === 'Enter') {emit} }}")
