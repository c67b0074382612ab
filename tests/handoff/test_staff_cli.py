"""``shuiling staff`` on the command line, and the console's logins in the banner."""

from __future__ import annotations

import json
from collections.abc import Callable

import psycopg
import pyotp
import pytest
import typer
from typer.testing import CliRunner

from gateway.cli import staff
from gateway.serving import banner
from gateway.settings import Settings
from handoff.samples import Login
from tests.chat.database import fresh_database

pytestmark = pytest.mark.unit

PASSWORD = "qiu-tian-de-yu"
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def url() -> str:
    return fresh_database()


@pytest.fixture
def shuiling(monkeypatch: pytest.MonkeyPatch, url: str) -> Run:
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("COLUMNS", "200")
    app = typer.Typer()
    staff.register(app)
    app.command("other")(lambda: None)

    def run(*arguments: str, typed: str = "") -> tuple[int, str]:
        result = CliRunner().invoke(app, ["staff", *arguments], input=typed)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.output

    return run


def add(shuiling: Run, login: str = "guanli", *more: str, typed: str = f"{PASSWORD}\n") -> tuple[int, str]:
    return shuiling("add", login, "--name", "陈静", "--role", "admin", *more, typed=typed)


def test_the_first_admin_is_made_here(shuiling: Run, url: str) -> None:
    assert "还没有账号" in shuiling("list")[1]
    code, output = add(shuiling, "Guanli", "--role", "agent", "--skill", "policy", "--max-load", "7")
    assert (code, "已新建 guanli" in output, PASSWORD in output) == (0, True, False)
    assert json.loads(shuiling("list", "--json")[1]) == [
        {
            "login": "guanli",
            "name": "陈静",
            "roles": ["agent", "admin"],
            "skills": ["policy"],
            "max_load": 7,
            "totp": False,
            "disabled": False,
        }
    ]
    output = shuiling("list")[1]
    assert "guanli  陈静  坐席、管理员  技能：政策  最多7个会话" in output
    with psycopg.connect(url) as connection:
        rows = connection.execute("select actor, action, subject from audit_event").fetchall()
    assert rows == [("cli", "staff.added", "staff:guanli")]


def test_refusals_are_said_plainly(shuiling: Run) -> None:
    add(shuiling)
    for code, output, words in (
        (*add(shuiling), "已经有人用了"),
        (*add(shuiling, "other", typed="short\n"), "至少"),
        (*add(shuiling, "other", typed=""), "至少"),
        (*add(shuiling, "1st"), "登录名"),
        (*shuiling("disable", "nobody"), "没有登录名为nobody的账号"),
        (*shuiling("password", "nobody", typed=f"{PASSWORD}\n"), "没有登录名为nobody的账号"),
    ):
        assert (code, words in output, "Traceback" in output) == (1, True, False), output
    assert shuiling("roles", "guanli", "king")[0] == 2
    assert shuiling("roles", "guanli")[0] == 2


def test_a_password_is_no_argument(shuiling: Run) -> None:
    assert shuiling("password", "guanli", PASSWORD)[0] == 2
    assert shuiling("add", "guanli", "--name", "x", "--role", "admin", "--password", PASSWORD)[0] == 2


def test_accounts_are_changed(shuiling: Run, url: str) -> None:
    add(shuiling)
    assert "管理员、审计员" in shuiling("roles", "guanli", "auditor", "admin")[1]
    assert "政策、延期" in shuiling("skills", "guanli", "deferral", "policy")[1]
    assert "技能：无" in shuiling("skills", "guanli")[1]
    assert shuiling("disable", "guanli")[0] == 0
    assert "已停用" in shuiling("list")[1]
    assert shuiling("enable", "guanli")[0] == 0
    assert "已停用" not in shuiling("list")[1]
    with psycopg.connect(url) as connection:
        (before,) = connection.execute("select password_hash from staff").fetchone() or ()
    code, output = shuiling("password", "guanli", typed="dong-tian-de-xue\n")
    assert (code, "dong" in output) == (0, False)
    with psycopg.connect(url) as connection:
        (after,) = connection.execute("select password_hash from staff").fetchone() or ()
    assert before != after


def test_an_authenticator_is_enrolled_and_removed(shuiling: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    add(shuiling)
    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    monkeypatch.setattr(pyotp, "random_base32", lambda: secret)
    code, output = shuiling("totp", "guanli", typed="not-a-code\n")
    assert (code, "动态口令不对" in output) == (1, True)
    code, output = shuiling("totp", "guanli", typed=f"{pyotp.TOTP(secret).now()}\n")
    assert (code, secret in output, "已启用" in output) == (0, True, True)
    assert "验证器" in shuiling("list")[1]
    assert shuiling("totp", "guanli", "--remove")[0] == 0
    assert "验证器" not in shuiling("list")[1]


def test_the_banner_names_the_console_and_its_logins() -> None:
    settings = Settings(_env_file=None, host="127.0.0.1", port=8123)
    printed = banner(settings, 3.0, (Login("xiaowang", "a-b_c1234567", "王敏（坐席）"),))
    assert "http://127.0.0.1:8123/console" in printed
    assert "xiaowang  a-b_c1234567  王敏（坐席）" in printed
    assert "账号" not in banner(settings, 3.0)
