"""Not having understood: an article, the likeliest readings to choose from, the menu, then a human."""

from __future__ import annotations

from rasa_sdk.events import FollowupAction, SlotSet
from sqlalchemy import select, update

from actions.core import Context, Reply
from actions.handoff import hand_off
from actions.quoting import STRONG, find, strongest
from actions.readings import OFFERED, buttons, likely, question
from actions.screening import Screened
from actions.talk import MENU, quiet
from handoff.reasons import Reason
from store.models import Conversation

ASK_TO_REPEAT = 2
HAND_OVER_AT = 3


class Misunderstood(Screened):
    """An article if one clearly fits, else the likeliest readings, then the menu and a human, then a human."""

    action_name = "action_misunderstood"
    understood = False

    async def handle(self, ctx: Context) -> Reply:
        """Escalate with each miss in a row."""
        if calm := quiet(ctx):
            return calm
        if ctx.turn.intent != "out_of_scope":
            found = await find(ctx)
            if strongest(found, STRONG) is not None:
                await self._reset(ctx)
                return Reply(events=(FollowupAction("action_answer"),))
        before = await ctx.session.scalar(
            select(Conversation.misunderstandings).where(Conversation.id == ctx.turn.conversation_id)
        )
        misses = int(before or 0) + 1
        handed = (
            await hand_off(
                ctx, Reason.NOT_UNDERSTOOD, "对不起，我几次都没听明白，不耽误您时间，请人工来帮您。"
            )
            if misses >= HAND_OVER_AT
            else None
        )
        # Whoever claims a ticket locks it before its conversation, so the queue comes first here too.
        await ctx.session.execute(
            update(Conversation)
            .where(Conversation.id == ctx.turn.conversation_id)
            .values(misunderstandings=misses)
        )
        if handed is not None:
            return handed
        if misses == ASK_TO_REPEAT:
            return Reply.say("对不起，还是没听明白。您点一个，或者直接转人工：", buttons=MENU)
        if ctx.turn.intent == "out_of_scope":
            return Reply.say(
                "这个我帮不上忙。我懂的是欠税查询、滞纳金、延期缴纳和怎么缴税这些事。", buttons=MENU[:4]
            )
        if meant := likely(ctx.turn):
            return Reply.say(
                f"不好意思，我没完全听明白。{question(meant)}",
                buttons=buttons(meant),
                events=[SlotSet(OFFERED, list(meant))],
            )
        return Reply.say("不好意思，这句我没听明白，您能换个说法吗？比如“我欠多少税”。", buttons=MENU[:4])

    async def _reset(self, ctx: Context) -> None:
        await ctx.session.execute(
            update(Conversation)
            .where(Conversation.id == ctx.turn.conversation_id)
            .values(misunderstandings=0)
        )


class DefaultFallback(Misunderstood):
    """Rasa found no rule: the same as not having understood."""

    action_name = "action_default_fallback"
