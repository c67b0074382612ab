"""``python -m telephony.standin.run``: call everybody in a folder of scripts, watch it in a table, judge the outcomes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.live import Live

from telephony.standin.cast import CastError, load
from telephony.standin.clients import HttpGateway, RunError, StandinClient
from telephony.standin.loader import load_folder
from telephony.standin.runner import Runner, plan, summary
from telephony.standin.table import table
from telephony.standin.yaml_reader import ScriptError


async def play(runner: Runner, console: Console) -> None:
    """Run it, the table live in the terminal."""
    with Live(table(runner.rows), console=console, refresh_per_second=4, transient=False) as live:
        running = asyncio.create_task(runner.run())
        while not running.done():
            live.update(table(runner.rows))
            await asyncio.wait({running}, timeout=0.25)
        live.update(table(runner.rows))
        await running


def main(
    scripts: Annotated[Path, typer.Option(help="剧本所在的文件夹")],
    cast: Annotated[Path, typer.Option(help="人员名单（JSON）")],
    gateway_token: Annotated[str, typer.Option(envvar="SHUILING_INTERNAL_TOKEN", help="网关的内部令牌")],
    account_sid: Annotated[str, typer.Option(envvar="SHUILING_STANDIN_SID", help="模拟运营商的账号")],
    auth_token: Annotated[str, typer.Option(envvar="SHUILING_STANDIN_TOKEN", help="模拟运营商的令牌")],
    calls: Annotated[int | None, typer.Option(min=1, help="一共打多少通；不写则每个剧本每种口音一通")] = None,
    at_once: Annotated[int, typer.Option(min=1, help="同时打多少通")] = 24,
    only: Annotated[list[str] | None, typer.Option(help="只演这些剧本")] = None,
    gateway: Annotated[str, typer.Option(help="网关地址")] = "http://127.0.0.1:8000",
    standin: Annotated[str, typer.Option(help="模拟运营商地址")] = "http://127.0.0.1:8005",
    out: Annotated[Path | None, typer.Option(help="结果写到这个 JSON 文件")] = None,
    at_least: Annotated[float, typer.Option(min=0, max=1, help="结局正确的比例低于它就算失败")] = 0.97,
) -> None:
    """按剧本打电话，逐路显示进展，最后核对每一通的结局。"""
    console = Console()

    async def everything() -> Runner:
        chosen = [script for script in load_folder(scripts) if not only or script.name in only]
        if not chosen:
            raise RunError(f"没有剧本叫 {'、'.join(only or [])}")
        async with httpx.AsyncClient(trust_env=False) as client:
            runner = Runner(
                plan(chosen, calls),
                load(cast),
                HttpGateway(client, gateway, gateway_token),
                StandinClient(client, standin, account_sid, auth_token),
                at_once,
            )
            await play(runner, console)
        return runner

    try:
        runner = asyncio.run(everything())
    except (ScriptError, CastError, RunError) as error:
        console.print(str(error), style="red")
        raise typer.Exit(2) from error
    result = summary(runner.rows)
    console.print_json(json.dumps(result, ensure_ascii=False))
    if out is not None:
        out.write_text(json.dumps(result, ensure_ascii=False, indent=1), encoding="utf-8")
    if (result["right_share"] or 0) < at_least:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
