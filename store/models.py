"""The tables: one typed model per thing the bureau keeps.

Money is ``Decimal`` in yuan with two places (``NUMERIC(15, 2)``); days are dates in Asia/Shanghai; instants are
timezone-aware. Identity numbers and phones exist only as three columns: ``*_enc`` (AES-GCM), ``*_hash`` (keyed hash
for look-up) and ``*_mask`` (what may be shown).
"""

from __future__ import annotations

import uuid
from datetime import date, datetime
from decimal import Decimal
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
    String,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy import text as sql_text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

# Tables of these are named by foreign keys here, so they have to be known wherever these are.
from store import handoff_models as handoff_models
from store import outreach_models as outreach_models
from store.base import Base as Base
from store.base import id_column, now_column
from store.outreach_models import OutboxState


class TaxpayerKind(StrEnum):
    """Who the taxpayer is in law."""

    COMPANY = "company"
    SOLE_TRADER = "sole_trader"
    PERSON = "person"


class BillStatus(StrEnum):
    """Whether the bill is still claimed. Overdue, partly paid and deferred are derived, never stored."""

    OPEN = "open"
    SETTLED = "settled"
    DISPUTED = "disputed"
    WITHDRAWN = "withdrawn"


class Owner(StrEnum):
    """Who answers a conversation now: exactly one of these."""

    BOT = "bot"
    QUEUE = "queue"
    """Waiting for a human; the bot keeps answering meanwhile."""
    AGENT = "agent"
    CLOSED = "closed"


class MessageState(StrEnum):
    """Where an incoming message stands; ``pending`` ones are taken up again after a crash."""

    PENDING = "pending"
    ANSWERED = "answered"
    FAILED = "failed"


class CallState(StrEnum):
    """How far a call has come; it never goes back."""

    PLANNED = "planned"
    INTENT = "intent"
    """About to be dialled: from here on nobody else may dial it."""
    PLACED = "placed"
    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"


class Taxpayer(Base):
    """A person, sole trader or company the bureau may write to; ``pack``: the dialect they spoke the last time."""

    __tablename__ = "taxpayer"

    id: Mapped[uuid.UUID] = id_column()
    kind: Mapped[TaxpayerKind] = mapped_column(String(20))
    name: Mapped[str]
    region: Mapped[str] = mapped_column(String(40), index=True)
    identifier_kind: Mapped[str] = mapped_column(String(20))
    identifier_enc: Mapped[bytes]
    identifier_hash: Mapped[bytes] = mapped_column(unique=True)
    identifier_mask: Mapped[str]
    fictional: Mapped[bool] = mapped_column(Boolean, default=False, server_default=sql_text("false"))
    pack: Mapped[str | None] = mapped_column(String(20))
    industry: Mapped[str | None] = mapped_column(String(40))
    size: Mapped[str | None] = mapped_column(String(10))
    """``micro``, ``small``, ``medium`` or ``large``; ``None`` for persons and where nobody said."""
    created_at: Mapped[datetime] = now_column()

    contacts: Mapped[list[Contact]] = relationship(back_populates="taxpayer", order_by="Contact.created_at")
    bills: Mapped[list[Bill]] = relationship(back_populates="taxpayer", order_by="Bill.due_date")

    __table_args__ = (
        CheckConstraint("kind in ('company','sole_trader','person')", name="kind_known"),
        CheckConstraint("size in ('micro','small','medium','large')", name="size_known"),
    )


class Contact(Base):
    """A registered way to reach a taxpayer; verification codes go to the primary one only."""

    __tablename__ = "contact"

    id: Mapped[uuid.UUID] = id_column()
    taxpayer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("taxpayer.id"), index=True)
    role: Mapped[str] = mapped_column(String(20))
    name: Mapped[str]
    phone_enc: Mapped[bytes]
    phone_hash: Mapped[bytes] = mapped_column(index=True)
    phone_mask: Mapped[str]
    is_primary: Mapped[bool] = mapped_column(Boolean, default=True)
    created_at: Mapped[datetime] = now_column()

    taxpayer: Mapped[Taxpayer] = relationship(back_populates="contacts")

    __table_args__ = (
        UniqueConstraint("taxpayer_id", "phone_hash"),
        Index("contact_one_primary", "taxpayer_id", unique=True, postgresql_where=sql_text("is_primary")),
    )


