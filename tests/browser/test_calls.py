"""Listening to a call in a real browser: the transcript follows the sound, and words are found."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_archive import LINES, FakeArchive
from phone_server import PhoneServer
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.audio]


@pytest.fixture
def archive(tmp_path: Path) -> FakeArchive:
    return FakeArchive(tmp_path)


@pytest.fixture
def server(archive: FakeArchive) -> Iterator[PhoneServer]:
    with PhoneServer(archive=archive) as running:
        yield running


def open_call(page: Page, server: PhoneServer, archive: FakeArchive) -> None:
    page.goto(f"{server.url}/calls/{archive.call}")
    expect(page.locator("#lines li")).to_have_count(len(LINES))


def sound_is_ready(page: Page) -> None:
    """Asked of the element itself: the page's policy lets nobody evaluate strings in it."""
    expect(page.locator("#audio")).not_to_have_js_property("readyState", 0)


def recorded(page: Page, server: PhoneServer, archive: FakeArchive) -> None:
    archive.record()
    open_call(page, server, archive)
    expect(page.get_by_role("button", name="播放", exact=True)).to_be_enabled()
    sound_is_ready(page)


def now_line(page: Page) -> str:
    return page.locator("#lines li.now").inner_text()


def test_what_is_shown(page: Page, server: PhoneServer, archive: FakeArchive) -> None:
    recorded(page, server, archive)
    expect(page.locator("#outcome")).to_have_text("已核实身份，提醒已送达")
    expect(page.locator("#facts")).to_contain_text("139****0001")
    expect(page.locator("#length")).to_have_text("0:29")
    interrupted = page.locator("#lines li").nth(2)
    expect(interrupted.locator("s")).to_have_text("号码的最后六位，按井号键结束。")
    expect(interrupted).to_contain_text("被打断，后面没有播出")
    expect(page.locator("#problem")).to_be_hidden()
    assert page.evaluate("document.getElementById('audio').duration") == pytest.approx(29.5, abs=0.1)


_TALLEST = """() => {
  const canvas = document.getElementById('wave');
  const { width, height } = canvas;
  const half = Math.floor(height / 2);
  const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
  return [0, half].map((top) => {
    let tallest = 0;
    for (let x = 8; x < width; x += 1) {
      let painted = 0;
      for (let y = top; y < top + half; y += 1) if (data[4 * (y * width + x) + 3]) painted += 1;
      tallest = Math.max(tallest, painted / half);
    }
    return tallest;
  });
}"""
"""The tallest bar of the caller's and of the bot's half of the picture, as a share of the half."""


def test_both_sides_sound_is_drawn(page: Page, server: PhoneServer, archive: FakeArchive) -> None:
    recorded(page, server, archive)
    deadline = time.monotonic() + 10
    while min(page.evaluate(_TALLEST)) < 0.3 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert min(page.evaluate(_TALLEST)) > 0.3


def test_a_click_on_a_line_plays_from_there_and_lines_follow(
    page: Page, server: PhoneServer, archive: FakeArchive
) -> None:
    recorded(page, server, archive)
    page.locator("#lines li").nth(1).click()
    expect(page.get_by_role("button", name="暂停")).to_be_visible()
    assert "是我，啥子事嘛" in now_line(page)
    # It goes on by itself: the next line begins two seconds later.
    expect(page.locator("#lines li").nth(2)).to_have_attribute("aria-current", "true")
    expect(page.locator("#lines li[aria-current]")).to_have_count(1)
    page.get_by_role("button", name="暂停").click()
    expect(page.get_by_role("button", name="播放", exact=True)).to_be_visible()


def test_seeking_by_slider_and_keys(page: Page, server: PhoneServer, archive: FakeArchive) -> None:
    recorded(page, server, archive)
    page.get_by_label("播放位置").fill("21")
    expect(page.locator("#now")).to_have_text("0:21")
    expect(page.locator("#lines li").nth(5)).to_have_class("caller now")
    page.locator("h1").click()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#now")).to_have_text("0:16")
    expect(page.locator("#lines li").nth(4)).to_have_class("bot now")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="暂停")).to_be_visible()


def test_each_side_can_be_heard_alone(page: Page, server: PhoneServer, archive: FakeArchive) -> None:
    page.add_init_script(
        """const make = AudioContext.prototype.createGain;
        window.gains = [];
        AudioContext.prototype.createGain = function () { const g = make.call(this); window.gains.push(g); return g; };"""
    )
    recorded(page, server, archive)
    page.get_by_role("button", name="播放", exact=True).click()
    expect(page.get_by_role("button", name="暂停")).to_be_visible()
    for side, gains in (("对方", [1, 0]), ("税铃", [0, 1]), ("双方", [1, 1])):
        page.locator("fieldset").get_by_text(side, exact=True).click()
        assert page.evaluate("gains.map((g) => g.gain.value)") == gains


