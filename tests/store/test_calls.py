"""Calls in the store: dialled once, ended once, whatever the carrier reports and in whatever order."""

from __future__ import annotations

import asyncio
import random
import re
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from sqlalchemy import CheckConstraint, create_engine, inspect, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from store import audit, call_upkeep, calls, migrate
from store.call_states import Applied, Report
from store.crypto import FieldCipher
from store.engine import SessionFactory, sqlalchemy_url
from store.models import AuditEvent, Call, CallEvent, CallState, Conversation, Taxpayer, TaxpayerKind
from store.phones import PhoneError
from store.rotation import encrypted_fields
from telephony.events import Outcome

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
PHONE = "139 0000 1234"
Plan = Callable[..., Awaitable[uuid.UUID]]


@pytest.fixture
def plan(sessions: SessionFactory, cipher: FieldCipher) -> Plan:
    async def make(*, until: CallState = CallState.PLANNED, at: datetime = NOW, **more: object) -> uuid.UUID:
        given = {"phone": PHONE, "purpose": "reminder", "carrier": "twilio", **more}
        async with sessions() as session, session.begin():
            call = await calls.plan(session, cipher, **given)
            if until is not CallState.PLANNED:
                assert await calls.write_intent(session, call.id, at)
            if until not in (CallState.PLANNED, CallState.INTENT):
                assert await calls.placed(session, call.id, f"CA{call.id.hex}", at)
        return call.id

    return make


def status(
    call_id: uuid.UUID, sequence: int, kind: str, state: CallState, second: int, **more: str
) -> Report:
    return Report(
        "status", sequence, kind, NOW + timedelta(seconds=second), f"CA{call_id.hex}", state, **more
    )


def all_reports(call_id: uuid.UUID, last: str = "completed", outcome: str | None = None) -> list[Report]:
    more = {"outcome": outcome} if outcome else {}
    return [
        status(call_id, 0, "initiated", CallState.PLACED, 1),
        status(call_id, 1, "ringing", CallState.RINGING, 3),
        *([] if outcome else [status(call_id, 2, "in-progress", CallState.ANSWERED, 8)]),
        status(call_id, 3, last, CallState.ENDED, 60, **more),
    ]


async def read(sessions: SessionFactory, call_id: uuid.UUID) -> Call:
    async with sessions() as session:
        return (await session.scalars(select(Call).where(Call.id == call_id))).one()


def test_the_revision_goes_down_and_up_again_over_rows(fresh_database: Callable[[], str]) -> None:
    url = fresh_database()
    engine = create_engine(sqlalchemy_url(url))
    with engine.begin() as connection:
        connection.execute(text("insert into conversation (id, channel) values (gen_random_uuid(), 'phone')"))
        connection.execute(
            text(
                "insert into call (id, conversation_id, carrier, phone_enc, phone_hash, phone_mask, purpose)"
                " select gen_random_uuid(), id, 'twilio', '', '', '', 'reminder' from conversation"
            )
        )
        command.downgrade(migrate._config(connection), "0002")
    assert migrate.current(url) == "0002"
    assert not {"call", "call_event", "call_line"} & set(inspect(engine).get_table_names())
    assert "pack" not in {column["name"] for column in inspect(engine).get_columns("taxpayer")}
    migrate.upgrade(url)
    assert migrate.differences(url) == []
    engine.dispose()


# --- planning -------------------------------------------------------------------------------------------------------


async def test_a_planned_call_holds_no_readable_number_and_opens_a_conversation(
    plan: Plan, session: AsyncSession, cipher: FieldCipher
) -> None:
    call = await session.get_one(Call, await plan())
    assert cipher.decrypt(call.phone_enc, calls.PHONE) == "13900001234"
    assert call.phone_hash == cipher.lookup_hash("phone", "13900001234")
    assert call.phone_mask == "139****1234"
    conversation = await session.get_one(Conversation, call.conversation_id)
    assert (conversation.channel, conversation.external_id) == ("phone", str(call.id))
    assert conversation.taxpayer_id is None
    assert ("call", "phone_enc") in set(encrypted_fields())