class Bill(Base):
    """One debt: a tax of one period with its principal and stored deadline (the stored deadline wins)."""

    __tablename__ = "bill"

    id: Mapped[uuid.UUID] = id_column()
    bill_no: Mapped[str] = mapped_column(unique=True)
    taxpayer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("taxpayer.id"), index=True)
    tax_type: Mapped[str]
    period: Mapped[str] = mapped_column(String(20))
    principal: Mapped[Decimal]
    due_date: Mapped[date] = mapped_column(index=True)
    nominal_due: Mapped[date | None]
    status: Mapped[BillStatus] = mapped_column(String(20), default=BillStatus.OPEN, server_default="open")
    authority_fault: Mapped[bool] = mapped_column(Boolean, default=False, server_default=sql_text("false"))
    created_at: Mapped[datetime] = now_column()

    taxpayer: Mapped[Taxpayer] = relationship(back_populates="bills")
    payments: Mapped[list[Payment]] = relationship(back_populates="bill", order_by="Payment.paid_on")
    deferrals: Mapped[list[DeferralApplication]] = relationship(back_populates="bill")

    __table_args__ = (
        CheckConstraint("principal > 0", name="principal_positive"),
        CheckConstraint("status in ('open','settled','disputed','withdrawn')", name="status_known"),
    )


class Payment(Base):
    """Money received for a bill; ``kind`` says whether it was credited to tax or to the late fee."""

    __tablename__ = "payment"

    id: Mapped[uuid.UUID] = id_column()
    payment_no: Mapped[str] = mapped_column(unique=True)
    bill_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bill.id"), index=True)
    paid_on: Mapped[date]
    amount: Mapped[Decimal]
    kind: Mapped[str] = mapped_column(String(10), default="tax", server_default="tax")
    channel: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[datetime] = now_column()

    bill: Mapped[Bill] = relationship(back_populates="payments")

    __table_args__ = (
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("kind in ('tax','late_fee')", name="kind_known"),
    )


class DeferralApplication(Base):
    """An application under Art. 31(2); its life cycle is ``tax.deferral.Status``."""

    __tablename__ = "deferral_application"

    id: Mapped[uuid.UUID] = id_column()
    number: Mapped[str] = mapped_column(unique=True)
    taxpayer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("taxpayer.id"), index=True)
    bill_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bill.id"), index=True)
    conversation_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("conversation.id"))
    said_in: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("message.id"), unique=True)
    status: Mapped[str] = mapped_column(String(20), default="draft", server_default="draft")
    reason: Mapped[str] = mapped_column(String(20))
    reason_text: Mapped[str]
    tax_amount: Mapped[Decimal]
    months: Mapped[int] = mapped_column(Integer)
    requested_until: Mapped[date]
    cash: Mapped[Decimal]
    wages_payable: Mapped[Decimal]
    social_insurance: Mapped[Decimal]
    submitted_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    approved_until: Mapped[date | None]
    decision_note: Mapped[str | None]
    accepted_at: Mapped[datetime | None]
    more_wanted: Mapped[str | None]
    """What the officer asked the applicant to add; ``None`` when nothing is missing."""
    more_wanted_at: Mapped[datetime | None]
    officer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"))
    created_at: Mapped[datetime] = now_column()

    taxpayer: Mapped[Taxpayer] = relationship()
    bill: Mapped[Bill] = relationship(back_populates="deferrals")
    materials: Mapped[list[DeferralMaterial]] = relationship(back_populates="application")

    __table_args__ = (
        CheckConstraint(
            "status in ('draft','submitted','accepted','approved','refused','withdrawn','expired')",
            name="status_known",
        ),
        CheckConstraint("months between 1 and 3", name="months_lawful"),
        CheckConstraint("reason in ('cash_shortage','force_majeure')", name="reason_known"),
        Index(
            "deferral_one_live",
            "bill_id",
            unique=True,
            postgresql_where=sql_text("status in ('draft','submitted','accepted','approved')"),
        ),
    )


class DeferralMaterial(Base):
    """A file the applicant gave; the bytes lie in the upload folder under ``sha256``."""

    __tablename__ = "deferral_material"

    id: Mapped[uuid.UUID] = id_column()
    application_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("deferral_application.id"), index=True
    )
    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversation.id"), index=True)
    filename: Mapped[str]
    content_type: Mapped[str] = mapped_column(String(80))
    size: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = now_column()

    application: Mapped[DeferralApplication | None] = relationship(back_populates="materials")

    __table_args__ = (UniqueConstraint("conversation_id", "sha256"),)


