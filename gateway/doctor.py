"""``shuiling doctor``: is every part in order, and how is what is not mended?

Each check looks at one thing and changes nothing; the embedded database is started for the look and stopped after it
when it was not running.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from gateway.processes import fetch, is_alive, port_is_free
from gateway.rasa_process import RASA_VENV
from gateway.serving import local_url
from gateway.settings import DEFAULT_SECRET, ROOT, Settings
from gateway.training import model_path, ready_model
from store import audit, embedded, migrate
from store.databases import ensure_databases, plain_url
from store.engine import make_engine, make_sessions

MIN_FREE_BYTES = 2 * 1024**3
_SETUP = "运行 make setup"


class Health(StrEnum):
    """``IDLE`` is neither: the part is not in use at the moment."""

    GOOD = "✓"
    BAD = "✗"
    IDLE = "–"


@dataclass(frozen=True)
class Finding:
    """What one check found; ``mend`` (Chinese) says what to do and is empty unless it is bad."""

    part: str
    health: Health
    detail: str
    mend: str = ""


def _found(part: str, good: bool, detail: str, mend: str) -> Finding:
    return Finding(part, Health.GOOD if good else Health.BAD, detail, "" if good else mend)


def examine(settings: Settings) -> Iterator[Finding]:
    """All findings, one after the other as they come."""
    running = _running(settings)
    yield _app_python()
    yield _rasa_python()
    yield from (_lock(venv, lock) for venv, lock in ((".venv", "app.lock"), (".venv-rasa", "rasa.lock")))
    yield from _system_packages()
    yield _fonts()
    yield _disk(settings)
    yield _secrets(settings)
    yield _model(settings)
    yield from _database(settings)
    if running:
        yield _answers("Rasa", f"{settings.rasa_url}/")
        yield _answers("网关", f"{local_url(settings)}/readyz")
        return
    yield from _ports(settings)
    yield Finding("Rasa", Health.IDLE, "未启动（make serve 会启动它）")
    yield Finding("网关", Health.IDLE, "未启动（make serve 会启动它）")


def _running(settings: Settings) -> bool:
    """Whether a ``shuiling serve`` runs on these settings' data folder."""
    try:
        state = json.loads((settings.data_dir / "serve.json").read_text())
    except (OSError, ValueError):
        return False
    return isinstance(state.get("pid"), int) and is_alive(state["pid"])


def _app_python() -> Finding:
    version = sys.version_info
    return _found(
        "Python（主环境）",
        (3, 11) <= version[:2] <= (3, 13),
        ".".join(map(str, version[:3])),
        f"需要 Python 3.11–3.13：删除 .venv 后{_SETUP}",
    )


def _rasa_python() -> Finding:
    said = _say([str(RASA_VENV / "bin" / "python"), "--version"])
    return _found(
        "Python（Rasa 环境）",
        said.startswith("Python 3.10."),
        said.removeprefix("Python ") or "没有可用的 .venv-rasa",
        f"需要 Python 3.10：删除 .venv-rasa 后{_SETUP}",
    )


def _lock(venv: str, lock: str) -> Finding:
    try:
        stamp = (ROOT / venv / ".lock-stamp").read_text().strip()
    except OSError:
        stamp = ""
    want = hashlib.sha256((ROOT / "requirements" / lock).read_bytes()).hexdigest()[:32]
    return _found(
        f"依赖 {venv}", stamp == want, "与锁文件一致" if stamp == want else "与锁文件不一致", _SETUP
    )


def _system_packages() -> Iterator[Finding]:
    for package, commands in (
        ("chromium", ("chromium", "chromium-browser", "google-chrome")),
        ("espeak-ng", ("espeak-ng",)),
        ("poppler-utils", ("pdftotext",)),
    ):
        found = next((path for name in commands if (path := shutil.which(name))), None)
        yield _found(package, found is not None, found or "没有安装", f"sudo apt-get install {package}")
    gomp = [
        path for pattern in ("lib*/libgomp.so.1", "lib/*/libgomp.so.1") for path in Path("/usr").glob(pattern)
    ]
    yield _found(
        "libgomp1", bool(gomp), str(gomp[0]) if gomp else "没有安装", "sudo apt-get install libgomp1"
    )


