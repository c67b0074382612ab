"""The simulation's ledger and the engine's on PostgreSQL do the same, step by step, in one small scripted world.

The engine is driven by hand through virtual time: its worker leases, decides and dials at every instant at which a step is
due; the script says how calls and messages end. The same script then goes through the simulation.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from heapq import heappop, heappush
from itertools import count
from typing import Any

import pytest
from sqlalchemy import func, select, text

from outreach import closing, lanes, pacing, promises
from outreach.clock import SHANGHAI, SetClock
from outreach.conclude import conclude
from outreach.enrol import enrol
from outreach.plan import CAMPAIGNS, Channel, Lane, Plan, Tier, load_plan
from outreach.ports import PlaceResult
from outreach.risk import load_rules
from outreach.simulation.agenda import SECOND
from outreach.simulation.behaviour import load_behaviour
from outreach.simulation.chance import CallRun, Promise
from outreach.simulation.population import FINE, Population
from outreach.simulation.trace import CHANNELS, OUTCOMES, PROMISE_REMINDER, THANKED
from outreach.simulation.world import World
from outreach.terms import Indicators
from outreach.worker import Worker
from store import calls, models
from store import outreach_models as om
from store.call_states import Report
from store.engine import SessionFactory
from store.models import CallState
from tests.chat.database import CIPHER
from tests.outreach import makers
from tests.outreach.loop import prepared

START = date(2026, 11, 2)
DAYS = 32
DUE = date(2026, 11, 16)
RING, TALK = 10, 50
"""Seconds."""
MESSAGE = 20
TO_PAY = 0.25
"""Where within the banks' day promises are kept."""
LINES = 40
"""Enough for all at once: who goes first among equals is left to chance on PostgreSQL."""


@dataclass(frozen=True)
class Person:
    """Someone in the script. ``calls``: how their calls end, the last one again and again; ``promise``: what they promise
    when they are first told; ``late``: they paid late once."""

    name: str
    calls: tuple[str, ...]
    phones: int = 1
    landline: bool = False
    inbox: bool = False
    wechat: bool = False
    texts_arrive: bool = True
    due: date = DUE
    late: bool = False
    promise: Promise | None = None


SCRIPT = (
    Person("keeps", ("no_answer", "no_answer", "completed"), promise=Promise(2, True)),
    Person("keeps_early", ("completed",), late=True, promise=Promise(1, True)),
    Person("busy", ("busy",), late=True),
    Person("two_numbers", ("wrong_person", "completed"), phones=2, late=True),
    Person("three_numbers", ("wrong_person", "invalid_number", "completed"), phones=3, late=True),
    Person("nobody", ("invalid_number",), texts_arrive=False),
    Person("shy", ("voicemail", "hung_up", "not_verified"), wechat=True, late=True),
    Person("no_more", ("opted_out",), inbox=True),
    Person("forgets", ("completed",), wechat=True, late=True, promise=Promise(3, False)),
    Person("unlucky", ("carrier_failure", "carrier_failure", "rejected", "silent", "no_answer"), late=True),
    Person("overdue", ("no_answer", "completed"), due=date(2026, 10, 26), promise=Promise(2, True)),
    Person("landline", ("fax", "no_answer"), landline=True, texts_arrive=False, late=True),
    Person("silent", ("no_answer",), inbox=True, late=True),
)


@dataclass(frozen=True, order=True)
class Did:
    """One attempt, or a word beside the steps."""

    who: str
    minute: str
    step: str
    number: int
    channel: str
    outcome: str


