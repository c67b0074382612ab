"""How fast and how many at once: one row per carrier that all workers share, and lines counted from what is true now.

Pace and leases are about wires and processes, so they go by the database's own time, whatever day outreach takes it to be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from store.outreach_models import Pace

READY_S = 0.2
"""A slot lies at least this far ahead: until then what has to be written before dialling is written."""
AHEAD_S = 2.0
"""No more is leased than gets a slot within this time."""
HOST_SILENT_S = 15.0
"""A gateway that has not been heard of for so long is not counted on."""
SMS = "sms"
"""The pace of text messages."""
_WAITING_S = 10.0
"""So many seconds' worth of campaign messages may wait for their carrier: those decided now go out in this hour."""


@dataclass(frozen=True, slots=True)
class Lines:
    """What can be begun on a carrier now.

    ``free``: lines on which a bot waits and nobody talks nor is about to. ``slots``: how many calls would get a slot
    within :data:`AHEAD_S`.
    """

    free: int
    slots: int

    @property
    def room(self) -> int:
        """How many calls may be leased."""
        return max(0, min(self.free, self.slots))


@dataclass(frozen=True, slots=True)
class Slots:
    """Slots one after the other: the first in ``first_s`` seconds, ``a_second`` of them a second."""

    first_s: float
    a_second: float


async def set_pace(session: AsyncSession, name: str, a_second: float, lines: int) -> None:
    """What a carrier allows from now on; the slot that is next stays."""
    allowed = {"a_second": a_second, "lines": lines}
    await session.execute(
        insert(Pace).values(name=name, **allowed).on_conflict_do_update(index_elements=["name"], set_=allowed)
    )


async def hold_lines(session: AsyncSession, name: str) -> Lines:
    """Count the lines of a carrier; who else wants to take some waits until this transaction is over.

    Without a row for ``name`` there are none.
    """
    await session.execute(_HOLD, {"name": name})
    # A statement of its own: it has to see what those wrote who held the row before.
    found = (
        await session.execute(_LINES, {"name": name, "silent": HOST_SILENT_S, "ahead": AHEAD_S})
    ).one_or_none()
    return Lines(found.free, found.slots) if found is not None else Lines(0, 0)


async def hold_outbox(session: AsyncSession) -> int | None:
    """How many more campaign messages the carrier of texts can take soon, held likewise; ``None``: it has no pace."""
    await session.execute(_HOLD, {"name": SMS})
    found = (await session.execute(_OUTBOX, {"name": SMS, "seconds": _WAITING_S})).scalar_one_or_none()
    return None if found is None else max(0, int(found))


async def take_slot(session: AsyncSession, name: str) -> float:
    """Take the next slot of a carrier, :data:`READY_S` ahead at least; returns in how many seconds it is.

    Raises:
        LookupError: there is no row for ``name``.
    """
    slots = await take_slots(session, name, 1, READY_S)
    if slots is None:
        raise LookupError(f"no pace {name}")
    return slots.first_s


async def next_slots(session: AsyncSession, name: str) -> Slots | None:
    """Those that come next, which may be taken by somebody else meanwhile; ``None``: there is no pace."""
    return _slots((await session.execute(_NEXT, {"name": name})).one_or_none())


async def take_slots(session: AsyncSession, name: str, count: int, ready_s: float = 0.0) -> Slots | None:
    """Take so many, the first of them ``ready_s`` ahead at least; ``None``: there is no pace."""
    return _slots(
        (await session.execute(_TAKE, {"name": name, "count": count, "ready": ready_s})).one_or_none()
    )


def _slots(row: Any) -> Slots | None:
    return Slots(float(row.first_s), float(row.a_second)) if row is not None else None


_HOLD = text("select 1 from outreach_pace where name = :name for update")
# A row further ahead than all who share it can have moved it was left by a clock that jumped.
_SANE = "60 + 2 / a_second"
_LINES = text(
    """
select least(p.lines, hosted.lines) - live.calls - leased.attempts as free,
       ceil((:ahead - case when p.s > SANE then 0 else least(p.s, :ahead) end) * p.a_second)::int
         - leased.without_slot as slots
  from (
    select lines, a_second, greatest(0, extract(epoch from next_at - clock_timestamp())) as s
      from outreach_pace where name = :name) p
 cross join (
   select coalesce(sum(lines), 0)::int as lines from voice_host
    where seen_at > clock_timestamp() - make_interval(secs => :silent)) hosted
 cross join (select count(*)::int as calls from call where state not in ('planned', 'ended')) live
 cross join (
   select count(*)::int as attempts, (count(*) filter (where slot_at is null))::int as without_slot
     from outreach_attempt
    where state = 'leased' and channel = 'call' and leased_until > clock_timestamp()) leased
""".replace("SANE", _SANE)
)
_OUTBOX = text("""
select ceil(p.a_second * :seconds)::int - (
         select count(*)::int
           from outbox_sms o
           join outreach_attempt a on a.id = o.attempt_id
           join outreach_step s on s.id = a.step_id
           join outreach_campaign c on c.id = s.campaign_id
          where o.state in ('new', 'leased', 'intent') and c.status = 'running')
  from outreach_pace p
 where p.name = :name
""")
_NEXT = text(
    """
select a_second,
       case when s between 0 and SANE then s else 0 end as first_s
  from (
    select a_second, extract(epoch from next_at - clock_timestamp()) as s from outreach_pace where name = :name) p
""".replace("SANE", _SANE)
)
_TAKE = text(
    """
update outreach_pace
   set next_at = make_interval(secs => cast(:count as float) / a_second) + case
         when extract(epoch from next_at - clock_timestamp()) between :ready and SANE then next_at
         else clock_timestamp() + make_interval(secs => :ready)
       end
 where name = :name
returning extract(epoch from next_at - make_interval(secs => cast(:count as float) / a_second) - clock_timestamp())
            as first_s,
          a_second
""".replace("SANE", _SANE)
)
