"""Options for ECharts: the funnel, and the calendar of planned load."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from outreach.console.words import short_day
from outreach.plan import Lane
from outreach.progress import Funnel
from outreach.reading import Load

STATIONS = ("列入计划", "已提醒", "有人接听", "核实身份", "承诺缴款", "已缴清")


def passed(funnel: Funnel) -> tuple[int, ...]:
    """Reminders at each of :data:`STATIONS`."""
    return (funnel.planned, funnel.notified, funnel.reached, funnel.verified, funnel.promised, funnel.paid)


def funnel_chart(funnel: Funnel) -> dict[str, Any]:
    """Bars from the first station down to the last: who pays at once was never reached, so it is no true funnel."""
    return {
        "animation": False,
        "grid": {"left": 80, "right": 90, "top": 8, "bottom": 24},
        "xAxis": {"type": "value", "minInterval": 1},
        "yAxis": {"type": "category", "inverse": True, "data": list(STATIONS)},
        "series": [
            {
                "type": "bar",
                "data": list(passed(funnel)),
                "itemStyle": {"color": "#146c57"},
                "label": {"show": True, "position": "right"},
            }
        ],
    }


def heat_map(load: Sequence[Load], today: date, days: int, lane: Lane | None) -> dict[str, Any]:
    """Planned steps by day and hour; ``lane`` ``None``: all of them. Hours with nothing at all are left out at the ends."""
    sums: dict[tuple[date, int], int] = {}
    for each in load:
        if lane is None or each.lane is lane:
            sums[each.day, each.hour] = sums.get((each.day, each.hour), 0) + each.steps
    columns = [today + timedelta(days=i) for i in range(days)]
    hours = list(range(min([9, *(hour for _, hour in sums)]), max([17, *(hour for _, hour in sums)]) + 1))
    return {
        "animation": False,
        "tooltip": {"position": "top"},
        "grid": {"left": 64, "right": 16, "top": 8, "bottom": 104},
        "xAxis": {
            "type": "category",
            "data": [short_day(day) for day in columns],
            "axisLabel": {"rotate": 45, "interval": 0},
        },
        "yAxis": {"type": "category", "inverse": True, "data": [f"{hour}时" for hour in hours]},
        "visualMap": {
            "min": 0,
            "max": max(sums.values(), default=1),
            "calculable": False,
            "orient": "horizontal",
            "left": "center",
            "bottom": 0,
            "inRange": {"color": ["#eef5f2", "#8cc7b3", "#146c57", "#0a3a2f"]},
        },
        "series": [
            {
                "type": "heatmap",
                "name": "计划的步骤",
                "data": [
                    [columns.index(day), hours.index(hour), steps]
                    for (day, hour), steps in sums.items()
                    if day in columns
                ],
                "label": {"show": True},
            }
        ],
    }


def busiest(load: Sequence[Load]) -> tuple[date, int, int] | None:
    """Day, hour and number of steps of the hour with the most; ``None`` where nothing is planned."""
    sums: dict[tuple[date, int], int] = {}
    for each in load:
        sums[each.day, each.hour] = sums.get((each.day, each.hour), 0) + each.steps
    if not sums:
        return None
    (day, hour), steps = max(sums.items(), key=lambda item: (item[1], item[0]))
    return day, hour, steps
