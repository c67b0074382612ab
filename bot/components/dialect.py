"""Dialect spellings and mishearings read as the Mandarin words they stand for."""

from __future__ import annotations

from typing import Any, Dict, List

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from dialects.lexicon import shared_normaliser


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class DialectNormalizer(GraphComponent):
    """Rewrites the text that the features are made of; entities are read from the text as it was sent."""

    @classmethod
    def create(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> DialectNormalizer:
        """Build it; its words stand in ``dialects/packs``."""
        return cls()

    def process(self, messages: List[Message]) -> List[Message]:
        """Rewrite each message's text, commands excepted."""
        normaliser = shared_normaliser()
        for message in messages:
            text = message.get(TEXT)
            if text and not text.startswith("/"):
                message.set(TEXT, normaliser.apply(text), add_to_output=True)
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Rewrite the examples likewise."""
        self.process(training_data.training_examples)
        return training_data
