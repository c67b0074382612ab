"""``shuiling serve``: start everything and keep it running."""

from __future__ import annotations

import typer

from gateway.cli import load_settings


def register(app: typer.Typer) -> None:
    """Add the command ``serve`` to ``app``."""
    app.command("serve", help="启动税铃（数据库、Rasa、网关），Ctrl-C 停止。")(serve)


def serve() -> None:
    """Exit codes: 0 stopped on request, 1 a part gave up, 2 it cannot start."""
    settings = load_settings()
    from gateway.serving import run

    raise typer.Exit(run(settings, lambda text: print(text, flush=True)))
