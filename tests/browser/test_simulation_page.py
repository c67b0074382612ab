"""The page of a comparison opens from disk, fetches nothing and shows its charts."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from outreach.plan import CAMPAIGNS, load_plan
from outreach.risk import load_rules
from outreach.simulation.behaviour import load_behaviour
from outreach.simulation.page import page as page_of
from outreach.simulation.run import FIRST_DAY, Setting, simulate

pytestmark = pytest.mark.browser


def test_page_from_disk(page: Page, tmp_path: Path) -> None:
    behaviour = load_behaviour()
    plans = [(name, load_plan(CAMPAIGNS / f"{name}.yml")) for name in ("standard", "gentle")]
    compared = simulate(plans, Setting(300, 30, 1, FIRST_DAY, behaviour.carrier), behaviour, load_rules())
    file = tmp_path / "page.html"
    file.write_text(page_of(compared, behaviour), encoding="utf-8")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    for chart in ("funnel", "paid", "complaints", "spent", "load"):
        expect(page.locator(f"#{chart} svg")).to_be_visible()
    expect(page.locator("#figures thead th")).to_have_text(["", "不提醒", "standard", "gentle"])
    standard, gentle = compared.strategies
    calls = page.locator("#figures tr", has_text="拨打电话")
    expect(calls).to_contain_text(f"{standard.calls:,}")
    expect(page.locator("#load")).to_contain_text(str(max(map(max, standard.calls_by_hour))))
    page.select_option("#which", label="gentle")
    expect(page.locator("#load")).to_contain_text(str(max(map(max, gentle.calls_by_hour))))
    assert asked == [file.as_uri()]
