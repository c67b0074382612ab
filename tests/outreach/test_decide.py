from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.clock import SHANGHAI
from outreach.decide import decide
from outreach.hours import ContactHours
from outreach.limits import call_limits_met, message_limits_met
from outreach.plan import LANES, Channel, Lane, Limits, StepPlan, Tier, When
from outreach.retry import MESSAGES
from outreach.terms import Facts, Go, History, Later, Skip, Verdict

pytestmark = pytest.mark.unit


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


NOW = at("2026-11-19T09:30")  # a Thursday
STALE = at("2026-11-24T00:00")
FACTS = Facts(
    due=date(2026, 11, 16), tier=Tier.MIDDLE, region="成都市", unpaid=Decimal("12500.30"), active=True
)
CALL = StepPlan(key="call", title="逾期电话", day=3, channels=(Channel.CALL,))
MESSAGE = StepPlan(key="note", title="逾期短信", day=1, channels=(Channel.SMS, Channel.INBOX), template="t")
VISIT = StepPlan(key="visit", title="上门任务", day=3, channels=(Channel.OFFICER,), template="v")
NOTHING, DEFAULTS = History(), Limits()
TRIED_TWICE = History(tries=(at("2026-11-19T09:01"), at("2026-11-19T09:20")))


def verdict(
    step: StepPlan = CALL,
    facts: Facts = FACTS,
    history: History = NOTHING,
    now: datetime = NOW,
    stale_at: datetime = STALE,
    channels: tuple[Channel, ...] = (),
    limits: Limits = DEFAULTS,
) -> Verdict:
    return decide(step, facts, history, limits, now, stale_at=stale_at, channels=channels)


def skipped(found: Verdict) -> str:
    assert isinstance(found, Skip)
    return "；".join(found.reasons)


def test_an_ordinary_step_goes_by_its_own_channels_and_says_why() -> None:
    assert verdict() == Go((Channel.CALL,), ("“逾期电话”到了计划时间", "在联系时间和次数限制之内"))
    found = verdict(replace_when(CALL, tiers=(Tier.MIDDLE,), reached=False))
    assert isinstance(found, Go)
    assert found.reasons[1:3] == ("风险等级为中", "此前没有联系到本人")
    assert verdict(MESSAGE).channels == (Channel.SMS, Channel.INBOX)


def replace_when(step: StepPlan, **when: object) -> StepPlan:
    return step.model_copy(update={"when": When.model_validate(when)})


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (replace(FACTS, active=False), "已经结束"),
        (replace(FACTS, leave_alone="纳税人要求不再联系"), "纳税人要求不再联系"),
        (replace(FACTS, no_calls="该号码是别人的"), "该号码是别人的"),
        (replace(FACTS, deferral_pending=True), "缓缴申请正在办理"),
    ],
)
def test_what_forbids_a_call_ends_the_step(facts: Facts, words: str) -> None:
    assert words in skipped(verdict(facts=facts))


def test_a_stale_step_is_not_carried_out() -> None:
    assert "2026-11-19 09:30" in skipped(verdict(stale_at=NOW))
    assert isinstance(verdict(stale_at=NOW + timedelta(minutes=1)), Go)


@pytest.mark.parametrize(
    ("when", "facts", "words"),
    [
        ({"tiers": ("high",)}, FACTS, "风险等级为中，本步骤只用于高等级"),
        ({"short_of_cash": True}, FACTS, "纳税人没有表示过资金困难"),
        ({"short_of_cash": False}, replace(FACTS, short_of_cash=True), "纳税人表示过资金困难"),
        ({"deferral_possible": True}, FACTS, "现在不能申请延期缴纳"),
        ({"reached": False}, replace(FACTS, reached=True), "此前已联系到本人"),
    ],
)
def test_conditions_not_met_are_told(when: dict[str, object], facts: Facts, words: str) -> None:
    assert skipped(verdict(replace_when(CALL, **when), facts)) == words


def test_while_a_deferral_is_decided_only_messages_before_the_deadline_go() -> None:
    pending = replace(FACTS, deferral_pending=True)
    before = replace(pending, due=date(2026, 11, 19))
    assert isinstance(verdict(MESSAGE, before), Go)
    assert "缓缴" in skipped(verdict(MESSAGE, pending))
    assert "缓缴" in skipped(verdict(CALL, before))
    assert "缓缴" in skipped(verdict(VISIT, before))


def test_a_promise_is_waited_for_until_the_morning_after() -> None:
    assert verdict(facts=replace(FACTS, promised_on=date(2026, 11, 19))) == Later(
        at("2026-11-20T09:00"), ("纳税人承诺在2026-11-19前缴款", "推迟到2026-11-20 09:00")
    )
    friday = verdict(facts=replace(FACTS, promised_on=date(2026, 11, 20)))
    assert isinstance(friday, Later)
    assert friday.at == at("2026-11-23T09:00")
    assert isinstance(verdict(facts=replace(FACTS, promised_on=date(2026, 11, 18))), Go)
    assert "承诺" in skipped(verdict(facts=replace(FACTS, promised_on=date(2026, 11, 23))))


def test_a_human_who_is_with_them_goes_first() -> None:
    found = verdict(facts=replace(FACTS, with_human=True))
    assert isinstance(found, Later)
    assert found.at == at("2026-11-19T14:00")
    assert "税务人员" in skipped(
        verdict(facts=replace(FACTS, with_human=True), stale_at=at("2026-11-19T14:00"))
    )