class Conversation(Base):
    """One thread with one taxpayer on one channel; ``agent_id`` says who owns it while ``owner`` is ``agent``.

    ``taxpayer_read_id`` and ``agent_read_id``: the newest message each side has had before their eyes.
    """

    __tablename__ = "conversation"

    id: Mapped[uuid.UUID] = id_column()
    channel: Mapped[str] = mapped_column(String(20))
    external_id: Mapped[str | None]
    session_hash: Mapped[bytes | None] = mapped_column(unique=True)
    owner: Mapped[Owner] = mapped_column(String(10), default=Owner.BOT, server_default="bot")
    agent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"), index=True)
    taxpayer_read_id: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    agent_read_id: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    taxpayer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("taxpayer.id"), index=True)
    misunderstandings: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    collection_stopped: Mapped[bool] = mapped_column(Boolean, default=False, server_default=sql_text("false"))
    created_at: Mapped[datetime] = now_column()
    last_message_at: Mapped[datetime] = now_column()

    __table_args__ = (
        UniqueConstraint("channel", "external_id"),
        CheckConstraint("owner in ('bot','queue','agent','closed')", name="owner_known"),
        CheckConstraint("(owner = 'agent') = (agent_id is not null)", name="one_owner"),
    )


class Message(Base):
    """One bubble. ``text`` never holds an identity number or phone: those are replaced on the way in."""

    __tablename__ = "message"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversation.id"))
    sender: Mapped[str] = mapped_column(String(10))
    client_id: Mapped[str | None] = mapped_column(String(64))
    text: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=sql_text("'{}'::jsonb"))
    state: Mapped[MessageState] = mapped_column(String(10), default=MessageState.ANSWERED)
    reply_to: Mapped[int | None] = mapped_column(ForeignKey("message.id"))
    created_at: Mapped[datetime] = now_column()

    __table_args__ = (
        UniqueConstraint("conversation_id", "client_id"),
        Index("message_thread", "conversation_id", "id"),
        Index("message_pending", "id", postgresql_where=sql_text("state = 'pending'")),
        CheckConstraint("sender in ('taxpayer','bot','agent','system')", name="sender_known"),
        CheckConstraint("state in ('pending','answered','failed')", name="state_known"),
    )


class Secret(Base):
    """An identity number or phone typed into a conversation, kept encrypted behind a placeholder."""

    __tablename__ = "secret"

    id: Mapped[uuid.UUID] = id_column()
    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversation.id"))
    placeholder: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(20))
    value_enc: Mapped[bytes]
    value_mask: Mapped[str]
    created_at: Mapped[datetime] = now_column()

    __table_args__ = (UniqueConstraint("conversation_id", "placeholder"),)


class Verification(Base):
    """One attempt to prove identity. An unknown identifier gets a row too, so that nobody can tell them apart."""

    __tablename__ = "verification"

    id: Mapped[uuid.UUID] = id_column()
    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversation.id"), index=True)
    taxpayer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("taxpayer.id"), index=True)
    state: Mapped[str] = mapped_column(String(10), default="pending", server_default="pending")
    code_hash: Mapped[bytes | None]
    code_expires_at: Mapped[datetime | None]
    misses: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    verified_at: Mapped[datetime | None]
    valid_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = now_column()

    __table_args__ = (
        CheckConstraint("state in ('pending','verified','locked','superseded')", name="state_known"),
    )


class OutboxSms(Base):
    """A text message to send, once; in the demonstration a page shows it. Only those of ``attempt_id`` are a campaign's.

    ``stale_at``: from when on it is of no use (a code that has run out).
    """

    __tablename__ = "outbox_sms"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(20))
    phone_enc: Mapped[bytes]
    phone_mask: Mapped[str]
    body_enc: Mapped[bytes]
    taxpayer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("taxpayer.id"), index=True)
    attempt_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("outreach_attempt.id"), unique=True)
    state: Mapped[OutboxState] = mapped_column(String(10), default=OutboxState.NEW, server_default="new")
    token: Mapped[int | None] = mapped_column(BigInteger)
    leased_until: Mapped[datetime | None]
    intent_at: Mapped[datetime | None]
    stale_at: Mapped[datetime | None]
    carrier_id: Mapped[str | None] = mapped_column(String(80), unique=True)
    error: Mapped[str | None]
    created_at: Mapped[datetime] = now_column()
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(
            "state in ('new','leased','intent','sent','delivered','failed','shown','dropped')",
            name="state_known",
        ),
        Index("sms_unsent", "id", postgresql_where=sql_text("state in ('new','leased','intent')")),
    )


