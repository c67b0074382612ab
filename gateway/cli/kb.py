"""``shuiling kb``: check the articles, search them, measure the search, hear what did not help."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli import load_settings

if TYPE_CHECKING:
    from kb.search import KnowledgeBase

kb_app = typer.Typer(help="知识库：检查条目、检索、测评。", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the group ``kb`` to ``app``."""
    app.add_typer(kb_app, name="kb")


@kb_app.command("check", help="检查所有条目：格式、引用、复核日期、用语。")
def check_articles(
    today: Annotated[str | None, typer.Option(help="按哪一天检查，YYYY-MM-DD，默认今天")] = None,
) -> None:
    """Exit codes: 0 all well, 1 problems found, 2 the date cannot be read."""
    from kb.check import check
    from kb.loader import article_files

    day = _day(today)
    problems = check(day)
    for problem in problems:
        typer.echo(str(problem))
    if problems:
        typer.echo(f"共 {len(problems)} 个问题。", err=True)
        raise typer.Exit(1)
    typer.echo(f"{len(article_files())} 个条目，截至 {day.isoformat()} 没有问题。")


@kb_app.command("search", help="用一句话检索，显示命中的条目和得分。")
def search_articles(
    question: Annotated[str, typer.Argument(help="要检索的问题")],
    limit: Annotated[int, typer.Option(min=1, max=20, help="显示几条")] = 3,
    explain: Annotated[bool, typer.Option("--explain", help="显示“答不答”由什么决定")] = False,
) -> None:
    """Exit codes: 0 confident, 1 not sure or nothing found."""
    base = _load()
    result = base.search(question, limit)
    for hit in result.hits:
        typer.echo(f"{hit.score:6.3f}  bm25 {hit.bm25:.3f}  cosine {hit.cosine:+.3f}  {hit.article.id}")
        typer.echo(f"        {hit.article.title}")
    if explain:
        for name, odds in sorted(result.odds.items(), key=lambda item: item[1]):
            typer.echo(f"{odds:+6.2f}  {name}")
    if not result.confident:
        typer.echo(f"没有把握（{result.certainty:.2f}）。", err=True)
        raise typer.Exit(1)
    best = result.hits[0].article
    typer.echo(f"\n{best.short}")
    for reference in base.references(best):
        typer.echo(f"依据：{reference}")


@kb_app.command("measure", help="在测评集上衡量检索。")
def measure(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="测评集，例如 kb/eval/holdout.yml")
    ],
    misses: Annotated[bool, typer.Option("--misses", help="列出答错和没有把握的问题")] = False,
) -> None:
    """Print hit rates and wrong-answer rates as percentages."""
    from kb.evaluate import evaluate, load_set

    cases = load_set(file)
    figures = evaluate(_load(), cases)
    typer.echo(f"有答案的问题 {len(cases.answerable)}，没有答案的问题 {len(cases.unanswerable)}")
    for name, value in (
        ("首条命中", figures.hit1),
        ("前三命中", figures.hit3),
        ("有把握且答对", figures.answered),
        ("有把握但答错", figures.misanswered),
        ("没有答案却有把握", figures.wrong_on_none),
    ):
        typer.echo(f"{name}　{value:.1%}")
    if misses:
        for question, found, certainty in figures.misses:
            typer.echo(f"{certainty:6.2f}  {found}  {question}")


@kb_app.command("feedback", help="哪些条目没帮上忙：按“没帮助”的比例排列，附当时的问题。")
def feedback(
    days: Annotated[int, typer.Option(min=1, max=3650, help="最近多少天")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False,
) -> None:
    """A line an article, the least helpful first, with what was asked; ``--json``: a list of objects."""
    import json

    from sqlalchemy.ext.asyncio import AsyncSession

    from gateway.cli.database import with_session
    from store.feedback import ArticleVotes, by_article

    settings = load_settings()

    async def read(session: AsyncSession) -> list[ArticleVotes]:
        return await by_article(session, datetime.now(UTC) - timedelta(days=days))

    votes = with_session(settings, read)
    if as_json:
        listed = [
            {
                "article_id": v.article_id,
                "helpful": v.helpful,
                "unhelpful": v.unhelpful,
                "unhelpful_share": round(v.unhelpful_share, 4),
                "questions": list(v.questions),
            }
            for v in votes
        ]
        typer.echo(json.dumps(listed, ensure_ascii=False, indent=2))
        return
    if not votes:
        typer.echo(f"最近 {days} 天没有评价。")
    for v in votes:
        typer.echo(f"{v.unhelpful_share:4.0%}  没帮助 {v.unhelpful}  有帮助 {v.helpful}  {v.article_id}")
        for question in v.questions:
            typer.echo(f"        {question}")


def _day(text: str | None) -> date:
    if text is None:
        from gateway.clock import Clock

        return Clock(load_settings().today).today()
    try:
        return date.fromisoformat(text)
    except ValueError:
        typer.echo(f"看不懂日期 {text}，请写成 2026-11-23 这样。", err=True)
        raise typer.Exit(2) from None


def _load() -> KnowledgeBase:
    from gateway.knowledge import knowledge_base

    return knowledge_base()
