"""Imports against a real PostgreSQL: all or nothing, twice is once, every bad row named."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import Workbook
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from store import audit
from store.crypto import FieldCipher
from store.engine import SessionFactory
from store.fictional import identifier, phone
from store.importer import ImportReport, Kind, UnreadableFileError, import_file
from store.models import Bill, BillStatus, Contact, Payment, Taxpayer, TaxpayerKind

pytestmark = pytest.mark.unit

COMPANY = identifier(TaxpayerKind.COMPANY, "成都市", 901)
SOLE = identifier(TaxpayerKind.SOLE_TRADER, "广州市", 902)
PERSON = identifier(TaxpayerKind.PERSON, "厦门市", 903)

TAXPAYERS = ["纳税人名称", "统一社会信用代码/身份证号", "类型", "地区", "联系人", "手机"]
BILLS = ["税单号", "统一社会信用代码/身份证号", "税种", "所属期", "税额", "缴款期限"]
PAYMENTS = ["缴款流水号", "税单号", "缴款日期", "金额", "渠道"]

PEOPLE = [
    ["某某食品有限公司", COMPANY, "企业", "成都市", "王会计", phone(901)],
    ["某某小吃店", SOLE, "个体工商户", "广州市", "", ""],
    ["某人", PERSON, "自然人", "厦门市", "某人", f"+86 {phone(903)}"],
]
DEBTS = [
    ["SD1", COMPANY, "增值税", "2026-09", "12,500.30", "2026-10-26"],
    ["SD2", COMPANY, "城市维护建设税", "2026年9月", "840", "2026/10/26"],
    ["SD3", PERSON.lower(), "个人所得税", "2026Q3", "3600.00元", "2026年11月16日"],
]
RECEIPTS = [
    ["JK1", "SD1", "2026-11-02", "2500.30", "电子税务局"],
    ["JK2", "SD2", "20261102", "840.00", "银行柜台"],
]


@pytest.fixture
def run(sessions: SessionFactory, cipher: FieldCipher, today: date, tmp_path: Path) -> Callable[..., object]:
    async def go(
        rows: Iterable[Sequence[object]], kind: Kind | None = None, **options: object
    ) -> ImportReport:
        path = write_csv(tmp_path / "file.csv", rows, **options)
        return await import_file(path, kind, sessions, cipher, today=today)

    return go


@pytest.fixture(autouse=True)
async def clean(sessions: SessionFactory) -> None:
    async with sessions() as session, session.begin():
        for table in (Payment, Bill, Contact, Taxpayer):
            await session.execute(delete(table))


def write_csv(
    path: Path, rows: Iterable[Sequence[object]], encoding: str = "utf-8", delimiter: str = ","
) -> Path:
    with path.open("w", encoding=encoding, newline="") as handle:
        csv.writer(handle, delimiter=delimiter).writerows(rows)
    return path


def write_xlsx(path: Path, rows: Iterable[Sequence[object]]) -> Path:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("数据")
    for row in rows:
        sheet.append(list(row))
    book.save(path)
    return path


async def count(session: AsyncSession, table: type) -> int:
    return await session.scalar(select(func.count()).select_from(table)) or 0


def reasons(report: ImportReport) -> list[tuple[int, str, str]]:
    return [(error.line, error.column, error.reason_zh) for error in report.errors]


async def test_all_three_kinds_are_told_by_their_header_and_stored(run, session, cipher) -> None:
    assert (await run([TAXPAYERS, *PEOPLE])).inserted == 3
    assert (await run([BILLS, *DEBTS])).inserted == 3
    report = await run([PAYMENTS, *RECEIPTS])
    assert (report.kind, report.inserted, report.unchanged, report.settled, report.ok) == (
        Kind.PAYMENTS, 2, 0, 1, True,
    )  # fmt: skip
    taxpayer = await session.scalar(
        select(Taxpayer).where(Taxpayer.identifier_hash == cipher.lookup_hash("identifier", COMPANY))
    )
    assert (taxpayer.name, taxpayer.kind, taxpayer.identifier_kind) == ("某某食品有限公司", "company", "uscc")
    assert cipher.decrypt(taxpayer.identifier_enc, "taxpayer.identifier") == COMPANY
    assert COMPANY not in taxpayer.identifier_mask
    contact = await session.scalar(select(Contact).where(Contact.taxpayer_id == taxpayer.id))
    assert cipher.decrypt(contact.phone_enc, "contact.phone") == phone(901)
    assert (contact.name, contact.is_primary, contact.phone_mask) == ("王会计", True, "199****0901")
    assert await count(session, Contact) == 2
    bills = {bill.bill_no: bill for bill in await session.scalars(select(Bill))}
    assert bills["SD1"].principal == Decimal("12500.30")
    assert (bills["SD2"].period, bills["SD3"].period) == ("2026-09", "2026Q3")
    assert bills["SD3"].due_date == date(2026, 11, 16)
    assert {no: bill.status for no, bill in bills.items()} == {"SD1": "open", "SD2": "settled", "SD3": "open"}


async def test_the_same_file_twice_changes_nothing(run, session) -> None:
    for table in ([TAXPAYERS, *PEOPLE], [BILLS, *DEBTS], [PAYMENTS, *RECEIPTS]):
        first, second = await run(table), await run(table)
        assert (second.inserted, second.unchanged, second.ok) == (0, first.inserted, True)
    assert [await count(session, t) for t in (Taxpayer, Contact, Bill, Payment)] == [3, 2, 3, 2]


async def test_one_bad_row_keeps_the_whole_file_out(run, session) -> None:
    report = await run([TAXPAYERS, *PEOPLE, ["坏", COMPANY[:-1] + "0", "企业", "成都市", "", ""]])
    assert reasons(report) == [
        (5, "统一社会信用代码/身份证号", "统一社会信用代码的校验位不对，请核对是否输错或颠倒了某一位。")
    ]
    assert (report.inserted, report.ok) == (0, False)
    assert await count(session, Taxpayer) == 0


async def test_every_problem_of_every_row_is_named_with_line_and_column(run) -> None:
    await run([TAXPAYERS, *PEOPLE])
    stranger = identifier(TaxpayerKind.COMPANY, "成都市", 904)
    report = await run(
        [
            BILLS,
            ["A1", COMPANY, "增值税", "2026-13", "-5", "2026-02-30"],
            [],
            ["A2", COMPANY, "增值税", "2026-09", "1.005", "昨天"],
            ["A3", stranger, "增值税", "2026-09", "10", "2026-10-26"],
            ["A4", COMPANY, "", "2026-09", "0", "3026-10-26"],
            ["A5", COMPANY, "增值税", "2026-09", "10", "2026-10-26"],
            ["A5", COMPANY, "增值税", "2026-09", "10", "2026-10-26"],
            ["A6", COMPANY, "增值税", "2026-09", "1e3", "2026-10-26", "多"],
        ]
    )
    assert [(line, column) for line, column, _ in reasons(report)] == [
        (2, "所属期"), (2, "税额"), (2, "缴款期限"),
        (4, "税额"), (4, "缴款期限"),
        (5, "统一社会信用代码/身份证号"),
        (6, "税种"), (6, "税额"), (6, "缴款期限"),
        (8, "税单号"),
        (9, "税额"), (9, "第 7 列"),
    ]  # fmt: skip
    by_place = {(line, column): reason for line, column, reason in reasons(report)}
    assert "负数" in by_place[2, "税额"]
    assert "没有这一天" in by_place[2, "缴款期限"]
    assert "没有登记这个纳税人" in by_place[5, "统一社会信用代码/身份证号"]
    assert by_place[8, "税单号"] == "与第 7 行重复。"
    assert not any(stranger in reason for _, _, reason in reasons(report))


async def test_a_changed_value_of_a_known_bill_is_reported_not_taken(run, session) -> None:
    await run([TAXPAYERS, *PEOPLE])
    await run([BILLS, *DEBTS])
    changed = [[*DEBTS[0][:4], "12500.31", "2026-10-27"], ["SD1" + "new", *DEBTS[1][1:]]]
    report = await run([BILLS, *changed])
    assert [(line, column) for line, column, _ in reasons(report)] == [(2, "税额"), (2, "缴款期限")]
    assert await count(session, Bill) == 3


async def test_a_changed_taxpayer_or_phone_is_reported(run) -> None:
    await run([TAXPAYERS, *PEOPLE])
    report = await run(
        [
            TAXPAYERS,
            ["改了名", COMPANY, "企业", "成都市", "王会计", phone(905)],
            ["某某小吃店", SOLE, "个体工商户", "广州市", "老板", phone(906)],
        ]
    )
    assert [(line, column) for line, column, _ in reasons(report)] == [
        (2, "手机"),
        (2, "纳税人名称"),
        (3, "手机"),
    ]


async def told_of(session: AsyncSession) -> dict[str, tuple[str | None, str | None]]:
    session.expire_all()
    return {each.name: (each.industry, each.size) for each in await session.scalars(select(Taxpayer))}


async def test_industry_and_size_are_stored_where_they_are_given(run, session) -> None:
    trades = [("制造业", "小型"), (" 住宿和餐饮业 ", "micro"), ("", "")]
    rows = [[*person, *trade] for person, trade in zip(PEOPLE, trades, strict=True)]
    report = await run([[*TAXPAYERS, "行业", "企业规模"], *rows])
    assert (report.inserted, report.ignored_columns) == (3, ())
    assert await told_of(session) == {
        "某某食品有限公司": ("制造业", "small"), "某某小吃店": ("住宿和餐饮业", "micro"), "某人": (None, None),
    }  # fmt: skip
    again = await run([[*TAXPAYERS, "行业", "企业规模"], *rows])
    assert (again.inserted, again.unchanged) == (0, 3)


async def test_what_was_blank_is_filled_in_and_what_is_known_is_not_changed(run, session) -> None:
    header = [*TAXPAYERS, "行业", "规模"]
    await run([TAXPAYERS, *PEOPLE])
    await run([header, [*PEOPLE[0], "制造业", ""]])
    report = await run([header, [*PEOPLE[0], "", "大型企业"], [*PEOPLE[1], "", ""]])
    assert (report.inserted, report.unchanged) == (0, 2)
    assert (await told_of(session))["某某食品有限公司"] == ("制造业", "large")
    refused = await run([header, [*PEOPLE[0], "建筑业", "小型"], [*PEOPLE[1], "零售", "微型"]])
    assert [(line, column) for line, column, _ in reasons(refused)] == [(2, "行业"), (2, "规模")]
    told = await told_of(session)
    assert (told["某某食品有限公司"], told["某某小吃店"]) == (("制造业", "large"), (None, None))


async def test_a_size_is_one_of_four_and_not_a_persons(run) -> None:
    report = await run(
        [
            [*TAXPAYERS, "行业", "规模"],
            [*PEOPLE[0], "制造业", "巨型"],
            [*PEOPLE[1], "行" * 41, "微型"],
            [*PEOPLE[2], "", "小型"],
        ]
    )
    assert reasons(report) == [
        (2, "规模", "应是“微型”“小型”“中型”或“大型”，也可以留空。"),
        (3, "行业", "太长，最多 40 个字。"),
        (4, "规模", "自然人没有规模，请留空。"),
    ]


async def test_payments_need_a_known_bill_and_a_day_that_has_come(run) -> None:
    await run([TAXPAYERS, *PEOPLE])
    await run([BILLS, *DEBTS])
    report = await run(
        [
            PAYMENTS,
            ["P1", "SD9", "2026-11-02", "1", "银行"],
            ["P2", "SD1", "2026-11-24", "1", "银行"],
            ["P3", "SD1", "2016-11-02", "1", "银行"],
        ]
    )
    assert [(line, column) for line, column, _ in reasons(report)] == [
        (2, "税单号"), (3, "缴款日期"), (4, "缴款日期"),
    ]  # fmt: skip


async def test_late_fee_money_does_not_settle_the_tax_and_a_dispute_stays(run, session) -> None:
    await run([TAXPAYERS, *PEOPLE])
    await run([BILLS, *DEBTS])
    disputed = await session.scalar(select(Bill).where(Bill.bill_no == "SD3"))
    disputed.status = BillStatus.DISPUTED
    await session.commit()
    report = await run(
        [
            [*PAYMENTS, "款项"],
            ["P1", "SD2", "2026-11-02", "840.00", "银行", "滞纳金"],
            ["P2", "SD3", "2026-11-02", "3600.00", "银行", ""],
            ["P3", "SD1", "2026-11-02", "2500.30", "银行", "税款"],
            ["P4", "SD1", "2026-11-03", "10000.00", "银行", "税款"],
        ]
    )
    assert report.settled == 1
    session.expire_all()
    statuses = {bill.bill_no: bill.status for bill in await session.scalars(select(Bill))}
    assert statuses == {"SD1": "settled", "SD2": "open", "SD3": "disputed"}


@pytest.mark.parametrize(
    ("encoding", "delimiter"), [("utf-8-sig", ","), ("gb18030", ","), ("utf-8", "\t"), ("gb18030", ";")]
)
async def test_encodings_and_delimiters(run, session, encoding: str, delimiter: str) -> None:
    report = await run([TAXPAYERS, *PEOPLE], encoding=encoding, delimiter=delimiter)
    assert report.inserted == 3
    assert "某某食品有限公司" in (await session.scalars(select(Taxpayer.name))).all()


async def test_english_titles_and_unknown_columns(run) -> None:
    await run([TAXPAYERS, *PEOPLE])
    report = await run(
        [
            ["bill_no", "identifier", "tax_type", "period", "amount", "due_date", "remark"],
            ["E1", COMPANY, "增值税", "2026", "1.00", "2026-10-26", "备注"],
        ]
    )
    assert (report.kind, report.inserted, report.ignored_columns) == (Kind.BILLS, 1, ("remark",))


async def test_a_workbook_with_real_dates_and_numbers(
    sessions: SessionFactory, cipher: FieldCipher, today: date, tmp_path: Path, session: AsyncSession, run
) -> None:
    await run([TAXPAYERS, *PEOPLE])
    path = write_xlsx(
        tmp_path / "bills.xlsx",
        [
            BILLS,
            [20260001, COMPANY, "增值税", datetime(2026, 9, 1), 12500.3, datetime(2026, 10, 26)],
            [None] * 6,
            ["B2", PERSON, "个人所得税", "2026-07-01至2026-09-30", 0.1 + 0.2, "2026-10-26"],
        ],
    )
    report = await import_file(path, None, sessions, cipher, today=today)
    assert reasons(report) == []
    bills = {bill.bill_no: (bill.period, bill.principal) for bill in await session.scalars(select(Bill))}
    assert bills == {"20260001": ("2026-09", Decimal("12500.30")), "B2": ("2026Q3", Decimal("0.30"))}


async def test_an_identity_number_rounded_by_a_spreadsheet_is_explained(
    sessions: SessionFactory, cipher: FieldCipher, today: date, tmp_path: Path
) -> None:
    path = write_xlsx(
        tmp_path / "people.xlsx", [TAXPAYERS[:4], ["某人", 990101199001010019, "个人", "成都市"]]
    )
    report = await import_file(path, None, sessions, cipher, today=today)
    assert [(line, column) for line, column, _ in reasons(report)] == [(2, "统一社会信用代码/身份证号")]
    assert "文本" in report.errors[0].reason_zh


async def test_a_person_needs_an_identity_number_and_a_company_a_code(run) -> None:
    report = await run([TAXPAYERS[:4], ["甲", COMPANY, "自然人", "成都市"], ["乙", PERSON, "企业", "成都市"]])
    assert ["身份证号" in report.errors[0].reason_zh, "信用代码" in report.errors[1].reason_zh] == [
        True,
        True,
    ]


@pytest.mark.parametrize("value", ["=HYPERLINK(1)", "名\x07称", "长" * 201, "", "两\n行"])
async def test_odd_names_are_refused(run, value: str) -> None:
    report = await run([TAXPAYERS[:4], [value, COMPANY, "企业", "成都市"]])
    assert [(error.line, error.column) for error in report.errors] == [(2, "纳税人名称")]


async def test_sql_and_markup_in_a_name_stay_text(run, session) -> None:
    name = "'); drop table bill; -- <script>alert(1)</script>\\N\\."
    assert (await run([TAXPAYERS[:4], [name, COMPANY, "企业", "成都市"]])).inserted == 1
    assert await session.scalar(select(Taxpayer.name)) == name


async def test_reported_errors_are_capped_but_all_counted(run) -> None:
    rows = [[f"X{n}", COMPANY, "增值税", "2026-09", "-1", "2026-10-26"] for n in range(1500)]
    report = await run([BILLS, *rows])
    assert (len(report.errors), report.error_count) == (1000, 1500)
    assert [error.line for error in report.errors] == list(range(2, 1002))


async def test_an_import_leaves_one_audit_event_and_a_refused_or_repeated_one_none(run, session) -> None:
    before = (await audit.verify(session)).count
    await run([TAXPAYERS, *PEOPLE])
    await run([TAXPAYERS, *PEOPLE])
    await run([TAXPAYERS, ["", "", "", "", "", ""], ["坏", "1", "企业", "成都市", "", ""]])
    await session.rollback()
    report = await audit.verify(session)
    assert (report.ok, report.count) == (True, before + 1)


def _damaged(folder: Path) -> dict[str, bytes]:
    whole = write_xlsx(folder / "whole.xlsx", [BILLS, *DEBTS]).read_bytes()
    bomb = folder / "bomb.xlsx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open("xl/sharedStrings.xml", "w", force_zip64=True) as entry:
            for _ in range(257):
                entry.write(bytes(2**20))
    other = folder / "other.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("a.txt", "x")
    no_sheet = folder / "none.xlsx"
    with zipfile.ZipFile(no_sheet, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    header = ",".join(BILLS)
    return {
        "是空的": b"",
        "没有表头": b"\n  \n",
        "二进制": bytes(range(256)) * 10,
        "旧版": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100),
        "UTF-16": header.encode("utf-16"),
        "已损坏": whole[: len(whole) // 2],
        "已损坏或不完整": no_sheet.read_bytes(),
        "展开后太大": bomb.read_bytes(),
        "压缩包": other.read_bytes(),
        "认不出": "甲,乙\n1,2\n".encode(),
        "重复，请只保留一列": f"{header},税种\n".encode(),
        "引号": f'{header}\n"SD1,{"x" * 200_000}\n'.encode(),
        "表头超过": ",".join(f"c{n}" for n in range(65)).encode(),
    }


async def test_files_that_cannot_be_read_say_why(
    sessions: SessionFactory, cipher: FieldCipher, today: date, tmp_path: Path
) -> None:
    for words, content in _damaged(tmp_path).items():
        path = tmp_path / "input.csv"
        path.write_bytes(content)
        with pytest.raises(UnreadableFileError, match=words):
            await import_file(path, None, sessions, cipher, today=today)
    with pytest.raises(UnreadableFileError, match="找不到文件"):
        await import_file(tmp_path / "nowhere.csv", None, sessions, cipher, today=today)
    with pytest.raises(UnreadableFileError, match="缺少列：税单号"):
        await import_file(write_csv(path, [BILLS[1:]]), Kind.BILLS, sessions, cipher, today=today)


async def test_too_many_rows_are_refused(
    sessions: SessionFactory,
    cipher: FieldCipher,
    today: date,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("store.importer.reader.MAX_ROWS", 2)
    with pytest.raises(UnreadableFileError, match="超过 2 行"):
        await import_file(write_csv(tmp_path / "f.csv", [BILLS, *DEBTS]), None, sessions, cipher, today=today)


async def test_progress_reaches_the_end(
    sessions: SessionFactory, cipher: FieldCipher, today: date, tmp_path: Path
) -> None:
    seen: list[tuple[int, int | None]] = []
    path = write_csv(tmp_path / "f.csv", [BILLS, *([f"N{n}", *DEBTS[0][1:]] for n in range(1200))])
    await import_file(
        path, None, sessions, cipher, today=today, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(500, 1200), (1000, 1200), (1200, 1200)]
