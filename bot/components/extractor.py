"""Entities by rule, normalised, seen from the day the message was sent."""

from __future__ import annotations

import os
from datetime import date, datetime
from typing import Any, Dict, List, Optional
from zoneinfo import ZoneInfo

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message

from bot.components.normalizer import RAW_TEXT
from bot.parsing import Entity, parse

TODAY_VARIABLE = "SHUILING_TODAY"
_ZONE = ZoneInfo("Asia/Shanghai")


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class ShuilingEntityExtractor(GraphComponent, EntityExtractorMixin):
    """Sets ``entities`` to what :func:`bot.parsing.parse` finds.

    Each entity: ``{"entity", "start", "end", "value", "text", "extractor"}`` and, only when true, ``"negated"``,
    ``"approx"``, ``"invalid"``. Offsets count in the text as sent. Today is ``metadata["today"]`` (ISO), else the
    environment's ``SHUILING_TODAY``, else the day in Asia/Shanghai.
    """

    @classmethod
    def create(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> ShuilingEntityExtractor:
        """Build it; there is nothing to configure."""
        return cls()

    def process(self, messages: List[Message]) -> List[Message]:
        """Add the entities of each message."""
        for message in messages:
            text = message.get(RAW_TEXT) or message.get(TEXT)
            if not text:
                continue
            found = [_as_rasa(entity) for entity in parse(text, today_of(message.get("metadata")))]
            message.set(
                ENTITIES, message.get(ENTITIES, []) + self.add_extractor_name(found), add_to_output=True
            )
        return messages


def today_of(metadata: Any) -> date:
    """The day the message speaks from; an unreadable one counts as not given."""
    given = metadata.get("today") if isinstance(metadata, dict) else None
    for spoken in (given, os.environ.get(TODAY_VARIABLE)):
        day = _iso(spoken)
        if day is not None:
            return day
    return datetime.now(_ZONE).date()


def _iso(spoken: Any) -> Optional[date]:
    try:
        return date.fromisoformat(spoken) if isinstance(spoken, str) else None
    except ValueError:
        return None


def _as_rasa(entity: Entity) -> Dict[str, Any]:
    flags = {name: True for name in ("negated", "approx", "invalid") if getattr(entity, name)}
    return {
        "entity": entity.kind,
        "start": entity.start,
        "end": entity.end,
        "value": entity.value,
        "text": entity.text,
        **flags,
    }