def test_words_are_found_one_after_the_other(page: Page, server: PhoneServer, archive: FakeArchive) -> None:
    open_call(page, server, archive)
    page.get_by_label("在文字里查找").fill("延期")
    expect(page.locator("mark")).to_have_text(["延期"] * 3)
    expect(page.locator("#hits")).to_have_text("1/3")
    page.keyboard.press("Enter")
    expect(page.locator("#hits")).to_have_text("2/3")
    expect(page.locator("#lines li").nth(5).locator("mark.here")).to_have_count(1)
    page.get_by_role("button", name="上一处").click()
    page.get_by_role("button", name="上一处").click()
    expect(page.locator("#hits")).to_have_text("3/3")
    page.get_by_label("在文字里查找").fill("没有说过")
    expect(page.locator("#hits")).to_have_text("没有")
    expect(page.locator("mark")).to_have_count(0)
    expect(page.locator("#lines li").nth(5)).to_contain_text(LINES[5].text)


def test_a_call_without_recording_still_shows_what_was_said(
    page: Page, server: PhoneServer, archive: FakeArchive
) -> None:
    open_call(page, server, archive)
    expect(page.locator("#problem")).to_contain_text("没有录音")
    expect(page.locator("#sound")).to_be_hidden()
    page.locator("#lines li").first.click()


def test_a_recording_cut_off_by_a_crash_says_so_and_plays(
    page: Page, server: PhoneServer, archive: FakeArchive
) -> None:
    archive.record()
    (path,) = archive.folder.glob("*/*.slr")
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 20_000)
    open_call(page, server, archive)
    expect(page.locator("#problem")).to_contain_text("录音不完整")
    page.locator("#lines li").nth(1).click()
    expect(page.get_by_role("button", name="暂停")).to_be_visible()


def test_a_recording_that_was_changed_says_so(page: Page, server: PhoneServer, archive: FakeArchive) -> None:
    archive.record()
    (path,) = archive.folder.glob("*/*.slr")
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(bytes(40))
    open_call(page, server, archive)
    expect(page.locator("#problem")).to_contain_text("内容被改动过")


def test_an_unknown_call(page: Page, server: PhoneServer) -> None:
    page.goto(f"{server.url}/calls/00000000-0000-4000-8000-000000000000")
    expect(page.get_by_text("没有找到这通电话。")).to_be_visible()


def test_outside_the_demo_a_token_is_asked_for(page: Page, archive: FakeArchive) -> None:
    archive.record()
    with PhoneServer(demo=False, token="operators-only", archive=archive) as server:
        page.goto(f"{server.url}/calls/{archive.call}")
        page.get_by_label("操作口令").fill("operators-only")
        page.get_by_role("button", name="进入").click()
        expect(page.locator("#lines li")).to_have_count(len(LINES))
        sound_is_ready(page)


def test_the_list_finds_calls_by_what_was_said(page: Page, server: PhoneServer, archive: FakeArchive) -> None:
    page.goto(f"{server.url}/calls")
    expect(page.locator("#calls a")).to_have_count(1)
    page.get_by_role("searchbox").fill("延期")
    page.get_by_role("button", name="查找").click()
    expect(page.locator("#calls p")).to_contain_text("延期缴纳")
    page.get_by_role("searchbox").fill("没有说过")
    page.keyboard.press("Enter")
    expect(page.get_by_text("没有通话里说过这些话。")).to_be_visible()
    page.get_by_role("searchbox").fill("")
    page.keyboard.press("Enter")
    page.locator("#calls a").click()
    expect(page.locator("#lines li")).to_have_count(len(LINES))
    assert archive.searched == ["", "延期", "没有说过", ""]


def test_it_fits_a_narrow_phone(browser: Browser, server: PhoneServer, archive: FakeArchive) -> None:
    archive.record()
    context = browser.new_context(viewport={"width": 320, "height": 640}, is_mobile=True)
    try:
        page = context.new_page()
        for path in ("/calls", f"/calls/{archive.call}"):
            page.goto(server.url + path, wait_until="networkidle")
            assert page.evaluate("document.documentElement.scrollWidth") <= 320
    finally:
        context.close()
