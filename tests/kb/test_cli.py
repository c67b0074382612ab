"""``shuiling kb check``."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli import kb as kb_cli

pytestmark = pytest.mark.unit


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    kb_cli.register(app)
    app.command("other")(lambda: None)
    return app


def test_check_passes_today(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["kb", "check", "--today", "2026-11-23"])
    assert result.exit_code == 0, result.output
    assert "没有问题" in result.output


def test_check_fails_after_the_review_date(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["kb", "check", "--today", "2027-06-01"])
    assert result.exit_code == 1
    assert "late-fee-rule.md: review_by: review was due on 2027-05-31" in result.output


def test_a_bad_date_is_explained(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["kb", "check", "--today", "明天"])
    assert result.exit_code == 2
    assert "看不懂日期" in result.output
