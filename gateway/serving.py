"""``shuiling serve``: the database, the model, Rasa and the gateway, brought up in the right order and ended together."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.calls.cast import write_cast
from gateway.calls.speech import SPEECH
from gateway.calls.standin import account, runs_here
from gateway.knowledge import prepare
from gateway.model_choice import settle
from gateway.processes import AlreadyRunningError, fetch, port_is_free, single_instance
from gateway.rasa_process import loopback, serve_command, serve_environment
from gateway.settings import DEFAULT_SECRET, ROOT, Settings
from gateway.supervisor import ChildSpec, GaveUpError, Report, RestartPolicy, Supervisor
from gateway.training import TrainingError, ready_model
from handoff.canned import seed_canned
from handoff.samples import Login, sample_logins, seed_staff
from outreach.campaigns import seed_campaigns
from outreach.templates import seed_templates
from store import demo, embedded, migrate
from store.crypto import FieldCipher
from store.databases import ensure_databases, plain_url, rasa_url
from store.engine import make_engine, make_sessions

READY_TIMEOUT_S = 240
_BEAT_S = 5
_DATABASE_WATCH_S = 1.0


class StartError(RuntimeError):
    """It cannot start; the text (Chinese) says why and what to do."""


def run(settings: Settings, report: Report) -> int:
    """Serve until SIGINT or SIGTERM; exit code 0 when told to stop, 1 when a part gave up, 2 when it cannot start."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with single_instance(settings.data_dir / "serve.lock"):
            return asyncio.run(_serve(settings, report))
    except AlreadyRunningError as error:
        who = f"（进程 {error.pid}）" if error.pid else ""
        report(
            f"✗ 数据目录 {settings.data_dir} 已有一个税铃在运行{who}。"
            "请先停止它，或另设 SHUILING_DATA_DIR、SHUILING_PORT 和 SHUILING_RASA_PORT。"
        )
        return 2
    except (StartError, TrainingError, embedded.EmbeddedServerError) as error:
        report(f"✗ {error}")
        return 2
    except (SQLAlchemyError, OSError, RuntimeError, ValueError) as error:
        report(f"✗ {type(error).__name__}：{error}")
        return 1


async def _serve(settings: Settings, report: Report) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    product = _Product(settings, report)
    rising = asyncio.create_task(product.up())
    stopped = asyncio.create_task(stop.wait())
    failed = asyncio.create_task(product.supervisor.failed())
    try:
        await asyncio.wait({rising, stopped, failed}, return_when=asyncio.FIRST_COMPLETED)
        if rising.done():
            rising.result()
            await asyncio.wait({stopped, failed}, return_when=asyncio.FIRST_COMPLETED)
        if failed.done():
            failed.result()
        return 0
    except GaveUpError as error:
        report(f"✗ {error}")
        return 1
    finally:
        for task in (rising, stopped, failed):
            task.cancel()
        await asyncio.gather(rising, stopped, failed, return_exceptions=True)
        await product.down()


def with_own_token(settings: Settings) -> Settings:
    """Settings whose internal token is nobody else's: the development default gives way to a random one."""
    if settings.internal_token.get_secret_value() != DEFAULT_SECRET:
        return settings
    return settings.model_copy(update={"internal_token": SecretStr(secrets.token_urlsafe(32))})


