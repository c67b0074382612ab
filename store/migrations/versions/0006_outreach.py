"""Outreach: campaigns, reminders, steps, attempts, outboxes, the job queue, and what a change of a bill means to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from procrastinate.schema import SchemaManager
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_BILLS = """
-- What a bill is to a reminder now: whether it is still claimed, and until when it may be paid without a late fee.
create view outreach_bill as
select b.id,
       b.taxpayer_id,
       b.tax_type,
       b.status,
       b.due_date,
       b.principal - coalesce(p.paid, 0) as unpaid,
       coalesce(d.approved_until, b.due_date) as due,
       d.approved_until is not null as deferred
  from bill b
  left join lateral (
    select sum(amount) as paid from payment where bill_id = b.id and kind = 'tax'
  ) p on true
  left join lateral (
    select max(approved_until) as approved_until
      from deferral_application
     where bill_id = b.id and status in ('approved', 'expired')
  ) d on true;

-- What the bills of a reminder make of it now: ``calls``: one of them still calls for it; else ``reason`` is why none does.
create view outreach_standing as
select s.reminder_id, s.calls,
       case
         when s.deferred then 'deferred'
         when s.moved then 'moved'
         when s.disputed then 'disputed'
         when s.paid then 'paid'
         else 'withdrawn'
       end as reason
  from (
    select r.id as reminder_id,
           bool_or(b.status = 'open' and b.unpaid > 0 and b.due = r.due) as calls,
           bool_or(b.status = 'open' and b.unpaid > 0 and b.due <> r.due and b.deferred) as deferred,
           bool_or(b.status = 'open' and b.unpaid > 0 and b.due <> r.due and not b.deferred) as moved,
           bool_or(b.status = 'disputed' and b.unpaid > 0) as disputed,
           bool_or(b.status = 'settled' or (b.status in ('open', 'disputed') and b.unpaid <= 0)) as paid
      from outreach_reminder r
      join outreach_reminder_bill rb on rb.reminder_id = r.id
      join outreach_bill b on b.id = rb.bill_id
     group by r.id) s;

-- Jobs are alarms: one that is waiting already need not be set twice.
create function outreach_alarm(task text, key text, arguments jsonb, at timestamptz default null)
  returns void language plpgsql as $$
begin
  perform procrastinate_defer_jobs_v1(
    array[row('outreach', task, 0, null, key, arguments, at)::procrastinate_job_to_defer_v1]);
exception when unique_violation then
  null;
end $$;

-- Closes the reminders that none of their bills calls for any more, and takes back what is not under way yet.
create function outreach_bills_changed(changed uuid[]) returns void language plpgsql as $$
declare
  touched uuid[];
  closed uuid[];
  again uuid[];
begin
  touched := array(
    select r.id
      from outreach_reminder r
     where r.active
       and r.id in (select reminder_id from outreach_reminder_bill where bill_id = any (changed))
     order by r.id
       for update);
  with done as (
    update outreach_reminder r
       set active = false,
           closed_at = clock_timestamp(),
           closed_reason = s.reason,
           paid_at = case when s.reason = 'paid' then clock_timestamp() end
      from outreach_standing s
     where r.id = any (touched) and s.reminder_id = r.id and s.reminder_id = any (touched) and not s.calls
    returning r.id, r.closed_reason
  ), told as (
    insert into outreach_event (reminder_id, kind, detail)
    select id, 'closed', jsonb_build_object('reason', closed_reason) from done
  )
  select array_agg(id), array_agg(id) filter (where closed_reason in ('paid', 'moved')) from done into closed, again;
  if closed is null then
    return;
  end if;
  update outreach_step
     set state = 'cancelled', ended_at = clock_timestamp()
   where reminder_id = any (closed)
     and state in ('planned', 'running')
     and not exists (
       select 1 from outreach_attempt a where a.step_id = outreach_step.id and a.state in ('intent', 'placed'));
  update outreach_attempt
     set state = 'ended', outcome = 'cancelled', ended_at = clock_timestamp(), concluded_at = clock_timestamp()
   where state = 'leased'
     and step_id in (select id from outreach_step where reminder_id = any (closed));
  perform outreach_alarm('outreach.thank', 'thank:' || r.id, jsonb_build_object('reminder_id', r.id))
     from outreach_reminder r where r.id = any (again) and r.closed_reason = 'paid';
  perform outreach_alarm('outreach.enrol', 'enrol:' || c.campaign_id, jsonb_build_object('campaign_id', c.campaign_id))
     from (select distinct campaign_id from outreach_reminder where id = any (again) and closed_reason = 'moved') c;
