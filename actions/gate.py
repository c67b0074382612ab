"""The gate before anything that is the taxpayer's own: no proof of identity, no tax, no amount, not even whether."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rasa_sdk.events import SlotSet

from actions.core import Button, Context, Reply
from actions.forms import Filled, Stop, Wrong, begin
from actions.identify import identify
from store.identity import VerifiedTaxpayer, locked_until

VERIFY_FORM = "verify_form"
VERIFY_SLOTS = ("verify_identifier", "verify_code")
PENDING = "pending_journey"


async def require_proof(
    ctx: Context, journey: str, keep: Mapping[str, Any] | None = None
) -> VerifiedTaxpayer | Reply:
    """The proof, or the reply that starts getting it.

    ``journey`` is the action to go on with afterwards, ``keep`` what it has understood already, by slot.
    """
    who = await ctx.who()
    if who is not None:
        return who
    kept = [SlotSet(PENDING, journey), *(SlotSet(name, value) for name, value in (keep or {}).items())]
    if ctx.turn.active_loop == VERIFY_FORM:
        return Reply.say("核实好身份，我马上给您看这一项。", events=kept)
    if ctx.turn.active_loop:
        return Reply.say("这一项要先核实身份才能说。我们先把手上的办完，或者您说“取消”，我马上帮您核实。")
    started = await begin_verification(ctx, "这属于您的涉税信息，先核实一下身份，只要一分钟。")
    return Reply(started.bubbles, (*kept, *started.events))


async def begin_verification(ctx: Context, lead: str) -> Reply:
    """Start the verification form; a number given in the same words is taken at once."""
    if await locked_until(ctx.session, ctx.turn.conversation_id, ctx.now):
        return Reply.say(
            "身份核验刚才多次没有通过，为了保护您的信息，这次对话要过半小时才能再试。急的话可以转人工。",
            buttons=[Button("转人工", "转人工"), Button("先不办了", "取消办理")],
        )
    given = await identify(ctx) if ctx.turn.fresh and ctx.turn.first("identity_ref") else None
    if isinstance(given, Stop):
        return Reply(given.bubbles)
    if isinstance(given, Filled):
        return Reply(given.bubbles, begin(VERIFY_FORM, ctx.turn, VERIFY_SLOTS, given.slots))
    words = given.text if isinstance(given, Wrong) else lead
    return Reply.say(words, events=begin(VERIFY_FORM, ctx.turn, VERIFY_SLOTS))
