"""Plays the scripts of ``tests/calls/scripts`` against the running product: the stand-in carrier answers for everybody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from gateway.calls.cast import cast
from gateway.clock import Clock
from gateway.settings import Settings
from telephony.standin.cast import CastError
from telephony.standin.clients import HttpGateway, RunError, StandinClient
from telephony.standin.loader import load_folder
from telephony.standin.run import play
from telephony.standin.runner import Runner, plan, summary
from telephony.standin.yaml_reader import ScriptError

_NOT_RUNNING = "税铃没有在运行，或没有带模拟运营商。请先在另一个终端执行 make serve，看到地址后再试。"


def play_scripts(folder: str, calls: int | None, at_once: int, only: Sequence[str], out: str | None) -> int:
    """Play them with a live table; prints the summary. Returns the exit status."""
    console = Console()
    try:
        settings = Settings()
        running = _running(settings)
        result = asyncio.run(
            _play(Path(folder), calls, at_once, only, running, Clock(settings.today).today(), console)
        )
    except (ScriptError, CastError, RunError, OSError) as error:
        console.print(f"✗ {error}", style="red")
        return 2
    console.print_json(json.dumps(result, ensure_ascii=False))
    if out is not None:
        Path(out).write_text(json.dumps(result, ensure_ascii=False, indent=1), encoding="utf-8")
    return 0 if result["right_share"] == 1 else 1


async def _play(
    folder: Path,
    calls: int | None,
    at_once: int,
    only: Sequence[str],
    running: Mapping[str, Any],
    day: date,
    console: Console,
) -> dict[str, Any]:
    chosen = [script for script in load_folder(folder) if not only or script.name in only]
    if not chosen:
        raise RunError(f"没有剧本叫 {'、'.join(only)}" if only else f"{folder} 里没有剧本")
    standin = running["standin"]
    async with httpx.AsyncClient(trust_env=False) as client:
        runner = Runner(
            plan(chosen, calls),
            cast(day),
            HttpGateway(client, running["url"], ""),
            StandinClient(client, standin["url"], standin["sid"], standin["token"]),
            at_once,
        )
        await play(runner, console)
    return summary(runner.rows)


def _running(settings: Settings) -> Mapping[str, Any]:
    """What the running product says of itself. Raises :class:`RunError`."""
    try:
        state: Mapping[str, Any] = json.loads((settings.data_dir / "serve.json").read_text())
    except (OSError, ValueError) as error:
        raise RunError(_NOT_RUNNING) from error
    if "standin" not in state:
        raise RunError(_NOT_RUNNING)
    return state
