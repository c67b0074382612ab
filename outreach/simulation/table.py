"""A comparison as a table for the terminal: a column for each strategy, with its difference from doing nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from rich.table import Table
from rich.text import Text

from outreach.simulation.figures import CYCLE_WORKDAYS, Figures
from outreach.simulation.run import Compared

_BLOCKS = " ▁▂▃▄▅▆▇█"
WEEKDAYS = "一二三四五六日"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the comparison. ``difference``: whether it is told how far a strategy is from the one it is compared with;
    ``unit``: of a share."""

    title: str
    shown: Callable[[Figures], str]
    value: Callable[[Figures], float]
    difference: bool = True
    unit: str = ""
    must_be_zero: bool = False


def _count(title: str, of: Callable[[Figures], int]) -> Row:
    return Row(title, lambda figures: f"{of(figures):,}", of)


def _share(title: str, part: Callable[[Figures], int], whole: Callable[[Figures], int]) -> Row:
    def percent(figures: Figures) -> float:
        return 100 * part(figures) / whole(figures) if whole(figures) else 0.0

    return Row(title, lambda figures: f"{part(figures):,}\n{percent(figures):.1f}%", percent, unit="%")


ROWS: tuple[Row, ...] = (
    _count("提醒人数", lambda f: f.funnel.reminded),
    _share("已通知", lambda f: f.funnel.notified, lambda f: f.funnel.reminded),
    _share("联系到人", lambda f: f.funnel.reached, lambda f: f.funnel.reminded),
    _share("核实身份", lambda f: f.funnel.verified, lambda f: f.funnel.reminded),
    _share("承诺缴款", lambda f: f.funnel.promised, lambda f: f.funnel.reminded),
    _share("守约", lambda f: f.funnel.kept, lambda f: f.funnel.promised),
    _share("按期缴款", lambda f: f.paid_by_deadline, lambda f: f.coming_due),
    _share(f"期限后{CYCLE_WORKDAYS}个工作日内缴清", lambda f: f.paid_in_cycle, lambda f: f.taxpayers),
    Row(
        "逾期天数（中位/九成）",
        lambda f: f"{f.days_late[0]:.0f} / {f.days_late[1]:.0f}",
        lambda f: f.days_late[0],
        difference=False,
    ),
    Row("滞纳金合计（元）", lambda f: f"{f.late_fee:,.2f}", lambda f: float(f.late_fee)),
    _count("批准延期", lambda f: f.deferred),
    _count("拨打电话", lambda f: f.calls),
    _share("接通", lambda f: f.connected, lambda f: f.calls),
    _count("通话分钟", lambda f: f.call_minutes),
    _count("发送消息", lambda f: f.messages),
    _count("人员任务", lambda f: f.officer_tasks),
    Row(
        "每人联系（平均/最多）",
        lambda f: f"{f.contacts_mean:.2f} / {f.contacts_most}",
        lambda f: f.contacts_mean,
        difference=False,
    ),
    Row(
        "投诉",
        lambda f: f"{f.complaints:,}\n{f.per_mille():.2f}‰",
        lambda f: f.per_mille(),
        unit="‰",
    ),
    _count("要求不再联系", lambda f: f.opt_outs),
    Row("最多同时占用线路", lambda f: f"{f.peak_lines:,}", lambda f: f.peak_lines, difference=False),
    Row(
        "接通却无机器人",
        lambda f: f"{f.broken.abandoned}",
        lambda f: f.broken.abandoned,
        difference=False,
        must_be_zero=True,
    ),
    Row(
        "超出限制",
        lambda f: f"{f.broken.limits}",
        lambda f: f.broken.limits,
        difference=False,
        must_be_zero=True,
    ),
)
"""What is shown of every strategy, in this order."""


def comparison(compared: Compared) -> Table:
    """All strategies side by side, each with its distance from the first."""
    setting = compared.setting
    table = Table(
        title=f"{setting.people:,} 户，{setting.start:%Y-%m-%d} 起 {setting.days} 天，随机种子 {setting.seed}",
        caption="括号和第二行：与第一个方案之差。最后两行应为 0。人的反应是假设，用来比较方案，不是预测。",
    )
    table.add_column("", overflow="fold")
    for each in compared.all:
        table.add_column(each.name, justify="right", overflow="fold")
    base = compared.strategies[0] if compared.strategies else compared.nothing
    for row in ROWS:
        table.add_row(row.title, *(cell(row, each, base) for each in compared.all))
    return table


def load_map(figures: Figures, compared: Compared, of: str) -> Text:
    """Calls (``of`` = ``calls``) or messages an hour as blocks, a line a day; the highest block is the busiest hour."""
    matrix = figures.calls_by_hour if of == "calls" else figures.messages_by_hour
    title = "每小时拨打" if of == "calls" else "每小时发送消息"
    most = max((count for day in matrix for count in day), default=0)
    hours = [hour for hour in range(24) if any(day[hour] for day in matrix)]
    text = Text(f"{figures.name}：{title}（最高 {most:,}）\n")
    if not most:
        return text.append("（没有）\n")
    first, last = min(hours), max(hours)
    text.append(f"{'':15}{''.join(f'{hour:>3}' for hour in range(first, last + 1))}\n")
    for number, day in enumerate(matrix):
        on = compared.setting.start + timedelta(days=number)
        blocks = "".join(_block(day[hour], most) for hour in range(first, last + 1))
        text.append(f"{on:%m-%d} 周{WEEKDAYS[on.weekday()]}     {blocks}  {sum(day) or '':>7}\n")
    return text


def cell(row: Row, each: Figures, base: Figures) -> str:
    """The figure; below it its share and how far it is from ``base``'s."""
    shown = row.shown(each)
    if not row.difference or each is base or not each.funnel.reminded:
        return shown
    difference = row.value(each) - row.value(base)
    match row.unit:
        case "%":
            return f"{shown}（{difference:+.1f}）"
        case "‰":
            return f"{shown}（{difference:+.2f}）"
        case _:
            return f"{shown}\n{difference:+,.0f}"


def _block(count: int, most: int) -> str:
    level = 0 if not count else max(1, round(count / most * (len(_BLOCKS) - 1)))
    return "  " + _BLOCKS[level]
