"""What a taxpayer may send: cleaned, bounded, and never a command to the dialogue engine."""

from __future__ import annotations

import re
import unicodedata


class BadMessage(ValueError):
    """The message cannot be taken; ``code`` is for the widget, the text is for the taxpayer."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


_KEPT_CONTROLS = {"\n", "\t"}
_JOINERS = {"\u200d", "\ufe0f"}
"""Parts of emoji; alone they are nothing."""


def _kept(char: str) -> bool:
    if char in _KEPT_CONTROLS or char in _JOINERS:
        return True
    if unicodedata.category(char) in ("Cc", "Cs", "Co", "Cf"):
        return False
    return not (0xFDD0 <= ord(char) <= 0xFDEF or ord(char) & 0xFFFE == 0xFFFE)


def clean(text: str, limit: int) -> str:
    """The text without control characters and outer spaces; :class:`BadMessage` if empty or over ``limit``."""
    kept = "".join(c for c in text if _kept(c)).strip()
    if not kept.strip("".join(_JOINERS)):
        raise BadMessage("empty", "这条消息是空的，请打几个字再发。")
    if len(kept) > limit:
        raise BadMessage("too_long", f"这条消息太长了，一次最多{limit}个字，请分几次发。")
    return kept


def defuse(text: str) -> str:
    """Rasa reads a leading ``/`` as a command (``/restart``, ``/intent{…}``); people's words never are one."""
    flat = re.sub(r"\s+", " ", text).strip()
    return re.sub(r"^[/\s]+", "／", flat) if flat.startswith("/") else flat
