"""The tables of the handoff: who works here, what waits for them, and what came of it."""

from __future__ import annotations

import uuid
from datetime import datetime, time
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    func,
)
from sqlalchemy import text as sql_text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, id_column, now_column


class Presence(StrEnum):
    """Whether a member of staff takes conversations."""

    ONLINE = "online"
    AWAY = "away"
    """At the console, finishing what they have, taking nothing new."""
    OFFLINE = "offline"


class TicketStatus(StrEnum):
    """How far a ticket has come."""

    WAITING = "waiting"
    ASSIGNED = "assigned"
    CLOSED = "closed"


class Staff(Base):
    """Somebody who logs in to the console.

    ``roles`` and ``skills`` take the values of ``handoff.permissions.Role`` and ``handoff.skills.Skill``.
    ``seen_at`` is the last heartbeat of their console.
    """

    __tablename__ = "staff"

    id: Mapped[uuid.UUID] = id_column()
    login: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    skills: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list, server_default=sql_text("'{}'"))
    max_load: Mapped[int] = mapped_column(Integer, default=4, server_default="4")
    password_hash: Mapped[str]
    totp_enc: Mapped[bytes | None]
    totp_used: Mapped[int | None] = mapped_column(BigInteger)
    """The time step of the last one-time code accepted; no code is good twice."""
    failed_logins: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    locked_until: Mapped[datetime | None]
    disabled: Mapped[bool] = mapped_column(Boolean, default=False, server_default=sql_text("false"))
    presence: Mapped[Presence] = mapped_column(String(10), default=Presence.OFFLINE, server_default="offline")
    seen_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = now_column()

    __table_args__ = (
        CheckConstraint("presence in ('online','away','offline')", name="presence_known"),
        CheckConstraint("max_load between 1 and 50", name="load_sane"),
        CheckConstraint("login = lower(login)", name="login_lower"),
    )


class StaffSession(Base):
    """One login in one browser; the token itself is only in its cookie."""

    __tablename__ = "staff_session"

    id: Mapped[uuid.UUID] = id_column()
    staff_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff.id"), index=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime] = now_column()
    seen_at: Mapped[datetime] = now_column()
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class HandoffTicket(Base):
    """A conversation waiting for, or with, a human, with the reason and the words that led there.

    ``priority`` 1 is the most urgent. ``wanted_agent_id``: whom it is kept for until ``wanted_until``.
    ``waiting_since``: since when the taxpayer waits for a human's answer, ``None`` when they do not.
    ``answer_due_at`` and ``resolve_due_at``: when the clocks of the service level run out; ``*_alarm`` is 1 once that was
    nearly so, 2 once it was.
    """

    __tablename__ = "handoff_ticket"

    id: Mapped[uuid.UUID] = id_column()
    number: Mapped[str] = mapped_column(unique=True)
    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversation.id"))
    taxpayer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("taxpayer.id"))
    channel: Mapped[str] = mapped_column(String(20), default="web", server_default="web")
    pack: Mapped[str | None] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(40))
    skill: Mapped[str] = mapped_column(String(20))
    priority: Mapped[int] = mapped_column(Integer)
    summary: Mapped[str]
    trigger_text: Mapped[str]
    status: Mapped[TicketStatus] = mapped_column(
        String(10), default=TicketStatus.WAITING, server_default="waiting"
    )
    agent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"))
    wanted_agent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"))
    wanted_until: Mapped[datetime | None]
    claimed_at: Mapped[datetime | None]
    first_answer_at: Mapped[datetime | None]
    waiting_since: Mapped[datetime | None] = mapped_column(server_default=func.now())
    answer_due_at: Mapped[datetime | None]
    answer_alarm: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    resolve_due_at: Mapped[datetime | None]
    resolve_alarm: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    disposition: Mapped[str | None] = mapped_column(String(30))
    closing_note: Mapped[str | None]
    closed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"))
    created_at: Mapped[datetime] = now_column()
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("status in ('waiting','assigned','closed')", name="status_known"),
        CheckConstraint("(status = 'assigned') <= (agent_id is not null)", name="assigned_to_somebody"),
        CheckConstraint("(status = 'waiting') <= (agent_id is null)", name="waiting_for_anybody"),
        CheckConstraint("(status = 'closed') = (closed_at is not null)", name="closed_at_some_time"),
        Index(
            "ticket_one_open", "conversation_id", unique=True, postgresql_where=sql_text("status <> 'closed'")
        ),
        Index("ticket_waiting", "priority", "created_at", postgresql_where=sql_text("status = 'waiting'")),
        Index("ticket_of_agent", "agent_id", postgresql_where=sql_text("status = 'assigned'")),
        Index("ticket_history", "conversation_id", "created_at"),
        Index("ticket_closed", "closed_at", postgresql_where=sql_text("status = 'closed'")),
    )


class TicketEvent(Base):
    """Something that happened to a ticket; what reports count.

    ``kind`` takes the values of ``handoff.events.Kind``. ``once`` names what may happen only once (the breach of one
    clock); ``None`` for what may happen again.
    """

    __tablename__ = "ticket_event"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    ticket_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("handoff_ticket.id"))
    kind: Mapped[str] = mapped_column(String(30))
    staff_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"))
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=sql_text("'{}'::jsonb"))
    once: Mapped[str | None] = mapped_column(String(60))
    at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)

    __table_args__ = (
        Index("ticket_event_of", "ticket_id", "id"),
        Index("ticket_event_once", "ticket_id", "kind", "once", unique=True),
    )


class InternalNote(Base):
    """What staff tell each other about a conversation; the taxpayer never sees it."""

    __tablename__ = "internal_note"

    id: Mapped[uuid.UUID] = id_column()
    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversation.id"), index=True)
    staff_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff.id"))
    text: Mapped[str]
    created_at: Mapped[datetime] = now_column()


class CannedReply(Base):
    """A ready answer. ``text`` may hold the variables of ``handoff.canned.VARIABLES``."""

    __tablename__ = "canned_reply"

    id: Mapped[uuid.UUID] = id_column()
    title: Mapped[str] = mapped_column(unique=True)
    text: Mapped[str]
    skill: Mapped[str | None] = mapped_column(String(20))
    retired: Mapped[bool] = mapped_column(Boolean, default=False, server_default=sql_text("false"))
    created_at: Mapped[datetime] = now_column()


class Survey(Base):
    """How a taxpayer rated a talk with a human, 1 (bad) to 5 (good), and what they said about it."""

    __tablename__ = "survey"

    id: Mapped[uuid.UUID] = id_column()
    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversation.id"), index=True)
    ticket_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("handoff_ticket.id"), unique=True)
    score: Mapped[int] = mapped_column(SmallInteger)
    word: Mapped[str] = mapped_column(default="", server_default="")
    channel: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime] = now_column()

    __table_args__ = (CheckConstraint("score between 1 and 5", name="score_in_range"),)


class OfficeHours(Base):
    """A stretch of an official workday in which seats are staffed (Asia/Shanghai)."""

    __tablename__ = "office_hours"

    starts: Mapped[time] = mapped_column(primary_key=True)
    ends: Mapped[time]

    __table_args__ = (CheckConstraint("starts < ends", name="begins_before_it_ends"),)
