"""What the bot, agents and the house say in a WeChat conversation, handed to WeChat: each message once.

Two hands give it: the reply to the taxpayer's own request (:func:`take_reply`) and the outbox (:func:`hand_over`). Both lock
the follower and write a row of ``outbox_wechat`` for each message, whose ``message_id`` is unique. While a request may still
be open, the outbox keeps back. Messages without a row are found again after any crash.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Interval, exists, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from outreach.wechat_users import bind
from outreach.wechat_words import fitting, readings, together
from store.crypto import FieldCipher
from store.models import Message
from store.outreach_models import OutboxState, OutboxWechat, WechatUser

BODY = "outbox_wechat.body"
"""Context of the encrypted words."""
REPLY_WITHIN = timedelta(seconds=4.8)
"""WeChat takes a reply within five seconds."""
KEPT_BACK = timedelta(seconds=5.2)
"""How long after the taxpayer's last word the outbox leaves what is said to the reply."""
OPEN_FOR = timedelta(hours=48)
"""How long after their last word an account may write to a follower freely."""
GOOD_FOR = timedelta(days=7)
"""Words older than this are not brought up again when the follower speaks at last."""
_ELSEWHERE = "（这条内容微信里显示不了，请在税务局网页的对话窗口里查看。）"
_AT_ONCE = 50
_OURS = ("bot", "agent", "system")


async def take_reply(
    session: AsyncSession,
    cipher: FieldCipher,
    openid: str,
    answers: int,
    since: datetime,
    now: datetime,
) -> str:
    """What to reply to message ``answers``, met at ``since``: all that was said and not given yet, as far as it fits.

    Empty: nothing, or too late. The same message again gets the same words. ``now`` is noted as the instant of it.
    """
    mark = f"reply:{answers}"
    user = await session.scalar(
        select(WechatUser).where(WechatUser.openid == openid).with_for_update(key_share=True)
    )
    if user is None:
        return ""
    given = await session.scalars(
        select(OutboxWechat.body_enc)
        .where(OutboxWechat.carrier_id == mark, OutboxWechat.openid == openid)
        .order_by(OutboxWechat.message_id)
    )
    if earlier := [cipher.decrypt(body, BODY) for body in given.all()]:
        return together(earlier)
    at = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    if at >= since + REPLY_WITHIN:
        return ""
    unsaid = await _unsaid(session, user.conversation_id)
    told = unsaid[: fitting([text for _, text in unsaid])]
    session.add_all(
        OutboxWechat(
            openid=openid,
            kind="text",
            message_id=message_id,
            body_enc=cipher.encrypt(text, BODY),
            state=OutboxState.SENT,
            carrier_id=mark,
            ended_at=now,
        )
        for message_id, text in told
    )
    await bind(session, openid)
    return together([text for _, text in told])


async def hand_over(
    session: AsyncSession, cipher: FieldCipher, conversations: Sequence[uuid.UUID] | None = None
) -> int:
    """Put what was said and not given yet into the outbox, of ``conversations`` or of all. Returns how many messages.

    Only where the follower may be written to; words for others wait in the thread for their next word.
    """
    clock = func.clock_timestamp()
    query = select(WechatUser).where(
        WechatUser.following,
        WechatUser.spoke_at > clock - literal(OPEN_FOR, Interval),
        WechatUser.spoke_at < clock - literal(KEPT_BACK, Interval),
        exists().where(*_missing(WechatUser.conversation_id)),
    )
    if conversations is not None:
        query = query.where(WechatUser.conversation_id.in_(conversations))
    users = await session.scalars(
        query.order_by(WechatUser.openid).limit(_AT_ONCE).with_for_update(key_share=True, skip_locked=True)
    )
    count = 0
    for user in users.all():
        unsaid = await _unsaid(session, user.conversation_id)
        session.add_all(
            OutboxWechat(
                openid=user.openid,
                kind="text",
                message_id=message_id,
                body_enc=cipher.encrypt(text, BODY),
            )
            for message_id, text in unsaid
        )
        count += len(unsaid)
        await bind(session, user.openid)
    return count


async def thread_of(session: AsyncSession, conversation_id: uuid.UUID) -> Sequence[Message]:
    """The newest part of a conversation, oldest first."""
    found = await session.scalars(
        select(Message)
        .where(
            Message.conversation_id == conversation_id,
            Message.created_at > func.now() - literal(GOOD_FOR, Interval),
            ~Message.payload.has_key("command"),
        )
        .order_by(Message.id)
    )
    return found.all()


async def _unsaid(session: AsyncSession, conversation_id: uuid.UUID) -> list[tuple[int, str]]:
    """Messages without a row, with how they read; numbers of choices run on from what was given already."""
    missing = set(await session.scalars(select(Message.id).where(*_missing(conversation_id))))
    thread = await thread_of(session, conversation_id)
    return [
        (message.id, text or _ELSEWHERE)
        for message, text in zip(thread, readings(thread), strict=True)
        if message.id in missing
    ]


def _missing(
    conversation_id: uuid.UUID | InstrumentedAttribute[uuid.UUID],
) -> tuple[ColumnElement[bool], ...]:
    return (
        Message.conversation_id == conversation_id,
        Message.sender.in_(_OURS),
        Message.created_at > func.now() - literal(GOOD_FOR, Interval),
        ~Message.payload.has_key("command"),
        ~exists().where(OutboxWechat.message_id == Message.id),
    )
