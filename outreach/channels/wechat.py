"""A reminder in WeChat: a template message that names nobody and nothing, to a follower who has proved who they are."""

from __future__ import annotations

import uuid

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from outreach.terms import Notice, Receipt
from outreach.wechat_handover import BODY
from store.crypto import FieldCipher
from store.outreach_models import OutboxWechat, WechatUser


async def queue_template(
    session: AsyncSession, cipher: FieldCipher, taxpayer_id: uuid.UUID, notice: Notice
) -> Receipt:
    """Put ``notice.about`` into the outbox, for whoever of the taxpayer's people spoke last in WeChat; once an attempt."""
    openid = await session.scalar(
        select(WechatUser.openid)
        .where(WechatUser.taxpayer_id == taxpayer_id, WechatUser.following)
        .order_by(WechatUser.spoke_at.desc().nulls_last(), WechatUser.openid)
        .limit(1)
    )
    if openid is None:
        return Receipt.UNREACHABLE
    await session.execute(
        insert(OutboxWechat)
        .values(
            openid=openid,
            kind="template",
            body_enc=cipher.encrypt(notice.about, BODY),
            attempt_id=notice.attempt_id,
        )
        .on_conflict_do_nothing(index_elements=["attempt_id"])
    )
    return Receipt.QUEUED