async def test_a_call_may_go_on_in_a_conversation_and_takes_the_remembered_dialect(
    plan: Plan, sessions: SessionFactory
) -> None:
    taxpayer = Taxpayer(
        id=uuid.uuid4(),
        kind=TaxpayerKind.PERSON,
        name="某人",
        region="成都",
        identifier_kind="resident_id",
        identifier_enc=b"x",
        identifier_hash=uuid.uuid4().bytes,
        identifier_mask="*",
    )
    conversation = Conversation(id=uuid.uuid4(), channel="web")
    async with sessions() as session, session.begin():
        session.add_all([taxpayer, conversation])
        await session.flush()
        await calls.remember_pack(session, taxpayer.id, "sichuan")
    call = await read(sessions, await plan(taxpayer_id=taxpayer.id, conversation_id=conversation.id))
    assert (call.pack, call.conversation_id) == ("sichuan", conversation.id)
    assert (await read(sessions, await plan(taxpayer_id=taxpayer.id, pack="mandarin"))).pack == "mandarin"


async def test_what_is_no_number_is_not_planned(plan: Plan) -> None:
    with pytest.raises(PhoneError):
        await plan(phone="12366")


def test_the_store_and_the_telephone_know_the_same_outcomes() -> None:
    (check,) = (
        c for c in Call.__table__.constraints if isinstance(c, CheckConstraint) and c.name == "outcome_known"
    )
    assert re.findall(r"'(\w+)'", str(check.sqltext)) == [outcome.value for outcome in Outcome]
    revision = (migrate.FOLDER / "versions" / "0003_calls.py").read_text()
    assert all(f"'{outcome.value}'" in revision for outcome in Outcome)


async def test_the_database_refuses_unknown_outcomes_and_dialling_without_intent(
    plan: Plan, sessions: SessionFactory
) -> None:
    call_id = await plan(until=CallState.PLACED)
    with pytest.raises(IntegrityError, match="outcome_known"):
        async with sessions() as session, session.begin():
            await calls.finish(session, call_id, "fine", now=NOW)
    with pytest.raises(IntegrityError, match="intent_recorded"):
        async with sessions() as session, session.begin():
            (await session.get_one(Call, await plan())).state = CallState.PLACED


# --- dialling -------------------------------------------------------------------------------------------------------


async def test_of_many_workers_one_dials(plan: Plan, sessions: SessionFactory) -> None:
    call_id = await plan()

    async def claim() -> bool:
        async with sessions() as session, session.begin():
            return await calls.write_intent(session, call_id, NOW)

    assert sorted(await asyncio.gather(*(claim() for _ in range(8)))) == [False] * 7 + [True]
    call = await read(sessions, call_id)
    assert (call.state, call.intent_at) == ("intent", NOW)


async def test_a_call_that_was_given_up_while_dialling_must_not_go_on(
    plan: Plan, sessions: SessionFactory
) -> None:
    call_id = await plan(until=CallState.INTENT)
    async with sessions() as session, session.begin():
        await calls.finish(session, call_id, Outcome.CARRIER_FAILURE, now=NOW)
    async with sessions() as session, session.begin():
        assert not await calls.placed(session, call_id, "CA-late", NOW)
    call = await read(sessions, call_id)
    assert (call.state, call.outcome, call.carrier_id) == ("ended", "carrier_failure", "CA-late")


async def test_a_second_carrier_call_for_one_row_must_not_go_on(plan: Plan, session: AsyncSession) -> None:
    call_id = await plan(until=CallState.PLACED)
    assert await calls.placed(session, call_id, f"CA{call_id.hex}", NOW)
    assert not await calls.placed(session, call_id, "CA-other", NOW)
    assert not await calls.placed(session, await plan(), "CA-unmeant", NOW)


# --- reports --------------------------------------------------------------------------------------------------------