@dataclass
class Scripted:
    """The script as the simulation's chance."""

    people: tuple[Person, ...]

    def call(self, who: int, nth: int, hour: int, number: int, *, asked_for: bool) -> CallRun:
        outcome = _nth(self.people[who].calls, nth)
        return CallRun(outcome, RING * SECOND, TALK * SECOND if _answered(outcome) else 0)

    def delivery(self, who: int, nth: int, channel: Channel) -> int | None:
        if channel is Channel.INBOX:
            return 0
        return MESSAGE * SECOND if self.people[who].texts_arrive else None

    def promise(self, who: int, nth: int, *, overdue: bool, short: bool) -> Promise | None:
        return self.people[who].promise if nth == 0 else None

    def says_short_of_cash(self, who: int) -> bool:
        return False

    def applies(self, who: int, nth: int, *, told: bool) -> bool:
        return False

    def approved(self, who: int) -> bool:
        return False

    def minute(self, who: int) -> float:
        return TO_PAY

    def visit(self, who: int) -> tuple[float, bool]:
        return 0.0, False

    def complains(self, who: int, nth: int, way: str, *, lately: int, early: bool, paid: bool) -> bool:
        return False

    def opts_out(self, who: int, nth: int, *, lately: int) -> bool:
        return False


class ScriptedDialler:
    """A carrier that takes every call; it notes which and when."""

    name = makers.PACE

    def __init__(self, sessions: SessionFactory, clock: SetClock) -> None:
        self._sessions, self._clock = sessions, clock
        self.dialled: list[uuid.UUID] = []

    async def dial(self, call_id: uuid.UUID) -> PlaceResult:
        async with self._sessions() as session, session.begin():
            assert await calls.placed(session, call_id, str(call_id), self._clock.at)
        self.dialled.append(call_id)
        return PlaceResult.PLACED


