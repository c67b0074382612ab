"""The tables of outreach: campaigns, whom they remind, the steps of each reminder and every attempt at one.

What is claimed here is kept by the database itself (migration 0006): a bill that is paid, deferred, disputed or withdrawn
closes its reminders in the same transaction, whoever changed it, and a call that ends ends its attempt.
Rows are locked in the order reminder, step, attempt.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    String,
    UniqueConstraint,
)
from sqlalchemy import text as sql_text
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, id_column, now_column


class CampaignStatus(StrEnum):
    """Whether a campaign is at work."""

    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"


class StepState(StrEnum):
    """How far a step has come; the last four are final."""

    PLANNED = "planned"
    RUNNING = "running"
    """An attempt at it is under way."""
    DONE = "done"
    SKIPPED = "skipped"
    """Decided against when it was due; ``reasons`` say why."""
    CANCELLED = "cancelled"
    """Its reminder or its campaign ended first."""
    FAILED = "failed"
    """Tried as often as the rules allow, reaching nobody."""


class AttemptState(StrEnum):
    """How far an attempt has come; it never goes back."""

    LEASED = "leased"
    INTENT = "intent"
    """Written down before the carrier is asked: from here on nobody else may carry it out."""
    PLACED = "placed"
    """The carrier has given it an id."""
    ENDED = "ended"


class OutboxState(StrEnum):
    """Where a text or WeChat message stands; the last four are final."""

    NEW = "new"
    LEASED = "leased"
    INTENT = "intent"
    SENT = "sent"
    """The carrier has taken it."""
    DELIVERED = "delivered"
    FAILED = "failed"
    SHOWN = "shown"
    """There is no carrier: it is only shown on the demonstration's page."""
    DROPPED = "dropped"
    """Too late to be of use."""


class Campaign(Base):
    """A strategy at work. ``plan`` is what ``outreach.plan.Plan`` was when it was saved."""

    __tablename__ = "outreach_campaign"

    id: Mapped[uuid.UUID] = id_column()
    name: Mapped[str] = mapped_column(unique=True)
    plan: Mapped[dict[str, Any]]
    status: Mapped[CampaignStatus] = mapped_column(
        String(10), default=CampaignStatus.DRAFT, server_default="draft"
    )
    created_by: Mapped[str]
    created_at: Mapped[datetime] = now_column()
    started_at: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    enrolled_at: Mapped[datetime | None]
    """When its audience was last looked through."""

    __table_args__ = (CheckConstraint("status in ('draft','running','paused','ended')", name="status_known"),)


class Reminder(Base):
    """One taxpayer to be reminded of what falls due on one (effective) day, by one campaign.

    ``reasons`` is why the risk tier is what it is: a list of ``{"indicator", "value", "points", "words"}``. The instants
    are the stations of the funnel; ``None``: not reached.
    """

    __tablename__ = "outreach_reminder"

    id: Mapped[uuid.UUID] = id_column()
    campaign_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("outreach_campaign.id"))
    taxpayer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("taxpayer.id"), index=True)
    due: Mapped[date]
    score: Mapped[int] = mapped_column(Integer)
    tier: Mapped[str] = mapped_column(String(10))
    reasons: Mapped[list[dict[str, Any]]]
    active: Mapped[bool] = mapped_column(Boolean, default=True, server_default=sql_text("true"))
    closed_reason: Mapped[str | None] = mapped_column(String(20))
    created_at: Mapped[datetime] = now_column()
    notified_at: Mapped[datetime | None]
    """A message was delivered or a person was reached."""
    reached_at: Mapped[datetime | None]
    """A person answered."""
    verified_at: Mapped[datetime | None]
    promised_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]
    thanked_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("campaign_id", "taxpayer_id", "due"),
        CheckConstraint("tier in ('low','middle','high')", name="tier_known"),
        CheckConstraint(
            "closed_reason in ('paid','deferred','disputed','withdrawn','moved','finished','stopped')",
            name="reason_known",
        ),
        CheckConstraint("active = (closed_at is null)", name="closed_at_some_time"),
        CheckConstraint("active = (closed_reason is null)", name="closed_for_a_reason"),
        Index("reminder_progress", "campaign_id", "active", "tier"),
    )


class ReminderBill(Base):
    """A bill that a reminder is about."""

    __tablename__ = "outreach_reminder_bill"

    reminder_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("outreach_reminder.id"), primary_key=True)
    bill_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bill.id"), primary_key=True, index=True)