class _Product:
    """Everything that runs, from the ports to the last process."""

    def __init__(self, settings: Settings, report: Report) -> None:
        self._settings = with_own_token(settings)
        self._began = time.monotonic()
        self._report = report
        self._cancelled = threading.Event()
        self.supervisor = Supervisor(report, self._write_state)
        self._guardian: subprocess.Popen[bytes] | None = None
        self._url = ""
        self._state = settings.data_dir / "serve.json"
        self._logins: tuple[Login, ...] = ()

    async def up(self) -> None:
        """Start everything and say so once it all answers."""
        self._check_ports()
        self._say("启动数据库 …")
        self._url = await self._database()
        prepared = asyncio.create_task(self._prepare(self._url))
        try:
            # Rasa takes longest, so it does not wait for the migrations.
            self.supervisor.start(self._rasa(await self._model()))
            await prepared
        finally:
            prepared.cancel()
        self.supervisor.start(self._gateway())
        if runs_here(self._settings):
            self.supervisor.start(self._standin())
        await self._until_ready()
        if self._settings.worker:
            self.supervisor.start(self._worker())
        self._report(banner(self._settings, time.monotonic() - self._began, self._logins))

    async def down(self) -> None:
        """End everything, whatever was reached."""
        self._report("正在停止 …")
        self._cancelled.set()
        await self.supervisor.stop()
        if self._guardian is not None:
            await asyncio.to_thread(embedded.stop, self._settings.data_dir)
            self._guardian.kill()
            self._guardian.wait()
        self._state.unlink(missing_ok=True)
        self._report("已停止。")

    def _check_ports(self) -> None:
        settings = self._settings
        needed = [
            (settings.host, settings.port, "SHUILING_PORT", "网关"),
            ("127.0.0.1", settings.rasa_port, "SHUILING_RASA_PORT", "Rasa"),
        ]
        if runs_here(self._settings):
            needed.append(("127.0.0.1", settings.standin_port, "SHUILING_STANDIN_PORT", "模拟运营商"))
        for host, port, name, what in needed:
            if not port_is_free(host, port):
                raise StartError(
                    f"{what}需要的地址 {host}:{port} 无法使用，可能已被占用。请停止占用它的程序，或把 {name} 设为别的端口。"
                )
        if len({port for _, port, _, _ in needed}) < len(needed):
            names = "、".join(name for _, _, name, _ in needed)
            raise StartError(f"{names} 不能相同。")

    async def _database(self) -> str:
        settings = self._settings
        if settings.database_url is not None:
            await asyncio.to_thread(ensure_databases, settings.database_url)
            return plain_url(settings.database_url)
        self._guardian = _guardian(settings.data_dir)
        server = await asyncio.to_thread(embedded.start, settings.data_dir)
        self.supervisor.also(asyncio.create_task(self._keep_database()))
        return server.url

    async def _keep_database(self) -> None:
        """Restart the embedded database when it is gone."""
        policy = RestartPolicy()
        data_dir = self._settings.data_dir
        began = time.monotonic()
        while True:
            await asyncio.sleep(_DATABASE_WATCH_S)
            if await asyncio.to_thread(embedded.is_running, data_dir):
                continue
            now = time.monotonic()
            pause = policy.crashed(now, now - began)
            if pause is None:
                raise GaveUpError(f"内置数据库反复退出，不再重启。日志在 {data_dir / 'pg' / 'log'}。")
            self._report(f"内置数据库意外退出，{pause:g} 秒后重启。")
            await asyncio.sleep(pause)
            began = time.monotonic()
            try:
                await asyncio.to_thread(embedded.start, data_dir)
            except embedded.EmbeddedServerError as error:
                self._report(str(error))

    async def _model(self) -> Path:
        if ready_model(self._settings) is None:
            self._say("模型需要训练")
        model = await asyncio.to_thread(settle, self._settings, self._say, self._cancelled)
        # Here, where it may take its time: the gateway has to answer within a minute of its start.
        await asyncio.to_thread(prepare, 2)
        return model

    async def _prepare(self, url: str) -> None:
        """Migrations, the ready replies, templates and strategies, and in a demonstration fictional taxpayers and sample staff."""
        await asyncio.to_thread(migrate.upgrade, url)
        engine = make_engine(url, pool_size=1)
        try:
            async with make_sessions(engine)() as session, session.begin():
                await seed_canned(session)
                await seed_templates(session)
                await seed_campaigns(session, demonstration=self._settings.demo)
                if self._settings.demo:
                    await self._prepare_demo(session)
        finally:
            await engine.dispose()

    async def _prepare_demo(self, session: AsyncSession) -> None:
        settings = self._settings
        cipher = await asyncio.to_thread(
            FieldCipher.from_settings,
            settings.field_keys.get_secret_value(),
            settings.lookup_key.get_secret_value(),
        )
        added = await demo.seed(session, cipher, today(settings))
        if added:
            self._say(f"已写入 {added} 位虚构的纳税人（演示数据）")
        await seed_staff(session, settings.data_dir)
        self._logins = await sample_logins(session, settings.data_dir)

    def _rasa(self, model: Path) -> ChildSpec:
        settings = self._settings
        return ChildSpec(
            name="rasa",
            title="对话引擎 Rasa",
            command=tuple(serve_command(settings, model)),
            environment=serve_environment(settings, rasa_url(self._url)),
            cwd=ROOT,
            log=log_dir(settings) / "rasa.log",
            health_url=f"{settings.rasa_url}/",
        )

    def _gateway(self) -> ChildSpec:
        settings = self._settings
        command = (
            sys.executable, "-m", "uvicorn", "gateway.app:create_app", "--factory",
            "--host", settings.host,
            "--port", str(settings.port),
            "--log-level", "warning",
            "--no-access-log",
            "--timeout-graceful-shutdown", "5",
        )  # fmt: skip
        return ChildSpec(
            name="gateway",
            title="网关",
            command=command,
            environment=self._gateway_environment(),
            cwd=ROOT,
            log=log_dir(settings) / "gateway.log",
            health_url=f"{local_url(settings)}/healthz",
        )

    def _standin(self) -> ChildSpec:
        settings = self._settings
        found = account(settings.internal_token.get_secret_value())
        people = settings.data_dir / "standin-cast.json"
        write_cast(people, today(settings))
        command = (
            sys.executable, "-m", "telephony.standin",
            "--callback-origin", local_url(settings),
            "--port", str(settings.standin_port),
            "--cast", str(people),
            "--usual", str(ROOT / "telephony" / "standin" / "usual"),
            "--cache", str(SPEECH / "standin"),
            "--calls-per-second", "20",
        )  # fmt: skip
        return ChildSpec(
            name="standin",
            title="模拟运营商",
            command=command,
            environment=os.environ
            | {"SHUILING_STANDIN_SID": found.sid, "SHUILING_STANDIN_TOKEN": found.token},
            cwd=ROOT,
            log=log_dir(settings) / "standin.log",
            health_url=f"http://127.0.0.1:{settings.standin_port}/healthz",
        )

    def _worker(self) -> ChildSpec:
        return ChildSpec(
            name="worker",
            title="外呼程序",
            command=(sys.executable, "-m", "gateway.worker"),
            environment=self._gateway_environment(),
            cwd=ROOT,
            log=log_dir(self._settings) / "worker.log",
        )

    def _gateway_environment(self) -> dict[str, str]:
        return os.environ | {
            "SHUILING_INTERNAL_TOKEN": self._settings.internal_token.get_secret_value(),
            "DATABASE_URL": self._url,
            "SHUILING_DATA_DIR": str(self._settings.data_dir.resolve()),
            "PYTHONUNBUFFERED": "1",
        }

    async def _until_ready(self) -> None:
        self._say("启动对话引擎和网关 …")
        url = f"{local_url(self._settings)}/readyz"
        deadline = time.monotonic() + READY_TIMEOUT_S
        beat = time.monotonic() + _BEAT_S
        answer = ""
        while time.monotonic() < deadline:
            status, answer = await asyncio.to_thread(fetch, url, 5)
            if status == 200:
                return
            if time.monotonic() >= beat:
                beat += _BEAT_S
                self._say("等待就绪 …")
            await asyncio.sleep(0.25)
        raise GaveUpError(f"{READY_TIMEOUT_S} 秒内没有就绪：{answer}\n日志在 {log_dir(self._settings)}。")

    def _write_state(self) -> None:
        """Tell other processes of this machine where everything is."""
        state = {
            "pid": os.getpid(),
            "url": local_url(self._settings),
            "rasa_url": self._settings.rasa_url,
            "children": {name: child.pid for name, child in self.supervisor.children.items()},
        }
        if self._guardian is not None:
            state["database_url"] = self._url
        if runs_here(self._settings):
            found = account(self._settings.internal_token.get_secret_value())
            origin = f"http://127.0.0.1:{self._settings.standin_port}"
            state["standin"] = {"url": origin, "sid": found.sid, "token": found.token}
        fresh = self._state.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(state))
        fresh.replace(self._state)

    def _say(self, text: str) -> None:
        self._report(f"[{time.monotonic() - self._began:5.1f} 秒] {text}")


