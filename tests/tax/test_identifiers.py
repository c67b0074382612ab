from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tax.identifiers import (
    Identifier,
    IdentifierKind,
    check_landline,
    check_mobile,
    check_resident_id,
    check_uscc,
    classify,
    mask_identifier,
    mask_phone,
)

pytestmark = pytest.mark.unit

TODAY = date(2026, 11, 23)
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
VALID_USCC = [
    "91350100M000100Y43",
    "91510104MA6TEAA014",
    "92510107MA6CAB1C8F",
    "91440300708461136T",
    "91310115MA1K4BXX90",
]
VALID_RESIDENT = ["11010519491231002X", "440524188001010014", "990101199001010019"]


@pytest.mark.parametrize("code", VALID_USCC)
def test_valid_credit_codes(code: str) -> None:
    assert check_uscc(code).value == code


@pytest.mark.parametrize(
    "code",
    [
        "91350100M000100Y44",
        "91350100M000100Y34",
        "91305100M000100Y43",
        "91350100M00010OY43",
        "91350100M000100I43",
        "91350100M000100Y4",
        "91350100M000100Y431",
        "",
        "9" * 100_000,
        "税" * 18,
    ],
)
def test_invalid_credit_codes(code: str) -> None:
    check = check_uscc(code)
    assert not check and check.problem and not check.value


def test_confusable_letters_get_their_own_advice() -> None:
    assert "I、O、S、V、Z" in check_uscc("91350100M00010OY43").problem


@pytest.mark.parametrize("number", VALID_RESIDENT)
def test_valid_resident_ids(number: str) -> None:
    assert check_resident_id(number, TODAY).value == number


@pytest.mark.parametrize(
    "number",
    [
        "110105194912310021",
        "110101199002300014",
        "110101209912310015",
        "11010519491231002",
        "1101051949123100２",
        "٠٠٠١٠٥١٩٤٩١٢٣١٠٠٢X",
        "X1010519491231002X",
    ],
)
def test_invalid_resident_ids(number: str) -> None:
    check = check_resident_id(number, TODAY)
    assert not check and check.problem


def test_born_today_is_the_last_possible_day() -> None:
    number = "110105194912310029"
    assert check_resident_id("11010519491231002X", date(1949, 12, 31))
    assert not check_resident_id("11010519491231002X", date(1949, 12, 30))
    assert not check_resident_id(number, TODAY)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("13900001234", "13900001234"),
        ("+86 139-0000-1234", "13900001234"),
        ("１３９００００１２３４", "13900001234"),
    ],
)
def test_valid_mobiles(text: str, value: str) -> None:
    assert check_mobile(text).value == value


@pytest.mark.parametrize(
    "text", ["12345678901", "1390000123", "139000012345", "", "1390000123a", "٣٤٥٦٧٨٩٠١٢٣"]
)
def test_invalid_mobiles(text: str) -> None:
    assert not check_mobile(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010-63417815", "010-63417815"),
        ("02885012345", "028-85012345"),
        ("(0755) 83000000", "0755-83000000"),
        ("0817-2234567", "0817-2234567"),
    ],
)
def test_valid_landlines(text: str, value: str) -> None:
    assert check_landline(text).value == value


@pytest.mark.parametrize("text", ["63417815", "010-6341781", "010-03417815", "028850123", "011-63417815"])
def test_invalid_landlines(text: str) -> None:
    assert not check_landline(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" 9135 0100 m000 100y 43 ", Identifier(IdentifierKind.USCC, "91350100M000100Y43")),
        ("11010519491231002x", Identifier(IdentifierKind.RESIDENT_ID, "11010519491231002X")),
        ("９１３５０１００Ｍ０００１００Ｙ４３", Identifier(IdentifierKind.USCC, "91350100M000100Y43")),
        ("139 0000 1234", Identifier(IdentifierKind.MOBILE, "13900001234")),
        ("010-63417815", Identifier(IdentifierKind.LANDLINE, "010-63417815")),
        ("你好", None),
        ("", None),
        ("12366", None),
    ],
)
def test_classify(text: str, expected: Identifier | None) -> None:
    assert classify(text, TODAY) == expected


def test_masks() -> None:
    assert mask_identifier("11010519491231002x") == "110***********002X"
    assert mask_identifier("91350100M000100Y43") == "9135**********0Y43"
    assert mask_identifier("9135010") == "******0"
    assert mask_identifier("") == ""
    assert mask_phone("+8613900001234") == "139****1234"
    assert mask_phone("02885012345") == "028-******45"
    assert mask_phone("12366") == "***66"


@given(st.sampled_from(VALID_USCC), st.integers(0, 17), st.sampled_from(USCC_ALPHABET))
def test_any_changed_character_breaks_a_credit_code(code: str, at: int, char: str) -> None:
    changed = code[:at] + char + code[at + 1 :]
    assert bool(check_uscc(changed)) is (changed == code)


@given(st.sampled_from(VALID_RESIDENT), st.integers(0, 17), st.sampled_from("0123456789X"))
def test_any_changed_character_breaks_a_resident_id(number: str, at: int, char: str) -> None:
    changed = number[:at] + char + number[at + 1 :]
    assert bool(check_resident_id(changed, TODAY)) is (changed == number)


@given(st.sampled_from(VALID_USCC), st.integers(8, 15))
def test_swapped_neighbours_break_a_credit_code(code: str, at: int) -> None:
    swapped = code[:at] + code[at + 1] + code[at] + code[at + 2 :]
    assert bool(check_uscc(swapped)) is (swapped == code)


@given(st.text(max_size=80))
def test_no_text_crashes(text: str) -> None:
    classify(text, TODAY)
    assert len(mask_identifier(text)) <= 80
    mask_phone(text)
