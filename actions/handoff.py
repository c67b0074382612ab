"""Calling a human, as the bot does it: into the queue, and the honest state of the queue in words."""

from __future__ import annotations

import uuid

from rasa_sdk.events import ActiveLoop, SlotSet

from actions.core import Button, Context, Reply, Services, Turn
from handoff.entry import Place, enter
from handoff.reasons import Reason

CALL_BACK = Button("让人工给我回电", "约个时间给我回个电话")
GO_ON = Button("继续问税铃", "好的，继续")
"""What one may do instead of waiting, within office hours and outside; where a form goes on, its question is enough."""


async def open_ticket(ctx: Context, reason: Reason, trigger: str | None = None) -> Place:
    """Put the conversation into the queue; a second call finds the ticket already there."""
    return await enter(
        ctx.session,
        conversation_id=ctx.turn.conversation_id,
        who=await ctx.who(),
        reason=reason,
        trigger=trigger if trigger is not None else ctx.turn.text,
        now=ctx.now,
    )


def queue_words(place: Place, ctx: Context) -> str:
    """The state of the queue as it is: place, who is there, and a waiting time only where recent claims allow one."""
    number = ctx.number("人工服务单号", place.number, end="")
    if place.with_agent:
        return f"{number or '您'}已经由人工坐席接待。"
    ahead = "排在最前面" if place.ahead == 0 else f"前面还有{place.ahead}位"
    closed = f"现在不在人工服务时间（{place.hours.in_words()}），坐席上班后会按顺序处理。"
    if not place.new:
        return f"{number or '您'}已经在排队，{ahead}。{'' if place.staffed else closed}"
    standing = f"{number}{'，' if number else ''}您{ahead}"
    if not place.staffed:
        return f"{standing}。{closed}"
    if place.minutes is not None:
        return f"{standing}，照现在的速度大约要等{place.minutes}分钟。"
    if place.agents == 0:
        return f"{standing}。能办这件事的坐席这会儿都不在线，要等多久我说不准，您也可以让人工给您回电。"
    return f"{standing}，坐席会按顺序接进来。要等多久我说不准。"


async def hand_off(
    ctx: Context, reason: Reason, lead: str = "好的，我给您转人工。", *, go_on: bool = False
) -> Reply:
    """Open (or find) the ticket, say where it stands, offer a callback; any form is left unless one may ``go_on``."""
    ticket = await open_ticket(ctx, reason)
    if ticket.with_agent:
        lead = ""
    elif not ticket.new and reason in (Reason.ASKED, Reason.UPSET):
        lead = "好的，不用重新排队。"
    elif not ticket.new and reason is Reason.NOT_UNDERSTOOD:
        lead = "这句我也没听明白，人工接进来以后会帮您。"
    seen = ""
    if ticket.new and not ctx.turn.phone:
        seen = "刚才的对话坐席都能看到，不用再说一遍。等候时您可以接着问我。"
    return Reply.say(
        f"{lead}{queue_words(ticket, ctx)}{seen}",
        buttons=(CALL_BACK,) if go_on else (CALL_BACK, GO_ON),
        events=[] if go_on else [ActiveLoop(None), SlotSet("requested_slot", None)],
    )


async def call_human_for(services: Services, conversation_id: uuid.UUID, trigger: str) -> str:
    """Open a ticket when the dialogue itself is down; returns the words for the taxpayer."""
    turn = Turn(conversation_id, trigger, "nlu_fallback", 0.0, (), (), {}, None)
    async with services.sessions() as session, session.begin():
        ctx = Context(turn, session, services, services.now(), services.today())
        ticket = await open_ticket(ctx, Reason.UNAVAILABLE)
    return (
        "对不起，系统暂时出了故障，没能答上您这句话。您的话已经记下，不会丢。"
        f"{queue_words(ticket, ctx)}您也可以过一会儿再问我，或者拨打12366。"
    )
