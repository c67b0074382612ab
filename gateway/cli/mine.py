"""``shuiling mine``: what the bot did not understand or could not answer, grouped, for people to learn from."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli import load_settings
from gateway.settings import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from gateway.mining import Doubt, Group, Vectors

_SHOWN = 5


def register(app: typer.Typer) -> None:
    """Add the command ``mine`` to ``app``."""
    app.command("mine", help="归纳最近没听懂、没答上的话：去掉个人信息，按意思分组，附最接近的意图。")(mine)


def mine(
    days: Annotated[int, typer.Option(min=1, max=365, help="最近几天")] = 7,
    most: Annotated[int, typer.Option(min=1, help="最多列几组")] = 50,
    below: Annotated[float, typer.Option(min=0, max=1, help="把握低于多少算没听准")] = 0.55,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False,
    out: Annotated[Path | None, typer.Option(help="另存为可粘贴的 YAML", show_default=False)] = None,
) -> None:
    """Exit codes: 0 listed, also when there is nothing; 1 the store cannot be opened, 2 the file cannot be written."""
    from gateway.cli.database import with_session
    from gateway.examples import read_examples
    from gateway.knowledge import VECTORS
    from gateway.mining import doubts_since, group, stub
    from kb.embed import E5Embedder, embed_cached

    since = datetime.now(UTC) - timedelta(days=days)

    async def read(session: AsyncSession) -> list[Doubt]:
        return await doubts_since(session, since, below)

    doubts = with_session(load_settings(), read)
    if not doubts:
        typer.echo("[]" if as_json else f"最近 {days} 天没有听不懂、答不上的话。")
        return
    embedder = E5Embedder(threads=2)

    def cached(texts: Sequence[str]) -> Vectors:
        return embed_cached(embedder, texts, VECTORS)

    groups = group(doubts, read_examples(ROOT / "nlu_data" / "nlu"), embedder.embed, cached)[:most]
    if as_json:
        typer.echo(json.dumps([_as_json(each) for each in groups], ensure_ascii=False, indent=1))
    else:
        typer.echo(f"最近 {days} 天：{len(doubts)} 句，{len(groups)} 组")
        for number, each in enumerate(groups, 1):
            near = "，".join(f"{intent} {likeness:.2f}" for intent, likeness in each.nearest)
            unanswered = sum(doubt.kind == "unanswered" for doubt in each.doubts)
            typer.echo(f"\n{number}. {len(each.doubts)} 次（没有条目 {unanswered} 次） 最接近：{near}")
            for text in each.texts[:_SHOWN]:
                typer.echo(f"   · {text}")
            if len(each.texts) > _SHOWN:
                typer.echo(f"   …… 另有 {len(each.texts) - _SHOWN} 种说法")
    if out is not None:
        try:
            out.write_text(stub(groups), encoding="utf-8")
        except OSError as error:
            typer.echo(f"✗ 写不了 {out}：{error.strerror}", err=True)
            raise typer.Exit(2) from None
        typer.echo(f"YAML 已写入 {out}，请逐句看过再用。", err=True)


def _as_json(each: Group) -> dict[str, object]:
    return {
        "count": len(each.doubts),
        "unanswered": sum(doubt.kind == "unanswered" for doubt in each.doubts),
        "texts": list(each.texts),
        "read_as": sorted({doubt.intent for doubt in each.doubts}),
        "nearest": [[intent, round(likeness, 3)] for intent, likeness in each.nearest],
    }
