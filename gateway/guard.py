"""The last check before anything is said: no forbidden phrase, and every amount worked out again from its sources.

An answer names its sources (:mod:`actions.facts`), never its amounts. The guard recomputes from the store, from the
taxpayer's own words and from the law what those sources give, and compares with every amount in the text and its
tables. An amount without a source, a bill of somebody else, or a bill without a valid proof of identity fails.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import cn2an
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from actions.late_fee import example
from bot.parsing import parse
from chat.ports import Answer, Checked
from kb.model import Article
from store.debts import Debt, debt_by_id
from store.identity import proof
from store.models import Message
from tax.deferral import money_test
from tax.money import to_fen

SAFE_WORDS = "这条答复没有通过我的核对，为了不说错，我先不说数字。请换个问法，或者转人工核实。"
SAFE_BUTTONS = ({"title": "转人工", "payload": "转人工"},)

_DIGITS = re.compile(
    r"[¥￥]?\s*(\d[\d,，]*(?:\.\d+)?)\s*([十百千万亿]*)((?:\d[百千万])*)\s*(?:元|块|人民币)(?:(\d)角)?(?:(\d)分)?"
    r"|[¥￥]\s*(\d[\d,，]*(?:\.\d+)?)"
)
_HAN_DIGITS = "零〇一二两三四五六七八九壹贰叁肆伍陆柒捌玖"
_HAN = re.compile(
    rf"([{_HAN_DIGITS}十百千万亿点拾佰仟]+)\s*(?:元|圆|块)(?:([{_HAN_DIGITS}])[角毛])?(?:([{_HAN_DIGITS}])分)?(?!钱?吗)"
)
_FORMAL = str.maketrans("壹贰叁肆伍陆柒捌玖拾佰仟〇", "一二三四五六七八九十百千零")
_CELL = re.compile(r"^-?\d[\d,]*\.\d{2}元?$")
_UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10_000, "亿": 100_000_000}


class Unbacked(ValueError):
    """A fact that cannot be recomputed, or must not be used here."""


@dataclass(frozen=True, slots=True)
class GuardContext:
    """What recomputation may look at."""

    session: AsyncSession
    conversation_id: uuid.UUID
    now: datetime
    today: date
    debts: dict[str, Debt] = field(default_factory=dict)
    """Bills already looked up and found to be the taxpayer's own."""