def _fonts() -> Finding:
    families = _say(["fc-list", ":lang=zh-cn", "family"])
    bundled = sorted(Path("/usr/share/fonts/opentype/noto").glob("NotoSansCJK*"))
    name = families.splitlines()[0] if families else bundled[0].name if bundled else ""
    return _found("中文字体", bool(name), name or "没有安装", "sudo apt-get install fonts-noto-cjk")


def _disk(settings: Settings) -> Finding:
    folder = settings.data_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return _found(
        "磁盘空间",
        free >= MIN_FREE_BYTES,
        f"{settings.data_dir} 剩余 {free / 1024**3:.1f} GB",
        "清理磁盘，或把 SHUILING_DATA_DIR 设到空间更大的位置（至少 2 GB）",
    )


def _secrets(settings: Settings) -> Finding:
    default = any(
        DEFAULT_SECRET in secret.get_secret_value()
        for secret in (
            settings.internal_token, settings.field_keys, settings.lookup_key, settings.session_key
        )
    )  # fmt: skip
    env_file = ROOT / ".env"
    if settings.env == "production" and env_file.exists() and env_file.stat().st_mode & 0o077:
        return Finding("密钥", Health.BAD, ".env 可被其他系统用户读取", f"chmod 600 {env_file}")
    if default:
        return Finding("密钥", Health.IDLE, "开发用默认密钥；SHUILING_ENV=production 时会被拒绝")
    return Finding("密钥", Health.GOOD, "已设置自己的密钥")


def _model(settings: Settings) -> Finding:
    found = ready_model(settings)
    return _found(
        "语义模型",
        found is not None,
        found.name if found else f"{model_path(settings).name} 尚未训练",
        "运行 shuiling train",
    )


def _database(settings: Settings) -> Iterator[Finding]:
    started = False
    where = "外部" if settings.database_url else "内置"
    try:
        if settings.database_url:
            ensure_databases(settings.database_url)
            url = plain_url(settings.database_url)
        else:
            started = not embedded.is_running(settings.data_dir)
            url = embedded.start(settings.data_dir).url
        yield Finding("PostgreSQL", Health.GOOD, f"{where}，可以连接")
        yield from _tables(url)
    except Exception as error:
        yield Finding(
            "PostgreSQL",
            Health.BAD,
            f"{where}：{error}",
            "检查 DATABASE_URL 与网络"
            if settings.database_url
            else "按上面的提示处理，日志在数据目录的 pg/log",
        )
    finally:
        if started:
            embedded.stop(settings.data_dir)


def _tables(url: str) -> Iterator[Finding]:
    current, head = migrate.current(url), migrate.head()
    if current is None:
        yield Finding("数据表", Health.IDLE, "尚未建立（make serve 会建立）")
        return
    yield _found(
        "数据表",
        current == head,
        f"版本 {current}" + ("" if current == head else f"，应为 {head}"),
        "运行 make serve",
    )
    if current != head:
        return
    report = asyncio.run(_audit(url))
    yield _found(
        "审计链",
        report.ok,
        f"{report.count} 条记录完整" if report.ok else report.reason,
        "运行 shuiling audit verify 查看位置，保留现场并从备份核对",
    )


async def _audit(url: str) -> audit.AuditReport:
    engine = make_engine(url, pool_size=1)
    try:
        async with make_sessions(engine)() as session:
            return await audit.verify(session)
    finally:
        await engine.dispose()


def _ports(settings: Settings) -> Iterator[Finding]:
    for host, port, name in (
        (settings.host, settings.port, "SHUILING_PORT"),
        ("127.0.0.1", settings.rasa_port, "SHUILING_RASA_PORT"),
    ):
        free = port_is_free(host, port)
        yield _found(
            f"端口 {port}", free, "空闲" if free else "被其他程序占用", f"停止占用它的程序，或另设 {name}"
        )


def _answers(part: str, url: str) -> Finding:
    status, text = fetch(url, 5)
    return _found(
        part, status == 200, f"{url} 正常" if status == 200 else f"{url}：{status or '无应答'} {text[:200]}",
        "查看数据目录的 log/，必要时重启 make serve",
    )  # fmt: skip


def _say(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def run(settings: Settings, show: Callable[[Finding], None]) -> int:
    """Show every finding; exit code 1 when any is bad."""
    bad = False
    for finding in examine(settings):
        show(finding)
        bad |= finding.health is Health.BAD
    return int(bad)
