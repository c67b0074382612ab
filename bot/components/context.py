"""Short messages read in the light of the talk so far."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.core.events import SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message

from bot.components.followups import CERTAIN, Situation, reread, shape_of, shared_table, topic_of
from bot.components.normalizer import RAW_TEXT, normalised
from dialects.lexicon import shared_normaliser

_RANKING = "intent_ranking"
_OFFERED = "offered_readings"
_REMEMBERED = 6
"""Messages back that a topic lasts."""


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class ContextReader(GraphComponent):
    """After the classifier: replaces its reading where the situation decides; ``nlu_data/context.yml`` says how."""

    @classmethod
    def create(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> ContextReader:
        """Build it; there is nothing to configure."""
        return cls()

    def process(
        self, messages: List[Message], tracker: Optional[DialogueStateTracker] = None
    ) -> List[Message]:
        """Reread each message; without a tracker there is no situation and nothing changes."""
        if tracker is None:
            return messages
        situation = _situation(tracker)
        for message in messages:
            text = message.get(TEXT)
            if text:
                self._reread(message, text, situation)
        return messages

    @staticmethod
    def _reread(message: Message, text: str, situation: Situation) -> None:
        entities = message.get(ENTITIES) or []
        shape = shape_of(message.get(RAW_TEXT) or text, entities)
        shape = shared_normaliser().apply(normalised(shape))
        ranking = {r["name"]: float(r["confidence"]) for r in message.get(_RANKING) or [] if r.get("name")}
        intent = reread(shape, ranking, entities, situation, shared_table())
        if intent is None:
            return
        reading = {"name": intent, "confidence": max(CERTAIN, ranking.get(intent, 0.0))}
        # What the situation has decided leaves the others what is left of certainty.
        left = 1 - reading["confidence"]
        others = [
            {**r, "confidence": left * float(r["confidence"])}
            for r in message.get(_RANKING) or []
            if r.get("name") not in (intent, None)
        ]
        message.set(INTENT, reading, add_to_output=True)
        message.set(_RANKING, [reading, *others], add_to_output=True)
        message.set("intents", [reading], add_to_output=True)


def _situation(tracker: DialogueStateTracker) -> Situation:
    said = [event for event in tracker.events if isinstance(event, UserUttered)]
    asked = tracker.get_slot("requested_slot") if tracker.active_loop_name else None
    topic = topic_of([event.intent_name or "" for event in said[-_REMEMBERED:]])
    return Situation(asked, topic, _just_offered(tracker))


def _just_offered(tracker: DialogueStateTracker) -> Tuple[str, ...]:
    """Readings offered in answer to the message before this one; later they have lost their meaning."""
    for event in reversed(tracker.events):
        if isinstance(event, UserUttered):
            break
        if isinstance(event, SlotSet) and event.key == _OFFERED:
            return tuple(event.value or ())
    return ()
