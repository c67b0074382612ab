import random

import pytest

from dialects.training import accent
from dialects.training.synthesise import of_a_speaker

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("rules", accent.TRAINED.values(), ids=lambda rules: rules.name)
def test_every_speaker_has_an_accent_of_their_own(rules: accent.Accent) -> None:
    draw = random.Random(1)
    people = [of_a_speaker(rules, draw) for _ in range(200)]
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
    people = [of_a_speaker(rules, draw) for _ in range(500)]
    for tone, heard in rules.tones.items():
        counts = [sum(person.tones[tone] == other for person in people) for other in "12345"]
        assert max(counts) == counts["12345".index(heard)]
