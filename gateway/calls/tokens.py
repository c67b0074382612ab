"""The token a media stream shows: it says that the stream belongs to the call it names, at the carrier we dialled."""

from __future__ import annotations

import hashlib
import hmac
import uuid


class StreamTokens:
    """Makes and checks tokens with a key derived from ``SHUILING_SESSION_KEY``.

    A token is good for one call of one carrier id; that it is used once is recorded with the call.
    """

    def __init__(self, key: str) -> None:
        self._key = hashlib.sha256(b"media-stream:" + key.encode()).digest()

    def make(self, call_id: uuid.UUID, carrier_id: str) -> str:
        """The token, 64 hexadecimal digits."""
        return hmac.new(self._key, f"{call_id}:{carrier_id}".encode(), hashlib.sha256).hexdigest()

    def valid(self, call_id: uuid.UUID, carrier_id: str, token: str) -> bool:
        """Whether the token was made here for this call."""
        return hmac.compare_digest(self.make(call_id, carrier_id).encode(), token.encode())
