"""What a call is given of an answer: nothing of one that stands for an answer only, so that it ends as one whose dialogue is down."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from chat.hub import Hub
from chat.ports import ActionFailed, Answer, Checked, DialogueUnavailable, Said
from chat.turns import Patience, Turns
from gateway.calls.desk import CallDesk, House
from store.engine import SessionFactory
from store.models import Conversation, Message, MessageState
from telephony.call.ports import DeskError
from tests.chat.database import CIPHER, fresh_database, opened

pytestmark = pytest.mark.unit


class Dialogue:
    """Says the text back; while it ``fails`` an action does."""

    def __init__(self) -> None:
        self.fails = False
        self.calls = 0

    async def send(self, conversation_id: uuid.UUID, message_id: str, said: Said) -> Sequence[Answer]:
        self.calls += 1
        if self.fails:
            raise ActionFailed
        return (Answer(f"答：{said.text}"),)

    async def check(self, conversation_id: uuid.UUID, answer: Answer) -> Checked:
        return Checked(answer)


async def call_human(conversation_id: uuid.UUID, trigger: str) -> str:
    return "对不起，系统暂时出了故障。"


@pytest_asyncio.fixture
async def sessions() -> AsyncIterator[SessionFactory]:
    async with opened(fresh_database()) as factory:
        yield factory


async def test_an_action_that_fails_is_told_to_the_call_at_once(sessions: SessionFactory) -> None:
    dialogue = Dialogue()
    nothing: Any = None
    turns = Turns(sessions, dialogue, dialogue, call_human, Hub(), Patience(30, 30))
    house = House(
        sessions,
        CIPHER,
        nothing,
        turns,
        nothing,
        lambda: datetime.now(UTC),
        lambda: date(2026, 11, 23),
        timedelta(minutes=30),
    )
    conversation = uuid.uuid4()
    async with sessions() as session, session.begin():
        session.add(Conversation(id=conversation, channel="phone"))
    desk = CallDesk(house, uuid.uuid4(), conversation, None)

    assert (await desk.answer("怎么缴")).texts == ("答：怎么缴",)
    dialogue.fails = True
    with pytest.raises(DeskError):
        await desk.answer("我30号缴")
    with pytest.raises(DeskError):
        await desk.open_matter()
    assert dialogue.calls == 3
    dialogue.fails = False
    assert (await desk.open_matter()).texts == ("答：/call_opening",)
    async with sessions() as session:
        states = await session.scalars(
            select(Message.state).where(Message.sender != "bot").order_by(Message.id)
        )
        assert list(states) == [
            MessageState.ANSWERED,
            MessageState.FAILED,
            MessageState.FAILED,
            MessageState.ANSWERED,
        ]
    await turns.close()


async def test_to_foresee_is_left_to_the_dialogue() -> None:
    class Reads:
        def __init__(self) -> None:
            self.texts: list[str] = []

        async def foresee(self, text: str) -> None:
            self.texts.append(text)

        async def understand(self, text: str) -> dict[str, Any]:
            raise DialogueUnavailable("down")

    reads, nothing = Reads(), None
    house = House(nothing, CIPHER, nothing, nothing, reads, nothing, nothing, nothing)  # type: ignore[arg-type]
    desk = CallDesk(house, uuid.uuid4(), uuid.uuid4(), None)
    await desk.foresee("怎么缴")
    assert reads.texts == ["怎么缴"]
    with pytest.raises(DeskError):
        await desk.understand("怎么缴")
