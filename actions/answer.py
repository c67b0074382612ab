"""Questions of law and of how things work: quoted from the knowledge base, never composed."""

from __future__ import annotations

import re

from rasa_sdk.events import SlotSet

from actions.core import Bubble, Button, Capability, Context, Reply
from actions.facts import ArticleFact
from actions.handoff import Reason, hand_off, open_ticket, queue_words
from kb.model import Article
from kb.search import KnowledgeBase, SearchResult

LAST_ARTICLE = "last_article"
_CRIMINAL = re.compile(r"坐牢|判刑|刑事|犯罪|逃税罪|抓(我|人|进去)|蹲|拘留|逮捕")
_ALREADY_TAKEN = re.compile(
    r"已经(被)?(冻结|查封|扣|限制)|(账户|账号|卡)(被|给)(冻|封)|被(冻结|查封|强制|限制出境)了|冻结了|限高"
)
_ONLY_WHEN_TAKEN = frozenset({"measures-taken"})
_CONCRETE_APPEAL = re.compile(
    r"(我|我们)(要|想|准备)(复议|起诉|申诉|告)|(帮我|给我)(复议|起诉)|我这个(案子|情况)"
)
_FAULT = re.compile(r"(税务局|你们|专管员|系统|税务机关).{0,8}(的错|搞错|弄错|出错|算错|的责任|原因|通知错)")
_WANTS_MORE = re.compile(r"详细|具体(说|讲)|全文|依据")


def quote(kb: KnowledgeBase, article: Article) -> Reply:
    """The short answer as it stands in the article, its source, and what may be asked next."""
    buttons = [Button("说详细一点", f"{article.title}，详细说说")]
    return Reply(
        (
            Bubble(
                article.short,
                tuple(buttons),
                {"kind": "citations", "items": list(kb.references(article))},
                (ArticleFact(article.id),),
            ),
        ),
        (SlotSet(LAST_ARTICLE, article.id),),
    )


def quote_full(kb: KnowledgeBase, article: Article) -> Reply:
    """The whole article."""
    return Reply(
        (
            Bubble(
                f"{article.title}\n{article.body}",
                (),
                {"kind": "citations", "items": list(kb.references(article))},
                (ArticleFact(article.id),),
            ),
        ),
        (SlotSet(LAST_ARTICLE, article.id),),
    )


class Answer(Capability):
    """Finds the article for the question; hands over what a bot may not judge."""

    action_name = "action_answer"

    async def handle(self, ctx: Context) -> Reply:
        """Quote an article, offer related questions, or call a human."""
        reason = self._beyond(ctx)
        if reason is not None:
            return await self._hand_over(ctx, reason)
        found = await ctx.services.search(ctx.turn.text)
        article = self._choose(ctx, self._searched(found))
        if article is None:
            if found.hits:
                return Reply.say(
                    "这个问题我没有十分把握，不想随便答。您是不是想问下面这些？也可以转人工。",
                    buttons=[
                        *(Button(h.article.title, h.article.questions[0]) for h in found.hits[:3]),
                        Button("转人工", "转人工"),
                    ],
                )
            return await hand_off(ctx, Reason.NO_ARTICLE, "这个问题我答不准，请人工来答。")
        kb = ctx.services.kb
        reply = quote_full(kb, article) if _WANTS_MORE.search(ctx.turn.text) else quote(kb, article)
        if article.handoff:
            ticket = await open_ticket(ctx, Reason.JUDGEMENT)
            reply += Reply.say(f"具体到您的情况要由人工来答。{queue_words(ticket, ctx.now)}")
        return reply

    def _searched(self, found: SearchResult) -> Article | None:
        """The best hit; an article on measures already taken only for those who say they were taken."""
        if not found.confident:
            return None
        return next((h.article for h in found.hits if h.article.id not in _ONLY_WHEN_TAKEN), None)

    def _choose(self, ctx: Context, searched: Article | None) -> Article | None:
        if searched is None and _WANTS_MORE.search(ctx.turn.text) and len(ctx.turn.text) <= 12:
            last = ctx.turn.slot(LAST_ARTICLE)
            if last:
                return ctx.services.kb.get(str(last))
        return searched or ctx.services.kb.by_intent(ctx.turn.intent)

    def _beyond(self, ctx: Context) -> Reason | None:
        text, intent = ctx.turn.text, ctx.turn.intent
        if _CRIMINAL.search(text) and intent in ("ask_penalty", "ask_enforcement", "ask_policy_other"):
            return Reason.CRIMINAL
        if _ALREADY_TAKEN.search(text):
            return Reason.ENFORCEMENT
        if intent == "ask_appeal" and _CONCRETE_APPEAL.search(text):
            return Reason.APPEAL
        if _FAULT.search(text):
            return Reason.AUTHORITY_FAULT
        return None

    async def _hand_over(self, ctx: Context, reason: Reason) -> Reply:
        leads = {
            Reason.CRIMINAL: "这关系到法律责任的认定，我不能下结论，请人工来答。",
            Reason.ENFORCEMENT: "已经采取的措施要看具体文书，请人工来核实。",
            Reason.APPEAL: "具体案件的复议和诉讼，请人工了解情况后答复您。",
            Reason.AUTHORITY_FAULT: "是不是税务机关的原因，要核实以后才能认定，请人工来处理。",
        }
        reply = await hand_off(ctx, reason, leads[reason])
        article = ctx.services.kb.by_intent(ctx.turn.intent)
        if article is not None and reason is Reason.APPEAL:
            reply = quote(ctx.services.kb, article) + reply
        return reply