@dataclass
class Driver:
    """Moves the engine on PostgreSQL through virtual time."""

    sessions: SessionFactory
    plan: Plan
    people: tuple[Person, ...] = SCRIPT
    clock: SetClock = field(default_factory=lambda: SetClock(_at(START)))
    taxpayers: dict[uuid.UUID, int] = field(default_factory=dict)
    bills: dict[int, uuid.UUID] = field(default_factory=dict)
    campaign_id: uuid.UUID = field(default_factory=uuid.uuid4)
    texts: set[tuple[str, int]] = field(default_factory=set)
    had: Counter[int] = field(default_factory=Counter)
    told: Counter[int] = field(default_factory=Counter)
    ahead: list[tuple[datetime, int, str, Any]] = field(default_factory=list)
    order: Iterator[int] = field(default_factory=count)

    async def prepare(self) -> None:
        await prepared(self.sessions)
        await makers.open_lines(self.sessions, LINES, a_second=1000)
        await makers.open_lines(self.sessions, LINES, a_second=1000, pace="sms")
        self.campaign_id = (await makers.make_campaign(self.sessions, self.plan)).id
        for who, person in enumerate(self.people):
            numbers = [f"199{who:04d}{nth:04d}" for nth in range(person.phones)]
            if person.landline:
                numbers = [f"0288{who:07d}"]
            taxpayer = await makers.make_taxpayer(self.sessions, phones=numbers)
            self.taxpayers[taxpayer.id] = who
            bill = await makers.make_bill(self.sessions, taxpayer.id, due=person.due)
            self.bills[who] = bill.id
            if person.late:
                old = await makers.make_bill(self.sessions, taxpayer.id, due=date(2026, 6, 15))
                await makers.pay(self.sessions, old.id)
            await self._ways(taxpayer.id, person)

    async def _ways(self, taxpayer_id: uuid.UUID, person: Person) -> None:
        async with self.sessions() as session, session.begin():
            if person.inbox:
                session.add(
                    models.Conversation(
                        id=uuid.uuid4(), channel="web", taxpayer_id=taxpayer_id, last_message_at=_at(START)
                    )
                )
            if person.wechat:
                talk = models.Conversation(id=uuid.uuid4(), channel="wechat")
                session.add(talk)
                await session.flush()
                session.add(
                    om.WechatUser(openid=uuid.uuid4().hex, conversation_id=talk.id, taxpayer_id=taxpayer_id)
                )

    async def play(self) -> None:
        dialler = ScriptedDialler(self.sessions, self.clock)
        # One after the other: of two steps of one taxpayer due at once, either may go first when they are carried out together.
        worker = Worker(self.sessions, CIPHER, self.clock, dialler, "test", at_once=1)
        for day in range(DAYS):
            self._ahead(_at(START + timedelta(days=day), time(7, 5)), "enrol", None)
        end = _at(START + timedelta(days=DAYS))
        while (at := await self._next()) is not None and at < end:
            self.clock.at = at
            while self.ahead and self.ahead[0][0] <= at:
                _, _, what, about = heappop(self.ahead)
                await getattr(self, f"_{what}")(about)
                await self._alarms()
            while await self._carry_out(worker, dialler):
                pass

    async def _carry_out(self, worker: Worker, dialler: ScriptedDialler) -> int:
        """All that is due now, and what follows from it at once."""
        done = sum([await worker.step(lane) for lane in Lane])
        for call_id in dialler.dialled:
            self._ahead(await self._ends(call_id), "end_call", call_id)
        dialler.dialled.clear()
        await self._outbox()
        await self._alarms()
        return done

    def _ahead(self, at: datetime, what: str, about: Any) -> None:
        heappush(self.ahead, (at, next(self.order), what, about))

    async def _next(self) -> datetime | None:
        async with self.sessions() as session:
            step = await session.scalar(
                select(func.min(om.Step.next_at)).where(
                    om.Step.state == om.StepState.PLANNED, om.Step.next_at > self.clock.at
                )
            )
        found = [each for each in (step, self.ahead[0][0] if self.ahead else None) if each is not None]
        return min(found).astimezone(SHANGHAI) if found else None

    async def _enrol(self, _: None) -> None:
        await enrol(self.sessions, self.clock, self.campaign_id, load_rules())

    async def _ends(self, call_id: uuid.UUID) -> datetime:
        who = await self._who(call_id)
        talk = TALK if _answered(_nth(self.people[who].calls, self.had[who])) else 0
        return self.clock.at + timedelta(seconds=RING + talk)

    async def _who(self, call_id: uuid.UUID) -> int:
        async with self.sessions() as session:
            taxpayer_id = (await session.get_one(models.Call, call_id)).taxpayer_id
        assert taxpayer_id is not None
        return self.taxpayers[taxpayer_id]

    async def _end_call(self, call_id: uuid.UUID) -> None:
        who = await self._who(call_id)
        outcome = _nth(self.people[who].calls, self.had[who])
        self.had[who] += 1
        async with self.sessions() as session, session.begin():
            call = await session.get_one(models.Call, call_id)
            if _answered(outcome):
                report = self._report(call_id, 1, self.clock.at - timedelta(seconds=TALK), CallState.ANSWERED)
                await calls.apply_status(session, call_id, report)
            report = self._report(call_id, 2, self.clock.at, CallState.ENDED, outcome)
            await calls.apply_status(session, call_id, report)
            kind = {"wrong_person": "wrong_person", "opted_out": "opt_out"}.get(outcome)
            if kind is not None:
                session.add(models.ContactExclusion(kind=kind, conversation_id=call.conversation_id))
        if outcome == "completed":
            assert call.taxpayer_id is not None
            await self._promise(who, call.taxpayer_id, call.conversation_id)

    def _report(
        self, call_id: uuid.UUID, sequence: int, at: datetime, state: CallState, outcome: str | None = None
    ) -> Report:
        return Report(makers.PACE, sequence, state.value, at, str(call_id), state=state, outcome=outcome)

    async def _promise(self, who: int, taxpayer_id: uuid.UUID, conversation_id: uuid.UUID) -> None:
        promise = self.people[who].promise
        self.told[who] += 1
        if promise is None or self.told[who] > 1:
            return
        day = self.clock.at.date() + timedelta(days=promise.in_days)
        made = models.Promise(
            id=uuid.uuid4(), taxpayer_id=taxpayer_id, conversation_id=conversation_id, promised_on=day
        )
        async with self.sessions() as session, session.begin():
            session.add(made)
        if promise.kept:
            lag = timedelta(minutes=load_behaviour().payment.known_after_minutes)
            self._ahead(_at(day, time(9)) + TO_PAY * timedelta(hours=9) + lag, "pay", who)
        self._ahead(promises.judged_at(day), "judge", made.id)

    async def _pay(self, who: int) -> None:
        await makers.pay(self.sessions, self.bills[who])

    async def _judge(self, promise_id: uuid.UUID) -> None:
        await promises.check(self.sessions, CIPHER, self.clock, promise_id)

    async def _thank(self, reminder_id: uuid.UUID) -> None:
        await closing.thank(self.sessions, CIPHER, self.clock, reminder_id)

    async def _outbox(self) -> None:
        """Texts and WeChat messages just queued reach their end a little later."""
        for table in ("outbox_sms", "outbox_wechat"):
            async with self.sessions() as session:
                rows = await session.execute(text(f"select id from {table} where state = 'new' order by id"))
                new = [(table, row.id) for row in rows if (table, row.id) not in self.texts]
            for each in new:
                self.texts.add(each)
                arrives = await self._arrives(*each)
                if arrives:
                    self._ahead(self.clock.at + timedelta(seconds=MESSAGE), "end_text", (*each, "delivered"))
                else:
                    await self._end_text((*each, "failed"))

    async def _arrives(self, table: str, row: int) -> bool:
        about = {
            "outbox_sms": "select taxpayer_id from outbox_sms where id = :id",
            "outbox_wechat": "select u.taxpayer_id from outbox_wechat o join wechat_user u using (openid) where o.id = :id",
        }
        async with self.sessions() as session:
            taxpayer_id = await session.scalar(text(about[table]), {"id": row})
        return self.people[self.taxpayers[taxpayer_id]].texts_arrive

    async def _end_text(self, about: tuple[str, int, str]) -> None:
        table, row, state = about
        async with self.sessions() as session, session.begin():
            await session.execute(
                text(f"update {table} set state = :state, ended_at = :at where id = :id"),
                {"state": state, "at": self.clock.at, "id": row},
            )

    async def _alarms(self) -> None:
        """What triggers have set: conclusions at once, words when they may be said."""
        while True:
            async with self.sessions() as session, session.begin():
                rows = (
                    await session.execute(
                        text(
                            "delete from procrastinate_jobs returning task_name, queueing_lock, args,"
                            " coalesce(scheduled_at, clock_timestamp()) - clock_timestamp() as wait"
                        )
                    )
                ).all()
            if not rows:
                return
            for row in rows:
                wait = max(row.wait, timedelta())
                match row.task_name:
                    case "outreach.conclude":
                        await conclude(self.sessions, self.clock, uuid.UUID(row.args["attempt_id"]))
                    case "outreach.thank":
                        self._ahead(_whole(self.clock.at + wait), "thank", uuid.UUID(row.args["reminder_id"]))
                    case "outreach.promise" if row.queueing_lock.startswith("promise-"):
                        self._ahead(_whole(self.clock.at + wait), "judge", uuid.UUID(row.args["promise_id"]))

    async def did(self) -> list[Did]:
        async with self.sessions() as session:
            attempts = await session.execute(
                select(om.Step.taxpayer_id, om.Step.key, om.Attempt)
                .join(om.Step, om.Step.id == om.Attempt.step_id)
                .where(om.Attempt.state == om.AttemptState.ENDED)
            )
            words = await session.execute(
                select(om.Reminder.taxpayer_id, om.OutreachEvent.at, om.OutreachEvent.detail)
                .join(om.Reminder, om.Reminder.id == om.OutreachEvent.reminder_id)
                .where(om.OutreachEvent.kind == "word")
            )
            found = [
                self._did(who, attempt.intent_at, key, attempt.number, attempt.channel, attempt.outcome)
                for who, key, attempt in attempts
            ]
            found += [
                self._did(who, at, detail["template"], 1, detail["channel"], "") for who, at, detail in words
            ]
        return sorted(found)

    def _did(self, who: uuid.UUID, at: datetime, key: str, number: int, channel: str, outcome: str) -> Did:
        minute = f"{at.astimezone(SHANGHAI):%m-%d %H:%M}"
        shown = "" if outcome == "unreachable" else channel
        return Did(self.people[self.taxpayers[who]].name, minute, key, number, shown, outcome)

    async def tiers(self) -> tuple[Tier, ...]:
        async with self.sessions() as session:
            found = await session.execute(select(om.Reminder.taxpayer_id, om.Reminder.tier))
            tier = {self.taxpayers[who]: Tier(each) for who, each in found}
        return tuple(tier.get(who, Tier.LOW) for who in range(len(self.people)))

    async def stations(self) -> dict[str, tuple[bool, bool]]:
        async with self.sessions() as session:
            found = await session.execute(
                select(om.Reminder.taxpayer_id, om.Reminder.notified_at, om.Reminder.reached_at)
            )
            return {
                self.people[self.taxpayers[who]].name: (notified is not None, reached is not None)
                for who, notified, reached in found
            }