def test_no_calls_does_not_forbid_the_message_a_retry_asked_for() -> None:
    facts = replace(FACTS, no_calls="该号码是别人的")
    assert verdict(facts=facts, channels=MESSAGES).channels == MESSAGES
    assert isinstance(verdict(MESSAGE, facts), Go)
    assert isinstance(verdict(VISIT, facts), Go)


def test_outside_the_hours_it_waits_for_the_next_ones() -> None:
    noon = verdict(now=at("2026-11-19T12:30"))
    assert isinstance(noon, Later)
    assert noon.at == at("2026-11-19T14:00")
    assert isinstance(verdict(now=at("2026-11-19T12:30"), channels=MESSAGES), Go)
    assert "不在联系时间内" in skipped(verdict(now=at("2026-11-19T18:30"), stale_at=at("2026-11-20T00:00")))


def test_limits_put_it_off_into_the_hours_of_another_day() -> None:
    found = verdict(history=TRIED_TWICE)
    assert found == Later(at("2026-11-20T09:00"), ("今天已拨打2次，上限2次", "推迟到2026-11-20 09:00"))
    assert "今天已拨打2次" in skipped(verdict(history=TRIED_TWICE, stale_at=at("2026-11-20T09:00")))
    assert isinstance(verdict(MESSAGE, history=TRIED_TWICE), Go)
    assert isinstance(verdict(history=TRIED_TWICE, channels=MESSAGES), Go)
    assert isinstance(verdict(VISIT, history=TRIED_TWICE), Go)


INSTANTS = st.datetimes(datetime(2026, 11, 16), datetime(2026, 11, 30), timezones=st.just(SHANGHAI))
AGO = st.lists(st.integers(0, 7 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes)), max_size=4)
WORDS = st.sampled_from(["", "", "纳税人要求不再联系"])
ANY_FACTS = st.builds(
    Facts,
    due=st.dates(date(2026, 11, 10), date(2026, 12, 5)),
    tier=st.sampled_from(Tier),
    region=st.sampled_from(["成都市", "新疆伊犁州"]),
    unpaid=st.just(Decimal("10.00")),
    active=st.sampled_from([True, True, True, False]),
    short_of_cash=st.booleans(),
    deferral_pending=st.booleans(),
    deferral_possible=st.booleans(),
    promised_on=st.none() | st.dates(date(2026, 11, 14), date(2026, 12, 2)),
    reached=st.booleans(),
    leave_alone=WORDS,
    no_calls=WORDS,
    with_human=st.booleans(),
)
LIMITS = st.builds(
    Limits,
    tries_a_day=st.integers(1, 2),
    tries_a_week=st.integers(1, 3),
    messages_a_day=st.integers(1, 2),
    region_hours=st.just({"新疆": Limits().hours[1:]}),
)


@settings(deadline=None)
@given(
    st.sampled_from([CALL, MESSAGE, VISIT]),
    st.sampled_from([(), MESSAGES, (Channel.OFFICER,)]),
    ANY_FACTS,
    AGO,
    AGO,
    LIMITS,
    INSTANTS,
    st.integers(-5, 200).map(lambda hours: timedelta(hours=hours)),
)
def test_it_never_goes_where_it_must_not(
    step: StepPlan,
    channels: tuple[Channel, ...],
    facts: Facts,
    tried: list[timedelta],
    sent: list[timedelta],
    limits: Limits,
    now: datetime,
    fresh_for: timedelta,
) -> None:
    history = History(tries=tuple(now - ago for ago in tried), messages=tuple(now - ago for ago in sent))
    stale_at = now + fresh_for
    found = verdict(step, facts, history, now, stale_at, channels, limits)
    lane = LANES[(channels or step.channels)[0]]
    hours = ContactHours.of(limits, lane)
    assert found.reasons
    assert all(any("\u4e00" <= sign <= "\u9fff" for sign in words) for words in found.reasons)
    if isinstance(found, Go):
        assert found.channels == (channels or step.channels)
        assert facts.active
        assert not facts.leave_alone
        assert not facts.with_human
        assert now < stale_at
        assert hours.open_at(now, facts.region)
        assert lane is not Lane.CALL or not (facts.no_calls or call_limits_met(history, limits, now))
        assert lane is not Lane.MESSAGE or not message_limits_met(history, limits, now)
        assert facts.promised_on is None or facts.promised_on < now.date()
        assert not facts.deferral_pending or (lane is Lane.MESSAGE and now.date() <= facts.due)
    if isinstance(found, Later):
        assert now < found.at < stale_at
        assert hours.open_at(found.at, facts.region)


@settings(deadline=None)
@given(ANY_FACTS, AGO, LIMITS, INSTANTS)
def test_what_was_put_off_is_settled_when_it_is_looked_at_again(
    facts: Facts, tried: list[timedelta], limits: Limits, now: datetime
) -> None:
    """Nothing is put off twice for the same reason: by itself a step comes to an end."""
    facts = replace(facts, with_human=False)
    history = History(tries=tuple(now - ago for ago in tried))
    stale_at = datetime.combine(now.date() + timedelta(days=30), time(), SHANGHAI)
    found = verdict(CALL, facts, history, now, stale_at, limits=limits)
    looks = 0
    while isinstance(found, Later):
        looks += 1
        assert looks <= 2
        found = verdict(CALL, facts, history, found.at, stale_at, limits=limits)
