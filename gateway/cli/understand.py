"""``shuiling understand``: what the trained model understands in each line of standard input."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli import load_settings
from gateway.rasa_process import RASA_VENV, base_environment
from gateway.settings import ROOT, Settings

_NOT_READY = "还没有训练好的模型。请先运行 make setup。"
_LOADING = "正在载入模型，请稍候……（一行一句，Ctrl-D 结束）"
_THREADS = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}


def register(app: typer.Typer) -> None:
    """Add the command ``understand`` to ``app``."""
    app.command("understand", help="逐行读标准输入，每行输出一个 JSON：意图、把握、实体。")(understand)


def understand(
    model: Annotated[
        Path | None, typer.Option(help="模型文件，默认取正在使用的，没有就取最新的", show_default=False)
    ] = None,
    today: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="按哪一天来理解“明天”“下月”", show_default=False),
    ] = None,
) -> None:
    """Start the reader in Rasa's environment on our own standard input and output.

    Exit codes: 0 all lines answered, 1 no model or it could not be loaded, 130 interrupted.
    """
    settings = load_settings()
    chosen = model or model_in_use(settings) or newest_model(settings.models_dir)
    python = RASA_VENV / "bin" / "python"
    if chosen is None or not chosen.is_file() or not python.exists():
        typer.echo(_NOT_READY, err=True)
        raise typer.Exit(1)
    if sys.stdin.isatty():
        typer.echo(_LOADING, err=True)
    day = today.date() if today else settings.today
    try:
        status = subprocess.run(
            command(python, chosen, day), cwd=ROOT, env=base_environment() | _THREADS, check=False
        ).returncode
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if status:
        raise typer.Exit(status if status > 0 else 1)


def model_in_use(settings: Settings) -> Path | None:
    """The archive that ``shuiling serve`` of these settings uses, ``None`` before its first start."""
    from gateway.model_choice import read_pointer

    pointer = read_pointer(settings)
    path = settings.models_dir / pointer.model if pointer else None
    return path if path is not None and path.is_file() else None


def newest_model(folder: Path) -> Path | None:
    """The model archive written last, ``None`` when there is none."""
    archives = [path for path in folder.glob("*.tar.gz") if path.is_file()]
    return max(archives, key=lambda path: path.stat().st_mtime, default=None)


def command(python: Path, model: Path, today: date | None) -> list[str]:
    """Command line of the reader."""
    line = [str(python), "-m", "bot.understand", "--model", str(model.resolve())]
    return line if today is None else [*line, "--today", today.isoformat()]
