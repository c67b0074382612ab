"""What figures are made of: rows a day that add up over any period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from handoff.exports import Cell


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days in Asia/Shanghai, both counted. Raises :class:`ValueError` where it ends before it begins."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError("结束日期不能早于开始日期。")


@dataclass(frozen=True, slots=True)
class DayShare:
    """Of ``whole`` things of a day, ``part`` were as asked for."""

    day: date
    part: int
    whole: int


@dataclass(frozen=True, slots=True)
class Share:
    """A share over a period, days without anything left out."""

    days: tuple[DayShare, ...]

    @property
    def part(self) -> int:
        """Over the whole period."""
        return sum(day.part for day in self.days)

    @property
    def whole(self) -> int:
        """Over the whole period."""
        return sum(day.whole for day in self.days)

    @property
    def value(self) -> float | None:
        """0..1; ``None`` when there was nothing at all."""
        return self.part / self.whole if self.whole else None

    def rows(self) -> Sequence[Sequence[Cell]]:
        """Day, part, whole, share in percent."""
        return [(day.day, day.part, day.whole, round(100 * day.part / day.whole, 1)) for day in self.days]


@dataclass(frozen=True, slots=True)
class DayCount:
    """How often ``what`` was on a day; ``label`` is how it is shown, empty where there is but one kind."""

    day: date
    what: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts over a period, by kind where there are kinds."""

    days: tuple[DayCount, ...]

    @property
    def value(self) -> int:
        """All of the period."""
        return sum(day.count for day in self.days)

    def by_kind(self) -> Mapping[str, int]:
        """Label → count of the period, the commonest first."""
        found: dict[str, int] = {}
        for day in self.days:
            found[day.label] = found.get(day.label, 0) + day.count
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def rows(self) -> Sequence[Sequence[Cell]]:
        """Day, label where there are kinds, count."""
        return [(day.day, day.label, day.count) if day.label else (day.day, day.count) for day in self.days]


@dataclass(frozen=True, slots=True)
class Spread:
    """How long things took, in seconds: interpolated median and 90th percentile, and the mean."""

    count: int
    median: float
    p90: float
    mean: float


@dataclass(frozen=True, slots=True)
class Times:
    """Lengths of time a day, and of the whole period; ``None`` when there was none."""

    days: tuple[tuple[date, Spread], ...]
    whole: Spread | None

    @property
    def value(self) -> float | None:
        """The period's median in seconds."""
        return self.whole.median if self.whole else None

    def rows(self) -> Sequence[Sequence[Cell]]:
        """Day, count, median, 90th percentile, mean in seconds."""
        return [
            (day, spread.count, round(spread.median, 1), round(spread.p90, 1), round(spread.mean, 1))
            for day, spread in self.days
        ]


@dataclass(frozen=True, slots=True)
class DayScore:
    """Ratings of a day: how many, their sum, and how many of them were 4 or 5, and 1 or 2."""

    day: date
    ratings: int
    points: int
    content: int
    discontent: int


@dataclass(frozen=True, slots=True)
class Scores:
    """Ratings over a period."""

    days: tuple[DayScore, ...]

    @property
    def ratings(self) -> int:
        """How many there were."""
        return sum(day.ratings for day in self.days)

    @property
    def value(self) -> float | None:
        """The mean, 1..5; ``None`` when nobody rated."""
        return sum(day.points for day in self.days) / self.ratings if self.ratings else None

    def rows(self) -> Sequence[Sequence[Cell]]:
        """Day, ratings, mean, content, discontent."""
        return [
            (day.day, day.ratings, round(day.points / day.ratings, 2), day.content, day.discontent)
            for day in self.days
        ]


Result = Share | Counts | Times | Scores
