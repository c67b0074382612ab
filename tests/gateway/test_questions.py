"""Unanswered questions in groups, and what a person makes of a group."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from gateway.examples import Example, read_file
from gateway.questions import QuestionMiner
from handoff.permissions import NotAllowed, Role
from handoff.questions import as_article, as_table, question_groups
from handoff.report_rows import Period
from kb.embed import HashingEmbedder
from kb.loader import KnowledgeError, load_article
from store.models import Conversation, Message
from tests.chat.database import fresh_database, opened

pytestmark = pytest.mark.unit

SHANGHAI = ZoneInfo("Asia/Shanghai")
PERIOD = Period(date(2026, 11, 20), date(2026, 11, 21))
SAID = [
    ("电子发票怎么开", "unanswered", datetime(2026, 11, 20, 0, 0, tzinfo=SHANGHAI)),
    ("电子发票怎么开的？", "unclear", datetime(2026, 11, 21, 23, 59, 59, tzinfo=SHANGHAI)),
    ("电子发票怎么开", "unclear", datetime(2026, 11, 21, 12, 0, tzinfo=SHANGHAI)),
    ("外星人打13900001234", "unclear", datetime(2026, 11, 21, 12, 0, tzinfo=SHANGHAI)),
    ("电子发票怎么开", "unclear", datetime(2026, 11, 19, 23, 59, 59, tzinfo=SHANGHAI)),
    ("电子发票怎么开", "unclear", datetime(2026, 11, 22, 0, 0, tzinfo=SHANGHAI)),
]


def miner() -> QuestionMiner:
    embed = HashingEmbedder().embed
    examples = [
        Example("发票怎么开", "ask_policy_other", "x:1"),
        Example("今天天气怎么样", "out_of_scope", "x:2"),
    ]
    return QuestionMiner(lambda: examples, embed, embed)


@pytest.fixture(scope="module")
def url() -> str:
    return fresh_database()


async def test_groups_of_the_period_become_examples_and_articles(url: str, tmp_path: Path) -> None:
    talk = Conversation(id=uuid.uuid4(), channel="web")
    async with opened(url) as sessions:
        async with sessions() as session, session.begin():
            session.add(talk)
            await session.flush()
            for text, kind, at in SAID:
                doubt = {"kind": kind, "intent": "nlu_fallback", "confidence": 0.3}
                session.add(
                    Message(
                        conversation_id=talk.id,
                        sender="taxpayer",
                        text=text,
                        payload={"doubt": doubt},
                        created_at=at,
                    )
                )
        async with sessions() as session:
            with pytest.raises(NotAllowed):
                await question_groups(session, [Role.AGENT], miner(), PERIOD)
            groups = await question_groups(session, [Role.SUPERVISOR], miner(), PERIOD)
    assert [(each.count, each.unanswered) for each in groups] == [(3, 1), (1, 0)]
    assert groups[0].texts == ("电子发票怎么开", "电子发票怎么开的？")
    assert groups[0].nearest[0][0] == "ask_policy_other"
    assert groups[1].texts == ("外星人打某号码",)

    file = tmp_path / "new.yml"
    file.write_text(miner().examples(groups), encoding="utf-8")
    assert {example.text for example in read_file(file)} == {text for each in groups for text in each.texts}

    written = as_article(groups[0], date(2026, 11, 26))
    head = yaml.safe_load(written.split("---\n")[1])
    assert (head["title"], head["questions"]) == ("电子发票怎么开", list(groups[0].texts))
    assert head["reviewed"] == date(2026, 11, 26) < head["review_by"]
    article = tmp_path / "how.md"
    article.write_text(f"{written}正文。\n", encoding="utf-8")
    with pytest.raises(KnowledgeError):
        load_article(article)

    shown = as_table(groups, PERIOD)
    assert [row[0] for row in shown.rows] == [3, 1]


def test_a_question_that_looks_like_yaml_stays_a_question() -> None:
    class Group:
        count, unanswered, nearest = 1, 0, ()
        texts = ('title: "x"\n- a: &b [c]\n---', "# 注释", "是")

    head = yaml.safe_load(as_article(Group(), date(2026, 11, 26)).split("---\n", 1)[1].rsplit("---\n", 1)[0])
    assert head["questions"] == ['title: "x" - a: &b [c] ---', "# 注释", "是"]


def test_groups_of_somebody_elses_are_refused() -> None:
    class Group:
        count, unanswered, texts, nearest = 1, 0, ("a",), ()

    with pytest.raises(TypeError):
        miner().examples([Group()])
