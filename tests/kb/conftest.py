"""A small, well-formed knowledge base on disk that tests may spoil, and the real one indexed once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from gateway.knowledge import knowledge_base
from kb.embed import HashingEmbedder
from kb.loader import KB_ROOT
from kb.search import KnowledgeBase

TODAY = date(2026, 11, 23)

ARTICLE = """---
id: {id}
title: {title}
intents: [{intents}]
questions:
{questions}
citations:
  - {{law: 征管法, article: 32, effective: 2001-05-01}}
reviewed: 2026-11-23
review_by: 2027-05-31
short: {short}
related: [{related}]
---
第一段。

- 一点
- 两点，把第一点没有说完的地方再说清楚一些，让人读完以后知道自己可以怎么做，也知道不清楚的时候可以去问谁，依据在哪里可以查到
"""

Spoil = Callable[[str, str, str], None]


def article_text(
    id: str, *, related: str, intents: str = "", stem: str = "滞纳金", title: str = "题目"
) -> str:
    questions = "\n".join(
        f"  - {stem}{tail}" for tail in ("怎么算", "是多少", "哪天起", "停不停", "谁来定", "为什么")
    )
    return ARTICLE.format(
        id=id, title=title, intents=intents, questions=questions, short="照法律按天计算。", related=related
    )


@pytest.fixture
def small_kb(tmp_path: Path) -> Path:
    root = tmp_path / "kb"
    (root / "articles").mkdir(parents=True)
    for name in (
        "laws.yml",
        "forbidden.txt",
        "terms.txt",
        "synonyms.txt",
        "decoys.yml",
        "fields.yml",
        "gate.yml",
    ):
        shutil.copy(KB_ROOT / name, root / name)
    texts = {
        "fee": article_text("fee", related="defer", intents="ask_late_fee_rule"),
        "defer": article_text("defer", related="fee", stem="延期缴纳", title="延期"),
    }
    for name, text in texts.items():
        (root / "articles" / f"{name}.md").write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def spoil(small_kb: Path) -> Spoil:
    """Replace text in one file of the small knowledge base; fails when the text is not there."""

    def replace(name: str, old: str, new: str) -> None:
        file = small_kb / name
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new, 1), encoding="utf-8")

    return replace


@pytest.fixture(scope="session")
def hashing_base() -> KnowledgeBase:
    return KnowledgeBase.load(embedder=HashingEmbedder())


@pytest.fixture(scope="session")
def real_base() -> KnowledgeBase:
    return knowledge_base()
