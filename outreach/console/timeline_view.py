"""Everything that has passed between the bureau and one taxpayer, whatever way it went, the newest first."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import ui

from outreach.console.words import moment, way
from outreach.timeline import Entry

_SHOWN = 40
"""Entries that are drawn at once; the others on demand."""


def show_timeline(entries: Sequence[Entry]) -> None:
    """Draw it where the page is being built."""
    if not entries:
        ui.label("还没有往来。").classes("sl-keys")
    _entries(entries[:_SHOWN])
    if len(entries) > _SHOWN:
        with ui.expansion(f"更早的{len(entries) - _SHOWN}条").classes("w-full"):
            _entries(entries[_SHOWN:])


def _entries(entries: Sequence[Entry]) -> None:
    for entry in entries:
        with ui.element("div").classes("sl-fact sl-line").props("data-mark=timeline-entry"):
            ui.label(moment(entry.at)).classes("k")
            if channel := way(entry.channel):
                ui.label(channel).classes("sl-tag")
            ui.label(f"{entry.words}（{entry.state}）" if entry.state else entry.words).classes("v")
