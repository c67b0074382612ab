"""``shuiling model``: the trained models, their figures, which one serves, and how two differ."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli import load_settings

if TYPE_CHECKING:
    from gateway.model_card import Card
    from gateway.settings import Settings

model_app = typer.Typer(help="语义模型：列出、换用、换回、比较。", no_args_is_help=True)
_GROUPS = (
    ("普通话", ("holdout/mandarin",)),
    (
        "方言",
        tuple(
            f"holdout/{name}" for name in ("guangdong", "sichuan", "northeast", "shanghai", "minnan", "henan")
        ),
    ),
    ("识别噪声", ("holdout/noise",)),
)


def register(app: typer.Typer) -> None:
    """Add the group ``model`` to ``app``."""
    app.add_typer(model_app, name="model")


@model_app.command("list", help="列出训练好的模型：日期、数据、成绩，● 是正在使用的。")
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False,
    measure: Annotated[
        bool, typer.Option("--measure/--no-measure", help="没有成绩的现在测（每个约半分钟）")
    ] = True,
) -> None:
    """Exit codes: 0 listed, 1 there is none or one cannot be measured."""
    from gateway.model_card import read_card
    from gateway.model_choice import read_pointer
    from gateway.model_measure import MeasureError, bare_card, measured_card

    settings = load_settings()
    archives = _archives(settings)
    if not archives:
        typer.echo("还没有训练好的模型。请先运行 shuiling train。", err=True)
        raise typer.Exit(1)
    pointer = read_pointer(settings)
    failed = False
    cards: list[tuple[Path, Card]] = []
    for archive in archives:
        card = read_card(archive) or bare_card(archive)
        if measure:
            try:
                card = measured_card(archive)
            except MeasureError as error:
                failed = True
                typer.echo(f"✗ {error}", err=True)
        cards.append((archive, card))
    if as_json:
        rows = [
            {
                **asdict(card),
                "in_use": bool(pointer and pointer.model == path.name),
                "bytes": path.stat().st_size,
            }
            for path, card in cards
        ]
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
    else:
        for path, card in cards:
            sign = "●" if pointer and pointer.model == path.name else " "
            typer.echo(
                f"{sign} {card.name}  {card.trained_at[:16].replace('T', ' ')}  数据 {card.data_hash}  "
                f"{path.stat().st_size / 1e6:.0f} MB  {_summary(card)}"
            )
    raise typer.Exit(1 if failed else 0)


@model_app.command("use", help="换用一个模型：名字、present（现有语料的）或 previous（换回上一个）。")
def use_model(
    name: Annotated[str, typer.Argument(help="模型名、present 或 previous")],
    force: Annotated[bool, typer.Option("--force", help="即使成绩更差也换")] = False,
) -> None:
    """Exit codes: 0 changed, 1 there is no such model or it cannot be loaded, 2 it is worse and was refused."""
    from gateway.model_choice import ChoiceError, RefusedError, find, read_pointer, use

    settings = load_settings()
    before = read_pointer(settings)
    try:
        # Going back is for trouble: what was good enough to serve is not held up by figures.
        pointer = use(settings, find(settings, name), force=force or name == "previous")
    except RefusedError as error:
        typer.echo(f"✗ {error}", err=True)
        for each in error.found:
            typer.echo(f"  {each}", err=True)
        typer.echo("仍要换上，请加 --force。", err=True)
        raise typer.Exit(2) from None
    except ChoiceError as error:
        typer.echo(f"✗ {error}", err=True)
        raise typer.Exit(1) from None
    old = before.model.removesuffix(".tar.gz") if before else "（无）"
    running = "已经生效" if (settings.data_dir / "serve.json").exists() else "下次启动时生效"
    typer.echo(
        f"{old} → {pointer.model.removesuffix('.tar.gz')}，{running}。换回：shuiling model use previous"
    )


@model_app.command("diff", help="两个模型在测评集上读得不同的句子。")
def diff_models(
    first: Annotated[str, typer.Argument(help="模型名、present 或 previous")],
    second: Annotated[str | None, typer.Argument(help="另一个，默认正在使用的", show_default=False)] = None,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="也列出 holdout 的句子（看过就不能再当盲测用）")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False,
) -> None:
    """Exit codes: 0 compared, 1 a model is missing or cannot be loaded."""
    from gateway.model_choice import ChoiceError, find, read_pointer
    from gateway.model_measure import HIDDEN, MeasureError, evaluation_sets, read_with

    settings = load_settings()
    pointer = read_pointer(settings)
    other = second or (pointer.model if pointer else "present")
    sets = evaluation_sets()
    try:
        one, two = find(settings, first), find(settings, other)
        reads = read_with(one, sets), read_with(two, sets)
    except (ChoiceError, MeasureError) as error:
        typer.echo(f"✗ {error}", err=True)
        raise typer.Exit(1) from None
    changed = [
        {
            "set": name,
            "text": a.text if reveal or not name.startswith(HIDDEN) else None,
            "truth": a.truth if reveal or not name.startswith(HIDDEN) else None,
            "first": a.primary,
            "second": b.primary,
            "change": "better" if b.right else ("worse" if a.right else "other"),
        }
        for name in sets
        for a, b in zip(reads[0][name], reads[1][name], strict=True)
        if a.primary != b.primary
    ]
    if as_json:
        typer.echo(
            json.dumps({"first": one.name, "second": two.name, "changed": changed}, ensure_ascii=False)
        )
        return
    typer.echo(f"{one.name.removesuffix('.tar.gz')} → {two.name.removesuffix('.tar.gz')}")
    for name in sets:
        here = [each for each in changed if each["set"] == name]
        counts = [sum(each["change"] == kind for each in here) for kind in ("better", "worse", "other")]
        typer.echo(f"{name}（{len(sets[name])}句）：变好{counts[0]}，变差{counts[1]}，其他改变{counts[2]}")
        for each in here:
            if each["text"] is not None:
                sign = {"better": "＋", "worse": "－", "other": "·"}[str(each["change"])]
                typer.echo(
                    f"  {sign} {each['text']}（应为 {each['truth']}）：{each['first']} → {each['second']}"
                )


def _archives(settings: Settings) -> list[Path]:
    return sorted(settings.models_dir.glob("*.tar.gz"), key=lambda path: path.stat().st_mtime, reverse=True)


def _summary(card: Card) -> str:
    if not card.figures:
        return "未测"
    parts = []
    dev = tuple(name for name in card.figures if name.startswith("dev/"))
    for title, names in (*_GROUPS, ("调试集", dev)):
        found = [card.figures[name] for name in names if name in card.figures]
        lines = sum(figure.lines for figure in found)
        if lines:
            parts.append(f"{title} {100 * sum(figure.right for figure in found) / lines:.1f}%")
    return "  ".join(parts)
