"""Telephone calls, what carriers report about them, and their transcripts; the dialect a taxpayer speaks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of calls; the new column of taxpayers is empty, so no row is rewritten."""
    op.add_column("taxpayer", sa.Column("pack", sa.String(length=20), nullable=True))
    op.create_table(
        "call",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("conversation_id", sa.UUID(), nullable=False),
        sa.Column("taxpayer_id", sa.UUID(), nullable=True),
        sa.Column("carrier", sa.String(length=20), nullable=False),
        sa.Column("carrier_id", sa.String(length=80), nullable=True),
        sa.Column("phone_enc", sa.LargeBinary(), nullable=False),
        sa.Column("phone_hash", sa.LargeBinary(), nullable=False),
        sa.Column("phone_mask", sa.Text(), nullable=False),
        sa.Column("purpose", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=10), server_default="planned", nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("outcome_note", sa.Text(), nullable=True),
        sa.Column("answered_by", sa.String(length=30), nullable=True),
        sa.Column("pack", sa.String(length=20), nullable=True),
        sa.Column("voice", sa.String(length=40), nullable=True),
        sa.Column("intent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ringing_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stream_opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("media_seconds", sa.Float(), nullable=True),
        sa.Column("recording_path", sa.Text(), nullable=True),
        sa.Column("recording_seconds", sa.Float(), nullable=True),
        sa.Column("recording_key_id", sa.String(length=32), nullable=True),
        sa.Column("recording_deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "state in ('planned','intent','placed','ringing','answered','ended')", name="state_known"
        ),
        sa.CheckConstraint(
            "outcome in ('completed','not_verified','wrong_person','callback','opted_out','human','voicemail',"
            "'silent','hung_up','busy','no_answer','rejected','invalid_number','fax','carrier_failure',"
            "'our_failure')",
            name="outcome_known",
        ),
        sa.CheckConstraint("state in ('planned','ended') or intent_at is not null", name="intent_recorded"),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"]),
        sa.ForeignKeyConstraint(["taxpayer_id"], ["taxpayer.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("carrier_id"),
    )
    op.create_index(
        "call_live", "call", ["intent_at"], postgresql_where=sa.text("state not in ('planned','ended')")
    )
    op.create_index(
        "call_unsettled",
        "call",
        ["ended_at"],
        postgresql_where=sa.text("state = 'ended' and outcome is null"),
    )
    op.create_index("ix_call_conversation_id", "call", ["conversation_id"])
    op.create_index("ix_call_phone_hash", "call", ["phone_hash"])
    op.create_index("ix_call_taxpayer_id", "call", ["taxpayer_id"])
    op.create_table(
        "call_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("call_id", sa.UUID(), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column(
            "detail",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("call_id", "source", "sequence", "kind"),
    )
    op.create_table(
        "call_line",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("call_id", sa.UUID(), nullable=False),
        sa.Column("speaker", sa.String(length=10), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("grams", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("began_ms", sa.Integer(), nullable=False),
        sa.Column("ended_ms", sa.Integer(), nullable=False),
        sa.Column("heard", sa.Float(), nullable=True),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("pack", sa.String(length=20), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("speaker in ('bot','caller','key')", name="speaker_known"),
        sa.CheckConstraint("began_ms <= ended_ms", name="time_runs_forward"),
        sa.CheckConstraint("heard between 0 and 1", name="heard_is_a_share"),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("call_line_talk", "call_line", ["call_id", "began_ms", "id"])
    op.create_index("call_line_grams", "call_line", ["grams"], postgresql_using="gin")


def downgrade() -> None:
    """Drop them, transcripts included."""
    op.drop_table("call_line")
    op.drop_table("call_event")
    op.drop_table("call")
    op.drop_column("taxpayer", "pack")
