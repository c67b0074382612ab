"""Signed addresses of printable applications: they open for who was given them, for a day."""

from __future__ import annotations

import hashlib
import hmac
import time
import uuid
from collections.abc import Callable

LIFE_S = 24 * 3600


class DocumentLinks:
    """Makes and checks ``/chat/documents/<application>.pdf?until=…&sign=…``."""

    def __init__(self, key: str, clock: Callable[[], float] = time.time) -> None:
        self._key = hashlib.sha256(b"document-link:" + key.encode()).digest()
        self._clock = clock

    def make(self, application_id: uuid.UUID) -> str:
        """A path good for :data:`LIFE_S` seconds."""
        until = int(self._clock()) + LIFE_S
        return f"/chat/documents/{application_id}.pdf?until={until}&sign={self._sign(application_id, until)}"

    def valid(self, application_id: uuid.UUID, until: int, sign: str) -> bool:
        """Whether the path was made here and has not run out."""
        return until > self._clock() and hmac.compare_digest(
            self._sign(application_id, until).encode(), sign.encode()
        )

    def _sign(self, application_id: uuid.UUID, until: int) -> str:
        return hmac.new(self._key, f"{application_id}:{until}".encode(), hashlib.sha256).hexdigest()
