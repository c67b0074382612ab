"""The taxpayer's side of the handoff over the real gateway: what a window is told, what it may say, and the rating."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
import pytest
from sqlalchemy import select, update

from chat import threads
from handoff.claim import claim
from handoff.moves import Disposition, hand_back
from handoff.survey import LONGEST
from handoff.thread import read_by_agent, say
from store.engine import SessionFactory
from store.handoff_models import Staff, Survey
from store.live import CHANNEL
from store.models import AuditEvent, Case, CaseKind, Conversation, Message
from store.personas import by_key
from tests.chat.database import opened
from tests.gateway.conftest import Client
from tests.gateway.test_routes import bearer, new_token
from tests.gateway.window import Window, tab, unheard
from tests.handoff.makers import make_staff, put_in_queue, ticket_of

pytestmark = pytest.mark.unit
T = TypeVar("T")


class Office:
    """The humans' side, straight in the database, as another process would change it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def do(self, work: Callable[[SessionFactory], Awaitable[T]]) -> T:
        async def run() -> T:
            async with opened(self.url) as sessions:
                return await work(sessions)

        return asyncio.run(run())

    def conversation(self, token: str) -> uuid.UUID:
        async def find(sessions: SessionFactory) -> uuid.UUID:
            async with sessions() as session:
                found = await threads.by_token(session, token)
                assert found is not None
                return found.id

        return self.do(find)

    def hire(self) -> Staff:
        return self.do(lambda sessions: make_staff(sessions, max_load=50))

    def queue(self, conversation_id: uuid.UUID) -> str:
        """Put it into the queue; the ticket's number."""
        return self.do(lambda sessions: put_in_queue(sessions, conversation_id)).number

    def claim(self, agent: Staff, conversation_id: uuid.UUID) -> None:
        async def take(sessions: SessionFactory) -> None:
            ticket = await ticket_of(sessions, conversation_id)
            async with sessions() as session, session.begin():
                await claim(session, agent.id, ticket.id)

        self.do(take)

    def say(self, agent: Staff, conversation_id: uuid.UUID, text: str) -> int:
        async def speak(sessions: SessionFactory) -> int:
            async with sessions() as session, session.begin():
                return (await say(session, agent, conversation_id, text)).id

        return self.do(speak)

    def read(self, agent: Staff, conversation_id: uuid.UUID, upto: int) -> None:
        async def mark(sessions: SessionFactory) -> None:
            async with sessions() as session, session.begin():
                await read_by_agent(session, agent.id, conversation_id, upto)

        self.do(mark)

    def hand_back(self, agent: Staff, conversation_id: uuid.UUID) -> uuid.UUID:
        """The ticket that is to be rated."""

        async def end(sessions: SessionFactory) -> uuid.UUID:
            async with sessions() as session, session.begin():
                return (await hand_back(session, agent, conversation_id, Disposition.SOLVED)).id

        return self.do(end)

    def one(self, query: Any) -> Any:
        async def find(sessions: SessionFactory) -> Any:
            async with sessions() as session:
                return await session.scalar(query)

        return self.do(find)


@pytest.fixture
def office(seeded_url: str) -> Office:
    return Office(seeded_url)


@pytest.fixture(autouse=True)
def _everybody_goes_home(office: Office) -> Iterator[None]:
    yield

    async def home(sessions: SessionFactory) -> None:
        async with sessions() as session, session.begin():
            await session.execute(update(Staff).values(presence="offline"))

    office.do(home)


def status(window: Window, **wanted: Any) -> dict[str, Any]:
    """The next status that is as wanted, other frames left out."""
    while True:
        frame = window.frame()
        if frame["type"] == "status" and wanted.items() <= frame.items():
            return frame


def taken(window: Window) -> None:
    """Everything sent so far has been dealt with, and nothing of it was refused."""
    window.send({"type": "ping"})
    while (frame := window.frame())["type"] != "pong":
        assert frame["type"] != "error"


