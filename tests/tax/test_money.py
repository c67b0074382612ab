from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tax.money import MAX_YUAN, MoneyError, check_amount, format_yuan, parse_yuan, to_fen

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("raw", "fen"),
    [("1.005", "1.01"), ("0.015", "0.02"), ("2.0049999", "2.00"), ("347429.625515", "347429.63")],
)
def test_half_fen_rounds_up(raw: str, fen: str) -> None:
    assert str(to_fen(Decimal(raw))) == fen


@pytest.mark.parametrize(
    ("text", "yuan"),
    [
        ("12500.30", "12500.30"),
        ("12,500.3元", "12500.30"),
        ("￥12500", "12500.00"),
        (" １２５００．３０ ", "12500.30"),
        ("0", "0.00"),
        ("10000000000000", "10000000000000.00"),
    ],
)
def test_reads_yuan(text: str, yuan: str) -> None:
    assert str(parse_yuan(text)) == yuan


@pytest.mark.parametrize(
    "text",
    [
        "-1", "－1", "NaN", "Infinity", "1e3", "1.234", "1.000", "10000000000000.01", "99999999999999999999",
        "", "元", "12,50", "1,2345", "１２.３.４", "٣٤", "一百", "0x10", "1_000", "9" * 5000,
    ],
)  # fmt: skip
def test_refuses_what_is_no_amount(text: str) -> None:
    with pytest.raises(MoneyError, match="[\u4e00-\u9fff]"):
        parse_yuan(text)


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-0.01", "0.001", str(MAX_YUAN + 1)])
def test_decimal_amounts_are_checked_too(value: str) -> None:
    with pytest.raises(MoneyError):
        check_amount(Decimal(value))


def test_zero_is_refused_where_asked() -> None:
    assert check_amount(Decimal(0)) == 0
    with pytest.raises(MoneyError, match="税款应大于零"):
        check_amount(Decimal(0), name="税款", allow_zero=False)


def test_writes_yuan() -> None:
    assert format_yuan(Decimal("12500.3")) == "12,500.30元"
    assert format_yuan(Decimal("-0.5")) == "-0.50元"


@given(st.decimals(min_value=0, max_value=10**13, places=2))
def test_reads_back_what_it_writes(amount: Decimal) -> None:
    assert parse_yuan(format_yuan(amount)) == amount
