"""Promise to pay: a day understood, questioned if it makes no sense, confirmed, recorded."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from rasa_sdk.events import FollowupAction, SlotSet
from sqlalchemy import update

from actions.core import Bubble, Button, Capability, Context, Reply
from actions.facts import BillFact
from actions.forms import Filled, JourneyForm, Reading, Step, Stop, Wrong, begin, looks_like_question
from actions.gate import require_proof
from actions.late_fee import ASKED_ON, LateFeeAmount
from actions.phrases import bill_name, day, yuan
from actions.values import as_date, first_date, said_impossible_date
from store import audit
from store.debts import debts_of
from store.models import Promise

PROMISE_FORM = "promise_form"
PROMISE_SLOTS = ("promise_date", "promise_confirmed")
FARTHEST = timedelta(days=180)
"""A day further away than this is asked about again."""


_AT_ONCE = re.compile(r"今天|今日|今晚|下午|中午|马上|立刻|立马|现在就|这就|待会|等会|一会儿?")


def said_day(ctx: Context) -> date | None:
    """The day named, today if it was to be at once."""
    named = first_date(ctx.turn)
    return ctx.today if named is None and _AT_ONCE.search(ctx.turn.text) else named


def question_day(said: date, today: date) -> str | None:
    """Why this day cannot be taken as it stands, or ``None``."""
    if said < today:
        return f"{day(said, today)}已经过去了，您是想说将来的哪一天？"
    if said - today > FARTHEST:
        return f"{day(said, today)}离现在有点远，我没听错吧？请说一个近一些的日子。"
    return None


class StartPromise(Capability):
    """The taxpayer says they will pay."""

    action_name = "action_promise_start"

    async def handle(self, ctx: Context) -> Reply:
        """Take the day if one was said; ask otherwise. A day with a question asks for the late fee on that day."""
        if ctx.turn.fresh and first_date(ctx.turn) and looks_like_question(ctx.turn.text):
            on = first_date(ctx.turn)
            return Reply(
                events=(
                    SlotSet(ASKED_ON, on.isoformat() if on else None),
                    FollowupAction(LateFeeAmount.action_name),
                )
            )
        said = said_day(ctx) if ctx.turn.fresh else as_date(ctx.turn.slot("promise_date"))
        who = await require_proof(ctx, self.action_name, {"promise_date": said.isoformat() if said else None})
        if isinstance(who, Reply):
            return who
        open_debts = [d for d in await debts_of(ctx.session, who) if d.is_open()]
        if not open_debts:
            return Reply.say(
                "谢谢您放在心上。查过了，您名下目前没有未缴的税款。", events=[SlotSet("promise_date", None)]
            )
        lead, preset = "好的，谢谢您。", dict[str, Any]()
        if said is not None:
            doubt = question_day(said, ctx.today)
            if doubt:
                lead = doubt
            else:
                preset["promise_date"] = said.isoformat()
        elif said_impossible_date(ctx.turn):
            lead = "日历上没有这一天，您再看一下。"
        return Reply.say(lead, events=begin(PROMISE_FORM, ctx.turn, PROMISE_SLOTS, preset))


_UNDECIDED = re.compile(
    r"没有了|没了|不一定|(说|讲|定)不(准|好|下来)|没(想|定)好|再说|再看|不知道哪天|不晓得|到时候"
)
"""No day is named, and none will be: nobody is pressed for one."""


class PromiseForm(JourneyForm):
    """``validate_promise_form``."""

    action_name = "validate_promise_form"
    form = PROMISE_FORM
    own_intents = frozenset({"promise_to_pay", "inform"})

    @property
    def steps(self) -> Mapping[str, Step]:
        """Steps by slot."""
        return {
            "promise_date": Step(
                self._day, "请说一个准备缴的日子，比如“这周五”或者“十一月三十号”。", "日子|日期|哪天|时间"
            ),
            "promise_confirmed": Step(self._confirmed, "对就说“对”，不对就说准备哪天缴。"),
        }

    async def _day(self, ctx: Context) -> Reading:
        said = said_day(ctx)
        if said is None and _UNDECIDED.search(ctx.turn.text) and not ctx.turn.first("date_range"):
            return Stop((Bubble("没关系，不用现在定。哪天方便就哪天缴，早缴一天就少算一天滞纳金。"),))
        if said is None and ctx.turn.first("date_range"):
            return Wrong("请说具体哪一天，我好记准。")
        if said is None:
            return Wrong("日历上没有这一天，您再看一下。") if said_impossible_date(ctx.turn) else None
        doubt = question_day(said, ctx.today)
        return Wrong(doubt) if doubt else Filled({"promise_date": said.isoformat()})

    async def _confirmed(self, ctx: Context) -> Reading:
        other = await self._day(ctx)
        if isinstance(other, Wrong):
            return other
        if isinstance(other, Filled) and other.slots["promise_date"] != ctx.turn.slot("promise_date"):
            return other
        if ctx.turn.intent in ("affirm", "promise_to_pay") or isinstance(other, Filled):
            return Filled({"promise_confirmed": True})
        if ctx.turn.intent == "deny":
            return Wrong("好的，那是哪一天？", slots={"promise_date": None})
        return None


class AskPromiseConfirmed(Capability):
    """Reads the day back."""

    action_name = "action_ask_promise_form_promise_confirmed"

    async def handle(self, ctx: Context) -> Reply:
        """Ask for a yes."""
        said = date.fromisoformat(str(ctx.turn.slot("promise_date")))
        words = f"我记的是{day(said, ctx.today)}缴，对吗？"
        who = await ctx.who()
        if who is not None:
            late = [
                d
                for d in await debts_of(ctx.session, who)
                if d.is_open() and d.is_tax and d.payable_until < said
            ]
            if len(late) == 1 and not late[0].late_fee(said).flags:
                fee = late[0].late_fee(said).late_fee
                words = f"{bill_name(late[0])}到那天的滞纳金是{yuan(fee)}。{words}"
                return Reply.say(words, buttons=_YES_NO, facts=[BillFact(late[0].bill_id, said)])
            if late:
                words = f"过了缴款期限会按天计算滞纳金。{words}"
        return Reply.say(words, buttons=_YES_NO)

    def next_event(self, turn: Any, reply: Reply) -> list[dict[str, Any]]:
        """The form goes on by itself."""
        return []


_YES_NO = (Button("对", "对"), Button("不对，换一天", "不对，换一天"))


class SubmitPromise(Capability):
    """Records the promise; a later one replaces it."""

    action_name = "action_promise_submit"

    async def handle(self, ctx: Context) -> Reply:
        """Write it down once confirmed."""
        cleared = [SlotSet(name, None) for name in PROMISE_SLOTS]
        if not ctx.turn.slot("promise_confirmed"):
            return Reply(events=tuple(cleared))
        who = await require_proof(ctx, self.action_name)
        if isinstance(who, Reply):
            return who
        said = date.fromisoformat(str(ctx.turn.slot("promise_date")))
        await ctx.session.execute(
            update(Promise)
            .where(Promise.taxpayer_id == who.taxpayer_id, Promise.status == "open")
            .values(status="replaced")
        )
        ctx.session.add(
            Promise(
                id=uuid.uuid4(),
                taxpayer_id=who.taxpayer_id,
                conversation_id=ctx.turn.conversation_id,
                promised_on=said,
            )
        )
        await audit.record(
            ctx.session,
            actor="taxpayer",
            action="promise.recorded",
            subject=f"taxpayer:{who.taxpayer_id}",
            detail={"on": said.isoformat()},
        )
        return Reply.say(
            f"记下了，{day(said, ctx.today)}。这只是方便安排提醒，缴款期限和滞纳金的算法不变。有变化随时告诉我。",
            buttons=[
                Button("怎么缴", "怎么缴税"),
                Button("到那天滞纳金多少", f"{said.month}月{said.day}号缴的话滞纳金是多少"),
            ],
            events=cleared,
        )
