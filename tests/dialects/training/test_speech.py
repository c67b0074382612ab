from pathlib import Path

import numpy as np
import pytest

from dialects.training import speech
from dialects.training.speech import Utterance

pytestmark = pytest.mark.unit


def test_a_batch_comes_back_as_it_was_written(tmp_path: Path) -> None:
    batch = [
        Utterance("你好", np.arange(5, dtype=np.int16), ("n", "i3", "h", "ao3"), (("n", 0.0, 0.1),), "baker"),
        Utterance("湖", np.arange(3, dtype=np.int16), ("h", "u2"), voice="Aida+biaobei", said=("f", "u4")),
    ]
    path = tmp_path / "one.npz"
    speech.save(path, batch)
    read = speech.load(path)
    assert [(u.text, u.phones, u.intervals, u.voice, u.said) for u in read] == [
        (u.text, u.phones, u.intervals, u.voice, u.said) for u in batch
    ]
    assert all(np.array_equal(a.audio, b.audio) for a, b in zip(read, batch, strict=True))
