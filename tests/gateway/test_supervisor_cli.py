"""The command line as a whole: quick where it must be, clear where settings are wrong."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gateway.settings import ROOT

pytestmark = pytest.mark.unit


def shuiling(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SHUILING_")}
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli.main", *args],
        cwd=ROOT,
        env=clean | {"COLUMNS": "120"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_late_fee_loads_nothing_heavy() -> None:
    code = (
        "import sys; from gateway.cli.main import app\n"
        "try: app(['late-fee', '--principal', '1', '--due', '2026-07-15', '--on', '2026-07-15', '--json'])\n"
        "except SystemExit as done: assert not done.code, done\n"
        "print(sorted({'sqlalchemy', 'rasa_sdk', 'fastapi', 'jieba'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr


def test_help_lists_every_command() -> None:
    done = shuiling("--help")
    assert done.returncode == 0, done.stderr
    for command in ("serve", "train", "doctor", "import", "late-fee", "understand", "chat", "kb", "audit"):
        assert f" {command} " in done.stdout, command


def test_an_unknown_command_is_refused() -> None:
    done = shuiling("no-such-thing")
    assert done.returncode == 2
    assert "no-such-thing" in done.stderr


def test_production_refuses_default_secrets_by_name() -> None:
    done = shuiling("serve", SHUILING_ENV="production")
    assert done.returncode == 2
    assert "SHUILING_FIELD_KEYS" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_is_named() -> None:
    done = shuiling("doctor", SHUILING_PORT="eighty")
    assert done.returncode == 2
    assert "SHUILING_PORT" in done.stderr
