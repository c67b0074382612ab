"""One spelling a number, and the carriers' spelling of it."""

from __future__ import annotations

import pytest

from store.phones import PhoneError, canonical, e164

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("typed", "stored", "dialled"),
    [
        ("139 0000 1234", "13900001234", "+8613900001234"),
        ("+86-13900001234", "13900001234", "+8613900001234"),
        ("008613900001234", "13900001234", "+8613900001234"),
        ("(010) 6341-7815", "010-63417815", "+861063417815"),
        ("+861063417815", "010-63417815", "+861063417815"),
        ("0755-2634567", "0755-2634567", "+867552634567"),
        ("+1 500 555 0006", "+15005550006", "+15005550006"),
    ],
)
def test_spellings_of_one_number_agree(typed: str, stored: str, dialled: str) -> None:
    assert canonical(typed) == stored
    assert e164(stored) == e164(typed) == dialled


@pytest.mark.parametrize(
    "typed", ["", "12366", "110", "1390000123", "+86139000012345", "+0123456789", "青禾食品", "1" * 99]
)
def test_what_is_no_number_is_refused_in_words(typed: str) -> None:
    with pytest.raises(PhoneError, match="电话号码不对"):
        canonical(typed)
