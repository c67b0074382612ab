"""Waiting for a human, talking to one, and rating the talk, as the taxpayer's window shows it."""

from __future__ import annotations

from typing import Any

import pytest
from fake_server import FakeServer
from playwright.sync_api import Browser, FilePayload, Locator, Page, expect
from test_widget import PDF, box, connect, launcher, note, rows, said, wait_for

pytestmark = pytest.mark.browser

NUMBER = "RG2026-000017"
ASK = "请给这次人工服务打个分：1分很不满意，5分很满意。也可以写一句话。"
EVIL = '<img src=x onerror="window.hit=1"><script>window.hit=1</script><b>粗</b> javascript:alert(1)'


def line(page: Page) -> Locator:
    return page.locator("shuiling-chat .line")


def heading(page: Page) -> Locator:
    return page.locator("shuiling-chat h2")


def subtitle(page: Page) -> Locator:
    return page.locator("shuiling-chat .sub")


def ask_for_rating(server: FakeServer, **custom: Any) -> None:
    server.push(ASK, "system", custom={"kind": "survey", "ticket": "t1", "number": NUMBER, **custom})


def say(page: Page, text: str) -> None:
    box(page).fill(text)
    box(page).press("Enter")


# --- in the queue ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"ahead": 3, "minutes": 6}, "前面还有3位，大约要等6分钟"),
        ({"ahead": 0, "minutes": 1}, "您排在最前面，大约要等1分钟"),
        ({"ahead": 2}, "前面还有2位，要等多久说不准"),
        ({"staffed": False}, "现在不在人工服务时间（工作日9点到12点、14点到18点），坐席上班后按顺序接待"),
    ],
)
def test_the_place_in_line_is_said_honestly(
    page: Page, server: FakeServer, status: dict[str, Any], words: str
) -> None:
    connect(page, server)
    expect(line(page)).to_be_hidden()
    server.stand("queue", number=NUMBER, **status)
    expect(line(page)).to_contain_text(words)
    expect(line(page).locator("small")).to_have_text(f"单号 {NUMBER}")
    expect(line(page).locator("button")).to_have_text(["不等了，继续问税铃", "让人工给我回电"])
    expect(subtitle(page)).to_have_text("正在等待人工坐席")


def test_the_place_moves_up_and_is_there_again_after_a_reload(page: Page, server: FakeServer) -> None:
    connect(page, server)
    server.stand("queue", number=NUMBER, ahead=2)
    server.stand("queue", number=NUMBER, ahead=1)
    expect(line(page)).to_contain_text("前面还有1位")
    page.reload()
    launcher(page).click()
    expect(line(page)).to_contain_text("前面还有1位")


def test_a_ticket_kept_for_office_hours_shows_no_line(page: Page, server: FakeServer) -> None:
    connect(page, server)
    server.stand("bot", number=NUMBER, staffed=False)
    server.push("现在不在人工服务时间。")
    expect(rows(page, "bot").first).to_be_visible()
    expect(line(page)).to_be_hidden()
    expect(subtitle(page)).to_contain_text("非人工")


def test_leaving_the_queue_by_keyboard(page: Page, server: FakeServer) -> None:
    connect(page, server)
    server.stand("queue", number=NUMBER)
    leave = page.get_by_role("button", name="不等了，继续问税铃")
    leave.focus()
    page.keyboard.press("Enter")
    wait_for(lambda: server.left == 1)
    expect(leave).to_be_disabled()
    server.stand("bot")
    expect(line(page)).to_be_hidden()
    expect(box(page)).to_be_focused()


def test_a_refused_leave_can_be_tried_again(page: Page, server: FakeServer) -> None:
    connect(page, server)
    server.stand("queue", number=NUMBER)
    leave = page.get_by_role("button", name="不等了，继续问税铃")
    leave.click()
    wait_for(lambda: server.left == 1)
    server.frame({"type": "error", "code": "rate", "text": "您发得有点快，请过几秒再发。"})
    expect(note(page)).to_have_text("您发得有点快，请过几秒再发。")
    leave.click()
    wait_for(lambda: server.left == 2)


def test_leaving_while_the_line_is_down_is_not_lost_silently(page: Page, server: FakeServer) -> None:
    connect(page, server)
    server.stand("queue", number=NUMBER)
    server.refuse_sockets = True
    server.cut()
    expect(note(page)).to_have_text("连接中断，正在重连…")
    page.get_by_role("button", name="不等了，继续问税铃").click()
    expect(note(page)).to_have_text("连上以后再点一次")
    assert server.left == 0


