from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli.late_fee import MAX_LINE_BYTES, answer_lines, register

pytestmark = pytest.mark.unit

ONE = {"principal": "10000.00", "due": "2026-07-15", "on": "2026-08-14"}


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    return app


def run(app: typer.Typer, *args: str, input: str | bytes | None = None) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["late-fee", *args], input=input)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def batch(app: typer.Typer, *lines: object) -> tuple[int, list[dict[str, Any]]]:
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    code, out, _ = run(app, "--batch", "-", input=text)
    return code, [json.loads(line) for line in out.splitlines()]


def test_one_as_json(app: typer.Typer) -> None:
    code, out, _ = run(app, "--principal", "10000.00", "--due", "2026-07-15", "--on", "2026-08-14", "--json")
    answer = json.loads(out)
    assert code == 0
    assert list(answer)[:6] == ["days", "late_fee", "effective_due", "segments", "citations", "flags"]
    assert (answer["days"], answer["late_fee"], answer["effective_due"]) == (30, "150.00", "2026-07-15")
    assert answer["citations"] == ["《税收征收管理法》第三十二条", "《税收征收管理法实施细则》第七十五条"]
    assert answer["flags"] == []
    assert (answer["principal"], answer["unpaid_principal"], answer["total"]) == (
        "10000.00",
        "10000.00",
        "10150.00",
    )
    assert answer["segments"] == [
        {
            "start": "2026-07-16",
            "end": "2026-08-14",
            "days": 30,
            "base": "10000.00",
            "rate": "0.0005",
            "fee": "150.00",
            "note": "截至2026年8月14日未缴的税款",
        }
    ]


def test_payments_deferral_and_nominal(app: typer.Typer) -> None:
    args = ("--principal", "12,500.30", "--nominal", "2026-10-15", "--on", "2026-11-23", "--json")
    _, out, _ = run(app, *args, "--payment", "2026-11-02:3333.33", "--payment", "2026-11-09:3333.33")
    assert json.loads(out)["late_fee"] == "116.67"
    args = ("--principal", "80000", "--due", "2026-07-15", "--on", "2026-10-25", "--json")
    _, out, _ = run(app, *args, "--deferral", "2026-07-15:2026-10-15")
    answer = json.loads(out)
    assert (answer["days"], answer["late_fee"], answer["effective_due"]) == (10, "400.00", "2026-10-15")
    assert answer["original_due"] == "2026-07-15"


def test_for_people(app: typer.Typer) -> None:
    code, out, _ = run(app, "--principal", "10000", "--due", "2020-01-15", "--on", "2026-11-23")
    assert code == 0
    for part in ("12,520.00元", "万分之五", "《税收征收管理法》第三十二条", "提示：", "2504天"):
        assert part in out


@pytest.mark.parametrize(
    "args",
    [
        ("--principal", "-5", "--due", "2026-07-15", "--on", "2026-08-14"),
        ("--principal", "abc", "--due", "2026-07-15", "--on", "2026-08-14"),
        ("--due", "2026-07-15", "--on", "2026-08-14"),
        ("--principal", "5", "--on", "2026-08-14"),
        ("--principal", "5", "--due", "2026-07-15"),
        ("--principal", "5", "--due", "2026-02-30", "--on", "2026-08-14"),
        ("--principal", "5", "--due", "20260715", "--on", "2026-08-14"),
        ("--principal", "5", "--due", "2026-07-15", "--on", "2026-08-14", "--payment", "2026-08-01"),
        ("--principal", "5", "--due", "2026-07-15", "--on", "2026-08-14", "--deferral", "2026-08-01"),
        ("--principal", "5", "--batch", "-"),
        ("--batch", "/does/not/exist"),
    ],
)
def test_bad_options_exit_2_with_advice(app: typer.Typer, args: tuple[str, ...]) -> None:
    code, out, err = run(app, *args)
    assert (code, out) == (2, "")
    assert "请" in err and "Traceback" not in err
    if "--batch" not in args:
        code, out, _ = run(app, *args, "--json")
        assert code == 2 and "请" in json.loads(out)["error"]


