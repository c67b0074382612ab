"""``shuiling train``: train the Rasa model when its inputs changed."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from gateway.cli import load_settings


def register(app: typer.Typer) -> None:
    """Add the command ``train`` to ``app``."""
    app.command("train", help="训练语义模型；输入没有变化时不重复训练。")(train)


def train(
    force: Annotated[bool, typer.Option("--force", help="即使输入没有变化也重新训练")] = False,
) -> None:
    """Exit codes: 0 the model is ready, 1 training failed or was cancelled."""
    settings = load_settings()
    from gateway.knowledge import prepare
    from gateway.training import TrainingError, ensure_model

    cancelled = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: cancelled.set())
    try:
        path = ensure_model(settings, lambda text: print(text, flush=True), cancelled, force=force)
    except TrainingError as error:
        typer.echo(f"✗ {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo("准备知识库 …")
    prepare(threads=2)
    typer.echo(f"模型可用：{path}")
