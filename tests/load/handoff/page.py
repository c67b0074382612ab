"""The agents' page as a browser sees it, on the whole product: how soon it is there, and what an open one costs."""

from __future__ import annotations

import asyncio
import shutil
import time
from dataclasses import dataclass

import psutil
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from gateway.settings import Settings
from gateway.training import ensure_model
from tests.browser.seat import PATIENCE_MS, sample_password
from tests.chat.database import opened
from tests.handoff.makers import make_waiting
from tests.load.handoff.measures import Times
from tests.support.stack import Stack, data_folder

LOGIN = "xiaowang"
SETTLE_S = 3.0


@dataclass(frozen=True, slots=True)
class Pages:
    """``loads``: from the address until the first waiting ticket is to be seen. ``mb_each``: of the gateway, per open page."""

    loads: Times
    opened: int
    mb_each: float


def pages(waiting: int, count: int, kept_open: int) -> Pages:
    """Load the page ``count`` times with ``waiting`` tickets, then keep ``kept_open`` of it open."""
    ensure_model(Settings())
    with data_folder() as folder, Stack(folder) as stack:
        asyncio.run(_fill(stack.database_url, waiting))
        chromium = shutil.which("chromium")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
            )
            context = _logged_in(browser, stack)
            loads = tuple(_load(context, stack.url) for _ in range(count + 1))[1:]
            gateway = psutil.Process(stack.child_pid("gateway"))
            time.sleep(SETTLE_S)
            before = gateway.memory_info().rss
            for _ in range(kept_open):
                context.new_page().goto(f"{stack.url}/console/")
            time.sleep(SETTLE_S)
            each = (gateway.memory_info().rss - before) / kept_open / 1024**2
            browser.close()
    return Pages(Times(loads), kept_open, each)


async def _fill(url: str, waiting: int) -> None:
    async with opened(url) as sessions:
        await make_waiting(sessions, waiting)


def _logged_in(browser: Browser, stack: Stack) -> BrowserContext:
    context = browser.new_context(locale="zh-CN", viewport={"width": 1440, "height": 860})
    page = context.new_page()
    page.goto(f"{stack.url}/console/login")
    page.get_by_label("账号").fill(LOGIN)
    page.get_by_label("密码").fill(sample_password(stack.data_dir, LOGIN))
    page.get_by_role("button", name="登录").click()
    page.wait_for_url("**/console/")
    page.close()
    return context


def _load(context: BrowserContext, url: str) -> float:
    page = context.new_page()
    began = time.perf_counter()
    page.goto(f"{url}/console/", wait_until="commit")
    page.locator(".sl-row").first.wait_for(timeout=PATIENCE_MS)
    taken = time.perf_counter() - began
    page.close()
    return taken
