"""The views that the supervisor's figures are counted by; their comments are the definitions shown beside them."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Days are those of Asia/Shanghai. A view holds counts, or one row for each thing measured, so that any period can be
# summed or ranked anew: shares and percentiles of days cannot be added up.
_VIEWS = {
    "report_calls": (
        "接通数÷拨出数。拨出：已交给运营商的电话，按开始拨打的日子算。接通：有人接听；语音信箱、传真和接起后没有人说话的不算。",
        """
select (c.began at time zone 'Asia/Shanghai')::date as day,
       count(*) as dialled,
       count(*) filter (where c.by_person) as by_person
  from (select least(placed_at, ringing_at, answered_at) as began,
               answered_at is not null
               and not starts_with(coalesce(answered_by, ''), 'machine')
               and coalesce(answered_by, '') <> 'fax'
               and coalesce(outcome, '') not in ('voicemail', 'fax', 'silent') as by_person
          from call) c
 where c.began is not null
 group by 1
""",
    ),
    "report_self_service": (
        "没有转过人工的会话÷全部会话。会话：纳税人至少发过一条消息，按第一条消息的日子算。转过人工：开过人工服务单，后来离开排队的也算。",
        """
select (c.began at time zone 'Asia/Shanghai')::date as day,
       count(*) as conversations,
       count(*) filter (
         where not exists (select 1 from handoff_ticket t where t.conversation_id = c.conversation_id)
       ) as without_human
  from (select conversation_id, min(created_at) as began
          from message
         where sender = 'taxpayer'
         group by conversation_id) c
 group by 1
""",
    ),
    "report_handoff_reasons": (
        "新开的人工服务单按转人工的原因计数，按开单的日子算。中途原因变得更紧急的，算最后的原因。",
        """
select (created_at at time zone 'Asia/Shanghai')::date as day, reason, count(*) as tickets
  from handoff_ticket
 group by 1, 2
""",
    ),
    "report_first_response": (
        "从进入排队到坐席第一次回话的时长，按第一次回话的日子算，非工作时间也计在内。还没有回话的不算。",
        """
select (first_answer_at at time zone 'Asia/Shanghai')::date as day,
       id as ticket_id,
       extract(epoch from first_answer_at - created_at)::double precision as seconds
  from handoff_ticket
 where first_answer_at is not null
""",
    ),
    "report_handling": (
        "从坐席第一次接入到结束或交回税铃的时长，按结束的日子算，中途转接和重新排队的时间也计在内。没有坐席接过的不算。",
        """
select (t.closed_at at time zone 'Asia/Shanghai')::date as day,
       t.id as ticket_id,
       extract(epoch from t.closed_at - least(t.claimed_at, e.first_at))::double precision as seconds
  from handoff_ticket t
  left join (select ticket_id, min(at) as first_at
               from ticket_event
              where kind = 'claimed'
              group by ticket_id) e on e.ticket_id = t.id
 where t.closed_at is not null and t.claimed_at is not null
""",
    ),
    "report_satisfaction": (
        "人工服务评分（1到5分）的平均分，按评分的日子算。满意：4分和5分；不满意：1分和2分。改过的评分算最后一次。",
        """
select (created_at at time zone 'Asia/Shanghai')::date as day,
       count(*) as ratings,
       sum(score) as points,
       count(*) filter (where score >= 4) as content,
       count(*) filter (where score <= 2) as discontent
  from survey
 group by 1
""",
    ),
    "report_complaints": (
        "新登记的投诉件数，按登记的日子算。",
        """
select (created_at at time zone 'Asia/Shanghai')::date as day, count(*) as complaints
  from "case"
 where kind = 'complaint'
 group by 1
""",
    ),
    "report_promises": (
        "按时缴清的约定÷已到期的约定，按约定的缴款日算，当天过完才计入。按时缴清：按缴款记录，约定时还没有缴清的税款（约定了某一笔的只看那一笔），"
        "到约定日当天全部缴清；已撤销的和获准延期到约定日之后的不算在内。改约过的只算最后一次，约定时没有欠税的不算。",
        """
