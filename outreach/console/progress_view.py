"""How far one campaign has come, kept up to date while it is looked at."""

from __future__ import annotations

from nicegui import ui

from handoff.console.bits import heading
from handoff.exports import Table
from outreach.console.charts import funnel_chart
from outreach.console.report import cell_words, download_csv, download_xlsx, tables
from outreach.console.tables import plain_table
from outreach.progress import Progress

_MARKS = ("funnel-table", "step-table", "outcome-table", "closed-table", "spent-table")
"""What tests know the tables of ``report.tables`` by, in their order."""


class ProgressView:
    """The tab; tables are drawn anew only where a number has changed."""

    def __init__(self) -> None:
        self._shown: dict[str, Table] = {}
        self._progress: Progress | None = None
        with ui.row().classes("w-full"), ui.row().classes("ml-auto"):
            ui.button("导出 CSV", on_click=self._csv).props("flat no-caps data-mark=csv")
            ui.button("导出 XLSX", on_click=self._xlsx).props("flat no-caps data-mark=xlsx")
        with ui.element("div").classes("grid grid-cols-1 xl:grid-cols-2 gap-3 w-full items-start"):
            with ui.element("section").classes("sl-panel"):
                heading("漏斗：到过每一站的提醒")
                self._chart = (
                    ui.echart({})
                    .classes("h-64")
                    .props("data-mark=funnel role=img aria-label=漏斗图，数字见下表")
                )
                self._places = {"funnel-table": ui.element("div")}
            with ui.element("section").classes("sl-panel"):
                heading("用量和用时")
                self._places["spent-table"] = ui.element("div")
                heading("关闭原因")
                self._places["closed-table"] = ui.element("div")
            with ui.element("section").classes("sl-panel"):
                heading("步骤")
                self._places["step-table"] = ui.element("div")
            with ui.element("section").classes("sl-panel"):
                heading("每次尝试的结果")
                self._places["outcome-table"] = ui.element("div")

    def show(self, progress: Progress) -> None:
        """Bring it up to ``progress``."""
        if self._progress is None or self._progress.funnels != progress.funnels:
            self._chart.options.clear()
            self._chart.options.update(funnel_chart(progress.funnels[0]) if progress.funnels else {})
            self._chart.update()
        self._progress = progress
        for mark, now in zip(_MARKS, tables(progress), strict=True):
            if self._shown.get(mark) == now:
                continue
            self._shown[mark] = now
            place = self._places[mark]
            place.clear()
            with place:
                if now.rows:
                    plain_table(now.headings, [[cell_words(cell) for cell in row] for row in now.rows], mark)
                else:
                    ui.label("还没有。").classes("sl-keys")

    async def _csv(self) -> None:
        if self._progress is not None:
            await download_csv(tables(self._progress), self._progress.name)

    async def _xlsx(self) -> None:
        if self._progress is not None:
            await download_xlsx(tables(self._progress), self._progress.name)