class Step(Base):
    """One step of one reminder.

    ``due_at`` is when the strategy wants it, ``next_at`` when it is looked at next (later after a try that failed or
    while limits forbid it), ``stale_at`` from when it is decided anew instead of carried out. ``lane``: ``call``,
    ``message`` or ``officer``. ``reasons`` is the latest decision about it, ``{"verdict", "reasons": [words]}``.
    """

    __tablename__ = "outreach_step"

    id: Mapped[uuid.UUID] = id_column()
    reminder_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("outreach_reminder.id"))
    campaign_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("outreach_campaign.id"))
    taxpayer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("taxpayer.id"), index=True)
    key: Mapped[str] = mapped_column(String(40))
    lane: Mapped[str] = mapped_column(String(10))
    priority: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    due_at: Mapped[datetime]
    next_at: Mapped[datetime]
    stale_at: Mapped[datetime]
    state: Mapped[StepState] = mapped_column(String(10), default=StepState.PLANNED, server_default="planned")
    tries: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    wanted: Mapped[str | None] = mapped_column(String(20))
    """How the next try differs from the step's usual way: ``other_number``, or a channel's name."""
    reasons: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=sql_text("'{}'::jsonb"))
    ended_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = now_column()

    __table_args__ = (
        UniqueConstraint("reminder_id", "key"),
        CheckConstraint("lane in ('call','message','officer')", name="lane_known"),
        CheckConstraint(
            "state in ('planned','running','done','skipped','cancelled','failed')", name="state_known"
        ),
        CheckConstraint("(state in ('planned','running')) = (ended_at is null)", name="ended_at_some_time"),
        # The worker takes the most urgent first, campaign by campaign, so that what a paused one holds costs nothing.
        Index(
            "step_due",
            "campaign_id",
            "lane",
            "priority",
            "next_at",
            "id",
            postgresql_where=sql_text("state = 'planned'"),
        ),
        Index("step_of_campaign", "campaign_id", "key", "state"),
    )


class Attempt(Base):
    """One try at a step, by one channel. Each is carried out at most once.

    ``token`` fences: who carries it out must still hold the token it was leased with. ``outcome`` is a value of
    ``telephony.events.Outcome`` for calls, of ``outreach.channels.Receipt`` for messages, or ``cancelled``.
    ``slot_at``: when the pace lets it go.
    """

    __tablename__ = "outreach_attempt"

    id: Mapped[uuid.UUID] = id_column()
    step_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("outreach_step.id"))
    number: Mapped[int] = mapped_column(Integer)
    channel: Mapped[str | None] = mapped_column(String(20))
    contact_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("contact.id"))
    state: Mapped[AttemptState] = mapped_column(
        String(10), default=AttemptState.LEASED, server_default="leased"
    )
    token: Mapped[int] = mapped_column(BigInteger)
    leased_by: Mapped[str] = mapped_column(String(80))
    leased_until: Mapped[datetime]
    slot_at: Mapped[datetime | None]
    intent_at: Mapped[datetime | None]
    call_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("call.id"), unique=True)
    carrier_id: Mapped[str | None] = mapped_column(String(80))
    outcome: Mapped[str | None] = mapped_column(String(20))
    note: Mapped[str | None]
    ended_at: Mapped[datetime | None]
    concluded_at: Mapped[datetime | None]
    """When it was decided what follows from its outcome."""
    created_at: Mapped[datetime] = now_column()

    __table_args__ = (
        UniqueConstraint("step_id", "number"),
        CheckConstraint("state in ('leased','intent','placed','ended')", name="state_known"),
        CheckConstraint("(state = 'ended') = (ended_at is not null)", name="ended_at_some_time"),
        CheckConstraint("(state = 'ended') = (outcome is not null)", name="ended_with_an_outcome"),
        Index("attempt_live", "leased_until", postgresql_where=sql_text("state <> 'ended'")),
        Index(
            "attempt_unconcluded",
            "ended_at",
            postgresql_where=sql_text("state = 'ended' and concluded_at is null"),
        ),
    )


class OutreachEvent(Base):
    """What happened to a reminder, for its history; ``detail`` holds no personal data."""

    __tablename__ = "outreach_event"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    reminder_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("outreach_reminder.id"), index=True)
    step_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("outreach_step.id"))
    attempt_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("outreach_attempt.id", ondelete="SET NULL"), index=True
    )
    kind: Mapped[str] = mapped_column(String(30))
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=sql_text("'{}'::jsonb"))
    at: Mapped[datetime] = now_column()


class OutreachSwitch(Base):
    """The red button: one row. While ``stopped`` nothing is dialled or sent by any campaign."""

    __tablename__ = "outreach_switch"

    one: Mapped[bool] = mapped_column(Boolean, primary_key=True, default=True)
    stopped: Mapped[bool] = mapped_column(Boolean, default=False, server_default=sql_text("false"))
    by: Mapped[str | None]
    reason: Mapped[str | None]
    at: Mapped[datetime] = now_column()

    __table_args__ = (CheckConstraint("one", name="only_one"),)


