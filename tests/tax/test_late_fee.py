from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from tax.citations import LAW_32, LAW_52_1, NOTICE_2019_48_1, RULES_75, SOCIAL_86
from tax.deferral import Deferral, Status, deferral_for_late_fee
from tax.errors import TaxError
from tax.late_fee import (
    FlagCode,
    LateFeeError,
    LateFeeQuery,
    LateFeeResult,
    Levy,
    Payment,
    compute,
    compute_many,
    explain_spoken,
    explain_table,
    what_if,
)
from tax.money import to_fen
from tax.rates import RATES, RateRow

pytestmark = pytest.mark.unit

VECTORS: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    (Path(__file__).parent / "late_fee_vectors.yml").read_text(encoding="utf-8")
)
D = Decimal
DUE = date(2026, 7, 15)


def day(text: str) -> date:
    return date.fromisoformat(text)


def ask(
    principal: str, due: str | date | None, on: str | date, *payments: tuple[str, str], **more: Any
) -> LateFeeQuery:
    return LateFeeQuery(
        D(principal),
        day(due) if isinstance(due, str) else due,
        more.pop("nominal", None),
        day(on) if isinstance(on, str) else on,
        tuple(Payment(day(d), D(a)) for d, a in payments),
        **more,
    )


def codes(result: LateFeeResult) -> list[str]:
    return [flag.code.value for flag in result.flags]


