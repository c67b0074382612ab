"""Sends the text messages of the outbox, each at most once, by any number of senders on one database.

A row is leased with a token, the intent to send it is committed, and only then the carrier is asked. Whoever dies or
gets no answer in between leaves a row in ``intent``: a minute later it is looked up at the carrier, and sent again only
if the carrier does not know it. What the carrier reports later comes in by ``outreach.sms_reports``.

Verification codes go before everything else and wait for nobody; the others share the pace of the row ``sms`` in
``outreach_pace``. The red button, a campaign that is paused and a taxpayer who is left alone hold back messages of
campaigns, and a reminder that was closed meanwhile drops its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import text as sql
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from outreach.pacing import SMS, next_slots, take_slots
from outreach.ports import Clock, MessageRefused, MessageUnsure, SentSms, SmsCarrier
from outreach.switches import go_ahead
from store.crypto import CipherError, FieldCipher
from store.engine import SessionFactory
from store.phones import PhoneError, e164
from store.texts import CODE_PURPOSE, SMS_BODY, SMS_PHONE

log = structlog.get_logger("outreach.outbox")
LEASE = timedelta(seconds=60)
LOOK_UP_AFTER = timedelta(minutes=1)
"""How long a text may be on its way before the carrier is asked whether it knows it."""
SEND_WITHIN_S = 20.0
"""Seconds a request to the carrier may take; well below :data:`LOOK_UP_AFTER`."""
SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=30)
GIVE_UP_AFTER = timedelta(days=1)
"""After the first try, where nothing else says how long a text is of use."""
SILENT_FOR = timedelta(days=1)
"""How long a carrier may take to report what became of a text it took."""
_BATCH = 50
_AHEAD_S = 5.0
"""Slots of the pace are taken for so many seconds, so that a lease never runs out while its row waits for one."""
_IDLE_S, _CODES_IDLE_S, _TIDY_EVERY_S = 1.0, 0.3, 30.0

_KIND = {True: "s.purpose = :code", False: "s.purpose <> :code"}
_FREE = """(s.attempt_id is null or (
    not coalesce((select stopped from outreach_switch), false)
    and exists (
      select 1
        from outreach_attempt a
        join outreach_step t on t.id = a.step_id
        join outreach_reminder r on r.id = t.reminder_id
        join outreach_campaign c on c.id = t.campaign_id
       where a.id = s.attempt_id
         and r.active
         and c.status = 'running'
         and not exists (
           select 1 from contact_pause p
            where not p.calls_only and p.lifted_at is null and (p.until is null or p.until > :now)
              and (p.taxpayer_id = t.taxpayer_id or p.phone_hash = (
                select k.phone_hash from contact k
                 where k.taxpayer_id = t.taxpayer_id
                   and case when a.contact_id is null then k.is_primary else k.id = a.contact_id end))))))"""
_IDLE_ROW = "s.state in ('new', 'leased') and (s.leased_until is null or s.leased_until <= :now)"
_DROP = f"""
update outbox_sms s
   set state = 'dropped', ended_at = :now, leased_until = null,
       error = case when s.stale_at <= :now then '过了有用的时间，没有发送' else '提醒已经结束，没有发送' end
 where {_IDLE_ROW}
   and (s.stale_at <= :now or exists (
     select 1
       from outreach_attempt a
       join outreach_step t on t.id = a.step_id
       join outreach_reminder r on r.id = t.reminder_id
      where a.id = s.attempt_id and not r.active))
returning s.id"""  # noqa: S608
_LEASE = """
update outbox_sms s
   set state = case when s.state = 'intent' then 'intent' else 'leased' end,
       token = nextval('outreach_token'), leased_until = :until
 where s.id in (
   select s.id from outbox_sms s
    where {wanted}
    order by s.id
    limit :most
      for update skip locked)
returning s.id, s.token, s.phone_enc, s.body_enc, s.intent_at"""
_WANTED = f"{_IDLE_ROW} and {{kind}} and (s.stale_at is null or s.stale_at > :now) and {_FREE}"
_UNSURE = "s.state = 'intent' and s.leased_until <= :now"
_SHOW = f"""
update outbox_sms s set state = 'shown', ended_at = :now, leased_until = null
 where s.id in (select s.id from outbox_sms s where {_WANTED} order by s.id limit :most for update skip locked)
returning s.id"""  # noqa: S608
_INTEND = f"""
update outbox_sms s
   set state = 'intent', intent_at = coalesce(s.intent_at, :now), leased_until = :until
 where s.id = :id and s.token = :token and s.state = 'leased' and {_FREE}
