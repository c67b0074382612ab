"""A campaign's progress as tables: to be shown, and to be taken away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from nicegui import ui

from handoff.exports import Cell, Table, to_csv, to_xlsx
from outreach.console.charts import STATIONS, passed
from outreach.console.words import CHANNEL_ZH, STANDING_ZH, STATE_ZH, TIER_ZH, outcome_words
from outreach.plan import Channel
from outreach.progress import Progress, Spread
from outreach.reading import Standing
from store.outreach_models import StepState

_MARK = b"\xef\xbb\xbf"
"""Byte order mark of UTF-8."""


def funnel_table(progress: Progress) -> Table:
    """The stations of all reminders and of each tier."""
    rows: list[tuple[Cell, ...]] = [
        (TIER_ZH[each.tier] if each.tier is not None else "全部", *passed(each), each.active)
        for each in progress.funnels
    ]
    return Table("漏斗", ("风险", *STATIONS, "还在进行"), rows)


def step_table(progress: Progress) -> Table:
    """How many of each step are in which state."""
    rows: list[tuple[Cell, ...]] = [
        (step.title, *(step.states[state] for state in StepState), step.total) for step in progress.steps
    ]
    return Table("步骤", ("步骤", *(STATE_ZH[state] for state in StepState), "合计"), rows)


def outcome_table(progress: Progress) -> Table:
    """What the tries came to."""
    rows = [
        (CHANNEL_ZH[Channel(each.channel)], outcome_words(each.outcome), each.count)
        for each in progress.outcomes
    ]
    return Table("结果", ("渠道", "结果", "次数"), rows)


def closed_table(progress: Progress) -> Table:
    """Why reminders are over."""
    rows = [(STANDING_ZH[Standing(reason)], count) for reason, count in progress.closed.items()]
    return Table("关闭原因", ("原因", "条数"), rows)


def spent_table(progress: Progress) -> Table:
    """What was spent, and how long it took."""
    rows = [
        ("拨打的电话", progress.calls, "次"),
        ("发出的消息", progress.messages, "条"),
        *_spread("到有人接听", progress.response, "小时"),
        *_spread("到期到缴清", progress.cycle, "天"),
    ]
    return Table("用量和用时", ("项目", "数值", "单位"), rows)


def tables(progress: Progress) -> tuple[Table, ...]:
    """All of them, in the order in which they are shown."""
    return (
        funnel_table(progress),
        step_table(progress),
        outcome_table(progress),
        closed_table(progress),
        spent_table(progress),
    )


def _spread(name: str, spread: Spread, unit: str) -> list[tuple[str, float | None, str]]:
    return [
        (f"{name}（中位数）", _rounded(spread.median), unit),
        (f"{name}（九成不超过）", _rounded(spread.p90), unit),
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def cell_words(cell: Cell) -> str:
    """A cell as it is shown."""
    if cell is None:
        return "—"
    return f"{cell:,}" if isinstance(cell, int | float) else str(cell)


async def download_csv(shown: Sequence[Table], name: str) -> None:
    """All tables in one file, one below the other."""
    parts = [await asyncio.to_thread(to_csv, each) for each in shown]
    ui.download(_MARK + b"\r\n".join(part.removeprefix(_MARK) for part in parts), f"{name}.csv")


async def download_xlsx(shown: Sequence[Table], name: str) -> None:
    """A workbook with one sheet a table."""
    ui.download(await asyncio.to_thread(to_xlsx, *shown), f"{name}.xlsx")
