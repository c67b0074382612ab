"""One taxpayer's whole thread as a signed PDF, for an auditor; taking it out is in the audit trail."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.permissions import Action, require
from handoff.signing import Keys, seal, sign
from handoff.story.gather import story
from handoff.thread_paper import TITLE, Stamp, render
from store import audit
from store.handoff_models import Staff
from store.models import AuditHead

MEDIA_TYPE = "application/pdf"


@dataclass(frozen=True, slots=True)
class SignedThread:
    """The file, its SHA-256 in hex as it stands in the audit trail, and a name without personal data."""

    pdf: bytes
    sha256: str
    filename: str


async def export_thread(
    session: AsyncSession, staff: Staff, taxpayer_id: uuid.UUID, keys: Keys
) -> SignedThread:
    """Gather, print and sign the thread; the caller commits, and gives the file out only then.

    Raises:
        NotAllowed: ``staff`` may not export threads.
        LookupError: there is no such taxpayer.
        SigningError: there is no key to sign with.
        DocumentError: no Chinese font is installed.
    """
    require(staff.roles, Action.EXPORT_THREAD)
    told = await story(session, taxpayer_id)
    # The certificate has to be valid at the real time, which pyHanko signs with, also where the day is fixed.
    now = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    head = await session.get(AuditHead, True, populate_existing=True)
    used = await asyncio.to_thread(seal, keys, now)
    stamp = Stamp(
        by=f"{staff.name}（{staff.login}）",
        at=now,
        signer=used.subject,
        fingerprint=used.fingerprint,
        audit_id=head.event_id if head else 0,
        audit_hash=(head.hash if head else audit.GENESIS).hex(),
    )
    pdf = await sign(await asyncio.to_thread(render, told, stamp), used, TITLE)
    digest = hashlib.sha256(pdf).hexdigest()
    await audit.record(
        session,
        actor=f"staff:{staff.login}",
        action="thread.exported",
        subject=f"taxpayer:{taxpayer_id}",
        detail={"sha256": digest, "certificate": used.fingerprint, "items": len(told.items)},
    )
    return SignedThread(pdf, digest, f"thread-{taxpayer_id}.pdf")
