"""The first tables, the guard of the audit trail, and the head of its chain."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Each event must follow the one the head names, so a chain cannot fork or skip even when rows are added by hand.
_AUDIT_GUARD = """
create function audit_follow() returns trigger language plpgsql as $$
begin
    update audit_head set event_id = new.id, hash = new.hash
     where event_id = new.id - 1 and hash = new.prev_hash;
    if not found then
        raise exception 'audit event % does not follow the head of the chain', new.id;
    end if;
    return new;
end $$;

create function audit_refuse() returns trigger language plpgsql as $$
begin
    raise exception 'the audit trail is append-only: % on % refused', tg_op, tg_table_name;
end $$;

create function audit_head_forward() returns trigger language plpgsql as $$
begin
    if new.one is distinct from old.one or new.event_id <> old.event_id + 1 then
        raise exception 'the head of the audit trail moves one event at a time';
    end if;
    return new;
end $$;

create trigger audit_event_follow before insert on audit_event
    for each row execute function audit_follow();
create trigger audit_event_append_only before update or delete or truncate on audit_event
    for each statement execute function audit_refuse();
create trigger audit_head_forward before update on audit_head
    for each row execute function audit_head_forward();
create trigger audit_head_kept before delete or truncate on audit_head
    for each statement execute function audit_refuse();

