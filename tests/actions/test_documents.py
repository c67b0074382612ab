from __future__ import annotations

import io
import unicodedata
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from actions.documents import deferral_pdf
from actions.documents.deferral_pdf import ApplicationSheet, render
from handoff.paper import fonts
from handoff.paper.fonts import DocumentError, FontFace, chinese_font
from handoff.paper.text import ELLIPSIS, MISSING, capitals, fit, printable, wrap
from store.models import TaxpayerKind
from tax.deferral import Ground, Status
from tax.money import MoneyError

pytestmark = pytest.mark.unit

SHEET = ApplicationSheet(
    number="YQ20261123-0007",
    taxpayer_name="海州市青禾食品有限公司",
    identifier_mask="9137**********5X2L",
    taxpayer_kind=TaxpayerKind.COMPANY,
    region="海州市东湖区",
    bill_no="ZD2026-10-000123",
    tax_type="增值税",
    period="2026-10",
    tax_amount=Decimal("80000.00"),
    due=date(2026, 11, 30),
    requested_until=date(2027, 2, 28),
    months=3,
    reason_text="两家大客户拖欠货款，预计明年1月回款到位。",
    ground=Ground.CASH_SHORTAGE,
    cash=Decimal("152300.50"),
    wages_payable=Decimal("96000.00"),
    social_insurance=Decimal("28450.20"),
    status=Status.SUBMITTED,
    submitted_at=datetime(2026, 11, 23, 16, 30, tzinfo=UTC),
    materials=(("工商银行10月对账单.pdf", 1_234_567), ("经办人身份证.jpg", 843_000)),
)
HOSTILE = replace(
    SHEET,
    number="YQ" + "9" * 200,
    taxpayer_name="<script>alert(1)</script>" + "超长名称" * 500,
    identifier_mask="{nb}\x00\x07\u202e倒过来",
    region="👨‍👩‍👧🙏🏽东湖区\ud800",
    bill_no="A" * 5000,
    tax_type="增值税\n" * 300,
    tax_amount=Decimal("9999999999999.99"),
    cash=Decimal(0),
    wages_payable=Decimal("9999999999999.98"),
    social_insurance=Decimal("9999999999999.98"),
    reason_text="<b>急</b> **粗** {nb} العربية Z̸̡͠a̴l\r\n"
    + "很长的理由，ABCDEFGHIJKLMNOP，12,345.67元。" * 5000,
    materials=tuple(("对账单\r\n🙏" * 40 + f"{i}.pdf", 10**i) for i in range(30)),
    fictional=True,
)


def opened(sheet: ApplicationSheet) -> tuple[PdfReader, str]:
    """The one page of ``sheet`` and its text without blanks."""
    reader = PdfReader(io.BytesIO(render(sheet)))
    assert len(reader.pages) == 1
    return reader, "".join(reader.pages[0].extract_text().split())


def test_says_everything_that_was_asked() -> None:
    _, text = opened(SHEET)
    for part in (
        "延期缴纳税款申请表", "YQ20261123-0007", "海州市青禾食品有限公司", "9137**********5X2L", "企业",
        "海州市东湖区", "ZD2026-10-000123", "增值税", "2026年10月", "80,000.00", "人民币捌万元整",
        "2026年11月30日", "2027年2月28日", "3个月", "两家大客户拖欠货款，预计明年1月回款到位。", "已提交",
        "工商银行10月对账单.pdf（1.2MB）", "经办人身份证.jpg（843KB）", "征收管理法》第三十一条",
        "实施细则》第四十一条、第四十二条", "本表由税铃协助填写，提交不代表批准", "第1页共1页",
        "申请人（公章）", "法定代表人（签字）", "税务机关印章",
    ):  # fmt: skip
        assert part in text, part
    assert "演示" not in text


def test_works_out_the_money_test() -> None:
    _, text = opened(SHEET)
    for amount in ("152,300.50", "96,000.00", "28,450.20", "27,850.30", "52,149.70"):
        assert amount in text
    assert "④小于⑤" in text