def test_a_callback_is_asked_for_in_words(page: Page, server: FakeServer) -> None:
    connect(page, server)
    server.stand("queue", number=NUMBER)
    line(page).get_by_role("button", name="让人工给我回电").click()
    wait_for(lambda: server.said)
    assert server.said[0]["text"] == "约个时间给我回个电话"
    expect(rows(page, "taxpayer")).to_have_text("让人工给我回电")
    expect(line(page)).to_be_visible()


# --- with a human ---------------------------------------------------------------------------------------------------


def test_the_header_says_whether_one_talks_to_a_human(page: Page, server: FakeServer) -> None:
    connect(page, server)
    expect(heading(page)).to_have_text("税铃 · 税务智能助手")
    server.stand("agent", agent="王敏", number=NUMBER)
    expect(heading(page)).to_have_text("真人坐席")
    expect(subtitle(page)).to_have_text("人工坐席王敏正在为您服务")
    expect(page.get_by_role("dialog", name="真人坐席")).to_be_visible()
    expect(line(page)).to_be_hidden()
    server.stand("bot")
    expect(heading(page)).to_have_text("税铃 · 税务智能助手")
    expect(subtitle(page)).to_contain_text("智能助手，非人工")
    server.stand("closed")
    expect(subtitle(page)).to_contain_text("可继续提问")


def test_a_humans_words_carry_their_name_and_look_different(page: Page, server: FakeServer) -> None:
    connect(page, server)
    server.push("我是税铃")
    server.push("我是王敏", "agent", by="王敏")
    server.push("我来接着帮您", "agent", by="李强")
    expect(page.locator("shuiling-chat .who")).to_have_text(["人工坐席 王敏", "人工坐席 李强"])
    assert said(page, "agent") == ["我是王敏", "我来接着帮您"]
    colours = {
        who: rows(page, who).first.evaluate("e => getComputedStyle(e).backgroundColor")
        for who in ("bot", "agent")
    }
    assert colours["bot"] != colours["agent"]


def test_markup_of_an_agent_stays_text_wherever_it_is_shown(page: Page, server: FakeServer) -> None:
    connect(page, server)
    server.stand("queue", number=EVIL, hours=EVIL, staffed=False)
    expect(line(page)).to_contain_text(EVIL)
    server.stand("agent", agent=EVIL, number=EVIL)
    server.push(EVIL, "agent", by=EVIL)
    server.push(EVIL, "system", custom={"kind": "survey", "ticket": EVIL, "number": EVIL, "score": EVIL})
    expect(rows(page, "agent").first).to_have_text(EVIL)
    expect(page.locator("shuiling-chat .who")).to_have_text(f"人工坐席 {EVIL}")
    expect(subtitle(page)).to_have_text(f"人工坐席{EVIL}正在为您服务")
    expect(page.locator("shuiling-chat legend")).to_have_text(EVIL)
    assert page.locator("shuiling-chat :is(img, script, a, b)").count() == 0
    assert page.evaluate("window.hit") is None


def test_the_agents_typing_shows_and_ends_by_itself(page: Page, server: FakeServer) -> None:
    page.clock.install()
    connect(page, server)
    server.stand("agent", agent="王敏")
    dots = page.locator("shuiling-chat .row.agent .dots")
    server.frame({"type": "typing", "on": True, "by": "agent"})
    expect(dots).to_be_visible()
    server.frame({"type": "typing", "on": False})
    server.push("我说完了", "taxpayer")
    expect(rows(page, "taxpayer")).to_have_text("我说完了")
    expect(dots).to_be_visible()
    page.clock.run_for(7_000)
    expect(dots).to_be_hidden()
    server.frame({"type": "typing", "on": True, "by": "agent"})
    expect(dots).to_be_visible()
    server.push("您好", "agent", by="王敏")
    expect(dots).to_be_hidden()
    server.frame({"type": "typing", "on": True})
    expect(page.locator("shuiling-chat .row.bot .dots")).to_be_visible()


def test_only_a_human_is_told_that_one_writes_and_not_at_every_key(page: Page, server: FakeServer) -> None:
    page.clock.install()
    connect(page, server)
    box(page).press_sequentially("给税铃的")
    server.stand("agent", agent="王敏")
    expect(heading(page)).to_have_text("真人坐席")
    page.clock.run_for(100)
    assert server.typed == 0
    box(page).press_sequentially("给王敏的话")
    wait_for(lambda: server.typed == 1)
    page.clock.run_for(3_000)
    box(page).press_sequentially("还有")
    wait_for(lambda: server.typed == 2)