class Promise(Base):
    """A day the taxpayer named for paying, confirmed by them."""

    __tablename__ = "promise"

    id: Mapped[uuid.UUID] = id_column()
    taxpayer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("taxpayer.id"), index=True)
    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversation.id"))
    bill_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("bill.id"))
    promised_on: Mapped[date]
    status: Mapped[str] = mapped_column(String(10), default="open", server_default="open")
    settled_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = now_column()

    __table_args__ = (
        CheckConstraint("status in ('open','kept','broken','replaced')", name="status_known"),
        Index("promise_one_open", "taxpayer_id", unique=True, postgresql_where=sql_text("status = 'open'")),
    )


class CaseKind(StrEnum):
    """What a case asks an officer to look into."""

    DISPUTE = "dispute"
    PAYMENT_CHECK = "payment_check"
    COMPLAINT = "complaint"
    CALLBACK = "callback"
    REVIEW = "review"
    """A talk that was rated badly."""
    COLLECTION = "collection"
    """A campaign has come to the point where an officer takes over."""


class Case(Base):
    """A piece of work for an officer: a dispute, a payment to check, a complaint, a callback to make, a talk to review."""

    __tablename__ = "case"

    id: Mapped[uuid.UUID] = id_column()
    number: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[CaseKind] = mapped_column(String(20), index=True)
    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversation.id"), index=True)
    taxpayer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("taxpayer.id"), index=True)
    bill_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("bill.id"))
    said_in: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("message.id"))
    statement: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=sql_text("'{}'::jsonb"))
    due_at: Mapped[datetime | None]
    status: Mapped[str] = mapped_column(String(10), default="open", server_default="open")
    assigned_to: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"), index=True)
    result: Mapped[str | None]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"))
    created_at: Mapped[datetime] = now_column()

    __table_args__ = (
        UniqueConstraint("kind", "said_in"),
        CheckConstraint(
            "kind in ('dispute','payment_check','complaint','callback','review','collection')",
            name="kind_known",
        ),
        CheckConstraint("status in ('open','done','dropped')", name="status_known"),
    )


class ContactExclusion(Base):
    """A reason not to contact: the taxpayer opted out, or the number belongs to somebody else."""

    __tablename__ = "contact_exclusion"

    id: Mapped[uuid.UUID] = id_column()
    kind: Mapped[str] = mapped_column(String(20))
    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversation.id"))
    taxpayer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("taxpayer.id"), index=True)
    created_at: Mapped[datetime] = now_column()

    __table_args__ = (
        UniqueConstraint("conversation_id", "kind"),
        CheckConstraint("kind in ('opt_out','wrong_person')", name="kind_known"),
    )


class ArticleFeedback(Base):
    """Whether an answer quoted from an article helped; one vote a bubble, the last one counts.

    ``question`` is what was asked, as the message table holds it: numbers taken out.
    """

    __tablename__ = "article_feedback"

    id: Mapped[uuid.UUID] = id_column()
    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversation.id"), index=True)
    message_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("message.id"), unique=True)
    article_id: Mapped[str] = mapped_column(String(80))
    helpful: Mapped[bool] = mapped_column(Boolean)
    question: Mapped[str]
    voted_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class AuditEvent(Base):
    """One link of the append-only chain: ``hash`` covers the row and ``prev_hash``; a trigger forbids change."""

    __tablename__ = "audit_event"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str] = mapped_column(String(60), index=True)
    subject: Mapped[str]
    detail: Mapped[dict[str, Any]]
    prev_hash: Mapped[bytes]
    hash: Mapped[bytes] = mapped_column(unique=True)


class AuditHead(Base):
    """Where the audit chain ends; one row, moved on by a trigger when an event is added."""

    __tablename__ = "audit_head"

    one: Mapped[bool] = mapped_column(Boolean, primary_key=True)
    event_id: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes]

    __table_args__ = (CheckConstraint("one", name="only_one"),)


