"""When the steps that are still planned will fall: a calendar of days and hours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from nicegui import ui

from handoff.console.bits import heading
from outreach.console.charts import busiest, heat_map
from outreach.console.words import LANE_ZH, short_day
from outreach.plan import Lane
from outreach.reading import Load

DAYS = 21
_ALL = "all"


class LoadView:
    """The tab."""

    def __init__(self) -> None:
        self._load: Sequence[Load] = ()
        self._today: date | None = None
        with ui.element("section").classes("sl-panel"):
            heading(f"今后{DAYS}天的计划")
            ui.label("按每一步下次要看的时间数；已经到点没做的算在现在这一小时。").classes("sl-keys")
            self._busiest = ui.label().props("data-mark=busiest")
            self._lane = ui.toggle(
                {_ALL: "全部", **{lane.value: words for lane, words in LANE_ZH.items()}}, value=_ALL
            ).props("no-caps unelevated dense")
            self._lane.on_value_change(self._draw)
            self._chart = (
                ui.echart({})
                .classes("w-full")
                .style("height: 25rem")
                .props("data-mark=heat role=img aria-label=负荷日历")
            )

    def show(self, load: Sequence[Load], today: date) -> None:
        """Draw this load."""
        self._load, self._today = load, today
        most = busiest(load)
        self._busiest.set_text(
            f"最忙：{short_day(most[0])} {most[1]}时，{most[2]:,}步；共{sum(each.steps for each in load):,}步。"
            if most is not None
            else "没有待做的步骤。"
        )
        self._draw()

    def _draw(self) -> None:
        if self._today is None:
            return
        lane = None if self._lane.value == _ALL else Lane(self._lane.value)
        self._chart.options.clear()
        self._chart.options.update(heat_map(self._load, self._today, DAYS, lane))
        self._chart.update()