def test_read_marks_stand_under_the_last_message_read(page: Page, server: FakeServer) -> None:
    connect(page, server)
    server.stand("agent", agent="王敏")
    say(page, "第一句")
    wait_for(lambda: len(server.said) == 1)
    seen = page.locator("shuiling-chat .seen")
    expect(seen).to_have_count(0)
    server.stand("agent", agent="王敏", read=1)
    first, second = (page.locator("shuiling-chat .row.taxpayer").nth(i) for i in (0, 1))
    expect(first.locator(".seen")).to_have_text("已读")
    expect(first.locator(".sent")).to_be_hidden()
    say(page, "第二句")
    expect(second.locator(".sent")).to_have_text("已送达")
    expect(seen).to_have_count(1)
    server.stand("agent", agent="王敏", read=2)
    expect(second.locator(".seen")).to_have_text("已读")
    expect(seen).to_have_count(1)
    page.reload()
    launcher(page).click()
    expect(second.locator(".seen")).to_have_text("已读")


def test_the_agent_learns_what_was_read_once_it_is_before_open_eyes(page: Page, server: FakeServer) -> None:
    connect(page, server)
    server.push("税铃说的")
    expect(rows(page, "bot").first).to_be_visible()
    page.keyboard.press("Escape")
    for text in ("一", "二"):
        last = server.push(text, "agent", by="王敏")
    expect(page.locator("shuiling-chat .badge")).to_have_text("2")
    page.wait_for_timeout(500)
    assert server.reads == []
    launcher(page).click()
    wait_for(lambda: server.reads == [last])


def test_uploads_go_on_while_a_human_owns_the_talk(page: Page, server: FakeServer) -> None:
    connect(page, server)
    server.stand("agent", agent="王敏")
    file: FilePayload = {"name": "对账单.pdf", "mimeType": "application/pdf", "buffer": PDF}
    page.locator("shuiling-chat input[type=file]").set_input_files(file)
    expect(rows(page, "system")).to_have_text("已收到材料：对账单.pdf")
    assert server.uploads == [("对账单.pdf", PDF)]


def test_a_note_of_the_house_can_offer_answers(page: Page, server: FakeServer) -> None:
    connect(page, server)
    server.push("材料还差一份。", "system", buttons=[{"title": "现在补", "payload": "补材料"}])
    page.locator("shuiling-chat .quick button", has_text="现在补").click()
    wait_for(lambda: server.said)
    assert server.said[0]["text"] == "补材料"


def test_after_a_break_the_last_minute_is_asked_for_again(page: Page, server: FakeServer) -> None:
    """A message with a smaller id may have been stored after one that has arrived."""
    connect(page, server)
    server.push("新的", at=None)
    expect(rows(page, "bot").first).to_have_text("新的")
    server.cut()
    wait_for(lambda: len(server.hellos) == 2)
    assert server.hellos[1]["after"] == 0
    expect(note(page)).to_have_text("")
    assert said(page, "bot") == ["新的"]


# --- the rating -----------------------------------------------------------------------------------------------------


def test_a_rating_by_keyboard_with_a_word(page: Page, server: FakeServer) -> None:
    connect(page, server)
    ask_for_rating(server)
    group = page.get_by_role("group", name=ASK)
    expect(group.get_by_role("radio")).to_have_count(5)
    send = page.get_by_role("button", name="提交评价")
    expect(send).to_be_disabled()
    page.get_by_role("radio", name="1分，很不满意").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("radio", name="5分，很满意")).to_be_checked()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Tab")
    page.keyboard.type("很耐心")
    page.keyboard.press("Enter")
    expect(page.locator("shuiling-chat .survey")).to_contain_text("您打了4分（满意）。谢谢您的评价。")
    assert server.ratings == [{"ticket": "t1", "score": 4, "word": "很耐心"}]
    expect(page.get_by_role("radio")).to_have_count(0)
    expect(page.get_by_role("button", name="改一下")).to_be_focused()


