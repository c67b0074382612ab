"""The simulated taxpayers: one bill each, drawn by seed; the same for every strategy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from outreach.plan import Audience, Tier
from outreach.risk import RiskRules, score
from outreach.simulation.behaviour import Behaviour, DeadlineShare
from outreach.simulation.draws import For, Reals, Seeds, draws, normal, people_seeds
from outreach.terms import Indicators
from tax.calendar import add_months, effective_deadline

FINE, INVALID, WRONG, FAX = range(4)
"""What a registered number is."""
MOST_NUMBERS = 3
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Population:
    """Everybody, by index. ``unpaid``: fen. ``threshold``: the summed hazard at which they pay; ``pace``: their own
    factor on it. ``cash_on``: the day (from the first) on which somebody short of cash has money again, 0 for others.
    ``mobile``: the primary number takes texts; ``numbers``: what each registered number is.
    """

    seeds: Sequence[int]
    segment: Sequence[int]
    region: Sequence[str]
    industry: Sequence[str]
    size: Sequence[str]
    unpaid: npt.NDArray[np.int64]
    due: Sequence[date]
    pace: Reals
    threshold: Reals
    cash_on: npt.NDArray[np.int64]
    inbox: Sequence[bool]
    wechat: Sequence[bool]
    mobile: Sequence[bool]
    numbers: Sequence[tuple[int, ...]]
    indicators: Sequence[Indicators]

    def __len__(self) -> int:
        return len(self.seeds)

    def tiers(self, rules: RiskRules) -> tuple[Tier, ...]:
        """Everybody's tier."""
        return tuple(score(each, rules).tier for each in self.indicators)


def populate(behaviour: Behaviour, people: int, start: date, seed: int) -> Population:
    """``people`` taxpayers with a bill each, as of the morning of ``start``."""
    about = behaviour.people
    seeds = people_seeds(seed, people)
    diligence = np.array([normal(u) for u in draws(seeds, For.DILIGENCE).tolist()])
    segment = _picked(draws(seeds, For.SEGMENT), [each.share for each in about.segments])
    of = about.segments
    spread = behaviour.payment.spread
    amount = np.array([normal(u) for u in draws(seeds, For.AMOUNT).tolist()])
    median = np.array([each.amount for each in of])[segment]
    sigma = np.array([each.spread for each in of])[segment]
    unpaid = np.maximum(np.rint(median * np.exp(sigma * amount) * 100), 100).astype(np.int64)
    short = draws(seeds, For.SHORT_OF_CASH) < np.array([each.short_of_cash for each in of])[segment]
    cash = np.ceil(-np.log1p(-draws(seeds, For.CASH_AGAIN)) * behaviour.payment.cash_after_days)
    days = [deadline_of(each, start) for each in behaviour.deadlines.of]
    due = _picked(draws(seeds, For.DEADLINE), [each.share for each in behaviour.deadlines.of])
    companies = np.array([each.kind == "company" for each in of])[segment]
    sizes = _names(about.sizes, draws(seeds, For.SIZE))
    return Population(
        seeds=seeds.tolist(),
        segment=segment.tolist(),
        region=_names(about.regions, draws(seeds, For.REGION)),
        industry=_names(about.industries, draws(seeds, For.INDUSTRY)),
        size=[size if company else "" for size, company in zip(sizes, companies.tolist(), strict=True)],
        unpaid=unpaid,
        due=[days[index] for index in due.tolist()],
        pace=np.exp(spread * diligence - spread**2 / 2),
        threshold=-np.log1p(-draws(seeds, For.PAYING)),
        cash_on=np.where(short, np.maximum(cash, 1), 0).astype(np.int64),
        inbox=(draws(seeds, For.INBOX) < about.inbox).tolist(),
        wechat=(draws(seeds, For.WECHAT) < about.wechat).tolist(),
        mobile=(draws(seeds, For.MOBILE) < about.mobile).tolist(),
        numbers=_numbers(behaviour, seeds),
        indicators=_past(behaviour, seeds, diligence, unpaid),
    )


