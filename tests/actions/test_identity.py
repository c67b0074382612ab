"""Proof of identity on real PostgreSQL: what opens, what locks, and what strangers cannot learn."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from store.fictional import identifier, phone
from store.identity import MAX_CODES, CodeOutcome, StartOutcome
from store.models import OutboxSms, Taxpayer, TaxpayerKind, Verification
from store.personas import by_key
from tests.actions.conftest import CODE_LIFE, Door, wrong
from tests.chat.database import CIPHER

pytestmark = pytest.mark.unit

COMPANY = by_key("overdue_company")
PERSON = by_key("just_overdue_person")
STRANGER = identifier(TaxpayerKind.COMPANY, "成都市", 999)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("uscc", COMPANY.identifier), ("mobile", COMPANY.phone), ("resident_id", PERSON.identifier)],
)
async def test_the_code_on_the_registered_phone_opens(door: Door, kind: str, value: str) -> None:
    talk = await door.conversation()
    before = len(await door.messages())
    assert await door.start(talk, value, kind) is StartOutcome.SENT
    sent = await door.messages()
    assert len(sent) == before + 1
    assert "税务人员不会" in sent[0] and "5 分钟" in sent[0]
    assert await door.proof(talk) is None, "a code on its way proves nothing"
    assert await door.enter(talk, await door.code()) is CodeOutcome.VERIFIED
    who = await door.proof(talk)
    assert who is not None
    assert who.name == (PERSON if kind == "resident_id" else COMPANY).name
    assert value not in who.identifier_mask


async def test_a_code_is_of_no_use_once_it_has_run_out(door: Door) -> None:
    await door.start(await door.conversation(), COMPANY.phone, "mobile")
    async with door.sessions() as session:
        sent = (await session.scalars(select(OutboxSms).order_by(OutboxSms.id.desc()).limit(1))).one()
        owner = await session.scalar(select(Taxpayer.id).where(Taxpayer.name == COMPANY.name))
    assert (sent.purpose, sent.stale_at, sent.taxpayer_id) == ("verify", door.now + CODE_LIFE, owner)
    assert sent.attempt_id is None
    assert CIPHER.decrypt(sent.phone_enc, "outbox_sms.phone") == COMPANY.phone


async def test_a_proof_runs_out(door: Door) -> None:
    talk = await door.verified("overdue_company")
    door.later(minutes=29, seconds=59)
    assert await door.proof(talk) is not None
    door.later(seconds=1)
    assert await door.proof(talk) is None


async def test_a_code_works_once_and_in_its_own_conversation_only(door: Door) -> None:
    mine, other = await door.conversation(), await door.conversation()
    await door.start(mine, COMPANY.identifier)
    code = await door.code()
    await door.start(other, COMPANY.identifier)
    assert await door.enter(other, code) is CodeOutcome.WRONG
    assert await door.enter(mine, code) is CodeOutcome.VERIFIED
    assert await door.enter(mine, code) is CodeOutcome.NONE_PENDING
    assert await door.proof(other) is None


async def test_without_naming_oneself_no_code_is_right(door: Door) -> None:
    talk = await door.conversation()
    assert await door.enter(talk, "000000") is CodeOutcome.NONE_PENDING


async def test_the_third_miss_locks_and_the_right_code_no_longer_helps(door: Door) -> None:
    talk = await door.conversation()
    await door.start(talk, COMPANY.identifier)
    code = await door.code()
    outcomes = [await door.enter(talk, wrong(code)) for _ in range(3)]
    assert outcomes == [CodeOutcome.WRONG, CodeOutcome.WRONG, CodeOutcome.LOCKED]
    assert await door.enter(talk, code) is CodeOutcome.LOCKED
    assert await door.start(talk, COMPANY.identifier) is StartOutcome.LOCKED
    assert await door.resend(talk) is StartOutcome.LOCKED
    door.later(minutes=29)
    assert await door.start(talk, COMPANY.identifier) is StartOutcome.LOCKED
    door.later(minutes=1)
    assert await door.start(talk, COMPANY.identifier) is StartOutcome.SENT
    assert await door.enter(talk, await door.code()) is CodeOutcome.VERIFIED


@pytest.mark.parametrize("again", ["resend", "start", "another", "revoke"])
async def test_a_new_code_brings_no_new_guesses(door: Door, again: str) -> None:
    talk = await door.conversation()
    await door.start(talk, COMPANY.identifier)
    for _ in range(2):
        assert await door.enter(talk, wrong(await door.code())) is CodeOutcome.WRONG
    if again == "resend":
        await door.resend(talk)
    else:
        if again == "revoke":
            await door.revoke(talk)
        await door.start(talk, by_key("two_bills").identifier if again == "another" else COMPANY.identifier)
    assert await door.enter(talk, wrong(await door.code())) is CodeOutcome.LOCKED


async def test_resending_makes_the_old_code_worthless(door: Door) -> None:
    talk = await door.conversation()
    await door.start(talk, COMPANY.identifier)
    old = await door.code()
    while True:
        assert await door.resend(talk) is StartOutcome.SENT
        if (new := await door.code()) != old:
            break
    assert await door.enter(talk, old) is CodeOutcome.WRONG
    assert await door.enter(talk, new) is CodeOutcome.VERIFIED


async def test_naming_another_number_makes_the_first_code_worthless(door: Door) -> None:
    talk = await door.conversation()
    await door.start(talk, COMPANY.identifier)
    theirs = await door.code()
    await door.start(talk, by_key("two_bills").identifier)
    if theirs != await door.code():
        assert await door.enter(talk, theirs) is CodeOutcome.WRONG
    assert await door.proof(talk) is None


async def test_a_code_expires(door: Door) -> None:
    talk = await door.conversation()
    await door.start(talk, COMPANY.identifier)
    code = await door.code()
    door.later(minutes=5)
    assert await door.enter(talk, code) is CodeOutcome.EXPIRED
    assert await door.resend(talk) is StartOutcome.SENT
    assert await door.enter(talk, await door.code()) is CodeOutcome.VERIFIED


async def test_somebody_else_speaking_ends_the_proof_and_the_code_on_its_way(door: Door) -> None:
    talk = await door.verified("overdue_company")
    await door.revoke(talk)
    assert await door.proof(talk) is None
    await door.start(talk, COMPANY.identifier)
    code = await door.code()
    await door.revoke(talk)
    assert await door.enter(talk, code) is CodeOutcome.NONE_PENDING


# --- what a stranger can learn --------------------------------------------------------------------------------------


async def test_an_unknown_number_looks_like_a_known_one_to_the_end(door: Door) -> None:
    async def story(value: str, kind: str) -> list[object]:
        talk = await door.conversation()
        seen: list[object] = [await door.start(talk, value, kind), await door.resend(talk)]
        door.later(minutes=6)
        seen += [await door.enter(talk, "000000"), await door.resend(talk)]
        seen += [await door.enter(talk, "00000x") for _ in range(3)]
        seen += [await door.start(talk, value, kind), await door.proof(talk)]
        return seen

    known = await story(COMPANY.identifier, "uscc")
    sent = len(await door.messages())
    assert await story(STRANGER, "uscc") == known
    assert await story(phone(9999), "mobile") == known
    assert len(await door.messages()) == sent, "nobody gets a message for a number nobody has"


async def test_no_code_opens_an_unknown_number(door: Door) -> None:
    talk = await door.conversation()
    await door.start(talk, STRANGER)
    async with door.sessions() as session:
        attempt = await session.scalar(select(Verification).where(Verification.conversation_id == talk))
        assert attempt is not None and attempt.taxpayer_id is None
        right = next(
            code
            for code in (f"{n:06d}" for n in range(1_000_000))
            if CIPHER.lookup_hash(f"code:{attempt.id}", code) == attempt.code_hash
        )
    assert await door.enter(talk, right) is CodeOutcome.WRONG


async def test_codes_run_out_for_one_conversation(door: Door) -> None:
    talk = await door.conversation()
    outcomes = [await door.start(talk, STRANGER) for _ in range(MAX_CODES + 1)]
    assert outcomes == [StartOutcome.SENT] * MAX_CODES + [StartOutcome.TOO_MANY]
    door.later(hours=1)
    assert await door.start(talk, STRANGER) is StartOutcome.SENT


async def test_many_conversations_cannot_flood_a_phone_nor_learn_that_it_is_registered(door: Door) -> None:
    before = len(await door.messages())
    for value in (COMPANY.identifier, STRANGER):
        for _ in range(3 * MAX_CODES):
            talk = await door.conversation()
            assert await door.start(talk, value) is StartOutcome.SENT
            assert await door.resend(talk) is StartOutcome.SENT
    assert 1 <= len(await door.messages()) - before <= 2 * MAX_CODES


async def test_codes_and_phones_do_not_lie_open_in_the_store(door: Door) -> None:
    talk = await door.conversation()
    await door.start(talk, COMPANY.identifier)
    code = await door.code()
    async with door.sessions() as session:
        attempt = await session.scalar(select(Verification).where(Verification.conversation_id == talk))
    assert attempt is not None and attempt.code_hash is not None
    assert code.encode() not in attempt.code_hash