insert into audit_head (one, event_id, hash) values (true, 0, decode(repeat('00', 32), 'hex'));
"""


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "audit_event",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("hash"),
    )
    op.create_index("ix_audit_event_action", "audit_event", ["action"])
    op.create_table(
        "audit_head",
        sa.Column("one", sa.Boolean(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("one", name="only_one"),
        sa.PrimaryKeyConstraint("one"),
    )
    op.create_table(
        "outbox_sms",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("phone_enc", sa.LargeBinary(), nullable=False),
        sa.Column("phone_mask", sa.Text(), nullable=False),
        sa.Column("body_enc", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "taxpayer",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("region", sa.String(length=40), nullable=False),
        sa.Column("identifier_kind", sa.String(length=20), nullable=False),
        sa.Column("identifier_enc", sa.LargeBinary(), nullable=False),
        sa.Column("identifier_hash", sa.LargeBinary(), nullable=False),
        sa.Column("identifier_mask", sa.Text(), nullable=False),
        sa.Column("fictional", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind in ('company','sole_trader','person')", name="kind_known"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("identifier_hash"),
    )
    op.create_index("ix_taxpayer_region", "taxpayer", ["region"])
    op.create_table(
        "bill",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("bill_no", sa.Text(), nullable=False),
        sa.Column("taxpayer_id", sa.UUID(), nullable=False),
        sa.Column("tax_type", sa.Text(), nullable=False),
        sa.Column("period", sa.String(length=20), nullable=False),
        sa.Column("principal", sa.Numeric(precision=15, scale=2), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("nominal_due", sa.Date(), nullable=True),
        sa.Column("status", sa.String(length=20), server_default="open", nullable=False),
        sa.Column("authority_fault", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("status in ('open','settled','disputed','withdrawn')", name="status_known"),
        sa.CheckConstraint("principal > 0", name="principal_positive"),
        sa.ForeignKeyConstraint(["taxpayer_id"], ["taxpayer.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("bill_no"),
    )
    op.create_index("ix_bill_due_date", "bill", ["due_date"])
    op.create_index("ix_bill_taxpayer_id", "bill", ["taxpayer_id"])
    op.create_table(
        "contact",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("taxpayer_id", sa.UUID(), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phone_enc", sa.LargeBinary(), nullable=False),
        sa.Column("phone_hash", sa.LargeBinary(), nullable=False),
        sa.Column("phone_mask", sa.Text(), nullable=False),
        sa.Column("is_primary", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["taxpayer_id"], ["taxpayer.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("taxpayer_id", "phone_hash"),
    )
    op.create_index(
        "contact_one_primary", "contact", ["taxpayer_id"], unique=True, postgresql_where=sa.text("is_primary")
    )
    op.create_index("ix_contact_phone_hash", "contact", ["phone_hash"])
    op.create_index("ix_contact_taxpayer_id", "contact", ["taxpayer_id"])
    op.create_table(
        "conversation",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("session_hash", sa.LargeBinary(), nullable=True),
        sa.Column("owner", sa.String(length=10), server_default="bot", nullable=False),
        sa.Column("taxpayer_id", sa.UUID(), nullable=True),
        sa.Column("misunderstandings", sa.Integer(), server_default="0", nullable=False),
        sa.Column("collection_stopped", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "last_message_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint("owner in ('bot','queue','agent','closed')", name="owner_known"),
        sa.ForeignKeyConstraint(["taxpayer_id"], ["taxpayer.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("channel", "external_id"),
        sa.UniqueConstraint("session_hash"),
    )
    op.create_index("ix_conversation_taxpayer_id", "conversation", ["taxpayer_id"])
    op.create_table(
        "case",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("conversation_id", sa.UUID(), nullable=False),
        sa.Column("taxpayer_id", sa.UUID(), nullable=True),
        sa.Column("bill_id", sa.UUID(), nullable=True),
        sa.Column("said_in", sa.BigInteger(), nullable=True),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column(
            "details",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.String(length=10), server_default="open", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind in ('dispute','payment_check','complaint','callback')", name="kind_known"),
        sa.CheckConstraint("status in ('open','done','dropped')", name="status_known"),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"]),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"]),
        sa.ForeignKeyConstraint(["taxpayer_id"], ["taxpayer.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "said_in"),
        sa.UniqueConstraint("number"),
    )
    op.create_index("ix_case_conversation_id", "case", ["conversation_id"])
    op.create_index("ix_case_kind", "case", ["kind"])
    op.create_index("ix_case_taxpayer_id", "case", ["taxpayer_id"])
    op.create_table(
        "contact_exclusion",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("conversation_id", sa.UUID(), nullable=False),
        sa.Column("taxpayer_id", sa.UUID(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind in ('opt_out','wrong_person')", name="kind_known"),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"]),
        sa.ForeignKeyConstraint(["taxpayer_id"], ["taxpayer.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("conversation_id", "kind"),
    )
    op.create_table(
        "deferral_application",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("taxpayer_id", sa.UUID(), nullable=False),
        sa.Column("bill_id", sa.UUID(), nullable=False),
        sa.Column("conversation_id", sa.UUID(), nullable=True),
        sa.Column("said_in", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.String(length=20), server_default="draft", nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("reason_text", sa.Text(), nullable=False),
        sa.Column("tax_amount", sa.Numeric(precision=15, scale=2), nullable=False),
        sa.Column("months", sa.Integer(), nullable=False),
        sa.Column("requested_until", sa.Date(), nullable=False),
        sa.Column("cash", sa.Numeric(precision=15, scale=2), nullable=False),
        sa.Column("wages_payable", sa.Numeric(precision=15, scale=2), nullable=False),
        sa.Column("social_insurance", sa.Numeric(precision=15, scale=2), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_until", sa.Date(), nullable=True),
        sa.Column("decision_note", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("reason in ('cash_shortage','force_majeure')", name="reason_known"),
        sa.CheckConstraint(
            "status in ('draft','submitted','accepted','approved','refused','withdrawn','expired')",
            name="status_known",
        ),
        sa.CheckConstraint("months between 1 and 3", name="months_lawful"),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"]),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"]),
        sa.ForeignKeyConstraint(["taxpayer_id"], ["taxpayer.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number"),
        sa.UniqueConstraint("said_in"),
    )
    op.create_index(
        "deferral_one_live",
        "deferral_application",
        ["bill_id"],
        unique=True,
        postgresql_where=sa.text("status in ('draft','submitted','accepted','approved')"),
    )
    op.create_index("ix_deferral_application_bill_id", "deferral_application", ["bill_id"])
    op.create_index("ix_deferral_application_taxpayer_id", "deferral_application", ["taxpayer_id"])
    op.create_table(
        "handoff_ticket",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.UUID(), nullable=False),
        sa.Column("taxpayer_id", sa.UUID(), nullable=True),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("skill", sa.String(length=20), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("trigger_text", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=10), server_default="waiting", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status in ('waiting','assigned','closed')", name="status_known"),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"]),
        sa.ForeignKeyConstraint(["taxpayer_id"], ["taxpayer.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number"),
    )
    op.create_index(
        "ticket_one_open",
        "handoff_ticket",
        ["conversation_id"],
        unique=True,
        postgresql_where=sa.text("status <> 'closed'"),
    )
    op.create_table(
        "message",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("conversation_id", sa.UUID(), nullable=False),
        sa.Column("sender", sa.String(length=10), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column(
            "payload",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reply_to", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("sender in ('taxpayer','bot','agent','system')", name="sender_known"),
        sa.CheckConstraint("state in ('pending','answered','failed')", name="state_known"),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"]),
        sa.ForeignKeyConstraint(["reply_to"], ["message.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("conversation_id", "client_id"),
    )
    op.create_index(
        "message_pending", "message", ["id"], unique=False, postgresql_where=sa.text("state = 'pending'")
    )
    op.create_index("message_thread", "message", ["conversation_id", "id"])
    op.create_foreign_key("case_said_in_fkey", "case", "message", ["said_in"], ["id"])
    op.create_foreign_key(
        "deferral_application_said_in_fkey", "deferral_application", "message", ["said_in"], ["id"]
    )
    op.create_table(
        "payment",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("payment_no", sa.Text(), nullable=False),
        sa.Column("bill_id", sa.UUID(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=15, scale=2), nullable=False),
        sa.Column("kind", sa.String(length=10), server_default="tax", nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind in ('tax','late_fee')", name="kind_known"),
        sa.CheckConstraint("amount > 0", name="amount_positive"),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("payment_no"),
    )
    op.create_index("ix_payment_bill_id", "payment", ["bill_id"])
    op.create_table(
        "promise",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("taxpayer_id", sa.UUID(), nullable=False),
        sa.Column("conversation_id", sa.UUID(), nullable=False),
        sa.Column("bill_id", sa.UUID(), nullable=True),
        sa.Column("promised_on", sa.Date(), nullable=False),
        sa.Column("status", sa.String(length=10), server_default="open", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("status in ('open','kept','broken','replaced')", name="status_known"),
        sa.ForeignKeyConstraint(["bill_id"], ["bill.id"]),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"]),
        sa.ForeignKeyConstraint(["taxpayer_id"], ["taxpayer.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_promise_taxpayer_id", "promise", ["taxpayer_id"])
    op.create_index(
        "promise_one_open",
        "promise",
        ["taxpayer_id"],
        unique=True,
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_table(
        "secret",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("conversation_id", sa.UUID(), nullable=False),
        sa.Column("placeholder", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("value_enc", sa.LargeBinary(), nullable=False),
        sa.Column("value_mask", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("conversation_id", "placeholder"),
    )
    op.create_table(
        "verification",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("conversation_id", sa.UUID(), nullable=False),
        sa.Column("taxpayer_id", sa.UUID(), nullable=True),
        sa.Column("state", sa.String(length=10), server_default="pending", nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=True),
        sa.Column("code_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("misses", sa.Integer(), server_default="0", nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state in ('pending','verified','locked','superseded')", name="state_known"),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"]),
        sa.ForeignKeyConstraint(["taxpayer_id"], ["taxpayer.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_verification_conversation_id", "verification", ["conversation_id"])
    op.create_index("ix_verification_taxpayer_id", "verification", ["taxpayer_id"])
    op.create_table(
        "deferral_material",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("application_id", sa.UUID(), nullable=True),
        sa.Column("conversation_id", sa.UUID(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("content_type", sa.String(length=80), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["application_id"], ["deferral_application.id"]),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("conversation_id", "sha256"),
    )
    op.create_index("ix_deferral_material_application_id", "deferral_material", ["application_id"])
    op.create_index("ix_deferral_material_conversation_id", "deferral_material", ["conversation_id"])
    op.execute(_AUDIT_GUARD)


def downgrade() -> None:
    """Drop everything, the audit trail included."""
    for table in (
        "deferral_material",
        "verification",
        "secret",
        "promise",
        "payment",
        "message",
        "handoff_ticket",
        "deferral_application",
        "contact_exclusion",
        "case",
        "conversation",
        "contact",
        "bill",
        "taxpayer",
        "outbox_sms",
        "audit_head",
        "audit_event",
    ):
        op.drop_table(table)
    for function in ("audit_follow", "audit_refuse", "audit_head_forward"):
        op.execute(f"drop function {function}()")
