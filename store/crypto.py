"""Encryption of stored identity numbers, phones and secrets, and the keyed hashes they are looked up by.

A stored value is ``version · length of key id · key id · nonce · ciphertext``: AES-256-GCM with a random 96-bit
nonce, bound to its context (``taxpayer.identifier``) and header, so that a value moved to another column or relabelled
with another key does not open. Keys are stretched with scrypt, because settings hold secrets people may have typed.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = 1
_NONCE_BYTES = 12
_KEY_ID = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_IGNORED = re.compile(r"[\s\-\u200b-\u200f\ufeff]+")


class CipherError(RuntimeError):
    """A key setting is malformed, or a stored value does not open with any known key."""


@lru_cache(maxsize=64)
def _stretch(secret: str, purpose: str) -> bytes:
    return hashlib.scrypt(
        secret.encode(), salt=f"shuiling/{purpose}".encode(), n=2**14, r=8, p=1, dklen=32, maxmem=64 * 2**20
    )


@dataclass(frozen=True)
class FieldCipher:
    """Opens values of every configured key and writes with the first.

    Attributes:
        writing: id of the key that new values are written with.
        keys: key id to AES key.
        lookup: key of the look-up hashes.
    """

    writing: str
    keys: Mapping[str, AESGCM]
    lookup: bytes

    @classmethod
    def from_settings(cls, field_keys: str, lookup_key: str) -> FieldCipher:
        """Build from ``id:secret,id2:secret2`` (the first writes) and the look-up secret.

        Raises:
            CipherError: an entry is malformed, empty or repeated.
        """
        secrets = _secrets(field_keys)
        if not lookup_key:
            raise CipherError("SHUILING_LOOKUP_KEY 是空的。")
        keys = {key_id: AESGCM(_stretch(secret, f"field/{key_id}")) for key_id, secret in secrets.items()}
        return cls(next(iter(secrets)), keys, _stretch(lookup_key, "lookup"))

    def encrypt(self, value: str, context: str) -> bytes:
        """Encrypt ``value`` for the column ``context`` names (``table.column`` without ``_enc``)."""
        header = _header(self.writing)
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self.keys[self.writing].encrypt(nonce, value.encode(), header + context.encode())
        return header + nonce + sealed

    def decrypt(self, blob: bytes, context: str) -> str:
        """The text behind ``blob``.

        Raises:
            CipherError: unknown key, wrong context, or a value that was changed.
        """
        key_id, header, rest = _split(blob)
        key = self.keys.get(key_id)
        if key is None:
            raise CipherError(f"数据由密钥 {key_id} 加密，但 SHUILING_FIELD_KEYS 里没有它。")
        try:
            opened = key.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], header + context.encode())
        except (InvalidTag, ValueError) as error:
            raise CipherError(f"数据无法解密（{context}）：密钥不对，或内容被改动过。") from error
        return opened.decode()

    def lookup_hash(self, kind: str, value: str) -> bytes:
        """HMAC-SHA256 (32 bytes) of ``value`` without spaces and in capitals, separate for each ``kind``."""
        return hmac.new(self.lookup, f"{kind}\0{normalise(value)}".encode(), hashlib.sha256).digest()

    def needs_rotation(self, blob: bytes) -> bool:
        """Whether ``blob`` was written with a key other than the writing one."""
        return _split(blob)[0] != self.writing


def derived_keys(field_keys: str, purpose: str) -> tuple[str, dict[str, bytes]]:
    """Keys of 32 bytes for another purpose, one for each of the field keys: the id of the first, and all by id.

    Raises:
        CipherError: see :meth:`FieldCipher.from_settings`.
    """
    secrets = _secrets(field_keys)
    return next(iter(secrets)), {
        key_id: _stretch(secret, f"{purpose}/{key_id}") for key_id, secret in secrets.items()
    }


def _secrets(field_keys: str) -> dict[str, str]:
    secrets: dict[str, str] = {}
    for entry in filter(None, (part.strip() for part in field_keys.split(","))):
        key_id, colon, secret = entry.partition(":")
        if not colon or not secret or not _KEY_ID.fullmatch(key_id):
            raise CipherError(
                "SHUILING_FIELD_KEYS 的格式应为“编号:密钥”，多个用逗号分隔；编号只能用字母、数字和 . _ -。"
            )
        if key_id in secrets:
            raise CipherError(f"SHUILING_FIELD_KEYS 里编号 {key_id} 出现了两次。")
        secrets[key_id] = secret
    if not secrets:
        raise CipherError("SHUILING_FIELD_KEYS 是空的。")
    return secrets


def normalise(value: str) -> str:
    """Half-width capitals without spaces, hyphens and invisible characters, so that spellings of one number agree."""
    return _IGNORED.sub("", unicodedata.normalize("NFKC", value)).upper()


def _header(key_id: str) -> bytes:
    name = key_id.encode()
    return bytes((_VERSION, len(name))) + name


def _split(blob: bytes) -> tuple[str, bytes, bytes]:
    if len(blob) < 2 or blob[0] != _VERSION or len(blob) < 2 + blob[1] + _NONCE_BYTES + 16:
        raise CipherError("加密数据的格式无法识别。")
    end = 2 + blob[1]
    return blob[2:end].decode("ascii", "replace"), blob[:end], blob[end:]
