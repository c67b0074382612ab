"""Whether the risk score treats industries, sizes and regions alike: its distribution and its errors, side by side.

Industry, size and region are no indicators of the score, but what is may differ between them without good reason. The
report compares each group with all others and flags what is clearly apart. A flag is a question for people, not a
verdict: one group may really pay later.

Two errors are known once the deadline has passed. *Too firm*: the middle or high tier, yet the tax was paid by the
deadline; only reminders made by then count. *Too mild*: the low tier, and the tax not paid :data:`LATE` after it. Bills
that are deferred, disputed or withdrawn say nothing about either.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from math import sqrt

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.exports import Cell, Table
from outreach.plan import Tier

ENOUGH = 30
"""Fewer reminders than these, in a group or in the rest, are not compared."""
APART = 1.2
"""From so many times the rest's figure on a group is apart: one fifth more."""
FOUR_FIFTHS = 0.8
"""A share of mild treatment below so much of the rest's is apart (the four-fifths rule of fair employment)."""
POINTS_APART = 2.0
"""Means of scores that are closer than this are alike, however small they are."""
BEYOND_CHANCE = 2.0
"""Standard errors: smaller differences may be chance."""
LATE = timedelta(days=15)
"""Unpaid so long after the deadline, the shipped strategy hands over to an officer."""
_BATCH = 1000


class Dimension(StrEnum):
    """What groups are made by."""

    INDUSTRY = "industry"
    SIZE = "size"
    REGION = "region"


class Measure(StrEnum):
    """What groups are compared by."""

    MEAN_SCORE = "mean_score"
    HIGH_SHARE = "high_share"
    LOW_SHARE = "low_share"
    TOO_FIRM = "too_firm"
    TOO_MILD = "too_mild"


DIMENSION_ZH: Mapping[Dimension, str] = {
    Dimension.INDUSTRY: "行业",
    Dimension.SIZE: "规模",
    Dimension.REGION: "地区",
}
MEASURE_ZH: Mapping[Measure, str] = {
    Measure.MEAN_SCORE: "平均分",
    Measure.HIGH_SHARE: "高等级占比",
    Measure.LOW_SHARE: "低等级占比",
    Measure.TOO_FIRM: "中高等级中按期缴清的占比",
    Measure.TOO_MILD: "低等级中逾期未缴的占比",
}
SIZE_ZH: Mapping[str, str] = {"micro": "微型", "small": "小型", "medium": "中型", "large": "大型"}
UNKNOWN = "未登记"


@dataclass(frozen=True, slots=True)
class Counted:
    """So many reminders that are alike in all that is compared.

    ``on_time``: the tax was paid by the deadline; ``stayed_unpaid``: it was not paid :data:`LATE` after it; ``None``:
    cannot be told, or not yet.
    """

    industry: str | None
    size: str | None
    region: str
    score: int
    tier: Tier
    on_time: bool | None
    stayed_unpaid: bool | None
    reminders: int = 1

    def group(self, dimension: Dimension) -> str:
        """The name (Chinese) of the group it belongs to."""
        match dimension:
            case Dimension.INDUSTRY:
                return self.industry or UNKNOWN
            case Dimension.SIZE:
                return SIZE_ZH[self.size] if self.size else UNKNOWN
            case Dimension.REGION:
                return self.region


@dataclass(frozen=True, slots=True)
class Part:
    """``part`` of ``whole`` things."""

    part: int
    whole: int

    @property
    def share(self) -> float | None:
        """0..1; ``None`` of nothing."""
        return self.part / self.whole if self.whole else None


@dataclass(frozen=True, slots=True)
class Group:
    """The figures of one group.

    ``quartiles``: the scores that a quarter, half and three quarters of the reminders do not exceed. ``too_firm``: of
    the middle and high tier who paid on time; ``too_mild``: of the low tier who stayed unpaid; both of those of whom it
    can be told. ``too_small``: it is not compared.
    """

    dimension: Dimension
    name: str
    reminders: int
    mean_score: float
    quartiles: tuple[int, int, int]
    tiers: Mapping[Tier, int]
    too_firm: Part
    too_mild: Part
    too_small: bool

    def tier_share(self, tier: Tier) -> float:
        """0..1"""
        return self.tiers.get(tier, 0) / self.reminders


