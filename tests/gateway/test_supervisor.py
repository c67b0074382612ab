from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psutil
import pytest

from gateway.processes import AlreadyRunningError, rotate, shorten, single_instance, tail
from gateway.settings import ROOT
from gateway.supervisor import Child, ChildSpec, GaveUpError, RestartPolicy, Supervisor

pytestmark = pytest.mark.unit

SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def spec(tmp_path: Path) -> Callable[..., ChildSpec]:
    def make(code: str, name: str = "child", **more: object) -> ChildSpec:
        return ChildSpec(
            name=name,
            title="测试进程",
            command=(sys.executable, "-u", "-c", textwrap.dedent(code)),
            environment={"PATH": os.environ["PATH"]},
            cwd=tmp_path,
            log=tmp_path / "log" / f"{name}.log",
            **more,  # type: ignore[arg-type]
        )

    return make


@asynccontextmanager
async def supervising(said: list[str]) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(said.append)
    try:
        yield supervisor
    finally:
        await supervisor.stop(patience_s=2)


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


def quick(crashes: int = 8) -> RestartPolicy:
    return RestartPolicy(first_s=0.05, longest_s=0.1, crashes=crashes)


# --- when to restart --------------------------------------------------------------------------------------------------


def test_pauses_double_up_to_the_longest() -> None:
    policy = RestartPolicy(crashes=100)
    assert [policy.crashed(float(i), 0.1) for i in range(7)] == [0.5, 1, 2, 4, 8, 10, 10]


def test_gives_up_at_the_eighth_crash_in_two_minutes() -> None:
    policy = RestartPolicy()
    pauses = [policy.crashed(i * 10.0, 0.1) for i in range(8)]
    assert None not in pauses[:7]
    assert pauses[7] is None


def test_crashes_further_apart_than_the_window_never_end_it() -> None:
    policy = RestartPolicy()
    assert all(policy.crashed(i * 20.0, 1) is not None for i in range(50))


def test_a_stable_run_starts_the_pauses_anew() -> None:
    policy = RestartPolicy()
    for i in range(4):
        policy.crashed(float(i), 0.1)
    assert policy.crashed(100.0, 90.0) == 0.5


# --- children ---------------------------------------------------------------------------------------------------------


async def test_a_killed_child_comes_back_and_the_reason_is_told(spec: Callable[..., ChildSpec]) -> None:
    said: list[str] = []
    async with supervising(said) as supervisor:
        child = supervisor.start(spec(f"print('hello')\n{SLEEP}"), quick())
        await until(lambda: child.pid and "hello" in tail(child.spec.log))
        first = child.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: child.pid not in (None, first))
        assert child.starts == 2
    assert "SIGKILL" in said[0]
    assert "hello" in said[0]


async def test_a_hopeless_child_is_given_up_with_its_last_words(spec: Callable[..., ChildSpec]) -> None:
    said: list[str] = []
    async with supervising(said) as supervisor:
        child = supervisor.start(spec("print('no such table'); raise SystemExit(3)"), quick(crashes=3))
        with pytest.raises(GaveUpError, match="退出码 3") as caught:
            await asyncio.wait_for(supervisor.failed(), 20)
        assert "no such table" in str(caught.value)
        assert child.starts == 3
    assert len(said) == 2


async def test_a_missing_program_is_given_up_with_a_clear_word(
    spec: Callable[..., ChildSpec], tmp_path: Path
) -> None:
    missing = ChildSpec("x", "测试进程", ("/nowhere/at-all",), {}, tmp_path, tmp_path / "x.log")
    async with supervising([]) as supervisor:
        supervisor.start(missing, quick(crashes=2))
        with pytest.raises(GaveUpError, match="无法启动"):
            await asyncio.wait_for(supervisor.failed(), 10)


async def test_stop_ends_the_grandchildren_and_is_no_crash(spec: Callable[..., ChildSpec]) -> None:
    code = f"""
        import subprocess, sys
        print(subprocess.Popen([sys.executable, "-c", {SLEEP!r}]).pid)
        {SLEEP}
    """
    said: list[str] = []
    async with supervising(said) as supervisor:
        child = supervisor.start(spec(code), quick())
        await until(lambda: tail(child.spec.log).strip().isdigit())
        grandchild = int(tail(child.spec.log))
    await until(lambda: _gone(grandchild))
    assert child.pid is None
    assert said == []


async def test_stop_kills_a_child_that_does_not_listen(spec: Callable[..., ChildSpec]) -> None:
    code = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf')\n{SLEEP}"
    supervisor = Supervisor(lambda _: None)
    child = supervisor.start(spec(code))
    await until(lambda: "deaf" in tail(child.spec.log))
    began = time.monotonic()
    await supervisor.stop(patience_s=0.3)
    assert child.pid is None
    assert 0.3 <= time.monotonic() - began < 5


async def test_stop_lets_a_child_finish_its_work(spec: Callable[..., ChildSpec]) -> None:
    code = f"""
        import signal, sys, time
        def finish(*_):
            time.sleep(0.3); print("finished"); sys.exit(0)
        signal.signal(signal.SIGTERM, finish); print("working")
        {SLEEP}
    """
    supervisor = Supervisor(lambda _: None)
    child = supervisor.start(spec(code))
    await until(lambda: "working" in tail(child.spec.log))
    await supervisor.stop(patience_s=10)
    assert "finished" in tail(child.spec.log)


