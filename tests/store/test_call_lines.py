"""The transcript keeps time, keeps numbers out, and is found by what was said."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from store import call_lines, calls
from store.audit import PersonalDataError
from store.call_lines import Line, add_line, grams, mark_heard, search, transcript
from store.crypto import FieldCipher
from store.engine import SessionFactory

pytestmark = pytest.mark.unit
Say = Callable[..., Awaitable[int]]


@pytest_asyncio.fixture
async def call_id(sessions: SessionFactory, cipher: FieldCipher) -> uuid.UUID:
    async with sessions() as session, session.begin():
        call = await calls.plan(session, cipher, phone="13900001234", purpose="reminder", carrier="standin")
    return call.id


@pytest.fixture
def say(sessions: SessionFactory, call_id: uuid.UUID) -> Say:
    async def add(text: str, speaker: str = "caller", began: int = 0, ended: int = 900, **more: float) -> int:
        async with sessions() as session, session.begin():
            return await add_line(session, call_id, Line(speaker, text, began, ended, **more))

    return add


async def test_lines_come_back_in_the_order_they_were_said(
    say: Say, sessions: SessionFactory, call_id: uuid.UUID
) -> None:
    await say("对，我是。", began=4200, ended=5000, confidence=0.93)
    await say("您好，这里是税务提醒电话。", "bot", 0, 4000, heard=0.5)
    await say("1", "key", 4200, 4200)
    async with sessions() as session:
        lines = await transcript(session, call_id)
    assert [(line.speaker, line.began_ms) for line in lines] == [("bot", 0), ("caller", 4200), ("key", 4200)]
    assert (lines[0].heard, lines[1].confidence, lines[1].heard) == (0.5, 0.93, None)


async def test_what_was_heard_only_grows_and_only_bots_are_heard(
    say: Say, sessions: SessionFactory, call_id: uuid.UUID
) -> None:
    bot = await say("一共三笔。", "bot")
    caller = await say("嗯。")
    async with sessions() as session, session.begin():
        for share in (0.4, 1.0, 0.7):
            await mark_heard(session, bot, share)
            await mark_heard(session, caller, share)
    async with sessions() as session:
        assert [line.heard for line in await transcript(session, call_id)] == [1.0, None]


@pytest.mark.parametrize(
    "text", ["我的电话是13900001234", "110101199003071233是我", "１３９００００１２３４"]
)
async def test_a_number_that_names_somebody_is_refused(say: Say, text: str) -> None:
    with pytest.raises(PersonalDataError) as refused:
        await say(text)
    assert text not in str(refused.value)


async def test_lines_are_found_by_words_signs_and_spellings(say: Say, sessions: SessionFactory) -> None:
    first = await say("我想申请延期缴纳，咋个办嘛")
    second = await say("那个 ETax 系统打不开")
    await say("期限到了再延")
    for words, wanted in {
        "延期": [first],
        "申请，延期 缴纳": [first],
        "咋个": [first],
        "嘛": [first],
        "etax系统": [second],
        "ＥＴＡＸ": [second],
        "量子力学": [],
        "": [],
        "，。！": [],
        "%": [],
    }.items():
        async with sessions() as session:
            assert [line.id for line in await search(session, words)] == wanted, words


async def test_the_newest_lines_come_first_and_no_more_than_asked(say: Say, sessions: SessionFactory) -> None:
    word = "青苹果乐园"
    lines = [await say(f"{word}{n}号") for n in range(4)]
    async with sessions() as session:
        assert [line.id for line in await search(session, word, limit=3)] == lines[:0:-1]


@given(st.text(max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_every_part_of_a_line_is_among_its_grams(text: str, a: int, b: int) -> None:
    plain = call_lines._plain(text)
    part = plain[min(a, b) : max(a, b)]
    assert set(call_lines._grams(part)) <= set(grams(text))
