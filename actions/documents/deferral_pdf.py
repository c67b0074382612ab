"""The application for deferral of tax payment (《延期缴纳税款申请表》) as one printable A4 page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from pathlib import PurePath
from threading import Lock

from actions.phrases import period as period_in_words
from handoff.paper.fonts import chinese_font
from handoff.paper.page import BODY, FRAME, HEIGHT, PADDING, SMALL, WIDTH, Align, Ink, Page
from handoff.paper.text import capitals
from store.models import TaxpayerKind
from tax.deferral import DECISION_DAYS, GROUNDS, STATUS_ZH, Ground, MoneyTest, Status, money_test
from tax.money import format_yuan

TITLE = "延期缴纳税款申请表"
WATERMARK = "演示·虚构"
NOTICE = "本表由税铃协助填写，提交不代表批准"
LEGAL_BASIS = (
    "法律依据：《中华人民共和国税收征收管理法》第三十一条，"
    "《中华人民共和国税收征收管理法实施细则》第四十一条、第四十二条。"
)
DECLARATION = (
    "以上内容由申请人提供，申请人对其真实性和完整性负责。"
    "申请人知悉：提交申请不代表获得批准，申报仍应按期办理；"
    "获得批准的，批准的延期内不加收滞纳金；未获批准的，滞纳金自原缴款期限届满次日起计算。"
)
PROMISED_DAYS = f"税务机关自收到申请之日起{DECISION_DAYS}日内作出决定。"

_KINDS = {
    TaxpayerKind.COMPANY: "企业",
    TaxpayerKind.SOLE_TRADER: "个体工商户",
    TaxpayerKind.PERSON: "自然人",
}
_SIGNERS = {
    TaxpayerKind.COMPANY: ("申请人（公章）：", "法定代表人（签字）："),
    TaxpayerKind.SOLE_TRADER: ("申请人（签章）：", "经营者（签字）："),
    TaxpayerKind.PERSON: ("申请人（签字）：", "代理人（签字，如有）："),
}
# The law knows Beijing time only, and has had no summer time since 1992.
_BEIJING = timezone(timedelta(hours=8))

_MARGIN = 15.0
_SIDE, _LABEL = 10.0, 27.0
_BODY_X = _MARGIN + _SIDE
_BODY_W = WIDTH - 2 * _MARGIN - _SIDE
_VALUE = _BODY_W / 2 - _LABEL
_ROW = 9.0
_MATERIALS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class ApplicationSheet:
    """What is printed. Money in yuan to the fen; ``submitted_at`` aware, None for a draft.

    ``identifier_mask`` is already masked. ``materials``: file name and size in bytes. ``reason_text``: the
    applicant's own words, any length. ``fictional``: demo data, marked as such across the page.
    """

    number: str
    taxpayer_name: str
    identifier_mask: str
    taxpayer_kind: TaxpayerKind
    region: str
    bill_no: str
    tax_type: str
    period: str
    tax_amount: Decimal
    due: date
    requested_until: date
    months: int
    reason_text: str
    ground: Ground
    cash: Decimal
    wages_payable: Decimal
    social_insurance: Decimal
    status: Status
    submitted_at: datetime | None
    materials: tuple[tuple[str, int], ...] = ()
    fictional: bool = False


def render(sheet: ApplicationSheet) -> bytes:
    """The PDF, its Chinese font embedded. The same sheet gives the same bytes when it was submitted.

    Takes a good part of a second of processor time the first time a sheet is asked for: call it off the event
    loop. One is made at a time, as each holds a large font. DocumentError when no Chinese font is installed,
    MoneyError for amounts that cannot be, ValueError for a ``submitted_at`` without time zone.
    """
    if sheet.submitted_at is not None and sheet.submitted_at.utcoffset() is None:
        raise ValueError("submitted_at must carry its time zone")
    with _ONE_AT_A_TIME:
        return _render(sheet)


_ONE_AT_A_TIME = Lock()


@lru_cache(maxsize=32)
def _render(sheet: ApplicationSheet) -> bytes:
    test = money_test(sheet.cash, sheet.wages_payable, sheet.social_insurance, sheet.tax_amount)
    page = Page(chinese_font(), title=f"{TITLE} {sheet.number}", at=sheet.submitted_at)
    top = _heading(page, sheet)
    y = _applicant(page, sheet, top)
    y = _tax(page, sheet, y)
    y = _reason(page, sheet, y)
    y = _money(page, sheet, test, y)
    y = _materials(page, sheet, y)
    y = _declaration(page, sheet, y)
    y = _opinion(page, y)
    page.box(_MARGIN, top, WIDTH - 2 * _MARGIN, y - top, line=FRAME)
    page.write(LEGAL_BASIS, _MARGIN, y + 1.5, WIDTH - 2 * _MARGIN, 5, sizes=SMALL, ink=Ink.GREY)
    _footer(page, sheet)
    if sheet.fictional:
        page.watermark(WATERMARK)
    return page.to_bytes()


def _heading(page: Page, sheet: ApplicationSheet) -> float:
    width = WIDTH - 2 * _MARGIN
    page.write(TITLE, _MARGIN, 12, width, 11, sizes=(20,), align="center", bold=True)
    third = width / 3
    told = (
        (f"申请编号：{sheet.number}", "left"),
        (f"提交时间：{_moment(sheet.submitted_at)}", "center"),
        (f"办理状态：{STATUS_ZH[sheet.status]} | 金额单位：元", "right"),
    )
    aligns: dict[str, Align] = {"left": "left", "center": "center", "right": "right"}
    for i, (text, align) in enumerate(told):
        page.write(text, _MARGIN + third * i, 25, third, 5, sizes=(9, 8.5, 8, 7, 6), align=aligns[align])
    return 31.0


def _applicant(page: Page, sheet: ApplicationSheet, y: float) -> float:
    page.side("申请人", _MARGIN, y, _SIDE, 2 * _ROW)
    _pair(page, y, ("纳税人名称", sheet.taxpayer_name), ("纳税人识别号", sheet.identifier_mask))
    _pair(page, y + _ROW, ("纳税人类型", _KINDS[sheet.taxpayer_kind]), ("所属地区", sheet.region))
    return y + 2 * _ROW


def _tax(page: Page, sheet: ApplicationSheet, y: float) -> float:
    page.side("申请延期税款", _MARGIN, y, _SIDE, 4 * _ROW)
    _pair(page, y, ("税种", sheet.tax_type), ("账单编号", sheet.bill_no))
    _pair(page, y + _ROW, ("税款所属期", period_in_words(sheet.period)), ("原缴款期限", _day(sheet.due)))
    _pair(
        page,
        y + 2 * _ROW,
        ("税额（小写）", f"¥{sheet.tax_amount:,.2f}"),
        ("税额（大写）", f"人民币{capitals(sheet.tax_amount)}"),
    )
    _pair(
        page,
        y + 3 * _ROW,
        ("申请延期至", f"{_day(sheet.requested_until)}（含当日）"),
        ("申请延期时长", f"{sheet.months}个月"),
    )
    return y + 4 * _ROW


def _reason(page: Page, sheet: ApplicationSheet, y: float) -> float:
    grounds, words = 13.0, 39.0
    page.side("申请理由", _MARGIN, y, _SIDE, grounds + words)
    page.box(_BODY_X, y, _BODY_W, grounds)
    for i, (ground, text) in enumerate(GROUNDS.items()):
        middle = y + 3.6 + 5.8 * i
        page.tick(_BODY_X + PADDING, middle - 1.5, 3, ticked=ground == sheet.ground)
        left = _BODY_X + PADDING + 5
        page.write(f"{text}。", left, middle - 2.6, _BODY_W - 2 * PADDING - 5, 5.2, sizes=(9, 8.5, 8))
    top = y + grounds
    page.box(_BODY_X, top, _BODY_W, words)
    page.write("申请人陈述：", _BODY_X + PADDING, top + 1, 40, 5, sizes=(8.5,), ink=Ink.GREY)
    inner = _BODY_W - 2 * PADDING
    text = sheet.reason_text if page.clean(sheet.reason_text) else "（未填写）"
    done = page.write(text, _BODY_X + PADDING, top + 6.5, inner, words - 11.5, sizes=BODY[:-2], top=True)
    if done.cut:
        note = "（内容较长，此处为节选，全文见申请记录）"
        page.write(
            note, _BODY_X + PADDING, top + words - 5, inner, 4.5, sizes=(7,), align="right", ink=Ink.GREY
        )
    return top + words


def _money(page: Page, sheet: ApplicationSheet, test: MoneyTest, y: float) -> float:
    columns = (
        ("①当期货币资金", sheet.cash),
        ("②应付职工工资", sheet.wages_payable),
        ("③社会保险费", sheet.social_insurance),
        ("④余额=①−②−③", test.disposable),
        ("⑤申请延期税额", sheet.tax_amount),
        ("⑥资金缺口", test.shortfall),
    )
    head, row, verdict = 7.0, 8.5, 8.5
    page.side("资金情况", _MARGIN, y, _SIDE, head + row + verdict)
    width = _BODY_W / len(columns)
    for i, (name, amount) in enumerate(columns):
        x = _BODY_X + width * i
        page.label(name, x, y, width, head)
        page.figure(f"{amount:,.2f}".replace("-", "−"), x, y + head, width, row)
    page.value(_verdict(sheet, test), _BODY_X, y + head + row, _BODY_W, verdict)
    return y + head + row + verdict


def _verdict(sheet: ApplicationSheet, test: MoneyTest) -> str:
    if test.passes and test.disposable < 0:
        found = f"扣除②和③后没有余额，⑤全部不足，缺口为{format_yuan(test.shortfall)}。"
    elif test.passes:
        found = f"④小于⑤，扣除后的货币资金不足以缴纳税款，缺口为⑤−④={format_yuan(test.shortfall)}。"
    elif sheet.ground == Ground.FORCE_MAJEURE:
        found = "④不小于⑤；本申请依据的是不可抗力一项。"
    else:
        found = "④不小于⑤，扣除后的货币资金够缴纳税款。"
    return f"{found}以上按申请人填报的数字计算，由税务机关审核决定。"


def _materials(page: Page, sheet: ApplicationSheet, y: float) -> float:
    height, step, size = 24.0, 5.6, 8.5
    page.side("随附材料", _MARGIN, y, _SIDE, height)
    page.box(_BODY_X, y, _BODY_W, height)
    if not sheet.materials:
        text = "尚未上传。可以补交所有银行存款账户的对账单复印件、经办人身份证件等，以主管税务机关要求为准。"
        page.write(text, _BODY_X + PADDING, y, _BODY_W - 2 * PADDING, height, sizes=(8.5, 8), ink=Ink.GREY)
        return y + height
    column = _BODY_W / 2
    shown = sheet.materials
    if len(shown) > _MATERIALS_SHOWN:
        shown = shown[: _MATERIALS_SHOWN - 1]
    for i, (name, length) in enumerate(shown):
        stem, suffix = _split_name(name)
        text = page.one_line(
            f"{i + 1}. {stem}", w=column - 2 * PADDING, size=size, tail=f"{suffix}（{_size(length)}）"
        )
        page.line(text, *_slot(i, y, column, step), size=size)
    if len(shown) < len(sheet.materials):
        text = f"另有{len(sheet.materials) - len(shown)}份，共{len(sheet.materials)}份，见申请记录"
        page.line(text, *_slot(len(shown), y, column, step), size=size, ink=Ink.GREY)
    return y + height


def _slot(i: int, y: float, column: float, step: float) -> tuple[float, float]:
    per_column = _MATERIALS_SHOWN // 2
    return _BODY_X + PADDING + column * (i // per_column), y + 3.7 + step * (i % per_column)


def _declaration(page: Page, sheet: ApplicationSheet, y: float) -> float:
    height = 39.0
    page.side("申请人声明", _MARGIN, y, _SIDE, height)
    page.box(_BODY_X, y, _BODY_W, height)
    inner = _BODY_W - 2 * PADDING
    page.write(DECLARATION, _BODY_X + PADDING, y + 1.5, inner, 15, sizes=(9, 8.5, 8), top=True)
    first, second = _SIGNERS[sheet.taxpayer_kind]
    half = _BODY_W / 2
    for text, column, middle in (
        (first, 0, 20.5),
        (second, 1, 20.5),
        ("经办人：", 0, 27.0),
        ("联系电话：", 1, 27.0),
        ("申请日期：　　　　年　　　月　　　日", 1, 33.0),
    ):
        page.line(text, _BODY_X + PADDING + half * column, y + middle, size=9)
    return y + height


def _opinion(page: Page, y: float) -> float:
    height = 44.0
    page.side("税务机关意见", _MARGIN, y, _SIDE, height)
    page.box(_BODY_X, y, _BODY_W, height)
    page.write(
        f"（由税务机关填写。{PROMISED_DAYS}）",
        _BODY_X + PADDING,
        y + 1,
        _BODY_W - 2 * PADDING,
        5,
        sizes=SMALL,
        ink=Ink.GREY,
    )
    quarter = _BODY_W / 4
    for text, column, middle in (
        ("经办人：", 0, height - 6),
        ("负责人：", 1, height - 6),
        ("（税务机关印章）", 2.45, height - 12),
        ("　　　　年　　　月　　　日", 2.45, height - 6),
    ):
        page.line(text, _BODY_X + PADDING + quarter * column, y + middle, size=9)
    return y + height


def _footer(page: Page, sheet: ApplicationSheet) -> None:
    y, width = HEIGHT - 14.0, WIDTH - 2 * _MARGIN
    third = width / 3
    page.write(f"编号 {sheet.number}", _MARGIN, y, third, 5, sizes=SMALL, ink=Ink.GREY)
    page.write(NOTICE, _MARGIN + third, y, third, 5, sizes=SMALL, align="center", ink=Ink.GREY)
    mark = "演示数据，纯属虚构 | " if sheet.fictional else ""
    page.write(
        f"{mark}第1页 共1页", _MARGIN + 2 * third, y, third, 5, sizes=SMALL, align="right", ink=Ink.GREY
    )


def _pair(page: Page, y: float, left: tuple[str, str], right: tuple[str, str]) -> None:
    for i, (name, text) in enumerate((left, right)):
        x = _BODY_X + i * (_LABEL + _VALUE)
        page.label(name, x, y, _LABEL, _ROW)
        page.value(text, x + _LABEL, y, _VALUE, _ROW)


def _day(value: date) -> str:
    return f"{value.year}年{value.month}月{value.day}日"


def _moment(value: datetime | None) -> str:
    if value is None:
        return "尚未提交"
    local = value.astimezone(_BEIJING)
    return f"{_day(local.date())} {local:%H:%M}"


def _split_name(name: str) -> tuple[str, str]:
    """Stem and ending of a file name; an ending too long to be one belongs to the stem."""
    suffix = PurePath(name.replace("\x00", "")).suffix
    return (name[: -len(suffix)], suffix) if 1 < len(suffix) <= 6 and name.endswith(suffix) else (name, "")


def _size(length: int) -> str:
    """Bytes as a person reads them: ``840 B``, ``12 KB``, ``1.2 MB``."""
    if length < 1000:
        return f"{length} B"
    if length < 1_000_000:
        return f"{length / 1000:.0f} KB"
    return f"{length / 1_000_000:.1f} MB"