def simulated(plan: Plan, people: tuple[Person, ...], tiers: tuple[Tier, ...]) -> World:
    behaviour = load_behaviour()
    carrier = behaviour.carrier.model_copy(
        update={"lines": LINES, "bots": LINES, "a_second": 1000.0, "messages_a_second": 1000.0}
    )
    import numpy as np

    many = len(people)
    unknown = Indicators(Decimal(1000), 0, 0, 0, 0, 0, True, 0, True, False)
    population = Population(
        seeds=range(many),
        segment=[0] * many,
        region=["成都市"] * many,
        industry=[""] * many,
        size=[""] * many,
        unpaid=np.full(many, 100_000),
        due=[each.due for each in people],
        pace=np.ones(many),
        threshold=np.full(many, np.inf),
        cash_on=np.zeros(many, dtype=np.int64),
        inbox=[each.inbox for each in people],
        wechat=[each.wechat for each in people],
        mobile=[not each.landline for each in people],
        numbers=[(FINE,) * each.phones for each in people],
        indicators=[unknown] * many,
    )
    world = World(plan, population, tiers, behaviour, Scripted(people), carrier, START, DAYS)
    world.run()
    return world


def did(world: World, people: tuple[Person, ...]) -> list[Did]:
    trace = world.trace
    words = {THANKED: "thank_you", PROMISE_REMINDER: "promise_reminder"}
    end = DAYS * 24 * 3600 * SECOND
    return sorted(
        Did(
            people[who].name,
            f"{world.agenda.moment(began):%m-%d %H:%M}",
            words[step] if step < 0 else world.planned[step].times.key,
            number,
            CHANNELS[channel],
            "" if step < 0 else OUTCOMES[outcome],
        )
        for who, step, number, channel, began, ended, outcome in zip(
            trace.who,
            trace.step,
            trace.number,
            trace.channel,
            trace.began,
            trace.ended,
            trace.outcome,
            strict=True,
        )
        if ended < end
    )


