"""The editorial check: silent on the shipped articles, loud on each kind of mistake."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from kb.check import check, load_forbidden
from kb.loader import KB_ROOT, load_articles

pytestmark = pytest.mark.unit

TODAY = date(2026, 11, 23)


def test_the_shipped_articles_have_no_problem() -> None:
    assert check(TODAY) == []
    assert len(load_articles()) >= 80


def test_the_small_base_is_clean(small_kb: Path) -> None:
    assert check(TODAY, small_kb) == []


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        ("law: 征管法", "law: 没有的法", "citations[0]", "no law"),
        ("article: 32", "article: 95", "citations[0]", "articles 1 to 94"),
        ("article: 32", "article: null", "citations[0]", "needs an article number"),
        ("effective: 2001-05-01", "effective: 2015-04-24", "citations[0]", "dated 2001-05-01"),
        (
            "law: 征管法, article: 32, effective: 2001-05-01",
            "law: 公告2012-25, article: 1, effective: 2012-08-01",
            "citations[0]",
            "as a whole",
        ),
        ("related: [defer]", "related: [nowhere]", "related", "no article 'nowhere'"),
        ("related: [defer]", "related: [fee]", "related", "itself"),
        ("related: [defer]", "related: [defer, defer]", "related", "twice"),
        ("review_by: 2027-05-31", "review_by: 2026-11-23", "review_by", "not after reviewed"),
        ("reviewed: 2026-11-23", "reviewed: 2026-11-24", "reviewed", "lies after"),
        ("  - 滞纳金为什么\n", "", "questions", "5 questions"),
        ("  - 滞纳金为什么", "  - 滞纳金怎么算", "questions", "twice"),
        ("  - 滞纳金为什么", "  - 延期缴纳怎么算", "questions", "also in"),
        ("照法律按天计算。", "照法律按天计算" * 13, "short", "at most 90"),
        ("照法律按天计算。", "照法律按天计算", "short", "end as a spoken sentence"),
        (
            "两点，把第一点没有说完的地方再说清楚一些，让人读完以后知道自己可以怎么做，也知道不清楚的时候可以去问谁，依据在哪里可以查到",
            "两点",
            "body",
            "at least 60",
        ),
        ("照法律按天计算。", "每天0.05%，按天计算。", "short", "'%'"),
        ("照法律按天计算。", "不交就会坐牢。", "short", "坐牢"),
        ("第一段。", "您必须今天缴清，否则后果自负。", "body", "否则"),
        ("第一段。", "放心，可以免除滞纳金。", "body", "可以免除滞纳金"),
        ("第一段。", "# 标题", "body", "line 1"),
        ("第一段。", "| 表 | 格 |", "body", "line 1"),
        ("第一段。", "1. 编号", "body", "line 1"),
        ("第一段。", "见 https://example.com", "body", "line 1"),
        ("第一段。", "**粗体**", "body", "line 1"),
        ("第一段。", "<script>alert(1)</script>", "body", "line 1"),
        ("title: 题目", "title: 不交就冻结您的账户", "title", "冻结您"),
        ("id: fee", "id: other", "id", "file name"),
    ],
)
def test_each_mistake_is_found(
    small_kb: Path, spoil: Callable[[str, str, str], None], old: str, new: str, field: str, message: str
) -> None:
    spoil("articles/fee.md", old, new)
    found = [p for p in check(TODAY, small_kb) if p.field == field and message in p.message]
    assert [p.file for p in found] == ["fee.md"]


def test_one_intent_has_one_article(small_kb: Path, spoil: Callable[[str, str, str], None]) -> None:
    spoil("articles/defer.md", "intents: []", "intents: [ask_late_fee_rule]")
    assert [(p.field, p.message) for p in check(TODAY, small_kb)] == [
        ("intents", "'ask_late_fee_rule' is also in defer")
    ]


def test_a_review_falls_due_after_its_last_day(small_kb: Path) -> None:
    last = date(2027, 5, 31)
    assert not [p for p in check(last, small_kb) if p.field == "review_by"]
    assert len([p for p in check(last + timedelta(days=1), small_kb) if p.field == "review_by"]) == 2


def test_the_deadline_table_expires_with_its_year() -> None:
    due = {p.file for p in check(date(2027, 2, 1)) if p.field == "review_by"}
    assert due == {"deadline-2026.md"}


def test_a_repealed_law_may_not_be_cited(small_kb: Path, spoil: Callable[[str, str, str], None]) -> None:
    spoil("laws.yml", "valid_until: null", "valid_until: 2026-10-31")
    assert {p.message for p in check(TODAY, small_kb)} == {"征管法 was in force until 2026-10-31"}


def test_a_law_may_not_be_cited_before_it_is_in_force(
    small_kb: Path, spoil: Callable[[str, str, str], None]
) -> None:
    spoil("laws.yml", "effective: 2001-05-01", "effective: 2027-01-01")
    spoil("articles/fee.md", "effective: 2001-05-01", "effective: 2027-01-01")
    assert "征管法 is not in force before 2027-01-01" in {p.message for p in check(TODAY, small_kb)}


def test_a_broken_pattern_is_reported(small_kb: Path) -> None:
    with (small_kb / "forbidden.txt").open("a", encoding="utf-8") as stream:
        stream.write("(\n")
    assert [p.file for p in check(TODAY, small_kb)] == ["forbidden.txt"]


def test_one_bad_file_does_not_hide_the_others(
    small_kb: Path, spoil: Callable[[str, str, str], None]
) -> None:
    spoil("articles/fee.md", "title: 题目", "title: ''")
    spoil("articles/defer.md", "照法律按天计算。", "")
    assert {p.file for p in check(TODAY, small_kb)} == {"fee.md", "defer.md"}


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("首违不罚不能免滞纳金。", True),
        ("法律里没有宽限几天的规定。", True),
        ("我帮您免掉滞纳金。", False),
        ("您这种情况肯定能批，一定批准。", False),
        ("再不交就查封您的房子。", False),
        ("请点击下面的链接。", False),
    ],
)
def test_forbidden_phrases_know_denial_from_promise(text: str, allowed: bool) -> None:
    assert all(pattern.search(text) is None for pattern in load_forbidden(KB_ROOT)) is allowed
