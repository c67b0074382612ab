"""``shuiling campaign`` on the command line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import typer
from typer.testing import CliRunner

from gateway.cli import campaign
from gateway.cli.main import app as whole
from outreach.campaigns import by_name
from outreach.plan import CAMPAIGNS
from outreach.templates import seed_templates
from store.models import Taxpayer
from tests.chat.database import opened
from tests.outreach.enrolling import DUE, TODAY, enrolled
from tests.outreach.makers import make_bill, make_taxpayer

pytestmark = pytest.mark.unit

Run = Callable[..., tuple[int, str]]
STANDARD = CAMPAIGNS / "standard.yml"


@pytest.fixture
def shuiling(monkeypatch: pytest.MonkeyPatch, url: str) -> Run:
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("SHUILING_TODAY", TODAY.isoformat())
    monkeypatch.setenv("COLUMNS", "240")
    app = typer.Typer()
    campaign.register(app)
    app.command("other")(lambda: None)

    def run(*arguments: str, typed: str = "") -> tuple[int, str]:
        result = CliRunner().invoke(app, ["campaign", *arguments], input=typed)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.output

    return run


@pytest.fixture
def taxpayer(url: str) -> Taxpayer:
    async def make() -> Taxpayer:
        async with opened(url) as sessions:
            async with sessions() as session, session.begin():
                await seed_templates(session)
            who = await make_taxpayer(sessions, phones=["19912345678"])
            await make_bill(sessions, who.id, due=DUE)
            return who

    return asyncio.run(make())


def trail(url: str) -> list[tuple[str, str]]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select actor, action from audit_event where action ~ '^(campaign|outreach)' order by id"
        )
        return [(actor, action) for actor, action in rows]


def test_from_a_file_to_the_report(shuiling: Run, url: str, taxpayer: Taxpayer) -> None:
    assert "还没有活动" in shuiling("list")[1]
    assert shuiling("create", str(STANDARD), "--name", "年底") == (
        0,
        "✓ 已新建“年底”。先 preview 看看，再 start 启动。\n",
    )
    code, output = shuiling("preview", "年底")
    assert (code, "1户" in output, "1,000.00" in output, "199****5678" in output) == (0, True, True, True)
    assert taxpayer.name not in output and "19912345678" not in output
    assert shuiling("preview", str(STANDARD)) == (code, output)
    preview = json.loads(shuiling("preview", "年底", "--json")[1])
    assert (preview["reminders"], preview["unpaid"], preview["left_out"]) == (1, "1000.00", {})
    assert shuiling("start", "年底")[0] == 0

    async def enrol() -> None:
        async with opened(url) as sessions:
            async with sessions() as session:
                found = await by_name(session, "年底")
            await enrolled(sessions, found)

    asyncio.run(enrol())
    assert "年底" in shuiling("list")[1]
    (listed,) = json.loads(shuiling("list", "--json")[1])
    assert (listed["name"], listed["status"], listed["reminders"]) == ("年底", "running", 1)
    output = shuiling("report", "年底")[1]
    assert "到期前提醒" in output and "用了0通电话、0条消息" in output
    report = json.loads(shuiling("report", "年底", "--json")[1])
    assert report["funnels"][0] == {
        "tier": None, "planned": 1, "notified": 0, "reached": 0, "verified": 0, "promised": 0, "paid": 0, "active": 1,
    }  # fmt: skip
    assert "没有明显的差距" in shuiling("fairness", "年底")[1]
    assert json.loads(shuiling("fairness", "--json")[1])["reminders"] == 1
    assert shuiling("pause", "年底", "--reason", "检修")[0] == 0
    assert shuiling("resume", "年底")[0] == 0
    assert shuiling("stop", "年底", typed="n\n")[0] == 1
    assert shuiling("stop", "年底", "--yes")[0] == 0
    assert "已结束" in shuiling("list")[1] and "活动停止 1" in shuiling("report", "年底")[1]
    done = ("created", "started", "enrolled", "paused", "resumed", "stopped")
    assert trail(url) == [("system" if what == "enrolled" else "cli", f"campaign.{what}") for what in done]


def test_the_red_button(shuiling: Run, url: str) -> None:
    assert shuiling("red-button", "stop-all", "--reason", "号码库有误")[0] == 0
    with psycopg.connect(url) as connection:
        row = connection.execute('select stopped, "by", reason from outreach_switch').fetchone()
    assert row == (True, "cli", "号码库有误")
    assert shuiling("red-button", "release")[0] == 0
    with psycopg.connect(url) as connection:
        assert connection.execute("select stopped from outreach_switch").fetchone() == (False,)
    assert trail(url) == [("cli", "outreach.stopped"), ("cli", "outreach.released")]
    assert shuiling("red-button", "stop-all")[0] == 2


def test_refusals_are_said_plainly(shuiling: Run, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yml"
    bad.write_text("title: 坏\nsteps: []\n", encoding="utf-8")
    shuiling("create", str(STANDARD))
    for arguments, words in (
        (("create", str(STANDARD)), "已经有名为"),
        (("create", str(bad)), "steps"),
        (("create", str(tmp_path / "none.yml")), "none.yml"),
        (("preview", str(bad)), "steps"),
        (("preview", "没有的"), "没有名为“没有的”的活动"),
        (("report", "没有的"), "没有名为"),
        (("fairness", "没有的"), "没有名为"),
        (("start", "申报期提醒（标准）"), "模板"),
        (("resume", "申报期提醒（标准）"), "不能继续"),
    ):
        code, output = shuiling(*arguments)
        assert (code, words in output) == (1, True), output


def test_it_is_a_command_of_the_whole() -> None:
    result = CliRunner().invoke(whole, ["campaign", "--help"])
    assert result.exit_code == 0 and "red-button" in result.output
