"""Makes ears on shared models: one decoder each, of free speech or of digits alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dialects.acoustic import Models
from dialects.ear import Ear, Engine, digit_engine, vosk_engine

EarMaker = Callable[[str], Ear]
"""Makes a fresh ear for the model of that name; raises ``ModelError``."""


def ear_maker(models: Models, engine: Callable[[Any], Engine] = vosk_engine) -> EarMaker:
    """Ears on shared ``models``, one decoder each."""
    return lambda name: Ear(engine(models.get(name)))


def digit_ear_maker(models: Models) -> EarMaker:
    """Ears that know nothing but digits; a model with a fixed graph hears as it always does."""
    return ear_maker(models, digit_engine)
