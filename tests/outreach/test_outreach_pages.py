"""What the pages say and draw, apart from the browser: strategies as text, charts, tables, words, who sees a name."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from handoff.console.frame import PAGES
from handoff.console.visitor import Visitor
from handoff.exports import to_csv, to_xlsx
from handoff.permissions import Role
from outreach.console.charts import busiest, funnel_chart, heat_map
from outreach.console.links import LINK
from outreach.console.pages import load
from outreach.console.pause_view import end_of, until_words
from outreach.console.plan_page import LONGEST, as_text, read_text, shipped
from outreach.console.reminders_view import shown_name
from outreach.console.report import tables
from outreach.console.words import event_words, outcome_words, short_day, way
from outreach.plan import CAMPAIGNS, Lane, PlanError, Tier, load_plan
from outreach.progress import Funnel, OutcomeCount, Progress, Spread, StepCount
from outreach.reading import Line, Load, Stage, Standing
from outreach.reminder_file import EventLine
from store.handoff_models import Presence
from store.outreach_models import CampaignStatus, StepState

pytestmark = pytest.mark.unit
MONDAY = date(2026, 11, 23)


@pytest.mark.parametrize("path", sorted(CAMPAIGNS.glob("*.yml")), ids=lambda path: path.stem)
def test_a_strategy_as_text_is_the_same_strategy(path: Path) -> None:
    plan = load_plan(path)
    assert read_text(as_text(plan)) == plan
    assert "connected_a_day" not in as_text(plan), "what is at its default is not spelt out"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "整个方案"),
        ("title: 只有名字", "steps：没有写"),
        ("title: [", "第1行"),
        (
            "title: 甲\nsteps:\n  - {key: a, title: 乙, day: 1, channels: [fax]}",
            r"steps\.0\.channels\.0：不是可用的值",
        ),
        ("title: 甲\nsteps:\n  - {key: a, title: 乙, day: 1, channels: [sms]}", "要写明模板"),
        ("title: 甲\nhurry: 1\nsteps: []", "hurry：没有这一项"),
        ("#" * (LONGEST + 1), "最多"),
        ("title: !!python/object/apply:os.getcwd []", "不是有效的 YAML"),
    ],
)
def test_what_is_wrong_with_a_strategy_is_said_where_it_is(text: str, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        read_text(text)


def test_strategies_that_call_at_any_hour_are_for_the_demonstration_only() -> None:
    real, shown = shipped(demonstration=False), shipped(demonstration=True)
    assert next(iter(real)) == next(iter(shown)) == "申报期提醒（标准）"
    assert all(load_plan(path).limits.workdays_only for path in real.values())
    assert any(not load_plan(path).limits.workdays_only for path in shown.values())


def test_heat_map_puts_steps_at_their_day_and_hour() -> None:
    load_of = [
        Load(MONDAY, 9, Lane.CALL, 3),
        Load(MONDAY, 9, Lane.MESSAGE, 4),
        Load(date(2026, 11, 25), 19, Lane.MESSAGE, 5),
        Load(date(2027, 1, 1), 9, Lane.CALL, 9),
    ]
    drawn = heat_map(load_of, MONDAY, 7, None)
    days, hours = drawn["xAxis"]["data"], drawn["yAxis"]["data"]
    cells = {(days[x], hours[y]): steps for x, y, steps in drawn["series"][0]["data"]}
    assert cells == {("11-23 周一", "9时"): 7, ("11-25 周三", "19时"): 5}
    assert drawn["visualMap"]["max"] == 9
    calls = heat_map(load_of, MONDAY, 7, Lane.CALL)
    assert [steps for _, _, steps in calls["series"][0]["data"]] == [3]
    assert busiest(load_of) == (date(2027, 1, 1), 9, 9)
    assert busiest([]) is None
    assert heat_map([], MONDAY, 7, None)["series"][0]["data"] == []


def some_progress() -> Progress:
    states = dict.fromkeys(StepState, 0) | {StepState.DONE: 7}
    return Progress(
        campaign_id=uuid.UUID(int=1),
        name="活动",
        title="方案",
        status=CampaignStatus.RUNNING,
        started_at=None,
        enrolled_at=None,
        funnels=(Funnel(None, 10, 9, 8, 7, 6, 5, 4), Funnel(Tier.HIGH, 3, 2, 1, 0, 0, 0, 3)),
        closed={"paid": 5, "deferred": 1},
        steps=(StepCount("a", "=第一步", states),),
        outcomes=(OutcomeCount("call", "no_answer", 2), OutcomeCount("sms", None, 1)),
        calls=2,
        messages=1,
        response=Spread(1, 1.25, 2.0),
        cycle=Spread(0, None, None),
    )


def test_tables_say_what_was_counted_and_can_be_taken_away() -> None:
    shown = tables(some_progress())
    funnel, steps, outcomes, closed, spent = shown
    assert funnel.rows == [("全部", 10, 9, 8, 7, 6, 5, 4), ("高风险", 3, 2, 1, 0, 0, 0, 3)]
    assert steps.rows == [("=第一步", 0, 0, 7, 0, 0, 0, 7)]
    assert outcomes.rows == [("电话", "无人接听", 2), ("短信", "进行中", 1)]
    assert closed.rows == [("已缴清", 5), ("已批延期", 1)]
    assert ("到有人接听（中位数）", 1.2, "小时") in spent.rows
    assert ("到期到缴清（中位数）", None, "天") in spent.rows
    for table in shown:
        assert all(len(row) == len(table.headings) for row in table.rows)
    assert "'=第一步" in to_csv(steps).decode()
    assert to_xlsx(*shown).startswith(b"PK")
    assert funnel_chart(some_progress().funnels[0])["series"][0]["data"] == [10, 9, 8, 7, 6, 5]


@pytest.mark.parametrize(
    ("kind", "step", "detail", "words"),
    [
        ("closed", "", {"reason": "paid"}, "提醒关闭（已缴清）"),
        (
            "later",
            "逾期电话",
            {"at": "2026-11-24T01:30:00+00:00", "reasons": ["不在工作时间"]},
            "逾期电话：推后（不在工作时间，2026-11-24 09:30 再看）",
        ),
        ("ended", "逾期电话", {"outcome": "no_answer"}, "逾期电话：有了结果（无人接听）"),
        ("queued", "", {"channel": "sms"}, "已交发送（短信）"),
        ("something_new", "", {}, "something_new"),
    ],
)
def test_events_in_words(kind: str, step: str, detail: dict[str, object], words: str) -> None:
    assert event_words(EventLine(datetime(2026, 11, 23, tzinfo=UTC), kind, step, detail)) == words


def test_every_outcome_and_way_has_words() -> None:
    assert outcome_words(None) == "进行中"
    assert [outcome_words(each) for each in ("unreachable", "voicemail")] == ["这个渠道联系不上", "语音信箱"]
    assert [way(each) for each in ("call", "phone", "web", "inbox", "")] == [
        "电话",
        "电话",
        "网页",
        "网页消息",
        "",
    ]
    assert short_day(MONDAY) == "11-23 周一"


def a_visitor(role: Role) -> Visitor:
    return Visitor("", uuid.UUID(int=0), "x", "某人", (role.value,), Presence.OFFLINE)


def test_names_are_for_those_who_may_see_cases() -> None:
    line = Line(
        uuid.UUID(int=1), uuid.UUID(int=2), "成都青竹里餐饮有限公司", "9***", "成都市", MONDAY, Tier.LOW, 5,
        Standing.ACTIVE, Stage.WAITING,
    )  # fmt: skip
    assert shown_name(line, a_visitor(Role.OFFICER)) == line.name
    masked = shown_name(line, a_visitor(Role.AUDITOR))
    assert "青竹" not in masked and "*" in masked
    assert "王" not in shown_name(replace(line, name="老王五"), a_visitor(Role.AUDITOR))


def test_a_pause_ends_after_its_last_day() -> None:
    assert end_of(None) is None and end_of("") is None
    assert end_of("2026-12-31") == datetime(2026, 12, 31, 16, 0, tzinfo=UTC)
    assert until_words(end_of("2026-12-31")) == "到 2026-12-31（含当天）"
    assert until_words(datetime(2026, 12, 31, 2, tzinfo=UTC)) == "到 2026-12-31 10:00"
    assert until_words(None) == "一直"
    with pytest.raises(ValueError, match="请选一个日期"):
        end_of("31.12.")


def test_the_head_links_to_outreach_once_however_often_it_is_loaded() -> None:
    load()
    load()
    found = [page for page in PAGES if page.path == LINK]
    assert len(found) == 1
    shown_to = {role for role in Role if found[0].open_to(a_visitor(role))}
    assert shown_to == {Role.OFFICER, Role.SUPERVISOR, Role.AUDITOR, Role.ADMIN}
