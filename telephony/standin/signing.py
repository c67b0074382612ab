"""Signs requests as Twilio does, and reaches a public address where it really is.

Source: Twilio's page "Webhooks security": base64 of HMAC-SHA1 over the full URL and the sorted parameters. A WebSocket
upgrade is signed over its ``wss://`` URL without parameters.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urldefrag, urljoin, urlsplit, urlunsplit

HEADER = "X-Twilio-Signature"
_SOCKET = {"https": "wss", "http": "ws"}


@dataclass(frozen=True, slots=True)
class Signer:
    """``origin`` is where the gateway listens (``http://127.0.0.1:8000``), whatever host its public URLs name."""

    token: str
    origin: str

    def signature(
        self, url: str, parameters: Mapping[str, str] | None = None, *, forged: bool = False
    ) -> str:
        """The signature over the public URL; forged: by somebody who does not know the token."""
        key = "not-" + self.token if forged else self.token
        signed = url + "".join(name + value for name, value in sorted((parameters or {}).items()))
        return base64.b64encode(hmac.new(key.encode(), signed.encode(), hashlib.sha1).digest()).decode()

    def reach(self, url: str) -> str:
        """The same path at the gateway's own address; ``wss`` becomes ``ws`` where that address is plain HTTP."""
        there, asked = urlsplit(self.origin), urlsplit(url)
        scheme = _SOCKET[there.scheme] if asked.scheme in ("ws", "wss") else there.scheme
        return urlunsplit((scheme, there.netloc, asked.path, asked.query, ""))


def resolved(url: str, base: str | None) -> str:
    """An absolute URL without a fragment (Twilio keeps its connection settings there); TwiML may hold relative ones."""
    return urldefrag(urljoin(base, url) if base else url).url
