"""How the simulated people behave: the figures of ``behaviour.yml``, typed. Each section says where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

DEFAULT = Path(__file__).parent / "behaviour.yml"

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Factor = Annotated[float, Field(ge=0)]


def _whole(shares: Mapping[str, float]) -> Mapping[str, float]:
    if abs(sum(shares.values()) - 1) > 1e-9:
        raise ValueError("shares must add up to 1")
    return shares


Shares = Annotated[Mapping[str, Share], AfterValidator(_whole)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Sourced(_Section):
    source: str = Field(alias="from", min_length=2)
    """Where the figures come from, Chinese."""


class Segment(_Section):
    """People alike in how they answer and pay; ``amount`` yuan, ``spread`` the sigma of its logarithm."""

    key: str
    title: str
    kind: str
    share: Share
    amount: Positive
    spread: Factor
    answers: Factor
    proves: Share
    short_of_cash: Share
    kind_of_tax: str


class People(_Sourced):
    """Who they are and how they can be reached."""

    regions: Shares
    industries: Shares
    sizes: Shares
    segments: tuple[Segment, ...]
    inbox: Share
    wechat: Share
    mobile: Share
    second_number: Share
    third_number: Share
    invalid_number: Share
    wrong_number: Share
    fax_number: Share


class DeadlineShare(_Section):
    """A day that so many bills are due on: ``months`` from the first day's month, ``day`` of it (31: the last)."""

    months: int = Field(ge=-3, le=3)
    day: int = Field(ge=1, le=31)
    share: Share


class Deadlines(_Sourced):
    """When bills are due."""

    of: tuple[DeadlineShare, ...] = Field(min_length=1)


class Past(_Sourced):
    """The last two years of somebody of average diligence: counts, days, shares."""

    overdue_bills: Factor
    days_a_bill: Factor
    promises: Factor
    disputes: Share
    deferrals: Share
    reached_before: Share
    unanswered: Factor


class Payment(_Sourced):
    """When people pay by themselves. ``daily``: hazard a day by days from the deadline; ``hours``: weights."""

    daily: Mapping[int, Factor]
    day_off: Factor
    spread: Factor
    hours: Mapping[int, Factor]
    short_of_cash: Factor
    cash_after_days: Positive
    known_after_minutes: int = Field(ge=0)


class Effect(_Sourced):
    """What a contact adds to the hazard, as a multiple of it, fading with the half-life."""

    message: Factor
    voicemail: Factor
    told: Factor
    not_told: Factor
    visit: Factor
    half_life_days: Positive


class Calls(_Sourced):
    """How calls go; ``hours`` are factors on ``answered``."""

    answered: Share
    hours: Mapping[int, Factor]
    unanswered: Shares
    hung_up: Share
    silent: Share
    callback: Share
    wrong_person: Share
    human: Share
    opted_out: Share
    callback_after_minutes: int
    with_human_days: int


class Times(_Sourced):
    """Median seconds by outcome; ``spread`` of the logarithm."""

    ring: Mapping[str, Positive]
    talk: Mapping[str, Positive]
    spread: Factor


class Messages(_Sourced):
    """Share that arrives, by channel, and after how long."""

    delivered: Mapping[str, Share]
    after_seconds: Factor


class Cash(_Sourced):
    """What those short of cash do."""

    says_so: Share
    applies_after_call: Share
    applies_after_message: Share
    decided_after_workdays: int = Field(ge=1)
    approved: Share


class Promises(_Sourced):
    """Who promises a day, who keeps it."""

    before_due: Share
    overdue: Share
    within_days: int = Field(ge=1)
    kept: Share
    kept_short_of_cash: Share


class Officers(_Sourced):
    """What officers do with a task."""

    within_workdays: int = Field(ge=1)
    met: Share


class Complaints(_Sourced):
    """The chance that one contact brings a complaint, and what multiplies it."""

    call: Share
    message: Share
    visit: Share
    contacts: int = Field(ge=1)
    each_more: Factor
    early: time
    early_times: Factor
    paid_times: Factor
    with_human_workdays: int = Field(ge=0)


class OptOuts(_Sourced):
    """The chance that a message makes somebody ask for no more."""

    message: Share
    each_more: Factor


class Carrier(_Sourced):
    """The stand-in carrier: lines and calls a second; ``bots`` is how many calls the gateways can talk in."""

    lines: int = Field(ge=0)
    bots: int = Field(ge=0)
    a_second: Positive
    messages_a_second: Positive


class Behaviour(_Section):
    """All of it."""

    people: People
    deadlines: Deadlines
    past: Past
    payment: Payment
    effect: Effect
    calls: Calls
    times: Times
    messages: Messages
    cash: Cash
    promises: Promises
    officers: Officers
    complaints: Complaints
    opt_outs: OptOuts
    carrier: Carrier

    def sources(self) -> dict[str, str]:
        """Section → where its figures come from."""
        return {name: getattr(self, name).source for name in type(self).model_fields}


def load_behaviour(path: Path = DEFAULT) -> Behaviour:
    """The figures in a YAML file. Raises ValueError (pydantic's) or yaml.YAMLError; OSError."""
    return Behaviour.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
