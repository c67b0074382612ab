from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from tax.citations import LAW_32
from tax.rates import RATES, RateError, RateRow, rate_on, rate_spans, rate_zh

pytestmark = pytest.mark.unit

TWO = (*RATES, RateRow(date(2028, 1, 1), Decimal("0.0003"), "迟纳金", LAW_32))


def test_rate_in_force() -> None:
    row = rate_on(date(2026, 11, 23))
    assert (row.daily, row.name) == (Decimal("0.0005"), "滞纳金")
    assert rate_on(date(2001, 5, 1)) is RATES[0]
    assert rate_on(date(2028, 1, 1), TWO).name == "迟纳金"
    assert rate_on(date(2027, 12, 31), TWO).name == "滞纳金"


def test_before_the_first_row() -> None:
    with pytest.raises(RateError, match="2001年5月1日以前.*转人工"):
        rate_on(date(2001, 4, 30))


def test_spans_are_cut_at_the_change_and_lose_no_day() -> None:
    before, after = rate_spans(date(2027, 12, 22), date(2028, 1, 20), TWO)
    assert (before.end, after.start) == (date(2027, 12, 31), date(2028, 1, 1))
    assert (before.days, after.days) == (10, 20)
    assert rate_spans(date(2028, 1, 1), date(2028, 1, 1), TWO)[0].row is TWO[1]
    assert rate_spans(date(2028, 1, 2), date(2028, 1, 1), TWO) == ()


@pytest.mark.parametrize(
    ("rate", "said"), [("0.0005", "万分之五"), ("0.002", "0.2%"), ("0", "0%"), ("0.03", "3%")]
)
def test_how_a_rate_is_said(rate: str, said: str) -> None:
    assert rate_zh(Decimal(rate)) == said
