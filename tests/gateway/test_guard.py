"""Nothing leaves unchecked: forbidden phrases, amounts without a source, other people's bills."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from sqlalchemy import select

from actions.phrases import yuan
from chat import threads
from chat.ports import Answer, Checked
from gateway.guard import SAFE_WORDS, OutgoingGuard, amounts_in, cell_amount
from kb.check import load_forbidden
from kb.loader import load_articles
from store.debts import Debt, debt_by_id
from store.engine import SessionFactory
from store.models import Bill, Conversation, Taxpayer, Verification
from store.personas import by_key
from tests.chat.database import CIPHER
from tests.support.stack import TODAY

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, 10, 30, tzinfo=ZoneInfo("Asia/Shanghai"))
ARTICLES = {article.id: article for article in load_articles()}
D = Decimal


class Desk:
    """A guard over the fictional taxpayers, and conversations that have shown who they are, or not."""

    def __init__(self, sessions: SessionFactory) -> None:
        self.sessions = sessions
        self.reported: list[str] = []
        self.guard = OutgoingGuard(
            sessions, load_forbidden(), ARTICLES.get, lambda: NOW, lambda: TODAY, self.reported.append
        )

    async def talk(self, persona: str | None, valid_for: timedelta = timedelta(minutes=30)) -> uuid.UUID:
        """A conversation, verified as ``persona`` unless that is ``None``."""
        conversation = Conversation(id=uuid.uuid4(), channel="web")
        async with self.sessions() as session, session.begin():
            session.add(conversation)
            await session.flush()
            if persona is not None:
                session.add(
                    Verification(
                        id=uuid.uuid4(),
                        conversation_id=conversation.id,
                        taxpayer_id=await session.scalar(
                            select(Taxpayer.id).where(Taxpayer.name == by_key(persona).name)
                        ),
                        state="verified",
                        verified_at=NOW,
                        valid_until=NOW + valid_for,
                    )
                )
        return conversation.id

    async def debts(self, persona: str) -> list[Debt]:
        async with self.sessions() as session:
            ids = await session.scalars(
                select(Bill.id)
                .join(Taxpayer)
                .where(Taxpayer.name == by_key(persona).name)
                .order_by(Bill.bill_no)
            )
            found = [await debt_by_id(session, bill) for bill in ids]
        return [debt for debt in found if debt is not None]

    async def says(self, conversation: uuid.UUID, text: str) -> None:
        async with self.sessions() as session, session.begin():
            await threads.accept(session, CIPHER, conversation, text, None, TODAY)

    async def check(
        self, conversation: uuid.UUID, text: str, *facts: dict[str, Any], custom: Any = None, **rest: Any
    ) -> Checked:
        return await self.guard.check(conversation, Answer(text, custom=custom, facts=tuple(facts), **rest))

    async def passes(self, *args: Any, **more: Any) -> None:
        checked = await self.check(*args, **more)
        assert checked.replaced_because is None
        assert checked.answer.text == args[1]

    async def stops(self, reason: str, *args: Any, **more: Any) -> None:
        before = len(self.reported)
        checked = await self.check(*args, **more)
        assert checked.replaced_because is not None and checked.replaced_because.startswith(reason)
        assert checked.answer.text == SAFE_WORDS
        assert checked.answer.buttons and checked.answer.custom is None and not checked.answer.facts
        assert self.reported[before:] == [reason]


@pytest_asyncio.fixture
async def desk(sessions: SessionFactory) -> Desk:
    return Desk(sessions)


def bill(debt: Debt, on: date = TODAY) -> dict[str, Any]:
    return {"kind": "bill", "bill_id": str(debt.bill_id), "on": on.isoformat()}


# --- words ----------------------------------------------------------------------------------------------------------

FORBIDDEN = [
    "请尽快缴纳，否则要处罚。",
    "不缴的话后果自负。",
    "会冻结您的账户。",
    "我们会抓您的。",
    "您必须今天缴。",
    "您这个肯定批。",
    "材料齐就一定通过。",
    "帮您免滞纳金。",
    "给您宽限三天。",
    "没事，放心，肯定不罚。",
    "请把验证码告诉我。",
    "请点击下面的链接。",
]


@pytest.mark.parametrize("text", FORBIDDEN)
async def test_forbidden_phrases_are_replaced(desk: Desk, text: str) -> None:
    await desk.stops("phrase", await desk.talk(None), text)


async def test_forbidden_phrases_hide_nowhere(desk: Desk) -> None:
    talk = await desk.talk(None)
    await desk.stops("phrase", talk, "好的。", buttons=({"title": "否则处罚", "payload": "x"},))
    for custom in (
        {"kind": "late_fee_table", "title": "后果自负", "rows": []},
        {"kind": "group", "items": [{"kind": "citations", "items": ["包批"]}]},
        {"kind": "links", "links": [{"title": "黑名单", "href": "/x"}]},
    ):
        await desk.stops("phrase", talk, "好的。", custom=custom)


@pytest.mark.parametrize(
    "text",
    [
        "滞纳金不能免除，也没有宽限期。",
        "申请由税务机关审核决定，我不能替它答应。",
        "在期限当天或之前缴，都不产生滞纳金。",
        "第32条规定，每天万分之五。",
        "2026年12月15日之前都可以，还有22天。",
        "验证码5分钟内有效。",
    ],
)
async def test_plain_words_days_and_rates_pass_without_a_source(desk: Desk, text: str) -> None:
    await desk.passes(await desk.talk(None), text)


# --- own bills ------------------------------------------------------------------------------------------------------


async def test_a_recomputed_late_fee_passes_and_one_fen_more_does_not(desk: Desk) -> None:
    (debt,) = await desk.debts("overdue_company")
    talk = await desk.talk("overdue_company")
    fee = debt.late_fee(TODAY).late_fee
    assert fee == D("175.00"), "12500.30 × 28 days × 0.05 %"
    words = "滞纳金{}，加上未缴税款{}，一共{}。"
    right = (yuan(fee), yuan(debt.unpaid), yuan(debt.unpaid + fee))
    await desk.passes(talk, words.format(*right), bill(debt))
    for place in range(3):
        for wrong in (D("0.01"), D("-0.01")):
            told = [fee, debt.unpaid, debt.unpaid + fee]
            told[place] += wrong
            await desk.stops("amount", talk, words.format(*map(yuan, told)), bill(debt))


async def test_the_day_of_the_source_counts(desk: Desk) -> None:
    (debt,) = await desk.debts("overdue_company")
    talk = await desk.talk("overdue_company")
    later = date(2026, 11, 30)
    text = f"如果11月30日缴，滞纳金{yuan(debt.late_fee(later).late_fee)}。"
    await desk.passes(talk, text, bill(debt, later))
    await desk.stops("amount", talk, text, bill(debt))


async def test_an_amount_without_any_source_is_replaced(desk: Desk) -> None:
    await desk.stops("amount", await desk.talk("overdue_company"), "您欠12500.30元。")


async def test_one_unbacked_amount_among_backed_ones_is_enough(desk: Desk) -> None:
    (debt,) = await desk.debts("overdue_company")
    await desk.stops(
        "amount", await desk.talk("overdue_company"), f"税款{yuan(debt.unpaid)}，手续费50元。", bill(debt)
    )


async def test_somebody_elses_bill_is_refused(desk: Desk) -> None:
    (theirs,) = await desk.debts("overdue_company")
    talk = await desk.talk("not_due_company")
    await desk.stops("fact", talk, f"税款{yuan(theirs.unpaid)}。", bill(theirs))
    (mine,) = await desk.debts("not_due_company")
    await desk.stops("fact", talk, f"税款{yuan(mine.unpaid)}。", bill(mine), bill(theirs))


async def test_without_proof_nothing_of_a_bill_is_said(desk: Desk) -> None:
    (debt,) = await desk.debts("overdue_company")
    text = f"税款{yuan(debt.unpaid)}。"
    await desk.stops("fact", await desk.talk(None), text, bill(debt))
    for run_out in (timedelta(0), timedelta(seconds=-1)):
        await desk.stops("fact", await desk.talk("overdue_company", run_out), text, bill(debt))
    await desk.passes(await desk.talk("overdue_company", timedelta(seconds=1)), text, bill(debt))


async def test_a_bill_named_as_source_needs_proof_even_when_no_amount_is_said(desk: Desk) -> None:
    (debt,) = await desk.debts("overdue_company")
    await desk.stops("fact", await desk.talk(None), "您有一笔逾期。", bill(debt))


@pytest.mark.parametrize(
    "fact",
    [
        {"kind": "bill", "bill_id": str(uuid.uuid4()), "on": "2026-11-23"},
        {"kind": "bill", "bill_id": "nonsense", "on": "2026-11-23"},
        {"kind": "bill", "bill_id": None, "on": None},
        {"kind": "bill"},
        {"kind": "invented", "amount": "12500.30"},
        {"amount": "12500.30"},
        {"kind": "sum", "bill_ids": None, "on": "2026-11-23"},
        {"kind": "example", "principal": "12500.30", "days": None, "on": "2026-11-23"},
        {"kind": "article", "article_id": "no-such-article"},
    ],
)
async def test_a_malformed_or_invented_source_is_no_source(desk: Desk, fact: dict[str, Any]) -> None:
    await desk.stops("fact", await desk.talk("overdue_company"), "您欠12500.30元。", fact)


async def test_partly_paid_bills_may_name_what_was_paid_and_what_is_left(desk: Desk) -> None:
    (debt,) = await desk.debts("partly_paid")
    talk = await desk.talk("partly_paid")
    await desk.passes(talk, "原额100,000.00元，已缴30000元，还差7万元。", bill(debt))
    await desk.stops("amount", talk, "还差69999.99元。", bill(debt))


async def test_sums_of_several_bills(desk: Desk) -> None:
    debts = await desk.debts("two_bills")
    talk = await desk.talk("two_bills")
    fees = sum((d.late_fee(TODAY).late_fee for d in debts), D(0))
    total = {"kind": "sum", "bill_ids": [str(d.bill_id) for d in debts], "on": TODAY.isoformat()}
    await desk.passes(talk, f"合计{yuan(fees)}，连税款{yuan(fees + D(12840))}。", total)
    await desk.stops("amount", talk, f"合计{yuan(fees)}。", {**total, "bill_ids": total["bill_ids"][:1]})
    (theirs,) = await desk.debts("overdue_company")
    mixed = {**total, "bill_ids": [*total["bill_ids"], str(theirs.bill_id)]}
    await desk.stops("fact", talk, f"合计{yuan(fees)}。", mixed)


async def test_social_insurance_may_be_named_but_gets_no_fee(desk: Desk) -> None:
    (debt,) = await desk.debts("social")
    talk = await desk.talk("social")
    await desk.passes(talk, "社会保险费2460.00元。", bill(debt))
    await desk.stops("amount", talk, "滞纳金8.61元。", bill(debt))


# --- tables and numerals --------------------------------------------------------------------------------------------


async def test_amounts_in_tables_are_checked_cell_by_cell(desk: Desk) -> None:
    (debt,) = await desk.debts("partly_paid")
    talk = await desk.talk("partly_paid")
    result = debt.late_fee(TODAY)
    rows = [[str(s.base), str(s.fee)] for s in result.segments]
    table = {"kind": "late_fee_table", "columns": ["计算基数", "滞纳金"], "rows": rows, "total": f"合计{yuan(result.late_fee)}"}  # fmt: skip
    group = {"kind": "group", "items": [table]}
    assert len(rows) == 2
    await desk.passes(talk, "明细如下。", bill(debt), custom=group)
    await desk.stops("amount", talk, "明细如下。", custom=group)
    for at, column in ((0, 0), (1, 1)):
        wrong = [list(row) for row in rows]
        wrong[at][column] = str(D(wrong[at][column]) + D("0.01"))
        broken = {"kind": "group", "items": [{**table, "rows": wrong}]}
        await desk.stops("amount", talk, "明细如下。", bill(debt), custom=broken)
    total = {"kind": "group", "items": [{**table, "total": f"合计{yuan(result.late_fee + 1)}"}]}
    await desk.stops("amount", talk, "明细如下。", bill(debt), custom=total)


@pytest.mark.parametrize(
    "said", ["八万元", "8万元", "80,000.00元", "¥80000", "捌万圆", "八万块", "80000 元", "八万元整"]
)
async def test_however_an_amount_is_written_it_is_the_same_amount(desk: Desk, said: str) -> None:
    (debt,) = await desk.debts("not_due_company")
    talk = await desk.talk("not_due_company")
    await desk.passes(talk, f"税款{said}。", bill(debt))
    await desk.stops("amount", talk, f"税款{said}。")


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("12500.30元", ["12500.30"]),
        ("1,234,567.89 元和50块", ["1234567.89", "50.00"]),
        ("3.5万元", ["35000.00"]),
        ("1.2亿元", ["120000000.00"]),
        ("5千元", ["5000.00"]),
        ("3千5百元", ["3500.00"]),
        ("12元5角3分", ["12.53"]),
        ("￥1234.56", ["1234.56"]),
        ("三万五千六百元", ["35600.00"]),
        ("一百零二元五角", ["102.50"]),
        ("壹万贰仟元", ["12000.00"]),
        ("两万块钱", ["20000.00"]),
        ("500人民币", ["500.00"]),
        ("１２元", ["12.00"]),
        ("二十日内，三个月，20天，第32条，2026年11月23日，12366", []),
        ("几块钱，多少元，几万元", []),
    ],
)  # fmt: skip
def test_amounts_found_in_a_text(text: str, amounts: list[str]) -> None:
    assert amounts_in(text) == {D(a) for a in amounts}


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("12,500.30", {D("12500.30")}),
        ("175.00元", {D("175.00")}),
        ("28", set()),
        ("0.05%", set()),
        ("", set()),
    ],
)
def test_a_cell_is_an_amount_when_it_is_nothing_else(cell: str, found: set[Decimal]) -> None:
    assert cell_amount(cell) == found


async def test_an_amount_on_a_button_needs_a_source_too(desk: Desk) -> None:
    (debt,) = await desk.debts("not_due_company")
    talk = await desk.talk("not_due_company")
    button = ({"title": "缴80000元", "payload": "怎么缴税"},)
    await desk.stops("amount", talk, "怎么缴？", buttons=button)
    await desk.passes(talk, "怎么缴？", bill(debt), buttons=button)


# --- the taxpayer's own numbers and the articles ---------------------------------------------------------------------

Say = Callable[[str], Awaitable[None]]


def money_test(debt: Debt, cash: str, wages: str, social: str) -> dict[str, Any]:
    return {
        "kind": "money_test", "bill_id": str(debt.bill_id),
        "cash": cash, "wages": wages, "social_insurance": social,
    }  # fmt: skip


async def test_numbers_the_taxpayer_gave_may_be_said_back(desk: Desk) -> None:
    (debt,) = await desk.debts("not_due_company")
    talk = await desk.talk("not_due_company")
    fact = money_test(debt, "120000.00", "60000.00", "15000.00")
    text = "120000.00元减60000.00元减15000.00元，剩45000.00元，不够缴80000.00元，差35000.00元。"
    await desk.stops("fact", talk, text, fact)
    for words in ("账上大概十二万", "工资6万", "社保一万五"):
        await desk.says(talk, words)
    await desk.passes(talk, text, fact)
    await desk.stops("amount", talk, text.replace("差35000", "差35001"), fact)
    await desk.stops("fact", talk, text, money_test(debt, "120000.01", "60000.00", "15000.00"))


async def test_nothing_counts_as_said_by_the_taxpayer_and_zero_needs_no_saying(desk: Desk) -> None:
    (debt,) = await desk.debts("not_due_company")
    talk = await desk.talk("not_due_company")
    await desk.says(talk, "账上三万五")
    await desk.passes(talk, "35000.00元，工资0.00元。", money_test(debt, "35000.00", "0.00", "0.00"))


async def test_what_somebody_else_said_elsewhere_does_not_count(desk: Desk) -> None:
    (debt,) = await desk.debts("not_due_company")
    mine, other = await desk.talk("not_due_company"), await desk.talk("not_due_company")
    await desk.says(other, "账上三万五")
    await desk.stops("fact", mine, "35000.00元。", money_test(debt, "35000.00", "0.00", "0.00"))


async def test_what_the_bot_said_does_not_count(desk: Desk) -> None:
    (debt,) = await desk.debts("not_due_company")
    talk = await desk.talk("not_due_company")
    async with desk.sessions() as session, session.begin():
        await threads.note(session, talk, "35000.00元")
    await desk.stops("fact", talk, "35000.00元。", money_test(debt, "35000.00", "0.00", "0.00"))


async def test_the_money_test_of_somebody_elses_bill_is_refused(desk: Desk) -> None:
    (theirs,) = await desk.debts("not_due_sole_trader")
    talk = await desk.talk("not_due_company")
    await desk.says(talk, "账上三万五")
    await desk.stops("fact", talk, "35000.00元。", money_test(theirs, "35000.00", "0.00", "0.00"))


async def test_an_example_on_the_taxpayers_own_sum_needs_no_proof(desk: Desk) -> None:
    talk = await desk.talk(None)
    fact = {"kind": "example", "principal": "10000.00", "days": 30, "on": TODAY.isoformat()}
    text = "税款10000.00元，晚30天，滞纳金就是150.00元。"
    await desk.stops("fact", talk, text, fact)
    await desk.says(talk, "欠一万块晚30天多少滞纳金")
    await desk.passes(talk, text, fact)
    await desk.stops("amount", talk, text.replace("150.00", "150.01"), fact)


async def test_amounts_of_an_article_are_backed_by_that_article_only(desk: Desk) -> None:
    article, amounts = next((a, found) for a in ARTICLES.values() if (found := amounts_in(a.short + a.body)))
    other = next(a for a in ARTICLES.values() if not amounts_in(a.short + a.body))
    talk = await desk.talk(None)
    text = "例子里是" + "、".join(yuan(a) for a in sorted(amounts)) + "。"
    await desk.passes(talk, text, {"kind": "article", "article_id": article.id})
    await desk.stops("amount", talk, text, {"kind": "article", "article_id": other.id})
    await desk.stops("amount", talk, text)


@pytest.mark.parametrize("article", ARTICLES.values(), ids=ARTICLES.keys())
async def test_every_article_may_be_quoted_whole(desk: Desk, article: Any) -> None:
    fact = {"kind": "article", "article_id": article.id}
    conversation = uuid.uuid4()
    for text in (article.short, article.body):
        assert (await desk.check(conversation, text, fact)).replaced_because is None
