"""Sending what lies in the WeChat outbox: each message once, in order, whatever WeChat answers and whoever dies."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update

from outreach.channels.wechat import queue_template
from outreach.clock import SetClock
from outreach.ports import MessageRefused, MessageUnsure, WechatClosed, WechatGone
from outreach.terms import Notice, Receipt
from outreach.wechat_handover import take_reply
from outreach.wechat_outbox import LEASE, PAUSE, REPORT_WITHIN, SENT_ONCE_FOR, WechatSender
from outreach.wechat_users import bind, left, met, template_reported
from store.engine import SessionFactory
from store.models import Conversation, Message
from store.outreach_models import (
    Attempt,
    AttemptState,
    Campaign,
    CampaignStatus,
    ContactPause,
    OutboxState,
    OutboxWechat,
    OutreachSwitch,
    WechatUser,
)
from tests.chat.database import CIPHER
from tests.outreach.makers import MESSAGE_STEP, OPEN, make_campaign, make_case, make_taxpayer, pay, plan_of

pytestmark = pytest.mark.unit

ABOUT = "税务局有一条办税提醒，可拨12366核实"


@dataclass
class Carrier:
    """WeChat, in memory. ``raises`` is raised next, after it was sent or ``instead`` of that."""

    texts: list[tuple[str, str]] = field(default_factory=list)
    templates: dict[int, tuple[str, str]] = field(default_factory=dict)
    raises: list[BaseException] = field(default_factory=list)
    asked: int = 0
    before: Callable[[], Any] | None = None
    wrote: asyncio.Event = field(default_factory=asyncio.Event)

    async def template(self, openid: str, about: str, outbox_id: int) -> str:
        await self._ask()
        self.templates[outbox_id] = (openid, about)
        self._lose()
        return f"m{outbox_id}"

    async def text(self, openid: str, text: str) -> None:
        await self._ask()
        self.texts.append((openid, text))
        self.wrote.set()
        self._lose()

    async def _ask(self) -> None:
        self.asked += 1
        if self.before is not None:
            await self.before()
        if self.raises and not isinstance(self.raises[0], MessageUnsure):
            raise self.raises.pop(0)

    def _lose(self) -> None:
        if self.raises:
            raise self.raises.pop(0)


@dataclass
class Talk:
    """A follower and their conversation."""

    openid: str
    conversation_id: uuid.UUID
    taxpayer_id: uuid.UUID


class House:
    """A sender with its clock and carrier on one database."""

    def __init__(self, sessions: SessionFactory) -> None:
        self.sessions = sessions
        self.clock = SetClock(OPEN)
        self.carrier = Carrier()
        self.sender = self.another()

    def another(self, carrier: Carrier | None = None) -> WechatSender:
        return WechatSender(self.sessions, CIPHER, self.clock, carrier or self.carrier)

    def later(self, by: timedelta) -> None:
        self.clock.at += by

    async def follower(self, taxpayer_id: uuid.UUID | None = None, *, spoke: float | None = 60) -> Talk:
        """Somebody who spoke ``spoke`` seconds ago and has proved to be a taxpayer."""
        taxpayer_id = taxpayer_id or (await make_taxpayer(self.sessions)).id
        talk = Talk(f"o{uuid.uuid4().hex}", uuid.uuid4(), taxpayer_id)
        async with self.sessions() as session, session.begin():
            session.add(
                Conversation(
                    id=talk.conversation_id,
                    channel="wechat",
                    external_id=talk.openid,
                    taxpayer_id=taxpayer_id,
                )
            )
            await session.flush()
            await met(session, talk.openid, talk.conversation_id, spoke=True)
            await bind(session, talk.openid)
        await self.aged(talk, spoke)
        return talk

    async def aged(self, talk: Talk, seconds: float | None) -> None:
        """Their last word was so long ago."""
        async with self.sessions() as session, session.begin():
            await session.execute(
                text("update wechat_user set spoke_at = now() - make_interval(secs => :s) where openid = :o"),
                {"s": seconds, "o": talk.openid},
            )

    async def say(self, talk: Talk, words: str, sender: str = "bot", **payload: Any) -> int:
        message = Message(conversation_id=talk.conversation_id, sender=sender, text=words, payload=payload)
        async with self.sessions() as session, session.begin():
            session.add(message)
        return message.id

    async def remind(self, talk: Talk, attempt_id: uuid.UUID | None = None) -> Receipt:
        async with self.sessions() as session, session.begin():
            return await queue_template(
                session, CIPHER, talk.taxpayer_id, Notice("全部的话", ABOUT, attempt_id)
            )

    async def rows(self, talk: Talk) -> list[OutboxWechat]:
        async with self.sessions() as session:
            found = await session.scalars(
                select(OutboxWechat).where(OutboxWechat.openid == talk.openid).order_by(OutboxWechat.id)
            )
            return list(found)

    async def states(self, talk: Talk) -> list[str]:
        return [row.state for row in await self.rows(talk)]

    async def reported(self, talk: Talk, number: str, problem: str = "") -> bool:
        async with self.sessions() as session, session.begin():
            return await template_reported(session, talk.openid, number, problem, self.clock.at)

    async def attempt(self) -> tuple[Talk, Attempt]:
        """A follower whose reminder is under way by WeChat."""
        campaign = await make_campaign(self.sessions, plan_of(MESSAGE_STEP))
        case = await make_case(self.sessions, campaign, "message")
        talk = await self.follower(case.taxpayer_id)
        attempt = Attempt(
            id=uuid.uuid4(),
            step_id=case.step_id,
            number=1,
            channel="wechat",
            state=AttemptState.PLACED,
            token=1,
            leased_by="test",
            leased_until=OPEN + timedelta(hours=1),
            intent_at=OPEN,
        )
        async with self.sessions() as session, session.begin():
            session.add(attempt)
        assert await self.remind(talk, attempt.id) is Receipt.QUEUED
        self.case, self.campaign = case, campaign
        return talk, attempt

    async def ended(self, attempt: Attempt) -> tuple[str, str | None]:
        async with self.sessions() as session:
            found = await session.get_one(Attempt, attempt.id)
            return found.state, found.outcome


@pytest.fixture
def house(sessions: SessionFactory) -> House:
    return House(sessions)


# --- words of the thread ---------------------------------------------------------------------------------------------


async def test_what_the_house_says_goes_out_once_and_in_order(house: House) -> None:
    talk = await house.follower()
    await house.say(talk, "我要问", "taxpayer")
    await house.say(talk, "您好，我是小陈", "agent", by="小陈")
    await house.say(talk, "已为您登记", "system")
    await house.say(talk, "/call_opening", "system", command=True)
    assert await house.sender.step() == 2
    assert house.carrier.texts == [(talk.openid, "【小陈】您好，我是小陈\n\n已为您登记")]
    assert await house.sender.step() == 0
    assert await house.states(talk) == ["sent", "sent"]


async def test_what_lies_in_the_outbox_is_sealed(house: House) -> None:
    talk = await house.follower()
    await house.say(talk, "应缴12500.30元")
    await house.sender.hand_over()
    (row,) = await house.rows(talk)
    assert "12500" not in row.body_enc.decode(errors="ignore") and b"12500" not in row.body_enc


async def test_while_a_request_is_open_the_words_are_left_to_its_reply(house: House) -> None:
    talk = await house.follower(spoke=1)
    await house.say(talk, "答复")
    assert await house.sender.step() == 0
    await house.aged(talk, 6)
    assert await house.sender.step() == 1


async def test_reply_and_outbox_give_a_message_once_between_them(house: House) -> None:
    talk = await house.follower(spoke=1)
    asked = await house.say(talk, "在吗", "taxpayer")
    await house.say(talk, "在的")

    async def reply() -> str:
        async with house.sessions() as session, session.begin():
            since = await met(session, talk.openid, talk.conversation_id, spoke=True)
            return await take_reply(session, CIPHER, talk.openid, asked, since, OPEN)

    assert await reply() == "在的"
    assert await reply() == "在的", "WeChat asks again only when the reply did not arrive"
    await house.aged(talk, 6)
    assert await house.sender.step() == 0


async def test_a_reply_that_would_come_too_late_leaves_the_words_to_the_outbox(house: House) -> None:
    talk = await house.follower(spoke=1)
    await house.say(talk, "慢慢的答复")
    async with house.sessions() as session, session.begin():
        since = await met(session, talk.openid, talk.conversation_id, spoke=True) - timedelta(seconds=4.9)
        assert await take_reply(session, CIPHER, talk.openid, 1, since, OPEN) == ""
    await house.aged(talk, 6)
    assert await house.sender.step() == 1


async def test_racing_hands_give_each_message_once(house: House) -> None:
    talk = await house.follower()
    for number in range(12):
        await house.say(talk, f"第{number}句")
    await asyncio.gather(*(house.another().step() for _ in range(5)))
    while await house.sender.step():
        pass
    got = "\n\n".join(words for _, words in house.carrier.texts)
    assert got == "\n\n".join(f"第{number}句" for number in range(12))


async def test_a_long_message_comes_in_pieces(house: House) -> None:
    talk = await house.follower()
    await house.say(talk, "这一段很长。" * 200)
    await house.sender.step()
    pieces = [words for _, words in house.carrier.texts]
    assert len(pieces) > 1 and "".join(pieces) == "这一段很长。" * 200
    assert all(len(piece.encode()) <= 2048 for piece in pieces)


async def test_after_48_hours_words_wait_for_their_next_word(house: House) -> None:
    talk = await house.follower(spoke=48 * 3600 + 60)
    await house.say(talk, "审批有结果了", "system")
    assert await house.sender.step() == 0
    await house.aged(talk, 6)
    assert await house.sender.step() == 1


async def test_wechat_knows_better_whether_we_may_write(house: House) -> None:
    talk = await house.follower()
    await house.say(talk, "您好", "agent")
    house.carrier.raises = [WechatClosed("窗口已关")]
    await house.sender.step()
    assert await house.states(talk) == ["new"]
    await house.say(talk, "还在吗", "agent")
    assert await house.sender.step() == 0 and house.carrier.asked == 1
    await house.aged(talk, 6)
    await house.sender.step()
    assert house.carrier.texts == [(talk.openid, "您好\n\n还在吗")]


async def test_who_left_gets_nothing_and_is_not_asked_about_again(house: House) -> None:
    talk = await house.follower()
    await house.say(talk, "您好", "agent")
    house.carrier.raises = [WechatGone("没有关注")]
    await house.sender.step()
    assert await house.states(talk) == ["failed"]
    await house.say(talk, "还在吗", "agent")
    assert await house.sender.step() == 0 and house.carrier.asked == 1
    assert await house.remind(talk) is Receipt.UNREACHABLE


async def test_what_was_waiting_when_they_left_is_dropped(house: House) -> None:
    talk = await house.follower()
    await house.remind(talk)
    async with house.sessions() as session, session.begin():
        await left(session, talk.openid)
    assert await house.sender.step() == 0
    (row,) = await house.rows(talk)
    assert (row.state, row.error) == (OutboxState.DROPPED, "对方没有关注公众号")


async def test_a_refusal_for_now_is_tried_again_and_nothing_overtakes_it(house: House) -> None:
    talk, long = await house.follower(), "这一段很长。" * 111
    await house.say(talk, long)
    await house.say(talk, "后一句")
    house.carrier.raises = [MessageRefused("太忙", for_good=False)]
    await house.sender.step()
    assert await house.sender.step() == 0 and house.carrier.texts == []
    house.later(PAUSE)
    await house.sender.step()
    assert house.carrier.texts == [(talk.openid, long), (talk.openid, "后一句")]


async def test_an_answer_of_doubtful_fate_is_sent_again_rather_than_lost(house: House) -> None:
    talk = await house.follower()
    await house.say(talk, "您的验证通过了")
    house.carrier.raises = [MessageUnsure()]
    await house.sender.step()
    assert await house.states(talk) == ["intent"]
    assert await house.sender.step() == 0
    house.later(LEASE)
    await house.sender.step()
    assert house.carrier.texts == [(talk.openid, "您的验证通过了")] * 2
    assert await house.states(talk) == ["sent"]


async def test_a_sender_that_dies_holding_rows_blocks_them_for_a_minute_only(house: House) -> None:
    talk = await house.follower()
    await house.say(talk, "您好")
    await house.sender.hand_over()
    await house.sender._lease()
    assert await house.sender.step() == 0
    house.later(LEASE)
    assert await house.sender.step() == 1 and len(house.carrier.texts) == 1


async def test_whoever_lost_the_lease_does_not_send(house: House) -> None:
    talk = await house.follower()
    await house.say(talk, "您好")
    await house.sender.hand_over()
    token, rows = await house.sender._lease()
    house.later(LEASE)
    await house.another().send()
    await house.sender._carry(token, rows)
    assert len(house.carrier.texts) == 1


# --- reminders ---------------------------------------------------------------------------------------------------------


async def test_a_reminder_ends_its_attempt_with_wechats_report(house: House) -> None:
    talk, attempt = await house.attempt()
    assert await house.sender.step() == 1
    ((outbox_id, sent),) = house.carrier.templates.items()
    assert sent == (talk.openid, ABOUT)
    assert (await house.states(talk), (await house.ended(attempt))[0]) == (["sent"], "placed")
    assert await house.reported(talk, f"m{outbox_id}")
    assert await house.ended(attempt) == ("ended", "delivered")
    assert await house.reported(talk, f"m{outbox_id}", "failed: system failed"), (
        "a second report is known, and moot"
    )
    assert await house.ended(attempt) == ("ended", "delivered")


@pytest.mark.parametrize("problem", ["failed:user block", "failed: system failed"])
async def test_a_reminder_that_did_not_arrive_has_failed(house: House, problem: str) -> None:
    talk, attempt = await house.attempt()
    await house.sender.step()
    (outbox_id,) = house.carrier.templates
    await house.reported(talk, f"m{outbox_id}", problem)
    assert await house.ended(attempt) == ("ended", "failed")
    assert (await house.rows(talk))[0].error == problem


async def test_a_report_that_overtakes_the_senders_note_counts(house: House) -> None:
    talk, attempt = await house.attempt()

    async def report() -> None:
        await house.reported(talk, "m-early")

    house.carrier.before = report
    await house.sender.step()
    (row,) = await house.rows(talk)
    assert (row.state, row.carrier_id) == (OutboxState.DELIVERED, "m-early")
    assert await house.ended(attempt) == ("ended", "delivered")


async def test_a_report_nobody_waits_for_changes_nothing(house: House) -> None:
    talk, _ = await house.attempt()
    assert not await house.reported(talk, "m-unknown")
    assert await house.states(talk) == ["new"]


async def test_one_attempt_is_one_message(house: House) -> None:
    talk, attempt = await house.attempt()
    assert await house.remind(talk, attempt.id) is Receipt.QUEUED
    assert len(await house.rows(talk)) == 1


async def test_a_reminder_of_doubtful_fate_is_repeated_while_wechat_leaves_out_repetitions(
    house: House,
) -> None:
    talk, _ = await house.attempt()
    house.carrier.raises = [MessageUnsure()]
    await house.sender.step()
    house.later(LEASE)
    await house.sender.step()
    assert await house.states(talk) == ["sent"] and len(house.carrier.templates) == 1


async def test_afterwards_it_has_failed_and_is_not_sent_again(house: House) -> None:
    _, attempt = await house.attempt()
    house.carrier.raises = [MessageUnsure()]
    await house.sender.step()
    house.later(SENT_ONCE_FOR)
    await house.sender.step()
    assert house.carrier.asked == 1
    assert await house.ended(attempt) == ("ended", "failed")


async def test_a_refusal_in_between_does_not_make_the_doubt_go_away(house: House) -> None:
    _, attempt = await house.attempt()
    house.carrier.raises = [MessageUnsure()]
    await house.sender.step()
    house.later(LEASE)
    house.carrier.raises = [MessageRefused("太忙", for_good=False)]
    await house.sender.step()
    house.later(SENT_ONCE_FOR)
    await house.sender.step()
    assert house.carrier.asked == 2
    assert await house.ended(attempt) == ("ended", "failed")


async def test_words_wait_for_no_reminder_that_is_held_back(house: House) -> None:
    talk, _ = await house.attempt()
    house.carrier.raises = [MessageRefused("太忙", for_good=False)]
    await house.sender.step()
    await house.say(talk, "您好", "agent")
    await house.sender.step()
    assert house.carrier.texts == [(talk.openid, "您好")]


async def test_the_red_button_holds_reminders_but_no_answers(house: House) -> None:
    talk, _ = await house.attempt()
    await house.say(talk, "您好", "agent")
    async with house.sessions() as session, session.begin():
        await session.execute(update(OutreachSwitch).values(stopped=True))
    await house.sender.step()
    assert house.carrier.templates == {} and len(house.carrier.texts) == 1
    async with house.sessions() as session, session.begin():
        await session.execute(update(OutreachSwitch).values(stopped=False))
    await house.sender.step()
    assert len(house.carrier.templates) == 1


async def test_the_red_button_is_looked_at_again_just_before_sending(house: House) -> None:
    await house.attempt()
    token, rows = await house.sender._lease()
    async with house.sessions() as session, session.begin():
        await session.execute(update(OutreachSwitch).values(stopped=True))
    await house.sender._carry(token, rows)
    assert house.carrier.asked == 0


async def test_a_paused_campaign_and_a_paused_taxpayer_are_left_alone(house: House) -> None:
    talk, _ = await house.attempt()
    async with house.sessions() as session, session.begin():
        await session.execute(
            update(Campaign).where(Campaign.id == house.campaign.id).values(status=CampaignStatus.PAUSED)
        )
    assert await house.sender.step() == 0
    pause = ContactPause(id=uuid.uuid4(), taxpayer_id=talk.taxpayer_id, reason="请勿打扰", by="cli")
    async with house.sessions() as session, session.begin():
        await session.execute(
            update(Campaign).where(Campaign.id == house.campaign.id).values(status=CampaignStatus.RUNNING)
        )
        session.add(pause)
    assert await house.sender.step() == 0
    async with house.sessions() as session, session.begin():
        await session.execute(update(ContactPause).values(lifted_at=OPEN))
    assert await house.sender.step() == 1


async def test_who_has_paid_meanwhile_is_not_reminded(house: House) -> None:
    talk, attempt = await house.attempt()
    await pay(house.sessions, house.case.bill_id)
    assert await house.sender.step() == 0
    assert (await house.states(talk), house.carrier.asked) == (["dropped"], 0)
    assert (await house.ended(attempt))[0] == "ended"


async def test_a_stale_reminder_is_not_sent(house: House) -> None:
    _, attempt = await house.attempt()
    house.later(timedelta(days=21))
    assert await house.sender.step() == 0
    assert await house.ended(attempt) == ("ended", "failed")


async def test_a_reminder_wechat_never_reported_on_ends_after_a_day(house: House) -> None:
    _, attempt = await house.attempt()
    await house.sender.step()
    house.later(REPORT_WITHIN - timedelta(minutes=1))
    await house.sender.settle()
    assert (await house.ended(attempt))[0] == "placed"
    house.later(timedelta(minutes=1))
    await house.sender.settle()
    assert await house.ended(attempt) == ("ended", "delivered")


async def test_only_who_has_proved_who_they_are_and_follows_can_be_reminded(house: House) -> None:
    stranger = Talk("o-none", uuid.uuid4(), (await make_taxpayer(house.sessions)).id)
    assert await house.remind(stranger) is Receipt.UNREACHABLE
    talk = await house.follower()
    async with house.sessions() as session, session.begin():
        await session.execute(
            update(Conversation).where(Conversation.id == talk.conversation_id).values(taxpayer_id=None)
        )
        await bind(session, talk.openid)
    assert await house.remind(talk) is Receipt.UNREACHABLE


async def test_of_several_people_the_one_who_spoke_last_is_reminded(house: House) -> None:
    earlier = await house.follower(spoke=3600)
    latest = await house.follower(earlier.taxpayer_id, spoke=60)
    await house.remind(earlier)
    assert (await house.states(earlier), await house.states(latest)) == ([], ["new"])


async def test_it_runs_until_it_is_told_to_stop(house: House) -> None:
    talk = await house.follower()
    await house.say(talk, "您好", "agent")
    stop = asyncio.Event()
    running = asyncio.create_task(house.sender.run(stop))
    async with asyncio.timeout(20):
        await house.carrier.wrote.wait()
        stop.set()
        await running
    async with house.sessions() as session:
        users = await session.scalars(select(WechatUser).where(WechatUser.openid == talk.openid))
        assert users.one().taxpayer_id == talk.taxpayer_id
