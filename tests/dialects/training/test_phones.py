import pytest

from dialects.training.phones import OUTPUTS, PHONES, flat, readings, split, syllables, word_phones

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("pinyin", "syllable"),
    [
        ("zhong1", ("zh", "ong1")),
        ("zi3", ("z", "ii3")),
        ("shi4", ("sh", "iii4")),
        ("xi1", ("x", "i1")),
        ("yuan2", ("^", "van2")),
        ("lve4", ("l", "ve4")),
        ("wen2", ("^", "uen2")),
        ("jiu3", ("j", "iou3")),
        ("de", ("d", "e5")),
        ("er2", ("^", "er2")),
    ],
)
def test_a_syllable_is_an_initial_and_a_toned_final(pinyin: str, syllable: tuple[str, str]) -> None:
    assert split(pinyin) == syllable
    assert set(syllable) <= set(OUTPUTS)


def test_what_is_no_syllable_is_refused() -> None:
    with pytest.raises(ValueError, match="abc"):
        split("abc1")


def test_characters_are_read_in_their_words() -> None:
    assert syllables("银行") == (("^", "in2"), ("h", "ang2"))
    assert syllables("行不行") == (("x", "ing2"), ("b", "u4"), ("x", "ing2"))
    assert syllables("税A") is None
    assert len(flat(syllables("延期缴纳税款") or ())) == 12
    assert ("h", "ang2") in readings("行")


def test_positions_of_phones_in_a_word() -> None:
    names = [PHONES[number - 1][0] for number in word_phones([("n", "a4"), ("sh", "uei4")])]
    assert names == ["n_B", "a4_I", "sh_I", "uei4_E"]
    assert [PHONES[n - 1][0] for n in word_phones([("h", "ao3")])] == ["h_B", "ao3_E"]
    assert PHONES[0][0] == "sil"
    assert {OUTPUTS[output] for _, _, output in PHONES} == set(OUTPUTS)
