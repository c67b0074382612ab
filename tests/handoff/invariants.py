"""What is true of the whole database at any moment, whatever was killed, raced or restarted."""

from __future__ import annotations

from sqlalchemy import text

from store import audit
from store.engine import SessionFactory

_BROKEN = {
    "a conversation with an agent has exactly one ticket, which the same agent has": """
        select c.id from conversation c where c.owner = 'agent' and 1 <> (
            select count(*) from handoff_ticket t
            where t.conversation_id = c.id and t.status = 'assigned' and t.agent_id = c.agent_id)""",
    "an assigned ticket's conversation is with the same agent": """
        select t.id from handoff_ticket t join conversation c on c.id = t.conversation_id
        where t.status = 'assigned' and (c.owner <> 'agent' or c.agent_id <> t.agent_id)""",
    "a conversation in the queue has a waiting ticket": """
        select c.id from conversation c where c.owner = 'queue' and not exists (
            select 1 from handoff_ticket t where t.conversation_id = c.id and t.status = 'waiting')""",
    "a waiting ticket's conversation is in the queue, or with the bot while seats are closed": """
        select t.id from handoff_ticket t join conversation c on c.id = t.conversation_id
        where t.status = 'waiting' and c.owner not in ('queue', 'bot')""",
    "a conversation has one open ticket at most": """
        select conversation_id from handoff_ticket where status <> 'closed'
        group by conversation_id having count(*) > 1""",
    "a closed ticket has ended once": """
        select t.id from handoff_ticket t where t.status = 'closed' and 1 <> (
            select count(*) from ticket_event e
            where e.ticket_id = t.id and e.kind in ('closed', 'handed_back', 'left'))""",
    "an open ticket has not ended": """
        select t.id from handoff_ticket t join ticket_event e on e.ticket_id = t.id
        where t.status <> 'closed' and e.kind in ('closed', 'handed_back', 'left')""",
    "a ticket is given back as often as it was taken, but for who has it or had it last": """
        select t.id from handoff_ticket t join ticket_event e on e.ticket_id = t.id
        group by t.id, t.status, t.agent_id
        having count(*) filter (where e.detail ? 'assigned_by') = 0
           and count(*) filter (where e.kind = 'claimed')
             - count(*) filter (where e.kind in ('returned', 'released', 'transferred'))
            <> (t.agent_id is not null)::int""",
    "every claim is told to the taxpayer once": """
        select t.conversation_id from handoff_ticket t join ticket_event e on e.ticket_id = t.id
        where e.kind = 'claimed' group by t.conversation_id
        having count(*) <> (
            select count(*) from message m where m.conversation_id = t.conversation_id
            and m.sender = 'system' and m.text like '人工坐席%已接入%')""",
    "every act is in the audit trail": """
        select number from (
            select t.number, e.kind from ticket_event e join handoff_ticket t on t.id = e.ticket_id
            where e.kind not in ('warned', 'first_answer')
            except all
            select substr(subject, 8), substr(action, 8) from audit_event where subject like 'ticket:%') as missing""",
    "nothing is in the audit trail that did not happen": """
        select subject from (
            select substr(subject, 8) as subject, substr(action, 8) from audit_event
            where subject like 'ticket:%'
            except all
            select t.number, e.kind from ticket_event e join handoff_ticket t on t.id = e.ticket_id
            where e.kind not in ('warned', 'first_answer')) as invented""",
    "a talk has one first answer": """
        select ticket_id from ticket_event where kind = 'first_answer' group by ticket_id having count(*) > 1""",
    "a bad rating opens one review": """
        select details ->> 'ticket' from "case" where kind = 'review'
        group by details ->> 'ticket' having count(*) > 1""",
}


async def check(sessions: SessionFactory) -> None:
    """Assert all of it, the chain of the audit trail too."""
    broken = {}
    async with sessions() as session:
        for rule, query in _BROKEN.items():
            if found := (await session.execute(text(query))).scalars().all():
                broken[rule] = found[:3]
        report = await audit.verify(session)
    assert not broken, broken
    assert report.ok, report.reason