class OutgoingGuard:
    """Checks answers; replaces those that fail and reports each replacement."""

    def __init__(
        self,
        sessions: async_sessionmaker[AsyncSession],
        forbidden: Sequence[re.Pattern[str]],
        article: Callable[[str], Article | None],
        now: Callable[[], datetime],
        today: Callable[[], date],
        report: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._sessions = sessions
        self._forbidden = tuple(forbidden)
        self._article = article
        self._now = now
        self._today = today
        self._report = report

    async def check(self, conversation_id: uuid.UUID, answer: Answer) -> Checked:
        """The answer itself if it holds, else the safe words and the reason."""
        reason = self._phrase(answer) or await self._amounts(conversation_id, answer)
        if reason is None:
            return Checked(answer)
        self._report(reason.split(":")[0])
        return Checked(Answer(SAFE_WORDS, SAFE_BUTTONS), reason)

    def _phrase(self, answer: Answer) -> str | None:
        for text in (answer.text, *_titles(answer), *_texts(answer.custom)):
            for pattern in self._forbidden:
                if pattern.search(text):
                    return f"phrase:{pattern.pattern}"
        return None

    async def _amounts(self, conversation_id: uuid.UUID, answer: Answer) -> str | None:
        said = {a for t in (answer.text, *_titles(answer)) for a in amounts_in(t)}
        said |= {a for t in _texts(answer.custom) for a in amounts_in(t) | cell_amount(t)}
        if not said and not any(f.get("kind") in ("bill", "sum", "money_test") for f in answer.facts):
            return None
        async with self._sessions() as session:
            ctx = GuardContext(session, conversation_id, self._now(), self._today())
            try:
                backed = {a for fact in answer.facts for a in await self._recompute(ctx, fact)}
            except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
                return f"fact:{type(error).__name__} {error}"
        unbacked = said - backed
        return f"amount:{len(unbacked)} of {len(said)} without source" if unbacked else None

    async def _recompute(self, ctx: GuardContext, fact: Mapping[str, Any]) -> set[Decimal]:
        kind = fact["kind"]
        if kind == "bill":
            debt = await self._debt(ctx, fact["bill_id"])
            return bill_amounts(debt, date.fromisoformat(fact["on"]))
        if kind == "sum":
            debts = [await self._debt(ctx, bill_id) for bill_id in fact["bill_ids"]]
            return sum_amounts(debts, date.fromisoformat(fact["on"]))
        if kind == "money_test":
            debt = await self._debt(ctx, fact["bill_id"])
            cash, wages, social = (Decimal(fact[n]) for n in ("cash", "wages", "social_insurance"))
            await self._stated(ctx, {cash, wages, social})
            test = money_test(cash, wages, social, debt.unpaid)
            return {cash, wages, social, debt.unpaid, test.disposable, -test.disposable, test.shortfall}
        if kind == "example":
            principal = Decimal(fact["principal"])
            await self._stated(ctx, {principal})
            return {principal, example(principal, int(fact["days"]), date.fromisoformat(fact["on"])).late_fee}
        if kind == "article":
            article = self._article(str(fact["article_id"]))
            if article is None:
                raise Unbacked("unknown article")
            return amounts_in(article.short) | amounts_in(article.body)
        raise Unbacked(f"unknown kind {kind}")

    async def _debt(self, ctx: GuardContext, bill_id: str) -> Debt:
        if bill_id in ctx.debts:
            return ctx.debts[bill_id]
        who = await proof(ctx.session, ctx.conversation_id, ctx.now)
        debt = await debt_by_id(ctx.session, uuid.UUID(str(bill_id)))
        if who is None or debt is None or debt.taxpayer_id != who.taxpayer_id:
            raise Unbacked("bill without proof of identity")
        ctx.debts[bill_id] = debt
        return debt

    async def _stated(self, ctx: GuardContext, wanted: set[Decimal]) -> None:
        """Raise :class:`Unbacked` unless the taxpayer named every wanted amount, looking at the newest words first."""
        missing = wanted - {Decimal("0.00")}
        if not missing:
            return
        texts = await ctx.session.scalars(
            select(Message.text)
            .where(Message.conversation_id == ctx.conversation_id, Message.sender == "taxpayer")
            .order_by(Message.id.desc())
            .limit(200)
        )
        for text in texts:
            for entity in parse(text, ctx.today):
                if entity.kind in ("amount", "number") and isinstance(entity.value, str):
                    missing.discard(to_fen(Decimal(entity.value)))
            if not missing:
                return
        raise Unbacked("number not given by the taxpayer")


def bill_amounts(debt: Debt, on: date) -> set[Decimal]:
    """Every amount that may be said of one bill as of ``on``."""
    found = {debt.principal, debt.unpaid, debt.principal - debt.unpaid, debt.late_fee_paid}
    found |= {p.amount for p in debt.payments}
    if debt.is_tax:
        result = debt.late_fee(on)
        found |= {result.late_fee, debt.unpaid + result.late_fee - debt.late_fee_paid}
        found |= {segment.base for segment in result.segments} | {segment.fee for segment in result.segments}
    return found


def sum_amounts(debts: Iterable[Debt], on: date) -> set[Decimal]:
    """Sums that may be said of several bills as of ``on``."""
    listed = list(debts)
    unpaid = sum((d.unpaid for d in listed), Decimal("0.00"))
    if not all(d.is_tax for d in listed):
        return {unpaid}
    fees = sum((d.late_fee(on).late_fee for d in listed), Decimal("0.00"))
    return {unpaid, fees, unpaid + fees}


def amounts_in(text: str) -> set[Decimal]:
    """Every amount of money named in ``text``, in yuan."""
    found: set[Decimal] = set()
    for match in _DIGITS.finditer(text):
        number = Decimal(re.sub(r"[,，]", "", match[1] or match[6]))
        for unit in match[2] or "":
            number *= _UNITS[unit]
        for digit, unit in re.findall(r"(\d)([百千万])", match[3] or ""):
            number += int(digit) * _UNITS[unit]
        number += Decimal(match[4] or 0) / 10 + Decimal(match[5] or 0) / 100
        found.add(to_fen(number))
    for match in _HAN.finditer(text):
        try:
            whole = Decimal(str(cn2an.cn2an(match[1].translate(_FORMAL), "smart")))
            dimes, cents = (
                cn2an.cn2an(d.translate(_FORMAL), "smart") if d else 0 for d in (match[2], match[3])
            )
        except ValueError:
            continue
        found.add(to_fen(whole + Decimal(dimes) / 10 + Decimal(cents) / 100))
    return found


def cell_amount(text: str) -> set[Decimal]:
    """The amount a table cell consists of, if it is one."""
    return {to_fen(Decimal(re.sub(r"[,元]", "", text)))} if _CELL.match(text) else set()


def _titles(answer: Answer) -> list[str]:
    return [str(b.get("title", "")) for b in answer.buttons]


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in ("href", "kind"):
                yield from _texts(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from _texts(inner)
