from __future__ import annotations

import pytest
from fake_server import STATIC, TAXPAYERS, FakeServer
from playwright.sync_api import Browser, BrowserContext, Page, expect

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", ["index.html", "outbox.html"])
def test_pages_bring_everything_themselves(name: str) -> None:
    text = (STATIC / name).read_text("utf-8")
    for foreign in ("http://", "https://", "<style", " style=", " onclick=", "<script>"):
        assert foreign not in text, foreign


def test_home_shows_the_fictional_taxpayers(context: BrowserContext, page: Page, server: FakeServer) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(server.url)
    expect(page.get_by_text("演示数据 全部虚构")).to_be_in_viewport()
    expect(page.locator(".people tbody tr")).to_have_count(len(TAXPAYERS))
    page.get_by_label("查找").fill("物流")
    expect(page.locator(".people tbody tr")).to_have_count(1)
    page.get_by_role("button", name="复制虚构示范长河物流有限公司的证件号").click()
    expect(page.locator("#shown")).to_contain_text("已复制")
    assert page.evaluate("navigator.clipboard.readText()") == "91110000MA00000002"


def test_home_outside_the_demo_hides_the_lists(page: Page, server: FakeServer) -> None:
    server.demo = False
    with page.expect_response("**/demo/taxpayers"):
        page.goto(server.url)
    expect(page.get_by_role("button", name="打开税务咨询")).to_be_visible()
    expect(page.locator(".people")).to_be_hidden()
    expect(page.get_by_role("link", name="模拟手机短信").first).to_be_hidden()


def test_a_card_speaks_for_the_visitor(page: Page, server: FakeServer) -> None:
    page.goto(server.url)
    page.get_by_role("button", name="“想申请延期缴纳”").click()
    expect(page.locator("shuiling-chat .row.taxpayer .b")).to_have_text("公司资金紧张，想申请延期缴纳税款")
    expect(page.locator("shuiling-chat .state")).to_have_text("已送达")
    assert len(server.said) == 1


@pytest.mark.parametrize("path", ["/", "/demo/outbox.html"])
def test_pages_fit_a_narrow_phone(browser: Browser, server: FakeServer, path: str) -> None:
    context = browser.new_context(viewport={"width": 320, "height": 568}, is_mobile=True)
    try:
        page = context.new_page()
        server.outbox = [{"id": 1, "at": "2026-11-23T10:00:00+08:00", "phone_mask": "138****1234", "purpose": "verify",
                          "body": "验证码 482913"}]  # fmt: skip
        page.goto(server.url + path, wait_until="networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
    finally:
        context.close()


def test_outbox_shows_new_messages_on_top_with_a_large_code(page: Page, server: FakeServer) -> None:
    page.goto(server.url + "/demo/outbox.html")
    expect(page.get_by_text("还没有短信")).to_be_visible()
    notice = {"id": 1, "at": "2026-11-23T10:00:00+08:00", "phone_mask": "138****1234", "purpose": "notice",
              "body": "您的延期申请已受理，编号 YQ-20261123-0007。"}  # fmt: skip
    server.outbox.append(notice)
    expect(page.locator(".sms li")).to_have_count(1)
    server.outbox.append(notice | {"id": 2, "at": "2026-11-23T10:01:00+08:00", "purpose": "verify",
                                   "body": "<b>验证码</b> 482913，5 分钟内有效。"})  # fmt: skip
    expect(page.locator(".sms li")).to_have_count(2)
    expect(page.locator(".sms li").first.locator(".big")).to_have_text("482913")
    expect(page.locator(".sms li").first.locator(".text")).to_have_text(
        "<b>验证码</b> 482913，5 分钟内有效。"
    )
    expect(page.locator(".sms .big")).to_have_count(1)
    expect(page.get_by_text("还没有短信")).to_be_hidden()
