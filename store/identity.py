"""Who is on the other end, and the proof of it.

:class:`VerifiedTaxpayer` can be had from :func:`proof` only. Every query that returns a name, a tax or an amount
asks for one, so an unverified caller cannot reach them by mistake (Art. 8 of the Tax Collection Law; the secrecy
rules of 国税发〔2008〕93号, art. 3).
"""

from __future__ import annotations

import hmac
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from store.crypto import FieldCipher
from store.models import Contact, Conversation, OutboxSms, Taxpayer, TaxpayerKind, Verification
from store.texts import CODE_PURPOSE, SIGNATURE, SMS_BODY, sealed_number
from tax.identifiers import last_digits

MAX_MISSES = 3
MAX_CODES = 5
"""Codes sent for one taxpayer, or asked for in one conversation, within :data:`CODE_WINDOW`."""
CODE_WINDOW = timedelta(hours=1)
LOCK_TIME = timedelta(minutes=30)
CALL_DIGITS = 4
MAX_CALL_MISSES = 9
CALL_WINDOW = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class VerifiedTaxpayer:
    """Proof that the person in ``conversation_id`` has shown to be this taxpayer; valid until ``valid_until``."""

    taxpayer_id: uuid.UUID
    conversation_id: uuid.UUID
    name: str
    kind: TaxpayerKind
    region: str
    identifier_mask: str
    valid_until: datetime


class CodeOutcome(StrEnum):
    """What entering a code led to."""

    VERIFIED = "verified"
    WRONG = "wrong"
    EXPIRED = "expired"
    LOCKED = "locked"
    NONE_PENDING = "none_pending"


class StartOutcome(StrEnum):
    """What naming oneself led to. ``SENT`` is also said when nobody is registered under the number."""

    SENT = "sent"
    LOCKED = "locked"
    TOO_MANY = "too_many"


async def proof(session: AsyncSession, conversation_id: uuid.UUID, now: datetime) -> VerifiedTaxpayer | None:
    """The proof held by this conversation, or ``None`` if there is none or it has run out."""
    row = (
        await session.execute(
            select(Verification, Taxpayer)
            .join(Taxpayer, Verification.taxpayer_id == Taxpayer.id)
            .where(
                Verification.conversation_id == conversation_id,
                Verification.state == "verified",
                Verification.valid_until > now,
            )
            .order_by(Verification.verified_at.desc())
            .limit(1)
        )
    ).first()
    if row is None:
        return None
    verification, taxpayer = row
    if verification.valid_until is None:
        return None
    return VerifiedTaxpayer(
        taxpayer_id=taxpayer.id,
        conversation_id=conversation_id,
        name=taxpayer.name,
        kind=TaxpayerKind(taxpayer.kind),
        region=taxpayer.region,
        identifier_mask=taxpayer.identifier_mask,
        valid_until=verification.valid_until,
    )


async def locked_until(session: AsyncSession, conversation_id: uuid.UUID, now: datetime) -> datetime | None:
    """When a lock on this conversation ends, ``None`` if it is not locked."""
    locked_at = await session.scalar(
        select(func.max(Verification.created_at)).where(
            Verification.conversation_id == conversation_id, Verification.state == "locked"
        )
    )
    if locked_at is None or locked_at + LOCK_TIME <= now:
        return None
    ends: datetime = locked_at + LOCK_TIME
    return ends


async def _find(session: AsyncSession, cipher: FieldCipher, kind: str, value: str) -> uuid.UUID | None:
    if kind == "mobile":
        owners = (
            await session.scalars(
                select(Contact.taxpayer_id)
                .where(Contact.phone_hash == cipher.lookup_hash("phone", value), Contact.is_primary)
                .limit(2)
            )
        ).all()
        return owners[0] if len(owners) == 1 else None
    return await session.scalar(
        select(Taxpayer.id).where(Taxpayer.identifier_hash == cipher.lookup_hash("identifier", value))
    )


