"""``shuiling doctor``: check every part and say how to mend it."""

from __future__ import annotations

import typer

from gateway.cli import load_settings


def register(app: typer.Typer) -> None:
    """Add the command ``doctor`` to ``app``."""
    app.command("doctor", help="检查每个部分，并说明如何修复。")(doctor)


def doctor() -> None:
    """Exit codes: 0 all in order, 1 something is to be mended, 2 the settings are wrong."""
    settings = load_settings()
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from gateway.doctor import Finding, Health, run

    colours = {Health.GOOD: "green", Health.BAD: "red", Health.IDLE: "dim"}
    table = Table("", "项目", "情况", "如何修复", box=None, pad_edge=False)
    console = Console(highlight=False)

    def show(finding: Finding) -> None:
        colour = colours[finding.health]
        table.add_row(
            f"[{colour}]{finding.health}[/]", *map(escape, (finding.part, finding.detail, finding.mend))
        )

    with console.status("检查中 …"):
        code = run(settings, show)
    console.print(table)
    console.print("一切正常。" if code == 0 else "请按“如何修复”一列处理标 ✗ 的项目。")
    raise typer.Exit(code)
