"""The classifier's arithmetic on vectors that are made up: left-out scores, calibration, thresholds, storage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bot.components.intent_model import IntentModel, Settings

pytestmark = pytest.mark.unit

SETTINGS = Settings(gamma=1.0, surface=0.2, sound=0.2, ridge=0.2)
WORDS = {"pay": "我去交钱", "ask": "我欠多少", "no": "不办理了"}


def sample(wrong: int = 0, each: int = 40) -> tuple[list[str], np.ndarray, list[str]]:
    """``each`` lines an intent; ``wrong`` of "ask" look and sound as those of "pay"."""
    draw = np.random.default_rng(3)
    texts, rows, labels = [], [], []
    said = list(WORDS.values())
    for place, intent in enumerate(WORDS):
        for number in range(each):
            at = 0 if intent == "ask" and number < wrong else place
            rows.append(np.eye(8)[at] + draw.normal(0, 0.05, 8))
            texts.append(f"{said[at]}{number}")
            labels.append(intent)
    return texts, np.array(rows, dtype=np.float32), labels


def test_what_it_learned_it_knows_by_terms_too() -> None:
    texts, vectors, labels = sample()
    model = IntentModel.fit(texts, vectors, labels, SETTINGS)
    found = [model.intents[place] for place in model.probabilities(texts, vectors).argmax(axis=1)]
    assert found == labels
    assert model.at_a_glance(list(WORDS.values())) == list(WORDS)
    assert model.left_out_accuracy == 1.0


def test_probabilities_add_up_and_do_not_depend_on_company() -> None:
    texts, vectors, labels = sample()
    model = IntentModel.fit(texts, vectors, labels, SETTINGS)
    together = model.probabilities(texts[:5], vectors[:5])
    assert together.sum(axis=1) == pytest.approx(1)
    assert model.probabilities(texts[2:3], vectors[2:3])[0] == pytest.approx(together[2], abs=1e-5)


def test_copies_are_left_out_with_what_they_were_made_from() -> None:
    """A stray line with a copy of itself is no proof of itself."""
    texts, vectors, labels = sample(wrong=1)
    stray = labels.index("ask")
    doubled = [*texts, "副本"], np.vstack([vectors, vectors[stray]]), [*labels, "ask"]
    alone = IntentModel.fit(*doubled, SETTINGS, [*texts, texts[stray]])
    fooled = IntentModel.fit(*doubled, SETTINGS)
    assert alone.left_out_accuracy < fooled.left_out_accuracy


def test_an_intent_mistaken_often_needs_more() -> None:
    texts, vectors, labels = sample(wrong=12)
    model = IntentModel.fit(
        texts, vectors, labels, SETTINGS, guarded={"pay": 0.99, "no": 0.99, "unheard": 0.9}
    )
    assert set(model.needed) == {"pay", "no"}
    assert (
        IntentModel.fit(texts, vectors, labels, SETTINGS, guarded={"pay": 0.5}).needed["pay"]
        < model.needed["pay"]
    )


def test_stored_and_read_it_is_the_same(tmp_path: Path) -> None:
    texts, vectors, labels = sample()
    model = IntentModel.fit(texts, vectors, labels, SETTINGS, guarded={"pay": 0.9})
    model.save(tmp_path)
    again = IntentModel.load(tmp_path)
    assert again.needed == model.needed
    assert again.probabilities(texts[:3], vectors[:3]) == pytest.approx(
        model.probabilities(texts[:3], vectors[:3])
    )


def test_one_intent_is_none() -> None:
    with pytest.raises(ValueError, match="two intents"):
        IntentModel.fit(["一", "二"], np.ones((2, 8), dtype=np.float32), ["pay", "pay"], SETTINGS)
