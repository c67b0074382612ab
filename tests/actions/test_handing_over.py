"""What goes to a human, why, and how the line is spoken of."""

from __future__ import annotations

import uuid
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from actions.core import Context, Turn
from actions.handoff import queue_words
from actions.quoting import REASONS
from actions.screening import LEADS, beyond
from handoff.entry import Place
from handoff.office import STANDARD
from handoff.reasons import Reason
from kb.loader import load_articles

pytestmark = pytest.mark.unit
AT = datetime(2026, 11, 23, 10, tzinfo=ZoneInfo("Asia/Shanghai"))
NUMBER = "RG2026-000001"


def turn(text: str, intent: str = "ask_policy_other", *, phone: bool = False) -> Turn:
    return Turn(uuid.uuid4(), text, intent, 0.99, (intent,), (), {}, None, phone=phone)


@pytest.mark.parametrize(
    ("text", "intent", "reason"),
    [
        ("公司破产了税怎么办", "ask_policy_other", Reason.BANKRUPTCY),
        ("账户被冻结了怎么办", "ask_enforcement", Reason.ENFORCEMENT),
        ("会不会冻结账户", "ask_enforcement", None),
        ("不交税会坐牢吗", "ask_penalty", Reason.CRIMINAL),
        ("我要复议，帮我写", "ask_appeal", Reason.APPEAL),
        ("复议多少天内提", "ask_appeal", None),
        ("是你们系统出错", "ask_late_fee_rule", Reason.AUTHORITY_FAULT),
        ("台风把厂房淹了，交不上税", "cash_difficulty", Reason.FORCE_MAJEURE),
        ("地震了，我要延期", "apply_deferral", Reason.FORCE_MAJEURE),
        ("台风把厂房淹了，交不上税", "inform", Reason.FORCE_MAJEURE),
        ("上个月停电了", "inform", None),
        ("疫情时的缓税政策还有吗", "ask_deferral_eligibility", None),
        ("社保费的滞纳金怎么算", "ask_late_fee_rule", Reason.SOCIAL_INSURANCE),
        ("欠了社保会罚吗", "ask_penalty", Reason.SOCIAL_INSURANCE),
        ("发完工资交完社保就不够缴税了", "cash_difficulty", None),
        ("社保扣完还剩三万", "inform", None),
        ("几笔税先缴哪一笔", "ask_balance", Reason.SEVERAL_DEBTS),
        ("我有几笔欠税", "ask_balance", None),
        ("两笔税的税款和滞纳金先缴哪个", "ask_late_fee_rule", None),
        ("滞纳金怎么算", "ask_late_fee_rule", None),
    ],
)
def test_what_a_bot_may_not_judge_is_known_by_its_reason(
    text: str, intent: str, reason: Reason | None
) -> None:
    assert beyond(turn(text, intent)) is reason
    assert reason is None or reason in LEADS


def test_every_article_that_needs_a_human_says_why_or_needs_a_judgement() -> None:
    articles = {a.id: a for a in load_articles(Path("kb"))}
    assert all(articles[name].handoff for name in REASONS)
    rest = {a.id for a in articles.values() if a.handoff} - set(REASONS)
    assert rest == {
        "deferral-again",
        "distress",
        "exit-restriction",
        "fine-unpaid",
        "instalments",
        "old-arrears",
    }


@pytest.mark.parametrize("phone", [False, True])
@pytest.mark.parametrize(
    ("place", "has", "lacks"),
    [
        (Place(NUMBER, 0, True, True, 2, None, STANDARD), ["排在最前面", "说不准"], ["不在人工服务时间"]),
        (Place(NUMBER, 3, True, True, 2, 7, STANDARD), ["前面还有3位", "大约要等7分钟"], ["说不准"]),
        (
            Place(NUMBER, 3, True, True, 0, None, STANDARD),
            ["都不在线", "说不准", "回电"],
            ["不在人工服务时间"],
        ),
        (Place(NUMBER, 3, True, False, 0, None, STANDARD), ["不在人工服务时间", "工作日9点到12点"], ["大约"]),
        (Place(NUMBER, 3, False, True, 2, 7, STANDARD), ["已经在排队", "前面还有3位"], ["不在人工服务时间"]),
        (Place(NUMBER, 0, False, False, 0, None, STANDARD), ["已经在排队", "不在人工服务时间"], ["大约"]),
        (Place(NUMBER, 0, False, True, 1, None, STANDARD, with_agent=True), ["坐席接待"], ["排在", "前面"]),
    ],
)
def test_the_line_is_told_as_it_is(place: Place, has: list[str], lacks: list[str], phone: bool) -> None:
    nothing: Any = None
    words = queue_words(place, Context(turn("转人工", phone=phone), nothing, nothing, AT, AT.date()))
    assert all(part in words for part in has)
    assert not any(part in words for part in (*lacks, "马上", "很快"))
    assert (NUMBER in words) is not phone
    assert len(words) <= 80
