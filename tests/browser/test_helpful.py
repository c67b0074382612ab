"""The thumbs under an answer quoted from an article."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fake_server import FakeServer
from playwright.sync_api import Locator, Page, Route, expect

pytestmark = pytest.mark.browser

CITED = {"kind": "citations", "items": ["《中华人民共和国税收征收管理法》第三十二条"]}


def thumbs(page: Page) -> Locator:
    return page.locator("shuiling-chat .vote button")


@pytest.fixture
def votes(page: Page, server: FakeServer) -> list[tuple[str, dict[str, Any]]]:
    """An open chat; every vote as it arrived, with its credentials. A vote on message 3 is refused."""
    taken: list[tuple[str, dict[str, Any]]] = []

    def take(route: Route) -> None:
        body = json.loads(route.request.post_data or "{}")
        if body["message_id"] == 3:
            route.fulfill(status=404, json={"detail": "没有找到这条回答。"})
            return
        taken.append((route.request.headers.get("authorization", ""), body))
        route.fulfill(status=204)

    page.route("**/chat/feedback", take)
    page.goto(server.url + "/plain")
    page.locator("shuiling-chat .launch").click()
    expect(page.locator("shuiling-chat .note")).to_have_text("")
    return taken


def test_only_a_quoted_answer_has_thumbs(
    page: Page, server: FakeServer, votes: list[tuple[str, dict[str, Any]]]
) -> None:
    server.push("您好")
    server.push("人工说的", "agent", custom=CITED)
    expect(page.locator("shuiling-chat .row .b", has_text="人工说的")).to_be_visible()
    assert thumbs(page).count() == 0
    server.push("每天万分之五。", custom=CITED)
    expect(thumbs(page)).to_have_text(["👍 有帮助", "👎 没帮助"])
    size = thumbs(page).first.bounding_box()
    assert size is not None and min(size["width"], size["height"]) >= 44


def test_a_vote_is_sent_and_can_be_changed(
    page: Page, server: FakeServer, votes: list[tuple[str, dict[str, Any]]]
) -> None:
    message = server.push("每天万分之五。", custom=CITED)
    up, down = thumbs(page).first, thumbs(page).last
    up.click()
    expect(up).to_have_attribute("aria-pressed", "true")
    down.press("Enter")
    expect(down).to_have_attribute("aria-pressed", "true")
    expect(up).to_have_attribute("aria-pressed", "false")
    assert [body for _, body in votes] == [
        {"message_id": message, "helpful": True},
        {"message_id": message, "helpful": False},
    ]
    assert all(who.startswith("Bearer ") for who, _ in votes)


def test_a_refused_vote_is_said_and_not_shown_as_taken(
    page: Page, server: FakeServer, votes: list[tuple[str, dict[str, Any]]]
) -> None:
    server.push("一")
    server.push("二")
    server.push("每天万分之五。", custom=CITED)
    thumbs(page).first.click()
    expect(page.locator("shuiling-chat .note")).to_have_text("没有记下，请再点一次")
    expect(thumbs(page).first).to_have_attribute("aria-pressed", "false")
    assert votes == []
