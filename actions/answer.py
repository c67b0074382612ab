"""Questions of law and of how things work: quoted from the knowledge base, never composed."""

from __future__ import annotations

import re

from rasa_sdk.events import FollowupAction

from actions.core import Button, Context, Reply
from actions.doubts import note
from actions.handoff import hand_off
from actions.quoting import LAST_ARTICLE, article_for, quote
from actions.screening import Screened
from handoff.reasons import Reason
from kb.followup import leans

NEAR = 0.1
"""Certainty of a search from which its hits are worth offering; below it the question is in no article."""
_DESPAIR = "distress"
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
        if article is not None and article.id == _DESPAIR:
            return Reply(events=(FollowupAction("action_distress"),))
        if article is not None:
            again = leans(ctx.turn.text) and article.id == ctx.turn.slot(LAST_ARTICLE)
            doubtful = not (found.confident or wants_more or ctx.turn.ordered)
            return await quote(ctx, article, full=wants_more or again, doubtful=doubtful)
        await note(ctx, "unanswered")
        if not found.hits or found.certainty < NEAR:
            return await hand_off(
                ctx,
                Reason.NO_ARTICLE,
                "这个问题我没有可靠的依据，不随便答您，请人工来答。",
                go_on=ctx.turn.active_loop is not None,
            )
        return Reply.say(
            "这个问题我没有十分把握，不想随便答。您是不是想问下面这些？也可以转人工。",
            buttons=[
                *(Button(h.article.title, h.article.questions[0]) for h in found.hits[:3]),
                Button("转人工", "转人工"),
            ],
        )
