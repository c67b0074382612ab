"""The one base class of everything the tax room refuses."""

from __future__ import annotations


class TaxError(ValueError):
    """Input the law cannot be applied to. ``str(error)`` is Simplified Chinese and says what to do."""
