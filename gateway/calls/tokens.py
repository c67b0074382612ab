"""Tokens that open sockets: of a carrier's media stream, and of a member of staff who takes a call in the browser."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
import uuid
from collections.abc import Callable

AGENT_TOKEN_S = 600
"""Seconds from the page's rendering to the click that takes the call."""


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


class AgentTokens:
    """Tokens with which a member of staff takes the call of a ticket: good once, for :data:`AGENT_TOKEN_S` seconds.

    That one was used is known to the process that runs the call, where alone it opens anything.
    """

    def __init__(self, key: str, clock: Callable[[], float] = time.time) -> None:
        self._key = hashlib.sha256(b"agent-call:" + key.encode()).digest()
        self._clock = clock
        self._used: dict[str, int] = {}

    def make(self, ticket_id: uuid.UUID, staff_id: uuid.UUID) -> str:
        """``<staff>.<until>.<nonce>.<signature>``, in signs a WebSocket's subprotocol may have."""
        body = f"{staff_id.hex}.{int(self._clock()) + AGENT_TOKEN_S}.{secrets.token_hex(8)}"
        return f"{body}.{self._sign(ticket_id, body)}"

    def spend(self, ticket_id: uuid.UUID, token: str) -> uuid.UUID | None:
        """Whose token it is; ``None`` for one that is forged, another ticket's, too old or used."""
        body, _, sign = token.rpartition(".")
        if not hmac.compare_digest(self._sign(ticket_id, body).encode(), sign.encode()):
            return None
        staff, until, _ = body.split(".")
        now = self._clock()
        self._used = {used: end for used, end in self._used.items() if end > now}
        if int(until) <= now or token in self._used:
            return None
        self._used[token] = int(until)
        return uuid.UUID(hex=staff)

    def _sign(self, ticket_id: uuid.UUID, body: str) -> str:
        return hmac.new(self._key, f"{ticket_id}:{body}".encode(), hashlib.sha256).hexdigest()
