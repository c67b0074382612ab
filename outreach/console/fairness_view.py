"""Whether the risk score treats industries, sizes and regions alike, as the report of :mod:`outreach.fairness` has it."""

from __future__ import annotations

from nicegui import ui

from handoff.console.bits import heading
from outreach.console.report import cell_words, download_csv, download_xlsx
from outreach.console.tables import plain_table
from outreach.fairness import ENOUGH, LATE, Fairness, tables


def show_fairness(report: Fairness, name: str) -> None:
    """Draw it where the page is being built; ``name`` of the campaign goes into the files' names."""
    groups, gaps = tables(report)
    with ui.row().classes("items-center w-full"):
        heading("评分对各行业、规模、地区是否一致")
        with ui.row().classes("ml-auto"):
            ui.button("导出 CSV", on_click=lambda: download_csv((groups, gaps), f"{name}公平性")).props(
                "flat no-caps"
            )
            ui.button("导出 XLSX", on_click=lambda: download_xlsx((groups, gaps), f"{name}公平性")).props(
                "flat no-caps data-mark=fairness-xlsx"
            )
    ui.label(
        f"每组和其余的比：明显高出五分之一以上、又不像偶然的，列为差距。不足{ENOUGH}条的不比。"
        f"“逾期未缴”指到期{LATE.days}天后还没缴清。差距是要人去查的问题，不是结论。"
    ).classes("sl-keys")
    if not report.reminders:
        ui.label("还没有提醒，没有可比的。").classes("sl-empty")
        return
    with ui.element("ul").props("data-mark=gaps"):
        for gap in report.gaps:
            with ui.element("li").classes("sl-warn"):
                ui.label(gap.words)
        if not report.gaps:
            ui.label("没有发现明显的差距。").classes("text-primary")
    plain_table(
        groups.headings, [[cell_words(cell) for cell in row] for row in groups.rows], "fairness-groups"
    )