def test_says_so_when_the_money_would_do() -> None:
    _, text = opened(replace(SHEET, cash=Decimal("204450.20")))
    assert "④不小于⑤，扣除后的货币资金够缴纳税款" in text
    _, text = opened(replace(SHEET, cash=Decimal("204450.20"), ground=Ground.FORCE_MAJEURE))
    assert "本申请依据的是不可抗力一项" in text


def test_no_balance_left_is_a_minus_and_the_whole_tax_is_short() -> None:
    _, text = opened(replace(SHEET, cash=Decimal("100000.00")))
    assert "−24,450.20" in text
    assert "没有余额" in text and "缺口为80,000.00元" in text


def test_submission_is_told_in_beijing_time() -> None:
    _, text = opened(SHEET)
    assert "2026年11月24日00:30" in text
    _, text = opened(replace(SHEET, submitted_at=None, status=Status.DRAFT))
    assert "尚未提交" in text and "草稿" in text


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        render(replace(SHEET, submitted_at=datetime(2026, 11, 23)))


def test_impossible_amounts_are_refused() -> None:
    with pytest.raises(MoneyError):
        render(replace(SHEET, cash=Decimal("-1")))


@pytest.mark.parametrize(
    ("kind", "signer"),
    [(TaxpayerKind.SOLE_TRADER, "经营者（签字）"), (TaxpayerKind.PERSON, "申请人（签字）")],
)
def test_each_kind_signs_in_its_own_way(kind: TaxpayerKind, signer: str) -> None:
    _, text = opened(replace(SHEET, taxpayer_kind=kind))
    assert signer in text and "公章" not in text


def test_values_as_the_store_reads_them_will_do() -> None:
    stored = replace(SHEET, taxpayer_kind="person", ground="cash_shortage", status="accepted")  # type: ignore[arg-type]
    _, text = opened(stored)
    assert "自然人" in text and "已受理" in text


def test_demo_data_is_marked() -> None:
    _, text = opened(replace(SHEET, fictional=True))
    assert "演示·虚构" in text and "演示数据，纯属虚构" in text


def test_the_font_travels_with_a_small_file() -> None:
    reader, _ = opened(SHEET)
    assert len(render(SHEET)) < 300_000
    embedded = reader.pages[0]["/Resources"]["/Font"]
    assert embedded
    for font in embedded.values():
        descriptor = font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"]
        assert {"/FontFile2", "/FontFile3"} & set(descriptor)


def test_the_same_sheet_gives_the_same_file() -> None:
    first = render(SHEET)
    deferral_pdf._render.cache_clear()
    assert render(SHEET) == first


def test_hostile_input_stays_text_on_one_page() -> None:
    reader, text = opened(HOSTILE)
    assert "<script>alert(1)</script>超长名称" in text
    assert "{nb}倒过来" in text
    assert "<b>急</b>**粗**{nb}" in text
    assert "内容较长，此处为节选" in text
    assert "9,999,999,999,999.99" in text and "−19,999,999,999,999.96" in text
    assert "另有23份，共30份" in text
    assert "/Annots" not in reader.pages[0]
    assert not [char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs")]


def test_a_long_file_name_keeps_its_ending() -> None:
    _, text = opened(replace(SHEET, materials=(("对账单" * 60 + ".pdf", 12_000),)))
    assert f"{ELLIPSIS}.pdf（12KB）" in text


def test_no_material_and_no_reason_are_said() -> None:
    _, text = opened(replace(SHEET, materials=(), reason_text=" \n\x00"))
    assert "尚未上传" in text and "（未填写）" in text


def test_without_a_chinese_font_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.ttc"
    broken.write_bytes(b"ttcf" + b"\xff" * 40)
    monkeypatch.setattr(fonts, "DEBIAN_FONT", broken)
    monkeypatch.setattr(fonts, "_known_to_fontconfig", lambda: {tmp_path / "gone.ttf"})
    chinese_font.cache_clear()
    try:
        with pytest.raises(DocumentError, match="fonts-noto-cjk"):
            chinese_font()
    finally:
        chinese_font.cache_clear()


def test_another_chinese_font_will_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fonts, "DEBIAN_FONT", tmp_path / "gone.ttc")
    chinese_font.cache_clear()
    try:
        face = chinese_font()
    finally:
        chinese_font.cache_clear()
    assert isinstance(face, FontFace) and face.path.is_file()


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("80000.00", "捌万元整"),
        ("12500.30", "壹万贰仟伍佰元叁角"),
        ("0.05", "伍分"),
        ("100000000.00", "壹亿元整"),
        ("1", "壹元整"),
        ("10.00", "壹拾元整"),
        ("105.05", "壹佰零伍元零伍分"),
        ("10010.00", "壹万零壹拾元整"),
        ("9805.62", "玖仟捌佰零伍元陆角贰分"),
        ("100000001.10", "壹亿零壹元壹角"),
    ],
)
def test_amounts_in_capitals(amount: str, words: str) -> None:
    assert capitals(Decimal(amount)) == words


