"""What taxpayers say that the strategy heeds."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from outreach.facts import SAID_LATELY
from store.outreach_models import Signal

SHORT_OF_CASH = "short_of_cash"


async def note_short_of_cash(
    session: AsyncSession, taxpayer_id: uuid.UUID, conversation_id: uuid.UUID
) -> None:
    """Note that a taxpayer, proven in this conversation, is short of money or means to apply for deferral; once in it."""
    await session.execute(
        insert(Signal)
        .values(id=uuid.uuid4(), taxpayer_id=taxpayer_id, conversation_id=conversation_id, kind=SHORT_OF_CASH)
        .on_conflict_do_nothing(index_elements=["conversation_id", "kind"])
    )


async def said_short_of_cash(session: AsyncSession, taxpayer_id: uuid.UUID, now: datetime) -> bool:
    """Whether that was noted of the taxpayer lately (``facts.SAID_LATELY``)."""
    return bool(
        await session.scalar(
            select(
                exists().where(
                    Signal.taxpayer_id == taxpayer_id,
                    Signal.kind == SHORT_OF_CASH,
                    Signal.created_at > now - SAID_LATELY,
                )
            )
        )
    )
