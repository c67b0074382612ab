"""A human takes a call in the console: the real service, queue and socket, with sound both ways."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import select
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

sys.path.insert(0, str(Path(__file__).parent))

from floor import SUMMARY_SOUND, Agent, Caller, Floor, open_floor, until

from gateway.calls.dialling import Limits
from gateway.calls.tokens import AGENT_TOKEN_S, AgentTokens
from handoff.moves import Disposition, close, hand_back, transfer
from store.handoff_models import HandoffTicket, Staff, Survey, TicketStatus
from store.models import AuditEvent, Call, CallLine, Case, CaseKind, Conversation, Owner
from telephony.events import FRAME_BYTES
from telephony.recording_reader import WAV_HEADER
from tests.chat.database import fresh_database

pytestmark = pytest.mark.unit
CALLER, AGENT = b"\x33", b"\x44"


@pytest_asyncio.fixture
async def floor(tmp_path: Path) -> AsyncIterator[Floor]:
    async with open_floor(fresh_database(), tmp_path) as opened:
        yield opened


@contextmanager
def refused() -> Iterator[None]:
    with pytest.raises(InvalidStatus):
        yield


async def heard_both_ways(caller: Caller, agent: Agent) -> None:
    line = caller.line
    for _ in range(10):
        line.speak(CALLER)
        await agent.speak(AGENT)
        await asyncio.sleep(0.02)
    await until(lambda: AGENT * FRAME_BYTES in line.heard, "the agent's voice at the caller's")
    await until(lambda: CALLER * FRAME_BYTES in agent.sound, "the caller's voice at the agent's")


async def test_from_the_wish_for_a_human_to_the_rating(floor: Floor) -> None:
    staff = await floor.staff()
    caller, ticket = await floor.in_line()
    assert (ticket.channel, ticket.status, ticket.reason) == ("phone", TicketStatus.WAITING, "asked")
    assert floor.agents.live(caller.row.conversation_id)
    await floor.claimed(staff, ticket)
    await caller.hears("正在接您的电话")

    agent = await floor.takes(staff, ticket)
    assert (await agent.is_told("summary"))["text"] == ticket.summary
    await agent.is_told("ready")
    assert set(b"".join(agent.sound)) == set(SUMMARY_SOUND)
    caller.line.speak(CALLER)
    await agent.speak(AGENT)
    await asyncio.sleep(0.1)
    assert AGENT * FRAME_BYTES not in caller.line.heard and CALLER * FRAME_BYTES not in agent.sound

    await agent.send(type="accept")
    await caller.hears("工作人员来了")
    await agent.is_told("joined")
    await heard_both_ways(caller, agent)

    await agent.send(type="leave")
    assert (await agent.is_told("ended"))["reason"] == "left"
    await caller.hears("打个分")
    count = len(caller.line.heard)
    caller.line.press("2")
    await caller.running
    assert AGENT * FRAME_BYTES not in caller.line.heard[count:]
    assert floor.carrier.hung_up == [caller.row.carrier_id]
    async with floor.sessions() as session:
        call = await session.get_one(Call, caller.row.id)
        assert (call.outcome, call.outcome_note) == ("human", "talked")
        rating = (await session.scalars(select(Survey))).one()
        assert (rating.ticket_id, rating.score, rating.channel) == (ticket.id, 2, "phone")
        assert (await session.scalars(select(Case.kind))).all() == [CaseKind.REVIEW]
        kept = await session.get_one(HandoffTicket, ticket.id)
        assert (kept.status, kept.agent_id) == (TicketStatus.ASSIGNED, staff.id)
        assert kept.first_answer_at is not None and kept.answer_due_at is None
        done = (
            await session.scalars(select(AuditEvent.action).where(AuditEvent.actor == f"staff:{staff.login}"))
        ).all()
        assert [action for action in done if action.startswith("call.")] == [
            "call.picked_up",
            "call.put_down",
        ]
        keys = (await session.scalars(select(CallLine.text).where(CallLine.speaker == "key"))).all()
        assert keys == ["0", "2"]
    assert not floor.agents.live(caller.row.conversation_id)
    await agent.close()


async def test_both_sides_are_in_the_recording(floor: Floor) -> None:
    caller, _, agent = await floor.talking(await floor.staff())
    await heard_both_ways(caller, agent)
    caller.line.hang_up()
    assert (await agent.is_told("ended"))["reason"] == "caller_left"
    await caller.running
    sound = b"".join(floor.recordings.open(caller.row.id).wav(WAV_HEADER))
    assert CALLER * FRAME_BYTES in sound[::2] and AGENT * (5 * FRAME_BYTES) in sound[1::2]
    await agent.close()


async def test_accepting_cuts_the_summary_short(floor: Floor) -> None:
    floor.voice.summary_s = 60.0
    staff = await floor.staff()
    caller, ticket = await floor.in_line()
    await floor.claimed(staff, ticket)
    agent = await floor.takes(staff, ticket)
    await agent.send(type="accept")
    await agent.is_told("joined")
    assert "ready" not in agent.kinds()
    caller.line.hang_up()
    await caller.running
    await agent.close()


async def test_only_the_owner_of_the_ticket_gets_in_and_a_token_is_good_once(floor: Floor) -> None:
    mine, other = await floor.staff(), await floor.staff()
    auditor = await floor.staff(roles=["auditor"])
    caller, ticket = await floor.in_line()
    with refused():
        await floor.takes(mine, ticket)
    await floor.claimed(mine, ticket)
    for nobody in (other, auditor):
        with refused():
            await floor.takes(nobody, ticket)
    for token in ("guess", "a.b.c.d", floor.agents.agent_call_token(uuid.uuid4(), mine.id)):
        with refused():
            await floor.open(ticket, token)
    token = floor.agents.agent_call_token(ticket.id, mine.id)
    agent = await floor.open(ticket, token)
    with refused():
        await floor.open(ticket, token)
    async with floor.sessions() as session, session.begin():
        (await session.get_one(Staff, mine.id)).disabled = True
    with refused():
        await floor.takes(mine, ticket)
    caller.line.hang_up()
    await caller.running
    await agent.close()


async def test_a_role_that_may_not_talk_does_not_get_in_even_with_the_ticket(floor: Floor) -> None:
    staff = await floor.staff()
    caller, ticket = await floor.in_line()
    await floor.claimed(staff, ticket)
    async with floor.sessions() as session, session.begin():
        (await session.get_one(Staff, staff.id)).roles = ["admin"]
    with refused():
        await floor.takes(staff, ticket)
    caller.line.hang_up()
    await caller.running


async def test_an_agent_whose_network_breaks_may_come_back(floor: Floor) -> None:
    staff = await floor.staff()
    caller, ticket, agent = await floor.talking(staff)
    await agent.break_off()
    await caller.hears("断线了")
    again = await floor.takes(staff, ticket)
    await again.send(type="accept")
    await again.is_told("joined")
    await heard_both_ways(caller, again)
    caller.line.hang_up()
    await caller.running
    await again.close()


async def test_a_second_window_takes_the_call_over(floor: Floor) -> None:
    staff = await floor.staff()
    caller, ticket, first = await floor.talking(staff)
    second = await floor.takes(staff, ticket)
    assert (await first.is_told("ended"))["reason"] == "elsewhere"
    await second.send(type="accept")
    await second.is_told("joined")
    await heard_both_ways(caller, second)
    caller.line.hang_up()
    await caller.running
    await first.close()
    await second.close()


async def test_not_taking_it_puts_the_caller_back_in_line(floor: Floor) -> None:
    staff = await floor.staff()
    caller, ticket = await floor.in_line()
    await floor.claimed(staff, ticket)
    agent = await floor.takes(staff, ticket)
    await agent.send(type="leave")
    await caller.hears("还在为您接通")
    await agent.is_told("ended")
    await floor.waits_again(caller)
    await agent.close()
    colleague = await floor.staff()
    await floor.claimed(colleague, ticket)
    other = await floor.takes(colleague, ticket)
    await other.send(type="accept")
    await other.is_told("joined")
    caller.line.hang_up()
    await caller.running
    await other.close()


async def test_closing_the_ticket_in_the_console_ends_the_call_with_the_rating(floor: Floor) -> None:
    staff = await floor.staff()
    caller, ticket, agent = await floor.talking(staff)
    async with floor.sessions() as session, session.begin():
        await close(session, staff, ticket.conversation_id, Disposition.SOLVED)
    assert (await agent.is_told("ended"))["reason"] == "moved"
    await caller.hears("打个分")
    caller.line.press("5")
    await caller.running
    async with floor.sessions() as session:
        assert (await session.scalars(select(Survey.score))).all() == [5]
    await agent.close()


async def test_handing_it_back_lets_the_bot_go_on(floor: Floor) -> None:
    staff = await floor.staff()
    caller, ticket, agent = await floor.talking(staff)
    async with floor.sessions() as session, session.begin():
        await hand_back(session, staff, ticket.conversation_id, Disposition.INFORMED)
    await caller.hears("打个分")
    caller.line.press("4")
    await until(lambda: any("请问是" in text for text in caller.said[3:]), "the bot's question again")
    async with floor.sessions() as session:
        owner = await session.scalar(
            select(Conversation.owner).where(Conversation.id == ticket.conversation_id)
        )
        assert owner == Owner.BOT
    caller.line.hang_up()
    await caller.running
    await agent.close()


async def test_a_transfer_brings_the_caller_to_the_colleague(floor: Floor) -> None:
    staff, colleague = await floor.staff(), await floor.staff()
    caller, ticket, agent = await floor.talking(staff)
    async with floor.sessions() as session, session.begin():
        await transfer(session, staff, ticket.conversation_id, to=colleague.id)
    assert (await agent.is_told("ended"))["reason"] == "moved"
    await caller.hears("换一位工作人员")
    with refused():
        await floor.takes(staff, ticket)
    await floor.claimed(colleague, ticket)
    other = await floor.takes(colleague, ticket)
    await other.send(type="accept")
    await other.is_told("joined")
    await heard_both_ways(caller, other)
    caller.line.hang_up()
    await caller.running
    await agent.close()
    await other.close()


async def test_the_taxpayer_may_rather_be_called(floor: Floor) -> None:
    await floor.staff()
    caller, ticket = await floor.in_line()
    caller.line.press("1")
    await caller.running
    async with floor.sessions() as session:
        assert (await session.get_one(Call, caller.row.id)).outcome == "callback"
        kept = await session.get_one(HandoffTicket, ticket.id)
        assert (kept.status, kept.disposition) == (TicketStatus.CLOSED, "callback")
        assert (await session.scalars(select(Case.kind))).all() == [CaseKind.CALLBACK]


async def test_waiting_too_long_books_a_call_back(tmp_path: Path) -> None:
    async with open_floor(fresh_database(), tmp_path, Limits(wait_s=1)) as floor:
        await floor.staff()
        caller, _ = await floor.in_line()
        await caller.hears("让您久等了")
        await caller.running
        async with floor.sessions() as session:
            assert (await session.get_one(Call, caller.row.id)).outcome == "callback"


@pytest.mark.parametrize("skills", [None, ["deferral"]])
async def test_without_anybody_for_it_a_call_back_is_booked_as_ever(
    floor: Floor, skills: list[str] | None
) -> None:
    if skills is not None:
        await floor.staff(skills=skills)
    caller = await floor.caller()
    caller.line.press("0")
    await caller.running
    assert any("给您回电话" in text for text in caller.said)
    async with floor.sessions() as session:
        assert (await session.get_one(Call, caller.row.id)).outcome == "human"
        assert (await session.scalars(select(Case.kind))).all() == [CaseKind.CALLBACK]


async def test_hanging_up_in_line_leaves_the_ticket_for_whoever_calls_back(floor: Floor) -> None:
    staff = await floor.staff()
    caller, ticket = await floor.in_line()
    caller.line.hang_up()
    await caller.running
    assert (await floor.ticket(caller)).status == TicketStatus.WAITING
    await floor.claimed(staff, ticket)
    agent = await floor.takes(staff, ticket)
    assert (await agent.is_told("ended"))["reason"] == "caller_left"
    await agent.close()


async def test_nonsense_from_the_page_does_no_harm(floor: Floor) -> None:
    caller, _, agent = await floor.talking(await floor.staff())
    for bad in ("", "{", "[1]", "[" * 200, '{"type": 7}', "x" * 9000):
        await agent.socket.send(bad)
    await agent.socket.send(b"x" * 100_000)
    await agent.socket.send(b"")
    await heard_both_ways(caller, agent)
    caller.line.hang_up()
    await caller.running
    await agent.close()


async def test_another_site_may_not_open_it(floor: Floor) -> None:
    staff = await floor.staff()
    caller, ticket = await floor.in_line()
    await floor.claimed(staff, ticket)
    with refused():
        await connect(
            f"ws://127.0.0.1:{floor.port}/console/ws/call/{ticket.id}",
            subprotocols=["shuiling-agent", floor.agents.agent_call_token(ticket.id, staff.id)],  # type: ignore[list-item]
            origin="https://elsewhere.example",  # type: ignore[arg-type]
            proxy=None,
        )
    caller.line.hang_up()
    await caller.running


def test_tokens_run_out_and_belong_to_one_ticket() -> None:
    now = [1000.0]
    tokens = AgentTokens("key", lambda: now[0])
    ticket, staff = uuid.uuid4(), uuid.uuid4()
    assert tokens.spend(ticket, tokens.make(ticket, staff)) == staff
    token = tokens.make(ticket, staff)
    assert tokens.spend(uuid.uuid4(), token) is None
    assert AgentTokens("other", lambda: now[0]).spend(ticket, token) is None
    now[0] += AGENT_TOKEN_S + 1
    assert tokens.spend(ticket, token) is None
    assert all(tokens.spend(ticket, bad) is None for bad in ("", ".", "a.b.c.d", "ä", token[:-1]))
