from __future__ import annotations

import pytest

from bot.components.followups import NOT_UNDERSTOOD, Situation, reread, shape_of, shared_table, topic_of

pytestmark = pytest.mark.unit


def read(
    shape: str,
    situation: Situation,
    ranking: dict[str, float] | None = None,
    entities: list[dict[str, object]] | None = None,
) -> str | None:
    return reread(shape, ranking or {"out_of_scope": 0.3}, entities or [], situation, shared_table())


@pytest.mark.parametrize(
    ("said", "topic", "meant"),
    [
        ("多少", "ask_late_fee_amount", "ask_late_fee_amount"),
        ("多少", "ask_balance", "ask_balance"),
        ("多少", "ask_penalty", "ask_penalty"),
        ("那多少钱呢", "ask_late_fee_rule", "ask_late_fee_amount"),
        ("那另外那笔呢", "ask_late_fee_amount", "ask_late_fee_amount"),
        ("那另外那笔呢", "ask_balance", "ask_balance"),
        ("怎么办理", "ask_deferral_eligibility", "apply_deferral"),
        ("怎么办理", "ask_appeal", "ask_appeal"),
        ("要什么材料", "apply_deferral", "ask_deferral_materials"),
        ("要什么材料", "ask_appeal", "ask_appeal"),
        ("要多久", "apply_deferral", "ask_deferral_eligibility"),
        ("要多久", "ask_appeal", "ask_appeal"),
        ("能免吗", "ask_late_fee_amount", "ask_late_fee_rule"),
        ("能免吗", "ask_penalty", "ask_penalty"),
        ("为什么", "ask_late_fee_amount", "ask_late_fee_rule"),
        ("日期交呢", "ask_late_fee_amount", "ask_late_fee_amount"),
        ("在哪交", "ask_balance", "ask_how_to_pay"),
        ("在哪办", "ask_deferral_materials", "apply_deferral"),
    ],
)
def test_the_same_words_mean_another_thing_after_another_topic(said: str, topic: str, meant: str) -> None:
    assert read(said, Situation(topic=topic)) == meant
    assert read(said, Situation()) is None


def test_a_whole_question_is_no_follow_up() -> None:
    assert read("增值税一般纳税人标准是多少", Situation(topic="ask_late_fee_amount")) is None


def test_a_yes_counts_where_one_was_asked_for() -> None:
    doubtful = {"out_of_scope": 0.3, "affirm": 0.25, "deny": 0.1}
    assert read("中中", Situation(asked="promise_confirmed"), doubtful) == "affirm"
    assert read("中中", Situation(asked="promise_date"), doubtful) is None
    assert read("中中", Situation(), doubtful) is None


def test_a_no_counts_where_one_was_asked_for() -> None:
    doubtful = {"out_of_scope": 0.3, "deny": 0.25}
    assert read("毋着", Situation(asked="def_confirmed"), doubtful) == "deny"


def test_a_question_is_no_yes() -> None:
    assert read("可以吗", Situation(asked="promise_confirmed"), {"affirm": 0.5}) is None


@pytest.mark.parametrize(
    ("asked", "kind", "text", "meant"),
    [
        ("def_cash", "amount", "五万", "inform"),
        ("promise_date", "date", "下下周三", "inform"),
        ("verify_identifier", "identity_ref", "三个八叉", "inform"),
        ("promise_date", "amount", "五万", None),
    ],
)
def test_a_value_answers_the_question_that_wants_it(
    asked: str, kind: str, text: str, meant: str | None
) -> None:
    entity = {"entity": kind, "start": 0, "end": len(text)}
    assert read(text, Situation(asked=asked), {"promise_to_pay": 0.6}, [entity]) == meant
    assert read(text, Situation(), {"promise_to_pay": 0.6}, [entity]) is None


def test_a_rejected_value_beside_the_right_one_corrects() -> None:
    entities: list[dict[str, object]] = [
        {"entity": "amount", "start": 2, "end": 4, "negated": True},
        {"entity": "amount", "start": 5, "end": 8},
    ]
    assert read("不是五万四万五", Situation(asked="def_cash"), None, entities) == "correct_answer"


@pytest.mark.parametrize("intent", ["distress", "request_human", "opt_out", "wrong_person"])
def test_what_must_be_heard_is_heard_in_any_situation(intent: str) -> None:
    assert read("多少", Situation(topic="ask_balance"), {intent: 0.7}) is None


def test_a_choice_is_taken_from_what_was_offered() -> None:
    offered = Situation(offered=("ask_balance", "ask_due_date"))
    assert read("第二个", offered) == "ask_due_date"
    assert read("前面那个", offered) == "ask_balance"
    assert read("都不是，我换个说法", offered) == NOT_UNDERSTOOD
    assert read("第二个", Situation()) is None
    assert read("对", Situation(offered=("ask_balance",)), {"affirm": 0.9}) == "ask_balance"
    assert read("对", offered, {"affirm": 0.9}) is None


def test_passing_words_leave_the_topic() -> None:
    assert topic_of(["ask_late_fee_amount", "affirm", "repeat", "thank"]) == "ask_late_fee_amount"
    assert topic_of(["greet", "affirm"]) is None


def test_days_are_replaced_by_a_word_that_patterns_know() -> None:
    entities: list[dict[str, object]] = [{"entity": "date", "start": 1, "end": 3}]
    assert shape_of("那月底呢", entities) == "那日期呢"
