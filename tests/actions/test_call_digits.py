"""Proof of identity in a call: the phone that answers, and four digits."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import select

from store.identity import CALL_DIGITS, MAX_CALL_MISSES, CodeOutcome, DigitsCheck, enter_digits
from store.models import Taxpayer
from store.personas import Persona, by_key
from tax.identifiers import last_digits
from tests.actions.conftest import PROOF_LIFE, Door
from tests.chat.database import CIPHER

pytestmark = pytest.mark.unit


async def give(door: Door, talk: uuid.UUID, persona: Persona, digits: str) -> DigitsCheck:
    async with door.sessions() as session, session.begin():
        taxpayer_id = await session.scalar(select(Taxpayer.id).where(Taxpayer.name == persona.name))
        assert taxpayer_id is not None
        return await enter_digits(
            session,
            CIPHER,
            conversation_id=talk,
            taxpayer_id=taxpayer_id,
            digits=digits,
            now=door.now,
            valid_for=PROOF_LIFE,
        )


def right(persona: Persona) -> str:
    return last_digits(persona.identifier, CALL_DIGITS)


def wrong_for(persona: Persona) -> str:
    return f"{(int(right(persona)) + 1) % 10_000:04d}"


async def test_the_right_digits_open(door: Door) -> None:
    persona = by_key("deferred")
    talk = await door.conversation()
    assert await give(door, talk, persona, right(persona)) == DigitsCheck(CodeOutcome.VERIFIED, 0)
    who = await door.proof(talk)
    assert who is not None and who.name == persona.name
    door.later(minutes=30)
    assert await door.proof(talk) is None


async def test_the_third_miss_ends_it_for_this_call(door: Door) -> None:
    persona = by_key("refused")
    talk = await door.conversation()
    found = [await give(door, talk, persona, wrong_for(persona)) for _ in range(3)]
    assert found == [
        DigitsCheck(CodeOutcome.WRONG, 2),
        DigitsCheck(CodeOutcome.WRONG, 1),
        DigitsCheck(CodeOutcome.LOCKED, 0),
    ]
    assert (await give(door, talk, persona, right(persona))).outcome is CodeOutcome.LOCKED
    assert await door.proof(talk) is None


@pytest.mark.parametrize("given", ["", "1", "12345", "abcd", "００００"])
async def test_anything_else_is_a_miss(door: Door, given: str) -> None:
    persona = by_key("settled")
    found = await give(door, await door.conversation(), persona, given)
    assert found.outcome is not CodeOutcome.VERIFIED


async def test_misses_of_many_calls_add_up_until_a_week_has_passed(door: Door) -> None:
    persona = by_key("no_debt")
    for _ in range(MAX_CALL_MISSES // 3):
        talk = await door.conversation()
        for _ in range(3):
            await give(door, talk, persona, wrong_for(persona))
    fresh = await door.conversation()
    assert (await give(door, fresh, persona, right(persona))).outcome is CodeOutcome.LOCKED
    door.later(days=8)
    fresh = await door.conversation()
    assert (await give(door, fresh, persona, right(persona))).outcome is CodeOutcome.VERIFIED


def test_letters_are_left_out() -> None:
    assert last_digits("91350100M000100Y43", 4) == "0043"
    assert last_digits("11010519491231002X", 4) == "1002"
