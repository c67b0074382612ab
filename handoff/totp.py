"""One-time codes of an authenticator app (RFC 6238): six digits, thirty seconds, each good once."""

from __future__ import annotations

import hmac
import unicodedata
import uuid
from dataclasses import dataclass
from datetime import datetime

import pyotp
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.staff import BadAccount, locked
from store import audit
from store.crypto import FieldCipher

ISSUER = "税铃"
STEP_S = 30
_SKEW = 1
"""Steps a telephone's clock may be wrong by."""
_CONTEXT = "staff.totp"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A secret nobody uses yet; ``uri`` is what an authenticator app reads from a QR code. Neither may be logged."""

    secret: str
    uri: str


def offer(login: str) -> Enrolment:
    """A new secret, to be kept by the caller until :func:`confirm`."""
    secret = pyotp.random_base32()
    return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=ISSUER))


def accepted_step(secret: str, code: str, at: datetime, used: int | None) -> int | None:
    """The time step ``code`` stands for; ``None`` if it is wrong, or no newer than the last step ``used``."""
    typed = "".join(unicodedata.normalize("NFKC", code).split())
    generator = pyotp.TOTP(secret, interval=STEP_S)
    now = int(at.timestamp()) // STEP_S
    for step in range(now - _SKEW, now + _SKEW + 1):
        right = hmac.compare_digest(generator.generate_otp(step).encode(), typed.encode("utf-8", "replace"))
        if right and (used is None or step > used):
            return step
    return None


async def confirm(
    session: AsyncSession, cipher: FieldCipher, staff_id: uuid.UUID, secret: str, code: str, *, actor: str
) -> None:
    """From now on this account needs codes of ``secret``, which ``code`` shows to have arrived in the app.

    Raises:
        BadAccount: the code is wrong, or the account needs codes already: who could put another secret in its place
            would need the password alone.
    """
    who = await locked(session, staff_id)
    if who.totp_enc is not None:
        raise BadAccount("已经启用了验证器。换手机请先由管理员取消，再重新启用。")
    now = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    step = accepted_step(secret, code, now, who.totp_used)
    if step is None:
        raise BadAccount("动态口令不对，请等验证器换一个新的再试。")
    who.totp_enc, who.totp_used = cipher.encrypt(secret, _CONTEXT), step
    await audit.record(session, actor=actor, action="staff.totp_on", subject=f"staff:{who.login}", detail={})


async def remove(session: AsyncSession, staff_id: uuid.UUID, *, actor: str) -> None:
    """Let the password alone do again. Raises :class:`BadAccount`."""
    who = await locked(session, staff_id)
    if who.totp_enc is None:
        return
    who.totp_enc = who.totp_used = None
    await audit.record(session, actor=actor, action="staff.totp_off", subject=f"staff:{who.login}", detail={})


def open_secret(cipher: FieldCipher, totp_enc: bytes) -> str:
    """The secret behind the stored value. Raises :class:`store.crypto.CipherError`."""
    return cipher.decrypt(totp_enc, _CONTEXT)