@dataclass(frozen=True, slots=True)
class Gap:
    """A figure of a group that is clearly apart from that of the rest; points, or shares 0..1."""

    dimension: Dimension
    group: str
    measure: Measure
    value: float
    rest: float

    @property
    def ratio(self) -> float | None:
        """How many times the rest's figure; ``None`` when that is not above zero."""
        return self.value / self.rest if self.rest > 0 else None

    @property
    def words(self) -> str:
        """In a sentence (Chinese)."""
        value, rest = (_shown(self.measure, each) for each in (self.value, self.rest))
        return (
            f"{DIMENSION_ZH[self.dimension]}“{self.group}”的{MEASURE_ZH[self.measure]}为{value}，其余为{rest}"
        )


@dataclass(frozen=True, slots=True)
class Fairness:
    """The report: all groups by dimension, the larger first, and the gaps between them."""

    reminders: int
    groups: tuple[Group, ...]
    gaps: tuple[Gap, ...]


async def fairness(session: AsyncSession, campaign_id: uuid.UUID | None, today: date) -> Fairness:
    """The report on one campaign, or on all (``None``), as things stand ``today``."""
    found = await session.stream(
        _REMINDERS,
        {"campaign": campaign_id, "today": today, "late": LATE.days},
        execution_options={"yield_per": _BATCH},
    )
    counted = [
        Counted(row.industry, row.size, row.region, row.score, Tier(row.tier), row.on_time, row.unpaid, row.reminders)
        async for row in found
    ]  # fmt: skip
    return compare(counted)


def compare(counted: Sequence[Counted]) -> Fairness:
    """The report on these reminders."""
    everything = _Sums.of(counted)
    groups: list[Group] = []
    gaps: list[Gap] = []
    for dimension in Dimension:
        by_name: dict[str, _Sums] = {}
        for each in counted:
            by_name.setdefault(each.group(dimension), _Sums()).add(each)
        for name, sums in sorted(by_name.items(), key=lambda item: (-item[1].reminders, item[0])):
            groups.append(sums.group(dimension, name))
            gaps.extend(
                Gap(dimension, name, measure, value, rest)
                for measure, value, rest in _apart(sums, everything.without(sums))
            )
    return Fairness(everything.reminders, tuple(groups), tuple(gaps))


def tables(report: Fairness) -> tuple[Table, Table]:
    """For a spreadsheet: the groups with their figures (shares in percent), and the gaps."""
    return (
        Table(
            "公平性：各组",
            (
                "分组", "名称", "提醒数", "平均分", "四分位1", "中位数", "四分位3", "低等级%", "中等级%", "高等级%",
                "中高等级（已到期）", "其中按期缴清%", "低等级（已到期）", "其中逾期未缴%", "说明",
            ),
            [_group_row(group) for group in report.groups],
        ),
        Table(
            "公平性：差距",
            ("分组", "名称", "指标", "本组", "其余", "倍数", "说明"),
            [_gap_row(gap) for gap in report.gaps],
        ),
    )  # fmt: skip


@dataclass(slots=True)
class _Sums:
    scores: Counter[int] = field(default_factory=Counter)
    tiers: Counter[Tier] = field(default_factory=Counter)
    firm: Counter[bool] = field(default_factory=Counter)
    mild: Counter[bool] = field(default_factory=Counter)

    @classmethod
    def of(cls, counted: Iterable[Counted]) -> _Sums:
        sums = cls()
        for each in counted:
            sums.add(each)
        return sums

    def add(self, each: Counted) -> None:
        self.scores[each.score] += each.reminders
        self.tiers[each.tier] += each.reminders
        if each.tier is Tier.LOW:
            if each.stayed_unpaid is not None:
                self.mild[each.stayed_unpaid] += each.reminders
        elif each.on_time is not None:
            self.firm[each.on_time] += each.reminders

    def without(self, part: _Sums) -> _Sums:
        return _Sums(
            self.scores - part.scores,
            self.tiers - part.tiers,
            self.firm - part.firm,
            self.mild - part.mild,
        )

    @property
    def reminders(self) -> int:
        return self.scores.total()

    @property
    def mean(self) -> float:
        return sum(score * many for score, many in self.scores.items()) / self.reminders

    @property
    def variance(self) -> float:
        mean = self.mean
        return sum((score - mean) ** 2 * many for score, many in self.scores.items()) / self.reminders

    def quartile(self, which: int) -> int:
        seen = 0
        for score in sorted(self.scores):
            seen += self.scores[score]
            if 4 * seen >= which * self.reminders:
                return score
        raise ValueError("no scores")

    def tier(self, tier: Tier) -> Part:
        return Part(self.tiers[tier], self.reminders)

    @property
    def too_firm(self) -> Part:
        return Part(self.firm[True], self.firm.total())

    @property
    def too_mild(self) -> Part:
        return Part(self.mild[True], self.mild.total())

    def group(self, dimension: Dimension, name: str) -> Group:
        return Group(
            dimension,
            name,
            self.reminders,
            self.mean,
            (self.quartile(1), self.quartile(2), self.quartile(3)),
            dict(self.tiers),
            self.too_firm,
            self.too_mild,
            self.reminders < ENOUGH,
        )


