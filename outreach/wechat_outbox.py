"""Sends what lies in ``outbox_wechat``: reminders as template messages, words of the thread as customer service.

A row goes new → leased → intent → sent; the intent is committed before WeChat is asked. What nobody knows the fate of is
sent again: a text, because an answer that is lost is worse than one that comes twice; a template, only as long as WeChat
itself leaves out repetitions. A follower gets texts in the order in which they were said.

The red button, a paused campaign and a taxpayer who is left alone hold reminders back; those that have lost their sense
are dropped. Words wait where only the follower's next word lets us write.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

import structlog
from sqlalchemy import Interval, func, literal, update
from sqlalchemy import text as sql
from sqlalchemy.exc import SQLAlchemyError

from outreach.ports import Clock, MessageRefused, MessageUnsure, WechatCarrier, WechatClosed, WechatGone
from outreach.wechat_handover import BODY, GOOD_FOR, KEPT_BACK, OPEN_FOR, hand_over
from outreach.wechat_users import KEPT
from outreach.wechat_words import fitting, pieces, together
from store.crypto import FieldCipher
from store.engine import SessionFactory
from store.live import RESYNC, Change
from store.outreach_models import OutboxState, OutboxWechat, WechatUser

log = structlog.get_logger("outreach.wechat")
LEASE = timedelta(seconds=60)
PAUSE = timedelta(seconds=60)
"""How long after WeChat refused for now, or gave no answer, it is asked again."""
SENT_ONCE_FOR = timedelta(minutes=10)
"""So long WeChat leaves out a template message that it has sent already."""
REPORT_WITHIN = timedelta(days=1)
_AT_ONCE = 50
_LOOK_S, _TIDY_S, _ALL_S, _SETTLE_S = 0.5, 2.0, 5.0, 600.0
_REST_S = 20.0
"""Pause of everything after WeChat refused for now: the next message would fare no better."""

_UNFINISHED = "('new', 'leased', 'intent')"
_ALLOWED = """
u.following and case o.kind
  when 'text' then u.spoke_at > clock_timestamp() - cast(:open_for as interval)
  else not coalesce((select stopped from outreach_switch), false)
    and not exists (
      select 1 from contact_pause p
       where p.taxpayer_id = u.taxpayer_id and not p.calls_only
         and p.lifted_at is null and (p.until is null or p.until > :now))
    and (o.attempt_id is null or exists (
      select 1
        from outreach_attempt a
        join outreach_step t on t.id = a.step_id
        join outreach_reminder r on r.id = t.reminder_id
        join outreach_campaign c on c.id = t.campaign_id
       where a.id = o.attempt_id and r.active and t.stale_at > :now and c.status = 'running'))
end"""
_IDLE = f"o.state in {_UNFINISHED} and (o.leased_until is null or o.leased_until <= :now)"
# Only the first of a follower's rows of a kind is looked for, so that no two workers write to one follower; the texts
# behind it come along.
_LEASE = f"""
with head as (
  select o.id, o.openid, o.kind
    from outbox_wechat o
    join wechat_user u on u.openid = o.openid
   where {_IDLE} and {_ALLOWED}
     and not exists (
       select 1 from outbox_wechat e
        where e.openid = o.openid and e.kind = o.kind and e.state in {_UNFINISHED}
          and (coalesce(e.message_id, 0), e.id) < (coalesce(o.message_id, 0), o.id))
   order by o.id
   limit :most
     for update of o skip locked
), behind as (
  select o.id
    from head
    join outbox_wechat o on o.openid = head.openid and o.kind = head.kind and o.id <> head.id
   where o.kind = 'text' and {_IDLE}
     for update of o skip locked
)
update outbox_wechat
   set state = case state when 'intent' then 'intent' else 'leased' end, token = :token, leased_until = :until
 where id in (select id from head union all select id from behind)
returning id, openid, kind, coalesce(message_id, 0) as place, body_enc,
          case state when 'intent' then intent_at end as unsure_since"""  # noqa: S608
_INTEND = f"""
update outbox_wechat
   set state = 'intent', intent_at = coalesce(intent_at, :now), leased_until = :until
 where id in (
   select o.id
     from outbox_wechat o
     join wechat_user u on u.openid = o.openid
    where o.id = any (:ids) and o.token = :token and o.state in ('leased', 'intent') and {_ALLOWED}
      for update of o)