end $$;

-- An officer's task ends with the last bill of its reminder that calls for it, also where the reminder had run its course.
create function outreach_tasks_dropped(changed uuid[]) returns void language sql as $$
  update "case" c
     set status = 'dropped',
         closed_at = clock_timestamp(),
         result = case s.reason
           when 'deferred' then '已批准延期缴纳，系统撤下。'
           when 'moved' then '缴款期限已变更，系统撤下。'
           when 'disputed' then '对税单有异议，正在核查，系统撤下。'
           when 'paid' then '税款已缴清，系统撤下。'
           else '税单已撤销，系统撤下。'
         end
    from outreach_standing s
    join outreach_reminder r on r.id = s.reminder_id
   where s.reminder_id in (select reminder_id from outreach_reminder_bill where bill_id = any (changed))
     and not s.calls
     and c.taxpayer_id = r.taxpayer_id
     and c.kind = 'collection'
     and c.status = 'open'
     and c.details ->> 'reminder' = r.id::text;
$$;

-- A promise may be kept, or have lost its sense, before its day.
create function outreach_promises_touched(changed uuid[]) returns void language sql as $$
  select outreach_alarm('outreach.promise', 'promise-now:' || p.id, jsonb_build_object('promise_id', p.id))
    from promise p
   where p.status = 'open'
     and p.taxpayer_id in (select taxpayer_id from bill where id = any (changed));
$$;

create function outreach_bills_touched(changed uuid[]) returns void language plpgsql as $$
begin
  perform outreach_bills_changed(changed);
  perform outreach_tasks_dropped(changed);
  perform outreach_promises_touched(changed);
end $$;

create function outreach_payments_came() returns trigger language plpgsql as $$
begin
  perform outreach_bills_touched(array(select distinct bill_id from fresh));
  return null;
end $$;
create function outreach_bills_moved() returns trigger language plpgsql as $$
begin
  perform outreach_bills_touched(array(
    select n.id from fresh n join stale o on o.id = n.id
     where (n.status, n.due_date, n.principal) is distinct from (o.status, o.due_date, o.principal)));
  if exists (select 1 from fresh n join stale o on o.id = n.id where n.status = 'open' and o.status <> 'open') then
    perform outreach_alarm('outreach.enrol', 'enrol:' || c.id, jsonb_build_object('campaign_id', c.id))
       from outreach_campaign c where c.status = 'running';
  end if;
  return null;
end $$;
create trigger payment_outreach after insert on payment
  referencing new table as fresh for each statement execute function outreach_payments_came();
create trigger bill_outreach after update on bill
  referencing new table as fresh old table as stale for each statement execute function outreach_bills_moved();
create trigger deferral_outreach after insert on deferral_application
  referencing new table as fresh for each statement execute function outreach_payments_came();
create trigger deferral_decided_outreach after update on deferral_application
  referencing new table as fresh for each statement execute function outreach_payments_came();
"""

_OUTCOMES = """
-- A call that has ended with an outcome ends its attempt; what follows is decided by a job.
create function outreach_call_ended() returns trigger language plpgsql as $$
declare
  found_id uuid;
begin
  update outreach_attempt
     set state = 'ended', outcome = new.outcome, ended_at = coalesce(new.ended_at, clock_timestamp())
   where call_id = new.id and state <> 'ended'
  returning id into found_id;
  if found_id is not null then
    perform outreach_alarm('outreach.conclude', 'conclude:' || found_id, jsonb_build_object('attempt_id', found_id));
  end if;
  return null;
