"""A comparison as one HTML file that opens from disk: no links, nothing is fetched; ECharts is in it."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from outreach.simulation.behaviour import Behaviour
from outreach.simulation.population import deadline_of
from outreach.simulation.run import Compared
from outreach.simulation.table import ROWS, WEEKDAYS, cell

_TEMPLATE = Path(__file__).parent / "page.html"
_ENTRY = re.compile(r'import\{(?P<imports>[^}]*)\}from"\./(?P<bundle>[\w.-]+)";export\{(?P<exports>[^}]*)\}')
_EXPORTS = re.compile(r"export\{(?P<names>[^{}]*)\};\s*(?://# sourceMappingURL=\S*\s*)?$")

_SECTIONS = {
    "people": "人员构成",
    "deadlines": "缴款期限",
    "past": "过去两年",
    "payment": "何时缴款",
    "effect": "提醒的效果",
    "calls": "接听电话",
    "times": "振铃与通话时间",
    "messages": "消息送达",
    "cash": "资金困难与延期",
    "promises": "承诺缴款",
    "officers": "人员任务",
    "complaints": "投诉",
    "opt_outs": "要求不再联系",
    "carrier": "线路",
}
"""What the sections of ``behaviour.yml`` are called."""


class NoCharts(RuntimeError):
    """ECharts is not where NiceGUI ships it."""


def page(compared: Compared, behaviour: Behaviour) -> str:
    """The whole page. Raises :class:`NoCharts`."""
    setting = compared.setting
    base = compared.strategies[0] if compared.strategies else compared.nothing
    days = [setting.start + timedelta(days=day) for day in range(setting.days)]
    deadlines = sorted({deadline_of(each, setting.start) for each in behaviour.deadlines.of})
    data = {
        "setting": (
            f"{setting.people:,} 户，{setting.start:%Y-%m-%d} 起 {setting.days} 天，"
            f"{setting.carrier.lines} 条线路、每秒 {setting.carrier.a_second:g} 次拨打，随机种子 {setting.seed}"
        ),
        "strategies": [each.as_json() for each in compared.all],
        "rows": [
            {
                "title": row.title,
                "must_be_zero": row.must_be_zero,
                "cells": [cell(row, each, base) for each in compared.all],
            }
            for row in ROWS
        ],
        "days": [day.isoformat() for day in days],
        "day_names": [f"{day:%m-%d} 周{WEEKDAYS[day.weekday()]}" for day in days],
        "deadlines": [day.isoformat() for day in deadlines if day in days],
        "sources": {_SECTIONS[name]: source for name, source in behaviour.sources().items()},
    }
    parts = {
        "{{data}}": json.dumps(data, ensure_ascii=False).replace("<", "\\u003c"),
        "{{echarts}}": _echarts(),
    }
    return re.sub(
        r"\{\{(?:data|echarts)\}\}", lambda mark: parts[mark[0]], _TEMPLATE.read_text(encoding="utf-8")
    )


@cache
def _echarts() -> str:
    """NiceGUI's bundle of ECharts as a script that sets ``globalThis.echarts``."""
    found = find_spec("nicegui")
    if found is None or found.origin is None:
        raise NoCharts("没有安装 NiceGUI，无法画图。")
    folder = Path(found.origin).parent / "elements" / "echart" / "dist"
    try:
        entry = _ENTRY.search((folder / "index.js").read_text(encoding="utf-8"))
        if entry is None:
            raise NoCharts("NiceGUI 自带的 ECharts 换了写法，无法画图。")
        local = _renamed(entry["exports"])["echarts"]
        exported = next(name for name, alias in _pairs(entry["imports"]) if alias == local)
        bundle = (folder / entry["bundle"]).read_text(encoding="utf-8")
        names = _EXPORTS.search(bundle)
        if names is None:
            raise NoCharts("NiceGUI 自带的 ECharts 换了写法，无法画图。")
        inner = _renamed(names["names"])[exported]
    except (OSError, KeyError, StopIteration) as error:
        raise NoCharts("找不到 NiceGUI 自带的 ECharts，无法画图。") from error
    return bundle[: names.start()].replace("</script", "<\\/script") + f"globalThis.echarts={inner};"


def _renamed(names: str) -> dict[str, str]:
    """Outer name → inner name of ``inner as outer, …``."""
    return {alias: name for name, alias in _pairs(names)}


def _pairs(names: str) -> list[tuple[str, str]]:
    found = []
    for each in names.split(","):
        name, _, alias = each.strip().partition(" as ")
        found.append((name, alias or name))
    return found