returning id"""  # noqa: S608
_TIDY = """
with gone as (
  select o.id,
         case
           when not u.following then '对方没有关注公众号'
           when not r.active then '提醒已经结束，没有发送'
           else '过了有用的时间，没有发送'
         end as why
    from outbox_wechat o
    join wechat_user u on u.openid = o.openid
    left join outreach_attempt a on a.id = o.attempt_id
    left join outreach_step t on t.id = a.step_id
    left join outreach_reminder r on r.id = t.reminder_id
   where (o.state = 'new' or o.state in ('leased', 'intent') and o.leased_until <= :now)
     and (not u.following
       or not r.active
       or t.stale_at <= :now
       or o.created_at < clock_timestamp() - cast(:good_for as interval)
       or o.kind = 'template' and u.taxpayer_id is null)
     for update of o skip locked
)
update outbox_wechat o
   set state = 'dropped', error = gone.why, ended_at = :now, leased_until = null
  from gone
 where o.id = gone.id"""
_SETTLE = """
update outbox_wechat
   set state = 'delivered', ended_at = :now, error = '微信一直没有回报，按已送出处理'
 where kind = 'template' and state = 'sent' and intent_at <= :before"""


@dataclass(frozen=True, slots=True)
class _Row:
    """A message that is ours to send. ``unsure_since``: when it was first tried, if nobody knows what became of that."""

    id: int
    openid: str
    kind: str
    place: int
    text: str
    unsure_since: datetime | None


class WechatSender:
    """Sends what is due, and puts what was said in WeChat conversations into the outbox.

    Args:
        sessions: the store.
        cipher: opens and seals the words.
        clock: the present.
        carrier: WeChat.
    """

    def __init__(
        self, sessions: SessionFactory, cipher: FieldCipher, clock: Clock, carrier: WechatCarrier
    ) -> None:
        self._sessions, self._cipher, self._clock, self._carrier = sessions, cipher, clock, carrier
        self._heard: dict[uuid.UUID, float] = {}
        self._woken = asyncio.Event()
        self._resting_until = 0.0

    def heard(self, change: Change) -> None:
        """Listener for ``store.live``: makes words go out at once. Without it they go within some seconds."""
        if change.kind == "message":
            # Until the taxpayer's own request is over, what is said is left to the reply.
            self._heard[uuid.UUID(change.ids[0])] = _loop_time() + KEPT_BACK.total_seconds() + 1
            self._woken.set()
        elif change is RESYNC or change.kind in ("outbox", "outreach"):
            self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Send until ``stop``; what is being sent then is finished."""
        all_at = tidy_at = settle_at = 0.0
        while not stop.is_set():
            busy = 0
            try:
                now = _loop_time()
                if now >= all_at:
                    busy = await self.hand_over()
                    all_at = 0.0 if busy else now + _ALL_S
                elif self._heard:
                    busy = await self.hand_over(tuple(self._heard))
                    self._heard = {each: until for each, until in self._heard.items() if until > now}
                if now >= tidy_at:
                    await self.tidy()
                    tidy_at = now + _TIDY_S
                if now >= settle_at:
                    await self.settle()
                    settle_at = now + _SETTLE_S
                if now >= self._resting_until:
                    busy += await self.send()
            except (SQLAlchemyError, OSError) as error:
                log.warning("wechat_not_sent", error=type(error).__name__)
                busy = 0
            if not busy:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S):
                        await self._woken.wait()
                self._woken.clear()

    async def step(self) -> int:
        """Hand over and send what is due now, once; returns how many messages were dealt with."""
        await self.hand_over()
        await self.tidy()
        return await self.send()

    async def hand_over(self, conversations: Sequence[uuid.UUID] | None = None) -> int:
        """Put what was said into the outbox; see :func:`outreach.wechat_handover.hand_over`."""
        async with self._sessions() as session, session.begin():
            return await hand_over(session, self._cipher, conversations)

    async def tidy(self) -> None:
        """Drop what has lost its sense."""
        async with self._sessions() as session, session.begin():
            now = await self._clock.now(session)
            await session.execute(sql(_TIDY), {"now": now, "good_for": GOOD_FOR})

    async def settle(self) -> None:
        """End templates that WeChat took long ago and never reported on."""
        async with self._sessions() as session, session.begin():
            now = await self._clock.now(session)
            await session.execute(sql(_SETTLE), {"now": now, "before": now - REPORT_WITHIN})

    async def send(self) -> int:
        """Send what lies in the outbox and is due; returns how many rows were dealt with."""
        token, rows = await self._lease()
        by_follower = groupby(rows, key=lambda row: (row.openid, row.kind))
        await asyncio.gather(*(self._carry(token, list(theirs)) for _, theirs in by_follower))
        return len(rows)

    async def _lease(self) -> tuple[int, list[_Row]]:
        async with self._sessions() as session, session.begin():
            now = await self._clock.now(session)
            token: int = (await session.execute(sql("select nextval('outreach_token')"))).scalar_one()
            found = await session.execute(
                sql(_LEASE),
                {"now": now, "until": now + LEASE, "open_for": OPEN_FOR, "token": token, "most": _AT_ONCE},
            )
            rows = [
                _Row(
                    row.id,
                    row.openid,
                    row.kind,
                    row.place,
                    self._cipher.decrypt(row.body_enc, BODY),
                    row.unsure_since,
                )
                for row in found
            ]
        return token, sorted(rows, key=lambda row: (row.openid, row.kind, row.place, row.id))

    async def _carry(self, token: int, rows: list[_Row]) -> None:
        """Send one follower's rows of a kind, in order, several texts as one message; what comes after a failure waits."""
        while rows:
            count = max(1, fitting([row.text for row in rows])) if rows[0].kind == "text" else 1
            together_now, rows = rows[:count], rows[count:]
            if not await self._deliver(token, together_now):
                await self._put_back(token, rows)
                return

    async def _deliver(self, token: int, rows: Sequence[_Row]) -> bool:
        """Send rows as one; ``False`` when those behind must wait."""
        ids = [row.id for row in rows]
        if not await self._intend(token, rows):
            await self._put_back(token, rows)
            return False
        try:
            carrier_id = await self._ask(rows)
        except MessageUnsure:
            log.warning("wechat_unsure", outbox=ids)
            self._resting_until = _loop_time() + _REST_S
            return False
        except WechatClosed as closed:
            await self._closed(rows[0].openid)
            await self._put_back(token, rows, str(closed), meant=True, pause=timedelta())
            return False
        except MessageRefused as refused:
            if isinstance(refused, WechatGone):
                await self._not_following(rows[0].openid)
            if not refused.for_good:
                await self._put_back(token, rows, str(refused), meant=True)
                self._resting_until = _loop_time() + _REST_S
                return False
            log.warning("wechat_refused", outbox=ids)
            await self._note(token, ids, OutboxState.FAILED, error=str(refused)[:KEPT], ended=True)
            return True
        ended = rows[0].kind == "text"
        await self._note(token, ids, OutboxState.SENT, carrier_id=carrier_id, ended=ended)
        return True

    async def _ask(self, rows: Sequence[_Row]) -> str | None:
        first = rows[0]
        if first.kind == "template":
            return await self._carrier.template(first.openid, first.text, first.id)
        for piece in pieces(together([row.text for row in rows])):
            await self._carrier.text(first.openid, piece)
        return None

    async def _intend(self, token: int, rows: Sequence[_Row]) -> bool:
        """Write down that these are about to be sent, all or none; ``False``: they may not be, or no longer by us."""
        ids = [row.id for row in rows]
        async with self._sessions() as session, session.begin():
            now = await self._clock.now(session)
            since = rows[0].unsure_since
            lost = rows[0].kind == "template" and since is not None and since <= now - SENT_ONCE_FOR
            if not lost:
                meant = await session.execute(
                    sql(_INTEND),
                    {"ids": ids, "token": token, "now": now, "until": now + LEASE, "open_for": OPEN_FOR},
                )
                if len(meant.all()) == len(ids):
                    return True
                await session.rollback()
        if lost:
            await self._note(
                token, ids, OutboxState.FAILED, error="不确定微信有没有发出，没有再发", ended=True
            )
        return False

    async def _note(
        self,
        token: int,
        ids: Sequence[int],
        state: OutboxState,
        *,
        carrier_id: str | None = None,
        error: str | None = None,
        ended: bool = False,
    ) -> None:
        """What became of our rows, unless WeChat's report was quicker or somebody else has them."""
        async with self._sessions() as session, session.begin():
            now = await self._clock.now(session)
            await session.execute(
                update(OutboxWechat)
                .where(
                    OutboxWechat.id.in_(ids),
                    OutboxWechat.token == token,
                    OutboxWechat.state == OutboxState.INTENT,
                )
                .values(
                    state=state,
                    carrier_id=carrier_id,
                    error=error,
                    leased_until=None,
                    ended_at=now if ended else None,
                ),
                execution_options={"synchronize_session": False},
            )

    async def _put_back(
        self,
        token: int,
        rows: Sequence[_Row],
        error: str | None = None,
        *,
        meant: bool = False,
        pause: timedelta = PAUSE,
    ) -> None:
        """To be tried again later; ``meant``: WeChat was asked. What was of doubtful fate before stays so."""
        async with self._sessions() as session, session.begin():
            now = await self._clock.now(session)
            await session.execute(
                update(OutboxWechat)
                .where(
                    OutboxWechat.id.in_([row.id for row in rows if row.unsure_since is None]),
                    OutboxWechat.token == token,
                    OutboxWechat.state == (OutboxState.INTENT if meant else OutboxState.LEASED),
                )
                .values(state=OutboxState.NEW, intent_at=None, error=error, leased_until=now + pause),
                execution_options={"synchronize_session": False},
            )

    async def _closed(self, openid: str) -> None:
        async with self._sessions() as session, session.begin():
            # Who has spoken this moment has opened the way again.
            since = func.clock_timestamp() - literal(KEPT_BACK, Interval)
            await session.execute(
                update(WechatUser)
                .where(WechatUser.openid == openid, WechatUser.spoke_at < since)
                .values(spoke_at=None),
                execution_options={"synchronize_session": False},
            )

    async def _not_following(self, openid: str) -> None:
        async with self._sessions() as session, session.begin():
            await session.execute(
                update(WechatUser).where(WechatUser.openid == openid).values(following=False)
            )


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