end $$;
-- A call that the carrier knows places its attempt, whoever heard of it first.
create function outreach_call_placed() returns trigger language plpgsql as $$
begin
  update outreach_attempt set state = 'placed', carrier_id = new.carrier_id
   where call_id = new.id and state = 'intent';
  return null;
end $$;
create trigger call_known_outreach after update of carrier_id on call
  for each row when (old.carrier_id is null and new.carrier_id is not null)
  execute function outreach_call_placed();

create trigger call_outreach after update of state, outcome on call
  for each row when (new.state = 'ended' and new.outcome is not null)
  execute function outreach_call_ended();

-- So does a message that has reached a final state.
create function outreach_message_ended() returns trigger language plpgsql as $$
declare
  found_id uuid;
begin
  update outreach_attempt
     set state = 'ended',
         outcome = case new.state when 'dropped' then 'failed' when 'shown' then 'delivered' else new.state end,
         ended_at = coalesce(new.ended_at, clock_timestamp())
   where id = new.attempt_id and state <> 'ended'
  returning id into found_id;
  if found_id is not null then
    perform outreach_alarm('outreach.conclude', 'conclude:' || found_id, jsonb_build_object('attempt_id', found_id));
  end if;
  return null;
end $$;
create trigger sms_outreach after update of state on outbox_sms
  for each row when (new.attempt_id is not null and new.state in ('delivered', 'failed', 'shown', 'dropped'))
  execute function outreach_message_ended();
create trigger wechat_outreach after update of state on outbox_wechat
  for each row when (new.attempt_id is not null and new.state in ('delivered', 'failed', 'shown', 'dropped'))
  execute function outreach_message_ended();

create function outreach_promised() returns trigger language plpgsql as $$
begin
  update outreach_reminder set promised_at = clock_timestamp()
   where taxpayer_id = new.taxpayer_id and active and promised_at is null;
  perform outreach_alarm('outreach.promise', 'promise:' || new.id, jsonb_build_object('promise_id', new.id),
    (new.promised_on + time '10:00' + interval '1 day') at time zone 'Asia/Shanghai');
  return null;
end $$;
create trigger promise_outreach after insert on promise for each row execute function outreach_promised();

create function outreach_callback_asked() returns trigger language plpgsql as $$
begin
  perform outreach_alarm('outreach.callback', 'callback:' || new.id, jsonb_build_object('case_id', new.id), new.due_at);
  return null;
end $$;
create trigger callback_outreach after insert on "case"
  for each row when (new.kind = 'callback' and new.due_at is not null) execute function outreach_callback_asked();

create function outreach_live() returns trigger language plpgsql as $$
begin
  perform pg_notify('shuiling', tg_argv[0]);
  return null;
end $$;
create trigger switch_live after insert or update on outreach_switch
  for each statement execute function outreach_live('outreach');
create trigger campaign_live after insert or update of status on outreach_campaign
  for each statement execute function outreach_live('outreach');
create trigger pause_live after insert or update on contact_pause
  for each statement execute function outreach_live('outreach');
create trigger sms_live after insert on outbox_sms for each statement execute function outreach_live('outbox');
create trigger wechat_live after insert on outbox_wechat for each statement execute function outreach_live('outbox');
create sequence outreach_token;
"""

_GONE = """
drop trigger payment_outreach on payment;
drop trigger bill_outreach on bill;
drop trigger deferral_outreach on deferral_application;
drop trigger deferral_decided_outreach on deferral_application;
drop trigger call_outreach on call;
drop trigger call_known_outreach on call;
drop trigger sms_outreach on outbox_sms;
drop trigger sms_live on outbox_sms;
drop trigger promise_outreach on promise;
drop trigger callback_outreach on "case";
drop view outreach_standing;
drop view outreach_bill;
drop sequence outreach_token;
drop table procrastinate_events, procrastinate_periodic_defers, procrastinate_jobs, procrastinate_workers cascade;
do $$
declare
  each regprocedure;
