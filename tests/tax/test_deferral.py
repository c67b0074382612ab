from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tax.citations import LAW_31, RULES_42
from tax.deferral import (
    MATERIALS,
    Deferral,
    DeferralError,
    Event,
    Ground,
    Status,
    acceptance_due,
    advance,
    allowed_events,
    assess,
    check_end,
    check_window,
    decision_due,
    deferral_for_late_fee,
    late_fee_effect,
    latest_end,
    money_test,
)
from tax.money import MoneyError

pytestmark = pytest.mark.unit

TODAY = date(2026, 11, 23)
YUAN = st.decimals(min_value=0, max_value=10**9, places=2)


def test_window_before_on_and_after_the_deadline() -> None:
    before = check_window(TODAY, date(2026, 12, 15))
    assert (before.open, before.days_left, before.needs_human) == (True, 22, False)
    on_it = check_window(TODAY, TODAY)
    assert (on_it.open, on_it.days_left) == (True, 0)
    assert "尽早" in on_it.explanation_zh
    after = check_window(TODAY, date(2026, 11, 22))
    assert (after.open, after.days_left, after.needs_human) == (False, 0, True)
    assert "转人工" in after.explanation_zh and "申请" in after.explanation_zh
    assert RULES_42 in after.citations


def test_money_test_that_passes_names_every_figure() -> None:
    test = money_test(Decimal(120000), Decimal(80000), Decimal(25000), Decimal("46000.50"))
    assert (test.disposable, test.passes, test.shortfall) == (Decimal(15000), True, Decimal("31000.50"))
    for figure in ("120,000.00元", "80,000.00元", "25,000.00元", "46,000.50元", "15,000.00元", "31,000.50元"):
        assert figure in test.explanation_zh
    assert "税务机关审核决定" in test.explanation_zh


def test_money_that_just_suffices_does_not_pass() -> None:
    test = money_test(Decimal(100), Decimal(30), Decimal(20), Decimal(50))
    assert (test.passes, test.shortfall) == (False, 0)
    assert money_test(Decimal(100), Decimal(30), Decimal(20), Decimal("50.01")).shortfall == Decimal("0.01")


def test_wages_above_the_cash_leave_the_whole_tax_short() -> None:
    test = money_test(Decimal(10), Decimal(30), Decimal(20), Decimal(50))
    assert (test.disposable, test.shortfall) == (Decimal(-40), Decimal(50))
    assert "40.00元" in test.explanation_zh and "-" not in test.explanation_zh


@pytest.mark.parametrize(
    "figures", [("-1", "0", "0", "1"), ("1", "0.001", "0", "1"), ("1", "0", "NaN", "1"), ("1", "0", "0", "0")]
)
def test_money_test_refuses_bad_figures(figures: tuple[str, str, str, str]) -> None:
    with pytest.raises(MoneyError):
        money_test(*(Decimal(f) for f in figures))


@given(YUAN, YUAN, YUAN, YUAN.filter(bool))
def test_shortfall_never_exceeds_the_tax(
    cash: Decimal, wages: Decimal, social: Decimal, tax: Decimal
) -> None:
    test = money_test(cash, wages, social, tax)
    assert 0 <= test.shortfall <= tax
    assert test.passes is (test.shortfall > 0)


def test_assess() -> None:
    due = date(2026, 12, 15)
    poor = money_test(Decimal(10), Decimal(5), Decimal(2), Decimal(50))
    rich = money_test(Decimal(1000), Decimal(5), Decimal(2), Decimal(50))
    assert assess(TODAY, due, Ground.CASH_SHORTAGE, poor).may_apply
    refused = assess(TODAY, due, Ground.CASH_SHORTAGE, rich)
    assert (refused.may_apply, refused.needs_human) == (False, True)
    assert assess(TODAY, due, Ground.CASH_SHORTAGE).may_apply
    moved = assess(TODAY, due, Ground.FORCE_MAJEURE)
    assert (moved.may_apply, moved.needs_human) == (True, True)
    late = assess(TODAY, date(2026, 11, 16), Ground.CASH_SHORTAGE, poor)
    assert (late.may_apply, late.needs_human) == (False, True)


