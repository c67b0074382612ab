import pytest

from dialects.training.synth_zhtts import canonical_intervals

pytestmark = pytest.mark.unit


def test_standard_phones_take_the_times_of_what_was_said() -> None:
    said = [
        ("sil", 0.0, 0.1),
        ("z", 0.1, 0.2),
        ("ii1", 0.2, 0.3),
        ("#0", 0.3, 0.4),
        ("d", 0.4, 0.4),
        ("ao4", 0.4, 0.6),
        ("#3", 0.6, 0.9),
        ("l", 0.9, 1.0),
        ("i3", 1.0, 1.2),
        ("sil", 1.2, 1.3),
    ]
    assert canonical_intervals(said, ["zh", "iii1", "d", "ao4", "n", "i3"]) == [
        ("sil", 0.0, 0.1),
        ("zh", 0.1, 0.2),
        ("iii1", 0.2, 0.4),
        # Too short to last, but still there: the phones behind it must not move up.
        ("d", 0.4, 0.4),
        ("ao4", 0.4, 0.6),
        ("sil", 0.6, 0.9),
        ("n", 0.9, 1.0),
        ("i3", 1.0, 1.2),
        ("sil", 1.2, 1.3),
    ]
