"""All that passed between one taxpayer and the bureau, over every conversation and call, in the order of time.

Personal numbers are masked, also where a colleague has typed one. What was said in a conversation while somebody else
was proven there, or after somebody had said that they are not the taxpayer, is left out and counted.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.naming import CHANNEL_ZH
from handoff.story.model import Proofs, Story, Thread
from handoff.story.records import cases_of, deferrals_of, promises_of, proofs_of, tickets_of
from handoff.story.talk import calls_of, files_of, messages_of, notes_of
from store.handoff_models import HandoffTicket, Staff
from store.models import (
    Call,
    Case,
    ContactExclusion,
    Conversation,
    DeferralApplication,
    Promise,
    Taxpayer,
    Verification,
)


async def story(session: AsyncSession, taxpayer_id: uuid.UUID) -> Story:
    """Gather the thread. Raises :class:`LookupError` when there is no such taxpayer."""
    who = await session.get(Taxpayer, taxpayer_id)
    if who is None:
        raise LookupError("没有这位纳税人。")
    talks = await _conversations(session, taxpayer_id)
    ids = [talk.id for talk in talks]
    thread = Thread(
        session=session,
        taxpayer_id=taxpayer_id,
        names={
            talk.id: f"{CHANNEL_ZH.get(talk.channel, talk.channel)}会话{number}"
            for number, talk in enumerate(talks, 1)
        },
        staff={s.id: f"{s.name}（{s.login}）" for s in await session.scalars(select(Staff))},
        proofs=await _proofs(session, ids),
    )
    said = await calls_of(thread, ids)
    found = [
        *said,
        *await messages_of(thread, ids),
        *await files_of(thread, ids),
        *await tickets_of(thread, ids),
        *await notes_of(thread, ids),
        *await cases_of(thread, ids),
        *await deferrals_of(thread),
        *await promises_of(thread),
        *proofs_of(thread),
    ]
    return Story(
        taxpayer_id=taxpayer_id,
        name=who.name,
        identifier_mask=who.identifier_mask,
        region=who.region,
        fictional=who.fictional,
        conversations=len(talks),
        calls=thread.calls,
        left_out=thread.left_out,
        # A stable sort: what happened in one instant stays in the order of its kind and of its ids.
        items=tuple(sorted(found, key=lambda item: item.at)),
    )


async def _conversations(session: AsyncSession, taxpayer_id: uuid.UUID) -> Sequence[Conversation]:
    """Every conversation the taxpayer was proven in, was called in, or left something in; oldest first."""
    proven = select(Verification.conversation_id).where(
        Verification.taxpayer_id == taxpayer_id, Verification.verified_at.is_not(None)
    )
    left = (
        select(table.conversation_id).where(table.taxpayer_id == taxpayer_id)
        for table in (Call, HandoffTicket, Case, Promise, DeferralApplication)
    )
    rows = await session.scalars(
        select(Conversation)
        .where(
            or_(
                Conversation.taxpayer_id == taxpayer_id,
                *(Conversation.id.in_(part) for part in (proven, *left)),
            )
        )
        .order_by(Conversation.created_at, Conversation.id)
    )
    return rows.all()


async def _proofs(session: AsyncSession, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Proofs]:
    proven = await session.execute(
        select(Verification.conversation_id, Verification.verified_at, Verification.taxpayer_id)
        .where(
            Verification.conversation_id.in_(ids),
            Verification.verified_at.is_not(None),
        )
        .order_by(Verification.verified_at)
    )
    by_talk: dict[uuid.UUID, list[tuple[datetime, uuid.UUID]]] = {}
    for talk, at, who in proven:
        if at is not None and who is not None:
            by_talk.setdefault(talk, []).append((at, who))
    strangers = await session.execute(
        select(ContactExclusion.conversation_id, ContactExclusion.created_at).where(
            ContactExclusion.conversation_id.in_(ids), ContactExclusion.kind == "wrong_person"
        )
    )
    since = {row.conversation_id: row.created_at for row in strangers}
    return {talk: Proofs(tuple(by_talk.get(talk, ())), since.get(talk)) for talk in ids}
