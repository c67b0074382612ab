"""``shuiling simulate``: strategies tried on simulated taxpayers before they are used on real ones."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

if TYPE_CHECKING:
    from outreach.plan import Plan
    from outreach.simulation.behaviour import Behaviour
    from outreach.simulation.run import Compared

_STANDARD = "standard"


def register(app: typer.Typer) -> None:
    """Add the command ``simulate`` to ``app``."""
    app.command("simulate", help="在模拟的纳税人身上试提醒方案：比较缴款、通话、投诉和每小时的工作量。")(
        simulate
    )


def simulate(
    taxpayers: Annotated[int, typer.Option(min=1, max=5_000_000, help="多少户")] = 100_000,
    days: Annotated[int, typer.Option(min=1, max=365, help="多少天")] = 30,
    seed: Annotated[int, typer.Option(min=0, help="随机种子：相同则结果相同")] = 1,
    plan: Annotated[
        list[str] | None,
        typer.Option(help="方案：YAML 文件，或自带的 standard、gentle、firm；可重复", show_default=_STANDARD),
    ] = None,
    compare: Annotated[
        list[str] | None, typer.Option(help="与第一个方案比较的方案，可重复", show_default=False)
    ] = None,
    start: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="第一天", show_default="2026-11-02")
    ] = None,
    lines: Annotated[
        int | None, typer.Option(min=0, help="线路数和能同时通话的机器人数", show_default=False)
    ] = None,
    calls_a_second: Annotated[
        float | None, typer.Option(min=0.01, max=1000, help="每秒最多拨打几次", show_default=False)
    ] = None,
    behaviour: Annotated[
        Path | None,
        typer.Option(
            help="人的反应：YAML 文件，写法见 outreach/simulation/behaviour.yml", show_default=False
        ),
    ] = None,
    json_to: Annotated[
        Path | None, typer.Option("--json", help="全部数字另存为 JSON", show_default=False)
    ] = None,
    html_to: Annotated[
        Path | None, typer.Option("--html", help="另存为带图的网页", show_default=False)
    ] = None,
) -> None:
    """Exit codes: 0 done; 1 a rule was broken in the run; 2 a file cannot be read or written."""
    from outreach.risk import load_rules
    from outreach.simulation.run import FIRST_DAY, Setting
    from outreach.simulation.run import simulate as play
    from outreach.simulation.table import comparison, load_map

    people = _behaviour(behaviour)
    carrier = people.carrier.model_copy(
        update={
            key: value
            for key, value in (("lines", lines), ("bots", lines), ("a_second", calls_a_second))
            if value is not None
        }
    )
    first = FIRST_DAY if start is None else start.date()
    setting = Setting(taxpayers, days, seed, first, carrier)
    plans = _plans([*(plan or [_STANDARD]), *(compare or [])])
    console = Console(highlight=False)
    with Console(stderr=True).status("") as status:
        compared = play(plans, setting, people, load_rules(), lambda name: status.update(f"正在模拟：{name}"))
    console.print(comparison(compared))
    for each in compared.strategies:
        console.print(load_map(each, compared, "calls"))
    if json_to is not None:
        _write(json_to, json.dumps(_as_json(compared, people), ensure_ascii=False, indent=1))
    if html_to is not None:
        from outreach.simulation.page import NoCharts, page

        try:
            _write(html_to, page(compared, people))
        except NoCharts as error:
            _fail(str(error))
    if any(each.broken.limits or each.broken.abandoned for each in compared.strategies):
        typer.echo("✗ 有联系超出了限制，请把上面的命令和结果告诉开发人员。", err=True)
        raise typer.Exit(1)


def _as_json(compared: Compared, behaviour: Behaviour) -> dict[str, object]:
    setting = compared.setting
    return {
        "setting": {
            "taxpayers": setting.people,
            "days": setting.days,
            "seed": setting.seed,
            "start": date.isoformat(setting.start),
            "carrier": setting.carrier.model_dump(exclude={"source"}),
        },
        "nothing": compared.nothing.as_json(),
        "strategies": [each.as_json() for each in compared.strategies],
        "behaviour": behaviour.model_dump(mode="json", by_alias=True),
    }


def _plans(named: list[str]) -> list[tuple[str, Plan]]:
    from outreach.plan import PlanError, load_plan, strategy_file

    found: list[tuple[str, Plan]] = []
    for each in named:
        path = strategy_file(each)
        try:
            plan = load_plan(path)
        except PlanError as error:
            _fail(f"方案 {each} 不能用：{error}")
        except (OSError, UnicodeDecodeError):
            _fail(f"读不了方案 {each}，请核对路径。")
        title = plan.title if all(plan.title != name for name, _ in found) else f"{plan.title}（{path.stem}）"
        found.append((title, plan))
    return found


def _behaviour(path: Path | None) -> Behaviour:
    import yaml

    from outreach.simulation.behaviour import DEFAULT, load_behaviour

    try:
        return load_behaviour(path or DEFAULT)
    except OSError:
        _fail(f"读不了 {path}，请核对路径。")
    except (ValueError, yaml.YAMLError) as error:
        _fail(f"{path} 不能用：{error}")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        _fail(f"写不了 {path}：{error.strerror}")
    typer.echo(f"已写入 {path}", err=True)


def _fail(message: str) -> NoReturn:
    typer.echo(f"✗ {message}", err=True)
    raise typer.Exit(2)
