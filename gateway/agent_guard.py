"""The outgoing guard for what agents write: it warns, the agent decides, and a decision against it is on record.

Agents name no sources, so an amount passes if it follows from a bill of the proven taxpayer as of today, if the
taxpayer said it themselves, or if an article of the knowledge base has it.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from gateway.guard import amounts_in, bill_amounts, sum_amounts
from handoff.ports import Finding, Objection
from kb.model import Article
from store.debts import debts_of
from store.identity import proof
from store.models import Message

_SAID = 200
"""Messages of the taxpayer that are read for amounts."""


class WrittenGuard:
    """Reads agents' words before they are sent."""

    def __init__(
        self,
        sessions: async_sessionmaker[AsyncSession],
        forbidden: Sequence[re.Pattern[str]],
        articles: Iterable[Article],
        now: Callable[[], datetime],
        today: Callable[[], date],
    ) -> None:
        self._sessions = sessions
        self._forbidden = tuple(forbidden)
        self._published = frozenset(
            amount
            for article in articles
            for text in (article.short, article.body)
            for amount in amounts_in(text)
        )
        self._now = now
        self._today = today

    async def review(self, conversation_id: uuid.UUID, text: str) -> Sequence[Finding]:
        """Forbidden phrases, amounts nobody can account for, amounts before the identity is proven."""
        found = [
            Finding(Objection.PHRASE, f"「{match[0]}」会让人觉得受到威胁或误导，请换个说法。")
            for pattern in self._forbidden
            if (match := pattern.search(text)) is not None
        ]
        named = amounts_in(text) - self._published
        if named:
            found += await self._doubtful(conversation_id, named)
        return found

    async def _doubtful(self, conversation_id: uuid.UUID, named: set[Decimal]) -> list[Finding]:
        async with self._sessions() as session:
            known = await self._said(session, conversation_id)
            who = await proof(session, conversation_id, self._now())
            debts = await debts_of(session, who) if who is not None else ()
        left = sorted(named - known)
        if not left:
            return []
        shown = "、".join(f"{amount}元" for amount in left)
        if who is None:
            return [
                Finding(
                    Objection.UNVERIFIED,
                    f"对方还没有核实身份，不能说金额（{shown}）。请先让对方在对话里完成核实。",
                )
            ]
        today = self._today()
        for debt in debts:
            known |= bill_amounts(debt, today)
        listed = [debt for debt in debts if debt.is_open()]
        known |= sum_amounts(listed, today)
        left = [amount for amount in left if amount not in known]
        if not left:
            return []
        shown = "、".join(f"{amount}元" for amount in left)
        return [Finding(Objection.AMOUNT, f"账上找不到这个金额：{shown}。请和右侧的账单核对。")]

    async def _said(self, session: AsyncSession, conversation_id: uuid.UUID) -> set[Decimal]:
        texts = await session.scalars(
            select(Message.text)
            .where(Message.conversation_id == conversation_id, Message.sender == "taxpayer")
            .order_by(Message.id.desc())
            .limit(_SAID)
        )
        return {amount for text in texts for amount in amounts_in(text)}
