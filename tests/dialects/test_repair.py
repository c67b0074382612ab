from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dialects.confusions import Confusions
from dialects.finishing import repairer_for
from dialects.likeness import Likeness
from dialects.numerals import NUMERAL, protected
from dialects.pack import all_packs
from dialects.repair import Repairer, shared_terms
from dialects.syllables import split, toned

pytestmark = pytest.mark.unit
UNSURE = 0.3


def _repair(text: str, pack: str = "mandarin", sure: float = UNSURE, expected: tuple[str, ...] = ()) -> str:
    return repairer_for(all_packs()[pack]).repair(text, [sure] * len(text), expected).text


def test_there_are_words_of_the_field() -> None:
    terms = shared_terms()
    assert len(terms) >= 200 and len(terms) == len(set(terms))
    assert all(all("\u4e00" <= sign <= "\u9fff" for sign in term) for term in terms)


@pytest.mark.parametrize(
    ("heard", "meant", "pack"),
    [
        ("我想问支拿金怎么算", "我想问滞纳金怎么算", "mandarin"),
        ("增值睡申报", "增值税申报", "mandarin"),
        ("不是我你打戳了", "不是我你打错了", "mandarin"),
        ("五万三的睡款", "五万三的税款", "mandarin"),
        ("我要生情言期", "我要申请延期", "sichuan"),
    ],
)
def test_what_sounds_like_a_word_of_the_field_becomes_it(heard: str, meant: str, pack: str) -> None:
    assert _repair(heard, pack) == meant


def test_what_is_expected_here_is_preferred() -> None:
    assert _repair("拉里交") == "拉里交"
    assert _repair("拉里交", "sichuan", expected=("哪里交",)) == "哪里交"


def test_only_the_pack_whose_accent_confuses_them_repairs() -> None:
    table = Confusions((("h", "f", 1.0),), (), ())
    words = ["开发票"]
    accented, other = Repairer(Likeness([table]), 0.9, words), Repairer(Likeness([]), 0.9, words)
    assert accented.repair("开花票", [0.1] * 3).text == "开发票"
    assert other.repair("开花票", [0.1] * 3).text == "开花票"


def test_two_syllables_have_to_sound_the_same() -> None:
    """活动 is no 冻结 and 限税 no 欠税, however unsure."""
    assert _repair("睡款") == "税款"
    assert _repair("点税", "sichuan") == "点税"


def test_only_unsure_characters_change() -> None:
    repairer = repairer_for(all_packs()["mandarin"])
    heard = "支拿金怎么算"
    assert repairer.repair(heard, [1.0] * 6).text == heard
    assert repairer.repair(heard, [0.2, 0.2, 1.0, 1.0, 1.0, 1.0]).text == "滞纳金怎么算"
    assert repairer.repair(heard, [0.2, 1.0, 1.0, 1.0, 1.0, 1.0]).text == heard


def test_an_alternative_of_the_recogniser_backs_a_phrase() -> None:
    repairer = Repairer(Likeness([]), 0.9, ["黑名单"])
    heard, signs = "贝明单", [0.2, 0.2, 1.0]
    assert repairer.repair(heard, signs).text == "贝明单"
    assert repairer.repair(heard, signs, (), ["黑名单"]).text == "黑名单"


def test_a_confidence_for_each_character_is_needed() -> None:
    with pytest.raises(ValueError, match="1 confidences for 2 characters"):
        repairer_for(all_packs()["mandarin"]).repair("税款", [0.5])


_TALK = st.text(
    alphabet="税款睡滞支纳拿金要生情申请言延期交叫缴多少怎么算零一二三五万千百十块月号日幺尾号水务局不是我你的了打戳错",
    max_size=18,
)
_SIGNS = st.lists(st.floats(0, 1), min_size=18, max_size=18)
_PACKS = st.sampled_from(sorted(all_packs()))


@settings(deadline=None, max_examples=60)
@given(_TALK, _SIGNS, _PACKS)
def test_repairing_twice_changes_nothing_more(text: str, signs: list[float], pack: str) -> None:
    repairer = repairer_for(all_packs()[pack])
    once = repairer.repair(text, signs[: len(text)])
    assert len(once.signs) == len(once.text) and once.changed == (once.text != text)
    again = repairer.repair(once.text, once.signs)
    assert again.text == once.text and not again.changed


@settings(deadline=None, max_examples=60)
@given(_TALK, _SIGNS, _PACKS)
def test_numbers_come_out_as_they_were_heard(text: str, signs: list[float], pack: str) -> None:
    def numbers(spoken: str) -> list[str]:
        return [
            sign for sign, mark in zip(spoken, protected(spoken), strict=True) if mark and sign in NUMERAL
        ]

    repaired = repairer_for(all_packs()[pack]).repair(text, signs[: len(text)], ["一共五万", "三号交"]).text
    assert numbers(repaired) == numbers(text)


@settings(deadline=None, max_examples=40)
@given(_TALK, _PACKS)
def test_what_was_surely_heard_stays(text: str, pack: str) -> None:
    assume(text)
    assert _repair(text, pack, sure=0.95) == text


def test_syllables_know_their_parts() -> None:
    assert split("zhuang") == ("zh", "uang") and split("an") == ("", "an") and split("yi") == ("y", "i")
    assert toned("缴5块") == [("jiao", 3), ("5", 0), ("kuai", 4)]


def test_likeness_is_a_matter_of_the_accent() -> None:
    packs = all_packs()
    sichuan = Likeness([packs["sichuan"].confusions], packs["sichuan"].tones)
    nothing = Likeness([])
    assert sichuan.cost(("na", 4), ("na", 4)) == 0
    assert sichuan.cost(("na", 4), ("la", 4)) < nothing.cost(("na", 4), ("la", 4)) == pytest.approx(0.45)
    assert sichuan.cost(("ma", 4), ("ma", 2)) < nothing.cost(("ma", 4), ("ma", 2)) == pytest.approx(0.1)
    assert nothing.cost(("ma", 4), ("ma", 5)) == 0
    assert nothing.cost(("ma", 4), ("5", 0)) == 1
