"""The audit trail in an auditor's hands."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from handoff import trail
from handoff.exports import to_csv
from handoff.permissions import NotAllowed, Role
from handoff.trail import BadQuery, Wanted
from store import audit
from store.engine import SessionFactory
from store.handoff_models import Staff
from store.models import AuditEvent
from tests.handoff.makers import make_staff

pytestmark = pytest.mark.unit

TODAY = date.today()


async def auditor(sessions: SessionFactory) -> Staff:
    staff = await make_staff(sessions)
    staff.roles = [Role.AUDITOR.value]
    return staff


async def happen(
    sessions: SessionFactory, count: int, action: str = "ticket.claimed", actor: str = "bot"
) -> None:
    async with sessions() as session, session.begin():
        for number in range(count):
            await audit.record(
                session, actor=actor, action=action, subject=f"ticket:{number}", detail={"n": number}
            )


async def actions(sessions: SessionFactory) -> list[str]:
    async with sessions() as session:
        return list(await session.scalars(select(AuditEvent.action).order_by(AuditEvent.id)))


async def test_pages_hold_every_event_once_and_the_search_is_recorded_once(
    sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail, "PAGE", 4)
    await happen(sessions, 10)
    staff, wanted = await auditor(sessions), Wanted(action="ticket.")
    async with sessions() as session, session.begin():
        page = await trail.search(session, staff, wanted)
    seen = list(page.entries)
    while page.before is not None:
        async with sessions() as session, session.begin():
            page = await trail.more(session, staff, wanted, page.before)
        seen += page.entries
    assert [entry.id for entry in seen] == list(range(10, 0, -1))
    assert (await actions(sessions))[10:] == ["audit.searched"]
    async with sessions() as session:
        told = (await session.scalars(select(AuditEvent).where(AuditEvent.id == 11))).one()
        assert (told.actor, told.detail) == (f"staff:{staff.login}", {"action": "ticket."})


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (Wanted(), 6),
        (Wanted(action="ticket."), 3),
        (Wanted(action="ticket"), 4),
        (Wanted(action="%"), 0),
        (Wanted(action="ticket_"), 1),
        (Wanted(actor="staff:li"), 2),
        (Wanted(subject="ticket:1"), 2),
        (Wanted(subject="ticket:"), 0),
        (Wanted(first=TODAY - timedelta(days=1), last=TODAY + timedelta(days=1)), 6),
        (Wanted(last=TODAY - timedelta(days=2)), 0),
        (Wanted(first=TODAY + timedelta(days=2)), 0),
        (Wanted(actor="staff:li", action="staff."), 2),
    ],
)
async def test_what_is_found(sessions: SessionFactory, wanted: Wanted, count: int) -> None:
    await happen(sessions, 3)
    await happen(sessions, 2, "staff.presence", "staff:li")
    await happen(sessions, 1, "ticket_x")
    async with sessions() as session:
        found = await trail.more(session, await auditor(sessions), wanted, None)
    assert len(found.entries) == count


async def test_days_are_those_of_shanghai(sessions: SessionFactory) -> None:
    await happen(sessions, 1)
    async with sessions() as session:
        (event,) = await session.scalars(select(AuditEvent))
        day = event.at.astimezone(trail._SHANGHAI).date()
        staff = await auditor(sessions)
        assert len((await trail.more(session, staff, Wanted(first=day, last=day), None)).entries) == 1


async def test_an_export_holds_the_found_events_oldest_first(
    sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    await happen(sessions, 4)
    await happen(sessions, 1, "staff.presence")
    staff = await auditor(sessions)
    async with sessions() as session, session.begin():
        exported = await trail.export(session, staff, Wanted(action="ticket."))
    rows = list(csv.reader(io.StringIO(to_csv(exported.table).decode("utf-8-sig"))))
    assert [row[0] for row in rows[1:]] == ["1", "2", "3", "4"] and rows[2][5] == '{"n": 1}'
    assert not exported.cut
    monkeypatch.setattr(trail, "MOST_EXPORTED", 2)
    async with sessions() as session, session.begin():
        cut = await trail.export(session, staff, Wanted())
    assert cut.cut and [row[0] for row in cut.table.rows] == [1, 2]
    assert (await actions(sessions))[-2:] == ["audit.exported"] * 2


async def test_the_chain_is_checked_against_a_noted_head(sessions: SessionFactory) -> None:
    await happen(sessions, 3)
    staff = await auditor(sessions)
    async with sessions() as session, session.begin():
        report = await trail.check(session, staff)
    assert (report.ok, report.count) == (True, 3)
    async with sessions() as session, session.begin():
        wrong = await trail.check(session, staff, (2, "00" * 32))
    assert (wrong.ok, wrong.first_bad_id) == (False, 2)
    async with sessions() as session:
        details = list(
            await session.scalars(select(AuditEvent.detail).where(AuditEvent.action == "audit.verified"))
        )
        assert details == [{"ok": True, "count": 3}, {"ok": False, "count": 1}]
        assert (await audit.verify(session)).ok


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.AUDITOR])
async def test_nobody_else_reads_it_and_nothing_is_recorded(sessions: SessionFactory, role: Role) -> None:
    staff = await auditor(sessions)
    staff.roles = [role.value]
    async with sessions() as session, session.begin():
        for attempt in (
            trail.search(session, staff, Wanted()),
            trail.more(session, staff, Wanted(), None),
            trail.export(session, staff, Wanted()),
            trail.check(session, staff),
        ):
            with pytest.raises(NotAllowed):
                await attempt
    assert await actions(sessions) == []


def test_personal_numbers_are_not_searched_for() -> None:
    with pytest.raises(BadQuery, match="编号"):
        Wanted(subject="13900001234")
    with pytest.raises(BadQuery, match="早于"):
        Wanted(first=date(2026, 11, 2), last=date(2026, 11, 1))
