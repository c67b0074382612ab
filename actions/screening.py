"""The hand-over list: what a bot may not judge goes to a human before any other answer is tried."""

from __future__ import annotations

import re

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
_ASKS = re.compile(r"[?？]|吗|怎么|咋|会不会|是不是|能不能|要不要")
_OF_LAW = frozenset({"ask_penalty", "ask_enforcement", "ask_policy_other", "ask_appeal", "nlu_fallback"})
_LEADS = {
    Reason.CRIMINAL: "这关系到法律责任的认定，我不能下结论，请人工来答。",
    Reason.ENFORCEMENT: "已经采取的措施要看具体文书，请人工来核实。",
    Reason.APPEAL: "具体案件的复议和诉讼，请人工了解情况后答复您。",
    Reason.AUTHORITY_FAULT: "是不是税务机关的原因，要核实以后才能认定，请人工来处理。",
    Reason.BANKRUPTCY: "涉及破产的税务问题要看具体案件，请人工来答。",
}


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
    return None


class Screened(Capability):
    """An action that answers questions: the hand-over list comes first."""

    async def reply(self, ctx: Context) -> Reply:
        """Hand over what is on the list; else the action's own answer."""
        reason = beyond(ctx.turn) if ctx.turn.fresh else None
        if reason is None:
            return await self.handle(ctx)
        handed = await hand_off(ctx, reason, _LEADS[reason])
        return await self._with_article(ctx, reason, handed)

    async def _with_article(self, ctx: Context, reason: Reason, handed: Reply) -> Reply:
        """How an appeal works in general may be quoted while a human takes the case."""
        article = ctx.services.kb.by_intent("ask_appeal") if reason is Reason.APPEAL else None
        return await quote(ctx, article) + handed if article is not None else handed
