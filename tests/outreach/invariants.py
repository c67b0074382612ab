"""What is true of outreach at any moment, whatever was killed, raced, restarted or said twice."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import text

from store import audit
from store.engine import SessionFactory

_BROKEN: Mapping[str, str] = {
    "a step is final, or planned, or has exactly one attempt under way or not concluded": """
        select s.id from outreach_step s where s.state = 'running' and 1 <> (
            select count(*) from outreach_attempt a
             where a.step_id = s.id and (a.state <> 'ended' or a.concluded_at is null))""",
    "only a running step has an attempt under way": """
        select s.id from outreach_step s join outreach_attempt a on a.step_id = s.id
         where s.state <> 'running' and a.state <> 'ended'""",
    "attempts of a step are numbered from one without a gap": """
        select step_id from outreach_attempt group by step_id having max(number) <> count(*)""",
    "a call has one attempt, and an attempt under way on the telephone has its call": """
        select a.id from outreach_attempt a
         where a.channel = 'call' and (a.state in ('intent', 'placed')) <> (
           a.call_id is not null and a.state <> 'ended')""",
    "an attempt never holds less than its call": """
        select a.id from outreach_attempt a join call k on k.id = a.call_id
         where (k.state = 'ended' and k.outcome is not null and a.state <> 'ended')
            or (a.state = 'intent' and k.carrier_id is not null)
            or (k.state = 'planned')""",
    "an attempt that ended has its call's outcome": """
        select a.id from outreach_attempt a join call k on k.id = a.call_id
         where a.state = 'ended' and a.outcome is distinct from k.outcome""",
    "a message is queued once an attempt, and only while it is under way or ended": """
        select a.id from outreach_attempt a join outbox_sms o on o.attempt_id = a.id
         where a.state = 'leased' or a.channel <> 'sms'""",
    "an active reminder has a step left": """
        select r.id from outreach_reminder r where r.active and not exists (
            select 1 from outreach_step s where s.reminder_id = r.id and s.state in ('planned', 'running'))""",
    "a closed reminder has nothing planned": """
        select r.id from outreach_reminder r join outreach_step s on s.reminder_id = r.id
         where not r.active and s.state = 'planned'""",
    "tries are counted once": """
        select s.id from outreach_step s where s.tries <> (
            select count(*) from outreach_attempt a where a.step_id = s.id)""",
    "nothing is audited as dialled that was not meant": """
        select subject from audit_event where action = 'call.dialled'
         group by subject having count(*) > 1""",
}
_DIALLED: Mapping[str, str] = {
    "the carrier dialled each call once": """
        select call_id from fake_dialled group by call_id having count(*) > 1""",
    "the carrier dialled only what stands in the store": """
        select d.call_id from fake_dialled d left join call k on k.id = d.call_id
         where k.id is null or k.intent_at is null""",
    "every call dialled belongs to an attempt": """
        select d.call_id from fake_dialled d join call k on k.id = d.call_id
         where k.purpose = 'reminder' and not exists (
            select 1 from outreach_attempt a where a.call_id = k.id)""",
    "at most two calls a day and three a week went to a taxpayer": """
        select k.taxpayer_id from fake_dialled d join call k on k.id = d.call_id
         group by k.taxpayer_id, (k.intent_at at time zone 'Asia/Shanghai')::date having count(*) > 2
        union all
        select k.taxpayer_id from fake_dialled d join call k on k.id = d.call_id
          join call other on other.taxpayer_id = k.taxpayer_id
          join fake_dialled od on od.call_id = other.id
         where other.intent_at > k.intent_at - interval '7 days' and other.intent_at <= k.intent_at
         group by k.taxpayer_id, k.id having count(*) > 3""",
    "and to a number": """
        select null::uuid from fake_dialled d join call k on k.id = d.call_id
         group by d.number, (k.intent_at at time zone 'Asia/Shanghai')::date having count(*) > 2""",
    "at most one connected call a day": """
        select k.taxpayer_id from fake_dialled d join call k on k.id = d.call_id
         where k.answered_at is not null
           and k.outcome in ('completed', 'not_verified', 'wrong_person', 'callback', 'opted_out', 'human', 'hung_up')
         group by k.taxpayer_id, (k.answered_at at time zone 'Asia/Shanghai')::date having count(*) > 1""",
    "nobody was dialled after a pause of theirs": """
        select k.taxpayer_id from fake_dialled d join call k on k.id = d.call_id
          join contact_pause p on p.taxpayer_id = k.taxpayer_id and p.lifted_at is null
         where k.created_at > p.created_at""",
    "never more calls than lines": """
        select call_id from fake_dialled
         where live > (select min(least(p.lines, h.lines)) from outreach_pace p, voice_host h where p.name = 'standin')""",
}
_SETTLED: Mapping[str, str] = {
    "nothing is left half done": "select id from outreach_step where state = 'running'",
    "no lease is left": "select id from outreach_attempt where state <> 'ended'",
    "every end was concluded": "select id from outreach_attempt where concluded_at is null",
    "no call is left": "select id from call where state not in ('planned', 'ended')",
}


async def check(sessions: SessionFactory, *, settled: bool = False) -> None:
    """Assert all of it, the chain of the audit trail too; ``settled``: nothing may be under way any more."""
    async with sessions() as session:
        has_carrier = await session.scalar(text("select to_regclass('fake_dialled') is not null"))
        rules = {**_BROKEN, **(_DIALLED if has_carrier else {}), **(_SETTLED if settled else {})}
        broken = {}
        for rule, query in rules.items():
            if found := (await session.execute(text(query))).scalars().all():
                broken[rule] = (len(found), found[:3])
        report = await audit.verify(session)
    assert not broken, broken
    assert report.ok, report.reason
