"""Calls as a table in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.table import Table
from rich.text import Text

_STATES = {
    "waiting": "等候",
    "queued": "排队",
    "ringing": "振铃",
    "in-progress": "通话",
    "completed": "结束",
    "busy": "忙线",
    "no-answer": "无人接",
    "failed": "未接通",
    "canceled": "已取消",
    "broken": "出错",
}
_LONGEST = 22


@dataclass(slots=True)
class Row:
    """One call of a run. ``right`` is None until its outcome is known."""

    script: str
    title: str
    pack: str
    expected: tuple[str, ...]
    to: str = ""
    call_id: str = ""
    state: str = "waiting"
    seconds: int = 0
    saying: str = ""
    bot_talking: bool = False
    outcome: str | None = None
    notes: tuple[str, ...] = ()
    figures: dict[str, object] = field(default_factory=dict)

    @property
    def right(self) -> bool | None:
        """Whether it ended as its script says."""
        return None if self.outcome is None else self.outcome in self.expected


def table(rows: Sequence[Row]) -> Table:
    """Every row; what goes on is bright, what has ended is dim."""
    drawn = Table(title=_headline(rows), expand=True, pad_edge=False)
    for heading, width in (("剧本", None), ("口音", 10), ("状态", 6), ("秒", 4), ("在说的人", 8)):
        drawn.add_column(heading, width=width, no_wrap=True)
    drawn.add_column("最近一句", ratio=1, no_wrap=True)
    drawn.add_column("结局", width=18, no_wrap=True)
    for row in rows:
        style = "bold" if row.state == "in-progress" else "dim" if row.right is not None else ""
        drawn.add_row(
            row.title,
            row.pack,
            _STATES.get(row.state, row.state),
            str(row.seconds or ""),
            "机器人" if row.bot_talking else "",
            _short(row.saying),
            _outcome(row),
            style=style,
        )
    return drawn


def _headline(rows: Sequence[Row]) -> str:
    live = sum(row.state == "in-progress" for row in rows)
    ended = [row for row in rows if row.right is not None]
    right = sum(bool(row.right) for row in ended)
    return f"通话中 {live} 路 · 已结束 {len(ended)}/{len(rows)} · 结局正确 {right}"


def _outcome(row: Row) -> Text:
    if row.outcome is None:
        return Text(row.notes[-1][:_LONGEST] if row.notes else "")
    if row.right:
        return Text(f"✓ {row.outcome}", style="green")
    return Text(f"✗ {row.outcome}", style="red")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
