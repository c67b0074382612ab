"""Outreach in the console: a campaign from its strategy to its numbers, the red button, one reminder, words of messages."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from console_server import ConsoleServer
from playwright.sync_api import Browser, expect
from seat import PATIENCE_MS, Seat

from handoff import staff as accounts
from outreach import campaigns
from outreach.clock import SHANGHAI, SetClock
from outreach.enrol import enrol
from outreach.plan import CAMPAIGNS, load_plan
from outreach.risk import load_rules
from outreach.templates import seed_templates
from store.databases import plain_url
from store.engine import SessionFactory
from tests.chat.database import fresh_database, opened, seed

pytestmark = pytest.mark.browser
PASSWORD = "long-enough-for-a-test"
STAFF = {"zhang": "supervisor", "laoli": "officer", "shen": "auditor", "guan": "admin"}
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=SHANGHAI)
NAME = "十一月申报提醒"
OTHER = "另一个活动"
Work = Callable[[SessionFactory], Coroutine[Any, Any, Any]]


@dataclass(frozen=True)
class House:
    """A console on its own database."""

    url: str
    database: str

    def run(self, work: Work) -> Any:
        """Do something in the store; in a thread, as Playwright's loop runs in this one."""

        async def run() -> Any:
            async with opened(self.database) as sessions:
                return await work(sessions)

        with ThreadPoolExecutor(1) as pool:
            return pool.submit(lambda: asyncio.run(run())).result()

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement."""
        with psycopg.connect(plain_url(self.database), autocommit=True) as connection:
            done = connection.execute(statement, values)
            return done.fetchall() if done.description else []


async def _prepare(sessions: SessionFactory) -> None:
    async with sessions() as session, session.begin():
        for login, role in STAFF.items():
            await accounts.create(
                session, login=login, name=login, password=PASSWORD, roles=[role], actor="system"
            )
        await seed_templates(session)


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    database = fresh_database()
    made = House("", database)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(seed(database))).result()
    made.run(_prepare)
    with (
        tempfile.TemporaryDirectory(prefix="shuiling-") as folder,
        ConsoleServer(database, Path(folder)) as server,
    ):
        yield House(server.url, database)


@pytest.fixture
def seat(browser: Browser, house: House) -> Iterator[Callable[[str], Seat]]:
    sitting: list[Seat] = []

    def make(login: str) -> Seat:
        found = Seat(browser, house.url)
        sitting.append(found)
        found.log_in(login, PASSWORD)
        return found

    yield make
    for each in sitting:
        each.close()


def enrolled(house: House, campaign_id: UUID) -> int:
    """What the worker does when the alarm of the start rings; how many reminders there are then."""

    async def work(sessions: SessionFactory) -> int:
        return (await enrol(sessions, SetClock(NOW), campaign_id, load_rules())).reminders

    return int(house.run(work))


@pytest.fixture
def running(house: House) -> Iterator[UUID]:
    """Another campaign at work with its reminders; gone afterwards."""

    async def work(sessions: SessionFactory) -> UUID:
        async with sessions() as session, session.begin():
            made = await campaigns.create(session, "cli", OTHER, load_plan(CAMPAIGNS / "standard.yml"))
            await campaigns.start(session, "cli", made.id)
            return made.id

    async def end(sessions: SessionFactory) -> None:
        async with sessions() as session, session.begin():
            await campaigns.stop(session, "cli", campaign_id, "测试结束")

    campaign_id: UUID = house.run(work)
    assert enrolled(house, campaign_id) > 0
    yield campaign_id
    house.run(end)
    house.sql("update outreach_campaign set name = id::text where id = %s", campaign_id)


def number(text: str | None) -> int:
    return int((text or "0").replace(",", ""))


def test_from_a_strategy_to_numbers_that_move(house: House, seat: Callable[[str], Seat]) -> None:
    boss = seat("zhang")
    boss.go("/outreach")
    expect(boss.page.get_by_role("link", name="外呼")).to_have_attribute("aria-current", "page")
    boss.marked("new-campaign").click()
    boss.page.wait_for_url("**/outreach/new")
    boss.ready()
    text = boss.page.locator('textarea[aria-label="方案（YAML）"]')
    standard = text.input_value()
    assert "title: 申报期提醒（标准）" in standard
    text.fill(standard.replace("channels: [call]", "channels: [fax]"))
    boss.marked("do-preview").click()
    expect(boss.marked("plan-errors")).to_contain_text("不是可用的值", timeout=PATIENCE_MS)
    text.fill(standard)
    boss.marked("do-preview").click()
    expect(boss.marked("preview-sample")).to_be_visible(timeout=PATIENCE_MS)
    expect(boss.marked("plan-errors")).to_be_empty()
    expect(boss.marked("preview-sample").locator("tbody tr").first).to_contain_text("*")
    boss.page.get_by_label("活动名称").fill(NAME)
    boss.marked("save-plan").click()
    expect(boss.marked("campaign-status")).to_have_text("草稿", timeout=PATIENCE_MS)
    boss.ready()

    boss.marked("start").click()
    expect(boss.page.get_by_role("dialog")).to_contain_text("会提醒到谁", timeout=PATIENCE_MS)
    boss.marked("sure").click()
    expect(boss.marked("campaign-status")).to_have_text("进行中", timeout=PATIENCE_MS)
    ((campaign_id,),) = house.sql("select id from outreach_campaign where name = %s", NAME)
    assert house.sql("select 1 from procrastinate_jobs where task_name = 'outreach.enrol'")
    many = enrolled(house, campaign_id)
    all_of_them = boss.marked("funnel-table").locator("tbody tr").first.locator("td")
    expect(all_of_them.nth(1)).to_have_text(str(many), timeout=PATIENCE_MS)

    house.sql(
        "update outreach_reminder set notified_at = now() where id in "
        "(select id from outreach_reminder where campaign_id = %s order by id limit 7)",
        campaign_id,
    )
    expect(all_of_them.nth(2)).to_have_text("7", timeout=PATIENCE_MS)
    house.sql(
        "insert into payment (id, payment_no, bill_id, paid_on, amount, channel) "
        "select gen_random_uuid(), 'P' || b.id, b.id, '2026-11-23', b.unpaid, '电子税务局' from outreach_bill b "
        "join outreach_reminder_bill rb on rb.bill_id = b.id where rb.reminder_id = "
        "(select id from outreach_reminder where campaign_id = %s order by id limit 1)",
        campaign_id,
    )
    expect(all_of_them.nth(6)).to_have_text("1", timeout=PATIENCE_MS)
    expect(boss.marked("closed-table")).to_contain_text("已缴清")
    assert number(boss.marked("step-table").locator("tbody tr td:nth-child(6)").all_inner_texts()[-1]) >= 1

    with boss.page.expect_download() as csv:
        boss.marked("csv").click()
    assert "列入计划" in Path(csv.value.path()).read_text(encoding="utf-8-sig")
    boss.marked("tab-load").click()
    expect(boss.marked("busiest")).to_contain_text("最忙", timeout=PATIENCE_MS)
    expect(boss.marked("heat").locator("canvas, svg").first).to_be_visible()

    boss.marked("pause").click()
    boss.marked("sure").click()
    expect(boss.marked("campaign-status")).to_have_text("已暂停", timeout=PATIENCE_MS)
    boss.marked("resume").click()
    boss.marked("sure").click()
    expect(boss.marked("campaign-status")).to_have_text("进行中", timeout=PATIENCE_MS)
    boss.marked("stop").click()
    boss.page.get_by_label("停止的原因").fill("换一个方案")
    boss.marked("do-reason").click()
    expect(boss.marked("campaign-status")).to_have_text("已结束", timeout=PATIENCE_MS)
    assert house.sql(
        "select count(*) from outreach_step where campaign_id = %s and state = 'planned'", campaign_id
    ) == [(0,)]


def test_the_red_button_by_keyboard_and_seen_by_others(house: House, seat: Callable[[str], Seat]) -> None:
    officer, admin, auditor = seat("laoli"), seat("guan"), seat("shen")
    for each in (officer, admin, auditor):
        each.go("/outreach")
    expect(auditor.page.get_by_text("外呼正常")).to_be_visible(timeout=PATIENCE_MS)
    expect(auditor.marked("stop-all")).to_have_count(0)
    expect(admin.marked("campaigns")).to_have_count(0)
    button = officer.marked("stop-all")
    button.focus()
    officer.page.keyboard.press("Enter")
    why = officer.page.get_by_label("停下的原因")
    expect(why).to_be_focused(timeout=PATIENCE_MS)
    expect(officer.marked("do-reason")).to_be_disabled()
    officer.page.keyboard.insert_text("有人反映打错了")
    officer.page.keyboard.press("Enter")
    for each in (officer, admin, auditor):
        expect(each.marked("stopped-by")).to_contain_text("有人反映打错了", timeout=PATIENCE_MS)
        expect(each.marked("stopped-by")).to_contain_text("laoli")
    assert house.sql("select stopped from outreach_switch") == [(True,)]
    admin.marked("release").click()
    assert house.sql("select stopped from outreach_switch") == [(True,)], "it asks first"
    admin.marked("sure").click()
    expect(officer.page.get_by_text("外呼正常")).to_be_visible(timeout=PATIENCE_MS)
    assert house.sql("select stopped from outreach_switch") == [(False,)]
    assert house.sql(
        "select actor from audit_event where action in ('outreach.stopped', 'outreach.released') order by id"
    ) == [("staff:laoli",), ("staff:guan",)]


def test_down_to_one_reminder_and_leaving_a_taxpayer_alone(
    house: House, seat: Callable[[str], Seat], running: UUID
) -> None:
    boss = seat("zhang")
    boss.go(f"/outreach/campaign/{running}")
    boss.marked("tab-reminders").click()
    rows = boss.marked("reminder-table").locator("tbody tr")
    expect(rows.first).to_be_visible(timeout=PATIENCE_MS)
    total = boss.marked("reminders-total").inner_text()
    boss.page.get_by_label("状态").click()
    boss.page.get_by_role("option", name="已缴清").click()
    expect(boss.marked("reminders-total")).not_to_have_text(total, timeout=PATIENCE_MS)
    boss.page.get_by_label("状态").click()
    boss.page.get_by_role("option", name="全部").click()
    expect(boss.marked("reminders-total")).to_have_text(total, timeout=PATIENCE_MS)
    with boss.page.expect_download() as listed:
        boss.marked("list-csv").click()
    assert "识别号" in Path(listed.value.path()).read_text(encoding="utf-8-sig")

    name = rows.first.get_by_role("link").inner_text()
    rows.first.get_by_role("link").click()
    expect(boss.marked("reminder-head")).to_contain_text(name, timeout=PATIENCE_MS)
    boss.ready()
    assert not any(sign in boss.page.url for sign in (name, "%"))
    expect(boss.marked("score-reasons")).to_contain_text("未缴税款")
    expect(boss.marked("steps")).to_contain_text("待做")
    (step,) = house.sql(
        "update outreach_step set reasons = %s where id = "
        "(select id from outreach_step where reminder_id = %s order by due_at limit 1) returning key",
        '{"verdict": "later", "reasons": ["<b>今天已经打过</b>"]}',
        boss.page.url.rpartition("/")[2],
    )
    shown = boss.marked(f"step-{step[0]}")
    expect(shown).to_contain_text("晚些再看：<b>今天已经打过</b>", timeout=PATIENCE_MS)

    boss.marked("pause-contact").click()
    boss.marked("do-pause").click()
    expect(boss.page.get_by_text("请写原因")).to_be_visible(timeout=PATIENCE_MS)
    boss.page.get_by_label("原因").fill("住院")
    boss.page.get_by_label("到哪一天为止").fill("2099-12-31")
    boss.marked("do-pause").click()
    expect(boss.marked("pauses")).to_contain_text("到 2099-12-31（含当天）。原因：住院", timeout=PATIENCE_MS)
    boss.marked("lift").click()
    boss.marked("sure").click()
    expect(boss.marked("pauses")).to_contain_text("没有暂停", timeout=PATIENCE_MS)

    auditor = seat("shen")
    auditor.go(boss.page.url.partition("/console")[2])
    expect(auditor.marked("steps")).to_be_visible(timeout=PATIENCE_MS)
    expect(auditor.page.get_by_text(name)).to_have_count(0)
    expect(auditor.marked("pause-contact")).to_have_count(0)


def test_words_of_messages_are_checked_while_they_are_written(
    house: House, seat: Callable[[str], Seat]
) -> None:
    boss = seat("zhang")
    boss.go("/outreach/templates")
    boss.marked("template-overdue_notice").click()
    about = boss.page.get_by_label("短信和微信文字")
    expect(about).not_to_be_empty(timeout=PATIENCE_MS)
    kept = about.input_value()
    about.fill("您欠税12,500.30元，请点击 http://pay.example.com")
    problems = boss.marked("template-problems")
    expect(problems).to_contain_text("金额", timeout=PATIENCE_MS)
    expect(problems).to_contain_text("链接")
    boss.marked("save-template").click()
    expect(boss.page.locator(".q-notification").first).to_contain_text("金额", timeout=PATIENCE_MS)
    assert house.sql("select about from outreach_template where key = 'overdue_notice'") == [(kept,)]
    better = kept.replace("您有", "您好，您有", 1) if "您有" in kept else f"您好。{kept}"
    about.fill(better)
    expect(problems).to_contain_text("没有问题", timeout=PATIENCE_MS)
    boss.marked("save-template").click()
    expect(boss.page.get_by_text("已保存")).to_be_visible(timeout=PATIENCE_MS)
    assert house.sql("select about, saved_by from outreach_template where key = 'overdue_notice'") == [
        (better, "staff:zhang")
    ]

    officer = seat("laoli")
    officer.go("/outreach/templates")
    officer.marked("template-overdue_notice").click()
    expect(officer.page.get_by_label("短信和微信文字")).to_have_attribute("readonly", "", timeout=PATIENCE_MS)
    expect(officer.marked("save-template")).to_have_count(0)