def in_audience(people: Population, behaviour: Behaviour, audience: Audience) -> npt.NDArray[np.bool_]:
    """Who is in a campaign's audience, its days aside."""
    segments = [behaviour.people.segments[index] for index in people.segment]
    inside = np.ones(len(people), dtype=np.bool_)
    for wanted, has in (
        (audience.regions, people.region),
        (audience.industries, people.industry),
        (audience.sizes, people.size),
        (audience.kinds, [segment.kind for segment in segments]),
        (audience.tax_types, [segment.kind_of_tax for segment in segments]),
    ):
        if wanted:
            inside &= np.isin(np.array(has), wanted)
    if audience.min_unpaid is not None:
        inside &= people.unpaid >= int(audience.min_unpaid * 100)
    if audience.max_unpaid is not None:
        inside &= people.unpaid <= int(audience.max_unpaid * 100)
    return inside


def deadline_of(share: DeadlineShare, start: date) -> date:
    """The effective deadline it means, seen from ``start``."""
    first = add_months(start.replace(year=start.year - 1, day=1), 12 + share.months)
    last = add_months(first, 1) - _ONE_DAY
    return effective_deadline(first.replace(day=min(share.day, last.day))).date


def _picked(u: Reals, shares: Sequence[float]) -> npt.NDArray[np.int64]:
    edges = np.cumsum(shares)
    return np.minimum(np.searchsorted(edges, u, side="right"), len(edges) - 1)


def _names(shares: Mapping[str, float], u: Reals) -> list[str]:
    names = list(shares)
    return [names[index] for index in _picked(u, list(shares.values())).tolist()]


def _numbers(behaviour: Behaviour, seeds: Seeds) -> list[tuple[int, ...]]:
    about = behaviour.people
    u = draws(seeds, For.NUMBERS)
    count = (1 + (u < about.second_number).astype(int) + (u < about.third_number).astype(int)).tolist()
    bad = [about.invalid_number, about.wrong_number, about.fax_number]
    kinds = [
        _picked(draws(seeds, For.NUMBER_KIND, nth), [1 - sum(bad), *bad]).tolist()
        for nth in range(MOST_NUMBERS)
    ]
    return [tuple(kind[index] for kind in kinds[:many]) for index, many in enumerate(count)]


def _past(
    behaviour: Behaviour, seeds: Seeds, diligence: Reals, unpaid: npt.NDArray[np.int64]
) -> list[Indicators]:
    past = behaviour.past
    # exp(-z) has the mean e^0.5: divided by it, the means of the file hold for the whole population.
    sloppiness = np.exp(-diligence - 0.5)
    overdue = _counts(past.overdue_bills * sloppiness, draws(seeds, For.PAST_OVERDUE))
    longest = np.ceil(-np.log1p(-draws(seeds, For.PAST_DAYS)) * past.days_a_bill).astype(np.int64)
    promises = np.where(overdue > 0, _counts(past.promises * sloppiness, draws(seeds, For.PAST_PROMISES)), 0)
    keeps = 1 / (1 + np.exp(-1 - diligence))
    kept = np.minimum(
        promises, np.floor((promises + 1) * keeps * draws(seeds, For.PAST_KEPT)).astype(np.int64)
    )
    disputes = draws(seeds, For.PAST_DISPUTE) < past.disputes
    deferred = draws(seeds, For.PAST_DEFERRAL) < past.deferrals
    reachable = draws(seeds, For.PAST_REACHED) < past.reached_before
    unanswered = np.where(
        reachable, 0, _counts(np.full(len(seeds), past.unanswered), draws(seeds, For.PAST_UNANSWERED))
    )
    return [
        Indicators(
            unpaid=Decimal(fen).scaleb(-2),
            overdue_before=late,
            longest_overdue=long if late else 0,
            promises_broken=made - held,
            promises_kept=held,
            disputes_open=int(dispute),
            reachable=reached,
            unanswered=missed,
            first_time=late == 0,
            deferred_before=before,
        )
        for fen, late, long, made, held, dispute, reached, missed, before in zip(
            unpaid.tolist(),
            overdue.tolist(),
            longest.tolist(),
            promises.tolist(),
            kept.tolist(),
            disputes.tolist(),
            reachable.tolist(),
            unanswered.tolist(),
            deferred.tolist(),
            strict=True,
        )
    ]


def _counts(mean: Reals, u: Reals) -> npt.NDArray[np.int64]:
    """Poisson counts of these means, by inversion; cut off at 20."""
    probability = np.exp(-mean)
    up_to = probability.copy()
    count = np.zeros(len(mean), dtype=np.int64)
    for k in range(1, 21):
        count += u >= up_to
        probability = probability * mean / k
        up_to += probability
    return count
