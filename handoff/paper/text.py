"""Text as it can be printed: cleaned, broken into lines by Chinese rules, shrunk or cut to its box."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import cn2an

MISSING = "□"
ELLIPSIS = "…"
MAX_CHARS = 4000
"""More than any box of an A4 page holds at the smallest size; what lies beyond is not even measured."""

MM_PER_POINT = 25.4 / 72
LEADING = 1.4

_NEVER_FIRST = "，。、；：？！）》」』】〉”’…—％%,.;:?!)]}"
_NEVER_LAST = "（《「『【〈“‘([{￥¥"
_UNBROKEN = re.compile(r"[!-~]{1,24}|.", re.DOTALL)

Measure = Callable[[str], float]
"""Width of a text at size 1, in units of the size."""


def capitals(amount: Decimal) -> str:
    """``12500.30`` → ``壹万贰仟伍佰元叁角``: yuan in the numerals of bills, to the fen, ``整`` after whole yuan."""
    return str(cn2an.an2cn(f"{amount:.2f}", "rmb"))


def printable(text: str, has: Callable[[str], bool]) -> str:
    """``text`` without what cannot stand on paper; lines kept, at most MAX_CHARS characters.

    Control, direction and joining signs and stacked marks go, blanks shrink to one. ``has`` tells whether the
    font knows a character: an unknown one becomes □, a run of unknown symbols (emoji) a single □.
    """
    out: list[str] = []
    for char in unicodedata.normalize("NFC", text[: 2 * MAX_CHARS]).replace("\r\n", "\n").replace("\r", "\n"):
        kind = unicodedata.category(char)
        if char == "\n":
            out.append(char)
        elif char == "\t" or kind.startswith("Z"):
            out.append("\n" if kind in ("Zl", "Zp") else " ")
        elif kind in ("Cc", "Cf", "Cs", "Mn", "Me", "Mc"):
            continue
        elif has(char):
            out.append(char)
        elif kind not in ("So", "Sk") or not out or out[-1] != MISSING:
            out.append(MISSING)
    lines = (re.sub(r" +", " ", line).strip() for line in "".join(out).split("\n"))
    return "\n".join(line for line in lines if line)[:MAX_CHARS]


@dataclass(frozen=True, slots=True)
class Fitted:
    """Lines that fit their box at ``size`` points; ``cut`` when the text had to be shortened."""

    size: float
    lines: tuple[str, ...]
    cut: bool


def fit(text: str, measure: Measure, *, width: float, height: float, sizes: Sequence[float]) -> Fitted:
    """The first of ``sizes`` (points, falling) at which ``text`` fits ``width`` × ``height`` mm.

    When none does, the smallest, cut with an ellipsis. At least one line is always given.
    """
    size = sizes[0]
    lines: list[str] = []
    room = 1
    for size in sizes:
        room = max(1, int(height / (size * LEADING * MM_PER_POINT)))
        lines = wrap(text, measure, width / (size * MM_PER_POINT))
        if len(lines) <= room:
            return Fitted(size, tuple(lines), cut=False)
    kept = lines[:room]
    last = kept[-1]
    limit = width / (size * MM_PER_POINT) - measure(ELLIPSIS)
    if measure(last) > limit:
        while last and measure(last) > limit:
            last = last[:-1]
        # Half a number would be another number.
        last = re.sub(r"[\d.,]+$", "", last) or last
    return Fitted(size, (*kept[:-1], last + ELLIPSIS), cut=True)


def wrap(text: str, measure: Measure, width: float) -> list[str]:
    """``text`` in lines no wider than ``width`` (in units of the size), one empty line for no text.

    Words and numbers of ASCII stay whole where they fit; closing signs do not begin a line, opening ones do not
    end it.
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        lines.extend(_wrap_paragraph(paragraph, measure, width))
    return lines


def _wrap_paragraph(text: str, measure: Measure, width: float) -> list[str]:
    lines: list[str] = []
    line, used = "", 0.0
    for piece in _pieces(text, measure, width):
        size = measure(piece)
        if line and used + size > width:
            carried = _carried(line, piece)
            lines.append(line[: len(line) - len(carried)].rstrip())
            line = carried + piece.lstrip() if not carried else carried + piece
            used = measure(line)
        else:
            line, used = line + piece, used + size
    lines.append(line)
    return lines


def _pieces(text: str, measure: Measure, width: float) -> list[str]:
    found: list[str] = []
    for match in _UNBROKEN.finditer(text):
        piece = match.group()
        found.extend([piece] if measure(piece) <= width else piece)
    return found


def _carried(line: str, piece: str) -> str:
    """The end of ``line`` that moves down with ``piece``: one character at most, never the whole line."""
    if len(line) > 1 and (piece[:1] in _NEVER_FIRST or line[-1] in _NEVER_LAST):
        return line[-1]
    return ""
