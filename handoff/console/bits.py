"""Small things many pages show."""

from __future__ import annotations

from decimal import Decimal

from nicegui import ui


def heading(words: str) -> None:
    """A heading within a panel."""
    ui.label(words).classes("sl-h").props("role=heading aria-level=3")


def fact(name: str, value: str, warn: bool = False) -> None:
    """A line of name and value."""
    with ui.element("div").classes("sl-fact"):
        ui.label(name).classes("k")
        ui.label(value).classes("v sl-warn" if warn else "v")


def yuan(amount: Decimal) -> str:
    """``12,000.00元``."""
    return f"{amount:,.2f}元"
