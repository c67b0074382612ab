"""Many reach for the same; each ticket is taken by one."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter

import pytest
from sqlalchemy import select, update

from handoff.claim import CannotClaim, Claimed, claim, claim_next
from handoff.moves import leave_queue
from handoff.reasons import Reason
from store.engine import SessionFactory
from store.handoff_models import HandoffTicket, Presence, Staff, TicketStatus
from store.models import Owner
from tests.chat.database import opened
from tests.handoff.invariants import check
from tests.handoff.makers import make_staff, make_staffs, make_talk, make_ticket, make_waiting, owner_of

pytestmark = pytest.mark.unit


async def _claim(sessions: SessionFactory, agent: Staff, ticket_id: uuid.UUID) -> Claimed | None:
    try:
        async with sessions() as session, session.begin():
            return await claim(session, agent.id, ticket_id)
    except CannotClaim:
        return None


async def _next(sessions: SessionFactory, agent: Staff) -> Claimed | None:
    try:
        async with sessions() as session, session.begin():
            return await claim_next(session, agent.id)
    except CannotClaim:
        return None


async def _loads(sessions: SessionFactory) -> Counter[uuid.UUID | None]:
    async with sessions() as session:
        held = await session.scalars(
            select(HandoffTicket.agent_id).where(HandoffTicket.status == TicketStatus.ASSIGNED)
        )
        return Counter(held.all())


async def test_two_hundred_agents_and_four_hundred_tickets(url: str) -> None:
    """Half of them take what comes next, half reach for the same tickets by name; two gateways."""
    async with opened(url) as one, opened(url) as other:
        agents = await make_staffs(one, 200, max_load=2)
        tickets = await make_waiting(one, 400)

        async def work(number: int, agent: Staff) -> list[uuid.UUID]:
            sessions = one if number % 2 else other
            taken = []
            if number < 100:
                for ticket_id in tickets[:3]:
                    if (got := await _claim(sessions, agent, ticket_id)) is not None:
                        taken.append(got.ticket_id)
            while (got := await _next(sessions, agent)) is not None:
                taken.append(got.ticket_id)
            return taken

        taken = await asyncio.gather(*(work(number, agent) for number, agent in enumerate(agents)))
        assert sorted(t for each in taken for t in each) == sorted(tickets)
        assert set((await _loads(one)).values()) == {2}
        await check(one)


async def test_two_tabs_of_one_agent_never_have_more_than_fits(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions, max_load=3)
    await make_waiting(sessions, 12)
    done = await asyncio.gather(*(_next(sessions, agent) for _ in range(10)))
    assert sum(got is not None for got in done) == 3
    assert (await _loads(sessions))[agent.id] == 3
    await check(sessions)


async def test_the_same_one_clicked_in_two_tabs(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    ticket = await make_ticket(sessions)
    done = await asyncio.gather(*(_claim(sessions, agent, ticket.id) for _ in range(6)))
    assert sum(got is not None for got in done) == 1
    await check(sessions)


async def test_what_another_transaction_has_locked_is_passed_over_or_waited_for(
    sessions: SessionFactory,
) -> None:
    first, second = await make_waiting(sessions, 2)
    one, other = await make_staffs(sessions, 2)
    async with sessions() as holding, holding.begin():
        await holding.scalar(select(HandoffTicket).where(HandoffTicket.id == first).with_for_update())
        got = await asyncio.wait_for(_next(sessions, one), 10)
        assert got is not None and got.ticket_id == second
        # Only the locked one is left: whoever has it may put it back, so nobody is told that none waits.
        waiting = asyncio.create_task(_next(sessions, other))
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
    got = await asyncio.wait_for(waiting, 10)
    assert got is not None and got.ticket_id == first
    await check(sessions)


async def test_what_the_session_knew_before_it_waited_does_not_count(sessions: SessionFactory) -> None:
    """A page has read agent and ticket; meanwhile both have changed."""
    agent, other = await make_staffs(sessions, 2)
    ticket = await make_ticket(sessions)
    async with sessions() as session, session.begin():
        known = await session.get(HandoffTicket, ticket.id)
        assert known is not None and known.status == TicketStatus.WAITING
        assert await _claim(sessions, other, ticket.id) is not None
        with pytest.raises(CannotClaim, match="被别人接走"):
            await claim(session, agent.id, ticket.id)
    async with sessions() as session, session.begin():
        who = await session.get(Staff, agent.id)
        assert who is not None and who.presence == Presence.ONLINE
        async with sessions() as elsewhere, elsewhere.begin():
            await elsewhere.execute(
                update(Staff).where(Staff.id == agent.id).values(presence=Presence.OFFLINE)
            )
        with pytest.raises(CannotClaim, match="在线"):
            await claim_next(session, agent.id)
    await check(sessions)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"presence": Presence.OFFLINE}, "在线"),
        ({"presence": Presence.AWAY}, "在线"),
        ({"disabled": True}, "停用"),
    ],
)
async def test_who_is_not_at_work_takes_nothing(
    sessions: SessionFactory, changed: dict[str, object], words: str
) -> None:
    agent = await make_staff(sessions)
    ticket = await make_ticket(sessions)
    async with sessions() as session, session.begin():
        await session.execute(update(Staff).where(Staff.id == agent.id).values(**changed))
    for attempt in (claim_next, lambda s, who: claim(s, who, ticket.id)):
        async with sessions() as session, session.begin():
            with pytest.raises(CannotClaim, match=words):
                await attempt(session, agent.id)
    assert await owner_of(sessions, ticket.conversation_id) == (Owner.QUEUE, None)


async def test_skills_decide_what_comes_next_and_what_may_be_taken(sessions: SessionFactory) -> None:
    dispute = await make_ticket(sessions, Reason.DISPUTE)
    general = await make_ticket(sessions)
    agent = await make_staff(sessions, skills=["general"])
    async with sessions() as session, session.begin():
        with pytest.raises(CannotClaim, match="技能"):
            await claim(session, agent.id, dispute.id)
    got = await _next(sessions, agent)
    assert got is not None and got.ticket_id == general.id
    assert await _next(sessions, agent) is None
    async with sessions() as session, session.begin():
        with pytest.raises(CannotClaim, match="没有这张"):
            await claim(session, agent.id, uuid.uuid4())


async def test_leaving_and_claiming_at_once(sessions: SessionFactory) -> None:
    """One of them wins, and the other is told so."""
    agents = await make_staffs(sessions, 4, max_load=50)

    async def leave(talk: uuid.UUID) -> bool:
        async with sessions() as session, session.begin():
            return await leave_queue(session, talk)

    left_at_all = 0
    for number in range(20):
        ticket = await make_ticket(sessions)
        claims = [_claim(sessions, agent, ticket.id) for agent in agents]
        leaving = leave(ticket.conversation_id)
        order = [leaving, *claims] if number % 2 else [*claims, leaving]
        done = await asyncio.gather(*order)
        assert sum(bool(outcome) for outcome in done) == 1
        owner, _ = await owner_of(sessions, ticket.conversation_id)
        left = done[0 if number % 2 else -1]
        left_at_all += bool(left)
        assert owner == (Owner.BOT if left else Owner.AGENT)
    await check(sessions)


async def test_the_claim_tells_the_taxpayer_who_has_come(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    talk = await make_talk(sessions, agent)
    assert await owner_of(sessions, talk) == (Owner.AGENT, agent.id)
    await check(sessions)