async def start(
    session: AsyncSession,
    cipher: FieldCipher,
    *,
    conversation_id: uuid.UUID,
    kind: str,
    value: str,
    now: datetime,
    code_life: timedelta,
) -> StartOutcome:
    """Begin a verification and send a code to the registered primary mobile.

    ``kind`` is ``uscc``, ``resident_id`` or ``mobile``. The outcome is the same whether or not anybody is registered
    under ``value``: the talk must not tell strangers who is a taxpayer here.
    """
    if await locked_until(session, conversation_id, now):
        return StartOutcome.LOCKED
    since = now - CODE_WINDOW
    taxpayer_id = await _find(session, cipher, kind, value)
    recent = select(func.count()).select_from(Verification).where(Verification.created_at > since)
    asked_here = await session.scalar(recent.where(Verification.conversation_id == conversation_id))
    if (asked_here or 0) >= MAX_CODES:
        return StartOutcome.TOO_MANY
    misses = await _recent_misses(session, conversation_id, since)
    await session.execute(
        update(Verification)
        .where(Verification.conversation_id == conversation_id, Verification.state == "pending")
        .values(state="superseded")
    )
    attempt = Verification(
        id=uuid.uuid4(),
        conversation_id=conversation_id,
        taxpayer_id=taxpayer_id,
        code_expires_at=now + code_life,
        misses=misses,
        created_at=now,
    )
    code = f"{secrets.randbelow(1_000_000):06d}"
    attempt.code_hash = cipher.lookup_hash(f"code:{attempt.id}", code)
    session.add(attempt)
    if taxpayer_id is not None:
        await _send_code(session, cipher, taxpayer_id, code, now, code_life)
    await session.flush()
    return StartOutcome.SENT


async def _recent_misses(session: AsyncSession, conversation_id: uuid.UUID, since: datetime) -> int:
    """Misses carried over to a new attempt: naming oneself again is no way round the lock."""
    last = await session.scalar(
        select(Verification)
        .where(Verification.conversation_id == conversation_id, Verification.created_at > since)
        .order_by(Verification.created_at.desc())
        .limit(1)
    )
    settled = last is None or last.verified_at is not None or last.state == "locked"
    return 0 if settled or last is None else last.misses


async def resend(
    session: AsyncSession,
    cipher: FieldCipher,
    *,
    conversation_id: uuid.UUID,
    now: datetime,
    code_life: timedelta,
) -> StartOutcome:
    """Send a fresh code for the pending attempt; the old code stops working."""
    if await locked_until(session, conversation_id, now):
        return StartOutcome.LOCKED
    pending = await _pending(session, conversation_id)
    if pending is None:
        return StartOutcome.TOO_MANY
    asked_here = await session.scalar(
        select(func.count())
        .select_from(Verification)
        .where(Verification.conversation_id == conversation_id, Verification.created_at > now - CODE_WINDOW)
    )
    if (asked_here or 0) >= MAX_CODES:
        return StartOutcome.TOO_MANY
    pending.state = "superseded"
    attempt = Verification(
        id=uuid.uuid4(),
        conversation_id=conversation_id,
        taxpayer_id=pending.taxpayer_id,
        code_expires_at=now + code_life,
        misses=pending.misses,
        created_at=now,
    )
    code = f"{secrets.randbelow(1_000_000):06d}"
    attempt.code_hash = cipher.lookup_hash(f"code:{attempt.id}", code)
    session.add(attempt)
    if pending.taxpayer_id is not None:
        await _send_code(session, cipher, pending.taxpayer_id, code, now, code_life)
    await session.flush()
    return StartOutcome.SENT


async def enter_code(
    session: AsyncSession,
    cipher: FieldCipher,
    *,
    conversation_id: uuid.UUID,
    code: str,
    now: datetime,
    valid_for: timedelta,
) -> CodeOutcome:
    """Check a code. The third miss locks the conversation for :data:`LOCK_TIME`."""
    if await locked_until(session, conversation_id, now):
        return CodeOutcome.LOCKED
    attempt = await _pending(session, conversation_id)
    if attempt is None or attempt.code_hash is None or attempt.code_expires_at is None:
        return CodeOutcome.NONE_PENDING
    if attempt.code_expires_at <= now:
        return CodeOutcome.EXPIRED
    given = cipher.lookup_hash(f"code:{attempt.id}", code)
    right = hmac.compare_digest(given, attempt.code_hash) and attempt.taxpayer_id is not None
    if right:
        attempt.state = "verified"
        attempt.verified_at = now
        attempt.valid_until = now + valid_for
        attempt.code_hash = None
        await session.execute(
            update(Conversation)
            .where(Conversation.id == conversation_id)
            .values(taxpayer_id=attempt.taxpayer_id)
        )
        await session.flush()
        return CodeOutcome.VERIFIED
    attempt.misses += 1
    if attempt.misses >= MAX_MISSES:
        attempt.state = "locked"
        attempt.created_at = now
        await session.flush()
        return CodeOutcome.LOCKED
    await session.flush()
    return CodeOutcome.WRONG


@dataclass(frozen=True, slots=True)
class DigitsCheck:
    """What digits given in a call led to (``VERIFIED``, ``WRONG`` or ``LOCKED``), and how many tries are left."""

    outcome: CodeOutcome
    left: int


