"""The handoff: staff, their sessions, the queue's clocks and owners, notes, canned replies, surveys; live push."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Payloads are ids only: a channel of PostgreSQL can be heard by every role of the database.
_LIVE = """
create function shuiling_live() returns trigger language plpgsql as $$
begin
  if tg_table_name = 'message' then
    perform pg_notify('shuiling', 'message:' || new.conversation_id || ':' || new.id);
  elsif tg_table_name = 'conversation' then
    perform pg_notify('shuiling', 'conversation:' || new.id);
  elsif tg_table_name = 'handoff_ticket' then
    perform pg_notify('shuiling', 'ticket:' || new.conversation_id || ':' || new.id);
  else
    perform pg_notify('shuiling', tg_table_name || ':' || new.id);
  end if;
  return null;
end $$;
create trigger message_live after insert on message for each row execute function shuiling_live();
create trigger conversation_live after update of owner, agent_id, taxpayer_read_id, agent_read_id on conversation
  for each row when (
    (old.owner, old.agent_id, old.taxpayer_read_id, old.agent_read_id)
    is distinct from (new.owner, new.agent_id, new.taxpayer_read_id, new.agent_read_id)
  ) execute function shuiling_live();
create trigger ticket_live
  after insert or update of status, agent_id, skill, priority, wanted_agent_id on handoff_ticket
  for each row execute function shuiling_live();
create trigger staff_live after update of presence, disabled on staff
  for each row when ((old.presence, old.disabled) is distinct from (new.presence, new.disabled))
  execute function shuiling_live();
create trigger case_live after insert or update on "case" for each row execute function shuiling_live();
create trigger deferral_live after insert or update of status, more_wanted on deferral_application
  for each row execute function shuiling_live();