def vectors(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("v", VECTORS[name], ids=lambda v: v["id"])


@vectors("single")
@pytest.mark.parametrize("start", ["stored", "nominal"])
def test_single_vectors(v: dict[str, Any], start: str) -> None:
    if start == "stored":
        query = ask(v["principal"], v["effective_deadline"], v["paid_on"])
    else:
        query = ask(v["principal"], None, v["paid_on"], nominal=day(v["nominal_deadline"]))
    result = compute(query)
    assert result.days == v["days"]
    assert str(result.late_fee) == v["late_fee"]
    assert str(result.total) == v["total"]
    assert result.effective_due == result.original_due == day(v["effective_deadline"])
    assert str(result.payable) == v.get("expected_payable", v["total"])


@vectors("partial")
def test_partial_vectors(v: dict[str, Any]) -> None:
    paid = [(t["paid_on"], t["tax_paid"]) for t in v["tranches"] if "paid_on" in t]
    result = compute(ask(v["principal"], v["effective_deadline"], v["as_of"], *paid))
    assert str(result.late_fee) == v["late_fee_total"] == v["segment_method"]
    assert str(result.unpaid_principal) == v["tax_unpaid"]
    expected = [
        (t["days"], D(t.get("tax_paid") or t["tax_unpaid"]), D(t.get("late_fee") or t["late_fee_accrued"]))
        for t in v["tranches"]
        if t["days"]
    ]
    assert [(s.days, s.base, s.fee) for s in result.segments] == expected
    assert result.days == max(t["days"] for t in v["tranches"])
    assert result.late_fee == to_fen(sum((s.base * s.rate * s.days for s in result.segments), D(0)))
    assert NOTICE_2019_48_1 in result.citations


@vectors("deferral")
def test_deferral_vectors(v: dict[str, Any]) -> None:
    approved = v["approved_deadline"]
    status = Status.APPROVED if approved else Status.REFUSED
    original = day(v["original_deadline"])
    deferral = deferral_for_late_fee(status, original, day(approved) if approved else None)
    result = compute(ask(v["principal"], original, v["paid_on"], deferral=deferral))
    assert (result.days, str(result.late_fee)) == (v["days"], v["late_fee"])
    assert result.original_due == original
    assert result.effective_due == (day(approved) if approved else original)


@vectors("multi")
def test_each_debt_is_rounded_then_added(v: dict[str, Any]) -> None:
    result = compute_many([ask(d["principal"], d["effective_deadline"], d["paid_on"]) for d in v["debts"]])
    assert [str(r.late_fee) for r in result.results] == [d["late_fee"] for d in v["debts"]]
    assert str(result.late_fee) == v["late_fee_total"]
    assert result.total == D("13019.76")
    assert [f.code for f in result.flags] == [FlagCode.ORDER_BETWEEN_DEBTS]
    one = compute_many([ask("100", DUE, "2026-08-14")])
    assert one.flags == ()


@vectors("tax_fault")
def test_confirmed_fault_costs_nothing_but_a_claim_changes_nothing(v: dict[str, Any]) -> None:
    query = ask(v["principal"], v["effective_deadline"], v["paid_on"])
    confirmed = compute(replace(query, authority_fault=True))
    assert str(confirmed.late_fee) == v["late_fee"]
    assert codes(confirmed) == ["authority_fault_confirmed"]
    assert LAW_52_1 in confirmed.citations
    assert sum(s.fee for s in confirmed.segments) == 0
    claimed = compute(replace(query, authority_fault_claimed=True))
    assert claimed.late_fee == compute(query).late_fee > 0
    assert codes(claimed) == ["authority_fault_claimed"] and claimed.needs_human


@vectors("social")
def test_social_insurance_is_not_computed(v: dict[str, Any]) -> None:
    with pytest.raises(LateFeeError, match="转人工") as caught:
        compute(ask(v["principal"], DUE, "2026-08-14", levy=Levy.SOCIAL_INSURANCE))
    assert caught.value.flag is not None and caught.value.flag.needs_human
    assert SOCIAL_86 in caught.value.flag.citations


def test_stored_deadline_wins_over_the_calendar() -> None:
    result = compute(ask("32000.00", "2026-02-25", "2026-03-10", nominal=date(2026, 2, 15)))
    assert (result.effective_due, result.days) == (date(2026, 2, 25), 13)


def test_a_provisional_deadline_is_flagged_and_a_stored_one_is_not() -> None:
    guessed = compute(ask("10000.00", None, "2027-09-01", nominal=date(2027, 8, 15)))
    assert codes(guessed) == ["provisional_calendar"] and guessed.needs_human
    assert "推算" in explain_spoken(guessed)
    stored = compute(ask("10000.00", "2027-08-16", "2027-09-01"))
    assert codes(stored) == [] and stored.late_fee == guessed.late_fee


@pytest.mark.parametrize(("days", "flagged"), [(1999, False), (2000, True), (2001, True)])
def test_the_cap_question_opens_when_the_fee_reaches_the_tax(days: int, flagged: bool) -> None:
    due = date(2021, 1, 20)
    result = compute(ask("10000.00", due, due + timedelta(days=days)))
    assert ("fee_reaches_tax" in codes(result)) is flagged
    assert ("人员" in explain_spoken(result)) is flagged


def test_the_cap_question_also_opens_for_the_part_still_unpaid() -> None:
    result = compute(ask("10000.00", "2020-01-15", "2026-11-23", ("2020-01-10", "9000.00")))
    assert result.late_fee == D("1252.00") < result.principal
    assert "fee_reaches_tax" in codes(result)


@pytest.mark.parametrize(
    ("principal", "days", "flagged"),
    [
        ("30.00", 1, True),
        ("2000.00", 1, True),
        ("2020.00", 1, False),
        ("10000.00", 0, False),
        ("0.90", 0, True),
    ],
)
def test_small_amounts_are_flagged_not_zeroed(principal: str, days: int, flagged: bool) -> None:
    result = compute(ask(principal, DUE, DUE + timedelta(days=days)))
    assert ("below_one_yuan" in codes(result)) is flagged
    assert result.late_fee == to_fen(D(principal) * D("0.0005") * days)


def test_payments_after_the_day_are_left_out_with_a_flag() -> None:
    result = compute(ask("10000.00", DUE, "2026-08-14", ("2026-08-15", "10000.00")))
    assert (result.late_fee, result.unpaid_principal) == (D("150.00"), D("10000.00"))
    assert codes(result) == ["payment_after_on"]


def test_an_excess_is_left_out_with_a_flag() -> None:
    result = compute(ask("10000.00", DUE, "2026-08-30", ("2026-08-14", "10150.00"), ("2026-08-20", "1.00")))
    assert (result.late_fee, result.unpaid_principal, result.days) == (D("150.00"), D(0), 30)
    assert codes(result) == ["overpaid"]
    assert len(result.segments) == 1


def test_payments_of_one_day_are_one_part_whatever_their_order() -> None:
    parts = [("2026-07-20", "10.00"), ("2026-07-16", "10.00"), ("2026-07-16", "10.00")]
    result = compute(ask("30.00", DUE, "2026-07-20", *parts))
    assert [(s.base, s.fee) for s in result.segments] == [(D("20.00"), D("0.01")), (D("10.00"), D("0.03"))]


def test_deferral_in_force_is_flagged_until_it_ends() -> None:
    deferral = Deferral(DUE, date(2026, 10, 15))
    inside = compute(ask("80000.00", DUE, "2026-10-15", deferral=deferral))
    assert codes(inside) == ["deferral_in_force"] and inside.late_fee == 0
    assert codes(compute(ask("80000.00", DUE, "2026-10-16", deferral=deferral))) == []
    printed_next_day = replace(deferral, from_=date(2026, 7, 16))
    assert compute(ask("80000.00", DUE, "2026-10-25", deferral=printed_next_day)).late_fee == D("400.00")


def test_a_rate_change_cuts_the_segments() -> None:
    rates = (*RATES, RateRow(date(2026, 8, 1), D("0.0003"), "迟纳金", LAW_32))
    result = compute(ask("10000.00", DUE, "2026-08-10"), rates=rates)
    assert [(s.days, s.rate, s.fee) for s in result.segments] == [
        (16, D("0.0005"), D("80.00")),
        (10, D("0.0003"), D("30.00")),
    ]
    assert result.late_fee == D("110.00")


@pytest.mark.parametrize(
    "query",
    [
        ask("0", DUE, "2026-08-14"),
        ask("-1", DUE, "2026-08-14"),
        ask("NaN", DUE, "2026-08-14"),
        ask("1.001", DUE, "2026-08-14"),
        ask("10000000000000.01", DUE, "2026-08-14"),
        ask("1", None, "2026-08-14"),
        ask("1", DUE, date(1, 1, 1)),
        ask("1", date(9999, 12, 31), "2026-08-14"),
        ask("1", None, "2026-08-14", nominal=date(9999, 12, 31)),
        ask("1", "2001-04-01", "2026-08-14"),
        ask("10", DUE, "2026-08-14", ("2026-08-01", "0")),
        ask("10", DUE, "2026-08-14", ("2026-08-01", "-5")),
        ask("10", DUE, "2026-08-14", ("2016-08-01", "5")),
        ask("10", DUE, "2026-08-14", ("0026-08-01", "5")),
        ask("10", DUE, "2026-08-14", deferral=Deferral(date(2026, 8, 1), date(2026, 7, 20))),
        ask("10", DUE, "2026-08-14", deferral=Deferral(DUE, date(2026, 10, 16))),
        ask("10", DUE, "2026-08-14", deferral=Deferral(date(2026, 7, 17), date(2026, 10, 15))),
        ask("10", DUE, "2026-08-14", deferral=Deferral(date(2026, 7, 1), date(2026, 7, 14))),
        ask("10", DUE, "2026-08-14", levy=Levy.FINE),
        ask("10", DUE, "2026-08-14", levy=Levy.CUSTOMS),
    ],
)
def test_bad_input_says_in_chinese_what_to_do(query: LateFeeQuery) -> None:
    with pytest.raises(TaxError, match="请"):
        compute(query)


def test_what_if() -> None:
    query = ask("10000.00", DUE, "2026-07-20")
    assert what_if(query, date(2026, 8, 14)).late_fee == D("150.00")
    with pytest.raises(LateFeeError, match="今天或以后"):
        what_if(query, date(2026, 7, 19))


def test_spoken_single() -> None:
    said = explain_spoken(compute(ask("10000.00", DUE, "2026-08-14")))
    assert said == (
        "缴款期限是2026年7月15日，从次日算到2026年8月14日共30天，税款10,000.00元每天按万分之五计算，"
        "滞纳金是150.00元。加上未缴的税款10,000.00元，一共10,150.00元。"
    )


def test_spoken_in_time_paid_and_deferred() -> None:
    assert "没有滞纳金" in explain_spoken(compute(ask("10000.00", DUE, "2026-07-15")))
    paid = explain_spoken(compute(ask("10000.00", DUE, "2026-09-15", ("2026-07-10", "10000.00"))))
    assert "已在" in paid and "没有滞纳金" in paid
    deferred = ask("80000.00", DUE, "2026-10-25", deferral=Deferral(DUE, date(2026, 10, 15)))
    assert "延期截止日是2026年10月15日" in explain_spoken(compute(deferred))
    parts = ask("12500.30", "2026-10-26", "2026-11-23", ("2026-11-02", "3333.33"))
    assert "分2段计算" in explain_spoken(compute(parts))
    fault = explain_spoken(compute(ask("10000.00", DUE, "2026-08-14", authority_fault=True)))
    assert "不加收滞纳金" in fault and "150" not in fault


def test_table_rows_add_up_to_the_fee() -> None:
    result = compute(ask("12500.30", "2026-10-26", "2026-11-23", ("2026-11-02", "3333.33")))
    rows = explain_table(result)
    assert rows[0] == {
        "起": "2026-10-27",
        "止": "2026-11-02",
        "天数": "7天",
        "计费税款": "3,333.33元",
        "日率": "万分之五",
        "金额": "11.67元",
    }
    assert sum(D(row["金额"].removesuffix("元")) for row in rows) == result.late_fee
    assert explain_table(compute(ask("1", DUE, DUE))) == []


def test_every_answer_cites_its_articles() -> None:
    assert compute(ask("1", DUE, DUE)).citations == (LAW_32, RULES_75)


PRINCIPAL = st.decimals(min_value="0.01", max_value=10**10, places=2)
DUES = st.dates(date(2004, 1, 1), date(2026, 11, 1))
GAP = st.integers(0, 3000)
FEN = D("0.01")


def exact(result: LateFeeResult) -> Decimal:
    return sum((s.base * s.rate * s.days for s in result.segments), D(0))


def fee(principal: Decimal, due: date, days: int) -> Decimal:
    return compute(LateFeeQuery(principal, due, None, due + timedelta(days=days))).late_fee


@given(PRINCIPAL, DUES, GAP, st.integers(1, 400))
def test_monotone_in_days(principal: Decimal, due: date, days: int, more: int) -> None:
    assert fee(principal, due, days) <= fee(principal, due, days + more)


@given(PRINCIPAL, DUES, st.integers(-400, 0))
def test_nothing_on_or_before_the_deadline(principal: Decimal, due: date, days: int) -> None:
    assert fee(principal, due, days) == 0


@given(PRINCIPAL, DUES, GAP, GAP)
def test_additive_over_split_periods(principal: Decimal, due: date, first: int, second: int) -> None:
    whole = compute(LateFeeQuery(principal, due, None, due + timedelta(days=first + second)))
    one = compute(LateFeeQuery(principal, due, None, due + timedelta(days=first)))
    middle = due + timedelta(days=first)
    two = compute(LateFeeQuery(principal, middle, None, middle + timedelta(days=second)))
    assert exact(whole) == exact(one) + exact(two)
    assert abs(whole.late_fee - one.late_fee - two.late_fee) <= FEN


@given(PRINCIPAL, DUES, GAP, st.data())
def test_paying_a_part_never_costs_more(
    principal: Decimal, due: date, days: int, data: st.DataObject
) -> None:
    on = due + timedelta(days=days)
    query = LateFeeQuery(principal, due, None, on)
    part = data.draw(st.decimals(min_value="0.01", max_value=principal, places=2))
    paid_on = due + timedelta(days=data.draw(st.integers(-30, days)))
    plain, paid = compute(query), compute(replace(query, payments=(Payment(paid_on, part),)))
    assert exact(paid) <= exact(plain)
    assert paid.late_fee <= plain.late_fee + FEN
    assert paid.unpaid_principal == principal - part
    assert paid.days <= plain.days


@given(st.integers(1, 10**8), st.integers(1, 50), DUES, GAP)
def test_scaling(yuan: int, factor: int, due: date, days: int) -> None:
    assert fee(D(yuan * factor * 20), due, days) == factor * fee(D(yuan * 20), due, days)


@given(PRINCIPAL, DUES, GAP, st.integers(0, 88))
def test_a_deferral_never_costs_more(principal: Decimal, due: date, days: int, length: int) -> None:
    query = LateFeeQuery(principal, due, None, due + timedelta(days=days))
    deferred = compute(replace(query, deferral=Deferral(due, due + timedelta(days=length))))
    assert deferred.late_fee <= compute(query).late_fee
    assert deferred.days == max(0, days - length)


@given(PRINCIPAL, DUES, GAP, st.lists(st.tuples(st.integers(-30, 3100), PRINCIPAL), max_size=6))
def test_whatever_is_paid_the_sums_hold(
    principal: Decimal, due: date, days: int, paid: list[tuple[int, Decimal]]
) -> None:
    payments = tuple(Payment(due + timedelta(days=d), a) for d, a in paid)
    assume(all(p.paid_on.year < 2100 for p in payments))
    on = due + timedelta(days=days)
    result = compute(LateFeeQuery(principal, due, None, on, payments))
    credited = sum((p.amount for p in payments if p.paid_on <= on), D(0))
    assert result.unpaid_principal == max(D(0), principal - credited)
    assert result.late_fee == sum((s.fee for s in result.segments), D(0))
    assert abs(result.late_fee - exact(result)) <= FEN / 2 * len(result.segments)
    assert sum((s.base for s in result.segments), D(0)) <= principal
    assert all(s.start == due + timedelta(days=1) and s.end <= on for s in result.segments)
    assert all((s.end - s.start).days + 1 == s.days >= 1 for s in result.segments)
    assert result.days == max((s.days for s in result.segments), default=0)
    assert explain_spoken(result).endswith("。")
