"""``shuiling import``: taxpayers, bills or payments from a file, all or nothing."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path
from typing import Annotated, NoReturn

import psycopg
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from gateway.serving import today
from gateway.settings import Settings
from store.crypto import CipherError, FieldCipher
from store.databases import DatabaseSetupError
from store.embedded import EmbeddedServerError
from store.engine import make_engine, make_sessions
from store.importer import ImportReport, Kind, UnreadableFileError, import_file
from store.importer.columns import KIND_ZH
from store.opening import database

_SHOWN = 50


def register(app: typer.Typer) -> None:
    """Add ``import`` to the command line."""
    app.command("import")(import_command)


def import_command(
    file: Annotated[Path, typer.Argument(help="CSV（UTF-8 或 GB18030）或 XLSX 文件", show_default=False)],
    kind: Annotated[Kind | None, typer.Option(help="文件内容；不写则按表头判断", show_default=False)] = None,
    errors: Annotated[int, typer.Option(min=1, max=1000, help="最多列出多少条问题")] = _SHOWN,
) -> None:
    """导入纳税人、税单或缴款记录。有一行不对就整份不导入；同一份文件导入两次不会改变任何内容。"""
    try:
        settings = Settings()
        cipher = FieldCipher.from_settings(
            settings.field_keys.get_secret_value(), settings.lookup_key.get_secret_value()
        )
        with database(settings.database_url, settings.data_dir) as url:
            report = asyncio.run(_import(url, file, kind, cipher, today(settings)))
    except ValidationError as error:
        _fail("配置有误：" + "；".join(str(item["msg"]) for item in error.errors()))
    except (UnreadableFileError, CipherError, EmbeddedServerError, DatabaseSetupError, ValueError) as error:
        _fail(str(error))
    except psycopg.OperationalError as error:
        _fail(f"数据库连接不上：{error}")
    if not report.ok:
        _show_errors(report, errors)
        raise typer.Exit(1)
    console = Console()
    done = f"{KIND_ZH[report.kind]}：新增 {report.inserted:,} 行，{report.unchanged:,} 行已存在且没有变化。"
    if report.settled:
        done += f"有 {report.settled:,} 张税单因此缴清。"
    console.print(done)
    if report.ignored_columns:
        console.print(f"没有用到的列：{'、'.join(report.ignored_columns)}", markup=False, style="dim")


async def _import(url: str, file: Path, kind: Kind | None, cipher: FieldCipher, day: date) -> ImportReport:
    engine = make_engine(url, pool_size=1, max_overflow=0)
    try:
        with Progress(
            SpinnerColumn(),
            TextColumn("正在检查"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("行"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        ) as bar:
            task = bar.add_task("rows", total=None)
            return await import_file(
                file,
                kind,
                make_sessions(engine),
                cipher,
                today=day,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
    finally:
        await engine.dispose()


def _show_errors(report: ImportReport, shown: int) -> None:
    table = Table("行", "列", "问题", title=f"{KIND_ZH[report.kind]}文件有 {report.error_count:,} 处问题")
    for error in report.errors[:shown]:
        table.add_row(str(error.line), error.column, error.reason_zh)
    console = Console(stderr=True)
    console.print(table, markup=False)
    if report.error_count > shown:
        console.print(f"以上是前 {min(shown, len(report.errors))} 处。")
    console.print("没有导入任何内容。改好后重新导入即可。")


def _fail(message: str) -> NoReturn:
    Console(stderr=True).print(message, markup=False)
    raise typer.Exit(1)
