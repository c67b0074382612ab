"""A taxpayer at the keyboard: opens the demo page, finds somebody to play, types, presses and reads."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from playwright.sync_api import BrowserContext, Locator, Page, expect

ANSWER_MS = 45_000
"""The first words after a start wake caches, on a machine that may be busy with other things."""
SETTLED_S = 0.7


@dataclass(frozen=True)
class Role:
    """A fictional taxpayer as the page shows them."""

    name: str
    identifier: str
    phone: str
    situation: str


class Visitor:
    """One person with one window."""

    def __init__(self, context: BrowserContext, page: Page, url: str) -> None:
        self.context = context
        self.page = page
        self.url = url
        page.goto(url)

    # --- the page ---------------------------------------------------------------------------------------------------

    def role(self, wanted: str) -> Role:
        """Who is found on the page under ``wanted``."""
        self.page.get_by_label("查找").fill(wanted)
        row = self.page.locator(".people tbody tr")
        expect(row).to_have_count(1)
        cells = [cell.inner_text() for cell in row.locator("th span, td span").all()]
        return Role(cells[0], row.locator(".code").inner_text(), cells[4], cells[5])

    def code(self, role: Role) -> str:
        """The code on this taxpayer's phone, read in another tab."""
        tab = self.context.new_page()
        try:
            tab.goto(self.url + "/demo/outbox.html")
            tab.set_default_timeout(10_000)
            mine = tab.locator(".sms li").filter(has_text=f"{role.phone[:3]}****{role.phone[-4:]}").first
            found: str = mine.locator(".big").inner_text()
            return found
        finally:
            tab.close()

    # --- the window -------------------------------------------------------------------------------------------------

    @property
    def box(self) -> Locator:
        return self.page.locator("shuiling-chat textarea")

    @property
    def bubbles(self) -> Locator:
        """Everything said, by everybody, without the typing dots and the files sent from this window."""
        return self.page.locator("shuiling-chat .item .b:not(.pick)")

    @property
    def answers(self) -> Locator:
        return self.page.locator("shuiling-chat .item .row.bot .b")

    def open(self) -> None:
        """Open the window with the keyboard and wait for the greeting."""
        launcher = self.page.locator("shuiling-chat .launch")
        launcher.focus()
        self.page.keyboard.press("Enter")
        expect(self.box).to_be_focused()
        expect(self.answers.first).to_contain_text("税铃", timeout=ANSWER_MS)

    def type(self, words: str) -> str:
        """Type and send with Enter; returns all that is answered."""
        self.box.focus()
        before = self.answers.count()
        self.page.keyboard.insert_text(words)
        self.page.keyboard.press("Enter")
        return self.answered(before)

    def press(self, title: str, *, keyboard: bool = False) -> str:
        """Choose a quick reply with the mouse or the keyboard; returns all that is answered."""
        button = self.page.locator("shuiling-chat .quick .pill").get_by_text(title, exact=True)
        before = self.answers.count()
        if keyboard:
            button.focus()
            self.page.keyboard.press("Enter")
        else:
            button.click()
        return self.answered(before)

    def answered(self, before: int) -> str:
        """Wait until somebody has answered and has stopped answering."""
        expect(self.answers.nth(before)).to_be_visible(timeout=ANSWER_MS)
        count, since = self.answers.count(), time.monotonic()
        while time.monotonic() - since < SETTLED_S:
            self.page.wait_for_timeout(100)
            if (now := self.answers.count()) != count:
                count, since = now, time.monotonic()
        return "\n".join(self.answers.nth(i).inner_text() for i in range(before, count))

    def upload(self, path: Path, through: Locator) -> None:
        """Choose a file and wait until it has arrived."""
        done = self.page.locator("shuiling-chat .state").get_by_text("已上传", exact=True)
        before = done.count()
        with self.page.expect_file_chooser() as chooser:
            through.click()
        chooser.value.set_files(path)
        expect(done).to_have_count(before + 1, timeout=ANSWER_MS)
        expect(self.page.locator("shuiling-chat .row.system").last).to_contain_text(path.name)

    def verify(self, role: Role) -> str:
        """Show to be ``role``: the number from the page, the code from the other tab."""
        assert "验证码" in self.type(role.identifier)
        return self.type(self.code(role))

    def link(self) -> str:
        """Address of the paper offered last."""
        href = self.page.locator("shuiling-chat .links a").last.get_attribute("href")
        assert href is not None
        return href


def number_in(text: str) -> str:
    """The number of the application named in ``text``."""
    found = re.search(r"YQ\d{4}-\d{6}", text)
    assert found is not None, text
    return found[0]


def han_day(day: date) -> str:
    """A day as the page writes it."""
    return f"{day.month}月{day.day}日"
