"""``shuiling audit verify`` and ``shuiling rekey``: the trail's soundness, and stored values under the newest key."""

from __future__ import annotations

import re
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.cli.database import fail, with_session
from gateway.settings import Settings
from store import audit
from store.audit import AuditReport
from store.crypto import CipherError, FieldCipher
from store.rotation import RotationReport, rotate

_NOTED = re.compile(r"(\d+):([0-9a-fA-F]{64})")
T = TypeVar("T")

audit_app = typer.Typer(help="审计记录", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add ``audit`` and ``rekey`` to the command line."""
    app.add_typer(audit_app, name="audit")
    app.command("rekey")(rekey)


@audit_app.callback()
def _audit() -> None:
    """审计记录只增不改，每条都带着前一条的校验值。"""


@audit_app.command("verify")
def verify(
    noted: Annotated[
        str | None, typer.Option(help="以前记下的链头，形如 123:校验值，核对它仍在其中", show_default=False)
    ] = None,
) -> None:
    """逐条核对审计记录有没有被改动、删除或截断。"""
    mark = None
    if noted is not None:
        found = _NOTED.fullmatch(noted.strip())
        if not found:
            fail("--noted 应是“编号:64 位校验值”，可从以前的核对结果复制。")
        mark = (int(found[1]), found[2])

    async def check(session: AsyncSession) -> AuditReport:
        return await audit.verify(session, mark)

    report = with_session(_settings(), check)
    console = Console()
    if not report.ok:
        fail(
            f"审计记录不完整：{report.reason}。第 {report.first_bad_id} 条之前的 {report.head_id} 条没有问题。"
        )
    console.print(f"审计记录完好，共 {report.count:,} 条。")
    console.print(f"链头 {report.head_id}:{report.head_hash}", soft_wrap=True)
    console.print("把链头另存一处，下次用 --noted 核对，可以发现末尾被截断。", style="dim")


def rekey() -> None:
    """把库里的证件号、手机号等改用 SHUILING_FIELD_KEYS 里的第一把密钥，并按当前查找密钥重算索引。可以中断后重来。"""
    settings = _settings()
    try:
        cipher = FieldCipher.from_settings(
            settings.field_keys.get_secret_value(), settings.lookup_key.get_secret_value()
        )
    except CipherError as error:
        fail(str(error))

    async def turn(session: AsyncSession) -> RotationReport:
        with Progress(
            SpinnerColumn(),
            TextColumn("已检查 {task.completed} 项"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        ) as bar:
            task = bar.add_task("values", total=None)
            report = await rotate(session, cipher, lambda done: bar.update(task, completed=done))
        if report.reencrypted or report.rehashed:
            await audit.record(
                session,
                actor="cli",
                action="keys.rotated",
                subject=f"key:{cipher.writing}",
                detail={"reencrypted": report.reencrypted, "rehashed": report.rehashed},
            )
            await session.commit()
        return report

    report = with_session(settings, turn)
    Console().print(
        f"检查 {report.checked:,} 项，重新加密 {report.reencrypted:,} 项，重算索引 {report.rehashed:,} 项。"
        "旧密钥现在可以从 SHUILING_FIELD_KEYS 里去掉。"
    )


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        fail("配置有误：" + "；".join(str(item["msg"]) for item in error.errors()))
