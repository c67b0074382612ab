"""Whether a due step is carried out now, later or not at all, with the reasons an officer reads beside it."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from outreach.clock import SHANGHAI
from outreach.hours import ContactHours
from outreach.limits import call_limits_met, earliest_call, earliest_message, message_limits_met
from outreach.plan import LANES, Channel, Lane, Limits, StepPlan, Tier, When
from outreach.terms import Facts, Go, History, Later, Skip, Verdict

TIER_ZH = {Tier.LOW: "低", Tier.MIDDLE: "中", Tier.HIGH: "高"}
_HUMAN_NEEDS = timedelta(hours=3)
"""How long a step waits for a human who is with the taxpayer before it is looked at again."""
_ONE_DAY = timedelta(days=1)


def decide(
    step: StepPlan,
    facts: Facts,
    history: History,
    limits: Limits,
    now: datetime,
    *,
    stale_at: datetime,
    channels: tuple[Channel, ...] = (),
) -> Verdict:
    """What becomes of a step that is due. ``channels``: what a retry asked for instead of the step's own.

    Of what speaks against it the gravest is told. A step is never put off beyond ``stale_at``: it is skipped then.
    """
    ways = channels or step.channels
    lane = LANES[ways[0]]
    local = now.astimezone(SHANGHAI)
    hours = ContactHours.of(limits, lane)

    def later(at: datetime, *reasons: str) -> Later | Skip:
        opening = hours.next_open(max(at, local), facts.region)
        if opening >= stale_at:
            return Skip((*reasons, f"推迟会超过本步骤的适用时间（{_minute(stale_at)}），不再执行"))
        return Later(opening, (*reasons, f"推迟到{_minute(opening)}"))

    if not facts.active:
        return Skip(("这条提醒已经结束",))
    if now >= stale_at:
        return Skip((f"已过本步骤的适用时间（{_minute(stale_at)}）",))
    if facts.leave_alone:
        return Skip((facts.leave_alone,))
    if facts.with_human:
        return later(now + _HUMAN_NEEDS, "税务人员正在处理该纳税人的事项")
    unmet, met = _conditions(step.when, facts)
    if unmet:
        return Skip(unmet)
    if facts.deferral_pending and (lane is not Lane.MESSAGE or local.date() > facts.due):
        return Skip(("缓缴申请正在办理",))
    if facts.promised_on is not None and facts.promised_on >= local.date():
        day_after = datetime.combine(facts.promised_on + _ONE_DAY, time(), SHANGHAI)
        return later(day_after, f"纳税人承诺在{facts.promised_on:%Y-%m-%d}前缴款")
    if facts.no_calls and lane is Lane.CALL:
        return Skip((facts.no_calls,))
    reached, allowed_at = _limits(lane, history, limits, now)
    if reached:
        return later(allowed_at, *reached)
    if not hours.open_at(now, facts.region):
        return later(now, "现在不在联系时间内")
    changed = ("按上一次的结果改换方式",) if channels else ()
    return Go(ways, (f"“{step.title}”到了计划时间", *met, *changed, "在联系时间和次数限制之内"))


def _conditions(when: When, facts: Facts) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a step asks for: the words of what is not so, and of what is."""
    asked: list[tuple[bool, str]] = []
    if when.tiers:
        tiers = "、".join(TIER_ZH[tier] for tier in when.tiers)
        is_one = facts.tier in when.tiers
        words = f"风险等级为{TIER_ZH[facts.tier]}"
        asked.append((is_one, words if is_one else f"{words}，本步骤只用于{tiers}等级"))
    for wanted, actual, yes, no in (
        (when.short_of_cash, facts.short_of_cash, "纳税人表示过资金困难", "纳税人没有表示过资金困难"),
        (when.deferral_possible, facts.deferral_possible, "还可以申请延期缴纳", "现在不能申请延期缴纳"),
        (when.reached, facts.reached, "此前已联系到本人", "此前没有联系到本人"),
    ):
        if wanted is not None:
            asked.append((wanted == actual, yes if actual else no))
    return tuple(words for so, words in asked if not so), tuple(words for so, words in asked if so)


def _limits(lane: Lane, history: History, limits: Limits, now: datetime) -> tuple[tuple[str, ...], datetime]:
    """Which limits forbid contact now, and from when on none does."""
    match lane:
        case Lane.CALL:
            return call_limits_met(history, limits, now), earliest_call(history, limits, now)
        case Lane.MESSAGE:
            return message_limits_met(history, limits, now), earliest_message(history, limits, now)
        case Lane.OFFICER:
            return (), now


def _minute(at: datetime) -> str:
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
