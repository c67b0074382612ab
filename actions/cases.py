"""Cases: pieces of work for officers, each written once, with a number of its own."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rasa_sdk.events import SlotSet
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from actions.core import Context
from actions.forms import Filled, Reader, Reading
from store import audit
from store.identity import VerifiedTaxpayer
from store.models import Case, CaseKind
from store.numbers import next_number

_PREFIX = {
    CaseKind.PAYMENT_CHECK: "HC",
    CaseKind.DISPUTE: "YY",
    CaseKind.COMPLAINT: "TS",
    CaseKind.CALLBACK: "HD",
}
MAX_STATEMENT = 1000
"""Characters of a statement that are kept."""


def statement_into(slot: str) -> Reader:
    """A reader that takes any few words, up to :data:`MAX_STATEMENT` characters, as the answer to ``slot``."""

    async def read(ctx: Context) -> Reading:
        text = ctx.turn.text.strip()
        return Filled({slot: text[:MAX_STATEMENT]}) if len(text) >= 4 else None

    return read


async def open_case(
    ctx: Context,
    kind: CaseKind,
    statement: str,
    *,
    who: VerifiedTaxpayer | None,
    bill_id: uuid.UUID | None = None,
    details: Mapping[str, Any] | None = None,
    due_at: datetime | None = None,
) -> str:
    """Write one case and its audit line; returns its number.

    A turn that runs again after a crash finds the case it opened the first time.
    """
    number = await next_number(ctx.session, _PREFIX[kind], ctx.today)
    added = await ctx.session.scalar(
        insert(Case)
        .values(
            id=uuid.uuid4(),
            number=number,
            kind=kind,
            conversation_id=ctx.turn.conversation_id,
            said_in=ctx.turn.message_id,
            taxpayer_id=who.taxpayer_id if who else None,
            bill_id=bill_id,
            statement=statement[:MAX_STATEMENT],
            details=dict(details or {}),
            due_at=due_at,
        )
        .on_conflict_do_nothing(index_elements=["kind", "said_in"])
        .returning(Case.number)
    )
    if added is None:
        again = await ctx.session.scalars(
            select(Case.number).where(Case.kind == kind, Case.said_in == ctx.turn.message_id)
        )
        return again.one()
    await audit.record(
        ctx.session, actor="taxpayer", action=f"{kind.value}.opened", subject=f"case:{number}", detail={}
    )
    return number


def emptied(names: Sequence[str]) -> list[dict[str, Any]]:
    """Events that empty the slots of a form."""
    return [SlotSet(name, None) for name in names]