class ContactPause(Base):
    """Somebody decided that a taxpayer, or whoever answers a number, is left alone until ``until`` (``None``: for good)."""

    __tablename__ = "contact_pause"

    id: Mapped[uuid.UUID] = id_column()
    taxpayer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("taxpayer.id"), index=True)
    phone_hash: Mapped[bytes | None] = mapped_column(index=True)
    calls_only: Mapped[bool] = mapped_column(Boolean, default=False, server_default=sql_text("false"))
    until: Mapped[datetime | None]
    reason: Mapped[str]
    by: Mapped[str]
    lifted_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = now_column()

    __table_args__ = (
        CheckConstraint("(taxpayer_id is null) <> (phone_hash is null)", name="one_or_the_other"),
    )


class Pace(Base):
    """The token bucket all workers share, one row for what each carrier carries (``standin``, ``sms`` …).

    ``next_at`` is the earliest instant of the next slot; ``a_second`` and ``lines`` are what the carrier allows.
    """

    __tablename__ = "outreach_pace"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    a_second: Mapped[float] = mapped_column(Float)
    lines: Mapped[int] = mapped_column(Integer)
    next_at: Mapped[datetime] = now_column()

    __table_args__ = (
        CheckConstraint("a_second > 0", name="moves"),
        CheckConstraint("lines >= 0", name="lines_counted"),
    )


class VoiceHost(Base):
    """A gateway that talks in calls: ``lines`` is how many at once. Silent ones are not counted on."""

    __tablename__ = "voice_host"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    lines: Mapped[int] = mapped_column(Integer)
    seen_at: Mapped[datetime] = now_column()


class Template(Base):
    """Words of a step: ``words`` for where the taxpayer has logged in or is known, ``about`` all that a text message says.

    Checked when saved (``outreach.templates``): neither holds an amount, a threat or a forbidden phrase.
    """

    __tablename__ = "outreach_template"

    key: Mapped[str] = mapped_column(String(40), primary_key=True)
    title: Mapped[str]
    words: Mapped[str]
    about: Mapped[str]
    saved_by: Mapped[str]
    saved_at: Mapped[datetime] = now_column()


class Signal(Base):
    """Something a taxpayer said that the strategy heeds (``short_of_cash``), once a conversation."""

    __tablename__ = "outreach_signal"

    id: Mapped[uuid.UUID] = id_column()
    taxpayer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("taxpayer.id"), index=True)
    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversation.id"))
    kind: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime] = now_column()

    __table_args__ = (
        UniqueConstraint("conversation_id", "kind"),
        CheckConstraint("kind in ('short_of_cash')", name="kind_known"),
    )


class WechatUser(Base):
    """A follower of the Official Account, known once they have proved in WeChat who they are."""

    __tablename__ = "wechat_user"

    openid: Mapped[str] = mapped_column(String(64), primary_key=True)
    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversation.id"), unique=True)
    taxpayer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("taxpayer.id"), index=True)
    following: Mapped[bool] = mapped_column(Boolean, default=True, server_default=sql_text("true"))
    spoke_at: Mapped[datetime | None]
    """Their last message; for 48 hours after it the account may write to them freely."""
    created_at: Mapped[datetime] = now_column()


class OutboxWechat(Base):
    """A message to a follower: ``kind`` ``template`` or ``text`` (only within 48 hours of their last word)."""

    __tablename__ = "outbox_wechat"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    openid: Mapped[str] = mapped_column(ForeignKey("wechat_user.openid"))
    kind: Mapped[str] = mapped_column(String(10))
    body_enc: Mapped[bytes]
    message_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("message.id"), unique=True)
    attempt_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("outreach_attempt.id"), unique=True)
    state: Mapped[OutboxState] = mapped_column(String(10), default=OutboxState.NEW, server_default="new")
    token: Mapped[int | None] = mapped_column(BigInteger)
    leased_until: Mapped[datetime | None]
    """Who has leased it has so long; of a new one: when it is tried next."""
    intent_at: Mapped[datetime | None]
    carrier_id: Mapped[str | None] = mapped_column(String(80), index=True)
    """WeChat's id of a template message; ``reply:`` and the message answered, where the text was the reply to it."""
    error: Mapped[str | None]
    created_at: Mapped[datetime] = now_column()
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("kind in ('template','text')", name="kind_known"),
        CheckConstraint(
            "state in ('new','leased','intent','sent','delivered','failed','shown','dropped')",
            name="state_known",
        ),
        Index(
            "wechat_unsent",
            "id",
            postgresql_where=sql_text("state in ('new','leased','intent')"),
        ),
        Index(
            "wechat_unsent_to",
            "openid",
            "kind",
            postgresql_where=sql_text("state in ('new','leased','intent')"),
        ),
    )
