"""Tables in Markdown, and their place between the markers of a document."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def write_block(path: Path, name: str, text: str) -> None:
    """Put ``text`` between the document's markers ``<!-- name: begin -->`` and ``<!-- name: end -->``.

    Raises:
        ValueError: the markers are not both there, in order, once.
    """
    opening, closing = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    document = path.read_text(encoding="utf-8")
    head, begin, rest = document.partition(opening)
    _, end, tail = rest.partition(closing)
    if not begin or not end or opening in rest or closing in tail:
        raise ValueError(f"{path} needs one line {opening} and after it one line {closing}")
    path.write_text(f"{head}{opening}\n{text}\n{closing}{tail}", encoding="utf-8")
