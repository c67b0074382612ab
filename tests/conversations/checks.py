"""What must stand in the database after a conversation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from tests.conversations.cast import Player

SHANGHAI = ZoneInfo("Asia/Shanghai")
Db = psycopg.Connection[dict[str, Any]]
_WAITING_BEFORE = """
with placed as (
    select id, status, skill,
        (case when priority = 1 or coalesce(answer_due_at, created_at) < now() - interval '30 minutes' then 0 else 1 end,
         least(coalesce(answer_due_at, created_at), claimed_at), created_at, id) as place
    from handoff_ticket
)
select count(*) from placed o, placed t
where t.id = %s and o.id <> t.id and o.status = 'waiting' and o.skill = t.skill and o.place < t.place
"""
OFFICE = ((time(9), time(12)), (time(14), time(18)))
"""Staffed hours where the bureau has set none, as ``handoff.office`` has them."""


def conversation(db: Db, sender: str) -> Mapping[str, Any]:
    """The conversation of a REST sender."""
    row = db.execute(
        "select * from conversation where channel = 'rest' and external_id = %s", (sender,)
    ).fetchone()
    assert row is not None, f"no conversation of {sender}"
    return row


def ticket_of(db: Db, talk: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The conversation's open ticket."""
    rows = db.execute("select * from handoff_ticket where conversation_id = %s", (talk["id"],)).fetchall()
    assert len(rows) <= 1, "more than one ticket"
    return rows[0] if rows else None


def staffed(at: datetime) -> bool:
    """Whether seats are staffed at this local instant of the day the tests play on, a workday."""
    return any(start <= at.time() < end for start, end in OFFICE)


def ahead_of(db: Db, ticket: Mapping[str, Any]) -> int:
    """How many wait before it, of those that need the same skill."""
    row = db.execute(_WAITING_BEFORE, (ticket["id"],)).fetchone()
    assert row is not None
    return int(row["count"])


def check(db: Db, sender: str, cast: Mapping[str, Player], wanted: Mapping[str, Any]) -> None:
    """Assert every named check; a check is a key of :data:`CHECKS`."""
    talk = conversation(db, sender)
    for name, value in wanted.items():
        CHECKS[name](db, talk, cast, value)


def _promise(db: Db, talk: Mapping[str, Any], cast: Mapping[str, Player], value: Any) -> None:
    rows = db.execute(
        "select * from promise where taxpayer_id = %s and status = 'open'", (cast["me"].id,)
    ).fetchall()
    assert [r["promised_on"] for r in rows] == ([] if value == "none" else [date.fromisoformat(str(value))])


def _deferral(db: Db, talk: Mapping[str, Any], cast: Mapping[str, Player], value: Any) -> None:
    rows = db.execute(
        "select * from deferral_application where taxpayer_id = %s order by created_at", (cast["me"].id,)
    ).fetchall()
    if value == "none":
        assert not rows, f"an application was made: {rows[0]['number']}"
        return
    assert len(rows) == 1, f"{len(rows)} applications"
    row = dict(rows[0])
    for key, want in value.items():
        got = row[key]
        if isinstance(got, Decimal):
            assert got == Decimal(str(want)), f"{key}: {got}, not {want}"
        elif isinstance(got, date):
            assert got == date.fromisoformat(str(want)), f"{key}: {got}, not {want}"
        else:
            assert got == want, f"{key}: {got!r}, not {want!r}"
    if len(cast["me"].bills) == 1:
        assert row["tax_amount"] == cast["me"].unpaid


def _cases(db: Db, talk: Mapping[str, Any], cast: Mapping[str, Player], value: Any) -> None:
    rows = db.execute(
        "select *, due_at at time zone 'Asia/Shanghai' as local from \"case\" where conversation_id = %s",
        (talk["id"],),
    ).fetchall()
    assert [r["kind"] for r in rows] == [c["kind"] for c in value], [r["kind"] for r in rows]
    for row, want in zip(rows, value, strict=True):
        if "has" in want:
            assert want["has"] in row["statement"], row["statement"]
        if "due" in want:
            assert f"{row['local']:%Y-%m-%d %H:%M}" == str(want["due"]), row["local"]
        if "channel" in want:
            assert row["details"]["channel"] == want["channel"], row["details"]
        if "paid_on" in want:
            assert row["details"]["paid_on"] == str(want["paid_on"]), row["details"]
        if want.get("mine"):
            assert row["taxpayer_id"] == cast["me"].id


