"""One time line for one taxpayer, across all channels: what was said, tried, promised and decided, newest first.

For officers: it names no amount and no number in clear; verification codes are left out.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.card import CALL_OUTCOME_ZH
from handoff.casework import CASE_ZH
from handoff.naming import PROMISE_ZH
from outreach.channels.inbox import OVERTAKEN, SHOWN, WAITING
from outreach.notices import CHANNEL
from outreach.plan import Channel
from store.models import (
    Call,
    Case,
    CaseKind,
    Conversation,
    DeferralApplication,
    Message,
    OutboxSms,
    Promise,
)
from store.outreach_models import OutboxState, OutboxWechat, WechatUser
from store.texts import CODE_PURPOSE
from tax.deferral import STATUS_ZH, Status

SHOWN_MOST = 200
"""Entries of each kind, the newest."""
PHONE = "phone"
"""Channel of calls."""


class Kind(StrEnum):
    """What an entry is about."""

    NOTICE = "notice"
    TEXT = "text"
    TALK = "talk"
    CALL = "call"
    PROMISE = "promise"
    CASE = "case"
    DEFERRAL = "deferral"


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened. ``words``: what it was or what was said; ``state``: what came of it, in Chinese.

    ``channel``: a conversation's, or ``sms``; empty where there is none. ``ref``: the id of the row behind it;
    ``conversation_id``: where it can be read in full.
    """

    at: datetime
    kind: Kind
    channel: str
    words: str
    state: str
    ref: str
    conversation_id: uuid.UUID | None = None


STATE_ZH: Mapping[str, str] = {
    OutboxState.NEW: "等待发送",
    OutboxState.LEASED: "等待发送",
    OutboxState.INTENT: "正在发送",
    OutboxState.SENT: "已发出",
    OutboxState.DELIVERED: "已送达",
    OutboxState.FAILED: "没有送达",
    OutboxState.SHOWN: "已显示（演示，没有真的发出）",
    OutboxState.DROPPED: "没有发送",
}
_INBOX_ZH = {WAITING: "等对方下次核实身份时显示", SHOWN: "已显示", OVERTAKEN: "过时了，没有显示"}
_PURPOSE_ZH = {"notice": "办理结果的短信通知", "reminder": "提醒短信"}
_TALK_ZH = {"web": "网上对话", "wechat": "微信对话", "rest": "其他渠道的对话"}
_CASE_STATE_ZH = {"open": "办理中", "done": "已办结", "dropped": "已撤下"}


async def timeline(session: AsyncSession, taxpayer_id: uuid.UUID) -> tuple[Entry, ...]:
    """Everything that is known of contacts with a taxpayer, newest first, :data:`SHOWN_MOST` of each kind at most."""
    texts = await _texts(session, taxpayer_id)
    wechat = await _wechat_states(session, taxpayer_id)
    notices = await _notices(session, taxpayer_id, texts, wechat)
    told = {entry.ref for entry in notices}
    entries = [
        *notices,
        *(_text(row) for row in texts.values() if f"sms:{row.id}" not in told),
        *await _talks(session, taxpayer_id),
        *await _calls(session, taxpayer_id),
        *await _promises(session, taxpayer_id),
        *await _cases(session, taxpayer_id),
        *await _deferrals(session, taxpayer_id),
    ]
    return tuple(sorted(entries, key=lambda entry: entry.at, reverse=True))


async def _texts(session: AsyncSession, taxpayer_id: uuid.UUID) -> dict[int, OutboxSms]:
    rows = await session.scalars(
        select(OutboxSms)
        .where(OutboxSms.taxpayer_id == taxpayer_id, OutboxSms.purpose != CODE_PURPOSE)
        .order_by(OutboxSms.id.desc())
        .limit(SHOWN_MOST)
    )
    return {row.id: row for row in rows}


async def _wechat_states(session: AsyncSession, taxpayer_id: uuid.UUID) -> dict[str, str]:
    """Where the WeChat message of each attempt stands."""
    rows = await session.execute(
        select(OutboxWechat.attempt_id, OutboxWechat.state)
        .join(WechatUser, WechatUser.openid == OutboxWechat.openid)
        .where(WechatUser.taxpayer_id == taxpayer_id, OutboxWechat.attempt_id.is_not(None))
    )
    return {str(attempt): state for attempt, state in rows}


async def _notices(
    session: AsyncSession, taxpayer_id: uuid.UUID, texts: Mapping[int, OutboxSms], wechat: Mapping[str, str]
) -> list[Entry]:
    rows = await session.scalars(
        select(Message)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(
            Conversation.channel == CHANNEL,
            Conversation.external_id == str(taxpayer_id),
            Message.payload.has_key("notice"),
        )
        .order_by(Message.id.desc())
        .limit(SHOWN_MOST)
    )
    return [_notice(row, row.payload["notice"], texts, wechat) for row in rows]