begin
  for each in
    select oid::regprocedure from pg_proc
     where pronamespace = 'public'::regnamespace
       and (starts_with(proname, 'procrastinate_') or starts_with(proname, 'outreach_'))
  loop
    execute format('drop function %s cascade', each);
  end loop;
end $$;
drop type procrastinate_job_to_defer_v1, procrastinate_job_status, procrastinate_job_event_type;
"""


def upgrade() -> None:
    """Create the tables, the job queue and the triggers; messages of before count as shown."""
    op.create_table(
        "outreach_campaign",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("plan", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("status", sa.String(length=10), server_default="draft", nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("enrolled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status in ('draft','running','paused','ended')", name="status_known"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "outreach_pace",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("a_second", sa.Float(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("a_second > 0", name="moves"),
        sa.CheckConstraint("lines >= 0", name="lines_counted"),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "outreach_switch",
        sa.Column("one", sa.Boolean(), nullable=False),
        sa.Column("stopped", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("one", name="only_one"),
        sa.PrimaryKeyConstraint("one"),
    )
    op.create_table(
        "outreach_template",
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("saved_by", sa.Text(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "voice_host",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "contact_pause",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("taxpayer_id", sa.UUID(), nullable=True),
        sa.Column("phone_hash", sa.LargeBinary(), nullable=True),
        sa.Column("calls_only", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(taxpayer_id is null) <> (phone_hash is null)", name="one_or_the_other"),
        sa.ForeignKeyConstraint(
            ["taxpayer_id"],
            ["taxpayer.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_contact_pause_phone_hash"), "contact_pause", ["phone_hash"], unique=False)
    op.create_index(op.f("ix_contact_pause_taxpayer_id"), "contact_pause", ["taxpayer_id"], unique=False)
    op.create_table(
        "outreach_reminder",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("campaign_id", sa.UUID(), nullable=False),
        sa.Column("taxpayer_id", sa.UUID(), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("tier", sa.String(length=10), nullable=False),
        sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("closed_reason", sa.String(length=20), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("notified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reached_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("promised_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("thanked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "closed_reason in ('paid','deferred','disputed','withdrawn','moved','finished','stopped')",
            name="reason_known",
        ),
        sa.CheckConstraint("tier in ('low','middle','high')", name="tier_known"),
        sa.CheckConstraint("active = (closed_at is null)", name="closed_at_some_time"),
        sa.CheckConstraint("active = (closed_reason is null)", name="closed_for_a_reason"),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["outreach_campaign.id"],
        ),
        sa.ForeignKeyConstraint(
            ["taxpayer_id"],
            ["taxpayer.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("campaign_id", "taxpayer_id", "due"),
    )
    op.create_index(
        op.f("ix_outreach_reminder_taxpayer_id"), "outreach_reminder", ["taxpayer_id"], unique=False
    )
    op.create_index("reminder_progress", "outreach_reminder", ["campaign_id", "active", "tier"], unique=False)
    op.create_table(
        "outreach_reminder_bill",
        sa.Column("reminder_id", sa.UUID(), nullable=False),
        sa.Column("bill_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(
            ["bill_id"],
            ["bill.id"],
        ),
        sa.ForeignKeyConstraint(
            ["reminder_id"],
            ["outreach_reminder.id"],
        ),
        sa.PrimaryKeyConstraint("reminder_id", "bill_id"),
    )
    op.create_index(
        op.f("ix_outreach_reminder_bill_bill_id"), "outreach_reminder_bill", ["bill_id"], unique=False
    )
    op.create_table(
        "outreach_signal",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("taxpayer_id", sa.UUID(), nullable=False),
        sa.Column("conversation_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind in ('short_of_cash')", name="kind_known"),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
        ),
        sa.ForeignKeyConstraint(
            ["taxpayer_id"],
            ["taxpayer.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("conversation_id", "kind"),
    )
    op.create_index(op.f("ix_outreach_signal_taxpayer_id"), "outreach_signal", ["taxpayer_id"], unique=False)
    op.create_table(
        "outreach_step",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("reminder_id", sa.UUID(), nullable=False),
        sa.Column("campaign_id", sa.UUID(), nullable=False),
        sa.Column("taxpayer_id", sa.UUID(), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("lane", sa.String(length=10), nullable=False),
        sa.Column("priority", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stale_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=10), server_default="planned", nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("wanted", sa.String(length=20), nullable=True),
        sa.Column(
            "reasons",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(state in ('planned','running')) = (ended_at is null)", name="ended_at_some_time"
        ),
        sa.CheckConstraint("lane in ('call','message','officer')", name="lane_known"),
        sa.CheckConstraint(
            "state in ('planned','running','done','skipped','cancelled','failed')", name="state_known"
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["outreach_campaign.id"],
        ),
        sa.ForeignKeyConstraint(
            ["reminder_id"],
            ["outreach_reminder.id"],
        ),
        sa.ForeignKeyConstraint(
            ["taxpayer_id"],
            ["taxpayer.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("reminder_id", "key"),
    )
    op.create_index(op.f("ix_outreach_step_taxpayer_id"), "outreach_step", ["taxpayer_id"], unique=False)
    op.create_index(
        "step_due",
        "outreach_step",
        ["campaign_id", "lane", "priority", "next_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'planned'"),
    )
    op.create_index("step_of_campaign", "outreach_step", ["campaign_id", "key", "state"], unique=False)
    op.create_table(
        "wechat_user",
        sa.Column("openid", sa.String(length=64), nullable=False),
        sa.Column("conversation_id", sa.UUID(), nullable=False),
        sa.Column("taxpayer_id", sa.UUID(), nullable=True),
        sa.Column("following", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("spoke_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
        ),
        sa.ForeignKeyConstraint(
            ["taxpayer_id"],
            ["taxpayer.id"],
        ),
        sa.PrimaryKeyConstraint("openid"),
        sa.UniqueConstraint("conversation_id"),
    )
    op.create_index(op.f("ix_wechat_user_taxpayer_id"), "wechat_user", ["taxpayer_id"], unique=False)
    op.create_table(
        "outreach_attempt",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("step_id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=True),
        sa.Column("contact_id", sa.UUID(), nullable=True),
        sa.Column("state", sa.String(length=10), server_default="leased", nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("leased_by", sa.String(length=80), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("slot_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("intent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("call_id", sa.UUID(), nullable=True),
        sa.Column("carrier_id", sa.String(length=80), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("concluded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(state = 'ended') = (ended_at is not null)", name="ended_at_some_time"),
        sa.CheckConstraint("(state = 'ended') = (outcome is not null)", name="ended_with_an_outcome"),
        sa.CheckConstraint("state in ('leased','intent','placed','ended')", name="state_known"),
        sa.ForeignKeyConstraint(
            ["call_id"],
            ["call.id"],
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contact.id"],
        ),
        sa.ForeignKeyConstraint(
            ["step_id"],
            ["outreach_step.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("call_id"),
        sa.UniqueConstraint("step_id", "number"),
    )
    op.create_index(
        "attempt_live",
        "outreach_attempt",
        ["leased_until"],
        unique=False,
        postgresql_where=sa.text("state <> 'ended'"),
    )
    op.create_index(
        "attempt_unconcluded",
        "outreach_attempt",
        ["ended_at"],
        unique=False,
        postgresql_where=sa.text("state = 'ended' and concluded_at is null"),
    )
    op.create_table(
        "outbox_wechat",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("openid", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("body_enc", sa.LargeBinary(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("attempt_id", sa.UUID(), nullable=True),
        sa.Column("state", sa.String(length=10), server_default="new", nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("intent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("carrier_id", sa.String(length=80), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind in ('template','text')", name="kind_known"),
        sa.CheckConstraint(
            "state in ('new','leased','intent','sent','delivered','failed','shown','dropped')",
            name="state_known",
        ),
        sa.ForeignKeyConstraint(
            ["attempt_id"],
            ["outreach_attempt.id"],
        ),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["message.id"],
        ),
        sa.ForeignKeyConstraint(
            ["openid"],
            ["wechat_user.openid"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("attempt_id"),
        sa.UniqueConstraint("message_id"),
    )
    op.create_index(op.f("ix_outbox_wechat_carrier_id"), "outbox_wechat", ["carrier_id"], unique=False)
    op.create_index(
        "wechat_unsent",
        "outbox_wechat",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state in ('new','leased','intent')"),
    )
    op.create_index(
        "wechat_unsent_to",
        "outbox_wechat",
        ["openid", "kind"],
        unique=False,
        postgresql_where=sa.text("state in ('new','leased','intent')"),
    )
    op.create_table(
        "outreach_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("reminder_id", sa.UUID(), nullable=False),
        sa.Column("step_id", sa.UUID(), nullable=True),
        sa.Column("attempt_id", sa.UUID(), nullable=True),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column(
            "detail",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["outreach_attempt.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["reminder_id"],
            ["outreach_reminder.id"],
        ),
        sa.ForeignKeyConstraint(
            ["step_id"],
            ["outreach_step.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_outreach_event_reminder_id"), "outreach_event", ["reminder_id"], unique=False)
    op.create_index(op.f("ix_outreach_event_attempt_id"), "outreach_event", ["attempt_id"], unique=False)
    op.create_index(
        op.f("ix_contact_exclusion_taxpayer_id"), "contact_exclusion", ["taxpayer_id"], unique=False
    )
    op.add_column("outbox_sms", sa.Column("taxpayer_id", sa.UUID(), nullable=True))
    op.add_column("outbox_sms", sa.Column("attempt_id", sa.UUID(), nullable=True))
    op.add_column(
        "outbox_sms", sa.Column("state", sa.String(length=10), server_default="new", nullable=False)
    )
    op.add_column("outbox_sms", sa.Column("token", sa.BigInteger(), nullable=True))
    op.add_column("outbox_sms", sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("outbox_sms", sa.Column("intent_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("outbox_sms", sa.Column("stale_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("outbox_sms", sa.Column("carrier_id", sa.String(length=80), nullable=True))
    op.add_column("outbox_sms", sa.Column("error", sa.Text(), nullable=True))
    op.add_column("outbox_sms", sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_outbox_sms_taxpayer_id"), "outbox_sms", ["taxpayer_id"], unique=False)
    op.create_index(
        "sms_unsent",
        "outbox_sms",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state in ('new','leased','intent')"),
    )
    op.create_unique_constraint(None, "outbox_sms", ["attempt_id"])
    op.create_unique_constraint(None, "outbox_sms", ["carrier_id"])
    op.create_foreign_key(None, "outbox_sms", "outreach_attempt", ["attempt_id"], ["id"])
    op.create_foreign_key(None, "outbox_sms", "taxpayer", ["taxpayer_id"], ["id"])
    op.add_column("promise", sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("taxpayer", sa.Column("industry", sa.String(length=40), nullable=True))
    op.add_column("taxpayer", sa.Column("size", sa.String(length=10), nullable=True))
    op.execute('alter table "case" drop constraint kind_known')
    op.create_check_constraint(
        "kind_known",
        "case",
        "kind in ('dispute','payment_check','complaint','callback','review','collection')",
    )
    op.create_check_constraint("size_known", "taxpayer", "size in ('micro','small','medium','large')")
    op.execute("update outbox_sms set state = 'shown', ended_at = created_at")
    op.create_check_constraint(
        "state_known",
        "outbox_sms",
        "state in ('new','leased','intent','sent','delivered','failed','shown','dropped')",
    )
    op.get_bind().exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))
    op.execute("insert into outreach_switch (one) values (true)")
    op.execute(_BILLS)
    op.execute(_OUTCOMES)


def downgrade() -> None:
    """Drop them all, the queue too."""
    op.execute(_GONE)
    op.execute("delete from \"case\" where kind = 'collection'")
    op.execute('alter table "case" drop constraint kind_known')
    op.create_check_constraint(
        "kind_known", "case", "kind in ('dispute','payment_check','complaint','callback','review')"
    )
    op.drop_column("taxpayer", "size")
    op.drop_column("taxpayer", "industry")
    op.drop_column("promise", "settled_at")
    op.drop_index(
        "sms_unsent", table_name="outbox_sms", postgresql_where=sa.text("state in ('new','leased','intent')")
    )
    op.drop_index(op.f("ix_outbox_sms_taxpayer_id"), table_name="outbox_sms")
    op.drop_column("outbox_sms", "ended_at")
    op.drop_column("outbox_sms", "error")
    op.drop_column("outbox_sms", "carrier_id")
    op.drop_column("outbox_sms", "stale_at")
    op.drop_column("outbox_sms", "intent_at")
    op.drop_column("outbox_sms", "leased_until")
    op.drop_column("outbox_sms", "token")
    op.drop_column("outbox_sms", "state")
    op.drop_column("outbox_sms", "attempt_id")
    op.drop_column("outbox_sms", "taxpayer_id")
    op.drop_index(op.f("ix_contact_exclusion_taxpayer_id"), table_name="contact_exclusion")
    op.drop_index(op.f("ix_outreach_event_attempt_id"), table_name="outreach_event")
    op.drop_index(op.f("ix_outreach_event_reminder_id"), table_name="outreach_event")
    op.drop_table("outreach_event")
    op.drop_index(
        "wechat_unsent_to",
        table_name="outbox_wechat",
        postgresql_where=sa.text("state in ('new','leased','intent')"),
    )
    op.drop_index(
        "wechat_unsent",
        table_name="outbox_wechat",
        postgresql_where=sa.text("state in ('new','leased','intent')"),
    )
    op.drop_index(op.f("ix_outbox_wechat_carrier_id"), table_name="outbox_wechat")
    op.drop_table("outbox_wechat")
    op.drop_index(
        "attempt_unconcluded",
        table_name="outreach_attempt",
        postgresql_where=sa.text("state = 'ended' and concluded_at is null"),
    )
    op.drop_index("attempt_live", table_name="outreach_attempt", postgresql_where=sa.text("state <> 'ended'"))
    op.drop_table("outreach_attempt")
    op.drop_index(op.f("ix_wechat_user_taxpayer_id"), table_name="wechat_user")
    op.drop_table("wechat_user")
    op.drop_index("step_of_campaign", table_name="outreach_step")
    op.drop_index("step_due", table_name="outreach_step", postgresql_where=sa.text("state = 'planned'"))
    op.drop_index(op.f("ix_outreach_step_taxpayer_id"), table_name="outreach_step")
    op.drop_table("outreach_step")
    op.drop_index(op.f("ix_outreach_signal_taxpayer_id"), table_name="outreach_signal")
    op.drop_table("outreach_signal")
    op.drop_index(op.f("ix_outreach_reminder_bill_bill_id"), table_name="outreach_reminder_bill")
    op.drop_table("outreach_reminder_bill")
    op.drop_index("reminder_progress", table_name="outreach_reminder")
    op.drop_index(op.f("ix_outreach_reminder_taxpayer_id"), table_name="outreach_reminder")
    op.drop_table("outreach_reminder")
    op.drop_index(op.f("ix_contact_pause_taxpayer_id"), table_name="contact_pause")
    op.drop_index(op.f("ix_contact_pause_phone_hash"), table_name="contact_pause")
    op.drop_table("contact_pause")
    op.drop_table("voice_host")
    op.drop_table("outreach_template")
    op.drop_table("outreach_switch")
    op.drop_table("outreach_pace")
    op.drop_table("outreach_campaign")
