"""Conversations and messages on real PostgreSQL: nobody gets in, nothing is doubled, nothing is lost."""

from __future__ import annotations

import asyncio
import uuid
from datetime import date

import pytest
from sqlalchemy import func, select, update

from chat import threads
from chat.ports import Answer
from store.engine import SessionFactory
from store.fictional import phone
from store.models import Conversation, Message, MessageState, Owner, Secret
from tests.chat.conftest import NewConversation
from tests.chat.database import CIPHER

pytestmark = pytest.mark.unit

TODAY = date(2026, 11, 23)
HELLO = Answer("您好。", ({"title": "查欠税", "payload": "我欠多少税"},))


async def say(
    sessions: SessionFactory, conversation: uuid.UUID, text: str, client_id: str | None = None
) -> threads.Accepted:
    async with sessions() as session, session.begin():
        return await threads.accept(session, CIPHER, conversation, text, client_id, TODAY)


async def reply(sessions: SessionFactory, message: Message, *texts: str) -> list[Message]:
    async with sessions() as session, session.begin():
        return await threads.answer(session, message, [Answer(t) for t in texts], MessageState.ANSWERED)


async def history(sessions: SessionFactory, conversation: uuid.UUID, after: int = 0) -> list[str]:
    async with sessions() as session:
        return [m.text for m in await threads.since(session, conversation, after)]


async def open_session(sessions: SessionFactory, token: str | None) -> tuple[str, uuid.UUID, bool]:
    async with sessions() as session, session.begin():
        token, conversation, resumed = await threads.open_session(session, token, HELLO)
        return token, conversation.id, resumed


async def test_a_token_opens_its_conversation_again_and_no_other(sessions: SessionFactory) -> None:
    token, mine, resumed = await open_session(sessions, None)
    assert not resumed and len(token) >= 40
    assert await history(sessions, mine) == ["您好。"]
    assert await open_session(sessions, token) == (token, mine, True)
    assert await history(sessions, mine) == ["您好。"], "it greets once"
    other, theirs, _ = await open_session(sessions, None)
    assert other != token and theirs != mine


@pytest.mark.parametrize("forged", ["x", "A" * 43, "\ud800", "税" * 20, "a" * 10_000, "' or 1=1 --", "\x00"])
async def test_a_forged_token_opens_nothing(sessions: SessionFactory, forged: str) -> None:
    await open_session(sessions, None)
    async with sessions() as session:
        assert await threads.by_token(session, forged) is None
    fresh, _, resumed = await open_session(sessions, forged)
    assert fresh != forged and not resumed


async def test_the_token_itself_is_not_stored(sessions: SessionFactory) -> None:
    token, conversation, _ = await open_session(sessions, None)
    async with sessions() as session:
        row = await session.get_one(Conversation, conversation)
    assert row.session_hash is not None and token.encode() not in row.session_hash


async def test_a_closed_conversation_opens_again_with_the_bot(sessions: SessionFactory) -> None:
    token, conversation, _ = await open_session(sessions, None)
    async with sessions() as session, session.begin():
        await session.execute(
            update(Conversation).where(Conversation.id == conversation).values(owner=Owner.CLOSED)
        )
    assert (await open_session(sessions, token))[1] == conversation
    async with sessions() as session, session.begin():
        await threads.accept(session, CIPHER, conversation, "还有一件事", None, TODAY)
    async with sessions() as session:
        assert (await session.get_one(Conversation, conversation)).owner == Owner.BOT


async def test_a_sender_of_another_channel_has_one_conversation(sessions: SessionFactory) -> None:
    async def once(channel: str, sender: str) -> uuid.UUID:
        async with sessions() as session, session.begin():
            return (await threads.by_external(session, channel, sender)).id

    found = await asyncio.gather(*(once("rest", "李雷") for _ in range(5)))
    assert len(set(found)) == 1
    assert await once("rest", "韩梅梅") not in found
    assert await once("wechat", "李雷") not in found


async def test_the_same_client_id_is_taken_once(
    sessions: SessionFactory, new_conversation: NewConversation
) -> None:
    conversation = await new_conversation()
    taken = await asyncio.gather(*(say(sessions, conversation, "我欠多少税", "c1") for _ in range(6)))
    assert sorted(a.new for a in taken) == [False] * 5 + [True]
    assert len({a.message.id for a in taken}) == 1
    assert await history(sessions, conversation) == ["我欠多少税"]
    other = await new_conversation()
    assert (await say(sessions, other, "我欠多少税", "c1")).new, "ids belong to one conversation"


