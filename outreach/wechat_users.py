"""Who writes to us in WeChat: follower, conversation, and the taxpayer they have proved to be."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from store.models import Conversation
from store.outreach_models import OutboxState, OutboxWechat, WechatUser

CHANNEL = "wechat"
"""Channel of their conversations; ``external_id`` is the openid."""
KEPT = 200
"""Characters kept of what WeChat says went wrong."""


async def met(session: AsyncSession, openid: str, conversation_id: uuid.UUID, *, spoke: bool) -> datetime:
    """Note that a follower is here, and whether they ``spoke``: for 48 hours after that they may be written to freely.

    Returns the store's instant of it. WeChat counts real hours, so these times are the store's own, never a shifted clock's.
    """
    at: datetime = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    seen = {"following": True, **({"spoke_at": at} if spoke else {})}
    await session.execute(
        insert(WechatUser)
        .values(openid=openid, conversation_id=conversation_id, **seen)
        .on_conflict_do_update(index_elements=["openid"], set_=seen)
    )
    return at


async def left(session: AsyncSession, openid: str) -> None:
    """They follow the account no longer; who they are stays known, for when they come back."""
    await session.execute(update(WechatUser).where(WechatUser.openid == openid).values(following=False))


async def bind(session: AsyncSession, openid: str) -> None:
    """Make the follower the taxpayer their conversation has proved, or nobody if the proof was taken back."""
    proven = (
        select(Conversation.taxpayer_id)
        .where(Conversation.id == WechatUser.conversation_id)
        .scalar_subquery()
    )
    await session.execute(
        update(WechatUser)
        .where(WechatUser.openid == openid, WechatUser.taxpayer_id.is_distinct_from(proven))
        .values(taxpayer_id=proven),
        execution_options={"synchronize_session": False},
    )


async def template_reported(
    session: AsyncSession, openid: str, carrier_id: str, problem: str, now: datetime
) -> bool:
    """Take WeChat's report on a template message; ``problem`` is empty if it arrived. ``False``: we know none like it.

    The report may come before the sender has noted WeChat's id, or after it died: then the message is the one whose
    intent is written, of which a follower has one at a time.
    """
    row = await session.scalar(
        select(OutboxWechat)
        .where(
            OutboxWechat.openid == openid,
            OutboxWechat.kind == "template",
            or_(
                OutboxWechat.carrier_id == carrier_id,
                (OutboxWechat.state == OutboxState.INTENT) & OutboxWechat.carrier_id.is_(None),
            ),
        )
        .order_by(OutboxWechat.carrier_id.is_(None), OutboxWechat.id)
        .limit(1)
        .with_for_update()
    )
    if row is None:
        return False
    if row.state in (OutboxState.INTENT, OutboxState.SENT):
        row.carrier_id = carrier_id
        row.error = problem[:KEPT] or None
        row.ended_at = now
        row.state = OutboxState.FAILED if problem else OutboxState.DELIVERED
        await session.flush()
    return True
