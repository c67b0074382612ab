"""People and affairs for tests of the officers' desk: staff, taxpayers with bills, applications, cases."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.permissions import Role
from store.engine import SessionFactory
from store.fictional import MARK, identifier, phone
from store.handoff_models import Staff
from store.models import (
    AuditEvent,
    Bill,
    Case,
    CaseKind,
    Contact,
    Conversation,
    DeferralApplication,
    DeferralMaterial,
    Message,
    OutboxSms,
    Payment,
    Taxpayer,
    TaxpayerKind,
    Verification,
)
from tax.identifiers import mask_identifier, mask_phone
from tests.chat.database import CIPHER

SHANGHAI = ZoneInfo("Asia/Shanghai")
_serial = count(1)


def at(day: date, hour: int = 10) -> datetime:
    """A local business instant."""
    return datetime.combine(day, time(hour), SHANGHAI)


async def staff(sessions: SessionFactory, *roles: Role, name: str = "何清") -> Staff:
    made = Staff(
        id=uuid.uuid4(),
        login=f"s{next(_serial)}",
        name=name,
        roles=[role.value for role in roles],
        skills=[],
        password_hash="x",
    )
    async with sessions() as session, session.begin():
        session.add(made)
    return made


async def officer(sessions: SessionFactory, name: str = "何清") -> Staff:
    return await staff(sessions, Role.OFFICER, name=name)


async def taxpayer(sessions: SessionFactory) -> Taxpayer:
    serial = next(_serial)
    number, mobile = identifier(TaxpayerKind.COMPANY, "成都市", serial), phone(serial)
    made = Taxpayer(
        id=uuid.uuid4(),
        kind=TaxpayerKind.COMPANY,
        name=f"试样{serial}有限公司{MARK}",
        region="成都市",
        identifier_kind="uscc",
        identifier_enc=CIPHER.encrypt(number, "taxpayer.identifier"),
        identifier_hash=CIPHER.lookup_hash("identifier", number),
        identifier_mask=mask_identifier(number),
        fictional=True,
        contacts=[
            Contact(
                role="财务负责人",
                name=f"周雨禾{MARK}",
                phone_enc=CIPHER.encrypt(mobile, "contact.phone"),
                phone_hash=CIPHER.lookup_hash("phone", mobile),
                phone_mask=mask_phone(mobile),
                is_primary=True,
            )
        ],
    )
    async with sessions() as session, session.begin():
        session.add(made)
    return made


async def bill(
    sessions: SessionFactory,
    owner: uuid.UUID,
    principal: Decimal,
    due: date,
    *,
    tax_type: str = "增值税",
    status: str = "open",
) -> Bill:
    made = Bill(
        id=uuid.uuid4(),
        bill_no=f"SD{next(_serial):09d}",
        taxpayer_id=owner,
        tax_type=tax_type,
        period=f"{due:%Y-%m}",
        principal=principal,
        due_date=due,
        status=status,
    )
    async with sessions() as session, session.begin():
        session.add(made)
    return made


async def conversation(
    sessions: SessionFactory, owner: uuid.UUID | None = None, *, channel: str = "web", silent: bool = False
) -> uuid.UUID:
    """A thread; ``silent``: nothing was said in it for two days."""
    made = Conversation(id=uuid.uuid4(), channel=channel, taxpayer_id=owner)
    async with sessions() as session, session.begin():
        session.add(made)
        await session.flush()
        if silent:
            await session.execute(
                update(Conversation)
                .where(Conversation.id == made.id)
                .values(last_message_at=func.now() - timedelta(days=2))
            )
    return made.id


async def prove(
    sessions: SessionFactory, conversation_id: uuid.UUID, owner: uuid.UUID, now: datetime
) -> None:
    """The person in the conversation has shown to be this taxpayer, for half an hour."""
    async with sessions() as session, session.begin():
        session.add(
            Verification(
                conversation_id=conversation_id,
                taxpayer_id=owner,
                state="verified",
                verified_at=now,
                valid_until=now + timedelta(minutes=30),
            )
        )
        await session.execute(
            update(Conversation).where(Conversation.id == conversation_id).values(taxpayer_id=owner)
        )


async def apply(
    sessions: SessionFactory, debt: Bill, received: date, conversation_id: uuid.UUID | None, **more: Any
) -> uuid.UUID:
    """A submitted application for the whole bill."""
    values: dict[str, Any] = {
        "status": "submitted",
        "reason": "cash_shortage",
        "reason_text": "货款还没有收回来。",
        "tax_amount": debt.principal,
        "months": 3,
        "requested_until": debt.due_date + timedelta(days=60),
        "cash": Decimal("90000.00"),
        "wages_payable": Decimal("60000.00"),
        "social_insurance": Decimal("9000.00"),
        "submitted_at": at(received).astimezone(UTC),
    }
    made = DeferralApplication(
        id=uuid.uuid4(),
        number=f"YQ2026-{next(_serial):06d}",
        taxpayer_id=debt.taxpayer_id,
        bill_id=debt.id,
        conversation_id=conversation_id,
        **(values | more),
    )
    async with sessions() as session, session.begin():
        session.add(made)
    return made.id


async def case(
    sessions: SessionFactory,
    kind: CaseKind,
    conversation_id: uuid.UUID,
    owner: uuid.UUID | None = None,
    debt: Bill | None = None,
    **more: Any,
) -> uuid.UUID:
    made = Case(
        id=uuid.uuid4(),
        number=f"YY2026-{next(_serial):06d}",
        kind=kind,
        conversation_id=conversation_id,
        taxpayer_id=owner,
        bill_id=debt.id if debt else None,
        statement=more.pop("statement", "金额和我算的不一样"),
        **more,
    )
    async with sessions() as session, session.begin():
        session.add(made)
    return made.id


async def pay(sessions: SessionFactory, debt: Bill, amount: Decimal, on: date) -> None:
    async with sessions() as session, session.begin():
        session.add(
            Payment(
                payment_no=f"JK{next(_serial):09d}",
                bill_id=debt.id,
                paid_on=on,
                amount=amount,
                channel="电子税务局",
            )
        )


async def upload(sessions: SessionFactory, conversation_id: uuid.UUID, filename: str) -> uuid.UUID:
    """A file as the upload route leaves it."""
    made = DeferralMaterial(
        id=uuid.uuid4(),
        conversation_id=conversation_id,
        filename=filename,
        content_type="application/pdf",
        size=1000,
        sha256=uuid.uuid4().hex * 2,
    )
    async with sessions() as session, session.begin():
        session.add(made)
    return made.id


async def thread(session: AsyncSession, conversation_id: uuid.UUID) -> list[str]:
    found = await session.scalars(
        select(Message.text).where(Message.conversation_id == conversation_id).order_by(Message.id)
    )
    return list(found)


async def texts_to(session: AsyncSession, owner: Taxpayer) -> list[str]:
    """The text messages to a taxpayer's registered phone, opened."""
    masks = [contact.phone_mask for contact in owner.contacts]
    found = await session.scalars(
        select(OutboxSms).where(OutboxSms.phone_mask.in_(masks)).order_by(OutboxSms.id)
    )
    return [CIPHER.decrypt(sms.body_enc, "outbox_sms.body") for sms in found]


async def trail(session: AsyncSession, subject: str) -> list[tuple[str, str]]:
    """Who did what to a subject, in order."""
    found = await session.execute(
        select(AuditEvent.actor, AuditEvent.action)
        .where(AuditEvent.subject == subject)
        .order_by(AuditEvent.id)
    )
    return [(actor, action) for actor, action in found.all()]
