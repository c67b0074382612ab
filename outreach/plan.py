"""A campaign's strategy as data: whom, when, by which way, within which limits. Read from YAML, stored as JSON.

Sources of the defaults: ``docs/outreach.md``. No law binds the hours or the number of reminder calls; the defaults are
stricter than the guides that exist for other trades.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import time, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

_EARLIEST, _LATEST = time(8), time(22)
CAMPAIGNS = Path(__file__).parent / "campaigns"


class PlanError(ValueError):
    """A strategy that cannot be carried out; the text (Chinese) says where and why."""


class Channel(StrEnum):
    """A way to reach a taxpayer."""

    CALL = "call"
    INBOX = "inbox"
    """A message in the chat window, shown to whoever has proved who they are."""
    WECHAT = "wechat"
    SMS = "sms"
    OFFICER = "officer"
    """A task for an officer."""


class Lane(StrEnum):
    """What is carried out side by side: each has a pace of its own."""

    CALL = "call"
    MESSAGE = "message"
    OFFICER = "officer"


LANES: Mapping[Channel, Lane] = {
    Channel.CALL: Lane.CALL,
    Channel.INBOX: Lane.MESSAGE,
    Channel.WECHAT: Lane.MESSAGE,
    Channel.SMS: Lane.MESSAGE,
    Channel.OFFICER: Lane.OFFICER,
}


class Tier(StrEnum):
    """How firmly somebody is reminded."""

    LOW = "low"
    MIDDLE = "middle"
    HIGH = "high"


class Then(StrEnum):
    """What follows a try that reached nobody."""

    AGAIN = "again"
    OTHER_NUMBER = "other_number"
    """The next registered number, if there is one; else as ``message``."""
    MESSAGE = "message"
    """The step goes on as a message."""
    OFFICER = "officer"
    STOP = "stop"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Span(_Part):
    """A stretch of a day, Asia/Shanghai; ``ends`` is no longer in it."""

    starts: time
    ends: time

    @model_validator(mode="after")
    def _forwards(self) -> Span:
        if self.starts >= self.ends:
            raise ValueError("时段的结束必须晚于开始")
        return self


def _any(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) != len(values):
        raise ValueError("有重复的值")
    return values


Names = Annotated[tuple[str, ...], AfterValidator(_any)]
Spans = Annotated[tuple[Span, ...], Field(min_length=1)]


class Audience(_Part):
    """Whom a campaign looks at; an empty list or ``None`` does not narrow it.

    ``due_within``: bills that fall due in so many days; ``overdue_within``: or have been overdue for so many.
    Amounts are unpaid tax of one taxpayer and day, in yuan.
    """

    regions: Names = ()
    kinds: Names = ()
    tax_types: Names = ()
    industries: Names = ()
    sizes: Names = ()
    min_unpaid: Decimal | None = Field(default=None, ge=0)
    max_unpaid: Decimal | None = Field(default=None, ge=0)
    due_within: int = Field(default=7, ge=0, le=90)
    overdue_within: int = Field(default=30, ge=0, le=365)


class When(_Part):
    """What must be true for a step to be carried out; ``None`` does not matter. Asked when the step is due."""

    tiers: tuple[Tier, ...] = ()
    """One of these; empty: any."""
    short_of_cash: bool | None = None
    """They have said so, or begun an application for deferral."""
    deferral_possible: bool | None = None
    """The deadline has not passed and no application is under way (Rules 42)."""
    reached: bool | None = None
    """A person was reached in this reminder."""


class StepPlan(_Part):
    """One step. ``day`` counts calendar days from the effective deadline, negative before it.

    ``channels`` are tried in order until one can be used. ``good_for`` days after it was due the step is stale: it is
    decided anew, not carried out blindly.
    """

    key: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    title: str = Field(min_length=1, max_length=40)
    day: int = Field(ge=-90, le=365)
    at: time = time(9, 30)
    channels: tuple[Channel, ...] = Field(min_length=1)
    template: str | None = None
    """Key of the words; calls need none."""
    when: When = When()
    good_for: int = Field(default=2, ge=0, le=60)
    priority: int = Field(default=0, ge=0, le=9)

    @property
    def lane(self) -> Lane:
        """Where its first channel belongs."""
        return LANES[self.channels[0]]

    @model_validator(mode="after")
    def _words(self) -> StepPlan:
        if len({LANES[channel] for channel in self.channels}) > 1:
            raise ValueError(f"步骤“{self.title}”的渠道不能混用电话、消息和人员任务")
        if self.lane is not Lane.CALL and not self.template:
            raise ValueError(f"步骤“{self.title}”要写明模板 template")
        return self


class Limits(_Part):
    """What no campaign goes beyond.

    ``hours`` are for calls and tasks; ``region_hours`` replaces them where the region's name begins so. Without
    ``workdays_only`` every day is a contact day, for fictional taxpayers only.
    """

    tries_a_day: int = Field(default=2, ge=1, le=6)
    tries_a_week: int = Field(default=3, ge=1, le=20)
    """In any 7 days."""
    connected_a_day: int = Field(default=1, ge=1, le=3)
    messages_a_day: int = Field(default=2, ge=1, le=5)
    hours: Spans = (
        Span(starts=time(9), ends=time(12)),
        Span(starts=time(14), ends=time(18)),
    )
    message_hours: Spans = (Span(starts=time(9), ends=time(20)),)
    region_hours: Mapping[str, Spans] = Field(default_factory=dict)
    workdays_only: bool = True

    @property
    def at_any_hour(self) -> bool:
        """Whether it reaches into days off, or the hours in which people are to be left alone (22:00 to 8:00, the banking association's guide of 2026)."""
        spans = (*self.hours, *self.message_hours, *itertools.chain.from_iterable(self.region_hours.values()))
        return not self.workdays_only or any(span.starts < _EARLIEST or span.ends > _LATEST for span in spans)


class Retry(_Part):
    """What to do after an outcome: at most ``most`` tries of one step, ``after_minutes`` apart, ``then`` what follows."""

    after_minutes: int = Field(default=0, ge=0, le=14 * 24 * 60)
    most: int = Field(default=1, ge=1, le=6)
    then: Then = Then.STOP

    @property
    def after(self) -> timedelta:
        """The pause before the next try."""
        return timedelta(minutes=self.after_minutes)


class Plan(_Part):
    """A whole strategy. ``retries`` by outcome; outcomes not named stop the step."""

    title: str = Field(min_length=1, max_length=40)
    audience: Audience = Audience()
    steps: tuple[StepPlan, ...] = Field(min_length=1)
    limits: Limits = Limits()
    retries: Mapping[str, Retry] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _distinct(self) -> Plan:
        keys = [step.key for step in self.steps]
        if len(set(keys)) != len(keys):
            raise ValueError("步骤的 key 有重复")
        return self

    def step(self, key: str) -> StepPlan:
        """The step with this key. Raises KeyError."""
        for step in self.steps:
            if step.key == key:
                return step
        raise KeyError(key)

    def stored(self) -> dict[str, Any]:
        """As the store keeps it."""
        return self.model_dump(mode="json")


def strategy_file(named: str) -> Path:
    """The file meant by a path, or by the name of a shipped strategy (``standard``)."""
    shipped = CAMPAIGNS / f"{named}.yml"
    return shipped if Path(named).name == named and shipped.exists() else Path(named)


def read_plan(raw: Any) -> Plan:
    """The strategy that ``raw`` (parsed YAML or JSON) describes. Raises :class:`PlanError`."""
    try:
        return Plan.model_validate(raw)
    except ValidationError as error:
        raise PlanError("；".join(_problem(each) for each in error.errors())) from error


def load_plan(path: Path) -> Plan:
    """The strategy in a YAML file. Raises :class:`PlanError`; OSError when it cannot be read."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise PlanError(f"{path.name} 不是有效的 YAML：{error}") from error
    return read_plan(raw)


_PROBLEMS = {
    "missing": "没有写",
    "extra_forbidden": "没有这一项",
    "enum": "不是可用的值",
    "too_short": "不能为空",
    "greater_than_equal": "太小",
    "less_than_equal": "太大",
}


def _problem(error: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "整个方案"
    kind = str(error["type"])
    if kind == "value_error":
        return f"{where}：{error['ctx']['error']}"
    return (
        f"{where}：{_PROBLEMS.get(kind, '写法不对')}（{error['input']!r}）"
        if kind != "missing"
        else f"{where}：没有写"
    )