@contextmanager
def announcements(url: str) -> Iterator[Callable[[], list[str]]]:
    """What is announced on the database's channel while this is open."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"listen {CHANNEL}")
        yield lambda: [n.payload for n in connection.notifies(timeout=1)]


# --- being told -----------------------------------------------------------------------------------------------------


def test_a_window_learns_at_once_how_things_stand(client: Client, office: Office) -> None:
    token = new_token(client)
    number = office.queue(office.conversation(token))
    with unheard(client.socket_url) as window:
        window.send({"type": "hello", "token": token})
        assert window.frame() == {"type": "ready", "owner": "queue"}
        frame = window.frame()
    assert (frame["type"], frame["owner"], frame["number"]) == ("status", "queue", number)
    assert frame["agent"] is None and frame["hours"].startswith("工作日")


def test_a_talk_with_a_human_as_another_process_leads_it(client: Client, office: Office) -> None:
    token = new_token(client)
    conversation, agent = office.conversation(token), office.hire()
    with tab(client.socket_url, token) as window:
        window.messages(1)
        office.queue(conversation)
        assert status(window, owner="queue")["staffed"]
        office.claim(agent, conversation)
        status(window, owner="agent", agent=agent.name)
        said = office.say(agent, conversation, "您好，我看看")
        while (frame := window.frame()).get("sender") != "agent":
            pass
        assert (frame["id"], frame["text"], frame["by"]) == (said, "您好，我看看", agent.name)
        window.say("谢谢", "c1")
        (own,) = window.messages(1)
        office.read(agent, conversation, own["id"])
        status(window, read=own["id"])
        office.hand_back(agent, conversation)
        status(window, owner="bot", agent=None, number=None)


def test_a_late_message_with_a_smaller_id_arrives_and_nothing_arrives_twice(
    client: Client, office: Office, seeded_url: str
) -> None:
    token = new_token(client)
    conversation = office.conversation(token)
    add = "insert into message (conversation_id, sender, text, state) values (%s, 'system', %s, 'answered') returning id"
    with tab(client.socket_url, token) as window, psycopg.connect(seeded_url) as slow:
        window.messages(1)
        (early,) = slow.execute(add, (conversation, "先写后到")).fetchone() or (0,)
        with psycopg.connect(seeded_url, autocommit=True) as fast:
            (late,) = fast.execute(add, (conversation, "后写先到")).fetchone() or (0,)
        assert [m["id"] for m in window.messages(1)] == [late]
        slow.commit()
        assert [m["id"] for m in window.messages(1)] == [early] and early < late
        hub = client.app.state.parts.hub
        hub.publish(conversation, {"type": "message", "id": late, "text": "again"})
        assert window.quiet()


def test_in_the_queue_a_ping_brings_the_new_place(client: Client, office: Office) -> None:
    tokens = [new_token(client), new_token(client)]
    first, second = map(office.conversation, tokens)
    office.queue(first)
    office.queue(second)
    with tab(client.socket_url, tokens[1]) as window:
        window.messages(1)
        window.send({"type": "ping"})
        assert window.frame() == {"type": "pong"}
        with tab(client.socket_url, tokens[0]) as other:
            other.send({"type": "leave_queue"})
            status(other, owner="bot")
        window.send({"type": "ping"})
        frames = [window.frame(), window.frame()]
    assert {f["type"] for f in frames} == {"pong", "status"}


# --- saying ---------------------------------------------------------------------------------------------------------


def test_leaving_the_queue(client: Client, office: Office) -> None:
    token = new_token(client)
    conversation = office.conversation(token)
    number = office.queue(conversation)
    with tab(client.socket_url, token) as window:
        window.messages(1)
        window.send({"type": "leave_queue"})
        status(window, owner="bot", number=None)
    ticket = office.do(lambda sessions: ticket_of(sessions, conversation))
    assert (ticket.status, ticket.disposition) == ("closed", "left")
    assert office.one(select(AuditEvent.actor).where(AuditEvent.subject == f"ticket:{number}", AuditEvent.action == "ticket.left")) == "taxpayer"  # fmt: skip
    notes = office.one(select(Message.text).where(Message.conversation_id == conversation).order_by(Message.id.desc()).limit(1))  # fmt: skip
    assert "不排队了" in notes


def test_leaving_when_a_human_has_come_changes_nothing_and_says_how_it_is(
    client: Client, office: Office
) -> None:
    token = new_token(client)
    conversation, agent = office.conversation(token), office.hire()
    office.queue(conversation)
    office.claim(agent, conversation)
    with tab(client.socket_url, token) as window:
        window.messages(2)
        window.send({"type": "leave_queue"})
        status(window, owner="agent", agent=agent.name)
    assert office.do(lambda sessions: ticket_of(sessions, conversation)).status == "assigned"


def test_typing_is_announced_at_most_once_a_second(client: Client, office: Office, seeded_url: str) -> None:
    token = new_token(client)
    conversation = office.conversation(token)
    with tab(client.socket_url, token) as window, announcements(seeded_url) as heard:
        window.messages(1)
        for _ in range(20):
            window.send({"type": "typing"})
        assert window.quiet()
        assert heard().count(f"typing:{conversation}:taxpayer") in (1, 2)


def test_what_was_read_is_kept_and_never_goes_back(client: Client, office: Office) -> None:
    token = new_token(client)
    conversation = office.conversation(token)
    kept = select(Conversation.taxpayer_read_id).where(Conversation.id == conversation)
    with tab(client.socket_url, token) as window:
        (hello,) = window.messages(1)
        window.say("在吗")
        newest = window.messages(2)[-1]["id"]
        for upto in (newest, hello["id"]):
            window.send({"type": "read", "upto": upto})
        taken(window)
    assert office.one(kept) == newest


def test_only_what_is_there_can_have_been_read(client: Client, office: Office) -> None:
    token, others = new_token(client), new_token(client)
    with tab(client.socket_url, others) as window:
        foreign = window.messages(1)[0]["id"]
    with tab(client.socket_url, token) as window:
        window.messages(1)
        for upto in (foreign, foreign + 10**6, 2**70, -1, 0, "5", True, None, 1.5, [], {}):
            window.send({"type": "read", "upto": upto})
            refused = window.frame()
            assert (refused["type"], refused["code"]) == ("error", "frame"), upto
    conversation = office.conversation(token)
    assert office.one(select(Conversation.taxpayer_read_id).where(Conversation.id == conversation)) == 0


def test_what_is_sent_to_a_human_waits_for_their_answer_a_file_too(client: Client, office: Office) -> None:
    token = new_token(client)
    conversation, agent = office.conversation(token), office.hire()
    office.queue(conversation)
    office.claim(agent, conversation)
    office.say(agent, conversation, "请把对账单传给我")
    assert office.do(lambda sessions: ticket_of(sessions, conversation)).waiting_since is None
    with tab(client.socket_url, token) as window:
        window.messages(3)
        client.post("/chat/uploads", files={"file": ("对账单.pdf", b"%PDF-1.4\n")}, headers=bearer(token))
        assert window.texts(1) == [("system", "已收到材料：对账单.pdf")]
    assert office.do(lambda sessions: ticket_of(sessions, conversation)).waiting_since is not None


# --- the rating -----------------------------------------------------------------------------------------------------


def finished(client: Client, office: Office) -> tuple[str, uuid.UUID, uuid.UUID]:
    """A talk with a human that has ended: token, conversation, ticket."""
    token = new_token(client)
    conversation, agent = office.conversation(token), office.hire()
    office.queue(conversation)
    office.claim(agent, conversation)
    return token, conversation, office.hand_back(agent, conversation)


def rate(client: Client, token: str | None, **body: Any) -> Any:
    return client.post("/chat/survey", json=body, headers=bearer(token) if token else {})


def asked(window: Window) -> dict[str, Any]:
    while True:
        frame = window.frame()
        if frame["type"] == "message" and (frame["custom"] or {}).get("kind") == "survey":
            return frame


def test_a_rating_is_kept_shown_again_and_can_be_changed(client: Client, office: Office) -> None:
    token, _, ticket = finished(client, office)
    with tab(client.socket_url, token) as window:
        assert asked(window)["custom"]["score"] is None
        answer = rate(client, token, ticket=str(ticket), score=5, word=" 很耐心\x00 ")
        assert (answer.status_code, answer.json()) == (200, {"score": 5, "text": "谢谢您的评价。"})
        while (frame := window.frame())["type"] != "rated":
            pass
        assert frame == {"type": "rated", "ticket": str(ticket), "score": 5}
    assert rate(client, token, ticket=str(ticket), score=4).status_code == 200
    with tab(client.socket_url, token) as window:
        assert asked(window)["custom"]["score"] == 4
    kept = office.one(select(Survey).where(Survey.ticket_id == ticket))
    assert (kept.score, kept.word) == (4, "")


def test_a_low_rating_opens_one_review_and_says_so(client: Client, office: Office) -> None:
    token, conversation, ticket = finished(client, office)
    for score in (1, 2):
        answer = rate(client, token, ticket=str(ticket), score=score, word="等太久了")
        assert "复查" in answer.json()["text"]
    reviews = office.one(
        select(Case.statement).where(Case.kind == CaseKind.REVIEW, Case.conversation_id == conversation)
    )
    assert reviews == "等太久了"


def test_no_number_is_kept_from_what_is_written(client: Client, office: Office) -> None:
    token, _, ticket = finished(client, office)
    person = by_key("overdue_company")
    rate(client, token, ticket=str(ticket), score=1, word=f"打{person.phone}找我，{person.identifier}")
    kept = office.one(select(Survey.word).where(Survey.ticket_id == ticket))
    review = office.one(select(Case.statement).where(Case.details["ticket"].astext == str(ticket)))
    for text in (kept, review):
        assert person.phone not in text and person.identifier not in text and text.startswith("打")


def test_only_ones_own_finished_talk_can_be_rated(client: Client, office: Office) -> None:
    token, _, ticket = finished(client, office)
    other = new_token(client)
    waiting = office.conversation(other)
    office.queue(waiting)
    open_ticket = office.do(lambda sessions: ticket_of(sessions, waiting)).id
    for who, which, code in (
        (None, ticket, 401),
        ("forged", ticket, 401),
        (other, ticket, 404),
        (other, open_ticket, 404),
        (token, uuid.uuid4(), 404),
    ):
        refused = rate(client, who, ticket=str(which), score=5)
        assert refused.status_code == code
        assert any("\u4e00" <= c <= "\u9fff" for c in refused.json()["detail"])
    assert office.one(select(Survey.id).where(Survey.ticket_id.in_([ticket, open_ticket]))) is None


@pytest.mark.parametrize(
    "body",
    [
        {"score": 0},
        {"score": 6},
        {"score": -(2**70)},
        {"score": "五"},
        {"score": 4.5},
        {"score": None},
        {"score": 5, "word": "好" * (LONGEST + 1)},
        {"score": 5, "word": ["好"]},
        {"score": 5, "ticket": "1; drop table survey"},
    ],
)
def test_a_malformed_rating_is_refused_in_words(client: Client, office: Office, body: dict[str, Any]) -> None:
    token, _, ticket = finished(client, office)
    refused = rate(client, token, **{"ticket": str(ticket), **body})
    assert refused.status_code == 422
    assert any("\u4e00" <= c <= "\u9fff" for c in refused.json()["detail"])
    assert office.one(select(Survey.id).where(Survey.ticket_id == ticket)) is None


def test_the_frame_carries_no_identifier_of_staff(client: Client, office: Office) -> None:
    token = new_token(client)
    conversation, agent = office.conversation(token), office.hire()
    office.queue(conversation)
    office.claim(agent, conversation)
    office.say(agent, conversation, "您好")
    with tab(client.socket_url, token) as window:
        frames = json.dumps(window.messages(3))
    assert agent.login not in frames and str(agent.id) not in frames
