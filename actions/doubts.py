"""What was understood with doubt, or had no answer, is noted on the message, for people to learn from later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sqlalchemy import literal, update
from sqlalchemy.dialects.postgresql import JSONB

from store.models import Message

if TYPE_CHECKING:
    from actions.core import Context

DOUBTFUL_BELOW = 0.6
_UNREAD = frozenset({"nlu_fallback", "out_of_scope"})
Kind = Literal["unclear", "unanswered"]


async def note_doubt(ctx: Context) -> None:
    """Note an unsure reading of a fresh message."""
    turn = ctx.turn
    if turn.fresh and (turn.confidence < DOUBTFUL_BELOW or turn.intent in _UNREAD):
        await note(ctx, "unclear")


async def note(ctx: Context, kind: Kind) -> None:
    """Keep the reading with the message: ``payload.doubt = {kind, intent, confidence, ranking}``."""
    turn = ctx.turn
    if turn.message_id is None:
        return
    doubt = {
        "kind": kind,
        "intent": turn.intent,
        "confidence": round(turn.confidence, 3),
        "ranking": [[intent, round(confidence, 3)] for intent, confidence in turn.ranking[:3]],
    }
    await ctx.session.execute(
        update(Message)
        .where(Message.id == turn.message_id, Message.conversation_id == turn.conversation_id)
        .values(payload=Message.payload.op("||")(literal({"doubt": doubt}, JSONB)))
    )
