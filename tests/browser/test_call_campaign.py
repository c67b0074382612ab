"""A campaign from the import of a file to the thanks: real calls, texts through the stand-in's interface, a payment."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, expect
from seat import PATIENCE_MS, Seat, sample_password

from gateway.settings import ROOT
from tests.support.stack import Stack, wait_until

pytestmark = [pytest.mark.audio, pytest.mark.browser, pytest.mark.model, pytest.mark.timeout(600)]

NAME = "真实一遍"
PLAN = """
title: 真实一遍
audience: {kinds: [person], tax_types: [个人所得税, 印花税], due_within: 0, overdue_within: 10}
limits:
  workdays_only: false
  hours: [{starts: "00:00", ends: "23:59:59"}]
  message_hours: [{starts: "00:00", ends: "23:59:59"}]
steps:
  - {key: text, title: 短信, day: 5, channels: [sms], template: overdue_notice, good_for: 9}
  - {key: call, title: 电话, day: 5, channels: [call], good_for: 9}
  - {key: later, title: 再次短信, day: 12, channels: [sms], template: overdue_again, good_for: 9}
"""
TAXPAYERS = """纳税人名称,身份证号,类型,地区,联系人,手机,行业,规模
周小满（虚构）,990101199001010019,自然人,成都市,周小满,19912340001,,
"""
BILLS = """税单号,身份证号,税种,所属期,税额,缴款期限
WB0001,990101199001010019,印花税,2026-11,88.00,2026-11-16
"""
PAYMENTS = """缴款流水号,税单号,缴款日期,金额,渠道
WP0001,WB0001,2026-11-23,88.00,电子税务局
"""

Shuiling = Callable[..., str]


@pytest.fixture(scope="module")
def shuiling(telephone: Stack) -> Shuiling:
    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "gateway.cli.main", *arguments],
            cwd=ROOT, env=telephone.environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_a_campaign(telephone: Stack, shuiling: Shuiling, tmp_path: Path) -> None:
    def file(name: str, text: str) -> str:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def one(query: str) -> Any:
        with psycopg.connect(telephone.database_url) as connection:
            row = connection.execute(query).fetchone()
        return row[0] if row else None

    shuiling("import", file("taxpayers.csv", TAXPAYERS))
    shuiling("import", file("bills.csv", BILLS))
    plan = file("plan.yml", PLAN)
    preview = json.loads(shuiling("campaign", "preview", plan, "--json"))
    assert preview["taxpayers"] >= 2
    shuiling("campaign", "create", plan, "--name", NAME)
    # The imported one is fictional too; a strategy at any hour is for nobody else.
    with psycopg.connect(telephone.database_url) as connection:
        connection.execute("update taxpayer set fictional = true")
    shuiling("campaign", "start", NAME)

    ours = "select {} from outreach_step s join taxpayer t on t.id = s.taxpayer_id where t.name like '周小满%' and s.key = '{}'"
    wait_until(lambda: one(ours.format("s.state", "text")) == "done", 60, "the imported taxpayer's text")
    assert (
        one(
            "select state from outbox_sms o join taxpayer t on t.id = o.taxpayer_id where t.name like '周小满%'"
        )
        == "delivered"
    )
    wait_until(
        lambda: (
            one("select count(*) from outreach_attempt where channel = 'call' and outcome = 'completed'") >= 1
        ),
        240,
        "a call that told somebody why we call",
    )
    told = "select {} from outreach_reminder r join outreach_step s on s.reminder_id = r.id"
    wait_until(
        lambda: (
            one(
                told.format("count(*)")
                + " where r.verified_at is not null and s.key = 'call' and s.state = 'done'"
            )
            >= 1
        ),
        30,
        "the reminder of a call that was proven",
    )
    progress = json.loads(shuiling("campaign", "report", NAME, "--json"))
    assert progress["funnels"][0]["reached"] >= 1 and progress["funnels"][0]["paid"] == 0

    assert one(ours.format("s.state", "later")) == "planned"
    shuiling("import", file("payments.csv", PAYMENTS))
    assert one(ours.format("s.state", "later")) == "cancelled"
    wait_until(
        lambda: (
            one(
                "select count(*) from outreach_reminder where closed_reason = 'paid' and thanked_at is not null"
            )
            == 1
        ),
        60,
        "thanks for the payment",
    )
    progress = json.loads(shuiling("campaign", "report", NAME, "--json"))
    assert progress["funnels"][0]["paid"] == 1
    shuiling("campaign", "stop", NAME, "--yes")
    assert one("select count(*) from outreach_step where state in ('planned', 'running')") == one(
        "select count(*) from outreach_step s join outreach_attempt a on a.step_id = s.id"
        " where s.state = 'running' and a.state in ('intent', 'placed')"
    )


def test_a_supervisor_reads_and_hears_one_of_its_calls(telephone: Stack, browser: Browser) -> None:
    def heard() -> Any:
        with psycopg.connect(telephone.database_url) as connection:
            return connection.execute(
                "select s.reminder_id, c.recording_seconds from outreach_attempt a join outreach_step s on s.id = a.step_id"
                " join call c on c.id = a.call_id join outreach_campaign k on k.id = s.campaign_id"
                " where k.name = %s and a.outcome = 'completed' and c.recording_seconds is not null limit 1",
                (NAME,),
            ).fetchone()

    wait_until(lambda: heard() is not None, 30, "a recording put away")
    reminder, seconds = heard()
    boss = Seat(browser, telephone.url)
    boss.log_in("zhang", sample_password(telephone.data_dir, "zhang"))
    boss.go(f"/outreach/reminder/{reminder}")
    boss.page.get_by_role("button", name="通话文字和录音").first.click()
    expect(boss.marked("transcript")).to_contain_text("不是真人", timeout=PATIENCE_MS)
    length = boss.marked("recording").evaluate(
        """(audio) => new Promise((resolve) => {
          audio.addEventListener('loadedmetadata', () => resolve(audio.duration));
          audio.addEventListener('error', () => resolve(-1));
          audio.preload = 'metadata';
          audio.load();
        })"""
    )
    assert length == pytest.approx(seconds, abs=1)
    boss.close()
