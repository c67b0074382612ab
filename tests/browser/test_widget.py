from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fake_server import SHANGHAI, STATIC, FakeServer
from playwright.sync_api import Browser, BrowserContext, FilePayload, Locator, Page, expect

pytestmark = pytest.mark.browser

PDF = b"%PDF-1.4\n%%EOF\n"
JPEG = b"\xff\xd8\xff\xe0" + bytes(64)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


def launcher(page: Page) -> Locator:
    return page.locator("shuiling-chat .launch")


def box(page: Page) -> Locator:
    return page.locator("shuiling-chat textarea")


def rows(page: Page, sender: str) -> Locator:
    return page.locator(f"shuiling-chat .row.{sender} .b")


def said(page: Page, sender: str) -> list[str]:
    """The texts shown for one speaker; the typing dots carry none."""
    return [text for text in rows(page, sender).all_inner_texts() if text]


def state(page: Page) -> Locator:
    return page.locator("shuiling-chat .state").last


def note(page: Page) -> Locator:
    return page.locator("shuiling-chat .note")


def wait_for(what: Callable[[], Any], seconds: float = 8.0) -> None:
    """Polls the fake server, whose state no page event announces."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def connect(page: Page, server: FakeServer, path: str = "/plain") -> None:
    page.goto(server.url + path)
    launcher(page).click()
    wait_for(lambda: server.open_sockets == 1)
    expect(note(page)).to_have_text("")


def test_widget_is_small_and_stands_alone() -> None:
    source = (STATIC / "widget.js").read_text("utf-8")
    assert len(source.encode()) <= 52 * 1024
    assert not re.search(
        r"\b(inner|outer)HTML\b|insertAdjacentHTML|document\.write|\beval\(|^\s*import\b", source, re.M
    )
    assert "https://" not in source


def test_send_and_receive(page: Page, server: FakeServer) -> None:
    connect(page, server)
    server.push("您好，我是税铃。")
    expect(rows(page, "bot").first).to_have_text("您好，我是税铃。")
    box(page).fill("第一行")
    box(page).press("Shift+Enter")
    box(page).press_sequentially("第二行")
    assert server.said == []
    box(page).press("Enter")
    expect(state(page)).to_have_text("已送达")
    assert [frame["text"] for frame in server.said] == ["第一行\n第二行"]
    assert said(page, "taxpayer") == ["第一行\n第二行"]
    expect(box(page)).to_have_value("")


def test_the_servers_masked_text_replaces_what_was_typed(page: Page, server: FakeServer) -> None:
    connect(page, server)
    box(page).fill("我的证件号 110101199003070000")
    page.get_by_role("button", name="发送").click()
    expect(rows(page, "taxpayer")).to_have_text("我的证件号 ******")
    assert page.evaluate("sessionStorage.getItem('shuiling.queue')") is None


def test_markup_and_script_stay_text(page: Page, server: FakeServer) -> None:
    evil = '<img src=x onerror="window.hit=1"><script>window.hit=1</script> https://example.com {{7*7}} javascript:alert(1)'
    connect(page, server)
    custom = {
        "kind": "group",
        "items": [
            {"kind": "late_fee_table", "title": evil, "columns": [evil], "rows": [[evil]], "total": evil},
            {"kind": "citations", "items": [evil]},
            {"kind": "upload", "hint": evil},
            {"kind": "links", "links": [{"title": evil, "href": "javascript:window.hit=1"}]},
        ],
    }
    for sender in ("bot", "agent", "taxpayer", "system", "<b>"):
        server.push(evil, sender, custom=custom, buttons=[{"title": evil, "payload": evil}])
    expect(rows(page, "bot").first).to_have_text(evil)
    expect(page.locator("shuiling-chat caption").first).to_have_text(evil)
    assert page.locator("shuiling-chat :is(img, script, a, b)").count() == 0
    assert page.evaluate("window.hit") is None


def test_links_lead_only_to_the_server(page: Page, server: FakeServer) -> None:
    connect(page, server)
    hrefs = [
        "/files/a.pdf",
        f"{server.url}/b.pdf",
        "https://example.com/c",
        "//example.com/d",
        "data:text/html,x",
        "",
        None,
    ]
    links = [{"title": f"链接{i}", "href": href} for i, href in enumerate(hrefs)]
    server.push("材料", custom={"kind": "links", "links": links})
    expect(page.locator("shuiling-chat .links li")).to_have_count(len(hrefs))
    anchors = page.locator("shuiling-chat .links a")
    assert anchors.evaluate_all("all => all.map(a => a.href)") == [
        f"{server.url}/files/a.pdf",
        f"{server.url}/b.pdf",
    ]
    assert anchors.first.get_attribute("rel") == "noopener noreferrer"


def test_quick_replies_by_keyboard(page: Page, server: FakeServer) -> None:
    connect(page, server)
    server.push(
        "要现在申请吗？",
        buttons=[{"title": "现在申请", "payload": "/affirm"}, {"title": "先不了", "payload": "先不了"}],
    )
    server.push("不着急，想好再选。")
    pills = page.locator("shuiling-chat .quick button")
    expect(pills).to_have_text(["现在申请", "先不了"])
    box(page).press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    expect(pills.first).to_be_focused()
    page.keyboard.press("Enter")
    wait_for(lambda: server.said)
    assert server.said[0]["text"] == "/affirm"
    expect(state(page)).to_have_text("已送达")
    expect(rows(page, "taxpayer")).to_have_text("现在申请")
    expect(pills).to_have_count(0)
    expect(box(page)).to_be_focused()


def test_old_quick_replies_go_when_the_talk_moves_on(page: Page, server: FakeServer) -> None:
    connect(page, server)
    pills = page.locator("shuiling-chat .quick button")
    server.push("选一个", buttons=[{"title": "甲", "payload": "甲"}])
    server.push("稍等", "system")
    expect(pills).to_have_text(["甲"])
    server.push("再选一个", buttons=[{"title": "乙", "payload": "乙"}])
    expect(pills).to_have_text(["乙"])
    box(page).fill("丙")
    box(page).press("Enter")
    expect(pills).to_have_count(0)


def test_a_cut_socket_is_caught_up_without_repeats(page: Page, server: FakeServer) -> None:
    connect(page, server)
    server.push("一")
    expect(rows(page, "bot").first).to_have_text("一")
    server.refuse_sockets = True
    server.cut()
    expect(note(page)).to_have_text("连接中断，正在重连…")
    server.push("二")
    server.push("三", "agent")
    server.owner = "agent"
    server.refuse_sockets = False
    expect(rows(page, "agent")).to_have_text("三")
    expect(note(page)).to_have_text("")
    assert said(page, "bot") == ["一", "二"]
    expect(page.locator("shuiling-chat .sub")).to_have_text("人工坐席正在为您服务")
    server.cut()
    wait_for(lambda: len(server.hellos) >= 3 and server.open_sockets == 1)
    server.replay()
    server.push("四")
    expect(rows(page, "bot").nth(2)).to_have_text("四")
    assert said(page, "bot") == ["一", "二", "四"]


def test_offline_messages_wait_and_arrive_once_in_order(page: Page, server: FakeServer) -> None:
    connect(page, server)
    server.refuse_sockets = True
    server.cut()
    expect(note(page)).to_have_text("连接中断，正在重连…")
    for text in ("甲", "乙"):
        box(page).fill(text)
        box(page).press("Enter")
    expect(state(page)).to_contain_text("发送中")
    expect(page.locator("shuiling-chat .clip")).to_be_disabled()
    server.push("断线时的消息")
    server.refuse_sockets = False
    expect(state(page)).to_have_text("已送达")
    assert [frame["text"] for frame in server.said] == ["甲", "乙"]
    order = page.locator("shuiling-chat .item .b").all_inner_texts()
    assert order == ["断线时的消息", "甲", "乙"]


def test_a_message_swallowed_by_a_dying_server_is_sent_again_under_the_same_id(
    page: Page, server: FakeServer
) -> None:
    connect(page, server)
    server.echo = False
    box(page).fill("别丢了我")
    box(page).press("Enter")
    wait_for(lambda: server.said)
    server.echo = True
    server.cut()
    expect(state(page)).to_have_text("已送达")
    assert len({frame["client_id"] for frame in server.said}) == 1
    assert said(page, "taxpayer") == ["别丢了我"]


def test_unsent_text_and_draft_survive_a_reload(page: Page, server: FakeServer) -> None:
    connect(page, server)
    server.refuse_sockets = True
    server.cut()
    expect(note(page)).to_have_text("连接中断，正在重连…")
    box(page).fill("已按发送")
    box(page).press("Enter")
    box(page).fill("写到一半")
    page.reload()
    server.refuse_sockets = False
    launcher(page).click()
    expect(state(page)).to_have_text("已送达")
    assert [frame["text"] for frame in server.said] == ["已按发送"]
    expect(box(page)).to_have_value("写到一半")


def test_history_returns_with_the_stored_token(page: Page, server: FakeServer) -> None:
    connect(page, server)
    server.push("记得我吗")
    expect(rows(page, "bot").first).to_have_text("记得我吗")
    page.reload()
    launcher(page).click()
    expect(rows(page, "bot").first).to_have_text("记得我吗")
    assert server.sessions[0] is None and server.sessions[1] is not None


def test_a_refused_token_starts_a_new_conversation_once(page: Page, server: FakeServer) -> None:
    connect(page, server)
    server.push("旧的对话")
    expect(rows(page, "bot").first).to_have_text("旧的对话")
    old = page.evaluate("localStorage.getItem('shuiling.token')")
    server.forget_tokens()
    server.cut()
    expect(rows(page, "system")).to_contain_text("新的对话")
    wait_for(lambda: server.open_sockets == 1)
    assert page.evaluate("localStorage.getItem('shuiling.token')") != old
    assert said(page, "bot") == []
    assert len(server.sessions) == 2
    server.push("新的问候")
    expect(rows(page, "bot").first).to_have_text("新的问候")


def test_unread_badge_counts_while_closed_and_survives_a_reload(page: Page, server: FakeServer) -> None:
    connect(page, server)
    server.push("看过的")
    expect(rows(page, "bot").first).to_have_text("看过的")
    page.keyboard.press("Escape")
    expect(launcher(page)).to_be_focused()
    badge = page.locator("shuiling-chat .badge")
    expect(badge).to_be_hidden()
    server.push("新的一条")
    server.push("状态", "system")
    server.push("新的两条", "agent")
    expect(badge).to_have_text("2")
    expect(launcher(page)).to_have_accessible_name("打开税务咨询，2 条未读消息")
    page.reload()
    expect(badge).to_have_text("2")
    launcher(page).click()
    page.keyboard.press("Escape")
    expect(launcher(page)).to_be_visible()
    expect(badge).to_be_hidden()


def test_nothing_connects_before_the_first_visit_opens_it(page: Page, server: FakeServer) -> None:
    page.goto(server.url + "/plain")
    expect(launcher(page)).to_be_visible()
    page.wait_for_timeout(200)
    assert server.sessions == []


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("程序.exe", b"MZ\x90\x00", "只支持 JPG、PNG、PDF"),
        ("改名.pdf", b"MZ\x90\x00", "只支持 JPG、PNG、PDF"),
        ("空白.png", b"", "空的"),
        ("超大.pdf", PDF + bytes(10 * 1024 * 1024), "超过 10 MB"),
    ],
)
def test_upload_refuses_before_sending(
    page: Page, server: FakeServer, name: str, data: bytes, problem: str, tmp_path: Path
) -> None:
    connect(page, server)
    (tmp_path / name).write_bytes(data)
    page.locator("shuiling-chat input[type=file]").set_input_files(tmp_path / name)
    expect(rows(page, "system")).to_contain_text(problem)
    expect(rows(page, "system")).to_contain_text(name)
    assert server.uploads == []


def test_upload_arrives_and_is_confirmed(page: Page, server: FakeServer) -> None:
    connect(page, server)
    server.push(
        "请上传",
        custom={"kind": "upload", "hint": "对账单"},
        buttons=[{"title": "传好了", "payload": "传好了"}],
    )
    expect(page.locator("shuiling-chat .clip")).to_have_class(re.compile("hot"))
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="选择文件上传").click()
    files: list[FilePayload] = [
        {"name": "对账单.pdf", "mimeType": "application/pdf", "buffer": PDF},
        {"name": "执照.JPEG", "mimeType": "image/jpeg", "buffer": JPEG},
        {"name": "流水.png", "mimeType": "", "buffer": PNG},
    ]
    chooser.value.set_files(files)
    expect(rows(page, "system")).to_have_text(
        ["已收到材料：对账单.pdf", "已收到材料：执照.JPEG", "已收到材料：流水.png"]
    )
    assert server.uploads == [("对账单.pdf", PDF), ("执照.JPEG", JPEG), ("流水.png", PNG)]
    expect(page.locator("shuiling-chat .quick button")).to_have_text(["传好了"])


def test_a_refused_upload_says_why_and_can_be_retried(page: Page, server: FakeServer) -> None:
    connect(page, server)
    server.upload_error = (507, "材料空间已满，请稍后再传。")
    file: FilePayload = {"name": "a.pdf", "mimeType": "application/pdf", "buffer": PDF}
    page.locator("shuiling-chat input[type=file]").set_input_files(file)
    retry = page.get_by_role("button", name="材料空间已满，请稍后再传。 点此重试")
    expect(retry).to_be_visible()
    server.upload_error = None
    retry.click()
    expect(rows(page, "system")).to_have_text("已收到材料：a.pdf")
    assert len(server.uploads) == 1
    assert len(said(page, "taxpayer")) == 1


def test_ime_enter_confirms_the_word_and_does_not_send(page: Page, server: FakeServer) -> None:
    connect(page, server)
    box(page).fill("nihao")
    box(page).dispatch_event("compositionstart")
    box(page).press("Enter")
    page.wait_for_timeout(150)
    assert server.said == []
    box(page).dispatch_event("compositionend")
    box(page).fill("你好")
    # Safari's order: the composition is over, and the Enter that ended it comes with key code 229.
    box(page).evaluate(
        "e => e.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', keyCode: 229, bubbles: true, cancelable: true}))"
    )
    page.wait_for_timeout(150)
    assert server.said == []
    box(page).press("Enter")
    wait_for(lambda: server.said)
    assert [frame["text"] for frame in server.said] == ["你好"]


def test_empty_text_is_not_sent_and_long_text_is_counted(page: Page, server: FakeServer) -> None:
    connect(page, server)
    box(page).fill("  \n ")
    box(page).press("Enter")
    count = page.locator("shuiling-chat .count")
    expect(count).to_be_hidden()
    box(page).fill("税" * 1999)
    expect(count).to_have_text("1999/2000")
    box(page).press_sequentially("税税税")
    expect(count).to_contain_text("2000/2000")
    box(page).press("Enter")
    expect(state(page)).to_have_text("已送达")
    assert [len(frame["text"]) for frame in server.said] == [2000]


def test_a_refused_message_shows_the_reason_and_can_be_retried(page: Page, server: FakeServer) -> None:
    connect(page, server)
    server.say_error = ("rate", "您发得有点快，请稍等几秒。")
    box(page).fill("在吗")
    box(page).press("Enter")
    failed = page.get_by_role("button", name="您发得有点快，请稍等几秒。 发送失败 点此重试")
    expect(failed).to_be_visible()
    server.say_error = None
    failed.click()
    expect(state(page)).to_have_text("已送达")
    assert len({frame["client_id"] for frame in server.said}) == 1


def test_too_many_sessions_shows_the_servers_words_and_recovers(page: Page, server: FakeServer) -> None:
    server.session_error = (429, "访问的人太多，请稍后再试。")
    page.goto(server.url + "/plain")
    launcher(page).click()
    expect(note(page)).to_have_text("访问的人太多，请稍后再试。")
    server.session_error = None
    wait_for(lambda: server.open_sockets == 1)
    expect(note(page)).to_have_text("")


def test_an_answered_ping_keeps_the_connection(page: Page, server: FakeServer) -> None:
    page.clock.install()
    connect(page, server)
    page.clock.run_for(26_000)
    wait_for(lambda: server.pings == 1)
    page.wait_for_timeout(100)
    page.clock.run_for(11_000)
    page.wait_for_timeout(200)
    assert len(server.hellos) == 1


def test_a_server_gone_silent_is_left_and_found_again(page: Page, server: FakeServer) -> None:
    page.clock.install()
    connect(page, server)
    server.answer_pings = False
    server.refuse_sockets = True
    page.clock.run_for(26_000)
    wait_for(lambda: server.pings == 1)
    page.clock.run_for(9_100)  # Just past the ten seconds a pong may take.
    expect(note(page)).to_have_text("连接中断，正在重连…")
    server.answer_pings = True
    server.refuse_sockets = False
    page.clock.run_for(16_000)  # Longer than the longest wait before another attempt.
    wait_for(lambda: len(server.hellos) == 2)
    expect(note(page)).to_have_text("")


def test_owner_and_typing(page: Page, server: FakeServer) -> None:
    connect(page, server)
    subtitle = page.locator("shuiling-chat .sub")
    expect(subtitle).to_contain_text("智能助手，非人工")
    server.stand("queue", number="RG2026-000001")
    expect(subtitle).to_have_text("正在等待人工坐席")
    server.stand("bot")
    expect(subtitle).to_contain_text("非人工")
    dots = page.locator("shuiling-chat .dots")
    server.frame({"type": "typing", "on": True})
    expect(dots).to_be_visible()
    server.push("好了")
    expect(dots).to_be_hidden()


def test_unknown_frames_and_kinds_are_ignored(page: Page, server: FakeServer) -> None:
    connect(page, server)
    server.frame({"type": "later_feature", "x": 1})
    server.frame({"type": "message", "id": "not a number", "text": "?"})
    nested: dict[str, Any] = {"kind": "citations", "items": ["深处"]}
    for _ in range(40):
        nested = {"kind": "group", "items": [nested]}
    customs: list[Any] = [
        {"kind": "hologram"},
        {"kind": "late_fee_table"},
        {"kind": "links", "links": [None]},
        [],
        "x",
        nested,
    ]
    for custom in customs:
        server.push("正文", custom=custom)
    expect(rows(page, "bot").nth(5)).to_have_text("正文")
    assert page.locator("shuiling-chat .cite").count() == 0


def test_late_fee_table_has_caption_scopes_and_total(page: Page, server: FakeServer) -> None:
    connect(page, server)
    server.push(
        "明细",
        custom={
            "kind": "late_fee_table",
            "title": "滞纳金明细",
            "columns": ["起止", "天数", "滞纳金（元）"],
            "rows": [["2026-11-17 至 2026-11-23", "7", "46.12"]],
            "total": "合计 46.12 元",
        },
    )
    table = page.get_by_role("table", name="滞纳金明细")
    expect(table.locator("thead th[scope=col]")).to_have_text(["起止", "天数", "滞纳金（元）"])
    expect(table.locator("tbody th[scope=row]")).to_have_text("2026-11-17 至 2026-11-23")
    expect(table.locator("tfoot")).to_have_text("合计：46.12 元")


def test_time_separators(page: Page, server: FakeServer) -> None:
    now = datetime.now(SHANGHAI)
    early = datetime(2024, 2, 3, 9, 5, tzinfo=SHANGHAI)
    server.push("去年", at=early)
    server.push("同一刻", at=early + timedelta(minutes=4))
    server.push("刚才", at=now)
    connect(page, server)
    shown = page.locator("shuiling-chat time:visible")
    expect(shown).to_have_text(["2024年2月3日 09:05", now.strftime("%H:%M")])


def test_two_tabs_show_the_same_conversation(context: BrowserContext, page: Page, server: FakeServer) -> None:
    connect(page, server)
    other = context.new_page()
    other.goto(server.url + "/plain")
    launcher(other).click()
    wait_for(lambda: server.open_sockets == 2)
    box(other).fill("从第二页说的")
    box(other).press("Enter")
    expect(rows(page, "taxpayer")).to_have_text("从第二页说的")
    server.push("两页都看到")
    for tab in (page, other):
        expect(rows(tab, "bot").first).to_have_text("两页都看到")
        assert said(tab, "taxpayer") == ["从第二页说的"]
    assert server.sessions[1] == page.evaluate("localStorage.getItem('shuiling.token')")


@pytest.mark.parametrize("width", [320, 375])
@pytest.mark.parametrize("large", [False, True])
def test_phone_sheet_fills_the_screen_without_sideways_scroll(
    browser: Browser, server: FakeServer, width: int, large: bool
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 640}, is_mobile=True, has_touch=True, reduced_motion="reduce"
    )
    try:
        page = context.new_page()
        page.goto(server.url)
        launcher(page).tap()
        wait_for(lambda: server.open_sockets == 1)
        if large:
            page.get_by_role("button", name="大字").tap()
        server.push("税" * 300 + "A" * 300)
        table = {
            "kind": "late_fee_table",
            "title": "明细",
            "columns": ["列" * 6] * 6,
            "rows": [["1234567.89"] * 6],
            "total": "1",
        }
        links = {"kind": "links", "links": [{"title": "B" * 120, "href": "/x"}]}
        buttons = [{"title": "很长的按钮" * 8, "payload": "x"}, {"title": "C" * 60, "payload": "y"}]
        server.push("见表", custom={"kind": "group", "items": [table, links]}, buttons=buttons)
        expect(page.locator("shuiling-chat .quick button")).to_have_count(2)
        panel = page.locator("shuiling-chat .panel")
        assert panel.bounding_box() == {"x": 0, "y": 0, "width": width, "height": 640}
        for part in (".panel", ".scroll", "form", "header"):
            wide = page.locator(f"shuiling-chat {part}").first.evaluate("e => e.scrollWidth - e.clientWidth")
            assert wide <= 0, part
        inner = page.locator("shuiling-chat .table")
        assert inner.evaluate("e => e.scrollWidth > e.clientWidth"), "the table scrolls inside its own box"
        small = page.locator("shuiling-chat .panel button:visible").evaluate_all(
            "all => all.filter(b => b.getBoundingClientRect().height < 44 || b.getBoundingClientRect().width < 44)"
            ".map(b => b.className + b.textContent)"
        )
        assert small == []
    finally:
        context.close()


def test_phone_sheet_keeps_the_focus_inside(browser: Browser, server: FakeServer) -> None:
    context = browser.new_context(viewport={"width": 375, "height": 640})
    try:
        page = context.new_page()
        connect(page, server)
        seen = set()
        for _ in range(12):
            page.keyboard.press("Tab")
            seen.add(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        assert "outside" not in seen
        page.keyboard.press("Escape")
        expect(launcher(page)).to_be_focused()
        expect(page.locator("shuiling-chat .panel")).to_be_hidden()
    finally:
        context.close()


def test_open_focuses_the_text_box_and_large_text_is_remembered(page: Page, server: FakeServer) -> None:
    page.goto(server.url + "/plain")
    launcher(page).focus()
    page.keyboard.press("Enter")
    expect(box(page)).to_be_focused()
    assert box(page).evaluate("e => getComputedStyle(e).fontSize") == "16px"
    page.get_by_role("button", name="大字").click()
    page.reload()
    launcher(page).click()
    expect(page.get_by_role("button", name="大字")).to_have_attribute("aria-pressed", "true")
    assert box(page).evaluate("e => getComputedStyle(e).fontSize") == "20px"


def test_the_log_is_announced_but_history_is_not(page: Page, server: FakeServer) -> None:
    for i in range(30):
        server.push(f"旧消息 {i}")
    page.goto(server.url + "/plain")
    launcher(page).click()
    log = page.get_by_role("log")
    expect(log).to_have_attribute("aria-live", "off")
    expect(log).to_have_attribute("aria-live", "polite")
    expect(rows(page, "bot").nth(29)).to_be_in_viewport()


def test_reading_back_is_not_disturbed_by_new_messages(page: Page, server: FakeServer) -> None:
    for i in range(40):
        server.push(f"旧消息 {i}")
    connect(page, server)
    expect(rows(page, "bot").nth(39)).to_be_in_viewport()
    page.get_by_role("log").hover()
    page.mouse.wheel(0, -5000)
    expect(rows(page, "bot").first).to_be_in_viewport()
    server.push("新来的")
    jump = page.get_by_role("button", name="新消息")
    expect(jump).to_be_visible()
    expect(rows(page, "bot").first).to_be_in_viewport()
    jump.click()
    expect(rows(page, "bot").nth(40)).to_be_in_viewport()
    expect(jump).to_be_hidden()


def test_public_methods_and_event(page: Page, server: FakeServer) -> None:
    page.goto(server.url + "/plain")
    page.evaluate(
        """() => {
            window.got = [];
            document.addEventListener('shuiling:message', e => window.got.push(e.detail.text));
            document.querySelector('shuiling-chat').say('代我说');
        }"""
    )
    wait_for(lambda: server.said)
    server.push("听到了")
    wait_for(lambda: page.evaluate("window.got") == ["代我说", "听到了"])
    page.evaluate("document.querySelector('shuiling-chat').open()")
    expect(box(page)).to_be_visible()
    page.evaluate("document.querySelector('shuiling-chat').close()")
    expect(launcher(page)).to_be_visible()
