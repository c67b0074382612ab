"""The costly part of reading a message, done in a thread of its own while the event loop serves other talks."""

from __future__ import annotations

from bot.components.normalizer import normalised
from bot.components.vectors import shared_vectors
from dialects.lexicon import shared_normaliser


def read_ahead(text: str) -> None:
    """Have the vector ready that the pipeline will ask for when it reads ``text`` (``config.yml``: normalisers, then featurizer)."""
    tidy = normalised(text)
    if tidy and not tidy.startswith("/"):
        shared_vectors().encode([shared_normaliser().apply(tidy)])