def test_latest_end_and_its_bounds() -> None:
    due = date(2026, 11, 30)
    assert latest_end(due) == date(2027, 2, 28)
    check_end(due, date(2027, 2, 28))
    with pytest.raises(DeferralError, match="2027年2月28日"):
        check_end(due, date(2027, 3, 1))
    with pytest.raises(DeferralError):
        check_end(due, due)


def test_the_authoritys_own_deadlines() -> None:
    assert acceptance_due(TODAY).date == date(2026, 11, 25)
    decision = decision_due(TODAY)
    assert (decision.date, decision.provisional) == (date(2026, 12, 14), False)
    assert RULES_42 in decision.citations
    assert decision_due(date(2026, 12, 20)).provisional


def test_materials_are_cited_and_name_the_form() -> None:
    assert any("延期缴纳税款申请表" in m.name for m in MATERIALS)
    assert all(m.citations and m.copies > 0 for m in MATERIALS)
    assert sum(not m.only_if for m in MATERIALS) == 3


def test_the_whole_life_of_an_application() -> None:
    status = Status.DRAFT
    for event, after in [
        (Event.SUBMIT, Status.SUBMITTED),
        (Event.ACCEPT, Status.ACCEPTED),
        (Event.APPROVE, Status.APPROVED),
        (Event.EXPIRE, Status.EXPIRED),
    ]:
        status = advance(status, event)
        assert status is after


@pytest.mark.parametrize("status", [Status.DRAFT, Status.SUBMITTED, Status.ACCEPTED])
def test_withdrawal_until_the_decision(status: Status) -> None:
    assert advance(status, Event.WITHDRAW) is Status.WITHDRAWN


@pytest.mark.parametrize(
    ("status", "event"),
    [
        (Status.DRAFT, Event.APPROVE),
        (Status.SUBMITTED, Event.APPROVE),
        (Status.APPROVED, Event.WITHDRAW),
        (Status.REFUSED, Event.SUBMIT),
        (Status.ACCEPTED, Event.EXPIRE),
    ],
)
def test_illegal_steps(status: Status, event: Event) -> None:
    with pytest.raises(DeferralError, match="不能"):
        advance(status, event)


def test_allowed_events_are_exactly_the_legal_ones() -> None:
    for status in Status:
        for event in Event:
            if event in allowed_events(status):
                advance(status, event)
            else:
                with pytest.raises(DeferralError):
                    advance(status, event)
    assert (
        allowed_events(Status.REFUSED)
        == allowed_events(Status.WITHDRAWN)
        == allowed_events(Status.EXPIRED)
        == ()
    )


def test_only_an_approval_reaches_the_late_fee() -> None:
    due, to = date(2026, 7, 15), date(2026, 10, 15)
    assert deferral_for_late_fee(Status.APPROVED, due, to) == Deferral(due, to)
    assert deferral_for_late_fee(Status.EXPIRED, due, to) == Deferral(due, to)
    for status in set(Status) - {Status.APPROVED, Status.EXPIRED}:
        assert deferral_for_late_fee(status, due, to) is None
    with pytest.raises(DeferralError):
        deferral_for_late_fee(Status.APPROVED, due, None)
    with pytest.raises(DeferralError):
        deferral_for_late_fee(Status.APPROVED, due, to + timedelta(days=1))


def test_every_state_says_what_it_does_to_the_late_fee() -> None:
    assert all(late_fee_effect(status).text and late_fee_effect(status).citations for status in Status)
    assert "不加收" in late_fee_effect(Status.APPROVED).text
    assert LAW_31 in late_fee_effect(Status.APPROVED).citations
    for pending in (Status.SUBMITTED, Status.ACCEPTED):
        assert "还没有得到批准" in late_fee_effect(pending).text
        assert "不加收" not in late_fee_effect(pending).text
