"""Loading: what is well-formed comes back whole; what is not names file and field."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from kb.loader import KB_ROOT, KnowledgeError, load_article, load_articles, load_laws
from kb.model import han_number

pytestmark = pytest.mark.unit


def test_an_article_comes_back_whole(small_kb: Path) -> None:
    article = load_article(small_kb / "articles" / "fee.md")
    assert article.id == "fee"
    assert article.intents == ("ask_late_fee_rule",)
    assert len(article.questions) == 6
    assert article.citations[0].law == "征管法"
    assert article.citations[0].article == 32
    assert article.citations[0].effective == date(2001, 5, 1)
    assert article.review_by == date(2027, 5, 31)
    assert article.handoff is False
    assert (
        article.body
        == "第一段。\n\n- 一点\n- 两点，把第一点没有说完的地方再说清楚一些，让人读完以后知道自己可以怎么做，也知道不清楚的时候可以去问谁，依据在哪里可以查到"
    )


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("title: 题目", "title: ''", "title"),
        ("title: 题目\n", "", "title"),
        ("title: 题目", "title: 题目\ncolour: red", "colour"),
        ("title: 题目", "title: 题目\ntitle: 又一个", "front matter"),
        ("reviewed: 2026-11-23", "reviewed: 昨天", "reviewed"),
        ("reviewed: 2026-11-23", "reviewed: 2026-02-30", "front matter"),
        ("article: 32", "article: 三十二", "citations[0].article"),
        ("article: 32", "article: 0", "citations[0].article"),
        ("article: 32", "article: true", "citations[0].article"),
        ("law: 征管法, ", "", "citations[0].law"),
        ("effective: 2001-05-01", "effective: 2001", "citations[0].effective"),
        ("  - 滞纳金怎么算", "  - 7", "questions"),
        ("related: [defer]", "related: defer", "related"),
        ("related: [defer]", "related: [defer]\nhandoff: maybe", "handoff"),
        ("id: fee", "id: Fee One", "id"),
        ("id: fee", "id: another", "id"),
        (
            "第一段。\n\n- 一点\n- 两点，把第一点没有说完的地方再说清楚一些，让人读完以后知道自己可以怎么做，也知道不清楚的时候可以去问谁，依据在哪里可以查到",
            "",
            "body",
        ),
        ("---\nid", "id", "front matter"),
        ("intents: [", "intents: [[", "front matter"),
    ],
)
def test_a_bad_article_names_file_and_field(
    small_kb: Path, spoil: Callable[[str, str, str], None], old: str, new: str, field: str
) -> None:
    spoil("articles/fee.md", old, new)
    with pytest.raises(KnowledgeError) as caught:
        load_articles(small_kb)
    assert caught.value.file.name == "fee.md"
    assert caught.value.field == field
    assert "fee.md" in str(caught.value)


def test_bytes_that_are_not_text_are_refused(small_kb: Path) -> None:
    (small_kb / "articles" / "fee.md").write_bytes(b"---\n\xff\xfe\n---\n")
    with pytest.raises(KnowledgeError, match="UTF-8"):
        load_articles(small_kb)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="no article"):
        load_articles(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("articles: [1, 94]", "articles: [94, 1]", "征管法.articles"),
        ("basis: 施行", "basis: 也许", "征管法.basis"),
        ("effective: 2001-05-01", "effective: 2001", "征管法.effective"),
        ("  document: 主席令第四十九号\n", "", "征管法.document"),
    ],
)
def test_a_bad_law_names_its_field(
    small_kb: Path, spoil: Callable[[str, str, str], None], old: str, new: str, field: str
) -> None:
    spoil("laws.yml", old, new)
    with pytest.raises(KnowledgeError) as caught:
        load_laws(small_kb)
    assert (caught.value.file.name, caught.value.field) == ("laws.yml", field)


def test_a_reference_is_written_as_statutes_are_cited() -> None:
    laws = load_laws(KB_ROOT)
    assert laws["征管法"].label(32) == "《中华人民共和国税收征收管理法》第三十二条"
    assert laws["公告2012-25"].label(None).endswith("（国家税务总局公告2012年第25号）")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (3, "三"),
        (10, "十"),
        (15, "十五"),
        (40, "四十"),
        (88, "八十八"),
        (100, "一百"),
        (101, "一百零一"),
        (109, "一百零九"),
        (110, "一百一十"),
        (113, "一百一十三"),
    ],
)
def test_article_numbers_in_han(number: int, text: str) -> None:
    assert han_number(number) == text


@pytest.mark.parametrize("number", [0, -1, 1000])
def test_article_numbers_out_of_range(number: int) -> None:
    with pytest.raises(ValueError, match="range"):
        han_number(number)
