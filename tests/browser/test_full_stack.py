"""The whole product through a real browser: what a taxpayer sees from the first page to the printed application."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from fpdf import FPDF
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pypdf import PdfReader
from visitor import ANSWER_MS, Visitor, number_in

from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.model]


def png(path: Path) -> Path:
    """A small real picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\x00" + bytes([200, 30, 30]) * 8 for _ in range(8))
    head = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    return path


def pdf(path: Path) -> Path:
    """A small real document."""
    document = FPDF()
    document.add_page()
    path.write_bytes(bytes(document.output()))
    return path


@pytest.fixture
def visitor(context: BrowserContext, page: Page, stack: Stack) -> Visitor:
    return Visitor(context, page, stack.url)


@pytest.fixture
def phone(browser: Browser, stack: Stack) -> Iterator[Visitor]:
    """A visitor with a telephone's screen."""
    context = browser.new_context(
        locale="zh-CN", viewport={"width": 375, "height": 812}, is_mobile=True, has_touch=True
    )
    yield Visitor(context, context.new_page(), stack.url)
    context.close()


def test_the_whole_deferral_journey(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.page
    role = visitor.role("成都青竹里")
    assert "延期缴纳申请" in role.situation

    visitor.open()
    expect(visitor.answers.first).to_contain_text("不是真人")
    assert "核实" in visitor.press("申请延期", keyboard=True)
    said = visitor.verify(role)
    assert role.name in said and "80000.00元" in said.replace(",", "")
    expect(page.locator("shuiling-chat .row.taxpayer .b").get_by_text(role.identifier)).to_have_count(0)
    expect(page.locator("shuiling-chat .row.taxpayer .b").nth(1)).to_contain_text("*****")

    assert "几个月" in visitor.press("货款没收回，账上没钱")
    assert "现金" in visitor.type("三个月")
    assert "工资" in visitor.type("账上还有十二万左右")
    assert "滞纳金" in visitor.type("滞纳金是怎么算的？"), "a question in between is answered"
    assert "社会保险" in visitor.type("工资要发6万")
    materials = visitor.type("社保一万五")
    assert "45000.00" in materials.replace(",", ""), "the money test on the taxpayer's own numbers"
    assert "80000.00" in materials.replace(",", "") and "材料" in materials

    visitor.upload(png(tmp_path / "对账单照片.png"), page.locator("shuiling-chat .pick").last)
    visitor.upload(pdf(tmp_path / "资产负债表.pdf"), page.locator("shuiling-chat .clip"))
    read_back = visitor.press("传好了").replace(",", "")
    for part in ("80000.00元", "120000.00元", "60000.00元", "15000.00元", "3个月", "2份"):
        assert part in read_back
    changed = visitor.type("账上现金改成10万").replace(",", "")
    assert "100000.00元" in changed and "120000.00元" not in changed

    done = visitor.press("确认提交")
    number = number_in(done)

    paper = visitor.context.request.get(visitor.link())
    assert paper.status == 200
    assert paper.headers["content-type"] == "application/pdf"
    written = "".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(paper.body())).pages)
    squeezed = "".join(written.split()).replace(",", "")
    for part in (
        number,
        role.name.removesuffix("（虚构）"),
        "80000.00",
        "100000.00",
        "对账单照片.png",
        "资产负债表.pdf",
    ):
        assert part in squeezed
    assert role.identifier not in squeezed

    status = visitor.press("查办理进度")
    assert number in status
    assert number in visitor.type("我想申请延期缴纳"), "no second application for the same tax"

    count, answers = visitor.bubbles.count(), visitor.answers.all_inner_texts()
    page.reload()
    visitor.open()
    expect(visitor.bubbles).to_have_count(count, timeout=ANSWER_MS)
    assert visitor.answers.all_inner_texts() == answers
    assert number in visitor.type("我的延期申请批了吗"), "and it still knows who this is"


def test_the_late_fee_table_of_an_overdue_taxpayer(visitor: Visitor) -> None:
    page = visitor.page
    role = visitor.role("郑州中禾")
    visitor.open()
    assert "核实" in visitor.type("我的滞纳金是多少")
    said = visitor.verify(role).replace(",", "")
    assert role.name in said and "70000.00元" in said
    table = page.locator("shuiling-chat .table table").last
    expect(table).to_be_visible()
    expect(table.locator("caption")).to_contain_text("增值税")
    expect(table.locator("tbody tr")).to_have_count(2)
    total = table.locator("tfoot").inner_text().removeprefix("合计：").replace(",", "").strip()
    assert total in said
    expect(page.locator("shuiling-chat .cite").last).to_contain_text("第三十二条")
    assert total not in visitor.type("如果下个月10号缴呢，滞纳金多少").replace(",", "")


def test_on_a_phone(phone: Visitor) -> None:
    page = phone.page
    role = phone.role("上海云栖")
    page.locator("shuiling-chat .launch").tap()
    expect(phone.answers.first).to_contain_text("税铃", timeout=ANSWER_MS)
    phone.press("查欠税")
    said = phone.verify(role)
    assert "12500.30元" in said.replace(",", "")
    phone.press("滞纳金多少")
    table = page.locator("shuiling-chat .table")
    expect(table.last).to_be_visible()
    assert table.last.evaluate("t => t.scrollWidth <= t.clientWidth"), "the fee itself is in view"
    box = table.last.bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 375
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_two_tabs_are_one_conversation(visitor: Visitor) -> None:
    visitor.open()
    second = visitor.context.new_page()
    other = Visitor(visitor.context, second, visitor.url)
    other.open()
    visitor.type("滞纳金是怎么算的")
    expect(other.answers).to_have_count(visitor.answers.count(), timeout=ANSWER_MS)
    assert other.bubbles.all_inner_texts() == visitor.bubbles.all_inner_texts()
    other.type("怎么缴税")
    expect(visitor.answers).to_have_count(other.answers.count(), timeout=ANSWER_MS)
    assert other.bubbles.all_inner_texts() == visitor.bubbles.all_inner_texts()


def test_markup_and_commands_are_only_words(visitor: Visitor) -> None:
    page = visitor.page
    visitor.open()
    for words in (
        '<img src=x onerror="window.hit=1">',
        "/restart",
        "<script>window.hit=1</script>",
        "{{7*7}}",
    ):
        visitor.type(words)
        expect(page.locator("shuiling-chat .row.taxpayer .b").last).to_have_text(words)
    assert page.evaluate("window.hit") is None
    assert page.locator("shuiling-chat .item :is(img, script)").count() == 0