async def test_any_interleaving_of_reports_and_our_own_steps_ends_the_same(
    plan: Plan, sessions: SessionFactory
) -> None:
    """The carrier's callbacks, twice each, among the end of dialling and the end of the talk, in many orders."""
    ends = set()
    for seed in range(12):
        call_id = await plan(until=CallState.INTENT)
        steps: list[Report | str] = [*all_reports(call_id) * 2, "placed", "finished"]
        random.Random(seed).shuffle(steps)
        for step in steps:
            async with sessions() as session, session.begin():
                if step == "placed":
                    await calls.placed(session, call_id, f"CA{call_id.hex}", NOW)
                elif isinstance(step, Report):
                    await calls.apply_status(session, call_id, step)
                elif (await session.get_one(Call, call_id)).carrier_id is not None:
                    await calls.finish(session, call_id, Outcome.COMPLETED, now=NOW)
        call = await read(sessions, call_id)
        async with sessions() as session:
            events = await session.scalars(select(CallEvent.kind).where(CallEvent.call_id == call_id))
            assert sorted(events) == ["completed", "in-progress", "initiated", "ringing"]
        assert call.outcome in ("completed", None)
        ends.add((call.state, call.placed_at, call.ringing_at, call.answered_at, call.ended_at))
    assert len(ends) == 1
    (state, *_), *_ = ends
    assert state == "ended"


async def test_reports_at_the_same_moment_are_counted_once(plan: Plan, sessions: SessionFactory) -> None:
    call_id = await plan(until=CallState.INTENT)

    async def tell(report: Report) -> Applied:
        async with sessions() as session, session.begin():
            return await calls.apply_status(session, call_id, report)

    told = await asyncio.gather(*(tell(report) for report in all_reports(call_id, "busy", "busy") * 3))
    assert (told.count(Applied.APPLIED), told.count(Applied.DUPLICATE)) == (3, 6)
    call = await read(sessions, call_id)
    assert (call.state, call.outcome, call.answered_at) == ("ended", "busy", None)


async def test_a_report_finds_its_row_before_dialling_has_returned(
    plan: Plan, sessions: SessionFactory
) -> None:
    call_id = await plan(until=CallState.INTENT)
    async with sessions() as session, session.begin():
        await calls.apply_status(session, call_id, all_reports(call_id)[1])
    async with sessions() as session, session.begin():
        assert await calls.placed(session, call_id, f"CA{call_id.hex}", NOW)
    assert (await read(sessions, call_id)).state == "ringing"


async def test_reports_about_something_else_change_nothing(plan: Plan, session: AsyncSession) -> None:
    call_id = await plan(until=CallState.PLACED)
    foreign = Report("status", 0, "completed", NOW, "CA-foreign", CallState.ENDED)
    assert await calls.apply_status(session, call_id, foreign) is Applied.STRANGE
    assert await calls.apply_status(session, uuid.uuid4(), foreign) is Applied.UNKNOWN
    assert await calls.apply_status(session, await plan(), foreign) is Applied.STRANGE
    assert (await session.get_one(Call, call_id)).state == "placed"


# --- the end --------------------------------------------------------------------------------------------------------


async def test_a_call_is_finished_once_and_leaves_a_trace(plan: Plan, sessions: SessionFactory) -> None:
    call_id = await plan(until=CallState.PLACED)

    async def end(outcome: Outcome) -> bool:
        async with sessions() as session, session.begin():
            return await calls.finish(session, call_id, outcome, "说明", now=NOW, media_seconds=31.5)

    assert sorted(await asyncio.gather(*(end(o) for o in (Outcome.CALLBACK, Outcome.HUMAN)))) == [False, True]
    call = await read(sessions, call_id)
    assert call.outcome in ("callback", "human")
    assert (call.state, call.media_seconds) == ("placed", 31.5)
    async with sessions() as session:
        told = await session.scalars(select(AuditEvent.action).where(AuditEvent.subject == f"call:{call_id}"))
        assert sorted(told) == ["call.dialled", "call.outcome", "call.planned"]
        assert (await audit.verify(session)).ok


