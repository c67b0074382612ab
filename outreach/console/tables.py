"""Tables as the browser's own, which screen readers know; what was typed by somebody is never markup in them."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import ui

_CELL = "px-2 py-1 whitespace-nowrap"


def plain_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], mark: str, *, links: Sequence[str] | None = None
) -> None:
    """Headings and rows; ``mark`` is what tests know it by. ``links``: where the first cell of each row leads."""
    with (
        ui.element("div").classes("w-full overflow-x-auto"),
        ui.element("table").classes("text-sm w-full border-collapse").props(f'data-mark="{mark}"'),
    ):
        with ui.element("thead"), ui.element("tr").classes("sl-line"):
            for name in headings:
                _cell("th", name, "text-left sl-keys")
        with ui.element("tbody"):
            for number, row in enumerate(rows):
                with ui.element("tr").classes("sl-line"):
                    for place, value in enumerate(row):
                        if links is not None and place == 0:
                            with ui.element("td").classes(_CELL):
                                ui.link(value, links[number])
                        else:
                            _cell("td", value, "text-left")


def _cell(kind: str, value: str, style: str) -> None:
    with ui.element(kind).classes(f"{_CELL} {style}"):
        ui.label(value)
