"""``shuiling dialect``: the packs, whether they are sound, how well they hear, files transcribed, a model adapted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli import load_settings

if TYPE_CHECKING:
    from dialects.acoustic import Models
    from dialects.pack import Pack
    from dialects.transcribing import Transcript
    from gateway.dialect_measure import Figures, Outcome

dialect_app = typer.Typer(help="方言包：列出、检查、测评、转写录音、用真实录音训练。", no_args_is_help=True)
_PACK_HELP = "方言包，例如 sichuan 或 四川话"


def register(app: typer.Typer) -> None:
    """Add the group ``dialect`` to ``app``."""
    app.add_typer(dialect_app, name="dialect")


@dialect_app.command("list", help="列出方言包：名称、语音模型、地区。")
def list_packs(as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False) -> None:
    """Exit codes: 0 listed, 1 a pack cannot be read."""
    models = _models()
    packs = _packs()
    if as_json:
        typer.echo(
            json.dumps([_described(each, models) for each in packs.values()], ensure_ascii=False, indent=1)
        )
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("方言包", "名称", "语音模型", "常见地区"):
        table.add_column(title, overflow="fold")
    for pack in packs.values():
        places = [place for region in pack.regions for place in region.places]
        table.add_row(
            pack.name,
            "、".join((pack.title, *pack.also)),
            _model_words(pack, models),
            "、".join(places[:4]) + ("等" if len(places) > 4 else "") or "各地",
        )
    Console(highlight=False).print(table)


@dialect_app.command("check", help="检查方言包和语音模型能不能用，每个模型都真的载入一次。")
def check_packs() -> None:
    """Exit codes: 0 all well (a model that is not there yet is only mentioned), 1 a pack or a model cannot be used."""
    from dialects.acoustic import ModelError
    from dialects.lexicon import PACKS, TableError, read_table
    from dialects.repair import shared_terms

    models = _models()
    packs = _packs()
    problems: list[str] = []
    for pack in packs.values():
        for table in sorted((PACKS / pack.name).glob("*.tsv")):
            try:
                read_table(table)
            except TableError as error:
                problems.append(f"{pack.title}：{error}")
    for name in dict.fromkeys(models.name_for(pack) for pack in packs.values()):
        try:
            models.get(name)
        except ModelError as error:
            problems.append(str(error))
    for pack in packs.values():
        typer.echo(f"{pack.title}（{pack.name}）：{_model_words(pack, models)}")
    for problem in problems:
        typer.echo(f"✗ {problem}", err=True)
    if problems:
        raise typer.Exit(1)
    typer.echo(f"{len(packs)} 个方言包、{len(shared_terms())} 个专业词语，没有问题。")


@dialect_app.command("transcribe", help="把 WAV 录音（8/16 kHz，PCM 或 µ-law）转成文字。")
def transcribe_files(
    files: Annotated[list[Path], typer.Argument(help="WAV 文件", show_default=False)],
    pack: Annotated[
        str | None, typer.Option(help=_PACK_HELP + "；不写就由录音自己判断", show_default=False)
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="每个文件输出一行 JSON：file、text、confidence、pack")
    ] = False,
) -> None:
    """Exit codes: 0 all heard, 1 a file or a model could not be used (the other files are still heard), 2 no such pack."""
    from dialects.acoustic import ModelError
    from gateway.sound_files import SoundFileError

    chosen = _chosen(pack)
    models = _models()
    failed = False
    for file in files:
        try:
            heard = _transcript(file, chosen, models)
        except SoundFileError as error:
            failed = True
            typer.echo(f"✗ {file}：{error}", err=True)
            continue
        except ModelError as error:
            typer.echo(f"✗ {error}", err=True)
            raise typer.Exit(1) from None
        if as_json:
            row = {"file": str(file), "text": heard.text, "confidence": heard.confidence, "pack": heard.pack}
            typer.echo(json.dumps(row, ensure_ascii=False))
        else:
            typer.echo(f"{file}　{heard.text or '（没有听到话）'}　{heard.confidence:.0%}　{heard.pack}")
    raise typer.Exit(1 if failed else 0)


@dialect_app.command("eval", help="用有标注的录音（文件夹里的 manifest.jsonl）测评方言包。")
def evaluate(
    folder: Annotated[Path, typer.Argument(help="录音文件夹", exists=True, file_okay=False)],
    pack: Annotated[
        list[str] | None,
        typer.Option(help=_PACK_HELP + "，可写多次；不写就用清单里各自的", show_default=False),
    ] = None,
    intents: Annotated[bool, typer.Option("--intents", help="也测意图，用正在使用的语义模型")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False,
) -> None:
    """Exit codes: 0 measured, 1 the manifest, a file or a model cannot be used, 2 no such pack."""
    from dialects.acoustic import ModelError
    from dialects.pack import DEFAULT
    from gateway.dialect_measure import ManifestError, Outcome, figures, read_manifest
    from gateway.dialect_measure import as_json as machine_readable
    from gateway.model_measure import MeasureError
    from gateway.sound_files import SoundFileError

    models = _models()
    outcomes: list[Outcome] = []
    failed = False
    try:
        recordings = read_manifest(folder)
        wanted_packs: list[str | None] = [*pack] if pack else [None]
        for wanted in wanted_packs:
            for each in recordings:
                chosen = _chosen(wanted or each.pack or DEFAULT)
                try:
                    outcomes.append(Outcome(each, _transcript(each.file, chosen, models)))
                except SoundFileError as error:
                    failed = True
                    typer.echo(f"✗ {each.file}：{error}", err=True)
        rows = figures(outcomes, _intents_right if intents else None)
    except (ManifestError, ModelError, MeasureError) as error:
        typer.echo(f"✗ {error}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(machine_readable(rows, outcomes), ensure_ascii=False, indent=1))
    else:
        _show(rows)
    raise typer.Exit(1 if failed else 0)


@dialect_app.command("train", help="用真实录音训练方言包的语音模型（在 scripts/training.sh 建立的环境里）。")
def train(
    recordings: Annotated[
        Path, typer.Option(help="录音文件夹：WAV 和同名 .txt，或 transcripts.tsv", show_default=False)
    ],
    base: Annotated[str, typer.Option(help="从哪个方言包的模型开始，例如 sichuan", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(help="新模型的文件夹，不写就放在数据目录的 models 里", show_default=False)
    ] = None,
) -> None:
    """Exit codes: 0 a model that is no worse was written, 1 it cannot be trained, 3 it became worse and was not kept."""
    from gateway.dialect_training import ENVIRONMENT, AdaptError, adapt, base_model, free_name, python_of
    from gateway.dialect_training import recorded as count

    try:
        model = base_model(base)
        found = count(recordings)
        python = python_of(ENVIRONMENT)
        target = out or free_name(load_settings().data_dir / "models", model.name)
        typer.echo(f"{found} 条带文字的录音，从 {model.name} 的模型开始，新模型放在 {target}", err=True)
        result = adapt(python, model, recordings, target)
    except AdaptError as error:
        typer.echo(f"✗ {error}", err=True)
        raise typer.Exit(1) from None
    for name, reason in result.skipped:
        typer.echo(f"没有用 {name}：{reason}", err=True)
    typer.echo(
        f"用了 {result.used} 条录音（{result.minutes:.1f} 分钟）；在没有用来训练的录音上，字错率 {result.before:.1%} → {result.after:.1%}"
    )
    if not result.kept:
        typer.echo("新模型更差，没有保存。请多收集一些录音再试。")
        raise typer.Exit(3)
    typer.echo(f"新模型在 {target}")
    if model.name == "mandarin":
        typer.echo(f"让普通话用它：在 .env 里写 SHUILING_MANDARIN_MODEL={target.resolve()}，再重新启动。")
    else:
        typer.echo(f"换用它：把这个文件夹的内容放进 {model}，再运行 shuiling dialect check。")


def _models() -> Models:
    from dialects.acoustic import Models

    return Models(mandarin=load_settings().mandarin_model)


def _packs() -> dict[str, Pack]:
    from dialects.pack import PackError, all_packs

    try:
        return dict(all_packs())
    except PackError as error:
        typer.echo(f"✗ {error}", err=True)
        raise typer.Exit(1) from None


def _chosen(name: str | None) -> dict[str, Pack]:
    """The packs that may be heard with: all, or the named one."""
    from dialects.pack import PackError, find_pack

    packs = _packs()
    if name is None:
        return packs
    try:
        found = find_pack(name)
    except PackError as error:
        typer.echo(f"✗ {error}", err=True)
        raise typer.Exit(2) from None
    return {found.name: found}


def _transcript(file: Path, packs: dict[str, Pack], models: Models) -> Transcript:
    from dialects.transcribing import no_idea, transcribe
    from gateway.sound_files import read_wav, utterances

    return transcribe(utterances(read_wav(file)), packs, models, no_idea(packs))


def _intents_right(outcomes: Sequence[Outcome]) -> list[bool]:
    from gateway.cli.understand import model_in_use, newest_model
    from gateway.dialect_measure import intents_right
    from gateway.model_measure import MeasureError

    settings = load_settings()
    archive = model_in_use(settings) or newest_model(settings.models_dir)
    if archive is None:
        raise MeasureError("还没有训练好的语义模型，请先运行 make setup，或去掉 --intents。")
    return intents_right(archive, outcomes)


def _described(pack: Pack, models: Models) -> dict[str, object]:
    return {
        "pack": pack.name,
        "title": pack.title,
        "also": list(pack.also),
        "model": pack.own_model,
        "heard_with": models.name_for(pack),
        "model_present": models.has(pack.model),
        "voice": pack.voice,
        "regions": [
            {"share": each.share, "places": list(each.places), "area_codes": list(each.area_codes)}
            for each in pack.regions
        ],
    }


def _model_words(pack: Pack, models: Models) -> str:
    if pack.borrows:
        return "没有自己的语音模型，用普通话的"
    if not models.has(pack.model):
        return (
            f"{pack.model}（还没有这个模型，暂用普通话的）"
            if pack.model != "mandarin"
            else "mandarin（缺失）"
        )
    return pack.model


def _show(rows: Sequence[Figures]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(
        "口音",
        "方言包",
        "句数",
        "识别字错率",
        "修正后字错率",
        "整句全对",
        "意图正确",
        box=None,
        pad_edge=False,
    )
    for row in rows:
        table.add_row(
            row.accent,
            row.pack,
            str(row.sentences),
            f"{row.raw_cer:.1%}",
            f"{row.cer:.1%}",
            f"{row.exact:.1%}",
            "未测" if row.intents is None else f"{row.intents:.1%}",
        )
    Console(highlight=False).print(table)
