"""Operating campaigns: made as drafts, started, paused, resumed and stopped, each on record with who did it.

A started campaign takes its audience in by a job (``outreach.enrol``), set in the same transaction.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from outreach.enrol import alarm_enrolment
from outreach.plan import CAMPAIGNS, Plan, load_plan, read_plan
from outreach.switches import hold_back
from store import audit
from store.models import Taxpayer
from store.outreach_models import Campaign, CampaignStatus, Reminder, Template

LONGEST_NAME = 40
STATUS_ZH: Mapping[CampaignStatus, str] = {
    CampaignStatus.DRAFT: "草稿",
    CampaignStatus.RUNNING: "进行中",
    CampaignStatus.PAUSED: "已暂停",
    CampaignStatus.ENDED: "已结束",
}
STANDARD, DEMONSTRATION = "standard", "demonstration"
"""Names of shipped strategies."""
_SEEDED_BY = "system"


class CampaignError(ValueError):
    """Why a campaign cannot be changed so; the text (Chinese) is for the reader."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A campaign in the list; counts are of its reminders. ``title`` is the strategy's."""

    id: uuid.UUID
    name: str
    title: str
    status: CampaignStatus
    created_by: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    enrolled_at: datetime | None
    reminders: int
    active: int
    reached: int
    paid: int


async def create(session: AsyncSession, by: str, name: str, plan: Plan) -> Campaign:
    """A new draft. ``by``: ``staff:<login>`` or ``cli``. Raises :class:`CampaignError`: the name is unfit or taken."""
    plain = name.strip()
    if not 0 < len(plain) <= LONGEST_NAME:
        raise CampaignError(f"活动的名称要有1到{LONGEST_NAME}个字。")
    made = await session.scalar(
        insert(Campaign)
        .values(id=uuid.uuid4(), name=plain, plan=plan.stored(), created_by=by)
        .on_conflict_do_nothing(index_elements=["name"])
        .returning(Campaign.id)
    )
    if made is None:
        raise CampaignError(f"已经有名为“{plain}”的活动。")
    campaign = await session.get_one(Campaign, made)
    await _record(session, by, "created", campaign)
    return campaign


async def edit(session: AsyncSession, by: str, campaign_id: uuid.UUID, plan: Plan) -> Campaign:
    """Replace the strategy of a draft. Raises :class:`CampaignError` once it has been started."""
    campaign = await _locked(session, campaign_id)
    _require(campaign, "修改", CampaignStatus.DRAFT)
    campaign.plan = plan.stored()
    await _record(session, by, "edited", campaign)
    return campaign


async def start(session: AsyncSession, by: str, campaign_id: uuid.UUID) -> Campaign:
    """Put a draft to work.

    Raises:
        CampaignError: it is none, words it needs have not been saved, or it would disturb real people at any hour.
    """
    campaign = await _locked(session, campaign_id)
    _require(campaign, "启动", CampaignStatus.DRAFT)
    plan = read_plan(campaign.plan)
    await _require_words(session, plan)
    if plan.limits.at_any_hour and not await only_fictional(session):
        raise CampaignError(
            "这个方案不分时段和休息日联系，只能用于虚构的纳税人。请改好 limits 里的时段再启动。"
        )
    campaign.status, campaign.started_at = CampaignStatus.RUNNING, await _now(session)
    await alarm_enrolment(session, campaign.id)
    await _record(session, by, "started", campaign)
    return campaign


async def pause(session: AsyncSession, by: str, campaign_id: uuid.UUID, reason: str = "") -> Campaign:
    """Begin nothing more until it is resumed; calls under way go on."""
    await hold_back(session)
    campaign = await _locked(session, campaign_id)
    _require(campaign, "暂停", CampaignStatus.RUNNING)
    campaign.status, campaign.paused_at = CampaignStatus.PAUSED, await _now(session)
    await _record(session, by, "paused", campaign, reason=reason.strip())
    return campaign


async def resume(session: AsyncSession, by: str, campaign_id: uuid.UUID) -> Campaign:
    """Go on where it was paused; what went stale meanwhile is decided anew, not sent."""
    campaign = await _locked(session, campaign_id)
    _require(campaign, "继续", CampaignStatus.PAUSED)
    campaign.status, campaign.paused_at = CampaignStatus.RUNNING, None
    await alarm_enrolment(session, campaign.id)
    await _record(session, by, "resumed", campaign)
    return campaign


async def stop(session: AsyncSession, by: str, campaign_id: uuid.UUID, reason: str = "") -> Campaign:
    """End it for good: its reminders are closed and what is planned is cancelled; calls under way go on.

    The locks of its reminders keep others from beginning something of it meanwhile, so all other outreach goes on.
    """
    campaign = await _locked(session, campaign_id)
    _require(campaign, "停止", CampaignStatus.DRAFT, CampaignStatus.RUNNING, CampaignStatus.PAUSED)
    campaign.status, campaign.paused_at, campaign.ended_at = (
        CampaignStatus.ENDED,
        None,
        await _now(session),
    )
    closed = await _close_reminders(session, campaign.id)
    await _record(session, by, "stopped", campaign, reason=reason.strip(), reminders=str(closed))
    return campaign


