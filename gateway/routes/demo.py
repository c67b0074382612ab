"""The demo's helpers: the fictional taxpayers one may play, and the phone they would get their codes on.

Mounted only while ``SHUILING_DEMO`` is on, which production refuses.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from sqlalchemy import select

from gateway.parts import PartsDep
from store.models import OutboxSms
from store.personas import PERSONAS

router = APIRouter(prefix="/demo")
_KINDS = {"company": "企业", "sole_trader": "个体工商户", "person": "个人"}


@router.get("/taxpayers")
async def taxpayers(parts: PartsDep) -> list[dict[str, str]]:
    """The fictional taxpayers, with what makes each worth trying."""
    return [
        {
            "name": p.name,
            "kind": _KINDS[str(p.kind)],
            "region": p.region,
            "identifier": p.identifier,
            "phone": p.phone,
            "situation": p.situation_zh,
        }
        for p in PERSONAS
    ]


@router.get("/outbox")
async def outbox(parts: PartsDep) -> list[dict[str, Any]]:
    """The last fifty text messages, newest first."""
    async with parts.sessions() as session:
        sent = (await session.scalars(select(OutboxSms).order_by(OutboxSms.id.desc()).limit(50))).all()
    return [
        {
            "id": m.id,
            "at": m.created_at.isoformat(),
            "phone_mask": m.phone_mask,
            "purpose": m.purpose,
            "state": m.state,
            "body": parts.cipher.decrypt(m.body_enc, "outbox_sms.body"),
        }
        for m in sent
    ]
