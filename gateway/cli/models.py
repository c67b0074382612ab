"""``shuiling models``: the models that hear speech: which there are, which is Mandarin's, Vosk's own ones fetched."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli import load_settings
from gateway.model_catalogue import LICENCE, OFFICIAL, PAGE

if TYPE_CHECKING:
    import httpx

    from gateway.model_catalogue import Entry
    from gateway.model_fetch import Fetched
    from gateway.settings import Settings

models_app = typer.Typer(help="语音模型：列出、下载 Vosk 官方中文模型。", no_args_is_help=True)
_SETTING = "SHUILING_MANDARIN_MODEL"


@dataclass(frozen=True)
class Described:
    """A model's folder as ``list`` shows it; ``origin`` is ``project``, ``local`` (fetched or trained here) or ``set``."""

    name: str
    folder: str
    bytes: int
    origin: str
    card: str
    whole: bool
    mandarin: bool


def register(app: typer.Typer) -> None:
    """Add the group ``models`` to ``app``."""
    app.add_typer(models_app, name="models")


@models_app.command("list", help="列出语音模型：自带的、下载或训练的，● 是普通话正在用的。")
def list_models(as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False) -> None:
    """Exit codes: 0 listed, 1 the folder set for Mandarin holds no whole model."""
    rows = _described(load_settings())
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in rows], ensure_ascii=False, indent=1))
    else:
        origins = {"project": "自带", "local": "本机", "set": "设置"}
        for each in rows:
            words = each.card if each.whole else "不完整，不能用"
            typer.echo(
                f"{'●' if each.mandarin else ' '} {each.name}  {origins[each.origin]}  {each.bytes / 1e6:.0f} MB"
                + (f"  {words}" if words else "")
            )
    used = [each for each in rows if each.mandarin]
    if not any(each.whole for each in used):
        where = used[0].folder if used else "dialects/models/mandarin"
        typer.echo(f"✗ 普通话没有可用的语音模型（{where}）。请检查 {_SETTING}。", err=True)
        raise typer.Exit(1)


@models_app.command("fetch", help="下载 Vosk 官方的中文语音模型；断了再运行一次会接着下载。")
def fetch_model(
    name: Annotated[
        str | None,
        typer.Argument(help="清单里的模型名，或 small、big；不写就是 small", show_default=False),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="不询问，直接下载")] = False,
    source: Annotated[str, typer.Option(help="模型清单的地址；镜像把清单和压缩包放在一处")] = OFFICIAL,
) -> None:
    """Exit codes: 0 it is there, 1 it cannot be got or was not wanted."""
    import httpx

    from gateway.model_catalogue import FetchError, UnreachableError, choose, list_address, read_catalogue
    from gateway.model_fetch import is_there

    settings = load_settings()
    folder = (settings.data_dir / "models").resolve()
    try:
        # Whoever names a model that is there needs no network to be told.
        if name and Path(name).name == name and is_there(folder / name):
            _done(settings, folder / name, "")
            return
        with httpx.Client(timeout=httpx.Timeout(30, connect=15)) as client:
            entries = read_catalogue(client, list_address(source))
            chosen = choose(entries, name)
            if is_there(folder / chosen.name):
                _done(settings, folder / chosen.name, "")
                return
            _offer(entries, chosen, folder)
            if not yes:
                _ask()
            got = _fetch(client, chosen, folder)
    except FetchError as error:
        typer.echo(f"✗ {error}", err=True)
        if isinstance(error, UnreachableError):
            typer.echo(
                f"也可以在能上网的电脑上从 {PAGE} 下载中文模型的 ZIP，解压到 {folder}/（其中应有 am、conf、graph），"
                "再运行 shuiling models list。内网镜像请用 --source。",
                err=True,
            )
        raise typer.Exit(1) from None
    _done(settings, got.folder, got.sha256)


def _offer(entries: tuple[Entry, ...], chosen: Entry, folder: Path) -> None:
    from gateway.model_catalogue import FetchError
    from gateway.model_fetch import lacking_space, part_of

    others = [each for each in entries if each is not chosen and not each.obsolete]
    part = part_of(chosen, folder)
    typer.echo(f"模型　{chosen.name}")
    typer.echo(f"地址　{chosen.url}")
    typer.echo(f"大小　{chosen.size / 1e6:.1f} MB（{chosen.size} 字节）")
    typer.echo(f"许可　{LICENCE}（以页面为准：{PAGE}）")
    typer.echo(f"校验　md5 {chosen.md5}")
    typer.echo(f"放在　{folder / chosen.name}")
    if part.is_file():
        typer.echo(f"已有　{part.stat().st_size / 1e6:.1f} MB，接着下载")
    if others:
        typer.echo("另有　" + "、".join(f"{each.name}（{each.size / 1e6:.0f} MB）" for each in others))
    if problem := lacking_space(chosen, folder):
        raise FetchError(problem)


def _ask() -> None:
    try:
        wanted = typer.confirm("下载吗？")
    except typer.Abort:
        wanted = False
    if not wanted:
        typer.echo("没有下载。在脚本里请加 --yes。", err=True)
        raise typer.Exit(1)


def _fetch(client: httpx.Client, chosen: Entry, folder: Path) -> Fetched:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    from gateway.model_fetch import fetch

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=chosen.size)
        return fetch(client, chosen, folder, lambda have, size: bar.update(task, completed=have, total=size))


def _done(settings: Settings, folder: Path, sha256: str) -> None:
    if sha256:
        typer.echo(f"✓ 已下载并校验：{folder}")
        typer.echo(f"  sha256 {sha256}")
    else:
        typer.echo(f"✓ 已经有了：{folder}")
    if settings.mandarin_model is not None and settings.mandarin_model.resolve() == folder:
        typer.echo("普通话已经在用这个模型。")
        return
    typer.echo("让普通话用它：在 .env 里写下面一行，再重新启动。")
    quoted = f'"{folder}"' if any(sign in str(folder) for sign in " #'") else str(folder)
    typer.echo(f"{_SETTING}={quoted}")


def _described(settings: Settings) -> list[Described]:
    from dialects.acoustic import missing_files
    from dialects.pack import DEFAULT, MODELS

    mandarin = (settings.mandarin_model or MODELS / DEFAULT).resolve()
    found = [(each, "project") for each in _folders(MODELS)]
    found += [(each, "local") for each in _folders(settings.data_dir / "models")]
    if mandarin not in [each.resolve() for each, _ in found]:
        found.append((mandarin, "set"))
    return [
        Described(
            name=each.name,
            folder=str(each.resolve()),
            bytes=sum(file.stat().st_size for file in each.rglob("*") if file.is_file()),
            origin=origin,
            card=_first_line(each / "CARD.md"),
            whole=not missing_files(each),
            mandarin=each.resolve() == mandarin,
        )
        for each, origin in found
    ]


def _folders(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    return sorted(each for each in parent.iterdir() if each.is_dir() and not each.name.startswith("."))


def _first_line(card: Path) -> str:
    if not card.is_file():
        return ""
    lines = (line.strip(" #\n") for line in card.read_text(encoding="utf-8").splitlines())
    return next((line for line in lines if line), "")
