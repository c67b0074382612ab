"""The whole product in a process of its own, for tests that need it to be real."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psutil

from gateway.processes import fetch, tail
from gateway.settings import ROOT
from store import embedded

TODAY = date(2026, 11, 23)
START_S = 240
STOP_S = 40


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Poll ``condition``.

    Raises:
        TimeoutError: it did not come true; names ``what``.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout_s:g} s")
        time.sleep(0.1)


@contextmanager
def data_folder() -> Iterator[Path]:
    """A folder that goes in the end.

    Not pytest's own: every session of pytest closes the way into those of all others to other system users, and as
    root the database runs as another one.
    """
    with tempfile.TemporaryDirectory(prefix="shuiling-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@dataclass
class Stack:
    """``shuiling serve`` on free ports, with its own data folder and the fixed day :data:`TODAY`.

    Attributes:
        data_dir: its data folder.
        extra: more environment variables, e.g. ``{"SHUILING_CODE_MINUTES": "1"}``.
    """

    data_dir: Path
    extra: dict[str, str] | None = None

    def __post_init__(self) -> None:
        self.port = free_port()
        self.rasa_port = free_port()
        self.standin_port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.rasa_url = f"http://127.0.0.1:{self.rasa_port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def environment(self) -> dict[str, str]:
        """What ``shuiling serve`` is started with; good for other ``shuiling`` commands on the same data too."""
        clean = {k: v for k, v in os.environ.items() if k != "DATABASE_URL" and not k.startswith("SHUILING_")}
        return clean | {
            "SHUILING_ENV": "test",
            "SHUILING_DATA_DIR": str(self.data_dir),
            "SHUILING_PORT": str(self.port),
            "SHUILING_RASA_PORT": str(self.rasa_port),
            "SHUILING_STANDIN_PORT": str(self.standin_port),
            "SHUILING_TODAY": TODAY.isoformat(),
            "SHUILING_DEMO": "true",
            "SHUILING_TELEPHONE": "false",
            "SHUILING_WORKER": "false",
            "SHUILING_RATE_MESSAGES_PER_MINUTE": "100000",
            "SHUILING_RATE_SESSIONS_PER_MINUTE": "100000",
            "PYTHONUNBUFFERED": "1",
            **(self.extra or {}),
        }

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gateway.cli.main", "serve"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self.wait_ready(START_S)
        except BaseException:
            logs = self.logs()
            self.stop()
            raise RuntimeError(f"the stack did not start\n{logs}") from None

    def stop(self) -> None:
        """Stop it as Ctrl-C does; whatever is left after that is killed."""
        process, self._process = self._process, None
        if process is None:
            return
        family = _family(process.pid)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        embedded.stop(self.data_dir)
        for left in (member for member in family if member.is_running()):
            left.kill()

    def wait_ready(self, timeout_s: float = 90) -> None:
        """Wait until the gateway says that it, PostgreSQL and Rasa are ready."""

        def ready() -> bool:
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError("shuiling serve ended")
            return fetch(f"{self.url}/readyz", 5)[0] == 200

        wait_until(ready, timeout_s, "ready")

    @property
    def state(self) -> dict[str, Any]:
        """What the supervisor says about itself (``serve.json``)."""
        found: dict[str, Any] = json.loads((self.data_dir / "serve.json").read_text())
        return found

    @property
    def database_url(self) -> str:
        """URL of its PostgreSQL database."""
        return str(self.state["database_url"])

    def child_pid(self, name: str) -> int:
        """Number of the child ``rasa`` or ``gateway``, 0 while it is down."""
        return int(self.state["children"].get(name) or 0)

    def kill_rasa(self) -> int:
        """Kill Rasa; the supervisor restarts it. Returns the dead process's number."""
        return self._kill("rasa")

    def kill_gateway(self) -> int:
        """Kill the gateway; the supervisor restarts it. Returns the dead process's number."""
        return self._kill("gateway")

    def restart_rasa(self) -> None:
        """Kill Rasa and wait until a new one is ready."""
        dead = self.kill_rasa()
        wait_until(lambda: self.child_pid("rasa") not in (0, dead), 30, "a new Rasa")
        self.wait_ready()

    def _kill(self, name: str) -> int:
        pid = self.child_pid(name)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not psutil.pid_exists(pid), 10, f"end of {name}")
        return pid

    def outbox(self) -> Any:
        """The demo's SMS outbox, newest first."""
        answer = httpx.get(f"{self.url}/demo/outbox", timeout=10, trust_env=False)
        answer.raise_for_status()
        return answer.json()

    def logs(self, lines: int = 40) -> str:
        """Ends of all its logs, for a failure's message."""
        paths = [self._output, *sorted((self.data_dir / "log").glob("*.log"))]
        return "\n".join(f"--- {path.name}\n{tail(path, lines)}" for path in paths)

    @property
    def _output(self) -> Path:
        return self.data_dir / "serve.out"


def _family(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
