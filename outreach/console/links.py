"""The links between the pages of outreach."""

from __future__ import annotations

from nicegui import ui

LINK = "/console/outreach"
"""The page the console's head links to."""
_ROOMS = {"campaigns": ("活动", "/outreach"), "templates": ("模板", "/outreach/templates")}


def rooms(here: str) -> None:
    """The row of links below the head; ``here`` is a key of it, or empty."""
    with ui.element("nav").props('aria-label="外呼"').classes("flex gap-4"):
        for key, (name, path) in _ROOMS.items():
            link = ui.link(name, path).classes("px-1")
            if key == here:
                link.classes("font-bold").props("aria-current=page")