def _apart(one: _Sums, rest: _Sums) -> Iterator[tuple[Measure, float, float]]:
    """The figures of ``one`` that are clearly apart from those of ``rest``."""
    if min(one.reminders, rest.reminders) < ENOUGH:
        return
    apart = one.mean - rest.mean
    error = sqrt(one.variance / one.reminders + rest.variance / rest.reminders)
    needed = max((APART - 1) * abs(rest.mean), POINTS_APART, BEYOND_CHANCE * error)
    if apart >= needed:
        yield Measure.MEAN_SCORE, one.mean, rest.mean
    for measure, part, other in (
        (Measure.HIGH_SHARE, one.tier(Tier.HIGH), rest.tier(Tier.HIGH)),
        (Measure.TOO_FIRM, one.too_firm, rest.too_firm),
        (Measure.TOO_MILD, one.too_mild, rest.too_mild),
    ):
        if _clearly_above(part, other) and part.part * other.whole >= APART * other.part * part.whole:
            yield measure, part.part / part.whole, other.part / other.whole
    low, others_low = one.tier(Tier.LOW), rest.tier(Tier.LOW)
    if (
        _clearly_above(others_low, low)
        and low.part * others_low.whole < FOUR_FIFTHS * others_low.part * low.whole
    ):
        yield Measure.LOW_SHARE, low.part / low.whole, others_low.part / others_low.whole


def _clearly_above(one: Part, other: Part) -> bool:
    """Whether there is enough of both, and a share is above the other by more than chance explains."""
    if min(one.whole, other.whole) < ENOUGH:
        return False
    pooled = (one.part + other.part) / (one.whole + other.whole)
    error = sqrt(pooled * (1 - pooled) * (1 / one.whole + 1 / other.whole))
    difference = one.part / one.whole - other.part / other.whole
    return difference > 0 and difference >= BEYOND_CHANCE * error


def _group_row(group: Group) -> tuple[Cell, ...]:
    return (
        DIMENSION_ZH[group.dimension],
        group.name,
        group.reminders,
        round(group.mean_score, 1),
        *group.quartiles,
        *(_percent(group.tier_share(tier)) for tier in Tier),
        group.too_firm.whole,
        _percent(group.too_firm.share),
        group.too_mild.whole,
        _percent(group.too_mild.share),
        f"不足{ENOUGH}条，不作比较" if group.too_small else "",
    )


def _gap_row(gap: Gap) -> tuple[Cell, ...]:
    return (
        DIMENSION_ZH[gap.dimension],
        gap.group,
        MEASURE_ZH[gap.measure],
        _shown(gap.measure, gap.value),
        _shown(gap.measure, gap.rest),
        None if gap.ratio is None else round(gap.ratio, 2),
        gap.words,
    )


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 1)


def _shown(measure: Measure, value: float) -> str:
    return f"{value:.1f}分" if measure is Measure.MEAN_SCORE else f"{value:.1%}"


# Of each reminder only those bills count that still fall due on its day. A comparison with an unknown day of payment
# (settled by hand) is null: it cannot be told.
_REMINDERS = text("""
select t.industry, t.size, t.region, r.score, r.tier,
       case when cast(:today as date) > r.due and (r.created_at at time zone 'Asia/Shanghai')::date <= r.due
            then b.paid and b.paid_on <= r.due end as on_time,
       case when cast(:today as date) > r.due + cast(:late as integer)
            then not (b.paid and b.paid_on <= r.due + cast(:late as integer)) end as unpaid,
       count(*) as reminders
  from outreach_reminder r
  join taxpayer t on t.id = r.taxpayer_id
 cross join lateral (
   select bool_and(o.unpaid <= 0 or o.status = 'settled') as paid, max(p.paid_on) as paid_on
     from outreach_reminder_bill rb
     join outreach_bill o on o.id = rb.bill_id
     left join lateral (
       select max(paid_on) as paid_on from payment where bill_id = o.id and kind = 'tax'
     ) p on true
    where rb.reminder_id = r.id and o.status in ('open', 'settled') and o.due = r.due
 ) b
 where cast(:campaign as uuid) is null or r.campaign_id = cast(:campaign as uuid)
 group by 1, 2, 3, 4, 5, 6, 7
""")
