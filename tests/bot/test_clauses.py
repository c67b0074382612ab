from __future__ import annotations

from datetime import date

import pytest

from bot.components.clauses import Reading, combine, split, worth_reading
from bot.components.tense import days_of, is_paid

pytestmark = pytest.mark.unit


def reading(spoken: str) -> Reading:
    intent, _, confidence = spoken.partition(" ")
    return Reading(intent, float(confidence or 0.95))


def counted(whole: str, *clauses: tuple[str, str]) -> tuple[str, list[str]]:
    primary, counting = combine(
        reading(whole),
        [reading(spoken) for _, spoken in clauses],
        [text for text, _ in clauses],
        certain=0.85,
        costly={"opt_out"},
    )
    return primary.intent, [each.intent for each in counting]


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("不用延了，下午就去付", ["不用延了", "下午就去付"]),
        ("先查余额然后算滞纳金", ["先查余额", "算滞纳金"]),
        ("对，滞纳金怎么算？", ["对", "滞纳金怎么算"]),
        ("我欠多少", []),
        ("我欠多少？", []),
        ("，。！", []),
        ("", []),
    ],
)
def test_split(text: str, clauses: list[str]) -> None:
    assert split(text) == clauses


def test_split_is_bounded() -> None:
    assert len(split("我欠多少，" * 1000)) <= 5


def test_a_short_no_counts_before_what_follows() -> None:
    assert counted("promise_to_pay", ("不用延了", "deny"), ("下午就去付", "promise_to_pay")) == (
        "promise_to_pay",
        ["deny", "promise_to_pay"],
    )


def test_a_no_that_belongs_to_the_correction_does_not_count() -> None:
    assert counted("correct_answer", ("不对不对", "deny"), ("是三个月", "inform")) == (
        "correct_answer",
        ["correct_answer"],
    )
    assert counted("ask_balance", ("不是要赖", "deny"), ("欠多少", "ask_balance")) == (
        "ask_balance",
        ["ask_balance"],
    )


def test_a_yes_counts_before_a_question_only() -> None:
    assert counted("ask_late_fee_rule", ("对", "affirm"), ("滞纳金怎么算", "ask_late_fee_rule"))[1] == [
        "affirm",
        "ask_late_fee_rule",
    ]
    assert counted("apply_deferral", ("好", "affirm"), ("那就办延期", "apply_deferral"))[1] == [
        "apply_deferral"
    ]


def test_greetings_never_count_and_never_lead() -> None:
    assert counted("greet", ("你好", "greet"), ("我欠多少", "ask_balance")) == (
        "ask_balance",
        ["ask_balance"],
    )
    assert counted("thank", ("谢谢", "thank"), ("再见", "goodbye")) == ("thank", ["thank"])


def test_two_questions_count_in_the_order_they_were_asked() -> None:
    assert counted("ask_how_to_pay", ("我欠多少", "ask_balance"), ("怎么交", "ask_how_to_pay")) == (
        "ask_how_to_pay",
        ["ask_balance", "ask_how_to_pay"],
    )


def test_a_lead_up_is_no_question() -> None:
    assert counted("ask_enforcement", ("公司欠税", "ask_balance"), ("法人会被限制出境吗", "ask_enforcement"))[
        1
    ] == ["ask_enforcement"]


def test_an_unsure_clause_is_not_heard() -> None:
    assert counted("ask_how_to_pay", ("我欠多少", "ask_balance 0.8"), ("怎么交", "ask_how_to_pay"))[1] == [
        "ask_how_to_pay"
    ]


def test_the_last_sure_clause_decides_where_the_whole_is_doubtful() -> None:
    clauses = (("上次付了一部分", "claim_already_paid"), ("余额多少", "ask_balance"))
    assert counted("claim_already_paid 0.4", *clauses)[0] == "ask_balance"
    assert counted("claim_already_paid 0.9", *clauses)[0] == "claim_already_paid"


def test_a_costly_intent_is_never_brought_in_by_a_clause() -> None:
    assert (
        counted("request_human 0.5", ("我想跟人说", "request_human"), ("别拿程序打发我", "opt_out"))[0]
        == "request_human"
    )


@pytest.mark.parametrize(
    ("text", "days", "paid"),
    [
        ("我上周五就交过了", ["2026-11-20"], True),
        ("上月20号就缴了税款了", ["2026-10-20"], True),
        ("昨天转过去了", ["2026-11-22"], True),
        ("11月3号就交", ["2026-11-03"], False),
        ("明天就交了", ["2026-11-24"], False),
        ("昨天说明天交了就行", ["2026-11-22", "2026-11-24"], False),
        ("交过了", [], False),
        ("昨天交了吗", ["2026-11-22"], False),
    ],
)
def test_paid_or_promised(text: str, days: list[str], paid: bool) -> None:
    entities = [{"entity": "date", "value": day} for day in days]
    rejected = [{"entity": "date", "value": "2026-12-01", "negated": True}, {"entity": "date", "value": None}]
    assert is_paid(text, days_of([*entities, *rejected]), date(2026, 11, 23)) is paid


@pytest.mark.parametrize(
    ("whole", "glances", "texts", "worth"),
    [
        ("ask_balance", ["ask_balance", "thank"], ["帮我查查欠多少", "麻烦了"], [False, False]),
        ("ask_late_fee_rule", ["affirm", "ask_late_fee_rule"], ["对", "滞纳金怎么算"], [True, False]),
        ("promise_to_pay", ["deny", "promise_to_pay"], ["不用延了", "下午就去付"], [True, False]),
        ("ask_balance", ["complain", "out_of_scope"], ["你们态度太差", "今天真冷"], [True, False]),
        ("ask_balance", ["ask_due_date", "ask_balance"], ["我都老了", "欠多少"], [False, False]),
        ("ask_balance 0.4", ["ask_due_date", "cash_difficulty"], ["我都老了", "没钱"], [True, True]),
        ("greet", ["greet", "ask_balance"], ["你好", "欠多少"], [False, True]),
    ],
)
def test_clauses_that_change_nothing_are_not_read(
    whole: str, glances: list[str], texts: list[str], worth: list[bool]
) -> None:
    assert worth_reading(reading(whole), glances, texts) == worth
