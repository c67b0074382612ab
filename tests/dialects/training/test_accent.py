import random

import pytest

from dialects.training import accent, accent_eval
from dialects.training.accent import sandhi, spoken
from dialects.training.phones import OUTPUTS, Syllable, syllables

pytestmark = pytest.mark.unit

TEXT = "我是成都人这个滞纳金能不能少收一点扣款失败怎么办呢请转人工热线"
ALL = [*accent.TRAINED.values(), *accent_eval.MEASURED.values()]


def read(text: str) -> tuple[Syllable, ...]:
    return syllables(text) or ()


@pytest.mark.parametrize("rules", ALL)
@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_an_accent_keeps_the_number_of_phones_and_makes_only_known_ones(
    rules: accent.Accent, strength: float
) -> None:
    draw = random.Random(2)
    for _ in range(20):
        heard = spoken(read(TEXT), rules, strength, draw)
        assert len(heard) == len(read(TEXT))
        assert {phone for syllable in heard for phone in syllable} <= set(OUTPUTS)
    assert strength or heard == read(TEXT)


def test_a_sichuanese_merges_what_the_rules_say() -> None:
    heard = spoken(read("知道你能"), accent.SICHUAN, 1.0, random.Random(0))
    assert [i for i, _ in heard] == ["z", "d", "n", "l"]
    assert heard[3][1][:-1] == "en"
    assert heard[0][1] == "ii1"


def test_measured_accents_are_not_those_trained_with() -> None:
    for name, measured in accent_eval.MEASURED.items():
        trained = accent.TRAINED[name]
        assert measured.tones != trained.tones
        different = sum(
            spoken(read(TEXT), measured, 1.0, random.Random(s))
            != spoken(read(TEXT), trained, 1.0, random.Random(s))
            for s in range(10)
        )
        assert different == 10


@pytest.mark.parametrize(
    ("text", "tones"),
    [("你好", "23"), ("不是", "24"), ("不好", "43"), ("一样", "24"), ("一天", "41"), ("我很好", "323")],
)
def test_tones_change_in_a_row(text: str, tones: str) -> None:
    assert "".join(final[-1] for _, final in sandhi(read(text), text)) == tones


@pytest.mark.parametrize("rules", accent.TRAINED.values(), ids=lambda rules: rules.name)
def test_every_speaker_has_an_accent_of_their_own(rules: accent.Accent) -> None:
    draw = random.Random(1)
    people = [accent.of_a_speaker(rules, draw) for _ in range(200)]
    assert len({tuple(person.tones.items()) for person in people}) > 20
    for person in people:
        assert all(0 <= change.share <= 1 for change in person.changes)
        assert set(person.tones) == set(rules.tones)
        assert set(person.tones.values()) <= set("12345")
        assert person.tones["5"] == "5"
    for at, change in enumerate(rules.changes):
        shares = [person.changes[at].share for person in people]
        assert min(shares) < change.share / 3
        assert len(set(shares)) > 50


@pytest.mark.parametrize("rules", accent.TRAINED.values(), ids=lambda rules: rules.name)
def test_the_region_s_tones_are_still_the_most_usual(rules: accent.Accent) -> None:
    draw = random.Random(2)
    people = [accent.of_a_speaker(rules, draw) for _ in range(500)]
    for tone, heard in rules.tones.items():
        counts = [sum(person.tones[tone] == other for person in people) for other in "12345"]
        assert max(counts) == counts["12345".index(heard)]
