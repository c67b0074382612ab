"""Quoting the knowledge base: which article answers, and the words of it that are said."""

from __future__ import annotations

from rasa_sdk.events import SlotSet

from actions.core import Bubble, Button, Context, Reply
from actions.facts import ArticleFact
from actions.handoff import Reason, open_ticket, queue_words
from kb.model import Article
from kb.search import SearchResult

LAST_ARTICLE = "last_article"
STRONG = 0.8
"""Certainty of a search from which its hit wins over the article that answers the intent by default."""
_ONLY_WHEN_TAKEN = frozenset({"measures-taken"})
"""Articles for those who say that measures were taken; the rest get the general one."""


def strongest(found: SearchResult, at_least: float = 0.0) -> Article | None:
    """The article found, if the search is sure enough of it."""
    if not found.confident or found.certainty < at_least:
        return None
    return next((h.article for h in found.hits if h.article.id not in _ONLY_WHEN_TAKEN), None)


async def article_for(ctx: Context, intent: str | None = None) -> tuple[Article | None, SearchResult]:
    """The article for what was said: a strong hit, else the intent's own, else a weaker hit."""
    found = await ctx.services.search(ctx.turn.text)
    default = ctx.services.kb.by_intent(intent or ctx.turn.intent)
    return strongest(found, STRONG) or default or strongest(found), found


async def quote(ctx: Context, article: Article, *, full: bool = False) -> Reply:
    """The answer as it stands in the article, with its source; a human as well where the article says so."""
    reply = Reply(
        (
            Bubble(
                f"{article.title}\n{article.body}" if full else article.short,
                () if full else (Button("说详细一点", f"{article.title}，详细说说"),),
                {"kind": "citations", "items": list(ctx.services.kb.references(article))},
                (ArticleFact(article.id),),
            ),
        ),
        (SlotSet(LAST_ARTICLE, article.id),),
    )
    if not article.handoff:
        return reply
    ticket = await open_ticket(ctx, Reason.JUDGEMENT)
    return reply + Reply.say(f"具体到您的情况要由人工来答。{queue_words(ticket, ctx.now)}")