class Call(Base):
    """One telephone call. Times are the carrier's where it told them; ``outcome`` is set once.

    ``outcome`` takes the values of ``telephony.events.Outcome``. ``stream_opened_at`` is when the one-time token of
    its media stream was used. ``media_seconds`` is how long the stream lasted, ``recording_seconds`` what is kept of
    it; ``recording_path`` is relative to the recordings' folder and stays after the file was deleted.
    """

    __tablename__ = "call"

    id: Mapped[uuid.UUID] = id_column()
    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversation.id"), index=True)
    taxpayer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("taxpayer.id"), index=True)
    carrier: Mapped[str] = mapped_column(String(20))
    carrier_id: Mapped[str | None] = mapped_column(String(80), unique=True)
    phone_enc: Mapped[bytes]
    phone_hash: Mapped[bytes] = mapped_column(index=True)
    phone_mask: Mapped[str]
    purpose: Mapped[str] = mapped_column(String(40))
    state: Mapped[CallState] = mapped_column(String(10), default=CallState.PLANNED, server_default="planned")
    outcome: Mapped[str | None] = mapped_column(String(20))
    outcome_note: Mapped[str | None]
    answered_by: Mapped[str | None] = mapped_column(String(30))
    pack: Mapped[str | None] = mapped_column(String(20))
    voice: Mapped[str | None] = mapped_column(String(40))
    intent_at: Mapped[datetime | None]
    placed_at: Mapped[datetime | None]
    ringing_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    stream_opened_at: Mapped[datetime | None]
    media_seconds: Mapped[float | None] = mapped_column(Float)
    recording_path: Mapped[str | None]
    recording_seconds: Mapped[float | None] = mapped_column(Float)
    recording_key_id: Mapped[str | None] = mapped_column(String(32))
    recording_deleted_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = now_column()

    __table_args__ = (
        CheckConstraint(
            "state in ('planned','intent','placed','ringing','answered','ended')", name="state_known"
        ),
        CheckConstraint(
            "outcome in ('completed','not_verified','wrong_person','callback','opted_out','human','voicemail',"
            "'silent','hung_up','busy','no_answer','rejected','invalid_number','fax','carrier_failure',"
            "'our_failure')",
            name="outcome_known",
        ),
        CheckConstraint("state in ('planned','ended') or intent_at is not null", name="intent_recorded"),
        Index("call_live", "intent_at", postgresql_where=sql_text("state not in ('planned','ended')")),
        Index("call_unsettled", "ended_at", postgresql_where=sql_text("state = 'ended' and outcome is null")),
    )


class CallEvent(Base):
    """Something a carrier reported about a call; the same report is stored once."""

    __tablename__ = "call_event"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    call_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("call.id"))
    source: Mapped[str] = mapped_column(String(20))
    sequence: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(40))
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=sql_text("'{}'::jsonb"))
    at: Mapped[datetime]
    received_at: Mapped[datetime] = now_column()

    __table_args__ = (UniqueConstraint("call_id", "source", "sequence", "kind"),)


class CallLine(Base):
    """One line of a call's transcript; ``text`` never holds an identity number or phone.

    Milliseconds are of the call's clock (0: the media stream began). ``heard``: the share 0..1 of a bot's line that
    the carrier's marks prove was played, ``None`` for the caller's lines and keys. ``grams``: what the line is found
    by (``store.call_lines.grams``).
    """

    __tablename__ = "call_line"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    call_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("call.id"))
    speaker: Mapped[str] = mapped_column(String(10))
    text: Mapped[str]
    grams: Mapped[list[str]] = mapped_column(ARRAY(Text))
    began_ms: Mapped[int] = mapped_column(Integer)
    ended_ms: Mapped[int] = mapped_column(Integer)
    heard: Mapped[float | None] = mapped_column(Float)
    confidence: Mapped[float | None] = mapped_column(Float)
    pack: Mapped[str | None] = mapped_column(String(20))
    created_at: Mapped[datetime] = now_column()

    __table_args__ = (
        CheckConstraint("speaker in ('bot','caller','key')", name="speaker_known"),
        CheckConstraint("began_ms <= ended_ms", name="time_runs_forward"),
        CheckConstraint("heard between 0 and 1", name="heard_is_a_share"),
        Index("call_line_talk", "call_id", "began_ms", "id"),
        Index("call_line_grams", "grams", postgresql_using="gin"),
    )
