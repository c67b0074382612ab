"""Text messages go out once: whatever dies in between, whoever else is sending, in whatever order reports come."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from outreach import outbox
from outreach.clock import SetClock
from outreach.outbox import LOOK_UP_AFTER, SILENT_FOR, SmsSender
from outreach.pauses import pause_contact
from outreach.ports import MessageRefused, MessageUnsure, SentSms
from outreach.sms_reports import Taken, answered, reported
from outreach.switches import release, stop_all
from store.crypto import FieldCipher
from store.engine import SessionFactory
from store.models import OutboxSms
from store.outreach_models import (
    Attempt,
    Campaign,
    CampaignStatus,
    ContactPause,
    OutboxState,
    Pace,
)
from store.rotation import rotate
from store.texts import CODE_PURPOSE, SMS_BODY, SMS_PHONE
from tests.chat.database import CIPHER
from tests.outreach.makers import OPEN, Case, make_campaign, make_case, pay, plan_of, set_status

pytestmark = pytest.mark.unit
NUMBER = "13900001234"
LATER = LOOK_UP_AFTER + timedelta(seconds=1)


class Killed(BaseException):
    """Stands for kill -9: nothing that catches errors may catch it."""


@dataclass
class FakeCarrier:
    """Counts what it sent. ``before`` and ``after`` say what happens around taking a text, by its outbox id."""

    name: str = "fake"
    sent: list[tuple[int, str, str]] = field(default_factory=list)
    before: dict[int, list[BaseException]] = field(default_factory=dict)
    after: dict[int, list[BaseException]] = field(default_factory=dict)
    blind: bool = False
    heard: Callable[[], object] = lambda: None

    async def send(self, outbox_id: int, to: str, body: str) -> SentSms:
        await asyncio.sleep(0)
        if self.before.get(outbox_id):
            raise self.before[outbox_id].pop(0)
        self.sent.append((outbox_id, to, body))
        self.heard()
        if self.after.get(outbox_id):
            raise self.after[outbox_id].pop(0)
        return SentSms(f"SM{len(self.sent)}")

    async def find(self, to: str, body: str, since: datetime) -> SentSms | None:
        if self.blind:
            raise MessageUnsure
        for place, (_, known, said) in enumerate(self.sent, start=1):
            if (known, said) == (to, body):
                return SentSms(f"SM{place}")
        return None


async def queue(
    sessions: SessionFactory,
    body: str = "【税铃】您有一条提醒",
    *,
    purpose: str = "reminder",
    attempt: uuid.UUID | None = None,
    stale: timedelta | None = timedelta(hours=3),
    number: str = NUMBER,
) -> int:
    row = OutboxSms(
        purpose=purpose,
        phone_enc=CIPHER.encrypt(number, SMS_PHONE),
        phone_mask="139****1234",
        body_enc=CIPHER.encrypt(body, SMS_BODY),
        attempt_id=attempt,
        stale_at=OPEN + stale if stale is not None else None,
    )
    async with sessions() as session, session.begin():
        session.add(row)
    return row.id


async def attempt_of(sessions: SessionFactory, case: Case, number: int = 1) -> uuid.UUID:
    made = Attempt(
        id=uuid.uuid4(),
        step_id=case.step_id,
        number=number,
        channel="sms",
        state="placed",
        token=1,
        leased_by="test",
        leased_until=OPEN,
    )
    async with sessions() as session, session.begin():
        session.add(made)
    return made.id


async def of_campaign(sessions: SessionFactory) -> tuple[Campaign, Case, int, uuid.UUID]:
    campaign = await make_campaign(sessions, plan_of())
    case = await make_case(sessions, campaign, "message")
    attempt = await attempt_of(sessions, case)
    return campaign, case, await queue(sessions, attempt=attempt), attempt


async def row(sessions: SessionFactory, outbox_id: int) -> OutboxSms:
    async with sessions() as session:
        return await session.get_one(OutboxSms, outbox_id)


async def report(
    sessions: SessionFactory, outbox_id: int, state: OutboxState, carrier_id: str = "SM1"
) -> Taken:
    async with sessions() as session, session.begin():
        return await reported(session, outbox_id, carrier_id, state, OPEN)


def sender(sessions: SessionFactory, carrier: FakeCarrier | None, clock: SetClock) -> SmsSender:
    return SmsSender(sessions, CIPHER, clock, carrier)


async def test_a_text_is_sent_once_to_the_number_in_clear(sessions: SessionFactory) -> None:
    carrier, clock = FakeCarrier(), SetClock(OPEN)
    sms = await queue(sessions)
    await asyncio.gather(*(sender(sessions, carrier, clock).step() for _ in range(4)))
    assert carrier.sent == [(sms, "+8613900001234", "【税铃】您有一条提醒")]
    assert ((await row(sessions, sms)).state, (await row(sessions, sms)).carrier_id) == ("sent", "SM1")


async def test_many_senders_send_each_once(sessions: SessionFactory) -> None:
    carrier, clock = FakeCarrier(), SetClock(OPEN)
    ids = [await queue(sessions, f"第{n}条") for n in range(120)]
    senders = [sender(sessions, carrier, clock) for _ in range(3)]
    while any(await asyncio.gather(*(each.step() for each in senders))):
        pass
    assert sorted(each for each, _, _ in carrier.sent) == ids


@pytest.mark.parametrize("taken", [False, True], ids=["before the carrier", "after the carrier"])
@pytest.mark.parametrize("end", [Killed(), asyncio.CancelledError(), MessageUnsure()], ids=repr)
async def test_whoever_dies_after_the_intent_leaves_a_text_that_is_sent_exactly_once(
    sessions: SessionFactory, taken: bool, end: BaseException
) -> None:
    carrier, clock = FakeCarrier(), SetClock(OPEN)
    sms = await queue(sessions)
    (carrier.after if taken else carrier.before)[sms] = [end]
    try:
        await sender(sessions, carrier, clock).step()
    except BaseException as error:
        assert error is end or isinstance(error, asyncio.CancelledError)
    assert (await row(sessions, sms)).state == "intent"
    second = sender(sessions, carrier, clock)
    assert await second.step() == 0, "not before it can be known"
    clock.at += LATER
    await second.step()
    if not taken:
        assert carrier.sent == [], "looked up first"
        clock.at += LATER
        await second.step()
    assert len(carrier.sent) == 1
    assert (await row(sessions, sms)).carrier_id == "SM1"


async def test_while_the_carrier_cannot_be_asked_nothing_is_sent_again(sessions: SessionFactory) -> None:
    carrier, clock = FakeCarrier(blind=True), SetClock(OPEN)
    sms = await queue(sessions, stale=None)
    carrier.after[sms] = [MessageUnsure()]
    for _ in range(5):
        await sender(sessions, carrier, clock).step()
        clock.at += timedelta(hours=1)
    assert (len(carrier.sent), (await row(sessions, sms)).state) == (1, "intent")
    clock.at += timedelta(days=1)
    await sender(sessions, carrier, clock).step()
    assert (len(carrier.sent), (await row(sessions, sms)).state) == (1, "failed")


async def test_one_text_found_is_not_taken_for_two(sessions: SessionFactory) -> None:
    carrier, clock = FakeCarrier(), SetClock(OPEN)
    first, second = await queue(sessions), await queue(sessions)
    carrier.before[second] = [MessageUnsure()]
    await sender(sessions, carrier, clock).step()
    clock.at += LATER
    await sender(sessions, carrier, clock).step()
    assert [each for each, _, _ in carrier.sent] == [first]
    assert (await row(sessions, second)).state == "failed"


async def test_a_lease_of_the_dead_runs_out_and_who_comes_back_late_sends_nothing(
    sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    carrier, clock = FakeCarrier(), SetClock(OPEN)
    await queue(sessions)
    slow = sender(sessions, carrier, clock)
    waiting, go_on = asyncio.Event(), asyncio.Event()
    real = asyncio.sleep

    async def held_up(seconds: float) -> None:
        if asyncio.current_task() in slow_tasks and not go_on.is_set():
            waiting.set()
            await go_on.wait()
        await real(seconds)

    slow_tasks: set[asyncio.Task[object] | None] = set()
    carry = slow._carry

    async def noted(*args: object) -> None:
        slow_tasks.add(asyncio.current_task())
        await carry(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(slow, "_carry", noted)
    monkeypatch.setattr(outbox.asyncio, "sleep", held_up)
    late = asyncio.create_task(slow.step())
    await waiting.wait()
    clock.at += timedelta(seconds=61)
    await sender(sessions, carrier, clock).step()
    go_on.set()
    await late
    assert len(carrier.sent) == 1


async def test_a_refusal_is_final_or_tried_again_with_growing_pauses(sessions: SessionFactory) -> None:
    carrier, clock = FakeCarrier(), SetClock(OPEN)
    dead, busy = await queue(sessions, "甲"), await queue(sessions, "乙")
    carrier.before[dead] = [MessageRefused("号码不存在")]
    carrier.before[busy] = [MessageRefused("请求太频繁", for_good=False)] * 3
    tries = []
    for second in range(0, 400, 5):
        clock.at = OPEN + timedelta(seconds=second)
        left = len(carrier.before[busy])
        await sender(sessions, carrier, clock).step()
        if len(carrier.before[busy]) < left or len(carrier.sent) == 1 and len(tries) == 3:
            tries.append(second)
    assert tries == [0, 30, 60, 120]
    assert [each for each, _, _ in carrier.sent] == [busy]
    failed = await row(sessions, dead)
    assert (failed.state, failed.error) == ("failed", "号码不存在")


async def test_what_is_stale_is_dropped_and_a_refused_one_is_not_tried_beyond_that(
    sessions: SessionFactory,
) -> None:
    carrier, clock = FakeCarrier(), SetClock(OPEN)
    old = await queue(sessions, stale=timedelta())
    short = await queue(sessions, "短", stale=timedelta(seconds=20))
    carrier.before[short] = [MessageRefused("忙", for_good=False)]
    await sender(sessions, carrier, clock).step()
    assert ((await row(sessions, old)).state, (await row(sessions, short)).state) == ("dropped", "failed")
    assert carrier.sent == []


async def test_codes_go_first_and_wait_for_no_pace(sessions: SessionFactory) -> None:
    carrier, clock = FakeCarrier(), SetClock(OPEN)
    async with sessions() as session, session.begin():
        session.add(
            Pace(name="sms", a_second=1.0, lines=1, next_at=datetime.now(OPEN.tzinfo) + timedelta(seconds=20))
        )
    notice = await queue(sessions)
    code = await queue(sessions, "验证码", purpose=CODE_PURPOSE)
    await sender(sessions, carrier, clock).step()
    assert [each for each, _, _ in carrier.sent] == [code]
    assert (await row(sessions, notice)).state == "new"


async def test_all_senders_share_the_pace(sessions: SessionFactory) -> None:
    carrier, clock = FakeCarrier(), SetClock(OPEN)
    async with sessions() as session, session.begin():
        session.add(Pace(name="sms", a_second=40.0, lines=1, next_at=datetime.now(OPEN.tzinfo)))
    for n in range(20):
        await queue(sessions, f"第{n}条")
    began = asyncio.get_running_loop().time()
    senders = [sender(sessions, carrier, clock) for _ in range(2)]
    while any(await asyncio.gather(*(each.step() for each in senders))):
        pass
    assert len(carrier.sent) == 20
    assert asyncio.get_running_loop().time() - began >= 19 / 40


async def test_the_red_button_and_a_pause_hold_campaigns_back_but_no_codes(sessions: SessionFactory) -> None:
    carrier, clock = FakeCarrier(), SetClock(OPEN)
    campaign, case, sms, _ = await of_campaign(sessions)
    notice, code = (
        await queue(sessions, "通知", purpose="notice"),
        await queue(sessions, purpose=CODE_PURPOSE),
    )
    async with sessions() as session, session.begin():
        await stop_all(session, "cli", "试一试")
    await sender(sessions, carrier, clock).step()
    assert [each for each, _, _ in carrier.sent] == [code, notice]
    async with sessions() as session, session.begin():
        await release(session, "cli")
    await set_status(sessions, campaign.id, CampaignStatus.PAUSED)
    assert await sender(sessions, carrier, clock).step() == 0
    await set_status(sessions, campaign.id, CampaignStatus.RUNNING)
    async with sessions() as session, session.begin():
        pause = await pause_contact(
            session, "cli", taxpayer_id=case.taxpayer_id, until=None, reason="请勿打扰"
        )
    assert await sender(sessions, carrier, clock).step() == 0
    async with sessions() as session, session.begin():
        await session.execute(update(ContactPause).where(ContactPause.id == pause.id).values(lifted_at=OPEN))
    await sender(sessions, carrier, clock).step()
    assert carrier.sent[-1][0] == sms


async def test_the_button_pressed_while_a_text_waits_for_its_slot_holds_it_back(
    sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    carrier, clock = FakeCarrier(), SetClock(OPEN)
    _, _, sms, _ = await of_campaign(sessions)
    real = asyncio.sleep

    async def press(_: float) -> None:
        monkeypatch.setattr(outbox.asyncio, "sleep", real)
        async with sessions() as session, session.begin():
            await stop_all(session, "cli", "有问题")

    monkeypatch.setattr(outbox.asyncio, "sleep", press)
    await sender(sessions, carrier, clock).step()
    assert (carrier.sent, (await row(sessions, sms)).state) == ([], "leased")


async def test_a_payment_that_arrives_first_drops_the_reminder(sessions: SessionFactory) -> None:
    carrier, clock = FakeCarrier(), SetClock(OPEN)
    _, case, sms, attempt = await of_campaign(sessions)
    await pay(sessions, case.bill_id)
    await sender(sessions, carrier, clock).step()
    assert (carrier.sent, (await row(sessions, sms)).state) == ([], "dropped")
    async with sessions() as session:
        assert (await session.get_one(Attempt, attempt)).outcome == "failed"


async def test_without_a_carrier_texts_are_shown(sessions: SessionFactory) -> None:
    _, _, sms, attempt = await of_campaign(sessions)
    await sender(sessions, None, SetClock(OPEN)).step()
    assert (await row(sessions, sms)).state == "shown"
    async with sessions() as session:
        ended = await session.get_one(Attempt, attempt)
    assert (ended.state, ended.outcome) == ("ended", "delivered")


async def test_reports_in_any_order_and_number_end_alike_and_end_the_attempt(
    sessions: SessionFactory,
) -> None:
    for seed in range(6):
        carrier, clock = FakeCarrier(), SetClock(OPEN)
        carrier.sent = [(0, "", "")] * seed
        _, _, sms, attempt = await of_campaign(sessions)
        await sender(sessions, carrier, clock).step()
        told = [OutboxState.SENT, OutboxState.SENT, OutboxState.DELIVERED, OutboxState.DELIVERED]
        random.Random(seed).shuffle(told)
        for state in told:
            await report(sessions, sms, state, f"SM{seed + 1}")
        assert (await row(sessions, sms)).state == "delivered"
        assert await report(sessions, sms, OutboxState.FAILED, f"SM{seed + 1}") is Taken.NOTHING_NEW
        async with sessions() as session:
            assert (await session.get_one(Attempt, attempt)).outcome == "delivered"


async def test_a_report_before_the_answer_tells_that_the_text_is_out(sessions: SessionFactory) -> None:
    carrier, clock = FakeCarrier(), SetClock(OPEN)
    sms = await queue(sessions)
    carrier.after[sms] = [MessageUnsure()]
    await sender(sessions, carrier, clock).step()
    assert await report(sessions, sms, OutboxState.SENT) is Taken.APPLIED
    clock.at += LATER
    await sender(sessions, carrier, clock).step()
    assert (len(carrier.sent), (await row(sessions, sms)).state) == (1, "sent")
    assert await report(sessions, sms, OutboxState.DELIVERED, "SM9") is Taken.STRANGE
    assert await report(sessions, sms + 1000, OutboxState.SENT) is Taken.UNKNOWN


async def test_a_text_nobody_ever_reports_on_ends_after_a_day(sessions: SessionFactory) -> None:
    carrier, clock = FakeCarrier(), SetClock(OPEN)
    sms = await queue(sessions)
    await sender(sessions, carrier, clock).step()
    clock.at += SILENT_FOR
    await sender(sessions, carrier, clock).step()
    ended = await row(sessions, sms)
    assert ended.state == "delivered" and "没有回执" in (ended.error or "")


@pytest.mark.parametrize(
    ("said", "stops"),
    [("TD", True), (" 退订。", True), ("Stop", True), ("收到，谢谢", False), ("不要退订", False)],
)
async def test_who_writes_back_to_stop_gets_no_more_from_then_on(
    sessions: SessionFactory, said: str, stops: bool
) -> None:
    carrier, clock = FakeCarrier(), SetClock(OPEN)
    campaign = await make_campaign(sessions, plan_of())
    case = await make_case(sessions, campaign, "message", phones=[NUMBER])
    sms = await queue(sessions, attempt=await attempt_of(sessions, case))
    for _ in range(2):
        async with sessions() as session, session.begin():
            assert await answered(session, CIPHER, "+8613900001234", said, OPEN) is stops
    async with sessions() as session:
        pauses = (await session.scalars(select(ContactPause))).all()
    assert len(pauses) == int(stops)
    await sender(sessions, carrier, clock).step()
    assert [each for each, _, _ in carrier.sent] == ([] if stops else [sms])


async def test_what_lies_in_the_outbox_is_rewritten_with_new_keys(sessions: SessionFactory) -> None:
    own, former = await queue(sessions), await queue(sessions, "以前的")
    async with sessions() as session, session.begin():
        bound = CIPHER.encrypt(NUMBER, "contact.phone")
        await session.execute(update(OutboxSms).where(OutboxSms.id == former).values(phone_enc=bound))
    new = FieldCipher.from_settings(
        "2:another-secret-of-the-tests,1:first-secret-of-the-tests", "lookup-secret-of-the-tests"
    )
    async with sessions() as session:
        await rotate(session, new)
    carrier = FakeCarrier()
    await SmsSender(sessions, new, SetClock(OPEN), carrier).step()
    assert [(each, to) for each, to, _ in carrier.sent] == [
        (own, "+8613900001234"),
        (former, "+8613900001234"),
    ]


async def test_it_runs_until_it_is_told_to_stop(sessions: SessionFactory) -> None:
    carrier, stop = FakeCarrier(), asyncio.Event()
    ids = [await queue(sessions), await queue(sessions, "验证码", purpose=CODE_PURPOSE)]
    both = asyncio.Event()
    carrier.heard = lambda: both.set() if len(carrier.sent) == 2 else None
    running = asyncio.create_task(sender(sessions, carrier, SetClock(OPEN)).run(stop))
    async with asyncio.timeout(20):
        await both.wait()
        stop.set()
        await running
    assert [(await row(sessions, each)).state for each in ids] == ["sent", "sent"]


async def test_a_row_that_cannot_be_read_holds_nobody_up(sessions: SessionFactory) -> None:
    carrier = FakeCarrier()
    broken, fine = await queue(sessions), await queue(sessions, "好的")
    async with sessions() as session, session.begin():
        await session.execute(update(OutboxSms).where(OutboxSms.id == broken).values(body_enc=b"x"))
    await sender(sessions, carrier, SetClock(OPEN)).step()
    assert [each for each, _, _ in carrier.sent] == [fine]
    assert (await row(sessions, broken)).state == "failed"
