"""``shuiling worker``: carry out campaigns on this machine too."""

from __future__ import annotations

import typer

from gateway.cli import load_settings


def register(app: typer.Typer) -> None:
    """Add the command ``worker`` to ``app``."""
    app.command("worker", help="在这台机器上也执行外呼活动（serve 已带一个），Ctrl-C 停止。")(worker)


def worker() -> None:
    """Exit codes: 0 stopped on request, 2 it cannot start."""
    settings = load_settings()
    if settings.database_url is None:
        typer.echo(
            "✗ 请设置 DATABASE_URL：多个外呼程序共用一个 PostgreSQL。本机的 serve 已经带了一个。", err=True
        )
        raise typer.Exit(2)
    from gateway.worker import main

    main()
