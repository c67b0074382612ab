"""Two sides of one conversation in real browsers: the taxpayer's window and the console, on the whole product."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from seat import PATIENCE_MS, Seat, sample_password
from visitor import ANSWER_MS, Visitor, number_in

from tests.support.stack import Stack, data_folder

pytestmark = [pytest.mark.browser, pytest.mark.model]
NewSeat = Callable[[str], Seat]


@pytest.fixture(scope="module")
def house(trained_model: Path) -> Iterator[Stack]:
    """A product of its own: in the shared one others wait too, and nobody may be online there."""
    with data_folder() as folder, Stack(folder) as running:
        yield running


@pytest.fixture
def visitor(context: BrowserContext, page: Page, house: Stack) -> Visitor:
    return Visitor(context, page, house.url)


@pytest.fixture
def seat(browser: Browser, house: Stack) -> Iterator[NewSeat]:
    opened: list[Seat] = []

    def make(login: str) -> Seat:
        found = Seat(browser, house.url)
        opened.append(found)
        found.log_in(login, sample_password(house.data_dir, login))
        return found

    yield make
    for each in opened:
        each.close()


def test_from_the_bot_to_an_agent_to_an_officer_and_back(visitor: Visitor, seat: NewSeat) -> None:
    window = visitor.page.locator("shuiling-chat")
    agent = seat("xiaowang")
    agent.online()

    role = visitor.role("成都青竹里")
    visitor.open()
    visitor.press("申请延期", keyboard=True)
    visitor.verify(role)
    for words in (
        "货款没收回，账上没钱",
        "三个月",
        "账上还有十二万左右",
        "工资要发6万",
        "社保一万五",
        "材料过后再传",
    ):
        visitor.type(words)
    number = number_in(visitor.press("确认提交"))
    asked = visitor.type("我想找个真人问问")
    assert "RG" in asked

    agent.claim_next()
    expect(agent.marked("summary")).to_contain_text("要求人工服务")
    expect(agent.marked("card")).to_contain_text(role.name)
    expect(agent.marked("card")).to_contain_text("80,000.00元")
    expect(agent.thread).to_contain_text("我想找个真人问问")
    expect(window).to_contain_text("王敏", timeout=PATIENCE_MS)

    agent.say("您好，我是王敏，您的申请我看到了。")
    expect(window.get_by_text("您的申请我看到了")).to_be_visible(timeout=PATIENCE_MS)
    visitor.box.fill("什么时候能批下来")
    visitor.box.press("Enter")
    expect(agent.thread.get_by_text("什么时候能批下来")).to_be_visible(timeout=PATIENCE_MS)
    expect(agent.marked("suggestions")).to_be_visible()

    agent.composer.fill("不缴就封您的账户，赶紧把99元交了")
    agent.composer.press("Enter")
    expect(agent.page.get_by_text("发送前请再看一眼")).to_be_visible(timeout=PATIENCE_MS)
    agent.marked("rewrite").click()
    expect(window.get_by_text("封您的账户")).to_have_count(0)
    agent.say("我请税务人员现在看一下，请稍等。")

    officer = seat("laoli")
    officer.go("/work")
    officer.marked(f"application-{number}").click()
    expect(officer.marked("work-detail")).to_contain_text("资金测算")
    officer.marked("accept").click()
    expect(officer.marked("application-status")).to_have_text("已受理", timeout=PATIENCE_MS)
    officer.marked("approve").click()
    officer.marked("do-approve").click()
    expect(officer.marked("application-status")).to_have_text("已批准", timeout=PATIENCE_MS)
    expect(window.get_by_text("批准").last).to_be_visible(timeout=PATIENCE_MS)

    agent.marked("hand-back").click()
    agent.marked("do-hand-back").click()
    expect(window.get_by_text("接下来税铃继续为您服务")).to_be_visible(timeout=PATIENCE_MS)
    assert "批准" in visitor.type("我的延期申请批了吗")

    window.get_by_role("radio", name="5分，很满意").check(force=True)
    window.get_by_role("button", name="提交评价").click()
    expect(window.get_by_text("谢谢您的评价")).to_be_visible(timeout=ANSWER_MS)


def test_everything_by_keyboard_and_nothing_as_markup(visitor: Visitor, seat: NewSeat) -> None:
    window = visitor.page.locator("shuiling-chat")
    agent = seat("xiaowang")
    agent.online()
    visitor.open()
    visitor.type("转人工")
    visitor.box.fill("<img src=x onerror=alert(1)> 我听不懂")
    visitor.box.press("Enter")

    agent.page.keyboard.press("Alt+n")
    expect(agent.composer).to_be_enabled(timeout=PATIENCE_MS)
    expect(agent.composer).to_be_focused()
    expect(agent.thread.get_by_text("<img src=x onerror=alert(1)>")).to_be_visible(timeout=PATIENCE_MS)
    expect(agent.thread.locator("img")).to_have_count(0)
    agent.page.keyboard.insert_text("<b>您好</b>，您慢慢说。")
    agent.page.keyboard.press("Enter")
    expect(window.get_by_text("<b>您好</b>，您慢慢说。")).to_be_visible(timeout=PATIENCE_MS)

    agent.page.keyboard.press("Alt+r")
    found = agent.page.get_by_placeholder("找一句").or_(agent.page.get_by_label("找一句"))
    expect(found).to_be_focused(timeout=PATIENCE_MS)
    agent.page.keyboard.insert_text("听")
    expect(agent.page.locator(".q-dialog .sl-article:visible").first).to_contain_text("听")
    agent.page.keyboard.press("Enter")
    expect(agent.composer).not_to_have_value("", timeout=PATIENCE_MS)
    agent.composer.fill("")

    visitor.box.fill("滞纳金是怎么算的")
    visitor.box.press("Enter")
    expect(agent.marked("suggestions")).to_contain_text("滞纳金", timeout=PATIENCE_MS)
    agent.composer.focus()
    agent.page.keyboard.press("Alt+1")
    expect(agent.composer).to_have_value(re.compile("依据：《"), timeout=PATIENCE_MS)
    agent.page.keyboard.press("Enter")
    expect(window.get_by_text("依据：《").last).to_be_visible(timeout=PATIENCE_MS)

    agent.composer.fill("对方年纪大，说慢一点")
    agent.page.get_by_role("button", name="写内部备注").click()
    expect(agent.thread.locator(".sl-bubble.note")).to_contain_text("说慢一点", timeout=PATIENCE_MS)
    expect(window.get_by_text("说慢一点")).to_have_count(0)

    agent.page.keyboard.press("Alt+e")
    agent.marked("do-close").click()
    expect(window.get_by_text("结束了这次服务")).to_be_visible(timeout=PATIENCE_MS)
    expect(agent.composer).to_be_disabled(timeout=PATIENCE_MS)
    assert "税铃" in visitor.type("你是谁"), "the next word begins with the bot again"


def test_an_agent_who_vanishes_gives_the_talk_to_a_colleague(visitor: Visitor, seat: NewSeat) -> None:
    window = visitor.page.locator("shuiling-chat")
    first = seat("xiaowang")
    first.online()
    visitor.open()
    visitor.type("转人工")
    first.claim_next()
    first.say("您好，我在看。")
    first.page.get_by_role("button", name="离线").click()
    expect(window.get_by_text("重新排在前面")).to_be_visible(timeout=PATIENCE_MS)
    expect(first.composer).to_be_disabled(timeout=PATIENCE_MS)

    second = seat("zhang")
    second.go("/floor")
    row = (
        second.marked("floor")
        .locator(".sl-fact")
        .filter(has=second.page.get_by_role("button", name="分派"))
        .first
    )
    row.get_by_role("button", name="分派").click()
    second.page.get_by_role("button", name="我来接").click()
    expect(window.get_by_text("人工坐席张岚已接入")).to_be_visible(timeout=PATIENCE_MS)
