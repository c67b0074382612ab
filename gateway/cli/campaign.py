"""``shuiling campaign``: outreach on the command line: look before, start, pause, stop, report, and the red button."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from gateway.cli import load_settings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from outreach.audience import Preview
    from outreach.campaigns import Listed
    from outreach.fairness import Fairness
    from outreach.progress import Progress, Spread
    from store.outreach_models import Campaign

T = TypeVar("T")
_ACTOR = "cli"

campaign_app = typer.Typer(help="外呼活动：预览、新建、启动、暂停、停止、报告。", no_args_is_help=True)
button_app = typer.Typer(help="红色按钮：立刻停止一切外呼和发送，或恢复。", no_args_is_help=True)
campaign_app.add_typer(button_app, name="red-button")
Name = Annotated[str, typer.Argument(help="活动的名称")]
Why = Annotated[str, typer.Option("--reason", help="原因，记入审计")]
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON")]


def register(app: typer.Typer) -> None:
    """Add the group ``campaign`` to ``app``."""
    app.add_typer(campaign_app, name="campaign")


@campaign_app.command("list", help="列出所有活动。")
def list_campaigns(as_json: AsJson = False) -> None:
    """One line a campaign."""
    from outreach.campaigns import listed

    found = _in_store(listed)
    if as_json:
        _print_json(found)
    elif found:
        _show_list(found)
    else:
        typer.echo("还没有活动。用 shuiling campaign create 方案.yml --name 名称 新建一个。")


@campaign_app.command("preview", help="看看会提醒到谁，不做任何事。写活动的名称，或一个方案。")
def preview_campaign(
    what: Annotated[str, typer.Argument(help="活动的名称，或方案文件（.yml），或自带的方案")],
    as_json: AsJson = False,
) -> None:
    """Exit codes: 0 shown, 1 there is no such campaign or the file cannot be used."""
    from gateway.cli.database import fail
    from gateway.clock import Clock
    from outreach.audience import preview
    from outreach.campaigns import by_name
    from outreach.plan import PlanError, load_plan, read_plan, strategy_file
    from outreach.risk import load_rules

    path = strategy_file(what)
    try:
        from_file = load_plan(path) if path.suffix in (".yml", ".yaml") else None
    except (PlanError, OSError) as error:
        fail(str(error))
    today = Clock(load_settings().today).today()

    async def look(session: AsyncSession) -> Preview:
        if from_file is not None:
            return await preview(session, from_file.audience, today, load_rules(), plan=from_file)
        campaign = await by_name(session, what)
        plan = read_plan(campaign.plan)
        return await preview(session, plan.audience, today, load_rules(), plan=plan, campaign_id=campaign.id)

    found = _in_store(look)
    if as_json:
        _print_json(found)
    else:
        _show_preview(found)


@campaign_app.command("create", help="用方案文件新建一个活动（草稿）。")
def create_campaign(
    file: Annotated[str, typer.Argument(help="方案文件（.yml），或自带的方案，如 standard")],
    name: Annotated[str, typer.Option(help="活动的名称，默认用方案的标题")] = "",
) -> None:
    """Exit codes: 0 made, 1 refused."""
    from gateway.cli.database import fail
    from outreach.campaigns import create
    from outreach.plan import PlanError, load_plan, strategy_file

    try:
        plan = load_plan(strategy_file(file))
    except (PlanError, OSError) as error:
        fail(str(error))

    async def make(session: AsyncSession) -> Campaign:
        return await create(session, _ACTOR, name or plan.title, plan)

    typer.echo(f"✓ 已新建“{_in_store(make).name}”。先 preview 看看，再 start 启动。")


@campaign_app.command("start", help="启动一个草稿；名单随后由后台排好。")
def start_campaign(name: Name) -> None:
    """Exit codes: 0 started, 1 refused."""
    from outreach.campaigns import by_name, start

    async def begin(session: AsyncSession) -> Campaign:
        return await start(session, _ACTOR, (await by_name(session, name)).id)

    typer.echo(f"✓ “{_in_store(begin).name}”已启动。")


@campaign_app.command("pause", help="暂停：不再开始新的电话和消息，进行中的通话照常。")
def pause_campaign(name: Name, reason: Why = "") -> None:
    """Exit codes: 0 paused, 1 refused."""
    from outreach.campaigns import by_name, pause

    async def hold(session: AsyncSession) -> Campaign:
        return await pause(session, _ACTOR, (await by_name(session, name)).id, reason)

    typer.echo(f"✓ “{_in_store(hold).name}”已暂停。")


@campaign_app.command("resume", help="继续一个暂停的活动；已经过时的步骤会重新判断。")
def resume_campaign(name: Name) -> None:
    """Exit codes: 0 resumed, 1 refused."""
    from outreach.campaigns import by_name, resume

    async def go_on(session: AsyncSession) -> Campaign:
        return await resume(session, _ACTOR, (await by_name(session, name)).id)

    typer.echo(f"✓ “{_in_store(go_on).name}”已继续。")


@campaign_app.command("stop", help="停止：取消所有还没做的步骤，不能再继续。")
def stop_campaign(
    name: Name, reason: Why = "", yes: Annotated[bool, typer.Option("--yes", help="不再询问")] = False
) -> None:
    """Exit codes: 0 stopped, 1 refused or thought better of."""
    from outreach.campaigns import by_name, stop

    if not yes:
        typer.confirm(f"停止以后不能再继续。确定停止“{name}”吗？", abort=True)

    async def end(session: AsyncSession) -> Campaign:
        return await stop(session, _ACTOR, (await by_name(session, name)).id, reason)

    typer.echo(f"✓ “{_in_store(end).name}”已停止。")


@campaign_app.command("report", help="一个活动做到哪里了：漏斗、步骤、结果、用时。")
def report(name: Name, as_json: AsJson = False) -> None:
    """Exit codes: 0 shown, 1 there is no such campaign."""
    from outreach.campaigns import by_name
    from outreach.progress import progress

    async def count(session: AsyncSession) -> Progress:
        return await progress(session, (await by_name(session, name)).id)

    found = _in_store(count)
    if as_json:
        _print_json(found)
    else:
        _show_report(found)


@campaign_app.command("fairness", help="公平性报告：各行业、规模、地区的风险分和误差有没有明显差距。")
def show_fairness(
    name: Annotated[str | None, typer.Argument(help="活动的名称；不写就是所有活动")] = None,
    as_json: AsJson = False,
) -> None:
    """Exit codes: 0 shown, 1 there is no such campaign."""
    from gateway.clock import Clock
    from outreach.campaigns import by_name
    from outreach.fairness import fairness

    today = Clock(load_settings().today).today()

    async def compare(session: AsyncSession) -> Fairness:
        campaign_id = (await by_name(session, name)).id if name else None
        return await fairness(session, campaign_id, today)

    found = _in_store(compare)
    if as_json:
        _print_json(found)
    else:
        _show_fairness(found)


@button_app.command("stop-all", help="立刻停止：所有活动不再拨打和发送，进行中的通话照常。")
def stop_everything(reason: Annotated[str, typer.Option("--reason", help="原因，记入审计")]) -> None:
    """Exit code 0 when it stands."""
    from outreach.switches import stop_all

    async def press(session: AsyncSession) -> None:
        await stop_all(session, _ACTOR, reason)

    _in_store(press)
    typer.echo("✓ 已停止一切外呼和发送。恢复用 shuiling campaign red-button release。")


@button_app.command("release", help="恢复：进行中的活动接着做。")
def release_everything() -> None:
    """Exit code 0 when it is released."""
    from outreach.switches import release

    async def let_go(session: AsyncSession) -> None:
        await release(session, _ACTOR)

    _in_store(let_go)
    typer.echo("✓ 已恢复。")


def _in_store(work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    """What ``work`` returns, committed; what it refuses is said and ends the command with exit code 1."""
    from gateway.cli.database import with_session

    async def run(session: AsyncSession) -> T:
        done = await work(session)
        await session.commit()
        return done

    return with_session(load_settings(), run)


def _show_list(found: Sequence[Listed]) -> None:
    from outreach.campaigns import STATUS_ZH

    table = _table("活动", "方案", "状态", "启动", "提醒", "进行中", "有人接听", "已缴清")
    for each in found:
        started = f"{each.started_at:%Y-%m-%d}" if each.started_at else "—"
        counts = (each.reminders, each.active, each.reached, each.paid)
        table.add_row(each.name, each.title, STATUS_ZH[each.status], started, *map(str, counts))
    _print(table)


def _show_preview(found: Preview) -> None:
    from outreach.audience import LEFT_OUT_ZH
    from outreach.console.words import TIER_ZH
    from tax.money import format_yuan

    _print(
        f"会提醒{found.taxpayers:,}户，{found.reminders:,}条提醒，{found.bills:,}张税单，未缴税款{format_yuan(found.unpaid)}"
    )
    _print("风险：" + "，".join(f"{TIER_ZH[tier]} {count:,}" for tier, count in found.tiers.items()))
    if found.first_days:
        _print("第一步：" + "，".join(f"{day:%m-%d} {count:,}" for day, count in found.first_days.items()))
    if found.left_out:
        _print(
            "不提醒：" + "，".join(f"{LEFT_OUT_ZH[why]} {count:,}" for why, count in found.left_out.items())
        )
    if found.sample:
        table = _table("纳税人", "手机", "地区", "到期", "税单", "未缴", "风险", "第一步")
        for each in found.sample:
            table.add_row(
                each.name_mask,
                each.phone_mask,
                each.region,
                each.due.isoformat(),
                str(each.bills),
                format_yuan(each.unpaid),
                f"{TIER_ZH[each.tier]} {each.points}分",
                each.first.isoformat() if each.first else "—",
            )
        _print(table)


def _show_report(found: Progress) -> None:
    from outreach.campaigns import STATUS_ZH
    from outreach.console.words import OUTCOME_ZH, STANDING_ZH, STATE_ZH, TIER_ZH, way
    from outreach.reading import Standing

    _print(f"{found.name}（{found.title}），{STATUS_ZH[found.status]}")
    funnel = _table("", "计划", "已提醒", "有人接听", "核实身份", "承诺缴款", "已缴清", "进行中")
    for each in found.funnels:
        stations = (
            each.planned,
            each.notified,
            each.reached,
            each.verified,
            each.promised,
            each.paid,
            each.active,
        )
        funnel.add_row(TIER_ZH[each.tier] if each.tier else "全部", *(f"{count:,}" for count in stations))
    _print(funnel)
    if found.closed:
        closed = (f"{STANDING_ZH[Standing(why)]} {count:,}" for why, count in found.closed.items())
        _print("已结束的提醒：" + "，".join(closed))
    steps = _table("步骤", *STATE_ZH.values())
    for step in found.steps:
        steps.add_row(step.title, *(f"{step.states[state]:,}" for state in STATE_ZH))
    _print(steps)
    if found.outcomes:
        outcomes = _table("渠道", "结果", "次数")
        for row in found.outcomes:
            said = "进行中" if row.outcome is None else OUTCOME_ZH.get(row.outcome, row.outcome)
            outcomes.add_row(way(row.channel), said, f"{row.count:,}")
        _print(outcomes)
    _print(f"用了{found.calls:,}通电话、{found.messages:,}条消息。")
    _print("从计划到有人接听：" + _spread(found.response, "小时"))
    _print("从期限到缴清：" + _spread(found.cycle, "天"))


def _spread(found: Spread, unit: str) -> str:
    if found.median is None or found.p90 is None:
        return "还没有"
    return f"中位数{found.median:.1f}{unit}，九成在{found.p90:.1f}{unit}以内（{found.count:,}条）"


def _show_fairness(found: Fairness) -> None:
    from outreach.fairness import tables

    if not found.reminders:
        _print("还没有提醒，没有可以比较的。")
        return
    for shown in tables(found):
        table = _table(*shown.headings, title=shown.title)
        for row in shown.rows:
            table.add_row(*("—" if cell is None else str(cell) for cell in row))
        if table.row_count:
            _print(table)
    if not found.gaps:
        _print("没有明显的差距。")


def _table(*headings: str, title: str | None = None) -> Table:
    return Table(*headings, title=title, title_justify="left", box=None, pad_edge=False)


def _print(shown: Table | str) -> None:
    Console(highlight=False, markup=False).print(shown)


def _print_json(found: object) -> None:
    typer.echo(json.dumps(_plain(found), ensure_ascii=False, indent=1))


def _plain(value: Any) -> Any:
    """Amounts and times become strings; everything else keeps its shape."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, date | datetime):
        return value.isoformat()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)
