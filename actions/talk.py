"""The talk itself: greeting, repeating, leaving, not understanding, and wishes about contact."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence

from rasa_sdk.events import FollowupAction, SlotSet
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from actions.core import Bubble, Button, Capability, Context, Reply
from actions.facts import StoredFact
from actions.forms import SURE, leave
from actions.gate import PENDING, begin_verification
from actions.handoff import hand_off
from actions.mood import getting_worse
from actions.quoting import article_for, quote
from actions.screening import Screened
from actions.values import first_date
from handoff.reasons import Reason
from store import audit
from store.identity import revoke
from store.models import ContactExclusion, Conversation, Message

MENU = (
    Button("查欠税", "我欠多少税"),
    Button("滞纳金怎么算", "滞纳金是怎么算的"),
    Button("申请延期", "我想申请延期缴纳"),
    Button("怎么缴", "怎么缴税"),
    Button("转人工", "转人工"),
)
GREETING = (
    "您好，我是税务智能助手“税铃”，不是真人。我可以帮您查欠税、算滞纳金、办延期缴纳申请，也可以随时转人工。"
)
"""Said first of all: what this is."""
STOPPED = "collection_stopped"


def quiet(ctx: Context) -> Reply | None:
    """After despair was heard nothing is offered any more; somebody is there until a human comes."""
    if not ctx.turn.slot(STOPPED):
        return None
    return Reply.say(
        "我在的。税的事不急，人工会来和您聊，您想说什么都可以。", buttons=[Button.same("转人工")]
    )


class Greet(Capability):
    """Says at once what this is."""

    action_name = "action_greet"

    async def handle(self, ctx: Context) -> Reply:
        """A greeting with the AI disclosure and what can be done here."""
        if calm := quiet(ctx):
            return calm
        who = await ctx.who()
        name = f"{who.name}，" if who else ""
        return Reply.say(f"{name}{GREETING}", buttons=MENU)


COURTESIES: dict[str, str] = {
    "goodbye": "utter_goodbye",
    "thank": "utter_thank",
    "ask_identity_of_bureau": "utter_bureau_identity",
}


class Courtesy(Capability):
    """Small courtesies, worded in ``domain.yml``."""

    action_name = "action_courtesy"

    async def handle(self, ctx: Context) -> Reply:
        """The response that belongs to the intent."""
        return Reply((Bubble(response=COURTESIES[ctx.turn.intent]),))


class Repeat(Capability):
    """Says the last answer again, as it was."""

    action_name = "action_repeat"

    async def handle(self, ctx: Context) -> Reply:
        """Repeat the bot's last turn; inside a form the form's question comes again by itself."""
        if ctx.turn.active_loop:
            return Reply.say("好的，我再说一遍。")
        last_turn = await ctx.session.scalar(
            select(Message.reply_to)
            .where(Message.conversation_id == ctx.turn.conversation_id, Message.sender == "bot")
            .order_by(Message.id.desc())
            .limit(1)
        )
        said: Sequence[Message] = ()
        if last_turn is not None:
            said = (
                await ctx.session.scalars(
                    select(Message)
                    .where(Message.reply_to == last_turn, Message.sender == "bot")
                    .order_by(Message.id)
                )
            ).all()
        if not said:
            return Reply.say("我还没说什么呢。您想了解什么？", buttons=MENU)
        return Reply(tuple(_again(m) for m in said))


def _again(message: Message) -> Bubble:
    buttons = tuple(Button(str(b["title"]), str(b["payload"])) for b in message.payload.get("buttons") or ())
    return Bubble(
        message.text,
        buttons,
        message.payload.get("custom"),
        tuple(StoredFact(f) for f in message.payload.get("facts") or ()),
    )


class Cancel(Capability):
    """Leaves whatever was being done; nothing is kept of a form that was not submitted."""

    action_name = "action_cancel"

    async def handle(self, ctx: Context) -> Reply:
        """Leave the form."""
        if ctx.turn.active_loop is None:
            return Reply.say("好的。还有别的需要，随时告诉我。", buttons=MENU)
        return Reply.say(
            "好的，不办了，刚才填的没有提交。还有别的需要随时说。",
            buttons=MENU,
            events=[*leave(), SlotSet(PENDING, None)],
        )


class Human(Capability):
    """The taxpayer wants a human."""

    action_name = "action_human"

    async def handle(self, ctx: Context) -> Reply:
        """Into the queue, with some urgency for who asks in growing anger."""
        return await hand_off(ctx, Reason.UPSET if getting_worse(ctx.turn.heard) else Reason.ASKED)


class Distress(Capability):
    """Despair, illness, death: collection talk stops at once, a human comes."""

    action_name = "action_distress"

    async def handle(self, ctx: Context) -> Reply:
        """Stop, care, hand over."""
        handed = await hand_off(
            ctx,
            Reason.DISTRESS,
            "您说的情况我很放心不下，税的事先放一放，不急。我马上请人工来和您聊。"
            "如果您心里特别难受，可以拨打12356心理援助热线；有紧急危险请打120或110。",
        )
        await ctx.session.execute(
            update(Conversation)
            .where(Conversation.id == ctx.turn.conversation_id)
            .values(collection_stopped=True)
        )
        return handed.then(SlotSet(STOPPED, True))


_NOT_ME = re.compile(
    r"打错|不是(他|她)?本人|不是我(的|本人)|认错|找错|不认识|号码换|没有这个人|查无此人|我不是"
)


class WrongPerson(Capability):
    """Somebody else answers: nothing about the taxpayer is said, the number is noted."""

    action_name = "action_wrong_person"

    async def handle(self, ctx: Context) -> Reply:
        """Note it; a proof given earlier in this conversation ends, because somebody else is speaking.

        Once the proof is given, or when it may have been something else, ask first.
        """
        sure = _NOT_ME.search(ctx.turn.text) is not None
        if not sure and (ctx.turn.confidence < SURE or await ctx.who() is not None):
            return Reply.say(
                "确认一下：您是说打错了，或者您不是本人？",
                buttons=[
                    Button("对，不是本人", "打错了，我不是本人"),
                    Button("不是，我是本人", "不是，我就是本人"),
                ],
            )
        await note_exclusion(ctx, "wrong_person")
        await revoke(ctx.session, ctx.turn.conversation_id)
        return Reply.say(
            "不好意思，打扰您了。我已经记下，会请工作人员核对联系方式。您不用提供任何信息。",
            events=[*leave(), SlotSet(PENDING, None)],
        )


_STOP_CALLING = re.compile(r"(别|不要|不用|不准|莫|勿|甭|唔好|唔使|覅).{0,8}(打|联系|发|找我|骚扰|电话|信息)")


class OptOut(Capability):
    """No more reminders; documents the law requires still go out."""

    action_name = "action_opt_out"

    async def handle(self, ctx: Context) -> Reply:
        """Note it at once, without argument; ask only when it may have been something else.

        What was heard on the telephone may have been something else unless it names what is to stop.
        """
        misheard = ctx.turn.phone and _STOP_CALLING.search(ctx.turn.text) is None
        if ctx.turn.confidence < SURE or misheard:
            return Reply.say(
                "您是希望以后不再给您打提醒电话、发提醒信息，对吗？",
                buttons=[
                    Button("对，别再联系我", "对，以后不要再给我打电话发信息了"),
                    Button("不是", "不是这个意思"),
                ],
            )
        await note_exclusion(ctx, "opt_out")
        return Reply.say(
            "好的，已经记下，以后不再给您打提醒电话、发提醒信息。依法要送达的文书还会按规定送达。想查什么，您随时可以来问我。",
            events=[*leave(), SlotSet(PENDING, None)],
        )


async def note_exclusion(ctx: Context, kind: str) -> None:
    """Note a reason not to contact: ``opt_out`` or ``wrong_person``; once a conversation."""
    who = await ctx.who()
    await ctx.session.execute(
        insert(ContactExclusion)
        .values(
            id=uuid.uuid4(),
            kind=kind,
            conversation_id=ctx.turn.conversation_id,
            taxpayer_id=who.taxpayer_id if who else None,
        )
        .on_conflict_do_nothing(index_elements=["conversation_id", "kind"])
    )
    await audit.record(
        ctx.session,
        actor="taxpayer",
        action=f"contact.{kind}",
        subject=f"conversation:{ctx.turn.conversation_id}",
        detail={},
    )


class SuspectFraud(Capability):
    """Doubt is healthy: say how to check us, never press."""

    action_name = "action_suspect_fraud"

    async def handle(self, ctx: Context) -> Reply:
        """Quote the article on checking us."""
        article, _ = await article_for(ctx, "suspect_fraud")
        return await quote(ctx, article) if article else await hand_off(ctx, Reason.NO_ARTICLE)


class Busy(Capability):
    """No time now."""

    action_name = "action_busy"

    async def handle(self, ctx: Context) -> Reply:
        """Let them go, offer a call back."""
        return Reply.say(
            "好的，您先忙。需要的话可以约个时间让人工回电，您有空了也可以随时来问我。",
            buttons=[Button("约个回电", "约个时间给我回个电话"), Button("不用了", "不用了，再见")],
            events=[*leave()] if ctx.turn.active_loop else [],
        )


class StrayAnswer(Screened):
    """A bare yes, no or value outside any form."""

    action_name = "action_stray_answer"

    async def reply(self, ctx: Context) -> Reply:
        """After despair nothing is judged or offered any more."""
        return quiet(ctx) or await super().reply(ctx)

    async def handle(self, ctx: Context) -> Reply:
        """Say what can be done with it."""
        if ctx.turn.intent == "affirm":
            return Reply.say("好的。您想接着办哪一项？", buttons=MENU)
        if ctx.turn.intent == "deny":
            return Reply.say("好的，那就先不办。还有别的需要随时说。", buttons=MENU)
        if ctx.turn.first("identity_ref"):
            return await begin_verification(ctx, "好的，我们核实一下身份。")
        if ctx.turn.all("date") and re.search(r"交|缴|付|打款|转", ctx.turn.text):
            said = first_date(ctx.turn)
            lead = (Bubble("日历上没有这一天，您再看一下。"),) if said is None else ()
            day = said.isoformat() if said else None
            return Reply(lead, (SlotSet("promise_date", day), FollowupAction("action_promise_start")))
        return Reply.say("您说的这个，是想查欠税、算滞纳金，还是办延期？", buttons=MENU)


class Correct(Capability):
    """A correction outside any form."""

    action_name = "action_correct"

    async def handle(self, ctx: Context) -> Reply:
        """Say what can be changed."""
        return Reply.say(
            "好的，您想改哪一项？缴税日期可以重新说一个；已经提交的延期申请可以撤回重填。",
            buttons=[Button("换个缴税日期", "我换个日子缴"), Button("撤回延期申请", "我想撤回延期申请")],
        )
