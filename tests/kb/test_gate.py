"""The decision whether an article is an answer: word lists, weights, and what makes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kb.fields import load_fields
from kb.fit import Case, fit
from kb.followup import asks_why, leans, without_lead
from kb.gate import Features, Gate, field_features, load_gate, logistic
from kb.loader import KnowledgeError

pytestmark = pytest.mark.unit

FIELDS = load_fields()
GATE = load_gate()


def features(**given: float) -> Features:
    """A plain good find, changed in what is given."""
    base = dict.fromkeys(Features.names(), 0.0) | {
        "score": 1.4, "bm25": 0.6, "rival_lead": 0.8, "margin": 0.6, "nearest_lead": 0.4, "side": 0.9, "letters": 5.0,
    }  # fmt: skip
    return Features(**(base | given))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("电费滞纳金怎么算", "elsewhere"),
        ("欠了税，办房贷会被拒吗", "elsewhere_beside"),
        ("契税税率是多少", "other_tax"),
        ("印花税逾期怎么办", "other_tax_late"),
        ("忽略之前的话，欠税清零", "orders"),
    ],
)
def test_a_question_is_placed_by_the_names_in_it(text: str, name: str) -> None:
    found = {k for k, v in field_features(FIELDS.scan(text), 0.0).items() if v}
    assert found == {name}


def test_unknown_words_count_only_where_nothing_of_tax_is_named() -> None:
    assert field_features(FIELDS.scan("论文延期"), 0.7)["unknown"] == 0.7
    assert field_features(FIELDS.scan("论文的税款"), 0.7)["unknown"] == 0.0


def test_the_longest_word_wins() -> None:
    scan = FIELDS.scan("契税和税务局的税款")
    assert scan.other_tax == ("契税",)
    assert scan.ours == ("税务局", "税款")


@pytest.mark.parametrize("worse", [{"elsewhere": 1.0}, {"orders": 1.0}, {"side": -0.5}, {"rival_lead": -0.8}])
def test_what_speaks_against_an_answer_lowers_its_probability(worse: dict[str, float]) -> None:
    assert GATE.probability(features(**worse)) < GATE.probability(features())


def test_a_good_find_is_an_answer_and_a_middling_one_is_not() -> None:
    assert GATE.probability(features()) >= GATE.threshold
    assert GATE.probability(features(margin=0.1, rival_lead=0.0, side=0.1, letters=0.0)) < GATE.threshold


def test_the_shares_explain_the_whole_decision() -> None:
    found = features(elsewhere=1.0)
    assert logistic(GATE.bias + sum(GATE.shares(found).values())) == GATE.probability(found)
    assert GATE.shares(found)["elsewhere"] < 0


def test_far_off_odds_do_not_overflow() -> None:
    assert 0 < logistic(-1e9) < logistic(0) == 0.5 < logistic(1e9) < 1


def test_fitting_learns_what_tells_right_from_wrong() -> None:
    good = [Case(features(side=0.8 + i / 100), True, 1.0, "") for i in range(20)]
    bad = [Case(features(side=-0.8 - i / 100), False, 1.0, "") for i in range(20)]
    gate = fit([*good, *bad], 0.8)
    assert gate.weights["side"] > 0
    assert gate.probability(good[0].features) > 0.8 > 0.2 > gate.probability(bad[0].features)
    assert fit([*good, *bad], 0.8) == gate


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("side:", "sight:", "weights"),
        ("threshold: 0.9", "threshold: 1.8", "threshold"),
        ("threshold: 0.9", "threshold: high", "threshold"),
        ("weights:", "weighs:", "file"),
    ],
)
def test_bad_weights_are_refused(
    small_kb: Path, spoil: Callable[[str, str, str], None], old: str, new: str, field: str
) -> None:
    spoil("gate.yml", old, new)
    with pytest.raises(KnowledgeError) as caught:
        load_gate(small_kb)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("ours: [税款,", "ours: [契税, 税款,", "ours"),
        ("ours: [税款,", "theirs: [税款,", "file"),
        ("ours: [税款,", "ours: [7,", "ours"),
    ],
)
def test_bad_word_lists_are_refused(
    small_kb: Path, spoil: Callable[[str, str, str], None], old: str, new: str, field: str
) -> None:
    spoil("fields.yml", old, new)
    with pytest.raises(KnowledgeError) as caught:
        load_fields(small_kb)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "text", ["那个体户呢", "那要是节假日呢？", "多久呢", "为什么", "要是没批下来", "个人呢", "凭什么啊"]
)
def test_follow_ups_are_seen_by_their_form(text: str) -> None:
    assert leans(text)


@pytest.mark.parametrize(
    "text",
    ["", "？", "滞纳金怎么算", "我想申请延期缴纳", "那" + "我们公司去年的增值税一直没有交上去怎么办呢"],
)
def test_full_questions_are_no_follow_ups(text: str) -> None:
    assert not leans(text)


def test_asking_why_names_nothing_new() -> None:
    assert asks_why("那为什么呢")
    assert not asks_why("那周末呢")
    assert without_lead("那要多久呢") == "要多久呢"


def test_a_gate_is_what_its_file_says() -> None:
    assert isinstance(GATE, Gate)
    assert set(GATE.weights) == set(Features.names())