def test_a_rating_is_still_there_after_a_reload_and_can_be_changed(page: Page, server: FakeServer) -> None:
    connect(page, server)
    ask_for_rating(server)
    page.get_by_role("radio", name="5分，很满意").check()
    page.get_by_role("button", name="提交评价").click()
    card = page.locator("shuiling-chat .survey")
    expect(card).to_contain_text("您打了5分（很满意）")
    page.reload()
    launcher(page).click()
    expect(card).to_contain_text("您打了5分（很满意）")
    page.get_by_role("button", name="改一下").click()
    expect(page.get_by_role("radio", name="5分，很满意")).to_be_checked()
    page.get_by_role("radio", name="2分，不满意").check()
    page.get_by_role("button", name="提交评价").click()
    expect(card).to_contain_text("您打了2分（不满意）。谢谢您告诉我们，这次服务会有专人复查。")
    assert [r["score"] for r in server.ratings] == [5, 2]


def test_a_refused_rating_says_why_and_keeps_what_was_chosen(page: Page, server: FakeServer) -> None:
    connect(page, server)
    ask_for_rating(server)
    page.get_by_role("radio", name="3分，一般").check()
    page.locator("shuiling-chat .word").fill("还行")
    server.rating_error = (404, "没有找到要评价的这次服务。")
    send = page.get_by_role("button", name="提交评价")
    send.click()
    expect(page.locator("shuiling-chat .fault")).to_have_text("没有找到要评价的这次服务。")
    server.rating_error = None
    send.click()
    expect(page.locator("shuiling-chat .survey")).to_contain_text("您打了3分（一般）")
    assert server.ratings == [{"ticket": "t1", "score": 3, "word": "还行"}]


def test_a_rating_given_in_another_tab_shows_here(page: Page, server: FakeServer) -> None:
    connect(page, server)
    ask_for_rating(server)
    expect(page.get_by_role("radio")).to_have_count(5)
    server.frame({"type": "rated", "ticket": "t1", "score": 4})
    expect(page.locator("shuiling-chat .survey")).to_contain_text("您打了4分（满意）")


# --- how it looks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [320, 375])
@pytest.mark.parametrize("large", [False, True])
def test_on_a_phone_nothing_is_cut_off_or_too_small_to_press(
    browser: Browser, server: FakeServer, width: int, large: bool
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 640}, is_mobile=True, has_touch=True, reduced_motion="reduce"
    )
    try:
        page = context.new_page()
        connect(page, server)
        if large:
            page.get_by_role("button", name="大字").tap()
        server.push("您好，" + "A" * 200, "agent", by="王" * 30)
        ask_for_rating(server)
        server.stand("queue", number=NUMBER, staffed=False)
        expect(line(page)).to_be_visible()
        for part in (".panel", ".line", ".scroll", ".survey", ".scores"):
            wide = page.locator(f"shuiling-chat {part}").evaluate("e => e.scrollWidth - e.clientWidth")
            assert wide <= 0, part
        boxes = page.locator("shuiling-chat :is(.scores label, .survey .send, .word, .line button)")
        sizes = boxes.evaluate_all(
            "all => all.map(e => e.getBoundingClientRect()).map(r => [r.width, r.height])"
        )
        assert len(sizes) == 9 and all(min(size) >= 44 for size in sizes), sizes
        labels = page.locator("shuiling-chat .scores label")
        inside = "e => [...e.children].every(c => c.getBoundingClientRect().right <= e.getBoundingClientRect().right + 1)"
        assert all(labels.nth(i).evaluate(inside) for i in range(5))
        assert (
            page.locator("shuiling-chat .scroll").evaluate(
                "e => e.scrollHeight - e.scrollTop - e.clientHeight"
            )
            < 3
        )
    finally:
        context.close()


def test_words_stand_out_from_what_is_behind_them(page: Page, server: FakeServer) -> None:
    """WCAG 2.2 AA, 4.5 to 1, computed from what the browser paints."""
    connect(page, server)
    server.stand("queue", number=NUMBER, ahead=1)
    server.push("您好", "agent", by="王敏")
    ask_for_rating(server)
    page.get_by_role("radio", name="5分，很满意").check()
    ratio = """e => {
        const rgb = c => c.match(/[\\d.]+/g).map(Number);
        const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
            .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
        let behind = e;
        while (rgb(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
        const [a, b] = [getComputedStyle(e).color, getComputedStyle(behind).backgroundColor].map(c => light(rgb(c)));
        return (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    }"""
    for part in (
        ".line p", ".line small", ".line button", ".who", ".agent .b", "legend", ".survey .send",
        ".scores label:first-child small", ".scores label:last-child small",
    ):  # fmt: skip
        assert page.locator(f"shuiling-chat {part}").first.evaluate(ratio) >= 4.5, part
