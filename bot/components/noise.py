"""More examples to learn from: every line also as a recogniser or a hasty writer would have put it."""

from __future__ import annotations

import random
from typing import Any, Dict, List

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from dialects.confusions import all_confusions, misheard

SOURCE = "made_from"
"""Message key: the text of the example this one was made from."""


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class NoiseAugmenter(GraphComponent):
    """Adds a noisy copy of a ``share`` of the examples, ``rate`` of whose characters are wrong.

    Which examples, with which pack's confusions and which errors is drawn from the text itself, so that an example
    keeps its copy whatever else is learned. Examples shorter than ``shortest`` characters are left alone: noise would
    leave nothing of them.
    """

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        """Three examples in ten, as wrong as a recogniser on a telephone line."""
        return {"share": 0.3, "rate": 0.15, "shortest": 4, "seed": 1}

    @classmethod
    def create(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> NoiseAugmenter:
        """Build it; its confusions stand in ``dialects/packs``."""
        return cls(config)

    def __init__(self, config: Dict[str, Any]) -> None:
        """``config`` as in :meth:`get_default_config`."""
        self._config = {**self.get_default_config(), **config}

    def process(self, messages: List[Message]) -> List[Message]:
        """Leave what people say as it is."""
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """The examples and their noisy copies."""
        tables = all_confusions()
        made: List[Message] = []
        for example in training_data.intent_examples:
            text = example.get(TEXT) or ""
            draw = random.Random(f"{self._config['seed']} {text}")  # noqa: S311
            if len(text) < int(self._config["shortest"]) or draw.random() >= float(self._config["share"]):
                continue
            noisy = misheard(text, float(self._config["rate"]), draw.choice(tables), draw)
            if noisy != text:
                made.append(Message({TEXT: noisy, INTENT: example.get(INTENT), SOURCE: text}))
        return training_data.merge(TrainingData(training_examples=made))