returning s.intent_at"""  # noqa: S608
_SENT = """
update outbox_sms
   set carrier_id = :carrier_id, error = null, leased_until = null,
       state = case when state in ('new', 'leased', 'intent') then 'sent' else state end
 where id = :id and carrier_id is null
returning id"""
_PUT_BACK = """
update outbox_sms set state = 'new', leased_until = :again, error = :error
 where id = :id and token = :token and state in ('leased', 'intent') and carrier_id is null"""
_FAIL = """
update outbox_sms set state = 'failed', ended_at = :now, leased_until = null, error = :error
 where id = :id and token = :token and state = 'intent' and carrier_id is null"""
_UNREADABLE = """
update outbox_sms set state = 'failed', ended_at = :now, leased_until = null, error = '号码或内容无法解密' where id = :id"""
_SETTLE = """
update outbox_sms set state = 'delivered', ended_at = :now, error = '运营商一直没有回执，按已送出处理'
 where state = 'sent' and intent_at <= :before
returning id"""


@dataclass(frozen=True, slots=True)
class _Row:
    """A text that is ours to send. ``intent_at``: when it was first tried, ``None`` before that."""

    id: int
    token: int
    to: str
    body: str
    intent_at: datetime | None


class SmsSender:
    """Sends what is due.

    Args:
        sessions: the store.
        cipher: opens numbers and texts.
        clock: the present.
        carrier: sends; ``None``: texts are shown on the demonstration's page only.
        pace: row of ``outreach_pace`` that says how many a second; without such a row there is no pace.
    """

    def __init__(
        self,
        sessions: SessionFactory,
        cipher: FieldCipher,
        clock: Clock,
        carrier: SmsCarrier | None,
        pace: str = SMS,
    ) -> None:
        self._sessions, self._cipher, self._clock = sessions, cipher, clock
        self._carrier, self._pace = carrier, pace

    async def run(self, stop: asyncio.Event) -> None:
        """Send until ``stop``; what is being sent then is finished."""
        await asyncio.gather(
            self._repeat(stop, _CODES_IDLE_S, self._send_codes),
            self._repeat(stop, _IDLE_S, self._send_others),
            self._repeat(stop, _TIDY_EVERY_S, self._tidy),
        )

    async def step(self) -> int:
        """Send what is due now, once; returns how many rows were dealt with."""
        return await self._tidy() + await self._send_codes() + await self._send_others()

    async def _send_codes(self) -> int:
        return await self._send(codes=True)

    async def _send_others(self) -> int:
        return await self._look_up() + await self._send(codes=False)

    async def _repeat(self, stop: asyncio.Event, idle_s: float, work: Callable[[], Awaitable[int]]) -> None:
        while not stop.is_set():
            try:
                busy = await work()
            except (SQLAlchemyError, OSError) as error:
                log.warning("outbox_failed", error=type(error).__name__)
                busy = 0
            if not busy:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(idle_s):
                        await stop.wait()

    async def _send(self, *, codes: bool) -> int:
        if self._carrier is None:
            return await self._show(codes=codes)
        rows, slots = await self._lease(codes=codes)
        # All are finished before the first that went wrong is told: a text that is on its way is not cut off.
        ends = await asyncio.gather(
            *(self._carry(self._carrier, row, wait) for row, wait in zip(rows, slots, strict=True)),
            return_exceptions=True,
        )
        for end in ends:
            if end is not None:
                raise end
        return len(rows)

    async def _show(self, *, codes: bool) -> int:
        async with self._sessions() as session, session.begin():
            now = await self._clock.now(session)
            shown = await session.execute(
                sql(_SHOW.format(kind=_KIND[codes])), {"now": now, "code": CODE_PURPOSE, "most": _BATCH}
            )
            return len(shown.all())

    async def _lease(self, *, codes: bool) -> tuple[Sequence[_Row], Sequence[float]]:
        """Rows with the seconds each has to wait for its slot."""
        async with self._sessions() as session, session.begin():
            now = await self._clock.now(session)
            slots = await next_slots(session, self._pace)
            most = _BATCH
            if slots is not None and not codes:
                if slots.first_s > _AHEAD_S:
                    return [], []
                most = max(1, min(_BATCH, int(slots.a_second * _AHEAD_S)))
            rows = await self._taken(session, _WANTED.format(kind=_KIND[codes]), now, most, code=CODE_PURPOSE)
            taken = await take_slots(session, self._pace, len(rows)) if rows else None
            if taken is None or codes:
                return rows, [0.0] * len(rows)
            return rows, [taken.first_s + place / taken.a_second for place in range(len(rows))]

    async def _taken(
        self, session: AsyncSession, wanted: str, now: datetime, most: int, **more: str
    ) -> Sequence[_Row]:
        found = await session.execute(
            sql(_LEASE.format(wanted=wanted)), {"now": now, "until": now + LEASE, "most": most, **more}
        )
        rows = []
        for row in sorted(found.all(), key=lambda row: int(row.id)):
            try:
                to = self._cipher.decrypt(row.phone_enc, SMS_PHONE)
                body = self._cipher.decrypt(row.body_enc, SMS_BODY)
            except CipherError:
                log.error("sms_unreadable", outbox=row.id)
                await session.execute(sql(_UNREADABLE), {"id": row.id, "now": now})
                continue
            rows.append(_Row(row.id, row.token, to, body, row.intent_at))
        return rows

    async def _carry(self, carrier: SmsCarrier, row: _Row, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with self._sessions() as session, session.begin():
            await go_ahead(session)
            now = await self._clock.now(session)
            first_at = await session.scalar(
                sql(_INTEND), {"id": row.id, "token": row.token, "now": now, "until": now + LOOK_UP_AFTER}
            )
        if first_at is None:
            return
        # Whoever was held up since the intent must not send any more: somebody may be looking it up already.
        left = SEND_WITHIN_S - (loop.time() - began)
        if left <= 0:
            return
        try:
            async with asyncio.timeout(left):
                sent = await carrier.send(row.id, e164(row.to), row.body)
        except (MessageUnsure, TimeoutError):
            log.warning("sms_unsure", outbox=row.id)
        except PhoneError:
            await self._refused(row, first_at, MessageRefused("登记的号码不是可以发短信的号码"))
        except MessageRefused as refused:
            await self._refused(row, first_at, refused)
        else:
            await self._sent(row, sent)

    async def _look_up(self) -> int:
        """Find out about texts nobody knows were sent; give those back that were not."""
        if self._carrier is None:
            return 0
        async with self._sessions() as session, session.begin():
            now = await self._clock.now(session)
            rows = await self._taken(session, _UNSURE, now, _BATCH)
        for row in rows:
            since = row.intent_at or now
            try:
                async with asyncio.timeout(SEND_WITHIN_S):
                    found = await self._carrier.find(e164(row.to), row.body, since)
            except (MessageUnsure, MessageRefused, TimeoutError):
                if now - since > GIVE_UP_AFTER:
                    await self._failed(row, "不确定运营商有没有发出，没有再发")
                continue
            if found is None:
                await self._refused(row, since, MessageRefused("运营商没有收到", for_good=False))
            elif not await self._sent(row, found):
                await self._failed(row, "运营商那边同样内容的短信不止一条，分不清是哪一条，没有再发")
        return len(rows)

    async def _sent(self, row: _Row, sent: SentSms) -> bool:
        """Note the carrier's id; false where another row has it, or this row another one."""
        async with self._sessions() as session, session.begin():
            taken = await session.scalar(
                sql("select id from outbox_sms where carrier_id = :carrier_id and id <> :id"),
                {"carrier_id": sent.carrier_id, "id": row.id},
            )
            if taken is not None:
                return False
            await session.execute(sql(_SENT), {"id": row.id, "carrier_id": sent.carrier_id})
        return True

    async def _refused(self, row: _Row, first_at: datetime, refused: MessageRefused) -> None:
        if refused.for_good:
            await self._failed(row, str(refused))
            return
        async with self._sessions() as session, session.begin():
            now = await self._clock.now(session)
            # As long again as it has been tried already: the pauses double.
            again = now + min(LONGEST_PAUSE, max(SHORTEST_PAUSE, now - first_at))
            too_late: datetime = await session.scalar(
                sql("select coalesce(stale_at, :usual) from outbox_sms where id = :id"),
                {"id": row.id, "usual": first_at + GIVE_UP_AFTER},
            )
            if again >= too_late:
                await session.execute(
                    sql(_FAIL), {"id": row.id, "token": row.token, "now": now, "error": str(refused)}
                )
            else:
                await session.execute(
                    sql(_PUT_BACK), {"id": row.id, "token": row.token, "again": again, "error": str(refused)}
                )

    async def _failed(self, row: _Row, why: str) -> None:
        async with self._sessions() as session, session.begin():
            now = await self._clock.now(session)
            await session.execute(sql(_FAIL), {"id": row.id, "token": row.token, "now": now, "error": why})

    async def _tidy(self) -> int:
        """Drop what is of no use any more, and end what a carrier took long ago: some networks never report."""
        async with self._sessions() as session, session.begin():
            now = await self._clock.now(session)
            dropped = await session.execute(sql(_DROP), {"now": now})
            settled = await session.execute(sql(_SETTLE), {"now": now, "before": now - SILENT_FOR})
            return len(dropped.all()) + len(settled.all())
