"""Every page of outreach; importing them is what registers them with the console."""

from __future__ import annotations

import importlib

from handoff.console.frame import add_page
from handoff.permissions import Action
from outreach.console.links import LINK

_PAGES = ("campaigns_page", "plan_page", "campaign_page", "reminder_page", "templates_page")


def load() -> None:
    """Register the pages and their link in the console's head, once a process."""
    add_page(LINK, "外呼", Action.SEE_OUTREACH, Action.STOP_OUTREACH)
    for name in _PAGES:
        importlib.import_module(f"outreach.console.{name}")
