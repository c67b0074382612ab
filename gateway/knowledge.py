"""The knowledge base as this installation runs it: its sentence vectors are computed once and kept with the models."""

from __future__ import annotations

from gateway.settings import ROOT
from kb.embed import E5Embedder
from kb.search import KnowledgeBase, prepare_vectors

VECTORS = ROOT / ".cache" / "vectors"
"""Sentence vectors by text; safe to delete, they are computed again."""


def knowledge_base(threads: int = 1) -> KnowledgeBase:
    """All articles, indexed. What has no vector yet gets one, on ``threads`` threads, about 20 ms each."""
    return KnowledgeBase.load(embedder=E5Embedder(threads=threads), cache_dir=VECTORS)


def prepare(threads: int) -> None:
    """Compute the vectors that are missing, so that a gateway finds them all when it starts."""
    prepare_vectors(E5Embedder(threads=threads), VECTORS)
