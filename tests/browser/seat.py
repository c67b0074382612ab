"""A member of staff at the console: logs in, takes conversations, talks, decides."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

PATIENCE_MS = 20_000


def sample_password(data_dir: Path, login: str) -> str:
    """The password of a sample login, as the demo keeps it."""
    for line in (data_dir / "console-logins.txt").read_text(encoding="utf-8").splitlines():
        name, _, rest = line.partition("\t")
        if name == login:
            return rest.partition("\t")[0]
    raise LookupError(login)


class Seat:
    """One browser of one member of staff."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.context: BrowserContext = browser.new_context(
            locale="zh-CN", viewport={"width": 1440, "height": 860}
        )
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.url = url
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))

    def log_in(self, login: str, password: str) -> None:
        """Through the form."""
        self.page.goto(f"{self.url}/console/login")
        self.page.get_by_label("账号").fill(login)
        self.page.get_by_label("密码").fill(password)
        self.page.get_by_role("button", name="登录").click()
        self.page.wait_for_url("**/console/**")

    def go(self, path: str) -> None:
        """Open a page of the console, ready to be used."""
        self.page.goto(f"{self.url}/console{path}")
        self.ready()

    def ready(self) -> None:
        """Wait until the page listens: what is typed or pressed before that is lost."""
        expect(self.page.locator(".sl-header")).to_be_visible(timeout=PATIENCE_MS)
        self.page.wait_for_function("window.did_handshake === true")

    def marked(self, name: str) -> Locator:
        """What the page marks for those who test it."""
        return self.page.locator(f'[data-mark="{name}"]')

    def online(self) -> None:
        """Take conversations from now on."""
        choice = self.page.get_by_role("button", name="在线接待")
        if choice.get_attribute("aria-pressed") != "true":
            choice.click()
            expect(self.page.get_by_text("您现在：在线接待")).to_be_visible(timeout=PATIENCE_MS)

    def claim_next(self) -> None:
        """Take whoever comes next."""
        self.marked("claim-next").click()
        expect(self.composer).to_be_enabled(timeout=PATIENCE_MS)

    @property
    def composer(self) -> Locator:
        """Where the answer is written."""
        return self.page.locator("textarea").first

    @property
    def thread(self) -> Locator:
        """The conversation."""
        return self.marked("thread")

    def say(self, text: str) -> None:
        """Write and send."""
        self.composer.fill(text)
        self.composer.press("Enter")
        expect(self.thread.locator(".sl-bubble.agent").last).to_contain_text(text, timeout=PATIENCE_MS)

    def close(self) -> None:
        """Leave; no script may have failed meanwhile."""
        self.context.close()
        assert self.wrong == []
