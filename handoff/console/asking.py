"""A dialog, from its opening to what it was closed with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nicegui import ui


@contextmanager
def question(title: str, width: str = "w-[30rem]") -> Iterator[ui.dialog]:
    """A dialog at the page's root: what was pressed may be drawn anew meanwhile. ``width`` is a class."""
    with ui.context.client.content, ui.dialog() as dialog, ui.card().classes(f"{width} max-w-full"):
        ui.label(title).classes("text-lg font-bold").props("role=heading aria-level=2")
        yield dialog


async def answer(dialog: ui.dialog) -> object:
    """What the dialog was closed with, ``None`` for nothing; it is gone afterwards."""
    found: object = await dialog
    dialog.delete()
    return found