@pytest.mark.parametrize("strategy", ["standard", "gentle", "firm"])
async def test_both_ledgers_do_the_same(
    sessions: SessionFactory, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (pacing, lanes):
        monkeypatch.setattr(module, "READY_S", 0.01)
    plan = load_plan(CAMPAIGNS / f"{strategy}.yml")
    driver = Driver(sessions, plan)
    await driver.prepare()
    await driver.play()
    on_postgresql = await driver.did()
    tiers = await driver.tiers()
    world = simulated(plan, SCRIPT, tiers)
    in_memory = did(world, SCRIPT)
    for person in SCRIPT:
        mine = [each for each in in_memory if each.who == person.name]
        theirs = [each for each in on_postgresql if each.who == person.name]
        assert mine == theirs, person.name
    assert len({each.outcome for each in on_postgresql}) > 5
    stations = await driver.stations()
    names = [person.name for person in SCRIPT]
    assert {
        name: (bool(world.standing.notified[who]), bool(world.standing.reached[who]))
        for who, name in enumerate(names)
        if world.standing.enrolled[who]
    } == stations


def _at(day: date, at: time = time()) -> datetime:
    return datetime.combine(day, at, SHANGHAI)


def _whole(at: datetime) -> datetime:
    """An alarm's wait is counted by the machine's clock, a few milliseconds on."""
    return (at + timedelta(milliseconds=500)).replace(microsecond=0)


def _nth(outcomes: tuple[str, ...], nth: int) -> str:
    return outcomes[min(nth, len(outcomes) - 1)]


def _answered(outcome: str) -> bool:
    return outcome in (
        "completed",
        "opted_out",
        "not_verified",
        "wrong_person",
        "hung_up",
        "voicemail",
        "silent",
        "fax",
    )