def _ticket(db: Db, talk: Mapping[str, Any], cast: Mapping[str, Player], value: Any) -> None:
    ticket = ticket_of(db, talk)
    if value == "none":
        assert ticket is None, f"a ticket was opened: {ticket['reason'] if ticket else ''}"
        return
    assert ticket is not None, "no ticket"
    for key in ("reason", "skill", "priority"):
        assert ticket[key] == value.get(key, ticket[key]), f"{key}: {ticket[key]}, not {value[key]}"
    assert ticket["summary"]
    in_line = staffed(ticket["created_at"].astimezone(SHANGHAI)) or _somebody_online(db)
    owner = "queue" if in_line else "bot"
    assert talk["owner"] == owner, f"the conversation belongs to {talk['owner']}, not to {owner}"


def _somebody_online(db: Db) -> bool:
    row = db.execute("select count(*) from staff where presence = 'online' and not disabled").fetchone()
    return row is not None and row["count"] > 0


def _exclusions(db: Db, talk: Mapping[str, Any], cast: Mapping[str, Player], value: Any) -> None:
    rows = db.execute(
        "select kind from contact_exclusion where conversation_id = %s order by kind", (talk["id"],)
    ).fetchall()
    assert [r["kind"] for r in rows] == sorted(value)


def _audit(db: Db, talk: Mapping[str, Any], cast: Mapping[str, Player], value: Any) -> None:
    subjects = [f"conversation:{talk['id']}", *(f"taxpayer:{p.id}" for p in cast.values())]
    numbers = db.execute(
        "select 'deferral:' || number as s from deferral_application where conversation_id = %s"
        " union select 'case:' || number from \"case\" where conversation_id = %s"
        " union select 'ticket:' || number from handoff_ticket where conversation_id = %s",
        (talk["id"], talk["id"], talk["id"]),
    ).fetchall()
    subjects += [r["s"] for r in numbers]
    rows = db.execute("select action from audit_event where subject = any(%s)", (subjects,)).fetchall()
    missing = set(value) - {r["action"] for r in rows}
    assert not missing, f"not in the audit trail: {missing}; there are {sorted({r['action'] for r in rows})}"


def _verified(db: Db, talk: Mapping[str, Any], cast: Mapping[str, Player], value: Any) -> None:
    rows = db.execute(
        "select taxpayer_id from verification where conversation_id = %s and state = 'verified'",
        (talk["id"],),
    ).fetchall()
    assert [r["taxpayer_id"] for r in rows] == ([] if value == "none" else [cast[value].id])


def _collection_stopped(db: Db, talk: Mapping[str, Any], cast: Mapping[str, Player], value: Any) -> None:
    assert talk["collection_stopped"] is bool(value)


def _no_secret_in_words(db: Db, talk: Mapping[str, Any], cast: Mapping[str, Player], value: Any) -> None:
    rows = db.execute(
        "select text || payload::text as t from message where conversation_id = %s", (talk["id"],)
    ).fetchall()
    for row in rows:
        for player in cast.values():
            assert player.identifier not in row["t"] and player.phone not in row["t"], row["t"]


CHECKS: Mapping[str, Callable[[Db, Mapping[str, Any], Mapping[str, Player], Any], None]] = {
    "promise": _promise,
    "deferral": _deferral,
    "cases": _cases,
    "ticket": _ticket,
    "exclusions": _exclusions,
    "audit": _audit,
    "verified": _verified,
    "collection_stopped": _collection_stopped,
    "no_secret_in_words": _no_secret_in_words,
}
"""``promise``: day of ``me``'s open promise or none · ``deferral``: columns of ``me``'s only application, or none ·
``cases``: this conversation's, in order · ``ticket``: its reason, skill and priority, or none; it waits, so the
conversation belongs to the queue while seats are staffed · ``exclusions``: kinds ·
``audit``: actions that must be recorded · ``verified``: who was proved, or none · ``collection_stopped``: yes or no ·
``no_secret_in_words``: no stored message holds a number of the cast."""
