"""Verification: who is this, then a code sent to the mobile registered with the bureau."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rasa_sdk.events import FollowupAction, SlotSet

from actions.core import Bubble, Button, Capability, Context, Reply, Turn
from actions.forms import Filled, JourneyForm, Reading, Step, Stop, Wrong, looks_like_question
from actions.gate import PENDING, VERIFY_FORM, VERIFY_SLOTS, begin_verification
from actions.identify import HUMAN, LOCKED, identify, stopped, typed_identifier
from actions.quoting import article_for, quote
from outreach.channels.inbox import show_waiting
from store import audit
from store.identity import CodeOutcome, StartOutcome, enter_code, resend

_FETCHING = re.compile(r"(拿|找|翻|看)\S{0,3}(手机|短信)")
"""Gone to look for the code: neither busy with something else nor an answer."""
_RESEND = re.compile(r"没收到|没有收到|收不到|重发|再发|重新发|过期")
_CHANGE = re.compile(r"换(一?个)?(证件|号码|身份|代码)|(证件|号码|身份证|代码)(填|说|输)?错")
_RESEND_BUTTON = Button("没收到，重发", "没收到验证码，重发一次")


class VerifySelf(Capability):
    """The taxpayer offers to show who they are."""

    action_name = "action_verify_self"

    async def handle(self, ctx: Context) -> Reply:
        """Start verification, or say that it is done already."""
        who = await ctx.who()
        if who is not None:
            return Reply.say(
                f"您的身份已经核实过了：{who.name}。想查什么，直接问我。",
                buttons=[Button("查欠税", "我欠多少税"), Button("查滞纳金", "我的滞纳金是多少")],
            )
        if looks_like_question(ctx.turn.text) and not ctx.turn.first("identity_ref"):
            article, _ = await article_for(ctx, "verify_self")
            if article is not None:
                return await quote(ctx, article)
        return await begin_verification(ctx, "好的，我们核实一下身份。")


class VerifyForm(JourneyForm):
    """Two questions: the identifier, then the code."""

    action_name = "validate_verify_form"
    form = VERIFY_FORM
    own_intents = frozenset({"verify_self", "inform"})

    @property
    def steps(self) -> Mapping[str, Step]:
        """Steps by slot."""
        return {
            "verify_identifier": Step(
                identify,
                "请把统一社会信用代码、身份证号或者登记的手机号打给我，任选一个。",
                "证件|号码|代码",
            ),
            "verify_code": Step(self._code, "请输入手机短信里的6位数字。没收到的话，说“重发”。"),
        }

    def _is_other_wish(self, turn: Turn, step: Step) -> bool:
        return _FETCHING.search(turn.text) is None and super()._is_other_wish(turn, step)

    async def _code(self, ctx: Context) -> Reading:
        if await ctx.who() is not None:
            return Filled({"verify_code": "done"})
        if _RESEND.search(ctx.turn.text):
            return await self._resend(ctx)
        if await typed_identifier(ctx) is not None:
            return await identify(ctx)
        if _CHANGE.search(ctx.turn.text):
            return Wrong("好的，换一个。", slots={"verify_identifier": None})
        code = ctx.turn.first("sms_code")
        if code is None:
            digits = re.sub(r"\D", "", ctx.turn.text)
            if not digits:
                return Wrong("不急，您慢慢看。") if _FETCHING.search(ctx.turn.text) else None
            if len(digits) != 6:
                return Wrong("验证码是6位数字，请再看一下短信。", (_RESEND_BUTTON,))
            code = digits
        outcome = await enter_code(
            ctx.session,
            ctx.services.cipher,
            conversation_id=ctx.turn.conversation_id,
            code=str(code),
            now=ctx.now,
            valid_for=ctx.services.proof_life,
        )
        await audit.record(
            ctx.session,
            actor="taxpayer",
            action=f"verification.{outcome.value}",
            subject=f"conversation:{ctx.turn.conversation_id}",
            detail={},
        )
        if outcome is CodeOutcome.VERIFIED:
            return Filled({"verify_code": "done"})
        if outcome is CodeOutcome.LOCKED:
            return Stop((Bubble(LOCKED, HUMAN),))
        if outcome is CodeOutcome.EXPIRED:
            return Wrong("这个验证码过期了。", (Button("重发验证码", "验证码过期了，重发一次"),))
        if outcome is CodeOutcome.NONE_PENDING:
            return Wrong("我们重新来一遍。", slots={"verify_identifier": None})
        return Wrong("验证码不对，请再核对一下短信。也可能是这个号码没有在我们这里登记。", (_RESEND_BUTTON,))

    async def _resend(self, ctx: Context) -> Reading:
        outcome = await resend(
            ctx.session,
            ctx.services.cipher,
            conversation_id=ctx.turn.conversation_id,
            now=ctx.now,
            code_life=ctx.services.code_life,
        )
        if outcome is not StartOutcome.SENT:
            return stopped(outcome)
        return Wrong(
            "如果号码有登记，新的验证码已经发出，之前的作废。一直收不到，可能是登记的手机号换了，可以转人工核对。"
        )


class AfterVerification(Capability):
    """Goes on with what the taxpayer wanted before they were asked who they are."""

    action_name = "action_after_verification"

    async def handle(self, ctx: Context) -> Reply:
        """Name the taxpayer, show what waits in their inbox, then hand over to the waiting action."""
        cleared = [SlotSet(name, None) for name in (*VERIFY_SLOTS, PENDING)]
        who = await ctx.who()
        if who is None:
            return Reply(events=tuple(cleared))
        if not ctx.turn.phone:
            await show_waiting(ctx.session, who.taxpayer_id, ctx.turn.conversation_id, ctx.today)
        hello = f"核实通过，您好，{who.name}。"
        pending = ctx.turn.slot(PENDING)
        if pending:
            return Reply.say(hello, events=[*cleared, FollowupAction(str(pending))])
        return Reply.say(
            f"{hello}想查什么，直接问我。",
            buttons=[
                Button("查欠税", "我欠多少税"),
                Button("查滞纳金", "我的滞纳金是多少"),
                Button("申请延期", "我想申请延期缴纳"),
            ],
            events=cleared,
        )
