"""The one thread of a taxpayer in which the house leaves word for them, whatever way it goes out besides."""

from __future__ import annotations

import uuid

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from store.models import Conversation

CHANNEL = "notices"
"""Channel of these threads; their ``external_id`` is the taxpayer's id."""


async def notices_thread(session: AsyncSession, taxpayer_id: uuid.UUID) -> uuid.UUID:
    """The conversation that holds a taxpayer's notices; it is made when there is none."""
    made: uuid.UUID | None = await session.scalar(
        insert(Conversation)
        .values(id=uuid.uuid4(), channel=CHANNEL, external_id=str(taxpayer_id), taxpayer_id=taxpayer_id)
        .on_conflict_do_nothing(index_elements=["channel", "external_id"])
        .returning(Conversation.id)
    )
    if made is not None:
        return made
    found = await session.scalars(
        select(Conversation.id).where(
            Conversation.channel == CHANNEL, Conversation.external_id == str(taxpayer_id)
        )
    )
    return found.one()
