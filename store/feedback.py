"""Votes on quoted articles: taking one, and the list of what did not help."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from store.models import ArticleFeedback, Message


@dataclass(frozen=True, slots=True)
class ArticleVotes:
    """One article's votes; ``questions``: what was asked where it did not help, newest first."""

    article_id: str
    helpful: int
    unhelpful: int
    questions: tuple[str, ...]

    @property
    def unhelpful_share(self) -> float:
        """Share 0..1 of votes that say it did not help."""
        return self.unhelpful / (self.helpful + self.unhelpful)


async def vote(session: AsyncSession, conversation_id: uuid.UUID, message_id: int, helpful: bool) -> bool:
    """Take or change the vote on one bubble; ``False`` when it is not this conversation's or quotes no article."""
    message = await session.scalar(
        select(Message).where(
            Message.id == message_id, Message.conversation_id == conversation_id, Message.sender == "bot"
        )
    )
    article_id = _article(message) if message is not None else None
    if message is None or article_id is None:
        return False
    asked = await session.get(Message, message.reply_to) if message.reply_to is not None else None
    await session.execute(
        insert(ArticleFeedback)
        .values(
            id=uuid.uuid4(),
            conversation_id=conversation_id,
            message_id=message_id,
            article_id=article_id,
            helpful=helpful,
            question=asked.text if asked is not None else "",
        )
        .on_conflict_do_update(
            index_elements=["message_id"], set_={"helpful": helpful, "voted_at": func.now()}
        )
    )
    return True


def _article(message: Message) -> str | None:
    for fact in message.payload.get("facts") or ():
        if fact.get("kind") == "article":
            return str(fact["article_id"])
    return None


async def by_article(session: AsyncSession, since: datetime) -> list[ArticleVotes]:
    """Every article voted on since then, the least helpful first, of equals the one with more votes."""
    rows: Sequence[ArticleFeedback] = (
        await session.scalars(
            select(ArticleFeedback)
            .where(ArticleFeedback.voted_at >= since)
            .order_by(ArticleFeedback.voted_at.desc(), ArticleFeedback.message_id.desc())
        )
    ).all()
    found = [
        ArticleVotes(
            article_id,
            sum(r.helpful for r in rows if r.article_id == article_id),
            sum(not r.helpful for r in rows if r.article_id == article_id),
            tuple(
                dict.fromkeys(
                    r.question for r in rows if r.article_id == article_id and not r.helpful and r.question
                )
            ),
        )
        for article_id in {row.article_id for row in rows}
    ]
    return sorted(found, key=lambda v: (-v.unhelpful_share, -v.unhelpful, v.article_id))
