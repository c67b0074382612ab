"""A word beside the steps of a reminder (thanks, a promise forgotten): within hours and limits like any other message."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from outreach.channels.inbox import open_conversation
from outreach.deliver import deliver
from outreach.facts import facts_about, history_of
from outreach.hours import ContactHours
from outreach.limits import earliest_message
from outreach.plan import Channel, Lane, read_plan
from outreach.switches import stopped
from outreach.templates import notice_for
from outreach.terms import Receipt
from store.crypto import FieldCipher
from store.outreach_models import Campaign, CampaignStatus, OutreachEvent, Reminder

KIND = "word"
WHILE_WITH_HUMAN = timedelta(hours=4)
WHILE_STOPPED = timedelta(minutes=15)
"""How often it is asked whether what was stopped or paused goes on."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now; look again at ``until``."""

    until: datetime


async def leave_word(
    session: AsyncSession,
    cipher: FieldCipher,
    reminder: Reminder,
    template: str,
    now: datetime,
    **about: str,
) -> Channel | Wait | None:
    """Say the words of ``template`` by the first way that reaches the taxpayer, the chat window in front.

    It becomes an event :data:`KIND` of the reminder, with ``about`` in its detail, and counts as a message of the day.
    ``None``: they are not to be contacted, or cannot be reached. The caller has begun with ``go_ahead``, has locked the
    reminder, and sees to it that it happens once.
    """
    campaign = await session.get_one(Campaign, reminder.campaign_id)
    if await stopped(session) or campaign.status == CampaignStatus.PAUSED:
        return Wait(now + WHILE_STOPPED)
    facts = await facts_about(session, reminder.id, now)
    if facts.leave_alone:
        return None
    if facts.with_human:
        return Wait(now + WHILE_WITH_HUMAN)
    limits = read_plan(campaign.plan).limits
    history = await history_of(session, reminder.taxpayer_id, None, now)
    allowed = earliest_message(history, limits, now)
    at = ContactHours.of(limits, Lane.MESSAGE).next_open(allowed, facts.region)
    if at > now:
        return Wait(at)
    notice = await notice_for(session, template, None)
    window = await open_conversation(session, reminder.taxpayer_id, now)
    ways = (Channel.WECHAT, Channel.SMS) if window is None else (Channel.INBOX, Channel.WECHAT, Channel.SMS)
    for channel in ways:
        receipt = await deliver(session, cipher, channel, reminder, notice, now)
        if receipt in (Receipt.QUEUED, Receipt.DELIVERED):
            detail = {"template": template, "channel": channel.value, **about}
            session.add(OutreachEvent(reminder_id=reminder.id, kind=KIND, detail=detail, at=now))
            return channel
    return None
