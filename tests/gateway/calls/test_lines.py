"""Numbers people say on the phone stay out of the transcript; amounts and dates stay in."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.calls.lines import redacted
from store.audit import holds_identifier

pytestmark = pytest.mark.unit
TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("我的手机是13900001234", "我的手机是139****1234"),
        ("幺三九零零零零幺二三四，对的", "***********，对的"),
        ("幺三九 零零零零 幺二三四", "*** **** ****"),
        ("1390000，1234", "*******，****"),
        ("后六位是二三四五六七", "后六位是******"),
        ("证件号110101 1990 0307", "证件号****** **** ****"),
    ],
)
def test_numbers_that_name_somebody_are_taken_out(said: str, kept: str) -> None:
    assert redacted(said, TODAY) == kept


@pytest.mark.parametrize(
    "said",
    [
        "一万二千五百元三角",
        "二零二六年十一月二十三日",
        "尾号幺二三四",
        "打12366问问",
        "一共12345678元",
        "12345678.90元",
        "三五天，一两千块",
        "2026-11-23",
    ],
)
def test_amounts_and_dates_stay(said: str) -> None:
    assert redacted(said, TODAY) == said


def test_of_a_proof_of_identity_no_digit_stays() -> None:
    assert redacted("是一二三四，不，１２34", TODAY, secret=True) == "是****，不，****"


@given(st.text(alphabet="0123456789１３９①幺一三九零〇X +-—.,，元年abc", max_size=40))
def test_what_comes_out_is_always_accepted_by_the_store(said: str) -> None:
    assert not holds_identifier(redacted(said, TODAY))
    assert not any(sign.isdecimal() for sign in redacted(said, TODAY, secret=True))