def test_batch_keeps_order_and_puts_errors_in_place(app: typer.Typer) -> None:
    code, answers = batch(
        app,
        ONE,
        "not json",
        {**ONE, "payments": [["2026-08-01", "4000.00"]], "deferral": None, "id": "A7"},
        "",
        {"principal": 2010.00, "nominal": "2026-07-15", "on": "2026-07-16", "id": 7},
        {**ONE, "deferral": ["2026-07-15", "2026-10-15"]},
    )
    assert code == 1
    assert [a.get("line") for a in answers] == [None, 2, None, 4, None, None]
    assert [a.get("late_fee") for a in answers] == ["150.00", None, "124.00", None, "1.01", "0.00"]
    assert [a.get("id") for a in answers] == [None, None, "A7", None, 7, None]


def test_batch_without_error_exits_0(app: typer.Typer, tmp_path: Path) -> None:
    assert batch(app, ONE, ONE)[0] == 0
    assert batch(app) == (0, [])
    file = tmp_path / "debts.jsonl"
    file.write_text(json.dumps(ONE), encoding="utf-8")
    code, out, _ = run(app, "--batch", str(file))
    assert code == 0 and json.loads(out)["late_fee"] == "150.00"


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "1",
        "null",
        '"x"',
        "[" * 100_000,
        '{"principal": NaN, "due": "2026-07-15", "on": "2026-08-14"}',
        '{"principal": 1e4, "due": "2026-07-15", "on": "2026-08-14"}',
        '{"principal": 0.30000000000000004, "due": "2026-07-15", "on": "2026-08-14"}',
        json.dumps({**ONE, "principal": True}),
        json.dumps({**ONE, "principal": None}),
        json.dumps({**ONE, "due": 20260715}),
        json.dumps({**ONE, "on": "2026-13-01"}),
        json.dumps({**ONE, "payments": "x"}),
        json.dumps({**ONE, "payments": [["2026-08-01"]]}),
        json.dumps({**ONE, "payments": [{"a": 1}]}),
        json.dumps({**ONE, "deferral": "2026-07-15:2026-10-15"}),
        json.dumps({**ONE, "deferral": ["2026-07-15", "2026-12-15"]}),
        json.dumps({**ONE, "payment": []}),
        json.dumps({**ONE, "\ud800": 1}),
        json.dumps({**ONE, "authority_fault": "yes"}),
        json.dumps({**ONE, "levy": "social_insurance"}),
        json.dumps({**ONE, "levy": "toll"}),
        json.dumps({**ONE, "id": [1]}),
        json.dumps({**ONE, "id": 1.5}),
    ],
)
def test_bad_lines_do_not_stop_the_rest(app: typer.Typer, line: str) -> None:
    code, answers = batch(app, line, ONE)
    assert code == 1
    assert answers[0]["line"] == 1 and any("\u4e00" <= c <= "\u9fff" for c in answers[0]["error"])
    assert answers[1]["late_fee"] == "150.00"


def test_exact_json_numbers_and_fault_fields(app: typer.Typer) -> None:
    _, answers = batch(
        app,
        {**ONE, "principal": 10000},
        {**ONE, "authority_fault": True},
        {**ONE, "authority_fault_claimed": True, "note": "口头提出"},
    )
    assert [a["late_fee"] for a in answers] == ["150.00", "0.00", "150.00"]
    assert [a["flags"] for a in answers] == [[], ["authority_fault_confirmed"], ["authority_fault_claimed"]]


def test_binary_and_endless_lines(app: typer.Typer) -> None:
    raw = b"\xff\xfe\x00\n" + b"x" * (3 * MAX_LINE_BYTES) + b"\n" + json.dumps(ONE).encode()
    code, out, _ = run(app, "--batch", "-", input=raw)
    answers = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert [a.get("line") for a in answers] == [1, 2, None]
    assert "缺少换行" in answers[1]["error"]


def test_answers_come_before_the_next_line_is_read() -> None:
    read: list[int] = []

    class Counting(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            read.append(1)
            return super().readline(size)

    answers: Iterator[tuple[dict[str, Any], bool]] = answer_lines(
        Counting((json.dumps(ONE) + "\n").encode() * 3)
    )
    next(answers)
    assert len(read) == 1
    next(answers)
    assert len(read) == 2


def test_thousands_of_lines_keep_their_order(app: typer.Typer) -> None:
    _, answers = batch(app, *({**ONE, "principal": f"{n}.00"} for n in range(1, 3001)))
    assert [a["principal"] for a in answers] == [f"{n}.00" for n in range(1, 3001)]