def _notice(
    row: Message, about: Mapping[str, Any], texts: Mapping[int, OutboxSms], wechat: Mapping[str, str]
) -> Entry:
    channel = str(about["channel"])
    state, ref = "", f"message:{row.id}"
    if channel == Channel.INBOX:
        state = _INBOX_ZH.get(about.get("inbox", ""), "")
    elif channel == Channel.SMS and (text := texts.get(about.get("sms", 0))):
        state, ref = _state_of(text), f"sms:{text.id}"
    elif channel == Channel.WECHAT:
        state = STATE_ZH.get(wechat.get(str(about.get("attempt")), ""), "")
    return Entry(row.created_at, Kind.NOTICE, channel, row.text, state, ref, row.conversation_id)


def _text(row: OutboxSms) -> Entry:
    words = f"{_PURPOSE_ZH.get(row.purpose, '短信')}，发给 {row.phone_mask}"
    return Entry(row.created_at, Kind.TEXT, Channel.SMS, words, _state_of(row), f"sms:{row.id}")


def _state_of(row: OutboxSms) -> str:
    return STATE_ZH[row.state] + (f"：{row.error}" if row.error else "")


async def _talks(session: AsyncSession, taxpayer_id: uuid.UUID) -> list[Entry]:
    """Written talks in which the taxpayer said something; proofs that were taken back since count as theirs no more."""
    rows = await session.execute(
        select(
            Conversation.id,
            Conversation.channel,
            func.min(Message.created_at).label("began"),
            func.count(Message.id).label("said"),
        )
        .join(Message, Message.conversation_id == Conversation.id)
        .where(
            Conversation.taxpayer_id == taxpayer_id,
            Conversation.channel.not_in([CHANNEL, PHONE]),
            Message.sender == "taxpayer",
        )
        .group_by(Conversation.id)
        .order_by(func.min(Message.created_at).desc())
        .limit(SHOWN_MOST)
    )
    return [
        Entry(
            row.began,
            Kind.TALK,
            row.channel,
            _TALK_ZH.get(row.channel, "对话"),
            f"对方说了{row.said}句",
            f"conversation:{row.id}",
            row.id,
        )
        for row in rows
    ]


Kept = TypeVar("Kept", Call, Promise, Case, DeferralApplication)


async def _latest(session: AsyncSession, kind: type[Kept], taxpayer_id: uuid.UUID) -> Sequence[Kept]:
    found = await session.scalars(
        select(kind).where(kind.taxpayer_id == taxpayer_id).order_by(kind.created_at.desc()).limit(SHOWN_MOST)
    )
    return found.all()


async def _calls(session: AsyncSession, taxpayer_id: uuid.UUID) -> list[Entry]:
    rows = await _latest(session, Call, taxpayer_id)
    return [
        Entry(
            row.answered_at or row.intent_at or row.created_at,
            Kind.CALL,
            PHONE,
            f"电话，打给 {row.phone_mask}",
            CALL_OUTCOME_ZH.get(row.outcome or "", "进行中"),
            f"call:{row.id}",
            row.conversation_id,
        )
        for row in rows
    ]


async def _promises(session: AsyncSession, taxpayer_id: uuid.UUID) -> list[Entry]:
    rows = await _latest(session, Promise, taxpayer_id)
    return [
        Entry(
            row.created_at,
            Kind.PROMISE,
            "",
            f"答应{row.promised_on.month}月{row.promised_on.day}日前缴",
            PROMISE_ZH.get(row.status, row.status),
            f"promise:{row.id}",
            row.conversation_id,
        )
        for row in rows
    ]


async def _cases(session: AsyncSession, taxpayer_id: uuid.UUID) -> list[Entry]:
    rows = await _latest(session, Case, taxpayer_id)
    return [
        Entry(
            row.created_at,
            Kind.CASE,
            "",
            f"{CASE_ZH[CaseKind(row.kind)]} {row.number}",
            _CASE_STATE_ZH.get(row.status, row.status),
            f"case:{row.id}",
            row.conversation_id,
        )
        for row in rows
    ]


async def _deferrals(session: AsyncSession, taxpayer_id: uuid.UUID) -> list[Entry]:
    rows = await _latest(session, DeferralApplication, taxpayer_id)
    return [
        Entry(
            row.submitted_at or row.created_at,
            Kind.DEFERRAL,
            "",
            f"延期申请 {row.number}",
            STATUS_ZH[Status(row.status)],
            f"deferral:{row.id}",
            row.conversation_id,
        )
        for row in rows
    ]
