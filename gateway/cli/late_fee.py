"""``shuiling late-fee``: one late fee on the command line, or one JSON object a line in bulk."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, BinaryIO, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from tax.deferral import Deferral
from tax.errors import TaxError
from tax.late_fee import (
    LateFeeQuery,
    LateFeeResult,
    Levy,
    Payment,
    compute,
    explain_spoken,
    explain_table,
)
from tax.money import format_yuan, parse_yuan

MAX_LINE_BYTES = 1 << 20
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_KEYS = frozenset(
    (
        "id",
        "note",
        "principal",
        "due",
        "nominal",
        "on",
        "payments",
        "deferral",
        "authority_fault",
        "authority_fault_claimed",
        "levy",
    )
)


class InputError(TaxError):
    """A field that cannot be read."""


class _Number(str):
    """A JSON number kept as it was written, so that no digit is lost on the way to Decimal."""

    __slots__ = ()


def register(app: typer.Typer) -> None:
    """Add the command ``late-fee`` to ``app``."""
    app.command("late-fee", help="计算税款滞纳金。")(late_fee)


def late_fee(
    principal: Annotated[str | None, typer.Option(help="税款，单位元，例如 10000.00")] = None,
    due: Annotated[str | None, typer.Option(help="登记的缴款期限 YYYY-MM-DD，优先采用")] = None,
    nominal: Annotated[str | None, typer.Option(help="法定缴款日期 YYYY-MM-DD，按节假日顺延")] = None,
    on: Annotated[str | None, typer.Option(help="缴款日或计算日 YYYY-MM-DD")] = None,
    payment: Annotated[list[str] | None, typer.Option(help="已缴税款 日期:金额，可重复")] = None,
    deferral: Annotated[str | None, typer.Option(help="已批准的延期 起始日:截止日")] = None,
    authority_fault: Annotated[
        bool, typer.Option("--authority-fault", help="税务机关已确认是其责任")
    ] = False,
    authority_fault_claimed: Annotated[
        bool, typer.Option("--authority-fault-claimed", help="纳税人认为是税务机关的责任，尚未确认")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="输出一个 JSON 对象")] = False,
    batch: Annotated[str | None, typer.Option(help="逐行读入 JSON 的文件，- 表示标准输入")] = None,
) -> None:
    """Compute one late fee, or with ``--batch`` one a line.

    Exit codes: 0 all computed, 1 some batch line failed, 2 the input of a single computation is wrong.
    """
    if batch is not None:
        if any((principal, due, nominal, on, payment, deferral, authority_fault, authority_fault_claimed)):
            _fail("使用 --batch 时，各项数据写在每一行的 JSON 里，请去掉其他选项。", as_json)
        raise typer.Exit(_run_batch(batch))
    try:
        query = _query_from_options(
            principal, due, nominal, on, payment or [], deferral, authority_fault, authority_fault_claimed
        )
        result = compute(query)
    except TaxError as error:
        _fail(str(error), as_json)
    if as_json:
        typer.echo(json.dumps(to_json(result), ensure_ascii=False))
    else:
        _print(result)


def to_json(result: LateFeeResult) -> dict[str, Any]:
    """The machine-readable answer: amounts are strings of yuan, dates ISO, flags codes."""
    return {
        "days": result.days,
        "late_fee": str(result.late_fee),
        "effective_due": result.effective_due.isoformat(),
        "segments": [
            {
                "start": s.start.isoformat(),
                "end": s.end.isoformat(),
                "days": s.days,
                "base": str(s.base),
                "rate": str(s.rate),
                "fee": str(s.fee),
                "note": s.note,
            }
            for s in result.segments
        ],
        "citations": [str(citation) for citation in result.citations],
        "flags": [flag.code.value for flag in result.flags],
        "principal": str(result.principal),
        "unpaid_principal": str(result.unpaid_principal),
        "total": str(result.total),
        "payable": str(result.payable),
        "original_due": result.original_due.isoformat(),
        "basis": result.basis,
    }


def answer_lines(stream: BinaryIO) -> Iterator[tuple[dict[str, Any], bool]]:
    """(answer, ok) for each line of ``stream``, in order, one at a time, in memory that does not grow."""
    number = 0
    while raw := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        try:
            if len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
                _skip_rest_of_line(stream)
                raise InputError(f"这一行超过{MAX_LINE_BYTES}字节，请检查是否缺少换行。")
            yield _answer(raw), True
        except TaxError as error:
            yield {"error": str(error), "line": number}, False


def _answer(raw: bytes) -> dict[str, Any]:
    try:
        data = _DECODER.decode(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise InputError("这一行不是有效的 JSON，请每行写一个 JSON 对象。") from None
    if not isinstance(data, dict):
        raise InputError('这一行不是 JSON 对象，请写成 {"principal": …, "due": …, "on": …}。')
    answer = to_json(compute(_query_from_json(data)))
    return {"id": _id(data["id"]), **answer} if "id" in data else answer


def _refuse_constant(name: str) -> str:
    raise ValueError(name)


_DECODER = json.JSONDecoder(parse_float=_Number, parse_int=_Number, parse_constant=_refuse_constant)
_ENCODER = json.JSONEncoder(ensure_ascii=False)


def _query_from_json(data: dict[str, Any]) -> LateFeeQuery:
    if unknown := data.keys() - _KEYS:
        raise InputError(f"不认识的字段：{'、'.join(sorted(unknown))[:100]}，请核对字段名。")
    deferral = data.get("deferral")
    span = (
        None if deferral is None else Deferral(*(_date(d, "延期日期") for d in _pair(deferral, "deferral")))
    )
    payments = data.get("payments")
    if payments is None:
        payments = []
    if not isinstance(payments, list):
        raise InputError("payments 应是 [[日期, 金额], …]，请核对后重新填写。")
    return LateFeeQuery(
        principal=_yuan(data.get("principal"), "税款"),
        due=_optional_date(data.get("due"), "缴款期限"),
        nominal=_optional_date(data.get("nominal"), "法定缴款日期"),
        on=_date(data.get("on"), "计算日期"),
        payments=tuple(
            Payment(_date(day, "付款日期"), _yuan(amount, "付款金额"))
            for day, amount in (_pair(item, "payments") for item in payments)
        ),
        deferral=span,
        authority_fault=_bool(data.get("authority_fault"), "authority_fault"),
        authority_fault_claimed=_bool(data.get("authority_fault_claimed"), "authority_fault_claimed"),
        levy=_levy(data.get("levy")),
    )


def _query_from_options(
    principal: str | None,
    due: str | None,
    nominal: str | None,
    on: str | None,
    payments: list[str],
    deferral: str | None,
    authority_fault: bool,
    authority_fault_claimed: bool,
) -> LateFeeQuery:
    paid = []
    for text in payments:
        day, colon, amount = text.partition(":")
        if not colon:
            raise InputError("--payment 请写成 日期:金额，例如 2026-08-01:4000.00。")
        paid.append(Payment(_date(day, "付款日期"), _yuan(amount, "付款金额")))
    span = None
    if deferral is not None:
        start, colon, end = deferral.partition(":")
        if not colon:
            raise InputError("--deferral 请写成 起始日:截止日，例如 2026-07-15:2026-10-15。")
        span = Deferral(_date(start, "延期起始日"), _date(end, "延期截止日"))
    return LateFeeQuery(
        principal=_yuan(principal, "税款"),
        due=_optional_date(due, "缴款期限"),
        nominal=_optional_date(nominal, "法定缴款日期"),
        on=_date(on, "计算日期"),
        payments=tuple(paid),
        deferral=span,
        authority_fault=authority_fault,
        authority_fault_claimed=authority_fault_claimed,
    )


def _pair(value: object, name: str) -> tuple[object, object]:
    if not isinstance(value, list) or len(value) != 2:
        raise InputError(f"{name} 里的每一项应有两个值，请核对后重新填写。")
    return value[0], value[1]


def _yuan(value: object, name: str) -> Decimal:
    if value is None:
        raise InputError(f"缺少{name}，请填写以元为单位的金额，例如 10000.00。")
    if not isinstance(value, str):
        raise InputError(f"{name}看不明白，请填写以元为单位的数字，例如 10000.00。")
    return parse_yuan(value, name=name)


def _optional_date(value: object, name: str) -> date | None:
    return None if value is None else _date(value, name)


def _date(value: object, name: str) -> date:
    if value is None:
        raise InputError(f"缺少{name}，请写成 YYYY-MM-DD，例如 2026-08-14。")
    if isinstance(value, str) and not isinstance(value, _Number) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise InputError(f"{name} {value} 不存在，请核对后重新填写。") from None
    raise InputError(f"{name}看不明白，请写成 YYYY-MM-DD，例如 2026-08-14。")


def _bool(value: object, name: str) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise InputError(f"{name} 只能是 true 或 false。")


def _id(value: object) -> str | int:
    if isinstance(value, _Number) and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, str) and not isinstance(value, _Number):
        return value
    raise InputError("id 只能是文字或整数。")


def _levy(value: object) -> Levy:
    if value is None:
        return Levy.TAX
    try:
        return Levy(str(value))
    except ValueError:
        raise InputError(f"levy 只能是 {'、'.join(Levy)} 之一。") from None


def _skip_rest_of_line(stream: BinaryIO) -> None:
    while (more := stream.readline(MAX_LINE_BYTES)) and not more.endswith(b"\n"):
        pass


def _run_batch(source: str) -> int:
    if source == "-":
        return _write_answers(sys.stdin.buffer, sys.stdout.buffer)
    try:
        stream = open(source, "rb")  # noqa: SIM115
    except OSError:
        _fail(f"打不开文件 {source}，请核对路径。", as_json=False)
    with stream:
        return _write_answers(stream, sys.stdout.buffer)


def _write_answers(stream: BinaryIO, out: BinaryIO) -> int:
    """Exit code. Each answer is flushed, so that a caller may wait for one before sending the next line."""
    failed = False
    for answer, ok in answer_lines(stream):
        failed |= not ok
        out.write(_ENCODER.encode(answer).encode("utf-8", "replace") + b"\n")
        out.flush()
    return int(failed)


def _fail(message: str, as_json: bool) -> NoReturn:
    if as_json:
        typer.echo(json.dumps({"error": message}, ensure_ascii=False))
    else:
        typer.echo(message, err=True)
    raise typer.Exit(2)


def _print(result: LateFeeResult) -> None:
    rows = explain_table(result)
    if rows:
        table = Table(title="滞纳金计算明细")
        for column in rows[0]:
            table.add_column(column, justify="right" if column in ("天数", "计费税款", "金额") else "left")
        for row in rows:
            table.add_row(*(str(cell) for cell in row.values()))
        Console(highlight=False).print(table)
    typer.echo(explain_spoken(result))
    typer.echo(
        f"税款：{format_yuan(result.principal)}　未缴：{format_yuan(result.unpaid_principal)}　"
        f"滞纳金：{format_yuan(result.late_fee)}　合计：{format_yuan(result.total)}"
    )
    typer.echo(f"缴款期限依据：{result.basis}")
    typer.echo("法律依据：" + "、".join(str(citation) for citation in result.citations))
    for flag in result.flags:
        typer.echo(f"提示：{flag.text}")