_DIGITS = {char: i for i, char in enumerate("零壹贰叁肆伍陆柒捌玖")}
_UNITS = {"拾": 10, "佰": 100, "仟": 1000, "万": 10**4, "亿": 10**8}


def read_capitals(text: str) -> Decimal:
    """Fen by fen, independent of how they were written."""
    whole, _, rest = text.removesuffix("整").rpartition("元")
    total = section = digit = 0
    for char in whole:
        if char in _DIGITS:
            digit = _DIGITS[char]
        elif _UNITS[char] < 10**4:
            section += digit * _UNITS[char]
            digit = 0
        else:
            total += (section + digit) * _UNITS[char]
            section = digit = 0
    yuan, fen, digit = total + section + digit, 0, 0
    for char in rest:
        digit = _DIGITS.get(char, digit)
        fen += {"角": 10, "分": 1}.get(char, 0) * digit
    return Decimal(yuan) + Decimal(fen) / 100


@given(st.decimals(min_value="0.01", max_value=10**12 - 1, places=2))
def test_capitals_say_the_amount(amount: Decimal) -> None:
    assert read_capitals(capitals(amount)) == amount


@given(st.text())
def test_printable_text_holds_only_what_the_font_has(text: str) -> None:
    clean = printable(text, lambda char: ord(char) < 0x3000)
    assert all(char in ("\n", MISSING) or (char >= " " and ord(char) < 0x3000) for char in clean)
    assert printable(clean, lambda char: ord(char) < 0x3000) == clean


def test_a_run_of_unknown_symbols_is_one_box_but_each_letter_its_own() -> None:
    assert printable("好🙏🙏🏽", lambda char: char == "好") == f"好{MISSING}"
    assert printable("龘龘", lambda char: False) == MISSING * 2


@given(st.text(alphabet="税款，。（）ab1 ", max_size=200), st.integers(4, 30))
def test_wrapping_loses_nothing_and_stays_inside(text: str, width: int) -> None:
    lines = wrap(text, len, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(len(line) <= width for line in lines)


def test_lines_do_not_begin_with_a_stop_or_break_a_number() -> None:
    assert wrap("应缴税款。请看", len, 4) == ["应缴税", "款。请看"]
    assert wrap("共计12,345.67元", len, 10) == ["共计", "12,345.67元"]
    assert wrap("税款（延期）", len, 3) == ["税款", "（延", "期）"]


def test_text_too_long_for_its_box_is_shrunk_then_cut() -> None:
    shrunk = fit("税" * 10, len, width=40, height=6, sizes=(16, 10))
    assert shrunk.size == 10 and not shrunk.cut
    cut = fit("税" * 500, len, width=40, height=8, sizes=(16, 10))
    assert cut.cut and cut.size == 10 and cut.lines[-1].endswith(ELLIPSIS)


def test_a_cut_leaves_no_half_number() -> None:
    cut = fit("共计" + "1,234,567.89元", len, width=30, height=4, sizes=(10,))
    assert cut.lines == (f"共计{ELLIPSIS}",)
