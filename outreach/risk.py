"""The risk score: points for each indicator, added up, every one with its reason in words.

It decides how firmly somebody is reminded and nothing else: no right of theirs depends on it (PIPL 24). The points are
data (``risk.yml``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from outreach.plan import Tier
from outreach.terms import Indicators, Reason, Scored

RULES = Path(__file__).parent / "risk.yml"
INDICATORS = tuple(field.name for field in fields(Indicators))


class RiskRulesError(ValueError):
    """Rules that cannot be used; the text (Chinese) says why."""


class Band(BaseModel):
    """What an indicator gives from a value on. ``words`` (Chinese) may hold ``{value}``.

    ``deliberate``: a sign that lateness is no accident, without which nobody is in the high tier.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    starts: Decimal = Field(alias="from")
    points: int = Field(ge=-100, le=100)
    words: str = Field(min_length=1)
    deliberate: bool = False

    @model_validator(mode="after")
    def _speaks(self) -> Self:
        try:
            self.words.format(value="")
        except (KeyError, IndexError, ValueError):
            raise ValueError(f"“{self.words}”里只能用 {{value}}") from None
        return self


def _ascending(bands: tuple[Band, ...]) -> tuple[Band, ...]:
    starts = [band.starts for band in bands]
    if starts != sorted(set(starts)):
        raise ValueError("同一指标的分档要从小到大，不能重复")
    return bands


class RiskRules(BaseModel):
    """Bands by the name of the field of :class:`Indicators`; from ``middle`` and ``high`` points on the tier is that."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    middle: int
    high: int
    indicators: Mapping[str, Annotated[tuple[Band, ...], AfterValidator(_ascending)]]

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.middle >= self.high:
            raise ValueError("高等级的分数线必须高于中等级")
        if unknown := sorted(set(self.indicators) - set(INDICATORS)):
            raise ValueError(f"没有这些指标：{'、'.join(unknown)}")
        return self


@cache
def load_rules(path: Path = RULES) -> RiskRules:
    """The rules in a YAML file, read once. Raises :class:`RiskRulesError`; OSError when it cannot be read."""
    try:
        return RiskRules.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise RiskRulesError(f"{path.name} 不是有效的 YAML：{error}") from error
    except ValidationError as error:
        problems = "；".join(
            f"{'.'.join(str(part) for part in each['loc'])}：{each['msg']}" for each in error.errors()
        )
        raise RiskRulesError(f"{path.name}：{problems}") from error


def score(indicators: Indicators, rules: RiskRules) -> Scored:
    """The points of one taxpayer with all reasons, in the order of :class:`Indicators`, and the tier they give."""
    found = [_applying(name, indicators, rules) for name in INDICATORS]
    reasons = [reason for reason, _ in filter(None, found)]
    points = sum(reason.points for reason in reasons)
    if points < rules.middle:
        return Scored(points, Tier.LOW, tuple(reasons))
    if points < rules.high:
        return Scored(points, Tier.MIDDLE, tuple(reasons))
    if any(band.deliberate for _, band in filter(None, found)):
        return Scored(points, Tier.HIGH, tuple(reasons))
    spared = Reason("deliberate", "否", 0, "没有屡次逾期或屡次失约的情形，不列入高等级")
    return Scored(points, Tier.MIDDLE, (*reasons, spared))


def _applying(name: str, indicators: Indicators, rules: RiskRules) -> tuple[Reason, Band] | None:
    value: Decimal | int | bool = getattr(indicators, name)
    bands = [band for band in rules.indicators.get(name, ()) if band.starts <= value]
    if not bands:
        return None
    band = bands[-1]
    shown = ("是" if value else "否") if isinstance(value, bool) else str(value)
    return Reason(name, shown, band.points, band.words.format(value=shown)), band