async def listed(session: AsyncSession) -> tuple[Listed, ...]:
    """All campaigns, those at work first, then the newest."""
    counts = (
        select(
            Reminder.campaign_id,
            func.count().label("reminders"),
            func.count().filter(Reminder.active).label("active"),
            func.count(Reminder.reached_at).label("reached"),
            func.count(Reminder.paid_at).label("paid"),
        )
        .group_by(Reminder.campaign_id)
        .subquery()
    )
    rows = await session.execute(
        select(Campaign, counts.c.reminders, counts.c.active, counts.c.reached, counts.c.paid)
        .outerjoin(counts, counts.c.campaign_id == Campaign.id)
        .order_by(Campaign.created_at.desc(), Campaign.name)
    )
    found = [
        Listed(
            id=campaign.id,
            name=campaign.name,
            title=str(campaign.plan["title"]),
            status=CampaignStatus(campaign.status),
            created_by=campaign.created_by,
            created_at=campaign.created_at,
            started_at=campaign.started_at,
            ended_at=campaign.ended_at,
            enrolled_at=campaign.enrolled_at,
            reminders=reminders or 0,
            active=active or 0,
            reached=reached or 0,
            paid=paid or 0,
        )
        for campaign, reminders, active, reached, paid in rows
    ]
    return tuple(sorted(found, key=lambda each: _ORDER.index(each.status)))


async def by_name(session: AsyncSession, name: str) -> Campaign:
    """The campaign of this name. Raises :class:`CampaignError` when there is none."""
    found: Campaign | None = await session.scalar(select(Campaign).where(Campaign.name == name.strip()))
    if found is None:
        raise CampaignError(f"没有名为“{name.strip()}”的活动。")
    return found


async def seed_campaigns(session: AsyncSession, *, demonstration: bool = False) -> None:
    """Put the shipped strategy there as a draft, where there is no campaign at all; and the demonstration's."""
    if await session.scalar(select(Campaign.id).limit(1)) is None:
        for name in (STANDARD, DEMONSTRATION) if demonstration else (STANDARD,):
            plan = load_plan(CAMPAIGNS / f"{name}.yml")
            await create(session, _SEEDED_BY, plan.title, plan)


async def only_fictional(session: AsyncSession) -> bool:
    """Whether nobody real is in the store: it is a demonstration."""
    return not await session.scalar(select(exists().where(~Taxpayer.fictional)))


_ORDER = (CampaignStatus.RUNNING, CampaignStatus.PAUSED, CampaignStatus.DRAFT, CampaignStatus.ENDED)


async def _locked(session: AsyncSession, campaign_id: uuid.UUID) -> Campaign:
    # Not against references: reminders and steps of the campaign may be written meanwhile.
    campaign: Campaign | None = await session.scalar(
        select(Campaign)
        .where(Campaign.id == campaign_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if campaign is None:
        raise LookupError("没有这个外呼活动。")
    return campaign


def _require(campaign: Campaign, wish: str, *allowed: CampaignStatus) -> None:
    status = STATUS_ZH[CampaignStatus(campaign.status)]
    if campaign.status not in allowed:
        raise CampaignError(f"活动“{campaign.name}”现在是“{status}”，不能{wish}。")


async def _require_words(session: AsyncSession, plan: Plan) -> None:
    wanted = {step.template for step in plan.steps if step.template}
    saved = set(await session.scalars(select(Template.key).where(Template.key.in_(wanted))))
    if missing := sorted(wanted - saved):
        raise CampaignError(f"这些模板还没有保存：{'、'.join(missing)}。请先写好模板再启动。")


async def _now(session: AsyncSession) -> datetime:
    now: datetime = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    return now


async def _close_reminders(session: AsyncSession, campaign_id: uuid.UUID) -> int:
    about = {"campaign": campaign_id}
    await session.execute(_LOCK_REMINDERS, about)
    closed: int = (await session.execute(_CLOSE_REMINDERS, about)).scalar_one()
    await session.execute(_CANCEL_STEPS, about)
    await session.execute(_CANCEL_LEASES, about)
    return closed


async def _record(session: AsyncSession, by: str, what: str, campaign: Campaign, **detail: str) -> None:
    await audit.record(
        session,
        actor=by,
        action=f"campaign.{what}",
        subject=f"campaign:{campaign.id}",
        detail={"name": campaign.name} | {key: value for key, value in detail.items() if value},
    )


_LOCK_REMINDERS = text("""
select count(*) from (
  select 1 from outreach_reminder where campaign_id = :campaign and active order by id for no key update
) locked
""")
_CLOSE_REMINDERS = text("""
with done as (
  update outreach_reminder
     set active = false, closed_at = clock_timestamp(), closed_reason = 'stopped'
   where campaign_id = :campaign and active
  returning id
), told as (
  insert into outreach_event (reminder_id, kind, detail)
  select id, 'closed', jsonb_build_object('reason', 'stopped') from done
)
select count(*) from done
""")
# What has been given to a carrier goes on, and what follows from it is still noted.
_CANCEL_STEPS = text("""
update outreach_step s
   set state = 'cancelled', ended_at = clock_timestamp()
 where s.campaign_id = :campaign and s.state in ('planned', 'running')
   and not exists (select 1 from outreach_attempt a where a.step_id = s.id and a.state in ('intent', 'placed'))
""")
_CANCEL_LEASES = text("""
update outreach_attempt a
   set state = 'ended', outcome = 'cancelled', ended_at = clock_timestamp(), concluded_at = clock_timestamp()
  from outreach_step s
 where a.step_id = s.id and s.campaign_id = :campaign and a.state = 'leased'
""")
