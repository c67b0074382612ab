from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.plan import Tier
from outreach.risk import INDICATORS, RiskRules, RiskRulesError, load_rules, score
from outreach.terms import Indicators

pytestmark = pytest.mark.unit

RULES = load_rules()
NEW = Indicators(
    unpaid=Decimal("3600.00"),
    overdue_before=0,
    longest_overdue=0,
    promises_broken=0,
    promises_kept=0,
    disputes_open=0,
    reachable=False,
    unanswered=0,
    first_time=True,
    deferred_before=False,
)
REPEATED = replace(NEW, overdue_before=4, longest_overdue=40, promises_broken=1, first_time=False)
ANY = st.builds(
    Indicators,
    unpaid=st.decimals(Decimal("0.01"), Decimal("1e9"), places=2),
    overdue_before=st.integers(0, 30),
    longest_overdue=st.integers(0, 2000),
    promises_broken=st.integers(0, 5),
    promises_kept=st.integers(0, 5),
    disputes_open=st.integers(0, 3),
    reachable=st.booleans(),
    unanswered=st.integers(0, 12),
    first_time=st.booleans(),
    deferred_before=st.booleans(),
)


def test_every_indicator_has_points_and_every_reason_its_words() -> None:
    assert set(RULES.indicators) == set(INDICATORS)
    found = score(REPEATED, RULES)
    assert [(each.indicator, each.value, each.points, each.words) for each in found.reasons] == [
        ("overdue_before", "4", 30, "近两年屡次逾期，共4次"),
        ("longest_overdue", "40", 10, "最长一次逾期40天"),
        ("promises_broken", "1", 15, "有过1次承诺后未缴款"),
    ]
    assert (found.points, found.tier) == (55, Tier.HIGH)


def test_whoever_is_new_and_owes_little_is_in_the_low_tier() -> None:
    found = score(NEW, RULES)
    assert found.tier is Tier.LOW
    assert [each.words for each in found.reasons] == ["此前从未逾期"]


def test_a_first_lateness_with_a_large_sum_is_in_the_middle_tier_at_most() -> None:
    owes = replace(NEW, unpaid=Decimal("5000000.00"))
    assert score(owes, RULES).tier is Tier.MIDDLE


def test_many_points_without_a_deliberate_sign_are_the_middle_tier_and_it_says_so() -> None:
    once_more = replace(
        NEW, unpaid=Decimal("9000000.00"), overdue_before=2, longest_overdue=100, first_time=False
    )
    found = score(once_more, RULES)
    assert (found.points, found.tier) == (65, Tier.MIDDLE)
    assert found.reasons[-1].words == "没有屡次逾期或屡次失约的情形，不列入高等级"
    assert score(replace(once_more, overdue_before=3), RULES).tier is Tier.HIGH


@settings(deadline=None)
@given(st.decimals(Decimal("0.01"), Decimal("1e12"), places=2))
def test_no_amount_alone_makes_the_high_tier(unpaid: Decimal) -> None:
    assert score(replace(NEW, unpaid=unpaid, first_time=False), RULES).tier is not Tier.HIGH


@settings(deadline=None)
@given(ANY)
def test_the_high_tier_needs_repeated_lateness_or_broken_promises(indicators: Indicators) -> None:
    found = score(indicators, RULES)
    if found.tier is Tier.HIGH:
        assert indicators.overdue_before >= 3 or indicators.promises_broken >= 2
    if found.points >= RULES.high and found.tier is not Tier.HIGH:
        assert found.reasons[-1].words == "没有屡次逾期或屡次失约的情形，不列入高等级"
    assert found.points == sum(reason.points for reason in found.reasons)
    assert (found.tier is Tier.LOW) == (found.points < RULES.middle)


@settings(deadline=None)
@given(ANY)
def test_more_lateness_never_lowers_the_score_and_good_signs_never_raise_it(indicators: Indicators) -> None:
    points = score(indicators, RULES).points
    for worse in (
        replace(indicators, overdue_before=indicators.overdue_before + 1),
        replace(indicators, longest_overdue=indicators.longest_overdue + 30),
        replace(indicators, promises_broken=indicators.promises_broken + 1),
        replace(indicators, unpaid=indicators.unpaid * 10),
        replace(indicators, unanswered=indicators.unanswered + 3),
    ):
        assert score(worse, RULES).points >= points
    for better in (
        replace(indicators, promises_kept=indicators.promises_kept + 1),
        replace(indicators, disputes_open=indicators.disputes_open + 1),
        replace(indicators, reachable=True),
        replace(indicators, first_time=True),
        replace(indicators, deferred_before=True),
    ):
        assert score(better, RULES).points <= points


def test_the_border_of_a_band_belongs_to_it() -> None:
    def points(unpaid: str) -> int:
        return score(replace(NEW, unpaid=Decimal(unpaid), first_time=False), RULES).points

    assert [points(each) for each in ("9999.99", "10000.00", "99999.99", "100000.00")] == [0, 5, 5, 10]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("middle: 20\nhigh: 20\nindicators: {}", "高等级的分数线"),
        ("middle: 20\nhigh: 50\nindicators: {region: []}", "没有这些指标：region"),
        ("middle: 20\nhigh: 50\nindicators: {unanswered: [{from: 2, points: 1, words: a}, {from: 2, points: 2, words: b}]}",
         "从小到大"),
        ("middle: 20\nhigh: 50\nindicators: {unanswered: [{from: 2, points: 1, words: '{name}'}]}", "{value}"),
        ("middle: 20\nhigh: 50\nindicators: {unanswered: [{from: 2, words: a}]}", "points"),
        ("middle: [", "不是有效的 YAML"),
    ],
)  # fmt: skip
def test_rules_that_make_no_sense_are_refused(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "risk.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RiskRulesError, match=words.replace("{", r"\{")):
        load_rules(path)


def test_a_bureau_can_weigh_an_indicator_at_nothing() -> None:
    rules = RiskRules.model_validate({"middle": 1, "high": 2, "indicators": {}})
    assert score(REPEATED, rules).reasons == ()
