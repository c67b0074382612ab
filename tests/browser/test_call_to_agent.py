"""A call that a human takes over: the browser phone on one side, the console on the other, the whole product between."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect
from seat import PATIENCE_MS, Seat, sample_password
from test_call_by_voice import ANSWER_MS, HEARD_OUT, MICROPHONE, bot_says, transcript

from store.personas import by_key
from store.phones import e164
from tax.identifiers import last_digits
from tests.support.stack import Stack, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.audio, pytest.mark.model, pytest.mark.timeout(420)]

STEPS = (("请问是", "1"), ("最后四个数字", "last"), ("给您提个醒", "0"))
"""What the bot says, and the keys pressed to it: yes, the digits, a human."""


@pytest.fixture
def agent(browser: Browser, telephone: Stack) -> Iterator[Seat]:
    seat = Seat(browser, telephone.url)
    seat.page.add_init_script(MICROPHONE)
    seat.log_in("xiaowang", sample_password(telephone.data_dir, "xiaowang"))
    seat.online()
    yield seat
    seat.page.get_by_role("button", name="离线").click()
    seat.close()


def press(page: Page, keys: str) -> None:
    for key in keys:
        page.locator(f'button[data-key="{key}"]').click()
        page.wait_for_timeout(250)


def hear_out(page: Page) -> None:
    page.evaluate("() => { window.spokeAt = performance.now(); }")
    page.wait_for_function(HEARD_OUT, timeout=ANSWER_MS, polling=100)


def test_a_caller_is_put_through_and_rates_the_talk(telephone: Stack, agent: Seat, page: Page) -> None:
    persona = by_key("partly_paid")
    page.set_default_timeout(PATIENCE_MS)
    page.add_init_script(MICROPHONE)
    page.goto(f"{telephone.url}/phone")
    expect(page.locator("#state")).to_contain_text("在线")
    order = {"to": e164(persona.phone), "carrier": "browser"}
    placed = httpx.post(f"{telephone.url}/calls", json=order, timeout=30, trust_env=False)
    assert placed.status_code == 201, placed.text
    call = placed.json()["id"]
    page.get_by_role("button", name="接听").click()
    page.get_by_role("button", name="键盘").click()
    try:
        at = 0
        for words, keys in STEPS:
            at = bot_says(page, (words,), at)
            hear_out(page)
            press(page, last_digits(persona.identifier, 4) if keys == "last" else keys)
        at = bot_says(page, ("转人工",), at)

        agent.claim_next()
        expect(agent.marked("summary")).to_contain_text("要求人工服务")
        line = agent.page.locator("shuiling-agent-call")
        line.get_by_role("button", name="接听").click()
        expect(line).to_contain_text("摘要", timeout=PATIENCE_MS)
        line.get_by_role("button", name="接听").click()
        expect(line).to_contain_text("通话中", timeout=PATIENCE_MS)
        at = bot_says(page, ("工作人员来了",), at)

        line.get_by_role("button", name="挂断").click()
        at = bot_says(page, ("打个分",), at)
        hear_out(page)
        press(page, "5")
        bot_says(page, ("记下了",), at)
    except (AssertionError, TimeoutError) as error:
        raise AssertionError(f"{error}\n{transcript(telephone, call)}") from None

    def outcome() -> tuple[object, ...] | None:
        with psycopg.connect(telephone.database_url) as database:
            return database.execute("select outcome from call where id = %s", (call,)).fetchone()

    wait_until(lambda: outcome() == ("human",), 40, "the outcome")
    with psycopg.connect(telephone.database_url) as database:
        rated = database.execute(
            "select s.score, s.channel, t.first_answer_at is not null from survey s"
            " join handoff_ticket t on t.id = s.ticket_id join call c on c.conversation_id = t.conversation_id"
            " where c.id = %s",
            (call,),
        ).fetchall()
    assert rated == [(5, "phone", True)]
    agent.marked("close").click()
    agent.marked("do-close").click()
    expect(agent.composer).to_be_disabled(timeout=PATIENCE_MS)
