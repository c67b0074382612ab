"""``shuiling data``: what is wrong with the training examples."""

from __future__ import annotations

import typer
import yaml

from gateway.settings import ROOT

data_app = typer.Typer(help="训练语料：检查重复、矛盾和缺漏。", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the group ``data`` to ``app``."""
    app.add_typer(data_app, name="data")


@data_app.callback()
def _group() -> None:
    """Keep ``check`` a command of its own although it is the only one."""


@data_app.command("check", help="检查 nlu_data：条数、说明、重复、近似、矛盾、与测评集重合。")
def check_examples() -> None:
    """Exit codes: 0 all well, 1 problems found or a file cannot be read."""
    from gateway.examples import UNSPOKEN, check, read_examples
    from gateway.model_measure import evaluation_sets

    folder = ROOT / "nlu_data"
    try:
        examples = read_examples(folder / "nlu")
        evaluated = [line for found in evaluation_sets(folder / "eval").values() for line in found]
    except ValueError as error:
        typer.echo(f"✗ {error}", err=True)
        raise typer.Exit(1) from None
    intents = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))["intents"]

    problems = check(
        examples,
        evaluated,
        [str(intent) for intent in intents if intent not in UNSPOKEN],
        (folder / "README.md").read_text(encoding="utf-8"),
        yaml.safe_load((folder / "reviewed_pairs.yml").read_text(encoding="utf-8")) or [],
    )
    for problem in problems:
        typer.echo(str(problem))
    if problems:
        typer.echo(f"共 {len(problems)} 个问题。", err=True)
        raise typer.Exit(1)
    typer.echo(f"{len(examples)} 句训练语料、{len(evaluated)} 句测评语料，没有问题。")
