"""A random history of a bureau, written to the store and kept as plain dictionaries to be counted again by other code."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from handoff.events import Kind
from handoff.reasons import ROUTES, Reason
from handoff.sla import Clock
from store.engine import SessionFactory
from store.handoff_models import HandoffTicket, Staff, Survey, TicketEvent
from store.models import (
    Bill,
    Call,
    Case,
    Conversation,
    DeferralApplication,
    Message,
    Payment,
    Promise,
    Taxpayer,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
FIRST, DAYS = date(2026, 10, 1), 12
Rows = list[dict[str, Any]]
_OUTCOMES = [
    "completed", "not_verified", "wrong_person", "callback", "opted_out", "human", "voicemail", "silent",
    "hung_up", "busy", "no_answer", "rejected", "invalid_number", "fax", "carrier_failure", "our_failure",
]  # fmt: skip


@dataclass
class History:
    """Rows as they were written, by table."""

    staff: Rows = field(default_factory=list)
    taxpayers: Rows = field(default_factory=list)
    bills: Rows = field(default_factory=list)
    payments: Rows = field(default_factory=list)
    deferrals: Rows = field(default_factory=list)
    talks: Rows = field(default_factory=list)
    messages: Rows = field(default_factory=list)
    tickets: Rows = field(default_factory=list)
    events: Rows = field(default_factory=list)
    surveys: Rows = field(default_factory=list)
    cases: Rows = field(default_factory=list)
    promises: Rows = field(default_factory=list)
    calls: Rows = field(default_factory=list)


def invent(rng: random.Random) -> History:
    """Make one up. Many instants lie near a midnight of Shanghai, which is no midnight of UTC."""
    h = History()
    for number in range(3):
        h.staff.append(
            {"id": uuid.UUID(int=rng.getrandbits(128)), "login": f"a{number}", "name": f"坐席{number}",
             "roles": ["agent"], "password_hash": "none"}
        )  # fmt: skip
    for number in range(25):
        _taxpayer(h, rng, number)
    for _ in range(80):
        _talk(h, rng)
    return h


def day_of(at: datetime) -> date:
    return at.astimezone(SHANGHAI).date()


async def write(sessions: SessionFactory, h: History) -> None:
    tables: Sequence[tuple[Any, Rows]] = (
        (Staff, h.staff), (Taxpayer, h.taxpayers), (Bill, h.bills), (Payment, h.payments),
        (DeferralApplication, h.deferrals), (Conversation, h.talks), (Message, h.messages),
        (HandoffTicket, h.tickets), (TicketEvent, h.events), (Survey, h.surveys), (Case, h.cases),
        (Promise, h.promises), (Call, h.calls),
    )  # fmt: skip
    async with sessions() as session, session.begin():
        for table, rows in tables:
            if rows:
                await session.execute(insert(table), rows)


def _id(rng: random.Random) -> uuid.UUID:
    return uuid.UUID(int=rng.getrandbits(128))


def _instant(rng: random.Random) -> datetime:
    day = FIRST + timedelta(days=rng.randrange(DAYS))
    if rng.random() < 0.4:
        edge = datetime.combine(day, time(), SHANGHAI)
        return (edge + timedelta(seconds=rng.choice([-1, 0, 1, 8 * 3600 - 1, 8 * 3600]))).astimezone(UTC)
    return datetime.combine(day, time(), SHANGHAI).astimezone(UTC) + timedelta(seconds=rng.randrange(86400))


def _taxpayer(h: History, rng: random.Random, number: int) -> None:
    who = _id(rng)
    h.taxpayers.append(
        {"id": who, "kind": "company", "name": f"企业{number}", "region": "东湖区", "identifier_kind": "uscc",
         "identifier_enc": b"", "identifier_hash": str(number).encode(), "identifier_mask": "9135****0Y43"}
    )  # fmt: skip
    for _ in range(rng.randrange(3)):
        bill = _id(rng)
        h.bills.append(
            {"id": bill, "bill_no": f"B{len(h.bills)}", "taxpayer_id": who, "tax_type": "增值税", "period": "2026-09",
             "principal": Decimal(100), "due_date": FIRST, "created_at": _instant(rng) - timedelta(days=rng.choice([0, 30, 30])),
             "status": rng.choice(["open", "open", "open", "settled", "withdrawn"])}
        )  # fmt: skip
        for _ in range(rng.randrange(4)):
            h.payments.append(
                {"id": _id(rng), "payment_no": f"P{len(h.payments)}", "bill_id": bill,
                 "paid_on": FIRST + timedelta(days=rng.randrange(-3, DAYS)), "channel": "银行",
                 "amount": Decimal(rng.choice([40, 60, 100])), "kind": rng.choice(["tax", "tax", "late_fee"])}
            )  # fmt: skip
        if rng.random() < 0.3:
            h.deferrals.append(
                {"id": _id(rng), "number": f"YQ{len(h.deferrals)}", "taxpayer_id": who, "bill_id": bill,
                 "status": rng.choice(["approved", "expired", "refused"]), "reason": "cash_shortage", "reason_text": "",
                 "tax_amount": Decimal(100), "months": 1, "requested_until": FIRST, "cash": Decimal(0),
                 "wages_payable": Decimal(0), "social_insurance": Decimal(0),
                 "approved_until": rng.choice([None, FIRST + timedelta(days=rng.randrange(DAYS))])}
            )  # fmt: skip


def _talk(h: History, rng: random.Random) -> None:
    talk = _id(rng)
    h.talks.append({"id": talk, "channel": rng.choice(["web", "phone"])})
    for _ in range(rng.randrange(4)):
        doubt = {"doubt": {"kind": rng.choice(["unclear", "unanswered"]), "intent": "x", "confidence": 0.4}}
        h.messages.append(
            {"conversation_id": talk, "sender": rng.choice(["taxpayer", "taxpayer", "bot"]), "text": "问",
             "created_at": _instant(rng), "payload": doubt if rng.random() < 0.4 else {}}
        )  # fmt: skip
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        _ticket(h, rng, talk)
    for _ in range(rng.choice([0, 0, 1])):
        h.cases.append(
            {"id": _id(rng), "number": f"C{len(h.cases)}", "conversation_id": talk, "statement": "说明",
             "kind": rng.choice(["complaint", "complaint", "dispute", "callback"]), "created_at": _instant(rng)}
        )  # fmt: skip
    if rng.random() < 0.5:
        _promise(h, rng, talk)
    if rng.random() < 0.7:
        _call(h, rng, talk)


def _ticket(h: History, rng: random.Random, talk: uuid.UUID) -> None:
    entered, ticket = _instant(rng), _id(rng)
    agent, reason = rng.choice(h.staff)["id"], rng.choice(list(Reason))
    claimed = entered + timedelta(seconds=rng.randrange(1, 9000)) if rng.random() < 0.8 else None
    claims = [claimed] if claimed else []
    if claimed and rng.random() < 0.4:
        claims.append(claimed + timedelta(hours=1))
    answered = claimed + timedelta(seconds=rng.randrange(600)) if claimed and rng.random() < 0.8 else None
    row: dict[str, Any] = {
        "id": ticket, "number": f"RG{len(h.tickets)}", "conversation_id": talk, "reason": reason.value,
        "skill": ROUTES[reason].skill.value, "priority": 3, "summary": "", "trigger_text": "",
        "created_at": entered, "claimed_at": claims[-1] if claims else None, "first_answer_at": answered,
        "status": "closed", "closed_at": (claims[-1] if claims else entered) + timedelta(seconds=rng.randrange(7200)),
    }  # fmt: skip
    h.tickets.append(row)
    for at in claims:
        h.events.append({"ticket_id": ticket, "kind": Kind.CLAIMED, "staff_id": agent, "at": at})
    for clock in rng.sample(list(Clock), rng.randrange(3)):
        at = entered + timedelta(hours=rng.randrange(5))
        h.events.append(
            {"ticket_id": ticket, "kind": Kind.BREACHED, "detail": {"clock": clock.value}, "at": at}
        )
        h.events.append(
            {"ticket_id": ticket, "kind": Kind.WARNED, "detail": {"clock": clock.value}, "at": at}
        )
    if claimed and rng.random() < 0.6:
        h.surveys.append(
            {"id": _id(rng), "conversation_id": talk, "ticket_id": ticket, "score": rng.randint(1, 5),
             "channel": "web", "created_at": _instant(rng)}
        )  # fmt: skip


def _promise(h: History, rng: random.Random, talk: uuid.UUID) -> None:
    who = rng.choice(h.taxpayers)["id"]
    taken: Mapping[str, Any] | None = next(
        (p for p in h.promises if p["taxpayer_id"] == who and p["status"] == "open"), None
    )
    theirs = [bill["id"] for bill in h.bills if bill["taxpayer_id"] == who]
    said = _instant(rng)
    coming = date.today() + timedelta(days=3)
    h.promises.append(
        {"id": _id(rng), "taxpayer_id": who, "conversation_id": talk, "created_at": said,
         "bill_id": rng.choice([None, *theirs]), "status": rng.choice(["replaced", "kept", "broken"] if taken else ["open"]),
         "promised_on": coming if rng.random() < 0.1 else day_of(said) + timedelta(days=rng.randrange(6))}
    )  # fmt: skip


def _call(h: History, rng: random.Random, talk: uuid.UUID) -> None:
    planned = _instant(rng)
    reached = rng.choice(["planned", "intent", "placed", "ringing", "answered", "answered", "answered"])
    steps = ["planned", "intent", "placed", "ringing", "answered"]
    place = steps.index(reached)

    def at(step: str) -> datetime | None:
        told = step in ("intent", reached) or rng.random() < 0.8
        return (
            planned + timedelta(seconds=20 * steps.index(step))
            if steps.index(step) <= place and told
            else None
        )

    h.calls.append(
        {"id": _id(rng), "conversation_id": talk, "carrier": "standin", "phone_enc": b"", "phone_hash": b"",
         "phone_mask": "139****1234", "purpose": "remind", "state": reached, "created_at": planned,
         "intent_at": at("intent"), "placed_at": at("placed"), "ringing_at": at("ringing"), "answered_at": at("answered"),
         "answered_by": rng.choice([None, None, None, "human", "human", "machine_start", "machine_end_beep", "fax"]),
         "outcome": rng.choice([None, "completed", "hung_up", *_OUTCOMES[:9], *_OUTCOMES])}
    )  # fmt: skip
