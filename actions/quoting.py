"""Quoting the knowledge base: which article answers, and the words of it that are said."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from rasa_sdk.events import SlotSet

from actions.core import Bubble, Button, Context, Reply
from actions.facts import ArticleFact
from actions.handoff import open_ticket, queue_words
from handoff.reasons import Reason
from kb.followup import leans
from kb.model import Article
from kb.search import SearchResult

LAST_ARTICLE = "last_article"
LAST_QUESTION = "last_question"
"""What was asked when an article was last quoted; a follow-up is understood with it."""
STRONG = 0.93
"""Certainty of a search from which its hit wins over the article that answers the intent by default."""
_REMEMBERED = 120
"""Characters kept of a question."""
REASONS: Mapping[str, Reason] = {
    "appeal-my-case": Reason.APPEAL,
    "authority-fault": Reason.AUTHORITY_FAULT,
    "bankruptcy": Reason.BANKRUPTCY,
    "complaint": Reason.COMPLAINT,
    "criminal": Reason.CRIMINAL,
    "deferral-overdue-already": Reason.OVERDUE_DEFERRAL,
    "dispute-amount": Reason.DISPUTE,
    "force-majeure": Reason.FORCE_MAJEURE,
    "late-fee-below-one-yuan": Reason.SMALL_AMOUNT,
    "late-fee-over-tax": Reason.FEE_REACHES_TAX,
    "measures-taken": Reason.ENFORCEMENT,
    "several-debts": Reason.SEVERAL_DEBTS,
    "social-insurance": Reason.SOCIAL_INSURANCE,
}
"""Why the articles that need a human need one; any other needs a judgement."""
_ONLY_WHEN_TAKEN = frozenset({"measures-taken"})
"""Articles for those who say that measures were taken; the rest get the general one."""


def strongest(found: SearchResult, at_least: float = 0.0) -> Article | None:
    """The article found, if the search is sure enough of it."""
    if not found.confident or found.certainty < at_least:
        return None
    return next((h.article for h in found.hits if h.article.id not in _ONLY_WHEN_TAKEN), None)


async def find(ctx: Context) -> SearchResult:
    """Search for what was said; a follow-up is searched together with the question answered last."""
    before = ctx.turn.slot(LAST_QUESTION)
    return await asyncio.to_thread(
        ctx.services.kb.search_after, ctx.turn.text, str(before) if before else None
    )


async def article_for(ctx: Context, intent: str | None = None) -> tuple[Article | None, SearchResult]:
    """The article for what was said: a strong hit, else the intent's own, else a weaker hit.

    A follow-up goes with the question before it, whatever intent its few words look like; but not to the article
    that is the answer to some other intent than the talk gave it.
    """
    found = await find(ctx)
    wanted = intent or ctx.turn.intent
    default = ctx.services.kb.by_intent(wanted)
    if leans(ctx.turn.text) and ctx.turn.slot(LAST_QUESTION) and (article := strongest(found)):
        elsewhere = default is not None and bool(article.intents) and wanted not in article.intents
        return (default if elsewhere else article), found
    return strongest(found, STRONG) or default or strongest(found), found


def _asked(ctx: Context, article: Article) -> str:
    """The question an answer stands for: a follow-up's together with what it followed."""
    text, before = ctx.turn.text, ctx.turn.slot(LAST_QUESTION)
    if ctx.turn.ordered:
        return article.questions[0]
    return f"{before}，{text}"[-_REMEMBERED:] if before and leans(text) else text[:_REMEMBERED]


async def quote(ctx: Context, article: Article, *, full: bool = False, doubtful: bool = False) -> Reply:
    """The answer as it stands in the article, with its source; a human as well where the article says so.

    ``doubtful``: it answers questions like this one, but perhaps not this one; a human is offered.
    """
    more = () if full else (Button("说详细一点", f"{article.title}，详细说说"),)
    other = (Button.same("转人工"),) if doubtful and not article.handoff else ()
    reply = Reply(
        (
            Bubble(
                f"{article.title}\n{article.body}" if full else article.short,
                (*more, *other),
                {"kind": "citations", "items": list(ctx.services.kb.references(article))},
                (ArticleFact(article.id),),
            ),
        ),
        (SlotSet(LAST_ARTICLE, article.id), SlotSet(LAST_QUESTION, _asked(ctx, article))),
    )
    if not article.handoff:
        return reply
    ticket = await open_ticket(ctx, REASONS.get(article.id, Reason.JUDGEMENT))
    return reply + Reply.say(f"具体到您的情况要由人工来答。{queue_words(ticket, ctx)}")
