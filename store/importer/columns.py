"""Which columns each kind of file has, under which titles, and telling the kind by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from store.importer.reader import UnreadableFileError


class Kind(StrEnum):
    """What a file holds."""

    TAXPAYERS = "taxpayers"
    BILLS = "bills"
    PAYMENTS = "payments"


KIND_ZH = {Kind.TAXPAYERS: "纳税人", Kind.BILLS: "税单", Kind.PAYMENTS: "缴款"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its key in code, its title, other titles it goes by."""

    key: str
    title: str
    aliases: tuple[str, ...]
    required: bool = True


_IDENTIFIER = Column(
    "identifier",
    "统一社会信用代码/身份证号",
    ("统一社会信用代码", "身份证号", "身份证号码", "纳税人识别号", "社会信用代码", "税号", "identifier", "taxpayer_id", "uscc"),
)  # fmt: skip
_BILL_NO = Column("bill_no", "税单号", ("税单编号", "应征凭证号", "bill_no", "bill"))

COLUMNS: dict[Kind, tuple[Column, ...]] = {
    Kind.TAXPAYERS: (
        Column("name", "纳税人名称", ("名称", "纳税人", "姓名", "name", "taxpayer")),
        _IDENTIFIER,
        Column("kind", "类型", ("纳税人类型", "kind", "type")),
        Column("region", "地区", ("区域", "所在地", "region")),
        Column("contact", "联系人", ("联系人姓名", "contact", "contact_name"), required=False),
        Column("phone", "手机", ("手机号", "手机号码", "联系电话", "phone", "mobile"), required=False),
        Column("industry", "行业", ("所属行业", "行业名称", "industry"), required=False),
        Column("size", "规模", ("企业规模", "规模类型", "size"), required=False),
    ),
    Kind.BILLS: (
        _BILL_NO,
        _IDENTIFIER,
        Column("tax_type", "税种", ("征收项目", "tax_type", "tax")),
        Column("period", "所属期", ("税款所属期", "period")),
        Column("principal", "税额", ("应缴税额", "应补税额", "税款", "principal", "amount")),
        Column("due_date", "缴款期限", ("缴纳期限", "截止日期", "due_date", "due")),
        Column("nominal_due", "法定期限", ("nominal_due", "nominal"), required=False),
    ),
    Kind.PAYMENTS: (
        Column("payment_no", "缴款流水号", ("流水号", "缴款凭证号", "payment_no")),
        _BILL_NO,
        Column("paid_on", "缴款日期", ("缴纳日期", "入库日期", "paid_on", "date")),
        Column("amount", "金额", ("缴款金额", "amount")),
        Column("channel", "渠道", ("缴款渠道", "channel")),
        Column("money", "款项", ("款项类型", "kind"), required=False),
    ),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the columns of a file stand: key to (index, title in the file); and the titles nobody asked for."""

    kind: Kind
    width: int
    places: dict[str, tuple[int, str]]
    ignored: tuple[str, ...]


def lay_out(header: Sequence[str], kind: Kind | None) -> Layout:
    """Find the columns; with no ``kind`` given, the one whose columns are all there.

    Raises:
        UnreadableFileError: columns are missing or stand twice, or the kind cannot be told.
    """
    if kind is not None:
        return _layout(header, kind)
    fitting = [each for each in Kind if not _missing(header, each)]
    if len(fitting) == 1:
        return _layout(header, fitting[0])
    needed = "；".join(
        f"{KIND_ZH[each]}：{'、'.join(column.title for column in COLUMNS[each] if column.required)}"
        for each in Kind
    )
    if fitting:
        raise UnreadableFileError("从表头看可能是几种文件，请用 --kind 指明是哪一种。")
    raise UnreadableFileError(f"从表头认不出这是哪种文件。需要的列：{needed}。")


def _layout(header: Sequence[str], kind: Kind) -> Layout:
    missing = _missing(header, kind)
    if missing:
        raise UnreadableFileError(f"缺少列：{'、'.join(missing)}。请检查表头。")
    known = {_fold(title): column for column in COLUMNS[kind] for title in (column.title, *column.aliases)}
    places: dict[str, tuple[int, str]] = {}
    ignored: list[str] = []
    for index, title in enumerate(header):
        column = known.get(_fold(title))
        if column is None:
            if title:
                ignored.append(title)
        elif column.key in places:
            raise UnreadableFileError(f"列“{title}”与“{places[column.key][1]}”重复，请只保留一列。")
        else:
            places[column.key] = (index, title)
    return Layout(kind, len(header), places, tuple(ignored))


def _missing(header: Sequence[str], kind: Kind) -> list[str]:
    given = {_fold(title) for title in header}
    return [
        column.title
        for column in COLUMNS[kind]
        if column.required and not given & {_fold(title) for title in (column.title, *column.aliases)}
    ]


def _fold(title: str) -> str:
    folded = title.replace(" ", "").replace("\ufeff", "").lower().replace("（", "(").replace("／", "/")
    return folded.removesuffix("(元)").rstrip("*:：")