def _guardian(data_dir: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "gateway.guardian", str(data_dir)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def today(settings: Settings) -> date:
    """The fixed day of the settings, else the real one in Asia/Shanghai."""
    return settings.today or datetime.now(ZoneInfo("Asia/Shanghai")).date()


def local_url(settings: Settings) -> str:
    """The gateway's address from this machine."""
    return f"http://{loopback(settings.host)}:{settings.port}"


def log_dir(settings: Settings) -> Path:
    """Where the children's output goes."""
    return settings.data_dir / "log"


def banner(settings: Settings, took_s: float, logins: Sequence[Login] = ()) -> str:
    """What is printed once everything answers; ``logins``: the demonstration's, for the console."""
    url = local_url(settings)
    rows = [("对话页面", f"{url}/")]
    if settings.console:
        rows.append(("人工工作台", f"{url}/console/"))
    if settings.demo:
        rows.append(("短信收件箱（演示）", f"{url}/demo/outbox.html"))
    if settings.telephone and settings.demo:
        rows += [("浏览器电话（演示）", f"{url}/phone"), ("通话记录（演示）", f"{url}/calls")]
    rows += [("健康状态", f"{url}/readyz"), ("日志目录", str(log_dir(settings)))]
    width = max(_columns(name) for name, _ in rows)
    line = "─" * 64
    body = "\n".join(f"  {name}{' ' * (width - _columns(name))}  {value}" for name, value in rows)
    if logins and settings.console:
        body += "\n\n  工作台的演示账号（登录名、密码）\n" + "\n".join(
            f"  {each.login:<10}{each.password:<14}{each.who}" for each in logins
        )
    return f"{line}\n  税铃已就绪，用时 {took_s:.0f} 秒。按 Ctrl-C 停止。\n\n{body}\n{line}"


def _columns(text: str) -> int:
    return sum(2 if ord(character) > 0x2E7F else 1 for character in text)
