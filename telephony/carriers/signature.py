"""Whether a request really comes from the carrier: Twilio's signature, over the address the carrier was told.

Source: Twilio's page "Webhooks security": base64 of HMAC-SHA1, keyed with the account's token, over the full URL and
the sorted parameters; a WebSocket's upgrade is signed over its ``wss://`` URL without any.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.datastructures import ImmutableMultiDict
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from telephony.carriers.callbacks import Callbacks

HEADER = "X-Twilio-Signature"


class SignatureCheck:
    """Checks against the configured origin, whatever host a proxy made of it.

    Args:
        auth_token: the account's token.
        callbacks: the addresses the carrier was told.
    """

    def __init__(self, auth_token: str, callbacks: Callbacks) -> None:
        self._validator = RequestValidator(auth_token)
        self._callbacks = callbacks

    def http(self, target: str, parameters: Iterable[tuple[str, str]], signature: str | None) -> bool:
        """Whether a POST to ``target`` (path and query as received) with these form fields was signed."""
        return self._valid(f"{self._callbacks.origin}{target}", parameters, signature)

    def socket(self, path: str, signature: str | None) -> bool:
        """Whether the upgrade request for ``path`` was signed."""
        url = f"{self._callbacks.socket_origin}{path}"
        # Twilio has signed the address of a socket with a slash at its end where we wrote none.
        return self._valid(url, (), signature) or self._valid(f"{url}/", (), signature)

    def _valid(self, url: str, parameters: Iterable[tuple[str, str]], signature: str | None) -> bool:
        if not signature:
            return False
        return bool(self._validator.validate(url, ImmutableMultiDict(parameters), signature))
