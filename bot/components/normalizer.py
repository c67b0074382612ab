"""One spelling per sign before anything else looks at a message."""

from __future__ import annotations

from typing import Any, Dict, List

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.parsing.source import read

RAW_TEXT = "raw_text"
"""Message key under which the text stands as it was sent; entity offsets count in it."""
_LONGEST = 2000


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class TextNormalizer(GraphComponent):
    """Half width, simplified numerals, no blanks between Chinese characters, one case.

    A recogniser writes blanks between words; they would become tokens and shift every feature.
    """

    @classmethod
    def create(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> TextNormalizer:
        """Build it; there is nothing to configure."""
        return cls()

    def process(self, messages: List[Message]) -> List[Message]:
        """Rewrite each message's text, keeping the original under :data:`RAW_TEXT`."""
        for message in messages:
            text = message.get(TEXT)
            if text:
                message.set(RAW_TEXT, text)
                message.set(TEXT, normalised(text), add_to_output=True)
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Rewrite the examples likewise."""
        self.process(training_data.training_examples)
        return training_data


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class TextRestorer(GraphComponent):
    """Last in the pipeline: the tracker and the actions see the words as they were sent."""

    @classmethod
    def create(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> TextRestorer:
        """Build it; there is nothing to configure."""
        return cls()

    def process(self, messages: List[Message]) -> List[Message]:
        """Put back what :class:`TextNormalizer` set aside."""
        for message in messages:
            if message.get(RAW_TEXT):
                message.set(TEXT, message.get(RAW_TEXT), add_to_output=True)
        return messages


def normalised(text: str) -> str:
    """The text as the pipeline reads it; at most 2,000 characters.

    Rasa takes a text that begins with a slash for a command. Only one that was sent so may begin so: a blank or
    full-width sign before it must not turn words into a command.
    """
    tidy = read(text[:_LONGEST]).text.lower().strip() or text[:_LONGEST]
    if tidy.startswith("/") and not text.startswith("/"):
        return f"／{tidy[1:]}"
    return tidy if not text.startswith("/") else text
