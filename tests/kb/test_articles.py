"""What the articles must say, whatever their wording."""

from __future__ import annotations

import pytest

from kb.loader import load_articles, load_laws

pytestmark = pytest.mark.unit

ARTICLES = {article.id: article for article in load_articles()}

INTENTS_WITH_AN_ANSWER = {
    "ask_late_fee_rule", "ask_how_to_pay", "ask_due_date", "suspect_fraud", "ask_identity_of_bureau",
    "cash_difficulty", "ask_deferral_eligibility", "apply_deferral", "ask_deferral_materials",
    "ask_deferral_status", "claim_already_paid", "dispute_amount", "ask_penalty", "ask_credit_impact",
    "ask_enforcement", "ask_appeal", "complain", "opt_out", "wrong_person",
}  # fmt: skip

HUMAN_TOPICS = {
    "late-fee-over-tax", "criminal", "bankruptcy", "social-insurance", "authority-fault", "appeal-my-case",
    "force-majeure", "deferral-overdue-already", "several-debts", "measures-taken", "dispute-amount",
    "complaint", "distress", "instalments",
}  # fmt: skip


def test_intents_of_law_have_an_article() -> None:
    covered = {intent for article in ARTICLES.values() for intent in article.intents}
    assert covered >= INTENTS_WITH_AN_ANSWER


@pytest.mark.parametrize("article_id", sorted(HUMAN_TOPICS))
def test_topics_beyond_a_bot_go_to_a_human(article_id: str) -> None:
    assert ARTICLES[article_id].handoff


@pytest.mark.parametrize(
    ("article_id", "law", "number"),
    [
        ("late-fee-rule", "征管法", 32),
        ("late-fee-days", "细则", 75),
        ("deadline-holidays", "细则", 109),
        ("deferral-conditions", "细则", 41),
        ("deferral-window", "细则", 42),
        ("deferral-length", "征管法", 31),
        ("enforcement-measures", "征管法", 40),
        ("fine-after-order", "征管法", 68),
        ("evasion-vs-late", "征管法", 63),
        ("pay-first-rule", "征管法", 88),
        ("sixty-days", "行政复议法", 20),
        ("refund", "征管法", 51),
        ("late-fee-over-tax", "行政强制法", 45),
        ("authority-fault", "征管法", 52),
    ],
)
def test_the_article_of_law_is_cited(article_id: str, law: str, number: int) -> None:
    assert (law, number) in {(c.law, c.article) for c in ARTICLES[article_id].citations}


def test_evasion_is_not_mixed_up_with_the_fine_after_an_order() -> None:
    for article in ARTICLES.values():
        for line in article.body.splitlines():
            if "六十八条" in line:
                assert "偷税" not in line, article.id


def test_the_deadlines_of_2026_are_the_published_ones() -> None:
    published = ["1月20日", "2月24日", "3月16日", "4月20日", "5月22日", "6月15日", "7月15日", "8月17日",
                 "9月15日", "10月26日", "11月16日", "12月15日"]  # fmt: skip
    listed = [line[2:] for line in ARTICLES["deadline-2026"].body.splitlines() if line.startswith("- ")]
    assert listed == published


def test_nothing_invents_a_grace_period() -> None:
    for article in ARTICLES.values():
        assert "宽限期" not in article.short + article.body, article.id


def test_every_law_listed_is_cited() -> None:
    cited = {c.law for article in ARTICLES.values() for c in article.citations}
    assert cited == set(load_laws())
