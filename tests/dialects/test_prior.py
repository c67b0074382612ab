from __future__ import annotations

import pytest

from dialects.pack import all_packs
from dialects.prior import Remembered, is_mobile, prior

pytestmark = pytest.mark.unit


def _likely(region: str = "", number: str = "", before: Remembered | None = None) -> str:
    odds = prior(all_packs(), region, number, before)
    return max(odds, key=lambda name: odds[name])


@pytest.mark.parametrize(
    ("region", "number", "pack"),
    [
        ("成都市", "", "sichuan"),
        ("四川省成都市", "", "sichuan"),
        ("广州市", "", "cantonese"),
        ("广东省汕头市", "", "minnan"),
        ("北京市", "", "mandarin"),
        ("北京市广州路", "", "mandarin"),
        ("", "02861234567", "sichuan"),
        ("", "028-6123 4567", "sichuan"),
        ("", "+86 28 6123 4567", "sichuan"),
        ("", "02061234567", "cantonese"),
        ("北京市", "02861234567", "sichuan"),
        ("成都市", "13800138000", "sichuan"),
        ("", "13800138000", "mandarin"),
        ("成都市", "+8613800138000", "sichuan"),
        ("", "", "mandarin"),
    ],
)
def test_where_somebody_is_registered_is_what_is_believed_first(region: str, number: str, pack: str) -> None:
    odds = prior(all_packs(), region, number)
    if pack == "minnan":
        assert odds["minnan"] > odds["cantonese"]
    else:
        assert _likely(region, number) == pack


def test_every_pack_has_odds_and_mandarins_are_nought() -> None:
    odds = prior(all_packs(), "成都市")
    assert set(odds) == set(all_packs()) and odds["mandarin"] == 0
    assert odds["cantonese"] < -3


def test_what_the_last_call_has_shown_counts_more_than_the_region_but_not_fully() -> None:
    before = Remembered({"sichuan": -4.0, "cantonese": 3.0, "gone": 5.0}, 6)
    odds = prior(all_packs(), "成都市", before=before)
    assert _likely("成都市", before=before) == "cantonese"
    assert 0 < odds["cantonese"] < 3.0 and "gone" not in odds
    assert prior(all_packs(), "成都市", before=Remembered({"cantonese": 3.0}, 0)) == prior(
        all_packs(), "成都市"
    )


def test_only_mainland_mobiles_are_mobiles() -> None:
    assert is_mobile("138 0013 8000") and is_mobile("+86-138-0013-8000") and is_mobile("008613800138000")
    assert not is_mobile("02861234567") and not is_mobile("12366") and not is_mobile("")
