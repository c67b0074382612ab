"""Turns over real PostgreSQL and an in-memory dialogue: in order, exactly once, and never silently lost."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select, update

from chat import threads
from chat.hub import Hub
from chat.ports import ActionFailed, Answer, Checked, DialogueUnavailable, Said
from chat.turns import MAX_FAILURES, SLOW_WORDS, Patience, Turns
from store.engine import SessionFactory
from store.fictional import phone
from store.handoff_models import Staff
from store.models import Conversation, Message, MessageState, Owner
from tests.chat.conftest import NewConversation
from tests.chat.database import CIPHER, fresh_database, opened

pytestmark = pytest.mark.unit

TODAY = date(2026, 11, 23)
HUMAN = "人工服务单号RG2026-000001，您排在最前面。"


class Twin:
    """A dialogue in memory: says the text back, once per message id, as ``bot.channel`` does.

    ``down`` makes it unavailable; ``fails`` are texts whose action does; ``lose`` makes it work and then lose the answer on the way; a text found in
    ``gates`` waits for its event.
    """

    def __init__(self) -> None:
        self.heard: list[tuple[uuid.UUID, str]] = []
        self.calls = 0
        self.down = False
        self.fails: set[str] = set()
        self.lose = 0
        self.gates: dict[str, asyncio.Event] = {}
        self.inside = 0
        self.most_inside = 0
        self._known: dict[str, Sequence[Answer]] = {}

    async def send(self, conversation_id: uuid.UUID, message_id: str, said: Said) -> Sequence[Answer]:
        self.calls += 1
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        try:
            await asyncio.sleep(0)
            if self.down:
                raise DialogueUnavailable("down")
            text = said.text
            if text in self.fails:
                raise ActionFailed
            if text in self.gates:
                await self.gates[text].wait()
            if message_id not in self._known:
                self.heard.append((conversation_id, text))
                self._known[message_id] = (Answer(f"答：{text}"),)
            if self.lose:
                self.lose -= 1
                raise DialogueUnavailable("lost")
            return self._known[message_id]
        finally:
            self.inside -= 1

    def texts(self) -> list[str]:
        return [text for _, text in self.heard]


class Lenient:
    async def check(self, conversation_id: uuid.UUID, answer: Answer) -> Checked:
        return Checked(answer)


class House:
    """Turns with all its neighbours, and what came of them."""

    def __init__(self, sessions: SessionFactory, patience: Patience) -> None:
        self.sessions = sessions
        self.twin = Twin()
        self.hub = Hub()
        self.guard: Any = Lenient()
        self.humans: list[tuple[uuid.UUID, str]] = []
        self.outcomes: list[str] = []
        self.passed_on: list[uuid.UUID] = []
        self.turns = self.again(patience)

    def again(self, patience: Patience) -> Turns:
        return Turns(
            self.sessions,
            self.twin,
            self,
            self.call_human,
            self.hub,
            patience,
            lambda _, outcome: self.outcomes.append(outcome),
            self.pass_on,
        )

    async def pass_on(self, conversation_id: uuid.UUID) -> None:
        self.passed_on.append(conversation_id)

    async def check(self, conversation_id: uuid.UUID, answer: Answer) -> Checked:
        found: Checked = await self.guard.check(conversation_id, answer)
        return found

    async def call_human(self, conversation_id: uuid.UUID, trigger: str) -> str:
        self.humans.append((conversation_id, trigger))
        return HUMAN

    async def say(self, conversation: uuid.UUID, *texts: str, wake: bool = True) -> list[Message]:
        said = []
        for text in texts:
            async with self.sessions() as session, session.begin():
                taken = await threads.accept(session, CIPHER, conversation, text, None, TODAY)
            said.append(taken.message)
        if wake:
            self.turns.wake(conversation)
        return said

    async def thread(self, conversation: uuid.UUID) -> list[tuple[str, str]]:
        async with self.sessions() as session:
            return [(m.sender, m.text) for m in await threads.since(session, conversation, 0)]

    async def bot(self, conversation: uuid.UUID) -> list[str]:
        return [text for sender, text in await self.thread(conversation) if sender == "bot"]

    async def states(self, conversation: uuid.UUID) -> list[MessageState]:
        async with self.sessions() as session:
            found = await session.scalars(
                select(Message.state)
                .where(Message.conversation_id == conversation, Message.sender == "taxpayer")
                .order_by(Message.id)
            )
            return list(found)


PATIENCE = Patience(notice_after=30, give_up_after=30, retry_every=0.02)


@pytest_asyncio.fixture
async def house(sessions: SessionFactory) -> AsyncIterator[House]:
    built = House(sessions, PATIENCE)
    yield built
    await built.turns.close()


async def until(condition: Callable[[], Any], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while True:
            met = condition()
            if asyncio.iscoroutine(met):
                met = await met
            if met:
                return
            await asyncio.sleep(0.01)


async def test_messages_of_one_conversation_are_answered_in_order(
    house: House, new_conversation: NewConversation
) -> None:
    conversation = await new_conversation()
    texts = [f"第{n}句" for n in range(8)]
    house.twin.gates["第0句"] = asyncio.Event()
    said = await house.say(conversation, *texts)
    for _ in range(5):
        house.turns.wake(conversation)
    await until(lambda: house.twin.calls == 1)
    house.twin.gates["第0句"].set()
    await house.turns.wait_for(said[-1])
    assert house.twin.texts() == texts
    assert house.twin.most_inside == 1
    assert await house.bot(conversation) == [f"答：{t}" for t in texts]
    assert house.outcomes == ["answered"] * 8


async def test_conversations_do_not_wait_for_each_other(
    house: House, new_conversation: NewConversation
) -> None:
    slow, quick = await new_conversation(), await new_conversation()
    house.twin.gates["慢"] = asyncio.Event()
    (waiting,) = await house.say(slow, "慢")
    (done,) = await house.say(quick, "快")
    async with asyncio.timeout(5):
        assert [m.text for m in await house.turns.wait_for(done)] == ["答：快"]
    assert await house.bot(slow) == []
    house.twin.gates["慢"].set()
    await house.turns.wait_for(waiting)
    assert await house.bot(slow) == ["答：慢"]


async def test_a_retry_does_not_double_what_was_said(house: House, new_conversation: NewConversation) -> None:
    conversation = await new_conversation()
    house.twin.lose = 2
    (message,) = await house.say(conversation, "我欠多少税")
    await house.turns.wait_for(message)
    assert house.twin.calls == 3
    assert house.twin.texts() == ["我欠多少税"]
    assert await house.bot(conversation) == ["答：我欠多少税"]


async def test_the_dialogue_gets_placeholders_never_numbers(
    house: House, new_conversation: NewConversation
) -> None:
    conversation = await new_conversation()
    (message,) = await house.say(conversation, f"我的手机{phone(1)}")
    await house.turns.wait_for(message)
    assert house.twin.texts() == ["我的手机〔手机#1〕"]


async def test_a_slow_answer_is_announced_honestly_and_then_comes(
    sessions: SessionFactory, new_conversation: NewConversation
) -> None:
    house = House(sessions, Patience(notice_after=0.1, give_up_after=30, retry_every=0.02))
    conversation = await new_conversation()
    house.twin.gates["慢"] = asyncio.Event()
    with house.hub.listen(conversation) as frames:
        (message,) = await house.say(conversation, "慢")
        await until(lambda: frames.qsize() >= 2)
        house.twin.gates["慢"].set()
        await house.turns.wait_for(message)
        shown = [frames.get_nowait() for _ in range(frames.qsize())]
    assert [f.get("text", f.get("on")) for f in shown] == [True, SLOW_WORDS, False, "答：慢"]
    assert await house.thread(conversation) == [("taxpayer", "慢"), ("system", SLOW_WORDS), ("bot", "答：慢")]
    await house.turns.close()


async def test_a_quick_answer_is_not_announced(
    sessions: SessionFactory, new_conversation: NewConversation
) -> None:
    house = House(sessions, Patience(notice_after=0.3, give_up_after=30))
    conversation = await new_conversation()
    (message,) = await house.say(conversation, "快")
    await house.turns.wait_for(message)
    await asyncio.sleep(0.4)
    assert await house.thread(conversation) == [("taxpayer", "快"), ("bot", "答：快")]
    await house.turns.close()


async def test_a_dialogue_that_comes_back_answers_what_waited(
    house: House, new_conversation: NewConversation
) -> None:
    conversation = await new_conversation()
    house.twin.down = True
    said = await house.say(conversation, "第一句", "第二句")
    await until(lambda: house.twin.calls >= 3)
    assert await house.states(conversation) == [MessageState.PENDING] * 2
    house.twin.down = False
    await house.turns.wait_for(said[1])
    assert await house.bot(conversation) == ["答：第一句", "答：第二句"]
    assert house.humans == []


async def test_out_of_patience_a_human_is_called_with_the_words(
    sessions: SessionFactory, new_conversation: NewConversation
) -> None:
    house = House(sessions, Patience(notice_after=30, give_up_after=0.1, retry_every=0.02))
    conversation = await new_conversation()
    house.twin.down = True
    (message,) = await house.say(conversation, "我欠多少税")
    answers = await house.turns.wait_for(message)
    assert [m.text for m in answers] == [HUMAN]
    assert house.humans == [(conversation, "我欠多少税")]
    assert await house.states(conversation) == [MessageState.FAILED]
    assert house.outcomes == ["unavailable"]
    house.twin.down = False
    (later,) = await house.say(conversation, "还在吗")
    await house.turns.wait_for(later)
    assert (await house.bot(conversation))[-1] == "答：还在吗"
    await house.turns.close()


async def test_a_failing_action_is_not_tried_again_and_the_next_message_goes_on(
    house: House, new_conversation: NewConversation
) -> None:
    conversation = await new_conversation()
    house.twin.fails = {"确认提交"}
    (message,) = await house.say(conversation, "确认提交")
    assert [m.text for m in await house.turns.wait_for(message)] == [HUMAN]
    assert house.twin.calls == 1
    assert house.humans == [(conversation, "确认提交")]
    assert house.outcomes == ["failed"]
    house.twin.fails = set()
    (again,) = await house.say(conversation, "确认提交")
    assert [m.text for m in await house.turns.wait_for(again)] == ["答：确认提交"]
    assert await house.states(conversation) == [MessageState.FAILED, MessageState.ANSWERED]


async def test_a_crash_loses_nothing_and_doubles_nothing(
    house: House, new_conversation: NewConversation
) -> None:
    first, second = await new_conversation(), await new_conversation()
    house.twin.gates["答到一半"] = asyncio.Event()
    await house.say(first, "答到一半", "排着队")
    await house.say(second, "还没人理", wake=False)
    await until(lambda: house.twin.calls == 1)
    await house.turns.close()
    assert await house.states(first) == [MessageState.PENDING] * 2

    house.twin.gates["答到一半"].set()
    house.turns = house.again(PATIENCE)
    assert await house.turns.recover() == 2
    for conversation, texts in ((first, ["答到一半", "排着队"]), (second, ["还没人理"])):

        async def answered(conversation: uuid.UUID = conversation, texts: list[str] = texts) -> bool:
            return len(await house.bot(conversation)) == len(texts)

        await until(answered)
        assert await house.bot(conversation) == [f"答：{t}" for t in texts]
    assert sorted(house.twin.texts()) == sorted(["答到一半", "排着队", "还没人理"])
    assert await house.turns.recover() == 0


async def test_a_crash_after_the_dialogue_answered_gives_the_same_answer_once(
    house: House, new_conversation: NewConversation
) -> None:
    conversation = await new_conversation()
    (message,) = await house.say(conversation, "提交申请", wake=False)
    await house.twin.send(conversation, str(message.id), Said("提交申请"))
    house.turns = house.again(PATIENCE)
    await house.turns.recover()
    await house.turns.wait_for(message)
    assert house.twin.texts() == ["提交申请"]
    assert await house.bot(conversation) == ["答：提交申请"]


async def test_a_closed_house_takes_nothing_up(house: House, new_conversation: NewConversation) -> None:
    conversation = await new_conversation()
    await house.turns.close()
    await house.say(conversation, "有人吗")
    await asyncio.sleep(0.05)
    assert house.twin.calls == 0
    assert await house.states(conversation) == [MessageState.PENDING]


async def test_while_a_human_owns_it_the_dialogue_is_not_called_and_the_human_is_told(
    house: House, new_conversation: NewConversation, sessions: SessionFactory
) -> None:
    conversation = await new_conversation()
    async with house.sessions() as session, session.begin():
        agent = Staff(
            id=uuid.uuid4(), login=uuid.uuid4().hex, name="王敏", roles=["agent"], password_hash="-"
        )
        session.add(agent)
        await session.flush()
        await session.execute(
            update(Conversation)
            .where(Conversation.id == conversation)
            .values(owner=Owner.AGENT, agent_id=agent.id)
        )
    (message,) = await house.say(conversation, "坐席你好")
    assert await house.turns.wait_for(message) == []
    assert house.twin.calls == 0
    assert await house.states(conversation) == [MessageState.ANSWERED]
    assert house.passed_on == [conversation]


async def test_whoever_waits_in_the_queue_is_still_answered_by_the_bot(
    house: House, new_conversation: NewConversation
) -> None:
    conversation = await new_conversation()
    async with house.sessions() as session, session.begin():
        await session.execute(
            update(Conversation).where(Conversation.id == conversation).values(owner=Owner.QUEUE)
        )
    (message,) = await house.say(conversation, "先问个别的")
    assert [m.text for m in await house.turns.wait_for(message)] == ["答：先问个别的"]
    assert house.passed_on == []


async def test_what_the_guard_replaces_is_what_is_stored(
    house: House, new_conversation: NewConversation
) -> None:
    class Strict:
        async def check(self, conversation_id: uuid.UUID, answer: Answer) -> Checked:
            return Checked(Answer("换掉了。"), "phrase:否则")

    house.guard = Strict()
    conversation = await new_conversation()
    (message,) = await house.say(conversation, "坏话")
    await house.turns.wait_for(message)
    assert await house.bot(conversation) == ["换掉了。"]


async def test_a_message_that_breaks_something_goes_to_a_human_and_the_next_is_answered(
    house: House, new_conversation: NewConversation
) -> None:
    class Broken:
        tries = 0

        async def check(self, conversation_id: uuid.UUID, answer: Answer) -> Checked:
            if "毒" in answer.text:
                self.tries += 1
                raise TypeError("unexpected")
            return Checked(answer)

    house.guard = Broken()
    conversation = await new_conversation()
    said = await house.say(conversation, "毒", "下一句")
    await house.turns.wait_for(said[1])
    assert await house.bot(conversation) == [HUMAN, "答：下一句"]
    assert house.guard.tries == MAX_FAILURES
    assert await house.states(conversation) == [MessageState.FAILED, MessageState.ANSWERED]


async def test_the_database_going_away_for_a_moment_loses_nothing(
    new_conversation: NewConversation, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.exc import OperationalError

    conversation = await new_conversation()
    real, failures = threads.answer, 4

    async def failing(*args: Any) -> list[Message]:
        nonlocal failures
        if failures:
            failures -= 1
            raise OperationalError("commit", {}, Exception("connection lost"))
        return await real(*args)

    monkeypatch.setattr(threads, "answer", failing)
    (message,) = await house.say(conversation, "在吗")
    await house.turns.wait_for(message)
    assert await house.bot(conversation) == ["答：在吗"]
    assert house.twin.texts() == ["在吗"]
    assert house.humans == []


async def test_two_processes_that_answer_the_same_message_store_one_answer() -> None:
    async with opened(fresh_database()) as sessions:
        one = House(sessions, PATIENCE)
        async with sessions() as session, session.begin():
            conversation = Conversation(id=uuid.uuid4(), channel="web")
            session.add(conversation)
        (message,) = await one.say(conversation.id, "在吗", wake=False)
        two = one.again(PATIENCE)
        one.turns.wake(conversation.id)
        two.wake(conversation.id)

        async def drained() -> bool:
            return await one.states(conversation.id) == [MessageState.ANSWERED]

        await until(drained)
        await until(lambda: not one.turns._workers and not two._workers)
        assert await one.bot(conversation.id) == ["答：在吗"]
        assert message.id
        await one.turns.close()
        await two.close()
