"""The red button: while it is pressed no campaign dials or sends anything. Calls under way go on.

Whatever begins something holds a shared lock to the end of its transaction (:func:`go_ahead`); whoever stops something
holds it alone (:func:`hold_back`). So nothing begun unseen is still being written when a stop stands, and nothing that
begins afterwards overlooks it.
"""

from __future__ import annotations

from sqlalchemy import exists, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from store import audit
from store.locks import Lock, share, take
from store.outreach_models import OutreachSwitch

_SUBJECT = "outreach"


async def stop_all(session: AsyncSession, by: str, reason: str) -> None:
    """Press it. ``by``: ``staff:<login>`` or ``cli``; ``reason`` in the words of who pressed it."""
    await hold_back(session)
    await _set(session, by, reason, stopped=True)
    await audit.record(
        session,
        actor=by,
        action="outreach.stopped",
        subject=_SUBJECT,
        detail={"reason": audit.mask_identifiers(reason)},
    )


async def release(session: AsyncSession, by: str) -> None:
    """Let campaigns go on."""
    await _set(session, by, None, stopped=False)
    await audit.record(session, actor=by, action="outreach.released", subject=_SUBJECT, detail={})


async def stopped(session: AsyncSession) -> bool:
    """Whether it is pressed."""
    return bool(await session.scalar(select(exists().where(OutreachSwitch.stopped))))


async def go_ahead(session: AsyncSession) -> None:
    """Called first by a transaction that begins a call or a message: stops wait until it is over.

    Read what may forbid it (the button, the campaign, a pause) in statements after this one.
    """
    await session.execute(share(Lock.OUTREACH))


async def hold_back(session: AsyncSession) -> None:
    """Called first by a transaction that stops something (everything, a campaign, a contact).

    It waits for what is just beginning, and what begins later sees what this transaction wrote. Keep it short.
    """
    await session.execute(take(Lock.OUTREACH))


async def _set(session: AsyncSession, by: str, reason: str | None, *, stopped: bool) -> None:
    values = {"stopped": stopped, "by": by, "reason": reason, "at": func.clock_timestamp()}
    await session.execute(
        insert(OutreachSwitch)
        .values(one=True, **values)
        .on_conflict_do_update(index_elements=["one"], set_=values)
    )
