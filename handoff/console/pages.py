"""Every page of the console; importing them is what registers them."""

from __future__ import annotations

import importlib

_PAGES = ("inbox_page", "work_page", "floor_page", "reports_page", "admin_page", "audit_page", "account_page")


def load() -> None:
    """Register the pages, once a process."""
    for name in _PAGES:
        importlib.import_module(f"handoff.console.{name}")