async def test_stop_during_the_pause_starts_nothing_more(spec: Callable[..., ChildSpec]) -> None:
    said: list[str] = []
    supervisor = Supervisor(said.append)
    child = supervisor.start(spec("raise SystemExit(1)"), RestartPolicy(first_s=30, longest_s=30))
    await until(lambda: said)
    await asyncio.wait_for(supervisor.stop(), 5)
    assert child.starts == 1


async def test_children_stop_all_at_once(spec: Callable[..., ChildSpec]) -> None:
    code = f"""
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: (time.sleep(1), sys.exit(0))); print("up")
        {SLEEP}
    """
    supervisor = Supervisor(lambda _: None)
    children = [supervisor.start(spec(code, name=f"c{i}")) for i in range(4)]
    await until(lambda: all("up" in tail(child.spec.log) for child in children))
    began = time.monotonic()
    await supervisor.stop(patience_s=10)
    assert time.monotonic() - began < 3.5


class _Page:
    """A page that can be made to stall."""

    def __init__(self) -> None:
        self.stalled = threading.Event()
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(503 if page.stalled.is_set() else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def page() -> Iterator[_Page]:
    page = _Page()
    yield page
    page.server.shutdown()
    page.server.server_close()


async def test_a_child_that_answered_and_went_silent_is_restarted(
    spec: Callable[..., ChildSpec], page: _Page
) -> None:
    said: list[str] = []
    async with supervising(said) as supervisor:
        child = supervisor.start(spec(SLEEP, health_url=page.url, hung_s=0.6), quick())
        await asyncio.sleep(1.5)
        assert child.starts == 1
        page.stalled.set()
        await until(lambda: child.starts == 2)
    assert "没有响应" in said[0]


async def test_a_child_that_never_answered_yet_is_left_to_start(
    spec: Callable[..., ChildSpec], page: _Page
) -> None:
    page.stalled.set()
    async with supervising([]) as supervisor:
        child = supervisor.start(spec(SLEEP, health_url=page.url, hung_s=0.3), quick())
        await asyncio.sleep(1.2)
        assert child.starts == 1


async def test_every_start_is_announced(spec: Callable[..., ChildSpec]) -> None:
    seen: list[int | None] = []
    child = Child(spec("raise SystemExit(1)"), quick(crashes=3))
    with pytest.raises(GaveUpError):
        await child.keep_running(lambda _: None, lambda: seen.append(child.pid))
    assert len(seen) == 3
    assert None not in seen


def test_children_die_with_a_killed_supervisor(tmp_path: Path) -> None:
    code = f"""
        import asyncio, sys
        from pathlib import Path
        from gateway.supervisor import ChildSpec, Supervisor

        async def main():
            supervisor = Supervisor(print)
            child = supervisor.start(
                ChildSpec("c", "c", (sys.executable, "-c", {SLEEP!r}), {{}}, Path("/"), Path({str(tmp_path / "c.log")!r}))
            )
            while child.pid is None:
                await asyncio.sleep(0.02)
            print(child.pid, flush=True)
            await supervisor.failed()

        asyncio.run(main())
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent.stdout:
        child = int(parent.stdout.readline())
    assert psutil.pid_exists(child)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 5
    while not _gone(child):
        assert time.monotonic() < deadline
        time.sleep(0.02)


# --- one instance, logs -----------------------------------------------------------------------------------------------


def test_a_second_instance_is_refused_and_told_who_runs(tmp_path: Path) -> None:
    lock = tmp_path / "serve.lock"
    with single_instance(lock):
        with pytest.raises(AlreadyRunningError) as caught, single_instance(lock, patience_s=30):
            pass
        assert caught.value.pid == os.getpid()
    with single_instance(lock):
        pass


def test_the_lock_of_a_brief_holder_is_waited_for(tmp_path: Path) -> None:
    lock = tmp_path / "serve.lock"
    entered = threading.Event()

    def hold() -> None:
        with single_instance(lock, announce=False):
            entered.set()
            time.sleep(0.5)

    holder = threading.Thread(target=hold)
    holder.start()
    assert entered.wait(5)
    began = time.monotonic()
    with single_instance(lock, patience_s=10):
        assert time.monotonic() - began > 0.2
    holder.join()


def test_logs_rotate_and_the_oldest_goes(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    for word in "abcde":
        log.write_text(word)
        rotate(log)
    assert not log.exists()
    assert [(tmp_path / f"x.log.{i}").read_text() for i in (1, 2, 3)] == ["e", "d", "c"]
    assert not (tmp_path / "x.log.4").exists()


def test_a_grown_log_is_emptied_under_its_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.processes.LOG_MAX_BYTES", 10)
    log = tmp_path / "x.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"0123456789abc")
        shorten(log)
        writer.write(b"more")
    assert log.read_bytes() == b"more"
    assert (tmp_path / "x.log.1").read_bytes() == b"0123456789abc"


def test_tail_reads_only_the_end(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("\n".join(f"第{i}行" for i in range(5000)))
    assert tail(log, 2) == "第4998行\n第4999行"
    assert tail(tmp_path / "missing.log") == ""


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
