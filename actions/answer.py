"""Questions of law and of how things work: quoted from the knowledge base, never composed."""

from __future__ import annotations

import re

from actions.core import Button, Context, Reply
from actions.doubts import note
from actions.handoff import hand_off
from actions.quoting import LAST_ARTICLE, article_for, quote
from actions.screening import Screened
from handoff.reasons import Reason
from kb.followup import leans

_WANTS_MORE = re.compile(r"详细|具体(说|讲)|全文|依据")


class Answer(Screened):
    """Finds the article for the question."""

    action_name = "action_answer"

    async def handle(self, ctx: Context) -> Reply:
        """Quote an article, offer related questions, or call a human."""
        wants_more = _WANTS_MORE.search(ctx.turn.text) is not None
        article, found = await article_for(ctx)
        if wants_more and not found.confident and len(ctx.turn.text) <= 12 and ctx.turn.slot(LAST_ARTICLE):
            article = ctx.services.kb.get(str(ctx.turn.slot(LAST_ARTICLE)))
        if article is not None:
            again = leans(ctx.turn.text) and article.id == ctx.turn.slot(LAST_ARTICLE)
            return await quote(ctx, article, full=wants_more or again)
        await note(ctx, "unanswered")
        if not found.hits:
            return await hand_off(ctx, Reason.NO_ARTICLE, "这个问题我答不准，请人工来答。")
        return Reply.say(
            "这个问题我没有十分把握，不想随便答。您是不是想问下面这些？也可以转人工。",
            buttons=[
                *(Button(h.article.title, h.article.questions[0]) for h in found.hits[:3]),
                Button("转人工", "转人工"),
            ],
        )
