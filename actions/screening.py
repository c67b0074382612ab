"""The hand-over list: what a bot may not judge goes to a human before any other answer is tried."""

from __future__ import annotations

import re
from collections.abc import Mapping

from actions.core import Capability, Context, Reply, Turn
from actions.handoff import hand_off
from actions.quoting import quote
from handoff.reasons import Reason

_CRIMINAL = re.compile(r"坐牢|判刑|刑事|犯罪|逃税罪|抓(我|人|进去)|蹲|拘留|逮捕")
_ALREADY_TAKEN = re.compile(
    r"已经(被)?(冻结|查封|扣|限制)|(账户|账号|卡)(被|给)(冻|封)|被(冻结|查封|强制|限制出境)了|(?<!会)(?<!要)(?<!被)冻结了|限高"
)
_CONCRETE_APPEAL = re.compile(
    r"(我|我们)(要|想|准备)(复议|起诉|申诉|告)|(帮我|给我)(复议|起诉)|我这个(案子|情况)"
)
_FAULT = re.compile(r"(税务局|你们|专管员|税务机关).{0,8}(的错|搞错|弄错|出错|的责任|的原因|通知错|错误)")
_BANKRUPT = re.compile(r"破产|资不抵债|清算组")
_FORCE_MAJEURE = re.compile(r"火灾|水灾|洪水|地震|台风|灾|疫|泥石流|暴雨|不可抗力|停电|失火|淹")
_INSURANCE = r"(社保|社会保险|养老保险|医疗保险|医保|失业保险|工伤保险|生育保险)"
_LATE = r"(滞纳金|欠|罚|逾期|断[交缴]|缓[交缴]|[补追晚漏迟][交缴]|没[交缴]|不[交缴])"
_SOCIAL_INSURANCE = re.compile(rf"{_INSURANCE}.{{0,6}}{_LATE}|{_LATE}.{{0,4}}{_INSURANCE}")
_ASKS = re.compile(r"[?？]|吗|怎么|咋|会不会|是不是|能不能|要不要")
_WHICH_FIRST = re.compile(
    r"(几|多|两|二|三|四|五)笔.{0,14}(先[交缴还付](哪|谁|那)|哪(一)?笔(先|优先)|先后|顺序|次序)"
)
_SHORT_OF_MONEY = frozenset({"cash_difficulty", "apply_deferral"})
_TOLD = frozenset({"inform", "nlu_fallback"})
"""Told without saying what for; a disaster that keeps from paying is clear all the same."""
_OF_FEES = frozenset(
    {
        "ask_late_fee_amount",
        "ask_late_fee_rule",
        "ask_penalty",
        "ask_enforcement",
        "ask_policy_other",
        "nlu_fallback",
    }
)
"""Questions that for social insurance another law answers; elsewhere it is named as what money goes to first."""
_OF_LAW = frozenset({"ask_penalty", "ask_enforcement", "ask_policy_other", "ask_appeal", "nlu_fallback"})
LEADS: Mapping[Reason, str] = {
    Reason.CRIMINAL: "这关系到法律责任的认定，我不能下结论，请人工来答。",
    Reason.ENFORCEMENT: "已经采取的措施要看具体文书，请人工来核实。",
    Reason.APPEAL: "具体案件的复议和诉讼，请人工了解情况后答复您。",
    Reason.AUTHORITY_FAULT: "是不是税务机关的原因，要核实以后才能认定，请人工来处理。",
    Reason.BANKRUPTCY: "涉及破产的税务问题要看具体案件，请人工来答。",
    Reason.FORCE_MAJEURE: "遇上这样的事真不容易。不可抗力造成的损失要由工作人员和您核实，我请人工来接。",
    Reason.SEVERAL_DEBTS: "几笔税款之间先缴哪一笔，法律没有统一规定，请人工来确认。",
    Reason.SOCIAL_INSURANCE: "社会保险费按社会保险法另算，和税款不是一套规定，请人工来答。",
}
"""What is said before the state of the queue, for each reason of :func:`beyond`."""


def by_force_majeure(text: str) -> bool:
    """Whether the words tell of a disaster; whether it counts as one is for a human."""
    return _FORCE_MAJEURE.search(text) is not None


def claims_fault(text: str) -> bool:
    """Whether the words lay the fault on the authority; a claim, never a finding (Art. 52)."""
    return _FAULT.search(text) is not None


def beyond(turn: Turn) -> Reason | None:
    """The reason on the hand-over list these words fall under, if any."""
    if _BANKRUPT.search(turn.text):
        return Reason.BANKRUPTCY
    if _ALREADY_TAKEN.search(turn.text):
        return Reason.ENFORCEMENT
    if _CRIMINAL.search(turn.text) and (turn.intent in _OF_LAW or _ASKS.search(turn.text)):
        return Reason.CRIMINAL
    if turn.intent == "ask_appeal" and _CONCRETE_APPEAL.search(turn.text):
        return Reason.APPEAL
    if claims_fault(turn.text):
        return Reason.AUTHORITY_FAULT
    hit = turn.intent in _SHORT_OF_MONEY or (turn.intent in _TOLD and "税" in turn.text)
    if hit and by_force_majeure(turn.text):
        return Reason.FORCE_MAJEURE
    if _WHICH_FIRST.search(turn.text) and "滞纳金" not in turn.text:
        return Reason.SEVERAL_DEBTS
    if turn.intent in _OF_FEES and _SOCIAL_INSURANCE.search(turn.text):
        return Reason.SOCIAL_INSURANCE
    return None


class Screened(Capability):
    """An action that answers questions: the hand-over list comes first."""

    async def reply(self, ctx: Context) -> Reply:
        """Hand over what is on the list; else the action's own answer. A form that is being filled goes on."""
        reason = beyond(ctx.turn) if ctx.turn.unanswered else None
        if reason is None:
            return await self.handle(ctx)
        handed = await hand_off(ctx, reason, LEADS[reason], go_on=ctx.turn.active_loop is not None)
        return await self._with_article(ctx, reason, handed)

    async def _with_article(self, ctx: Context, reason: Reason, handed: Reply) -> Reply:
        """How an appeal works in general may be quoted while a human takes the case."""
        article = ctx.services.kb.by_intent("ask_appeal") if reason is Reason.APPEAL else None
        return await quote(ctx, article) + handed if article is not None else handed
