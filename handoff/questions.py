"""What people asked and got no good answer to, in groups of like questions, and how a group becomes an article.

The grouping by sentence vectors is the gateway's (``gateway/mining.py``); it is handed in as a :class:`Miner`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import Protocol

import yaml
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.exports import Table
from handoff.permissions import Action, require
from handoff.report_rows import Period

_REVIEWED_FOR = timedelta(days=182)
_LONGEST_TITLE = 30


class QuestionGroup(Protocol):
    """Messages that mean about the same, without personal data."""

    @property
    def count(self) -> int:
        """How often it was said."""

    @property
    def unanswered(self) -> int:
        """How often of these it was understood, but no article answered it."""

    @property
    def texts(self) -> tuple[str, ...]:
        """The different ways it was said, commonest first; never empty."""

    @property
    def nearest(self) -> tuple[tuple[str, float], ...]:
        """The intents nearest to it with their likeness -1..1, nearest first."""


class Miner(Protocol):
    """Finds the groups and writes them as examples."""

    async def groups(self, session: AsyncSession, period: Period) -> Sequence[QuestionGroup]:
        """The groups of the period, biggest first."""

    def examples(self, groups: Sequence[QuestionGroup]) -> str:
        """The groups as Rasa's YAML, to be read and corrected by a person before it is used."""


async def question_groups(
    session: AsyncSession, roles: Collection[str], miner: Miner, period: Period
) -> Sequence[QuestionGroup]:
    """The groups of a period for somebody who asks. Raises :class:`handoff.permissions.NotAllowed`."""
    require(roles, Action.SEE_REPORTS)
    return await miner.groups(session, period)


def as_table(groups: Sequence[QuestionGroup], period: Period) -> Table:
    """The groups as they are shown and exported."""
    return Table(
        f"没听准、没答上的问题 {period.first}至{period.last}",
        ("次数", "其中没有条目", "说法", "最接近的意图"),
        [
            (
                each.count,
                each.unanswered,
                "\n".join(each.texts),
                "、".join(f"{intent} {likeness:.2f}" for intent, likeness in each.nearest),
            )
            for each in groups
        ],
    )


def as_article(group: QuestionGroup, today: date) -> str:
    """The head of an article in YAML, its questions filled in; what only a person can know stands empty.

    It becomes ``kb/articles/<id>.md`` once id, citations, ``short`` and the text are written; ``shuiling kb check``
    refuses it before.
    """
    questions = [" ".join(text.split()) for text in group.texts]
    head = {
        "id": "",
        "title": re.sub(r"[？?！!。]+$", "", questions[0])[:_LONGEST_TITLE],
        "intents": [],
        "questions": questions,
        "citations": [],
        "reviewed": today,
        "review_by": today + _REVIEWED_FOR,
        "short": "",
        "related": [],
    }
    note = (
        f"# 问过 {group.count} 次，其中 {group.unanswered} 次没有条目。请补上 id、citations、short 和正文，"
        "另存为 kb/articles/<id>.md，再运行 shuiling kb check。\n"
    )
    written = yaml.safe_dump(head, allow_unicode=True, sort_keys=False, width=1000)
    return f"---\n{note}{written}---\n"
