"""Strategies on simulated taxpayers: the same every time, within all limits, and moved by what moves people."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from typer.testing import CliRunner

from gateway.cli.main import app
from outreach.plan import CAMPAIGNS, Limits, Plan, Tier, load_plan, read_plan
from outreach.risk import load_rules
from outreach.simulation.agenda import DAY, HOUR, SECOND
from outreach.simulation.audit import Broken, beyond, broken_rules, busiest
from outreach.simulation.behaviour import DEFAULT, Behaviour, load_behaviour
from outreach.simulation.chance import Modelled
from outreach.simulation.draws import For, draw, draws, people_seeds
from outreach.simulation.figures import Figures, figures_of
from outreach.simulation.page import page
from outreach.simulation.population import Population, deadline_of, in_audience, populate
from outreach.simulation.run import FIRST_DAY, Compared, Setting, simulate
from outreach.simulation.world import World
from outreach.templates import starting_templates
from tax.late_fee import LateFeeQuery, Payment, compute

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PEOPLE, DAYS = 500, 30
SHIPPED = ("standard", "gentle", "firm")
_SCRIPT = """
import json
from outreach.plan import CAMPAIGNS, load_plan
from outreach.risk import load_rules
from outreach.simulation.behaviour import load_behaviour
from outreach.simulation.run import FIRST_DAY, Setting, simulate
behaviour = load_behaviour()
setting = Setting(200, 30, 1, FIRST_DAY, behaviour.carrier)
plans = [("standard", load_plan(CAMPAIGNS / "standard.yml"))]
compared = simulate(plans, setting, behaviour, load_rules())
print(json.dumps([each.as_json() for each in compared.all]))
"""


def behaving(**sections: dict[str, Any]) -> Behaviour:
    """The shipped figures with some of them changed."""
    raw = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    for section, changes in sections.items():
        raw[section].update(changes)
    return Behaviour.model_validate(raw)


def plan_named(name: str) -> Plan:
    return load_plan(CAMPAIGNS / f"{name}.yml")


def play(
    *names: str, people: int = PEOPLE, seed: int = 1, behaviour: Behaviour | None = None, **carrier: float
) -> Compared:
    behaviour = behaviour or load_behaviour()
    setting = Setting(people, DAYS, seed, FIRST_DAY, behaviour.carrier.model_copy(update=carrier))
    return simulate([(name, plan_named(name)) for name in names], setting, behaviour, load_rules())


def world_of(
    plan: Plan | None, *, people: int = PEOPLE, seed: int = 1, behaviour: Behaviour | None = None
) -> World:
    behaviour = behaviour or load_behaviour()
    population = populate(behaviour, people, FIRST_DAY, seed)
    return World(
        plan,
        population,
        population.tiers(load_rules()),
        behaviour,
        Modelled(behaviour, population),
        behaviour.carrier,
        FIRST_DAY,
        DAYS,
    )


def played(plan: Plan | None, **how: Any) -> World:
    world = world_of(plan, **how)
    world.run()
    return world


def test_the_same_in_every_process() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", _SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "4711")
    }
    assert len(outputs) == 1
    here = json.loads(json.dumps([each.as_json() for each in play("standard", people=200).all]))
    assert json.loads(outputs.pop()) == here


def test_another_seed_is_another_world() -> None:
    assert play("standard", people=300, seed=1).strategies != play("standard", people=300, seed=2).strategies


def test_a_strategy_does_not_depend_on_what_it_is_compared_with() -> None:
    alone = play("gentle", people=300)
    beside = play("firm", "gentle", people=300)
    assert alone.nothing == beside.nothing
    assert alone.strategies[0] == beside.strategies[1]


def test_draws_are_the_same_one_by_one() -> None:
    seeds = people_seeds(7, 500)
    together = draws(seeds, For.TALK, 3)
    assert [draw(seed, For.TALK, 3) for seed in seeds.tolist()] == together.tolist()
    assert together.tolist() != draws(seeds, For.TALK, 4).tolist()
    assert together.tolist() != draws(seeds, For.PROOF, 3).tolist()
    assert abs(float(draws(people_seeds(1, 20_000), For.PAYING).mean()) - 0.5) < 0.01


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", SHIPPED)
def test_no_rule_is_broken(name: str, seed: int) -> None:
    compared = play(name, seed=seed, lines=7, bots=7)
    figures = compared.strategies[0]
    assert figures.calls > 100
    assert figures.broken == Broken()
    assert figures.peak_lines <= 7


def test_nobody_is_contacted_after_paying() -> None:
    at_once = behaving(payment={"known_after_minutes": 0})
    world = played(plan_named("firm"), behaviour=at_once)
    paid = world.standing.paid_at
    contacts = [
        (who, began)
        for who, step, began in zip(world.trace.who, world.trace.step, world.trace.began, strict=True)
        if step >= 0
    ]
    assert any(paid[who] >= 0 for who, _ in contacts)
    assert [who for who, began in contacts if 0 <= paid[who] < began] == []


def test_who_has_opted_out_is_left_alone() -> None:
    behaviour = behaving(calls={"opted_out": 0.5, "human": 0.0})
    world = played(plan_named("firm"), behaviour=behaviour)
    trace = world.trace
    left_at: dict[int, int] = {}
    after: list[int] = []
    order = sorted(range(len(trace)), key=lambda row: trace.began[row])
    for row in order:
        who = trace.who[row]
        if who in left_at and trace.began[row] > left_at[who]:
            after.append(who)
        if world.standing.opted_out[who] and trace.outcome[row] == 3:
            left_at[who] = trace.ended[row]
    assert len(left_at) > 20
    assert after == []


def test_doing_nothing_contacts_nobody_and_brings_in_less() -> None:
    compared = play(*SHIPPED)
    nothing = compared.nothing
    assert (nothing.calls, nothing.messages, nothing.officer_tasks, nothing.complaints) == (0, 0, 0, 0)
    assert nothing.funnel.reminded == 0
    assert 0 < nothing.paid_by_deadline < nothing.coming_due
    for each in compared.strategies:
        assert each.paid_by_day[-1] > nothing.paid_by_day[-1]
        assert each.late_fee < nothing.late_fee
        assert each.broken == Broken()


def test_firmer_strategies_call_more_and_annoy_more() -> None:
    gentle, standard, firm = play("gentle", "standard", "firm", people=1500).strategies
    assert gentle.calls < standard.calls < firm.calls
    assert gentle.funnel.reached < standard.funnel.reached < firm.funnel.reached
    assert gentle.opt_outs < firm.opt_outs
    assert gentle.paid_by_day[-1] < firm.paid_by_day[-1]


def test_more_answered_calls_reach_more() -> None:
    reached = [
        play("standard", behaviour=behaving(calls={"answered": share})).strategies[0].funnel.reached
        for share in (0.2, 0.5, 0.9)
    ]
    assert reached[0] < reached[1] < reached[2]


def test_reminders_without_effect_change_nothing_but_promises() -> None:
    nothing_moves = {"message": 0.0, "voicemail": 0.0, "told": 0.0, "not_told": 0.0, "visit": 0.0}
    behaviour = behaving(
        effect=nothing_moves,
        promises={"before_due": 0.0, "overdue": 0.0},
        cash={"applies_after_call": 0.0, "applies_after_message": 0.0},
    )
    compared = play("firm", behaviour=behaviour)
    assert compared.strategies[0].calls > 0
    assert compared.strategies[0].paid_by_day == compared.nothing.paid_by_day


def test_contacts_raise_complaints() -> None:
    calm = play("firm").strategies[0]
    touchy = play("firm", behaviour=behaving(complaints={"call": 0.05})).strategies[0]
    assert calm.complaints < touchy.complaints
    assert sum(touchy.complaints_by_day) == touchy.complaints


def test_few_lines_spread_the_calls() -> None:
    few, many = (play("firm", lines=lines, bots=lines).strategies[0] for lines in (2, 40))
    assert few.peak_lines == 2
    assert few.broken == Broken()
    assert few.calls < many.calls


def test_fewer_bots_than_lines_leave_no_call_waiting() -> None:
    figures = play("firm", lines=40, bots=3).strategies[0]
    assert figures.peak_lines == 3
    assert figures.broken.abandoned == 0


def test_the_pace_is_kept() -> None:
    world = played(plan_named("firm"), behaviour=behaving(carrier={"a_second": 0.5}))
    began = sorted(b for b, c in zip(world.trace.began, world.trace.channel, strict=True) if c == 0)
    assert len(began) > 100
    assert min(later - sooner for sooner, later in pairwise(began)) >= 2 * SECOND


def test_funnel_and_days_add_up() -> None:
    for figures in play(*SHIPPED).all:
        funnel = figures.funnel
        assert funnel.reminded >= funnel.notified >= funnel.reached >= funnel.verified >= funnel.promised
        assert funnel.promised >= funnel.kept
        for station in ("reminded", "notified", "reached", "verified", "promised", "kept", "paid"):
            assert getattr(funnel, station) == sum(getattr(tier, station) for tier in figures.tiers.values())
        assert list(figures.paid_by_day) == sorted(figures.paid_by_day)
        assert figures.paid_by_deadline <= figures.paid_in_cycle <= figures.paid_by_day[-1]
        assert sum(map(sum, figures.calls_by_hour)) == figures.calls == sum(figures.outcomes.values())
        assert sum(map(sum, figures.messages_by_hour)) == figures.messages
        assert figures.connected <= figures.calls


def test_the_late_fee_is_that_of_the_law() -> None:
    world = played(plan_named("standard"), people=200)
    last = FIRST_DAY + timedelta(days=DAYS - 1)
    total = Decimal(0)
    for who, due in enumerate(world.people.due):
        if world.standing.deferred[who]:
            continue
        principal = Decimal(int(world.people.unpaid[who])).scaleb(-2)
        paid = world.standing.paid_at[who]
        payments = (Payment(FIRST_DAY + timedelta(days=int(paid // DAY)), principal),) if paid >= 0 else ()
        total += compute(
            LateFeeQuery(principal=principal, due=due, nominal=None, on=last, payments=payments)
        ).late_fee
    assert total > 0
    assert figures_of("", world, 60).late_fee == total


def test_the_audit_sees_what_is_wrong() -> None:
    """Contacts written in by hand that no engine would have made."""
    plan = read_plan({"title": "测", "steps": [{"key": "a", "title": "测", "day": 1, "channels": ["call"]}]})
    world = world_of(plan, people=20)
    monday = 9 * HOUR
    calls = [
        (0, [(0, 0), (0, 1), (0, 2)], "tries_a_day"),
        (1, [(0, 0), (1, 0), (2, 0), (3, 0)], "tries_a_week"),
        (3, [(5, 0)], "hours"),
        (4, [(0, 3)], "hours"),
    ]
    for who, times, _ in calls:
        for day, hour in times:
            world.trace.add(who, 0, 1, "call", day * DAY + monday + hour * HOUR, 0, "no_answer")
    for hour in (0, 1):
        at = monday + hour * HOUR
        world.trace.add(2, 0, 1, "call", at, at + 60 * SECOND, "completed", at + SECOND)
    for hour in (0, 1, 2):
        world.trace.add(5, 0, 1, "sms", monday + hour * HOUR, 0, "delivered")
        world.trace.add(6, 0, 1, "sms", monday + hour * HOUR, 0, "failed")
    world.standing.known_at[7] = monday
    world.trace.add(7, 0, 1, "inbox", monday + 1, 0, "delivered")
    found = broken_rules(world, 1)
    assert found == Broken(
        tries_a_day=1, tries_a_week=1, connected_a_day=1, messages_a_day=1, hours=2, closed=1
    )
    assert found.limits == 7
    world.trace.add(8, 0, 1, "call", monday, monday + 60 * SECOND, "completed", monday + SECOND)
    assert broken_rules(world, 1).abandoned == 1


_SPANS = st.lists(
    st.tuples(st.integers(0, 50), st.integers(1, 20)).map(lambda span: (span[0], span[0] + span[1])),
    max_size=30,
)


@given(_SPANS, st.integers(0, 5))
def test_how_many_at_once(spans: list[tuple[int, int]], most: int) -> None:
    began, ended = (np.array([span[end] for span in spans], dtype=np.int64) for end in (0, 1))
    at_once = [sum(b <= at < e for b, e in spans) for at in range(71)]
    assert busiest(began, ended) == max(at_once)
    assert (beyond(began, ended, most) > 0) == (max(at_once) > most)


def test_deadlines_are_the_official_ones() -> None:
    shares = load_behaviour().deadlines.of
    assert [deadline_of(each, date(2026, 11, 2)) for each in shares] == [
        date(2026, 11, 16),
        date(2026, 11, 30),
        date(2026, 10, 26),
    ]
    assert deadline_of(shares[2], date(2026, 1, 5)) == date(2025, 12, 15)
    assert deadline_of(shares[1], date(2026, 2, 2)) == date(2026, 2, 28)


def _population() -> Population:
    return populate(load_behaviour(), 4000, FIRST_DAY, 1)


def test_people_are_as_described() -> None:
    behaviour, people = load_behaviour(), _population()
    for index, segment in enumerate(behaviour.people.segments):
        share = sum(each == index for each in people.segment) / len(people)
        assert abs(share - segment.share) < 0.03
    companies = [s for s, k in zip(people.size, people.segment, strict=True) if k == 0]
    assert set(companies) == set(behaviour.people.sizes)
    assert {s for s, k in zip(people.size, people.segment, strict=True) if k != 0} == {""}
    assert all(each.longest_overdue > 0 for each in people.indicators if each.overdue_before)
    assert all(each.first_time == (each.overdue_before == 0) for each in people.indicators)
    tiers = people.tiers(load_rules())
    assert {Tier.LOW, Tier.MIDDLE, Tier.HIGH} == set(tiers)
    assert min(people.unpaid) >= 100


def test_who_was_late_before_pays_later() -> None:
    people = _population()
    late = np.array([each.overdue_before >= 3 for each in people.indicators])
    assert people.pace[late].mean() < people.pace[~late].mean()


def test_the_audience_of_a_plan_is_kept_to() -> None:
    plan = plan_named("standard").model_dump(mode="json")
    plan["audience"] |= {"regions": ["成都市"], "kinds": ["company"], "min_unpaid": "5000"}
    world = played(read_plan(plan))
    people = world.people
    inside = in_audience(people, load_behaviour(), read_plan(plan).audience)
    assert 0 < inside.sum() < len(people)
    assert not (world.standing.enrolled & ~inside).any()
    assert world.standing.enrolled.any()
    assert {people.region[who] for who in set(world.trace.who)} == {"成都市"}


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_strategies_can_be_carried_out(name: str) -> None:
    plan = plan_named(name)
    known = {each.key for each in starting_templates()}
    assert {step.template for step in plan.steps if step.template} <= known
    usual = Limits()
    for limit in ("tries_a_day", "tries_a_week", "connected_a_day", "messages_a_day"):
        assert getattr(plan.limits, limit) <= getattr(usual, limit)
    assert (plan.limits.hours, plan.limits.message_hours) == (usual.hours, usual.message_hours)


def test_the_gentle_strategy_does_not_call_before_the_deadline() -> None:
    assert all(step.day > 0 for step in plan_named("gentle").steps if step.lane == "call")


def test_every_section_says_where_it_comes_from() -> None:
    raw = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    assert set(load_behaviour().sources()) == set(raw)
    del raw["calls"]["from"]
    with pytest.raises(ValidationError):
        Behaviour.model_validate(raw)


def test_shares_must_add_up() -> None:
    with pytest.raises(ValidationError):
        behaving(people={"sizes": {"micro": 0.5, "small": 0.2}})


def _run(arguments: Sequence[str]) -> Any:
    return CliRunner().invoke(app, ["simulate", "--taxpayers", "200", *arguments])


def test_command_writes_all(tmp_path: Path) -> None:
    to_json, to_html = tmp_path / "out.json", tmp_path / "out.html"
    run = _run(["--compare", "gentle", "--json", str(to_json), "--html", str(to_html)])
    assert run.exit_code == 0, run.output
    assert "每小时拨打" in run.stdout and "超出限制" in run.stdout
    written = json.loads(to_json.read_text(encoding="utf-8"))
    assert [each["name"] for each in written["strategies"]] == [
        plan_named("standard").title,
        plan_named("gentle").title,
    ]
    assert written["setting"]["taxpayers"] == 200
    html = to_html.read_text(encoding="utf-8")
    assert html.count("<script") == 3
    assert " src=" not in html.split("<script", 1)[0] and "href=" not in html.split("<script", 1)[0]


def test_command_takes_a_file_and_the_same_title_twice(tmp_path: Path) -> None:
    file = tmp_path / "mine.yml"
    file.write_text((CAMPAIGNS / "standard.yml").read_text(encoding="utf-8"), encoding="utf-8")
    to_json = tmp_path / "out.json"
    run = _run(["--plan", "standard", "--plan", str(file), "--lines", "5", "--json", str(to_json)])
    assert run.exit_code == 0, run.output
    first, second = json.loads(to_json.read_text(encoding="utf-8"))["strategies"]
    assert first["name"] != second["name"]
    assert {key: value for key, value in first.items() if key != "name"} == {
        key: value for key, value in second.items() if key != "name"
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "读不了方案"), ("title: 空\nsteps: []\n", "steps"), ("a: [", "不是有效的 YAML")],
)
def test_command_explains_what_cannot_be_used(tmp_path: Path, text: str | None, words: str) -> None:
    file = tmp_path / "bad.yml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    run = _run(["--plan", str(file)])
    assert run.exit_code == 2
    assert words in run.stderr


def test_page_holds_the_figures_and_cannot_be_broken_out_of() -> None:
    behaviour = load_behaviour()
    setting = Setting(100, DAYS, 1, FIRST_DAY, behaviour.carrier)
    compared = simulate([("</script><b>", plan_named("standard"))], setting, behaviour, load_rules())
    html = page(compared, behaviour)
    assert html.count("</script>") == 3
    data = html.split('id="data">', 1)[1].split("</script>", 1)[0]
    shown: list[Figures] = json.loads(data)["strategies"]
    assert shown[1]["name"] == "</script><b>"  # type: ignore[index]
