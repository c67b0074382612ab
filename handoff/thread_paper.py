"""A taxpayer's whole thread as pages of A4: a head that says what it is, then everything in the order of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from zoneinfo import ZoneInfo

from handoff.paper.fonts import chinese_font
from handoff.paper.page import HEIGHT, SMALL, WIDTH, Ink, Page
from handoff.paper.text import LEADING, MAX_CHARS, MM_PER_POINT, wrap
from handoff.story.model import Item, Story

TITLE = "纳税人沟通记录"
WATERMARK = "演示·虚构"
_MARGIN, _INDENT = 18.0, 5.0
_TOP, _BOTTOM = 16.0, HEIGHT - 18.0
_BIG, _TEXT, _NOTE = 18.0, 9.5, 8.0
_SHANGHAI = ZoneInfo("Asia/Shanghai")
# Each paper being drawn holds a large font.
_ONE_AT_A_TIME = Lock()


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who took the paper out and when (aware), whose certificate signs it, and where the audit trail stood then."""

    by: str
    at: datetime
    signer: str
    fingerprint: str
    audit_id: int
    audit_hash: str


@dataclass(frozen=True, slots=True)
class _Line:
    """One line: ``before`` mm of space above it, ``tied``: not parted from the next line by the end of a page."""

    text: str
    size: float
    indent: float = 0.0
    before: float = 0.0
    ink: Ink = Ink.BLACK
    bold: bool = False
    tied: bool = False

    @property
    def height(self) -> float:
        return self.before + self.size * LEADING * MM_PER_POINT


def render(story: Story, stamp: Stamp) -> bytes:
    """The PDF, not signed yet, its font embedded; a second and more of processor time: call it off the event loop.

    Raises :class:`handoff.paper.fonts.DocumentError` when no Chinese font is installed.
    """
    with _ONE_AT_A_TIME:
        page = Page(chinese_font(), title=f"{TITLE} {story.identifier_mask}", at=stamp.at)
        sheets = _paginate([*_head(page, story, stamp), *_body(page, story.items)])
        for number, lines in enumerate(sheets, 1):
            if number > 1:
                page.turn()
            _draw(page, lines)
            foot = f"{'演示数据，纯属虚构 | ' if story.fictional else ''}第{number}页 共{len(sheets)}页"
            page.write(
                foot, _MARGIN, HEIGHT - 13, WIDTH - 2 * _MARGIN, 5, sizes=SMALL, align="right", ink=Ink.GREY
            )
            if story.fictional:
                page.watermark(WATERMARK)
        return page.to_bytes()


def _head(page: Page, story: Story, stamp: Stamp) -> Iterator[_Line]:
    yield _Line(TITLE, _BIG, bold=True)
    told = [
        f"纳税人：{story.name}",
        f"证件号码：{story.identifier_mask}",
        f"所属地区：{story.region}",
        f"内容：{story.conversations}个会话，{story.calls}次电话，{len(story.items)}条记录，按时间排列（北京时间）",
        f"导出：{stamp.by}，{_moment(stamp.at)}",
        f"签章：{stamp.signer}，证书指纹 SHA-256 {stamp.fingerprint}",
        f"导出时的审计记录：第{stamp.audit_id}条，校验值 {stamp.audit_hash}",
        "号码以掩码显示。电话里说过的话以通话记录为准，不再重复列出。字体没有的符号（如表情）显示为□。",
    ]
    if story.left_out:
        told.append(f"另有{story.left_out}条消息是其他人在同一会话中说的，没有列入。")
    for place, text in enumerate(told):
        yield from _wrapped(page, text, _NOTE, ink=Ink.GREY, before=3.0 if place == 0 else 0.4)


def _body(page: Page, items: Sequence[Item]) -> Iterator[_Line]:
    if not items:
        yield _Line("没有记录。", _TEXT, before=6.0)
    day = ""
    for item in items:
        local = item.at.astimezone(_SHANGHAI)
        if (today := f"{local.year}年{local.month}月{local.day}日") != day:
            day = today
            yield _Line(day, 11.0, before=5.0, bold=True, tied=True)
        title = f"{local:%H:%M:%S}　{item.who}{f'　{item.where}' if item.where else ''}"
        yield from _wrapped(page, title, _NOTE, ink=Ink.GREY, before=2.2, tied=True)
        yield from _wrapped(page, item.text, _TEXT, indent=_INDENT)


def _wrapped(
    page: Page,
    text: str,
    size: float,
    *,
    indent: float = 0.0,
    before: float = 0.0,
    ink: Ink = Ink.BLACK,
    tied: bool = False,
) -> Iterator[_Line]:
    """The lines of a text of any length, cleaned of what cannot be printed."""
    clean = "".join(page.clean(text[i : i + MAX_CHARS]) for i in range(0, len(text), MAX_CHARS)) or "（空）"
    width = (WIDTH - 2 * _MARGIN - indent) / (size * MM_PER_POINT)
    for place, line in enumerate(wrap(clean, page.measure, width)):
        yield _Line(line, size, indent, before if place == 0 else 0.0, ink, tied=tied)


def _paginate(lines: Sequence[_Line]) -> list[list[_Line]]:
    """Lines by page; headings go over to the next page with what they head."""
    sheets: list[list[_Line]] = [[]]
    used = 0.0
    for line in lines:
        if used + line.height > _BOTTOM - _TOP and sheets[-1]:
            carried: list[_Line] = []
            while sheets[-1] and sheets[-1][-1].tied:
                carried.insert(0, sheets[-1].pop())
            if not sheets[-1]:
                sheets[-1], carried = carried, []
            sheets.append(carried)
            used = sum(each.height for each in carried)
        sheets[-1].append(line)
        used += line.height
    return sheets


def _draw(page: Page, lines: Sequence[_Line]) -> None:
    y = _TOP
    for line in lines:
        y += line.height
        middle = y - line.size * LEADING * MM_PER_POINT / 2
        page.line(line.text, _MARGIN + line.indent, middle, size=line.size, ink=line.ink, bold=line.bold)


def _moment(at: datetime) -> str:
    local = at.astimezone(_SHANGHAI)
    return f"{local.year}年{local.month}月{local.day}日 {local:%H:%M:%S}"
