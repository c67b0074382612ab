"""Campaigns, taxpayers with bills and numbers, reminders and steps, for tests of outreach."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from sqlalchemy import func, insert, text, update

from outreach.clock import SHANGHAI
from outreach.plan import Plan, read_plan
from store import outreach_models as om
from store.crypto import FieldCipher
from store.engine import SessionFactory
from store.models import Bill, Contact, Payment, Taxpayer, TaxpayerKind
from tax.identifiers import mask_phone
from tests.chat.database import CIPHER

OPEN = datetime(2026, 11, 23, 10, 0, tzinfo=SHANGHAI)
"""A Monday, within the hours of calls and messages."""
SHUT = datetime(2026, 11, 22, 10, 0, tzinfo=SHANGHAI)
"""The Sunday before."""
DUE = date(2026, 12, 15)
PACE = "standin"
CALL_STEP: Mapping[str, Any] = {
    "key": "call",
    "title": "电话",
    "day": -22,
    "at": "09:30",
    "channels": ["call"],
    "good_for": 20,
}
MESSAGE_STEP: Mapping[str, Any] = {
    "key": "message",
    "title": "消息",
    "day": -22,
    "at": "09:30",
    "channels": ["inbox", "wechat", "sms"],
    "template": "early_notice",
    "good_for": 20,
}
OFFICER_STEP: Mapping[str, Any] = {
    "key": "officer",
    "title": "人员跟进",
    "day": 3,
    "at": "09:30",
    "channels": ["officer"],
    "template": "follow_up",
    "good_for": 20,
}
RETRIES: Mapping[str, Any] = {
    "busy": {"after_minutes": 30, "most": 3, "then": "message"},
    "no_answer": {"after_minutes": 180, "most": 3, "then": "message"},
    "invalid_number": {"most": 1, "then": "other_number"},
    "carrier_failure": {"after_minutes": 15, "most": 4, "then": "message"},
    "our_failure": {"after_minutes": 15, "most": 3, "then": "message"},
    "failed": {"after_minutes": 60, "most": 3, "then": "officer"},
    "unreachable": {"most": 1, "then": "officer"},
}
_serial = count(1)


@dataclass(frozen=True, slots=True)
class Case:
    """One taxpayer to be reminded, with one step that is due."""

    taxpayer_id: uuid.UUID
    bill_id: uuid.UUID
    reminder_id: uuid.UUID
    step_id: uuid.UUID


def plan_of(*steps: Mapping[str, Any], limits: Mapping[str, Any] | None = None, **more: Any) -> Plan:
    """A plan of these steps (all three kinds where none is named), with generous retries."""
    return read_plan(
        {
            "title": "测试方案",
            "steps": [dict(step) for step in steps or (CALL_STEP, MESSAGE_STEP, OFFICER_STEP)],
            "limits": dict(limits or {}),
            "retries": dict(RETRIES),
            **more,
        }
    )


def number_of(serial: int) -> str:
    """A mobile number that belongs to nobody."""
    return f"199{serial:08d}"


async def make_campaign(
    sessions: SessionFactory,
    plan: Plan | None = None,
    *,
    status: om.CampaignStatus = om.CampaignStatus.RUNNING,
) -> om.Campaign:
    """A campaign, running unless told otherwise."""
    campaign = om.Campaign(
        id=uuid.uuid4(),
        name=f"测试{next(_serial)}",
        plan=(plan or plan_of()).stored(),
        status=status,
        created_by="cli",
        started_at=OPEN if status is not om.CampaignStatus.DRAFT else None,
    )
    async with sessions() as session, session.begin():
        session.add(campaign)
    return campaign


async def make_taxpayer(
    sessions: SessionFactory,
    *,
    phones: Sequence[str] | None = None,
    region: str = "成都市",
    kind: TaxpayerKind = TaxpayerKind.COMPANY,
    cipher: FieldCipher = CIPHER,
) -> Taxpayer:
    """A taxpayer with these registered numbers, the first of them primary; with one of its own if none is given."""
    serial = next(_serial)
    taxpayer = Taxpayer(
        id=uuid.uuid4(),
        kind=kind,
        name=f"测试企业{serial}（虚构）",
        region=region,
        identifier_kind="uscc",
        identifier_enc=cipher.encrypt(str(serial), "taxpayer.identifier"),
        identifier_hash=cipher.lookup_hash("identifier", uuid.uuid4().hex),
        identifier_mask="9***",
        fictional=True,
    )
    async with sessions() as session, session.begin():
        session.add(taxpayer)
        await session.flush()
        for place, phone in enumerate([number_of(serial)] if phones is None else phones):
            session.add(
                Contact(
                    taxpayer_id=taxpayer.id,
                    role="负责人",
                    name="张三",
                    phone_enc=cipher.encrypt(phone, "contact.phone"),
                    phone_hash=cipher.lookup_hash("phone", phone),
                    phone_mask=mask_phone(phone),
                    is_primary=place == 0,
                    created_at=OPEN - timedelta(days=300 - place),
                )
            )
    return taxpayer


async def make_bill(
    sessions: SessionFactory, taxpayer_id: uuid.UUID, *, due: date = DUE, principal: str = "1000.00"
) -> Bill:
    """An open bill."""
    bill = Bill(
        id=uuid.uuid4(),
        bill_no=f"B{uuid.uuid4().hex}",
        taxpayer_id=taxpayer_id,
        tax_type="增值税",
        period="2026-11",
        principal=Decimal(principal),
        due_date=due,
    )
    async with sessions() as session, session.begin():
        session.add(bill)
    return bill


async def pay(sessions: SessionFactory, bill_id: uuid.UUID, amount: str = "1000.00") -> None:
    """A payment that arrives."""
    async with sessions() as session, session.begin():
        session.add(
            Payment(
                payment_no=f"P{uuid.uuid4().hex}",
                bill_id=bill_id,
                paid_on=OPEN.date(),
                amount=Decimal(amount),
                channel="电子税务局",
            )
        )


async def make_reminder(
    sessions: SessionFactory,
    campaign: om.Campaign,
    taxpayer_id: uuid.UUID,
    bills: Sequence[uuid.UUID],
    *,
    due: date = DUE,
    tier: str = "middle",
) -> om.Reminder:
    """An active reminder without steps."""
    reminder = om.Reminder(
        id=uuid.uuid4(),
        campaign_id=campaign.id,
        taxpayer_id=taxpayer_id,
        due=due,
        score=40,
        tier=tier,
        reasons=[],
    )
    async with sessions() as session, session.begin():
        session.add(reminder)
        await session.flush()
        session.add_all(om.ReminderBill(reminder_id=reminder.id, bill_id=bill) for bill in bills)
    return reminder


async def make_step(
    sessions: SessionFactory,
    reminder: om.Reminder,
    key: str = "call",
    *,
    lane: str | None = None,
    at: datetime = OPEN,
    stale_at: datetime | None = None,
    priority: int = 0,
) -> om.Step:
    """A planned step, due at ``at``; the lane is that of the steps above with this key."""
    step = om.Step(
        id=uuid.uuid4(),
        reminder_id=reminder.id,
        campaign_id=reminder.campaign_id,
        taxpayer_id=reminder.taxpayer_id,
        key=key,
        lane=lane or key,
        priority=priority,
        due_at=at,
        next_at=at,
        stale_at=stale_at or at + timedelta(days=20),
    )
    async with sessions() as session, session.begin():
        session.add(step)
    return step


async def make_case(
    sessions: SessionFactory,
    campaign: om.Campaign,
    key: str = "call",
    *,
    phones: Sequence[str] | None = None,
    at: datetime = OPEN,
    due: date = DUE,
    tier: str = "middle",
    priority: int = 0,
) -> Case:
    """A taxpayer with a bill, their reminder and one step."""
    taxpayer = await make_taxpayer(sessions, phones=phones)
    bill = await make_bill(sessions, taxpayer.id, due=due)
    reminder = await make_reminder(sessions, campaign, taxpayer.id, [bill.id], due=due, tier=tier)
    step = await make_step(sessions, reminder, key, at=at, priority=priority)
    return Case(taxpayer.id, bill.id, reminder.id, step.id)


async def make_cases(
    sessions: SessionFactory,
    campaign: om.Campaign,
    many: int,
    key: str = "call",
    *,
    at: datetime = OPEN,
    due: date = DUE,
    cipher: FieldCipher = CIPHER,
) -> list[Case]:
    """Many of them, written at once."""
    serials = [next(_serial) for _ in range(many)]
    cases = [Case(*(uuid.uuid4() for _ in range(4))) for _ in serials]
    sealed = cipher.encrypt("0", "taxpayer.identifier")
    async with sessions() as session, session.begin():
        await session.execute(
            insert(Taxpayer),
            [
                {
                    "id": case.taxpayer_id,
                    "kind": TaxpayerKind.COMPANY,
                    "name": f"测试企业{serial}（虚构）",
                    "region": "成都市",
                    "identifier_kind": "uscc",
                    "identifier_enc": sealed,
                    "identifier_hash": case.taxpayer_id.bytes,
                    "identifier_mask": "9***",
                    "fictional": True,
                }
                for serial, case in zip(serials, cases, strict=True)
            ],
        )
        await session.execute(
            insert(Contact),
            [
                {
                    "id": uuid.uuid4(),
                    "taxpayer_id": case.taxpayer_id,
                    "role": "负责人",
                    "name": "张三",
                    "phone_enc": cipher.encrypt(number_of(serial), "contact.phone"),
                    "phone_hash": cipher.lookup_hash("phone", number_of(serial)),
                    "phone_mask": mask_phone(number_of(serial)),
                    "is_primary": True,
                }
                for serial, case in zip(serials, cases, strict=True)
            ],
        )
        await session.execute(
            insert(Bill),
            [
                {
                    "id": case.bill_id,
                    "bill_no": f"B{case.bill_id.hex}",
                    "taxpayer_id": case.taxpayer_id,
                    "tax_type": "增值税",
                    "period": "2026-11",
                    "principal": Decimal("1000.00"),
                    "due_date": due,
                }
                for case in cases
            ],
        )
        await session.execute(
            insert(om.Reminder),
            [
                {
                    "id": case.reminder_id,
                    "campaign_id": campaign.id,
                    "taxpayer_id": case.taxpayer_id,
                    "due": due,
                    "score": 40,
                    "tier": "middle",
                    "reasons": [],
                }
                for case in cases
            ],
        )
        await session.execute(
            insert(om.ReminderBill),
            [{"reminder_id": case.reminder_id, "bill_id": case.bill_id} for case in cases],
        )
        await session.execute(
            insert(om.Step),
            [
                {
                    "id": case.step_id,
                    "reminder_id": case.reminder_id,
                    "campaign_id": campaign.id,
                    "taxpayer_id": case.taxpayer_id,
                    "key": key,
                    "lane": key,
                    "due_at": at,
                    "next_at": at,
                    "stale_at": at + timedelta(days=20),
                }
                for case in cases
            ],
        )
    return cases


async def open_lines(
    sessions: SessionFactory, lines: int = 10, *, a_second: float = 50.0, pace: str = PACE
) -> None:
    """A gateway that talks on so many lines (its sign of life does not age), and the pace of the carrier."""
    async with sessions() as session, session.begin():
        await session.merge(
            om.VoiceHost(name="test", lines=lines, seen_at=func.clock_timestamp() + timedelta(days=1))
        )
        await session.merge(
            om.Pace(name=pace, a_second=a_second, lines=lines, next_at=text("clock_timestamp()"))
        )


async def set_status(sessions: SessionFactory, campaign_id: uuid.UUID, status: om.CampaignStatus) -> None:
    """Change a campaign as if by hand."""
    async with sessions() as session, session.begin():
        await session.execute(update(om.Campaign).where(om.Campaign.id == campaign_id).values(status=status))
