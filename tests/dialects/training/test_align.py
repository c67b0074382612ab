import numpy as np
import pytest

from dialects.training.align import LABEL_S, forced, labels, named
from dialects.training.phones import OUTPUTS

pytestmark = pytest.mark.unit

SPANS = (
    ("sil", 0.0, 0.2),
    ("n", 0.2, 0.3),
    ("i3", 0.3, 0.5),
    ("h", 0.5, 0.51),
    ("ao3", 0.51, 0.8),
    ("sil", 0.8, 1.0),
)


def names(numbers: np.ndarray) -> list[str]:
    return [OUTPUTS[number] for number in numbers]


def test_labels_follow_the_intervals_and_short_phones_keep_one() -> None:
    found = names(labels(SPANS, 100))
    assert len(found) == 34
    assert found[0] == "sil" and found[-1] == "sil"
    assert found.count("h") == 1
    assert abs(found.count("ao3") * LABEL_S - 0.29) < 0.05
    assert [p for at, p in enumerate(found) if at == 0 or found[at - 1] != p] == [
        "sil",
        "n",
        "i3",
        "h",
        "ao3",
        "sil",
    ]


def test_a_lead_and_another_speed_move_the_labels() -> None:
    plain, later = names(labels(SPANS, 100)), names(labels(SPANS, 130, lead=0.3))
    assert later.index("n") - plain.index("n") == 10
    slow = names(labels(SPANS, 200, factor=2.0))
    assert slow.count("ao3") == pytest.approx(2 * plain.count("ao3"), abs=1)


def scores(truth: list[str]) -> np.ndarray:
    draw = np.random.default_rng(1)
    table = draw.normal(-6, 0.5, (len(truth), len(OUTPUTS)))
    for at, phone in enumerate(truth):
        table[at, OUTPUTS.index(phone)] = -0.2
    return table.astype(np.float32)


def test_forced_alignment_finds_the_phones_and_an_unwritten_pause() -> None:
    truth = ["sil"] * 3 + ["n"] * 2 + ["i3"] * 4 + ["sil"] * 5 + ["h"] * 2 + ["ao3"] * 6 + ["sil"] * 2
    found = forced(scores(truth), ["n", "i3", "h", "ao3"])
    assert found is not None
    spans, score = found
    assert [p for p, _, _ in spans] == ["sil", "n", "i3", "sil", "h", "ao3", "sil"]
    assert spans[1][1] == pytest.approx(3 * LABEL_S) and spans[3][2] == pytest.approx(14 * LABEL_S)
    assert score > -1.0


def test_no_phone_is_left_out_even_when_it_is_not_heard() -> None:
    found = forced(scores(["n"] * 4 + ["i3"] * 4 + ["ao3"] * 4), ["n", "i3", "h", "ao3"])
    assert found is not None
    assert [p for p, _, _ in found[0] if p != "sil"] == ["n", "i3", "h", "ao3"]
    assert found[1] < -0.5


def test_too_short_for_its_words() -> None:
    assert forced(scores(["n", "i3"]), ["n", "i3", "h", "ao3"]) is None


def test_what_was_heard_with_an_accent_is_named_as_it_is_in_the_standard() -> None:
    heard = (
        ("sil", 0.0, 0.2),
        ("l", 0.2, 0.3),
        ("i4", 0.3, 0.5),
        ("sil", 0.5, 0.6),
        ("f", 0.6, 0.7),
        ("u2", 0.7, 0.9),
    )
    assert named(heard, ("n", "i3", "h", "u2")) == [
        ("sil", 0.0, 0.2),
        ("n", 0.2, 0.3),
        ("i3", 0.3, 0.5),
        ("sil", 0.5, 0.6),
        ("h", 0.6, 0.7),
        ("u2", 0.7, 0.9),
    ]
