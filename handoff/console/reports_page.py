"""Reports over time: every figure with its definition on hover, as a chart and as a table to take away."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from fastapi import Request, Response
from nicegui import ui

from handoff.console.frame import frame
from handoff.console.parts import parts
from handoff.console.visitor import Visitor, told, visitor
from handoff.exports import Table, to_csv, to_xlsx
from handoff.permissions import Action
from handoff.questions import QuestionGroup, as_article, as_table, question_groups
from handoff.report_rows import Counts, Period, Result, Scores, Share, Times
from handoff.reports import FIGURES, figure, table

_DAYS = {"7": "近7天", "30": "近30天", "90": "近90天"}
_MOST_GROUPS = 15


class ReportsPage:
    """One open page."""

    def __init__(self, who: Visitor) -> None:
        self._who = who
        self._results: dict[str, Result] = {}
        self._period = _last(30)
        frame(who, "/console/reports")
        with ui.element("div").classes("sl-page"):
            with ui.row().classes("items-end gap-3 w-full"):
                quick = ui.toggle(_DAYS, value="30").props("no-caps unelevated")
                quick.on_value_change(lambda event: self._choose(_last(int(event.value))))
                self._first = ui.input("从").props("type=date outlined dense").props("data-mark=first")
                self._last = ui.input("到").props("type=date outlined dense").props("data-mark=last")
                ui.button("查看", on_click=self._asked).props("outline no-caps").props("data-mark=show")
                with ui.row().classes("ml-auto"):
                    ui.button("导出 CSV", on_click=self._csv).props("flat no-caps").props("data-mark=csv")
                    ui.button("导出 XLSX", on_click=self._xlsx).props("flat no-caps").props("data-mark=xlsx")
            self._body = ui.element("div").classes("grid grid-cols-1 lg:grid-cols-2 gap-3 w-full mt-3")
            self._questions = ui.element("section").classes("sl-panel mt-3").props("data-mark=questions")

    async def run(self) -> None:
        """Show the last thirty days."""
        await self._choose(self._period)

    @told
    async def _asked(self) -> None:
        try:
            period = Period(
                date.fromisoformat(self._first.value or ""), date.fromisoformat(self._last.value or "")
            )
        except ValueError as error:
            raise ValueError("请选好起止日期，结束不能早于开始。") from error
        await self._choose(period)

    @told
    async def _choose(self, period: Period) -> None:
        self._period = period
        self._first.value, self._last.value = period.first.isoformat(), period.last.isoformat()
        async with self._who.acting(Action.SEE_REPORTS) as (session, staff):
            self._results = {key: await figure(session, staff.roles, key, period) for key in FIGURES}
        self._body.clear()
        with self._body:
            for key, result in self._results.items():
                self._show(key, result)
        await self._show_questions()

    def _show(self, key: str, result: Result) -> None:
        shown = FIGURES[key]
        with ui.element("section").classes("sl-panel").props(f'data-mark="figure-{key}"'):
            with ui.row().classes("items-baseline w-full gap-2"):
                ui.label(shown.title).classes("text-lg font-bold").props(f'title="{shown.definition}"')
                ui.label(_value(result, shown.unit)).classes("text-lg").props(f'data-mark="value-{key}"')
                with ui.icon("help_outline").classes("sl-keys cursor-help"):
                    ui.tooltip(shown.definition)
                ui.button("表", on_click=lambda: self._as_table(key)).props("flat dense no-caps").classes(
                    "ml-auto"
                )
            options = chart(result)
            if options is None:
                ui.label("这段时间没有数据。").classes("sl-keys")
            else:
                ui.echart(options).classes("h-52")

    @told
    async def _as_table(self, key: str) -> None:
        rows = table(key, self._results[key], self._period)
        with ui.context.client.content, ui.dialog() as dialog, ui.card().classes("max-w-full"):
            _show_table(rows)
            ui.button("关闭", on_click=dialog.close).props("flat no-caps")
        await dialog
        dialog.delete()

    async def _show_questions(self) -> None:
        """What the bot could not answer, alike ones together, each ready to become an article or an example."""
        async with self._who.acting(Action.SEE_REPORTS) as (session, staff):
            groups = await question_groups(session, staff.roles, parts().miner, self._period)
        self._questions.clear()
        with self._questions:
            ui.label("没答上的问题（相近的放在一起）").classes("text-lg font-bold")
            if not groups:
                ui.label("这段时间没有。").classes("sl-keys")
            for group in groups[:_MOST_GROUPS]:
                with ui.expansion(f"{group.count}次：{group.texts[0]}").classes("w-full"):
                    for text in group.texts[:8]:
                        ui.label(text).classes("text-sm")
                    with ui.row():
                        ui.button("做成条目", on_click=lambda group=group: self._article(group)).props(
                            "flat dense no-caps"
                        )
                        ui.button("做成例句", on_click=lambda group=group: self._example(group)).props(
                            "flat dense no-caps"
                        )
            if groups:
                listed = as_table(groups, self._period)
                ui.button("导出这一表", on_click=lambda: self._all_questions(listed)).props("flat no-caps")

    @told
    async def _article(self, group: QuestionGroup) -> None:
        async with self._who.acting(Action.SEE_REPORTS):
            ui.download(as_article(group, parts().today()).encode(), "新条目.md")

    @told
    async def _example(self, group: QuestionGroup) -> None:
        async with self._who.acting(Action.SEE_REPORTS):
            ui.download(parts().miner.examples([group]).encode(), "新例句.yml")

    @told
    async def _all_questions(self, listed: Table) -> None:
        async with self._who.acting(Action.SEE_REPORTS):
            ui.download(to_xlsx(listed), "没答上的问题.xlsx")

    def _tables(self) -> list[Table]:
        return [table(key, result, self._period) for key, result in self._results.items()]

    @told
    async def _csv(self) -> None:
        async with self._who.acting(Action.SEE_REPORTS):
            ui.download(
                b"\r\n".join(to_csv(each) for each in self._tables()).replace(b"\r\n\xef\xbb\xbf", b"\r\n"),
                f"报表{self._period.first}至{self._period.last}.csv",
            )

    @told
    async def _xlsx(self) -> None:
        async with self._who.acting(Action.SEE_REPORTS):
            ui.download(to_xlsx(*self._tables()), f"报表{self._period.first}至{self._period.last}.xlsx")


def _show_table(rows: Table) -> None:
    ui.table(
        columns=[
            {"name": str(i), "label": heading, "field": str(i), "align": "left"}
            for i, heading in enumerate(rows.headings)
        ],
        rows=[
            {str(i): "–" if cell is None else str(cell) for i, cell in enumerate(row)} for row in rows.rows
        ],
        title=rows.title,
        pagination=15,
    )


def _value(result: Result, unit: str) -> str:
    value = result.value
    if value is None:
        return "–"
    if isinstance(result, Share):
        return f"{100 * value:.1f} %"
    return f"{value:.1f} {unit}" if isinstance(result, Scores | Times) else f"{value} {unit}"


def chart(result: Result) -> dict[str, Any] | None:
    """ECharts' options for a figure, ``None`` where there is nothing to draw."""
    if not result.days:
        return None
    if isinstance(result, Share):
        days = [str(day.day) for day in result.days]
        return _line(days, {"%": [round(100 * day.part / day.whole, 1) for day in result.days]}, 100)
    if isinstance(result, Times):
        days = [str(day) for day, _ in result.days]
        return _line(
            days,
            {
                "中位数": [round(spread.median, 1) for _, spread in result.days],
                "九成不超过": [round(spread.p90, 1) for _, spread in result.days],
            },
        )
    if isinstance(result, Scores):
        return _line(
            [str(day.day) for day in result.days],
            {"平均分": [round(day.points / day.ratings, 2) for day in result.days]},
            5,
        )
    return _stacked(result)


