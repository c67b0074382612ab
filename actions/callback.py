"""A call back by a human, at a time when somebody is there to make it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import select

from actions.cases import emptied, open_case
from actions.core import Capability, Context, Reply
from actions.forms import Filled, JourneyForm, Reading, Step, Wrong, begin
from actions.phrases import day
from actions.values import first_date, said_impossible_date
from handoff.office import Hours, hours, seat_day
from store.models import CaseKind, Secret

CALLBACK_FORM, CALLBACK_SLOTS = "callback_form", ("callback_phone", "callback_time", "callback_at")


class StartCallback(Capability):
    """A call back at a time that suits."""

    action_name = "action_callback_start"

    async def handle(self, ctx: Context) -> Reply:
        """Ask for the number and the time not yet said."""
        preset: dict[str, Any] = {}
        phone = await _typed_phone(ctx)
        if phone:
            preset["callback_phone"] = phone
        elif ctx.turn.phone and await ctx.who() is not None:
            preset["callback_phone"] = "registered"
        at = wanted_time(ctx, await hours(ctx.session))
        if at is not None and not isinstance(at, str):
            preset |= {"callback_time": in_words(at, ctx.today), "callback_at": at.isoformat()}
        submit = ("action_callback_submit", CALLBACK_SLOTS)
        return Reply.say(
            "好的，登记一个回电。", events=begin(CALLBACK_FORM, ctx.turn, CALLBACK_SLOTS, preset, submit)
        )


async def _typed_phone(ctx: Context) -> str | None:
    for entity in ctx.turn.all("identity_ref"):
        secret = await ctx.session.scalar(
            select(Secret).where(
                Secret.conversation_id == ctx.turn.conversation_id,
                Secret.placeholder == str(entity.value),
                Secret.kind == "mobile",
            )
        )
        if secret is not None:
            return secret.placeholder
    return None


def in_words(at: datetime, today: date) -> str:
    """``11月24日（星期二）下午3点``."""
    half = "上午" if at.hour < 12 else "下午"
    hour = at.hour if at.hour <= 12 else at.hour - 12
    return f"{day(at.date(), today)}{half}{hour}点{f'{at.minute}分' if at.minute else ''}"


def wanted_time(ctx: Context, opening: Hours) -> datetime | str | None:
    """The instant asked for, the reason it cannot be, or ``None`` when none was said."""
    said_day = first_date(ctx.turn)
    said_time = ctx.turn.first("time")
    text = ctx.turn.text
    if (
        said_day is None
        and said_time is None
        and not re.search(r"上午|下午|随时|都行|都可以|尽快|马上", text)
    ):
        return "日历上没有这一天，您再看一下。" if said_impossible_date(ctx.turn) else None
    clock: time | None = None
    if said_time is not None:
        try:
            clock = time.fromisoformat(str(said_time))
        except ValueError:
            clock = None
    on = said_day or ctx.today
    if clock is None:
        clock = time(14) if "下午" in text else time(9)
        if said_day is None and not re.search(r"上午|下午", text):
            return next_staffed(ctx.now, opening)
    at = datetime.combine(on, clock, tzinfo=ctx.now.tzinfo)
    if at <= ctx.now:
        if said_day is None:
            at += timedelta(days=1)
        else:
            return "这个时间已经过去了，请说一个以后的时间。"
    if not seat_day(at.date()):
        return f"{day(at.date(), ctx.today)}是休息日，没有坐席。请说一个工作日。"
    if not opening.staffed(at):
        return f"坐席上班时间是{opening.in_words()}，请在这里面选一个时间。"
    if at.date() - ctx.today > timedelta(days=31):
        return "请选一个月以内的时间。"
    return at


def next_staffed(now: datetime, opening: Hours) -> datetime:
    """The next half hour at which seats are staffed."""
    at = (now + timedelta(minutes=30)).replace(second=0, microsecond=0)
    at = at.replace(minute=0 if at.minute < 30 else 30)
    for _ in range(48 * 15):
        if opening.staffed(at):
            return at
        at += timedelta(minutes=30)
    return at


class CallbackForm(JourneyForm):
    """``validate_callback_form``: number and time."""

    action_name = "validate_callback_form"
    form = CALLBACK_FORM
    own_intents = frozenset({"request_callback", "busy_now", "inform", "promise_to_pay"})

    @property
    def steps(self) -> Mapping[str, Step]:
        """Steps by slot."""
        return {
            "callback_phone": Step(self._phone, "请告诉我方便接听的11位手机号。", "电话|手机|号码"),
            "callback_time": Step(self._time, "请说一个工作日的时间，比如“明天下午三点”。", "时间|几点|哪天"),
        }

    async def _phone(self, ctx: Context) -> Reading:
        phone = await _typed_phone(ctx)
        if phone is None:
            same = ctx.turn.intent == "affirm" or re.search(r"登记的|原来的|就这个", ctx.turn.text)
            if same and await ctx.who() is not None:
                return Filled({"callback_phone": "registered"})
            if len(re.findall(r"\d", ctx.turn.text)) >= 5:
                return Wrong("这个手机号的位数不对，手机号是11位，请您对一下。")
            return None
        slots: dict[str, Any] = {"callback_phone": phone}
        at = wanted_time(ctx, await hours(ctx.session))
        if isinstance(at, datetime):
            slots |= {"callback_time": in_words(at, ctx.today), "callback_at": at.isoformat()}
        return Filled(slots)

    async def _time(self, ctx: Context) -> Reading:
        at = wanted_time(ctx, await hours(ctx.session))
        if isinstance(at, str):
            return Wrong(at)
        if at is None:
            return None
        return Filled({"callback_time": in_words(at, ctx.today), "callback_at": at.isoformat()})


class SubmitCallback(Capability):
    """Writes the callback."""

    action_name = "action_callback_submit"

    async def handle(self, ctx: Context) -> Reply:
        """One case, due at the time asked for."""
        slots = ctx.turn.slots
        cleared = emptied(CALLBACK_SLOTS)
        if slots.get("callback_at") is None or slots.get("callback_phone") is None:
            return Reply(events=tuple(cleared))
        at = datetime.fromisoformat(str(slots["callback_at"]))
        number = await open_case(
            ctx,
            CaseKind.CALLBACK,
            "请求回电",
            who=await ctx.who(),
            details={"phone": str(slots["callback_phone"])},
            due_at=at,
        )
        return Reply.say(
            f"登记好了，{ctx.number('回电单号', number)}{slots['callback_time']}左右由人工给您打电话。"
            "来电的人不会向您要银行卡号、密码，也不会让您转账。",
            events=cleared,
        )