select p.promised_on as day, count(*) as due, count(*) filter (where p.kept) as kept
  from (select p.promised_on,
               p.status = 'kept' or (p.status = 'open' and bool_and(b.paid >= b.principal)) as kept
          from promise p
          join lateral (
            select b.principal,
                   coalesce(sum(m.amount) filter (where m.paid_on <= p.promised_on), 0) as paid,
                   coalesce(sum(m.amount) filter (
                     where m.paid_on < (p.created_at at time zone 'Asia/Shanghai')::date
                   ), 0) as paid_before
              from bill b
              left join payment m on m.bill_id = b.id and m.kind = 'tax'
             where b.taxpayer_id = p.taxpayer_id
               and (p.bill_id is null or b.id = p.bill_id)
               and b.created_at <= p.created_at
               and b.status <> 'withdrawn'
               and not exists (select 1 from deferral_application d
                                where d.bill_id = b.id
                                  and d.status in ('approved', 'expired')
                                  and d.approved_until > p.promised_on)
             group by b.id
          ) b on b.paid_before < b.principal
         where p.status <> 'replaced' and p.promised_on < (now() at time zone 'Asia/Shanghai')::date
         group by p.id) p
 group by 1
""",
    ),
    "report_soft_reminders": (
        "只靠提醒就结束的接通电话÷全部接通电话，按接通的日子算。只靠提醒：这次电话所在的会话没有转过人工，也没有投诉或异议。"
        "税铃不记录处罚、强制等措施，所以这里不反映它们。",
        """
select (c.answered_at at time zone 'Asia/Shanghai')::date as day,
       count(*) as contacts,
       count(*) filter (
         where not exists (select 1 from handoff_ticket t where t.conversation_id = c.conversation_id)
           and not exists (select 1 from "case" k
                            where k.conversation_id = c.conversation_id
                              and k.kind in ('complaint', 'dispute'))
       ) as soft
  from call c
 where c.answered_at is not null
   and not starts_with(coalesce(c.answered_by, ''), 'machine')
   and coalesce(c.answered_by, '') <> 'fax'
   and coalesce(c.outcome, '') not in ('voicemail', 'fax', 'silent')
 group by 1
""",
    ),
    "report_sla_breaches": (
        "超过服务时限的次数，按首次应答、后续应答、办结三种时限分别计，按超时的日子算。",
        """
select (at at time zone 'Asia/Shanghai')::date as day, detail ->> 'clock' as clock, count(*) as breaches
  from ticket_event
 where kind = 'breached'
 group by 1, 2
""",
    ),
    "report_claims": (
        "每位坐席接入的次数，按接入的日子算。主管指派的算在被指派的坐席名下；同一张单子再次接入再算一次。",
        """
select (e.at at time zone 'Asia/Shanghai')::date as day, s.login, s.name, count(*) as claims
  from ticket_event e
  join staff s on s.id = e.staff_id
 where e.kind = 'claimed'
 group by 1, s.id
""",
    ),
    "report_unanswered": (
        "没有听准和没有答上的消息条数，按消息的日子算。没有听准：把握不足或不知道是什么意思；没有答上：知识库里没有可靠的条目。",
        """
select (created_at at time zone 'Asia/Shanghai')::date as day,
       payload -> 'doubt' ->> 'kind' as kind,
       count(*) as messages
  from message
 where sender = 'taxpayer' and payload ? 'doubt'
 group by 1, 2
""",
    ),
}


def upgrade() -> None:
    """Create the views with their definitions as comments."""
    for name, (definition, query) in _VIEWS.items():
        op.execute(f"create view {name} as {query.strip()}")
        op.execute(f"comment on view {name} is '{definition}'")


def downgrade() -> None:
    """Drop them."""
    for name in reversed(_VIEWS):
        op.execute(f"drop view {name}")
