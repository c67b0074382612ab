"""The envelope of what WeChat's servers and we send each other: signature, time stamp and, in the safe mode, AES.

Protocol: https://developers.weixin.qq.com/doc/offiaccount/Basic_Information/Access_Overview.html (signature) and
https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/Technical_Plan.html (AES).
Without AES the signature covers the time stamp and a nonce, not the message: only https protects that.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from wechatpy.crypto import PrpCrypto  # type: ignore[import-untyped]
from wechatpy.exceptions import InvalidAppIdException  # type: ignore[import-untyped]

from chat.wechat.fields import Malformed, fields

FRESH_S = 300
"""How far a time stamp may be from the present, in seconds."""


class Forged(Exception):
    """It was not sent by WeChat, or not just now."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Opens and seals. With ``aes_key`` (43 characters) nothing but encrypted messages is taken."""

    app_id: str
    token: str
    aes_key: str | None = None

    def check(self, query: Mapping[str, str], now: float) -> None:
        """Raise :class:`Forged` unless ``signature``, ``timestamp`` and ``nonce`` are WeChat's; ``now``: Unix time."""
        self._fresh(query, now)
        self._signed(query.get("signature", ""), query.get("timestamp", ""), query.get("nonce", ""))

    def open(self, query: Mapping[str, str], body: bytes, now: float) -> Mapping[str, str]:
        """The fields of a message. Raises :class:`Forged` or ``Malformed``."""
        if self.aes_key is None:
            self.check(query, now)
            return fields(body)
        self._fresh(query, now)
        if query.get("encrypt_type") != "aes":
            raise Forged
        sealed = fields(body).get("Encrypt", "")
        self._signed(
            query.get("msg_signature", ""), query.get("timestamp", ""), query.get("nonce", ""), sealed
        )
        try:
            opened: str = PrpCrypto(_key(self.aes_key)).decrypt(sealed, self.app_id)
        except InvalidAppIdException:
            raise Forged from None
        except Exception as error:  # the library lets whatever goes wrong inside pass
            raise Malformed from error
        return fields(opened.encode())

    def seal(self, reply: str, now: float) -> str:
        """A reply as WeChat takes it: as it is, or encrypted and signed."""
        if self.aes_key is None:
            return reply
        sealed = PrpCrypto(_key(self.aes_key)).encrypt(reply, self.app_id).decode()
        stamp, nonce = str(int(now)), secrets.token_hex(8)
        return (
            f"<xml><Encrypt><![CDATA[{sealed}]]></Encrypt>"
            f"<MsgSignature><![CDATA[{signature(self.token, stamp, nonce, sealed)}]]></MsgSignature>"
            f"<TimeStamp>{stamp}</TimeStamp><Nonce><![CDATA[{nonce}]]></Nonce></xml>"
        )

    def _signed(self, given: str, *parts: str) -> None:
        if not hmac.compare_digest(signature(self.token, *parts).encode(), given.encode()):
            raise Forged

    def _fresh(self, query: Mapping[str, str], now: float) -> None:
        stamp = query.get("timestamp", "")
        if not (stamp.isascii() and stamp.isdigit()) or abs(now - int(stamp[:12])) > FRESH_S:
            raise Forged


def signature(*parts: str) -> str:
    """WeChat's signature over the token and what else is signed."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def _key(text: str) -> bytes:
    return base64.b64decode(text + "=")
