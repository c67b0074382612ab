"""Whom a number belongs to, whether they may be called at all, and how to ask for them."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from store.crypto import FieldCipher
from store.models import Call, Contact, ContactExclusion, Taxpayer, TaxpayerKind
from store.phones import canonical

_IN_BRACKETS = re.compile(r"（[^）]*）|\([^)]*\)")
_WHY = {
    "opt_out": "这位纳税人已经要求不再接到提醒电话，不能拨打。",
    "wrong_person": "上次接听的人说这个号码打错了，请先核对号码再拨打。",
}


class CalleeError(ValueError):
    """Nobody to call at this number, or they must not be called; the text says why, in Chinese."""


@dataclass(frozen=True, slots=True)
class Person:
    """A taxpayer as a call needs them: ``asked_for`` completes 请问是…吗."""

    taxpayer_id: uuid.UUID
    asked_for: str
    region: str
    pack: str | None


async def person_at(session: AsyncSession, cipher: FieldCipher, phone: str) -> Person:
    """The taxpayer whose primary contact has this number.

    Raises:
        CalleeError: there is none, there are several, or they must not be called.
        PhoneError: it is no number.
    """
    found = (
        await session.execute(
            select(Taxpayer, Contact)
            .join(Contact, Contact.taxpayer_id == Taxpayer.id)
            .where(Contact.phone_hash == cipher.lookup_hash("phone", canonical(phone)), Contact.is_primary)
            .limit(2)
        )
    ).all()
    if not found:
        raise CalleeError("没有纳税人登记了这个号码，提醒电话只打给登记的联系人。请核对号码。")
    if len(found) > 1:
        raise CalleeError("有几位纳税人登记了同一个号码，不知道该提醒哪一位。请先核对联系方式。")
    taxpayer, contact = found[0]
    if why := await _excluded(session, taxpayer.id, contact.phone_hash):
        raise CalleeError(_WHY[why])
    return _person(taxpayer)


async def person_of(session: AsyncSession, taxpayer_id: uuid.UUID) -> Person | None:
    """The taxpayer of a call that has been planned."""
    taxpayer = await session.get(Taxpayer, taxpayer_id)
    return _person(taxpayer) if taxpayer is not None else None


def _person(taxpayer: Taxpayer) -> Person:
    name = _IN_BRACKETS.sub("", taxpayer.name)
    asked_for = name if taxpayer.kind == TaxpayerKind.PERSON else f"{name}的负责人"
    return Person(taxpayer.id, asked_for, taxpayer.region, taxpayer.pack)


async def _excluded(session: AsyncSession, taxpayer_id: uuid.UUID, phone_hash: bytes) -> str | None:
    """Why not to call, if somebody has said so of the taxpayer or at this number."""
    at_number = select(Call.conversation_id).where(Call.phone_hash == phone_hash)
    kind: str | None = await session.scalar(
        select(ContactExclusion.kind)
        .where(
            or_(
                ContactExclusion.taxpayer_id == taxpayer_id,
                ContactExclusion.conversation_id.in_(at_number),
            )
        )
        .order_by(ContactExclusion.created_at.desc())
        .limit(1)
    )
    return kind
