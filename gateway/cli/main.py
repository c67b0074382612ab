"""Entry point of ``shuiling``. A command's module is imported only when that command is asked for."""

from __future__ import annotations

import sys
from importlib import import_module

import typer
from typer.core import TyperGroup

MODULES = (
    "serve",
    "worker",
    "train",
    "doctor",
    "chat",
    "call",
    "understand",
    "late_fee",
    "imports",
    "kb",
    "data",
    "model",
    "mine",
    "dialect",
    "models",
    "staff",
    "campaign",
    "audit",
    "simulate",
)
"""Modules of ``gateway.cli`` in the order help lists them."""
_NAMED_OTHERWISE = {"import": "imports", "rekey": "audit", "calls": "call"}


class LazyGroup(TyperGroup):
    """Finds commands by importing their modules, the likeliest alone first."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """Names of all commands."""
        for module in MODULES:
            self._load(module)
        return list(self.commands)

    def get_command(self, ctx: typer.Context, cmd_name: str):  # type: ignore[no-untyped-def, override]
        """The command ``cmd_name``, ``None`` when no module has it."""
        likeliest = _NAMED_OTHERWISE.get(cmd_name, cmd_name.replace("-", "_"))
        if cmd_name not in self.commands and likeliest in MODULES:
            self._load(likeliest)
        if cmd_name not in self.commands:
            self.list_commands(ctx)
        return self.commands.get(cmd_name)

    def _load(self, module: str) -> None:
        part = typer.Typer()
        # With a callback typer keeps a single command as a group's member.
        part.callback()(lambda: None)
        import_module(f"gateway.cli.{module}").register(part)
        group = typer.main.get_command(part)
        assert isinstance(group, TyperGroup)
        for name, command in group.commands.items():
            self.commands.setdefault(name, command)


app = typer.Typer(
    cls=LazyGroup,
    name="shuiling",
    help="税铃：税务机关的提醒与答疑助手。",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)


@app.callback()
def _shuiling() -> None:
    """税铃：税务机关的提醒与答疑助手。"""


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that claims ASCII would otherwise fail on the first Chinese character.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    app()


if __name__ == "__main__":
    main()