def _line(days: list[str], series: dict[str, list[float]], most: float | None = None) -> dict[str, Any]:
    return {
        "grid": {"left": 48, "right": 16, "top": 28, "bottom": 28},
        "tooltip": {"trigger": "axis"},
        "legend": {"show": len(series) > 1, "top": 0},
        "xAxis": {"type": "category", "data": days},
        "yAxis": {"type": "value", "min": 0, **({"max": most} if most is not None else {})},
        "series": [
            {"type": "line", "name": name, "data": values, "showSymbol": True}
            for name, values in series.items()
        ],
    }


def _stacked(result: Counts) -> dict[str, Any]:
    days = sorted({day.day for day in result.days})
    labels = list(result.by_kind())
    counted = {(day.day, day.label): day.count for day in result.days}
    return {
        "grid": {"left": 48, "right": 16, "top": 28, "bottom": 28},
        "tooltip": {"trigger": "axis"},
        "legend": {"show": any(labels), "type": "scroll", "top": 0},
        "xAxis": {"type": "category", "data": [str(day) for day in days]},
        "yAxis": {"type": "value", "minInterval": 1},
        "series": [
            {
                "type": "bar",
                "stack": "all",
                "name": label or "件数",
                "data": [counted.get((day, label), 0) for day in days],
            }
            for label in labels
        ],
    }


def _last(days: int) -> Period:
    today = parts().today()
    return Period(today - timedelta(days=days - 1), today)


@ui.page("/reports", title="报表 · 税铃工作台")
async def reports_page(request: Request) -> Response | None:
    """For supervisors and auditors."""
    who = await visitor(request, Action.SEE_REPORTS)
    if isinstance(who, Response):
        return who
    await ReportsPage(who).run()
    return None