"""
_QUIET = """
drop trigger message_live on message;
drop trigger conversation_live on conversation;
drop trigger ticket_live on handoff_ticket;
drop trigger staff_live on staff;
drop trigger case_live on "case";
drop trigger deferral_live on deferral_application;
drop function shuiling_live;
"""


def upgrade() -> None:
    """Create the tables, give open tickets their channel and owner, and announce changes."""
    op.create_table(
        "canned_reply",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("skill", sa.String(length=20), nullable=True),
        sa.Column("retired", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("title"),
    )
    op.create_table(
        "office_hours",
        sa.Column("starts", sa.Time(), nullable=False),
        sa.Column("ends", sa.Time(), nullable=False),
        sa.CheckConstraint("starts < ends", name="begins_before_it_ends"),
        sa.PrimaryKeyConstraint("starts"),
    )
    op.create_table(
        "staff",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("login", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("skills", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("max_load", sa.Integer(), server_default="4", nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("totp_enc", sa.LargeBinary(), nullable=True),
        sa.Column("totp_used", sa.BigInteger(), nullable=True),
        sa.Column("failed_logins", sa.Integer(), server_default="0", nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("presence", sa.String(length=10), server_default="offline", nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("presence in ('online','away','offline')", name="presence_known"),
        sa.CheckConstraint("login = lower(login)", name="login_lower"),
        sa.CheckConstraint("max_load between 1 and 50", name="load_sane"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("login"),
    )
    op.create_table(
        "staff_session",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("staff_id", sa.UUID(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["staff_id"],
            ["staff.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_index("ix_staff_session_staff_id", "staff_session", ["staff_id"], unique=False)
    op.create_table(
        "internal_note",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("conversation_id", sa.UUID(), nullable=False),
        sa.Column("staff_id", sa.UUID(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"],
            ["staff.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_internal_note_conversation_id", "internal_note", ["conversation_id"], unique=False)
    op.create_table(
        "survey",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("conversation_id", sa.UUID(), nullable=False),
        sa.Column("ticket_id", sa.UUID(), nullable=False),
        sa.Column("score", sa.SmallInteger(), nullable=False),
        sa.Column("word", sa.Text(), server_default="", nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("score between 1 and 5", name="score_in_range"),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"],
            ["handoff_ticket.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("ticket_id"),
    )
    op.create_index("ix_survey_conversation_id", "survey", ["conversation_id"], unique=False)
    op.create_table(
        "ticket_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("ticket_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("staff_id", sa.UUID(), nullable=True),
        sa.Column(
            "detail",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("once", sa.String(length=60), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"],
            ["staff.id"],
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"],
            ["handoff_ticket.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_ticket_event_at", "ticket_event", ["at"], unique=False)
    op.create_index("ticket_event_of", "ticket_event", ["ticket_id", "id"], unique=False)
    op.create_index("ticket_event_once", "ticket_event", ["ticket_id", "kind", "once"], unique=True)
    op.add_column("case", sa.Column("assigned_to", sa.UUID(), nullable=True))
    op.add_column("case", sa.Column("result", sa.Text(), nullable=True))
    op.add_column("case", sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("case", sa.Column("closed_by", sa.UUID(), nullable=True))
    op.create_index("ix_case_assigned_to", "case", ["assigned_to"], unique=False)
    op.create_foreign_key(None, "case", "staff", ["assigned_to"], ["id"])
    op.create_foreign_key(None, "case", "staff", ["closed_by"], ["id"])
    op.add_column("conversation", sa.Column("agent_id", sa.UUID(), nullable=True))
    op.add_column(
        "conversation", sa.Column("taxpayer_read_id", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column(
        "conversation", sa.Column("agent_read_id", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.create_index("ix_conversation_agent_id", "conversation", ["agent_id"], unique=False)
    op.create_foreign_key(None, "conversation", "staff", ["agent_id"], ["id"])
    op.add_column("deferral_application", sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("deferral_application", sa.Column("more_wanted", sa.Text(), nullable=True))
    op.add_column(
        "deferral_application", sa.Column("more_wanted_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column("deferral_application", sa.Column("officer_id", sa.UUID(), nullable=True))
    op.create_foreign_key(None, "deferral_application", "staff", ["officer_id"], ["id"])
    op.add_column(
        "handoff_ticket", sa.Column("channel", sa.String(length=20), server_default="web", nullable=False)
    )
    op.add_column("handoff_ticket", sa.Column("pack", sa.String(length=20), nullable=True))
    op.add_column("handoff_ticket", sa.Column("agent_id", sa.UUID(), nullable=True))
    op.add_column("handoff_ticket", sa.Column("wanted_agent_id", sa.UUID(), nullable=True))
    op.add_column("handoff_ticket", sa.Column("wanted_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("handoff_ticket", sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("handoff_ticket", sa.Column("first_answer_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "handoff_ticket",
        sa.Column(
            "waiting_since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=True
        ),
    )
    op.add_column("handoff_ticket", sa.Column("answer_due_at", sa.DateTime(timezone=True), nullable=True))
    for name in ("answer_alarm", "resolve_alarm"):
        op.add_column(
            "handoff_ticket", sa.Column(name, sa.SmallInteger(), server_default="0", nullable=False)
        )
    op.add_column(
        "handoff_ticket",
        sa.Column("resolve_due_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.add_column("handoff_ticket", sa.Column("disposition", sa.String(length=30), nullable=True))
    op.add_column("handoff_ticket", sa.Column("closing_note", sa.Text(), nullable=True))
    op.add_column("handoff_ticket", sa.Column("closed_by", sa.UUID(), nullable=True))
    op.create_index(
        "ticket_closed",
        "handoff_ticket",
        ["closed_at"],
        unique=False,
        postgresql_where=sa.text("status = 'closed'"),
    )
    op.create_index("ticket_history", "handoff_ticket", ["conversation_id", "created_at"], unique=False)
    op.create_index(
        "ticket_of_agent",
        "handoff_ticket",
        ["agent_id"],
        unique=False,
        postgresql_where=sa.text("status = 'assigned'"),
    )
    op.create_index(
        "ticket_waiting",
        "handoff_ticket",
        ["priority", "created_at"],
        unique=False,
        postgresql_where=sa.text("status = 'waiting'"),
    )
    op.create_foreign_key(None, "handoff_ticket", "staff", ["closed_by"], ["id"])
    op.create_foreign_key(None, "handoff_ticket", "staff", ["wanted_agent_id"], ["id"])
    op.create_foreign_key(None, "handoff_ticket", "staff", ["agent_id"], ["id"])

    op.drop_constraint("kind_known", "case")
    op.create_check_constraint(
        "kind_known", "case", "kind in ('dispute','payment_check','complaint','callback','review')"
    )
    op.create_check_constraint("one_owner", "conversation", "(owner = 'agent') = (agent_id is not null)")
    op.execute(
        "update handoff_ticket t set channel = c.channel, waiting_since = t.created_at from conversation c "
        "where c.id = t.conversation_id"
    )
    op.execute(
        "update conversation c set owner = 'queue' from handoff_ticket t "
        "where t.conversation_id = c.id and t.status = 'waiting' and c.owner = 'bot'"
    )
    for name, rule in (
        ("assigned_to_somebody", "(status = 'assigned') <= (agent_id is not null)"),
        ("waiting_for_anybody", "(status = 'waiting') <= (agent_id is null)"),
        ("closed_at_some_time", "(status = 'closed') = (closed_at is not null)"),
    ):
        op.create_check_constraint(name, "handoff_ticket", rule)
    op.execute("insert into office_hours (starts, ends) values ('09:00', '12:00'), ('14:00', '18:00')")
    op.execute(_LIVE)


def downgrade() -> None:
    """Drop them; conversations with agents go back to the bot."""
    op.execute(_QUIET)
    op.drop_constraint("one_owner", "conversation")
    op.execute("update conversation set owner = 'bot' where owner in ('agent', 'queue')")
    for name in ("assigned_to_somebody", "waiting_for_anybody", "closed_at_some_time"):
        op.drop_constraint(name, "handoff_ticket")
    op.execute("delete from \"case\" where kind = 'review'")
    op.drop_constraint("kind_known", "case")
    op.create_check_constraint(
        "kind_known", "case", "kind in ('dispute','payment_check','complaint','callback')"
    )
    for index in ("ticket_closed", "ticket_history", "ticket_of_agent", "ticket_waiting"):
        op.drop_index(index, "handoff_ticket")
    for column in (
        "closed_by",
        "closing_note",
        "disposition",
        "resolve_due_at",
        "resolve_alarm",
        "answer_due_at",
        "answer_alarm",
        "waiting_since",
        "first_answer_at",
        "claimed_at",
        "wanted_until",
        "wanted_agent_id",
        "agent_id",
        "pack",
        "channel",
    ):
        op.drop_column("handoff_ticket", column)
    for column in ("officer_id", "more_wanted_at", "more_wanted", "accepted_at"):
        op.drop_column("deferral_application", column)
    for column in ("agent_read_id", "taxpayer_read_id", "agent_id"):
        op.drop_column("conversation", column)
    for column in ("closed_by", "closed_at", "result", "assigned_to"):
        op.drop_column("case", column)
    for table in (
        "ticket_event",
        "survey",
        "internal_note",
        "staff_session",
        "staff",
        "office_hours",
        "canned_reply",
    ):
        op.drop_table(table)