async def test_messages_without_a_client_id_are_all_taken(
    sessions: SessionFactory, new_conversation: NewConversation
) -> None:
    conversation = await new_conversation()
    await say(sessions, conversation, "好")
    await say(sessions, conversation, "好")
    assert await history(sessions, conversation) == ["好", "好"]


async def test_numbers_lie_encrypted_and_count_up(
    sessions: SessionFactory, new_conversation: NewConversation
) -> None:
    conversation = await new_conversation()
    first = await say(sessions, conversation, f"手机{phone(1)}和{phone(2)}")
    second = await say(sessions, conversation, f"还有{phone(3)}")
    assert first.message.text == "手机199****0001和199****0002"
    assert first.message.payload == {"said": "手机〔手机#1〕和〔手机#2〕"}
    assert second.message.payload == {"said": "还有〔手机#3〕"}
    async with sessions() as session:
        kept = (
            await session.scalars(
                select(Secret).where(Secret.conversation_id == conversation).order_by(Secret.placeholder)
            )
        ).all()
    assert [CIPHER.decrypt(s.value_enc, "secret.value") for s in kept] == [phone(1), phone(2), phone(3)]
    assert all(phone(n).encode() not in s.value_enc for n, s in enumerate(kept, 1))


async def test_numbers_said_at_the_same_time_get_different_placeholders(
    sessions: SessionFactory, new_conversation: NewConversation
) -> None:
    conversation = await new_conversation()
    taken = await asyncio.gather(*(say(sessions, conversation, f"{phone(n)}") for n in range(1, 6)))
    assert len({a.message.payload["said"] for a in taken}) == 5


async def test_an_answer_is_stored_once_and_marks_its_question(
    sessions: SessionFactory, new_conversation: NewConversation
) -> None:
    conversation = await new_conversation()
    asked = (await say(sessions, conversation, "在吗")).message
    stored = await asyncio.gather(*(reply(sessions, asked, "在的。", "请说。") for _ in range(4)))
    assert sorted(len(s) for s in stored) == [0, 0, 0, 2]
    assert await history(sessions, conversation) == ["在吗", "在的。", "请说。"]
    async with sessions() as session:
        row = await session.get_one(Message, asked.id)
        answers = await session.scalar(
            select(func.count()).select_from(Message).where(Message.reply_to == asked.id)
        )
    assert (row.state, answers) == (MessageState.ANSWERED, 2)


async def test_catching_up_from_the_last_id(
    sessions: SessionFactory, new_conversation: NewConversation
) -> None:
    conversation = await new_conversation()
    ids = [(await say(sessions, conversation, f"第{n}句")).message.id for n in range(5)]
    assert await history(sessions, conversation, ids[2]) == ["第3句", "第4句"]
    assert await history(sessions, conversation, ids[4]) == []
    assert await history(sessions, await new_conversation(), 0) == []


async def test_a_new_window_gets_the_latest_history_in_order(
    sessions: SessionFactory, new_conversation: NewConversation
) -> None:
    conversation = await new_conversation()
    async with sessions() as session, session.begin():
        for n in range(threads.HISTORY + 20):
            await threads.note(session, conversation, str(n))
    assert await history(sessions, conversation) == [str(n) for n in range(20, threads.HISTORY + 20)]


async def test_the_frame_keeps_what_is_internal_at_home(
    sessions: SessionFactory, new_conversation: NewConversation
) -> None:
    conversation = await new_conversation()
    asked = (await say(sessions, conversation, f"我是{phone(1)}", "c9")).message
    facts = ({"kind": "bill", "bill_id": "x", "on": "2026-11-23"},)
    answer = Answer("好", ({"title": "查", "payload": "查欠税"},), {"kind": "citations", "items": []}, facts)
    async with sessions() as session, session.begin():
        (stored,) = await threads.answer(session, asked, [answer], MessageState.ANSWERED)
    said, told = threads.frame(asked), threads.frame(stored)
    assert (said["text"], said["client_id"], said["sender"]) == ("我是199****0001", "c9", "taxpayer")
    assert told["buttons"] == [{"title": "查", "payload": "查欠税"}]
    assert told["custom"] == {"kind": "citations", "items": []}
    assert told["created_at"].startswith("20")
    for frame in (said, told):
        assert set(frame) == {
            "type", "id", "sender", "text", "by", "buttons", "custom", "client_id", "created_at",
        }  # fmt: skip
