"""How a conversation leaves the hands it is in."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.claim import CannotClaim, claim, claim_next
from handoff.events import Kind
from handoff.moves import Disposition, close, hand_back, reassign, release, transfer
from handoff.skills import Skill
from handoff.survey import ASK
from handoff.thread import BadWords, NotYours, say
from store.engine import SessionFactory
from store.handoff_models import HandoffTicket, Presence, Staff, TicketEvent, TicketStatus
from store.models import AuditEvent, Message, Owner
from tests.handoff.invariants import check
from tests.handoff.makers import make_staff, make_staffs, make_talk, make_ticket, owner_of, ticket_of

pytestmark = pytest.mark.unit

Move = Callable[[AsyncSession, Staff, uuid.UUID], Awaitable[object]]


async def _to_policy(session: AsyncSession, by: Staff, talk: uuid.UUID) -> None:
    await transfer(session, by, talk, skill=Skill.POLICY)


async def _solved(session: AsyncSession, by: Staff, talk: uuid.UUID) -> None:
    await close(session, by, talk, Disposition.SOLVED)


async def _to_bot(session: AsyncSession, by: Staff, talk: uuid.UUID) -> None:
    await hand_back(session, by, talk, Disposition.INFORMED)


MOVES: dict[str, Move] = {
    "transfer": _to_policy,
    "release": release,
    "close": _solved,
    "hand_back": _to_bot,
}


async def _tried(sessions: SessionFactory, move: Move, by: Staff, talk: uuid.UUID) -> bool:
    try:
        async with sessions() as session, session.begin():
            await move(session, by, talk)
    except NotYours:
        return False
    return True


async def _said(sessions: SessionFactory, talk: uuid.UUID) -> list[str]:
    async with sessions() as session:
        found = await session.scalars(
            select(Message.text)
            .where(Message.conversation_id == talk, Message.sender == "system")
            .order_by(Message.id)
        )
        return list(found.all())


@pytest.mark.parametrize("name", MOVES)
async def test_twice_is_once(sessions: SessionFactory, name: str) -> None:
    agent = await make_staff(sessions)
    talk = await make_talk(sessions, agent)
    done = await asyncio.gather(*(_tried(sessions, MOVES[name], agent, talk) for _ in range(5)))
    assert sum(done) == 1
    await check(sessions)


@pytest.mark.parametrize("name", MOVES)
async def test_only_who_has_it_can_move_it(sessions: SessionFactory, name: str) -> None:
    agent, other = await make_staffs(sessions, 2)
    talk = await make_talk(sessions, agent)
    assert not await _tried(sessions, MOVES[name], other, talk)
    assert not await _tried(sessions, MOVES[name], agent, uuid.uuid4())
    assert await owner_of(sessions, talk) == (Owner.AGENT, agent.id)


@pytest.mark.parametrize(
    ("name", "owner", "status"),
    [
        ("transfer", Owner.QUEUE, TicketStatus.WAITING),
        ("release", Owner.QUEUE, TicketStatus.WAITING),
        ("close", Owner.CLOSED, TicketStatus.CLOSED),
        ("hand_back", Owner.BOT, TicketStatus.CLOSED),
    ],
)
async def test_who_owns_it_afterwards(
    sessions: SessionFactory, name: str, owner: Owner, status: TicketStatus
) -> None:
    agent = await make_staff(sessions)
    talk = await make_talk(sessions, agent)
    assert await _tried(sessions, MOVES[name], agent, talk)
    assert await owner_of(sessions, talk) == (owner, None)
    ticket = await ticket_of(sessions, talk)
    assert ticket.status == status
    if status is TicketStatus.CLOSED:
        assert (ticket.closed_by, ticket.agent_id) == (agent.id, agent.id)
        assert (await _said(sessions, talk))[-1] == ASK
    async with sessions() as session:
        last = (await session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc()).limit(1))).one()
    assert (last.actor, last.subject) == (f"staff:{agent.login}", f"ticket:{ticket.number}")
    await check(sessions)


async def test_every_move_at_once(sessions: SessionFactory) -> None:
    """One of them happens, or several one after the other; never half of one."""
    agent = await make_staff(sessions, max_load=50)
    for _ in range(8):
        talk = await make_talk(sessions, agent)
        done = await asyncio.gather(*(_tried(sessions, move, agent, talk) for move in MOVES.values()))
        assert sum(done) == 1
    await check(sessions)


async def test_moves_while_others_claim_and_the_supervisor_gives(sessions: SessionFactory) -> None:
    agents = await make_staffs(sessions, 4, max_load=50)
    boss = await make_staff(sessions)

    async def take(who: Staff, ticket_id: uuid.UUID) -> bool:
        try:
            async with sessions() as session, session.begin():
                await claim(session, who.id, ticket_id)
        except CannotClaim:
            return False
        return True

    async def give(ticket_id: uuid.UUID, to: Staff) -> None:
        async with sessions() as session, session.begin():
            await reassign(session, boss, ticket_id, to.id)

    for number in range(10):
        holder, one, two, three = agents
        talk = await make_talk(sessions, holder)
        ticket = await ticket_of(sessions, talk)
        move = release if number % 2 else _to_policy
        outcomes = await asyncio.gather(
            _tried(sessions, move, holder, talk),
            take(one, ticket.id),
            take(two, ticket.id),
            give(ticket.id, three),
            give(ticket.id, one),
            return_exceptions=True,
        )
        assert not [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        owner, agent_id = await owner_of(sessions, talk)
        assert owner is Owner.AGENT and agent_id is not None
    await check(sessions)


async def test_a_colleague_has_first_reach(sessions: SessionFactory) -> None:
    agent, colleague, other = await make_staffs(sessions, 3)
    talk = await make_talk(sessions, agent)
    async with sessions() as session, session.begin():
        await transfer(session, agent, talk, to=colleague.id, note="<i>请接着谈</i>")
    async with sessions() as session, session.begin():
        assert await claim_next(session, other.id) is None
    async with sessions() as session, session.begin():
        taken = await claim_next(session, colleague.id)
    assert taken is not None and taken.conversation_id == talk
    await check(sessions)


async def test_a_transfer_to_who_reaches_for_it_at_that_moment(sessions: SessionFactory) -> None:
    """The colleague is locked by their own claim, the ticket by the transfer that names them."""
    holder, colleague = await make_staffs(sessions, 2, max_load=50)

    async def hand_over(talk: uuid.UUID, ticket_id: uuid.UUID, locked: asyncio.Event) -> None:
        async with sessions() as session, session.begin():
            await session.execute(
                select(HandoffTicket.id).where(HandoffTicket.id == ticket_id).with_for_update()
            )
            locked.set()
            # Long enough for the claim to have locked the colleague and to wait for the ticket.
            await asyncio.sleep(0.3)
            await transfer(session, holder, talk, to=colleague.id)

    talk = await make_talk(sessions, holder)
    ticket = await ticket_of(sessions, talk)
    locked = asyncio.Event()
    moving = asyncio.create_task(hand_over(talk, ticket.id, locked))
    await locked.wait()
    async with sessions() as session, session.begin():
        await claim(session, colleague.id, ticket.id)
    await moving
    assert await owner_of(sessions, talk) == (Owner.AGENT, colleague.id)
    await check(sessions)


async def test_a_colleague_without_the_skill_may_take_what_is_kept_for_them(
    sessions: SessionFactory,
) -> None:
    agent = await make_staff(sessions)
    colleague = await make_staff(sessions, skills=["dispute"])
    talk = await make_talk(sessions, agent)
    async with sessions() as session, session.begin():
        await transfer(session, agent, talk, to=colleague.id)
    async with sessions() as session, session.begin():
        assert await claim_next(session, colleague.id) is not None


async def test_a_transfer_needs_somewhere_to_go(sessions: SessionFactory) -> None:
    agent, gone = await make_staffs(sessions, 2)
    talk = await make_talk(sessions, agent)
    async with sessions() as session, session.begin():
        await session.execute(update(Staff).where(Staff.id == gone.id).values(disabled=True))
    for to in (None, agent.id, gone.id, uuid.uuid4()):
        with pytest.raises(BadWords):
            async with sessions() as session, session.begin():
                await transfer(session, agent, talk, to=to)
    assert await owner_of(sessions, talk) == (Owner.AGENT, agent.id)


async def test_a_transfer_to_a_skill_is_for_who_has_it(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions, skills=["general"])
    policy = await make_staff(sessions, skills=["policy"])
    talk = await make_talk(sessions, agent)
    assert await _tried(sessions, _to_policy, agent, talk)
    async with sessions() as session, session.begin():
        assert await claim_next(session, agent.id) is None
    async with sessions() as session, session.begin():
        assert await claim_next(session, policy.id) is not None


@pytest.mark.parametrize("held", [True, False])
async def test_a_supervisor_gives_waiting_and_held_tickets(sessions: SessionFactory, held: bool) -> None:
    agent, other, boss = await make_staffs(sessions, 3)
    if held:
        ticket = await ticket_of(sessions, await make_talk(sessions, agent))
    else:
        ticket = await make_ticket(sessions)
    async with sessions() as session, session.begin():
        await reassign(session, boss, ticket.id, other.id)
    assert await owner_of(sessions, ticket.conversation_id) == (Owner.AGENT, other.id)
    async with sessions() as session, session.begin():
        with pytest.raises(NotYours):
            await say(session, agent, ticket.conversation_id, "我还在")
    async with sessions() as session:
        last = (await session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc()).limit(1))).one()
    assert last.actor == f"staff:{boss.login}"
    await check(sessions)


async def test_giving_it_to_who_has_it_changes_nothing(sessions: SessionFactory) -> None:
    agent, boss = await make_staffs(sessions, 2)
    talk = await make_talk(sessions, agent)
    ticket = await ticket_of(sessions, talk)
    async with sessions() as session, session.begin():
        await reassign(session, boss, ticket.id, agent.id)
    async with sessions() as session:
        claims = await session.scalar(
            select(func.count()).select_from(TicketEvent).where(TicketEvent.kind == Kind.CLAIMED)
        )
    assert claims == 1
    await check(sessions)


async def test_nobody_is_given_to_who_is_not_there(sessions: SessionFactory) -> None:
    offline = await make_staff(sessions, presence=Presence.OFFLINE)
    boss = await make_staff(sessions, presence=Presence.OFFLINE)
    ticket = await make_ticket(sessions)
    async with sessions() as session, session.begin():
        for to in (offline.id, uuid.uuid4()):
            with pytest.raises(BadWords):
                await reassign(session, boss, ticket.id, to)
    async with sessions() as session, session.begin():
        await reassign(session, boss, ticket.id, boss.id)
    assert await owner_of(sessions, ticket.conversation_id) == (Owner.AGENT, boss.id)
    assert await _tried(sessions, _solved, boss, ticket.conversation_id)
    async with sessions() as session, session.begin():
        with pytest.raises(BadWords, match="结束"):
            await reassign(session, boss, ticket.id, boss.id)
    await check(sessions)


async def test_a_released_talk_keeps_its_place(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    talk = await make_talk(sessions, agent)
    async with sessions() as session, session.begin():
        await say(session, agent, talk, "您好")
    await make_ticket(sessions)
    assert await _tried(sessions, release, agent, talk)
    async with sessions() as session, session.begin():
        taken = await claim_next(session, agent.id)
    assert taken is not None and taken.conversation_id == talk


async def test_notes_of_the_end_are_kept_as_written(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    talk = await make_talk(sessions, agent)
    async with sessions() as session, session.begin():
        await close(session, agent, talk, Disposition.REFERRED, "  <script>alert(1)</script>  ")
    ticket = await ticket_of(sessions, talk)
    assert ticket.closing_note == "<script>alert(1)</script>"
    assert ticket.disposition == "referred"
    async with sessions() as session:
        leftover = await session.scalar(
            select(func.count()).select_from(HandoffTicket).where(HandoffTicket.answer_due_at.is_not(None))
        )
    assert leftover == 0