async def enter_digits(
    session: AsyncSession,
    cipher: FieldCipher,
    *,
    conversation_id: uuid.UUID,
    taxpayer_id: uuid.UUID,
    digits: str,
    now: datetime,
    valid_for: timedelta,
) -> DigitsCheck:
    """Check the last :data:`CALL_DIGITS` digits of the identity number of the taxpayer whose registered phone we called.

    The phone that answers is one proof, these digits the other. The third miss ends it for this conversation;
    :data:`MAX_CALL_MISSES` misses of all calls to one taxpayer within :data:`CALL_WINDOW` end it for every call.
    """
    taxpayer = await session.scalar(select(Taxpayer).where(Taxpayer.id == taxpayer_id).with_for_update())
    if taxpayer is None or await locked_until(session, conversation_id, now):
        return DigitsCheck(CodeOutcome.LOCKED, 0)
    missed = await session.scalar(
        select(func.coalesce(func.sum(Verification.misses), 0)).where(
            Verification.taxpayer_id == taxpayer_id,
            Verification.code_hash.is_(None),
            Verification.verified_at.is_(None),
            Verification.created_at > now - CALL_WINDOW,
        )
    )
    if int(missed or 0) >= MAX_CALL_MISSES:
        return DigitsCheck(CodeOutcome.LOCKED, 0)
    attempt = await _pending(session, conversation_id)
    if attempt is None:
        attempt = Verification(
            id=uuid.uuid4(),
            conversation_id=conversation_id,
            taxpayer_id=taxpayer_id,
            misses=0,
            created_at=now,
        )
        session.add(attempt)
    right = last_digits(cipher.decrypt(taxpayer.identifier_enc, "taxpayer.identifier"), CALL_DIGITS)
    if len(right) == CALL_DIGITS and hmac.compare_digest(digits.encode(), right.encode()):
        attempt.state, attempt.verified_at, attempt.valid_until = "verified", now, now + valid_for
        await session.execute(
            update(Conversation).where(Conversation.id == conversation_id).values(taxpayer_id=taxpayer_id)
        )
        await session.flush()
        return DigitsCheck(CodeOutcome.VERIFIED, 0)
    attempt.misses += 1
    left = MAX_MISSES - attempt.misses
    if left <= 0:
        attempt.state, attempt.created_at = "locked", now
    await session.flush()
    return DigitsCheck(CodeOutcome.WRONG if left > 0 else CodeOutcome.LOCKED, max(left, 0))


async def revoke(session: AsyncSession, conversation_id: uuid.UUID) -> None:
    """End every proof and pending attempt of a conversation: somebody else is speaking now."""
    await session.execute(
        update(Verification)
        .where(
            Verification.conversation_id == conversation_id, Verification.state.in_(["pending", "verified"])
        )
        .values(state="superseded")
    )
    await session.execute(
        update(Conversation).where(Conversation.id == conversation_id).values(taxpayer_id=None)
    )


async def _pending(session: AsyncSession, conversation_id: uuid.UUID) -> Verification | None:
    pending: Verification | None = await session.scalar(
        select(Verification)
        .where(Verification.conversation_id == conversation_id, Verification.state == "pending")
        .order_by(Verification.created_at.desc())
        .limit(1)
        .with_for_update()
    )
    return pending


async def _send_code(
    session: AsyncSession,
    cipher: FieldCipher,
    taxpayer_id: uuid.UUID,
    code: str,
    now: datetime,
    life: timedelta,
) -> None:
    """Hand the code, good for ``life``, to the carrier.

    Somebody who got many codes within :data:`CODE_WINDOW` gets no more for a while, and nobody is told: the answer must
    not differ from the one for a number nobody is registered under.
    """
    await session.flush()
    attempts = await session.scalar(
        select(func.count())
        .select_from(Verification)
        .where(Verification.taxpayer_id == taxpayer_id, Verification.created_at > now - CODE_WINDOW)
    )
    if (attempts or 0) > 2 * MAX_CODES:
        return
    contact = await session.scalar(
        select(Contact).where(Contact.taxpayer_id == taxpayer_id, Contact.is_primary)
    )
    if contact is None:
        return
    minutes = int(life.total_seconds() // 60)
    body = (
        f"{SIGNATURE}您的验证码是 {code}，{minutes} 分钟内有效，只用于您自己打开的这次网上对话。"
        "税务人员不会打电话向您要这个号码。如果不是您本人操作，请不用理会。"
    )
    session.add(
        OutboxSms(
            purpose=CODE_PURPOSE,
            phone_enc=sealed_number(cipher, contact),
            phone_mask=contact.phone_mask,
            body_enc=cipher.encrypt(body, SMS_BODY),
            taxpayer_id=taxpayer_id,
            stale_at=now + life,
        )
    )