async def test_a_call_that_never_reached_a_carrier_ends_with_its_outcome(
    plan: Plan, sessions: SessionFactory
) -> None:
    call_id = await plan(until=CallState.INTENT)
    async with sessions() as session, session.begin():
        await calls.finish(session, call_id, Outcome.INVALID_NUMBER, "21211", now=NOW)
    call = await read(sessions, call_id)
    assert (call.state, call.ended_at, call.outcome) == ("ended", NOW, "invalid_number")
    with pytest.raises(LookupError):
        async with sessions() as session, session.begin():
            await calls.finish(session, uuid.uuid4(), Outcome.BUSY, now=NOW)


# --- the media stream -----------------------------------------------------------------------------------------------


async def test_a_stream_is_opened_once_and_only_for_its_own_living_call(
    plan: Plan, sessions: SessionFactory
) -> None:
    call_id = await plan(until=CallState.PLACED)

    async def take(carrier_id: str, which: uuid.UUID = call_id) -> bool:
        async with sessions() as session, session.begin():
            return await calls.take_stream(session, which, carrier_id, NOW) is not None

    assert not await take("CA-foreign")
    assert sorted(await asyncio.gather(*(take(f"CA{call_id.hex}") for _ in range(4)))) == [False] * 3 + [True]
    call = await read(sessions, call_id)
    assert (call.state, call.answered_at, call.stream_opened_at) == ("answered", NOW, NOW)
    ended = await plan(until=CallState.PLACED)
    async with sessions() as session, session.begin():
        await calls.apply_status(session, ended, all_reports(ended)[-1])
    assert not await take(f"CA{ended.hex}", ended)
    assert not await take("CA-unmeant", await plan())


# --- upkeep ---------------------------------------------------------------------------------------------------------


async def test_upkeep_finds_what_was_left_lying(plan: Plan, sessions: SessionFactory) -> None:
    kind = uuid.uuid4().hex[:20]
    old, late = NOW - timedelta(minutes=9), NOW - timedelta(minutes=2)
    orphan = await plan(until=CallState.INTENT, at=old, carrier=kind)
    await plan(until=CallState.INTENT, at=NOW, carrier=kind)
    await plan(carrier=kind)
    silent = await plan(until=CallState.PLACED, at=old, carrier=kind)
    broken = await plan(until=CallState.PLACED, at=old, carrier=kind)
    async with sessions() as session, session.begin():
        for report in all_reports(broken):
            await calls.apply_status(session, broken, report)
    async with sessions() as session:
        assert [c.id for c in await call_upkeep.orphan_intents(session, kind, late)] == [orphan]
        assert [c.id for c in await call_upkeep.overdue(session, kind, late)] == [silent]
        left = await call_upkeep.unsettled(session, NOW + timedelta(minutes=5))
        assert [c.id for c in left if c.carrier == kind] == [broken]
        known = await call_upkeep.known_carrier_ids(session, [f"CA{silent.hex}", "CA-nobody"])
        assert known == {f"CA{silent.hex}"}


async def test_a_recording_is_noted_and_its_end_recorded_once(plan: Plan, sessions: SessionFactory) -> None:
    call_id = await plan(until=CallState.PLACED)
    async with sessions() as session, session.begin():
        assert not await call_upkeep.recording_deleted(session, call_id, NOW)
        await call_upkeep.keep_recording(session, call_id, "2026-11/x.slr", 31.5, "1")
    async with sessions() as session, session.begin():
        assert await call_upkeep.recording_deleted(session, call_id, NOW)
        assert not await call_upkeep.recording_deleted(session, call_id, NOW)
    call = await read(sessions, call_id)
    kept = (call.recording_path, call.recording_seconds, call.recording_key_id, call.recording_deleted_at)
    assert kept == ("2026-11/x.slr", 31.5, "1", NOW)
