"""Passwords of staff: what a good one is, and its argon2id hash, worked out beside the event loop."""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

SHORTEST = 10
LONGEST = 200
_DIFFERENT_SIGNS = 4
_BESIDE_LOGIN = 6
"""Characters a password must have besides the login standing in it."""

_hasher = PasswordHasher()
# A hash takes 64 MiB and a fifth of a second, so a flood of attempts queues here instead of filling the memory.
_workers = ThreadPoolExecutor(2, thread_name_prefix="passwords")


def weakness(password: str, login: str) -> str | None:
    """What is wrong with a new password, in Chinese; ``None`` when it will do."""
    if len(password) < SHORTEST:
        return f"密码至少要{SHORTEST}个字符。"
    if len(password) > LONGEST:
        return f"密码最多{LONGEST}个字符。"
    if len(set(password)) < _DIFFERENT_SIGNS:
        return "密码里重复的字符太多，请换一个。"
    if login in password.lower() and len(password.lower().replace(login, "")) < _BESIDE_LOGIN:
        return "密码不能是登录名，也不要和登录名太像。"
    return None


async def hashed(password: str) -> str:
    """The salted hash to store, with its parameters."""
    return await asyncio.get_running_loop().run_in_executor(_workers, _hasher.hash, _bytes(password))


async def matches(stored: str | None, password: str) -> bool:
    """Whether ``password`` belongs to the ``stored`` hash; for ``None`` the same work is done in vain."""
    usable = stored is not None and len(password) <= LONGEST
    right = await asyncio.get_running_loop().run_in_executor(
        _workers, _verify, stored or _nobodys_hash(), _bytes(password[:LONGEST])
    )
    return usable and right


def outdated(stored: str) -> bool:
    """Whether ``stored`` was made with other parameters than new hashes are."""
    return _hasher.check_needs_rehash(stored)


def _verify(stored: str, password: bytes) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


def _nobodys_hash() -> str:
    """A hash no password belongs to, as dear to check as a real one."""
    salt, digest = (
        b64encode(secrets.token_bytes(size)).decode().rstrip("=")
        for size in (_hasher.salt_len, _hasher.hash_len)
    )
    cost = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"


def _bytes(password: str) -> bytes:
    # An input method may give full-width digits on one machine and half-width ones on the next.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
