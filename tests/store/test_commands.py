"""``shuiling import``, ``audit verify`` and ``rekey`` on the command line."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import typer
from typer.testing import CliRunner

from gateway.cli import audit, imports
from store import embedded, migrate, opening
from store.fictional import identifier, phone
from store.models import TaxpayerKind

pytestmark = pytest.mark.unit

HEADER = ["纳税人名称", "统一社会信用代码/身份证号", "类型", "地区", "联系人", "手机"]
ROW = ["某公司", identifier(TaxpayerKind.COMPANY, "成都市", 950), "企业", "成都市", "某人", phone(950)]


@pytest.fixture
def shuiling(
    monkeypatch: pytest.MonkeyPatch, fresh_database: Callable[[], str]
) -> Callable[..., tuple[int, str]]:
    monkeypatch.setenv("DATABASE_URL", fresh_database())
    monkeypatch.setenv("SHUILING_TODAY", "2026-11-23")
    monkeypatch.setenv("COLUMNS", "200")
    app = typer.Typer()
    imports.register(app)
    audit.register(app)

    def run(*arguments: str, **environment: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, list(arguments), env=environment)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.output

    return run


def write(path: Path, *rows: list[str]) -> str:
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([HEADER, *rows])
    return str(path)


def test_import_reports_and_repeats(shuiling: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", ROW)
    code, output = shuiling("import", path)
    assert (code, "新增 1 行" in output) == (0, True)
    code, output = shuiling("import", path, "--kind", "taxpayers")
    assert (code, "1 行已存在" in output) == (0, True)


def test_a_bad_row_exits_with_one_and_a_table(
    shuiling: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    code, output = shuiling(
        "import", write(tmp_path / "f.csv", ROW, ["", ROW[1][:-1] + "0", "企业", "x", "", ""])
    )
    assert code == 1
    assert "2 处问题" in output
    assert "纳税人名称" in output
    assert "没有导入任何内容" in output
    assert ROW[1] not in output
    code, output = shuiling("import", write(tmp_path / "g.csv", ROW))
    assert "新增 1 行" in output


def test_an_unreadable_file_is_said_plainly(shuiling: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    (tmp_path / "x.xlsx").write_bytes(b"PK\x03\x04broken")
    code, output = shuiling("import", str(tmp_path / "x.xlsx"))
    assert (code, "损坏" in output, "Traceback" in output) == (1, True, False)


def test_verify_and_rekey(shuiling: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    shuiling("import", write(tmp_path / "f.csv", ROW))
    code, output = shuiling("audit", "verify")
    assert (code, "共 1 条" in output) == (0, True)
    head = output.split("链头 ")[1].split()[0]
    keys = "2:a-new-secret,1:shuiling-development-only"
    code, output = shuiling("rekey", SHUILING_FIELD_KEYS=keys)
    assert (code, "重新加密 2 项" in output) == (0, True)
    code, output = shuiling("rekey")
    assert (code, "没有它" in output) == (1, True)
    code, output = shuiling("audit", "verify", "--noted", head)
    assert (code, "共 2 条" in output) == (0, True)
    code, output = shuiling("audit", "verify", "--noted", "9:" + "a" * 64)
    assert (code, "截断" in output) == (1, True)
    assert shuiling("audit", "verify", "--noted", "nonsense")[0] == 1


def test_a_command_leaves_the_embedded_server_as_it_found_it(tmp_path: Path) -> None:
    with opening.database(None, tmp_path) as url:
        assert migrate.current(url) == migrate.head()
        assert embedded.is_running(tmp_path)
    assert not embedded.is_running(tmp_path)
    embedded.start(tmp_path)
    try:
        with opening.database(None, tmp_path):
            pass
        assert embedded.is_running(tmp_path)
    finally:
        embedded.stop(tmp_path)


def test_a_server_somebody_came_to_use_is_not_stopped(tmp_path: Path) -> None:
    with opening.database(None, tmp_path) as url:
        visitor = psycopg.connect(url)
    try:
        assert embedded.is_running(tmp_path)
        visitor.close()
    finally:
        embedded.stop(tmp_path)
